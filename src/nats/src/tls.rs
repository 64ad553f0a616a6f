//! Checks the certificates before anything connects, with the same library that will use them.

use std::path::Path;

use async_nats::rustls::pki_types::pem::PemObject;
use async_nats::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use async_nats::rustls::{ClientConfig, RootCertStore};

use super::credentials::{CredentialsError, SecretError};
use rekindle_settings::TlsSettings;

const AUTHORITIES: &str = "certificates of authorities (nats.tls.ca_file)";
const CERTIFICATE: &str = "client's certificate (nats.tls.cert_file)";
const KEY: &str = "client's key (nats.tls.key_file)";

/// All mistakes in the files that `[nats.tls]` names.
pub(super) fn check(tls: &TlsSettings) -> Vec<CredentialsError> {
    let mut errors = Vec::new();
    if let Some(file) = &tls.ca_file {
        errors.extend(authorities(file).err());
    }
    match (&tls.cert_file, &tls.key_file) {
        (Some(cert), Some(key)) => match (certificates(cert, CERTIFICATE), private_key(key)) {
            (Ok(chain), Ok(private)) => errors.extend(pair(chain, private, key).err()),
            (chain, private) => errors.extend(chain.err().into_iter().chain(private.err())),
        },
        (Some(cert), None) => errors.push(malformed(CERTIFICATE, cert, SecretError::KeyMissing)),
        (None, Some(key)) => errors.push(malformed(KEY, key, SecretError::CertificateMissing)),
        (None, None) => {}
    }
    errors
}

fn authorities(file: &Path) -> Result<(), CredentialsError> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(file, AUTHORITIES)? {
        store.add(certificate).map_err(|source| malformed(AUTHORITIES, file, SecretError::Authority(source)))?;
    }
    Ok(())
}

fn certificates(file: &Path, what: &'static str) -> Result<Vec<CertificateDer<'static>>, CredentialsError> {
    let text = read(file, what)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if found.is_empty() => Err(malformed(what, file, SecretError::NoCertificate)),
        Ok(found) => Ok(found),
        Err(source) => Err(malformed(what, file, SecretError::NotPem(source))),
    }
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, CredentialsError> {
    let text = read(file, KEY)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|_| malformed(KEY, file, SecretError::NoPrivateKey))
}

fn pair(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>, file: &Path) -> Result<(), CredentialsError> {
    let builder = ClientConfig::builder().with_root_certificates(RootCertStore::empty());
    let made = builder.with_client_auth_cert(chain, key);
    made.map(drop).map_err(|source| malformed(KEY, file, SecretError::KeyMismatch(source)))
}

fn read(file: &Path, what: &'static str) -> Result<Vec<u8>, CredentialsError> {
    std::fs::read(file).map_err(|source| CredentialsError::Unreadable {
        what,
        file: file.display().to_string(),
        source,
    })
}

fn malformed(what: &'static str, file: &Path, source: SecretError) -> CredentialsError {
    CredentialsError::Malformed { what, place: format!("in {}", file.display()), source }
}
