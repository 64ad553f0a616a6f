//! The receiver's end of TLS.

use std::sync::Arc;

use rekindle_test_kit::authority::Authority;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// With a certificate for a host.
pub(crate) fn acceptor(authority: &Authority, host: &str) -> TlsAcceptor {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (certificate, key) = authority.issue(host, 2100);
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key);
    TlsAcceptor::from(Arc::new(config.expect("they belong together")))
}
