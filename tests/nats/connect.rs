//! The connection against a real nats-server: every kind of authentication, and what is reported when it fails.

use std::fs;

use crate::running_source::{RunningSource, WAIT_MAX, at, creating, failing, until};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use nkeys::KeyPair;
use rekindle_core::time::Span;
use rekindle_nats::streams::{StreamRequirements, ensure_stream};
use rekindle_nats::{NatsAccess, NatsConnection};
use rekindle_runtime::health::Health;
use rekindle_settings::{NatsAuth, NatsSettings, OutputSettings, Secret, SourceSettings, TlsSettings};
use rekindle_test_kit::authority::Authority;
use rekindle_test_kit::free_port;
use rekindle_test_kit::nats_server::NatsServer;
use rekindle_test_kit::nats_server::proxy::Proxy;
use serde_json::{Value, json};

fn env(text: &str) -> Secret {
    Secret::Environment(text.to_owned())
}

async fn connect(nats: &NatsSettings) -> (NatsConnection, Health) {
    let health = Health::default();
    let access = NatsAccess::check(nats).expect("the settings are right");
    let connection = tokio::time::timeout(WAIT_MAX, access.connect(1_000, health.part("nats"))).await;
    (connection.expect("connects"), health)
}

/// Connects, and verifies that it was to the server.
async fn connects(nats: &NatsSettings) {
    let (connection, health) = connect(nats).await;
    assert_eq!(health.failing(), []);
    let mut inbox = connection.client.subscribe("test").await.unwrap();
    connection.client.publish("test", Bytes::from_static(b"hello")).await.unwrap();
    let message = tokio::time::timeout(WAIT_MAX, futures_util::StreamExt::next(&mut inbox)).await;
    assert_eq!(message.unwrap().unwrap().payload, "hello");
}

/// The reason that is reported while connecting fails.
async fn is_refused(nats: &NatsSettings, why: &str) -> String {
    let health = Health::default();
    let access = NatsAccess::check(nats).expect("the settings are right");
    let connecting = access.connect(1_000, health.part("nats"));
    tokio::select! {
        _ = connecting => panic!("it was let in"),
        why = failing(&health, "nats", why) => why,
    }
}

fn as_user(server: &NatsServer, password: &str) -> NatsSettings {
    NatsSettings { auth: NatsAuth::User { user: "rekindle".to_owned(), password: env(password) }, ..at(&server.url()) }
}

#[tokio::test]
async fn a_password_is_accepted_and_a_wrong_one_is_not() {
    let server = NatsServer::with_config("authorization { users: [{ user: rekindle, password: s3cr3t }] }");
    connects(&as_user(&server, "s3cr3t")).await;
    for wrong in [as_user(&server, "guess"), at(&server.url())] {
        let why = is_refused(&wrong, "authorization violation").await;
        assert!(why.contains("refuses the credentials") && !why.contains("guess"), "{why}");
    }
}

#[tokio::test]
async fn a_token_is_accepted_and_a_wrong_one_is_not() {
    let server = NatsServer::with_config("authorization { token: s3cr3t }");
    connects(&NatsSettings { auth: NatsAuth::Token(env("s3cr3t")), ..at(&server.url()) }).await;
    is_refused(&NatsSettings { auth: NatsAuth::Token(env("guess")), ..at(&server.url()) }, "refuses the credentials")
        .await;
}

#[tokio::test]
async fn an_nkey_is_accepted_and_another_is_not() {
    let pair = KeyPair::new_user();
    let config = format!("authorization {{ users: [{{ nkey: {} }}] }}", pair.public_key());
    let server = NatsServer::with_config(&config);
    connects(&NatsSettings { auth: NatsAuth::Nkey(env(&pair.seed().unwrap())), ..at(&server.url()) }).await;
    let other = KeyPair::new_user().seed().unwrap();
    is_refused(&NatsSettings { auth: NatsAuth::Nkey(env(&other)), ..at(&server.url()) }, "refuses the credentials")
        .await;
}

/// A token as `nsc` writes them.
fn jwt(issuer: &KeyPair, subject: &KeyPair, name: &str, mut nats: Value, expires: Option<u64>) -> String {
    nats["version"] = json!(2);
    let mut claims = json!({
        "jti": name, "iat": 1_700_000_000, "iss": issuer.public_key(), "sub": subject.public_key(), "name": name,
        "nats": nats,
    });
    if let Some(expires) = expires {
        claims["exp"] = json!(expires);
    }
    let header = json!({ "typ": "JWT", "alg": "ed25519-nkey" });
    let text = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
    let signature = URL_SAFE_NO_PAD.encode(issuer.sign(text.as_bytes()).unwrap());
    format!("{text}.{signature}")
}

fn creds(account: &KeyPair, expires: Option<u64>) -> String {
    let user = KeyPair::new_user();
    let limits = json!({ "type": "user", "subs": -1, "data": -1, "payload": -1 });
    format!(
        "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n{}\n\
         ------END USER NKEY SEED------\n",
        jwt(account, &user, "rekindle", limits, expires),
        user.seed().unwrap()
    )
}

fn server_with_operator(operator: &KeyPair, account: &KeyPair) -> NatsServer {
    let system = KeyPair::new_account();
    let limits = json!({
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
    });
    let of_account =
        |pair: &KeyPair, name| jwt(operator, pair, name, json!({ "type": "account", "limits": limits }), None);
    let config = format!(
        "operator: {}\nsystem_account: {sys}\nresolver: MEMORY\nresolver_preload: {{ {}: {}\n {sys}: {} }}",
        jwt(operator, operator, "operator", json!({ "type": "operator" }), None),
        account.public_key(),
        of_account(account, "shop"),
        of_account(&system, "SYS"),
        sys = system.public_key(),
    );
    NatsServer::with_config(&config)
}

#[tokio::test]
async fn a_credentials_file_is_accepted_and_an_expired_or_foreign_one_is_not() {
    let (operator, account) = (KeyPair::new_operator(), KeyPair::new_account());
    let server = server_with_operator(&operator, &account);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rekindle.creds");
    let nats = NatsSettings { auth: NatsAuth::Creds(Secret::File(file.clone())), ..at(&server.url()) };
    fs::write(&file, creds(&account, None)).unwrap();
    connects(&nats).await;
    for wrong in [creds(&account, Some(1_700_000_100)), creds(&KeyPair::new_account(), None)] {
        fs::write(&file, wrong).unwrap();
        is_refused(&nats, "credentials").await;
    }
}

#[tokio::test]
async fn a_secret_in_a_file_is_read_again_at_each_attempt() {
    let mut server = NatsServer::with_config("authorization { users: [{ user: rekindle, password: first }] }");
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "first\n").unwrap();
    let password = Secret::File(file.path().to_owned());
    let nats = NatsSettings { auth: NatsAuth::User { user: "rekindle".to_owned(), password }, ..at(&server.url()) };
    let (connection, health) = connect(&nats).await;
    server.kill();
    let config = server.folder().join("server.conf");
    let rotated = fs::read_to_string(&config).unwrap().replace("first", "second");
    fs::write(&config, rotated).unwrap();
    server.start_again();
    let why = failing(&health, "nats", "refuses the credentials").await;
    assert!(!connection.status.is_up(), "{why}");
    fs::remove_file(file.path()).unwrap();
    failing(&health, "nats", "could not read the password in").await;
    fs::write(file.path(), "second\n").unwrap();
    until("up again", || connection.status.is_up()).await;
    until("ready", || health.failing().is_empty()).await;
    assert_eq!((connection.status.reconnects(), connection.status.disconnects()), (1, 1));
}

#[tokio::test]
async fn a_start_waits_for_a_server_that_is_down() {
    let port = free_port();
    let health = Health::default();
    let access = NatsAccess::check(&at(&format!("nats://127.0.0.1:{port}"))).unwrap();
    let part = health.part("nats");
    let connecting = tokio::spawn(async move { access.connect(1_000, part).await });
    let why = failing(&health, "nats", "nobody listens there").await;
    assert!(why.contains(&format!("127.0.0.1:{port}")), "{why}");
    // A proxy, because a server can't be put on a given port by this harness.
    let server = NatsServer::start();
    let _proxy = Proxy::listening(port, server.port());
    let connection = tokio::time::timeout(WAIT_MAX, connecting).await.expect("connects").unwrap();
    assert!(connection.status.is_up());
    until("ready", || health.failing().is_empty()).await;
}

#[tokio::test]
async fn a_peer_that_is_not_a_nats_server_is_reported() {
    let web = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("nats://{}", web.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in web.incoming() {
            drop(stream);
        }
    });
    is_refused(&at(&url), "not a NATS server").await;
    is_refused(&at("nats://no-such-host.invalid:4222"), "the host's name can't be resolved").await;
}

#[tokio::test]
async fn a_connection_that_is_cut_is_made_again() {
    let server = NatsServer::start();
    let proxy = Proxy::to(server.port());
    let (connection, health) = connect(&at(&proxy.url())).await;
    proxy.refuse(true);
    proxy.cut();
    failing(&health, "nats", "no connection to NATS").await;
    proxy.refuse(false);
    until("ready", || health.failing().is_empty()).await;
    assert!(connection.status.is_up() && connection.status.reconnects() >= 1);
}

#[tokio::test]
async fn a_silent_peer_is_disconnected() {
    let server = NatsServer::start();
    let proxy = Proxy::to(server.port());
    let (connection, health) = connect(&at(&proxy.url())).await;
    proxy.pause();
    until("given up", || !connection.status.is_up()).await;
    failing(&health, "nats", "the server does not answer").await;
    proxy.resume();
    until("ready", || health.failing().is_empty()).await;
}

/// A server with a certificate of an authority's; all of it in files of its folder.
fn server_of(authority: &Authority, host: &str, until_year: i32, more: &str) -> NatsServer {
    let (cert, key) = authority.issue(host, until_year);
    let config = format!("tls {{ cert_file: \"{{folder}}/cert.pem\", key_file: \"{{folder}}/key.pem\" {more} }}");
    NatsServer::with_files(&config, &[("cert.pem", &cert), ("key.pem", &key), ("ca.pem", &authority.pem())])
}

fn trusting(server: &NatsServer) -> NatsSettings {
    NatsSettings {
        tls: TlsSettings { ca_file: Some(server.folder().join("ca.pem")), ..TlsSettings::default() },
        ..at(&server.url())
    }
}

#[tokio::test]
async fn tls_with_the_right_authority_connects() {
    let server = server_of(&Authority::default(), "127.0.0.1", 2100, "");
    connects(&trusting(&server)).await;
    let servers = vec![server.url().replace("nats://", "tls://")];
    connects(&NatsSettings { servers, ..trusting(&server) }).await;
}

#[tokio::test]
async fn a_server_that_can_not_be_trusted_is_not_connected_to() {
    let authority = Authority::default();
    let server = server_of(&authority, "127.0.0.1", 2100, "");
    let why = is_refused(&at(&server.url()), "an authority that is not trusted").await;
    assert!(why.contains("nats.tls.ca_file"), "{why}");
    let other = server.folder().join("other.pem");
    fs::write(&other, Authority::default().pem()).unwrap();
    let wrong =
        NatsSettings { tls: TlsSettings { ca_file: Some(other), ..TlsSettings::default() }, ..at(&server.url()) };
    is_refused(&wrong, "certificate").await;
    let expired = server_of(&authority, "127.0.0.1", 2020, "");
    is_refused(&trusting(&expired), "has expired").await;
    let elsewhere = server_of(&authority, "shop.example", 2100, "");
    is_refused(&trusting(&elsewhere), "is for another host").await;
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_is_required() {
    let server = NatsServer::start();
    let tls = TlsSettings { required: true, ..TlsSettings::default() };
    is_refused(&NatsSettings { tls, ..at(&server.url()) }, "the server does not speak it").await;
    let servers = vec![server.url().replace("nats://", "tls://")];
    is_refused(&NatsSettings { servers, ..NatsSettings::default() }, "the server does not speak it").await;
}

/// Settings that name authorities require a server of theirs; with nats:// the connection was in the clear, to any server.
#[tokio::test]
async fn tls_files_require_tls_with_any_scheme_of_the_address() {
    let plain = NatsServer::start();
    let ca_file = plain.folder().join("ca.pem");
    fs::write(&ca_file, Authority::default().pem()).unwrap();
    let tls = TlsSettings { ca_file: Some(ca_file), ..TlsSettings::default() };
    assert!(tls.is_required() && !TlsSettings::default().is_required());
    is_refused(&NatsSettings { tls, ..at(&plain.url()) }, "the server does not speak it").await;
}

#[tokio::test]
async fn a_client_certificate_is_accepted_where_one_is_required() {
    let authority = Authority::default();
    let server = server_of(&authority, "127.0.0.1", 2100, ", ca_file: \"{folder}/ca.pem\", verify: true");
    is_refused(&trusting(&server), "client certificate").await;
    let (cert, key) = authority.issue("rekindle", 2100);
    let files = ["client.pem", "client.key"].map(|name| server.folder().join(name));
    fs::write(&files[0], cert).unwrap();
    fs::write(&files[1], &key).unwrap();
    let mut nats = trusting(&server);
    let [cert_file, key_file] = files.map(Some);
    nats.tls = TlsSettings { cert_file, key_file, ..nats.tls };
    connects(&nats).await;
    let (foreign, _) = authority.issue("another", 2100);
    fs::write(nats.tls.cert_file.as_ref().unwrap(), foreign).unwrap();
    let errors = NatsAccess::check(&nats).unwrap_err();
    assert!(errors[0].to_string().contains("does not belong to the certificate"), "{errors:?}");
}

#[tokio::test]
async fn a_server_without_jetstream_is_reported() {
    let mut server = NatsServer::start();
    server.kill();
    let config = server.folder().join("server.conf");
    let text = fs::read_to_string(&config).unwrap();
    let without: Vec<&str> = text.lines().filter(|line| !line.starts_with("jetstream")).collect();
    fs::write(&config, without.join("\n")).unwrap();
    server.start_again();
    let live = RunningSource::start(&at(&server.url()), creating()).await;
    live.failing("source", "it is not enabled on this server, or not for this account").await;
    assert_eq!(live.stop().await, []);
}

#[tokio::test]
async fn output_streams_are_created_and_then_accepted() {
    let server = NatsServer::start();
    let (connection, _) = connect(&at(&server.url())).await;
    let output =
        OutputSettings { create: true, max_age: Span(60_000), max_bytes: 1 << 30, ..OutputSettings::default() };
    let events = SourceSettings { create: true, ..SourceSettings::default() };
    for mut wanted in [
        StreamRequirements::outputs(&output),
        StreamRequirements::dead_letters(&output),
        StreamRequirements::events(&events),
    ] {
        let created = ensure_stream(&connection, &wanted).await.expect("created");
        assert!(created.created);
        wanted.create = false;
        let found = ensure_stream(&connection, &wanted).await.expect("right");
        assert!(!found.created && found.notes.is_empty(), "{:?}", found.notes);
        assert_eq!(found.info.config.allow_atomic_publish, wanted.takes_batches);
        wanted.replicas = 3;
        let found = ensure_stream(&connection, &wanted).await.expect("copies are no mismatch");
        assert!(found.notes[0].contains("has 1 copies; configured are 3"), "{:?}", found.notes);
    }
}
