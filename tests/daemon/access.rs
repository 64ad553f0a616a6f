//! Credentials, certificates and permissions that are refused: reported, and used without a restart once they are accepted.

use std::fs;

use crate::streams::{settings, works};
use rekindle_test_kit::daemon::broker::Broker;
use rekindle_test_kit::nats_server::NatsServer;

/// The test's own user may do everything; the daemon's is written by each test.
fn server(daemon: &str) -> NatsServer {
    let users = format!("authorization {{ users = [ {{ user: test, password: test }}, {daemon} ] }}");
    NatsServer::with_config(&users)
}

async fn broker(server: &NatsServer) -> Broker {
    let options = async_nats::ConnectOptions::with_user_and_password("test".to_owned(), "test".to_owned());
    Broker::connect_with(options, &server.url()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_that_are_refused_are_tried_until_the_server_knows_them() {
    let server = server("{ user: rekindle, password: another }");
    let daemon = settings(&server.url()).set("NATS_USER", "rekindle").set("NATS_PASSWORD", "s3cr3t").start();
    daemon.wait_until_unready("the server refuses the credentials (authorization violation): check [nats]");
    server.reconfigure("password: another", "password: s3cr3t");
    let broker = broker(&server).await;
    daemon.wait_until_ready();
    assert!(!daemon.log().contains("s3cr3t"));
    works(daemon, &broker).await;
}

/// What is revoked is a subject of actions or segments; the daemon says which, and goes on where it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_permission_that_is_revoked_is_named_until_it_is_granted_again() {
    let granted = "publish: { allow: [\">\"] }";
    let revoked = "publish: { allow: [\">\"], deny: [\"rekindle.segments.>\"] }";
    let server = server(&format!("{{ user: rekindle, password: s3cr3t, permissions: {{ {granted} }} }}"));
    let broker = broker(&server).await;
    let daemon = settings(&server.url()).set("NATS_USER", "rekindle").set("NATS_PASSWORD", "s3cr3t").start();
    daemon.wait_until_ready();
    server.reconfigure(granted, revoked);
    broker.publish_one(view("v")).await;
    daemon.wait_until_unready(
        "the server does not permit this user to publish to rekindle.segments.seen.enter: grant it",
    );
    assert_eq!(broker.outputs().await, 0);
    server.reconfigure(revoked, granted);
    broker.wait_for_outputs(1).await;
    works(daemon, &broker).await;
    assert_eq!(broker.outputs().await, 2, "one for each user");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_may_not_be_read_any_more_is_named_until_it_may() {
    let granted = "publish: { allow: [\">\"] }";
    let revoked = "publish: { allow: [\">\"], deny: [\"$JS.API.CONSUMER.>\"] }";
    let server = server(&format!("{{ user: rekindle, password: s3cr3t, permissions: {{ {granted} }} }}"));
    let broker = broker(&server).await;
    let daemon = settings(&server.url())
        .set("NATS_USER", "rekindle")
        .set("NATS_PASSWORD", "s3cr3t")
        .set("SOURCE_BATCH", 4)
        .start();
    daemon.wait_until_ready();
    server.reconfigure(granted, revoked);
    broker.publish(&(0..20).map(|n| view(&format!("v{n}")).into()).collect::<Vec<_>>(), None).await;
    daemon.wait_until_unready("the server does not permit this user to publish to $JS.API.CONSUMER.");
    server.reconfigure(revoked, granted);
    broker.wait_for_outputs(20).await;
    works(daemon, &broker).await;
    assert_eq!(broker.outputs().await, 21, "one for each user");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_an_unknown_authority_is_refused_until_that_is_trusted() {
    let (authority, issuer) = authority("shop's");
    let (other, _) = self::authority("somebody else's");
    let key = rcgen::KeyPair::generate().expect("a key");
    let certificate = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()])
        .and_then(|params| params.signed_by(&key, &issuer))
        .expect("a certificate");
    let tls = "tls { cert_file: \"{folder}/cert.pem\", key_file: \"{folder}/key.pem\" }";
    let server = NatsServer::with_files(tls, &[("cert.pem", &certificate.pem()), ("key.pem", &key.serialize_pem())]);
    let settings = settings(&server.url()).set("NATS_TLS_REQUIRED", true).set("NATS_TLS_CA_FILE", "ca.pem");
    fs::write(settings.file("ca.pem"), other).expect("a file");
    let daemon = settings.start();
    daemon.wait_until_unready("authority that is not trusted here: set nats.tls.ca_file");
    fs::write(daemon.file("ca.pem"), authority).expect("a file");
    let options = async_nats::ConnectOptions::new().require_tls(true).add_root_certificates(daemon.file("ca.pem"));
    let broker = Broker::connect_with(options, &server.url()).await;
    works(daemon, &broker).await;
}

fn view(user: &str) -> String {
    format!(r#"{{"type":"track","event":"View","userId":"{user}","timestamp":"2026-03-02T10:00:00Z"}}"#)
}

/// An authority's certificate, and what issues others in its name.
fn authority(name: &str) -> (String, rcgen::Issuer<'static, rcgen::KeyPair>) {
    let mut params = rcgen::CertificateParams::new(Vec::new()).expect("no names are fine");
    params.distinguished_name.push(rcgen::DnType::CommonName, format!("{name} authority"));
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    (certificate.pem(), rcgen::Issuer::new(params, key))
}
