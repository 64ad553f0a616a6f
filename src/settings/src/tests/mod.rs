//! How settings are read, and the errors of wrong ones.

mod agreement;
mod collect;
mod deliver;
mod environment;
mod mappings;
mod mistakes;
mod schema;
mod shipped;

use std::ffi::OsString;
use std::path::Path;

use super::{Settings, SettingsErrors};

/// Settings in a file of the folder `/etc/rekindle`, with these variables of the environment.
fn load(text: &str, variables: &[(&str, &str)]) -> Result<Settings, SettingsErrors> {
    let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    Settings::load(text, Path::new("/etc/rekindle"), variables)
}

fn read(text: &str) -> Settings {
    load(text, &[]).unwrap_or_else(|mistakes| panic!("{mistakes:#?} in\n{text}"))
}

/// What is wrong in the file: messages and the text they are about.
fn mistakes(text: &str) -> Vec<(String, String)> {
    let mistakes = load(text, &[]).expect_err(text);
    assert_eq!(mistakes.in_variables, []);
    mistakes.in_file.into_iter().map(|mistake| (mistake.message, text[mistake.span].to_owned())).collect()
}

/// The only mistake in the file: message, the text it is about, help.
fn only_mistake(text: &str) -> (String, String, String) {
    let mistakes = load(text, &[]).expect_err(text);
    let [mistake] = mistakes.in_file.as_slice() else { panic!("{mistakes:#?}") };
    (mistake.message.clone(), text[mistake.span.clone()].to_owned(), mistake.help.clone())
}

#[test]
fn an_empty_file_has_the_defaults() {
    assert_eq!(Settings::load("", Path::new(""), []), Ok(Settings::default()));
}

#[test]
fn every_section_is_read() {
    use super::*;
    use rekindle_core::time::{Span, Timestamp};

    let config = read(
        "engine = { rules = 'r.toml', max_disorder = '1s', state_ttl = '90d', workers = 3, clock = 'events', unseen_after = '2h',
                   secret_file = 'draws.secret' }
        [nats]
        servers = ['tls://a.example:4222', 'nats://[::1]:4223', 'nats://b']
        name = 'shop'
        creds_file = 'nats.creds'
        [nats.tls]
        required = true
        ca_file = '/ca.pem'
        cert_file = 'c.pem'
        key_file = 'k.pem'
        [source]
        stream = 'LOG'
        subjects = ['web.*', 'app.>']
        start = 42
        create = true
        max_age = '30d'
        replicas = 3
        tick_subject = 'web.tick'
        tick_interval = '50ms'
        forget_subject = 'web.forget'
        audit_subject = 'web.audit'
        batch = 1
        [output]
        prefix = 'shop.out'
        stream = 'OUT'
        dead_stream = 'DEAD'
        create = true
        max_age = '0s'
        max_bytes = 1_000_000
        replicas = 5
        cloudevents = 'binary'
        cloudevents_source = 'urn:shop:42'
        decisions = true
        batch_from = 7
        linger = '1s'
        takeover = 'now'
        [checkpoint]
        store = 's3://bucket/a/b'
        interval = '1m'
        keep = 5
        s3_endpoint = 'http://minio:9000'
        s3_region = 'eu-central-1'
        s3_allow_http = true
        s3_access_key_id = 'me'
        s3_secret_access_key_file = 's3.secret'
        [http]
        listen = '0.0.0.0:80'
        token_file = 'http.token'
        read_token_file = 'http.read'
        console = false
        max_body_bytes = 0
        timeout = '1m'
        max_concurrency = 10_000
        max_connections = 65_536
        max_connections_per_address = 1
        open_metrics = false
        [log]
        format = 'json'
        level = 'warn, rekindle_nats::source=debug,async_nats=off'
        [shutdown]
        deadline = '10m'",
    );
    let file = |name: &str| Path::new("/etc/rekindle").join(name);
    assert_eq!(config.engine.rules, file("r.toml"));
    assert_eq!(
        (config.engine.max_disorder, config.engine.workers, config.engine.clock),
        (Span(1_000), 3, rekindle_core::time::Clock::Events)
    );
    assert_eq!(config.engine.state_ttl(), Some(Span(90 * 86_400_000)));
    assert_eq!(config.engine.unseen_after, Span(7_200_000));
    assert_eq!(config.engine.secret, Some(Secret::File(file("draws.secret"))));
    let tls = TlsSettings {
        required: true,
        ca_file: Some("/ca.pem".into()),
        cert_file: Some(file("c.pem")),
        key_file: Some(file("k.pem")),
    };
    let nats = NatsSettings {
        servers: ["tls://a.example:4222", "nats://[::1]:4223", "nats://b"].map(str::to_owned).into(),
        name: "shop".to_owned(),
        auth: NatsAuth::Creds(Secret::File(file("nats.creds"))),
        tls,
    };
    assert_eq!(config.nats, nats);
    let source = SourceSettings {
        kind: SourceKind::JetStream,
        stream: "LOG".to_owned(),
        subjects: vec!["web.*".to_owned(), "app.>".to_owned()],
        start: StartPosition::Sequence(42),
        create: true,
        max_age: Span(30 * 86_400_000),
        replicas: 3,
        tick_subject: "web.tick".to_owned(),
        tick_interval: Span(50),
        forget_subject: "web.forget".to_owned(),
        audit_subject: "web.audit".to_owned(),
        batch: 1,
        mappings: std::collections::BTreeMap::new(),
    };
    assert_eq!(config.source, source);
    let output = OutputSettings {
        prefix: "shop.out".to_owned(),
        jetstream: true,
        stream: "OUT".to_owned(),
        dead_stream: "DEAD".to_owned(),
        create: true,
        max_age: Span(0),
        max_bytes: 1_000_000,
        replicas: 5,
        cloudevents: ContentMode::Binary,
        cloudevents_source: "urn:shop:42".to_owned(),
        decisions: true,
        batch_from: 7,
        linger: Span(1_000),
        takeover: TakeoverPolicy::Now,
    };
    assert_eq!(config.output, output);
    let checkpoint = CheckpointSettings {
        store: CheckpointLocation::S3 { bucket: "bucket".to_owned(), prefix: "a/b".to_owned() },
        interval: Span(60_000),
        keep: 5,
        s3_endpoint: Some("http://minio:9000".to_owned()),
        s3_region: "eu-central-1".to_owned(),
        s3_allow_http: true,
        s3_access_key_id: Some("me".to_owned()),
        s3_secret_access_key: Some(Secret::File(file("s3.secret"))),
    };
    assert_eq!(config.checkpoint, checkpoint);
    assert_eq!(read("[checkpoint]\nstore = 'x/y'").checkpoint.store, CheckpointLocation::Folder(file("x/y")));
    assert_eq!(read("").checkpoint.store, CheckpointLocation::Folder(file("checkpoints")));
    assert_eq!(read("[checkpoint]\nstore = ''").checkpoint.store, CheckpointLocation::Nowhere);
    let http = HttpSettings {
        listen: ([0, 0, 0, 0], 80).into(),
        token: Some(Secret::File(file("http.token"))),
        read_token: Some(Secret::File(file("http.read"))),
        console: false,
        max_body_bytes: 0,
        timeout: Span(60_000),
        max_concurrency: 10_000,
        max_connections: 65_536,
        max_connections_per_address: 1,
        open_metrics: false,
    };
    assert_eq!(config.http, http);
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!(config.log.level.to_string(), "warn,rekindle_nats::source=debug,async_nats=off");
    assert_eq!(config.shutdown, ShutdownSettings { deadline: Span(600_000) });
    let named: Vec<_> = config.files.iter().map(|file| file.what).collect();
    assert_eq!(named.len(), 9, "{named:?}");

    let start = |text: &str| read(&format!("[source]\nstart = {text}")).source.start;
    assert_eq!([start("'first'"), start("'new'")], [StartPosition::First, StartPosition::New]);
    assert_eq!(start("'2026-03-09T01:00:00+01:00'"), StartPosition::Time(Timestamp(1_773_014_400_000)));
    assert_eq!(read("[source]\nkind = 'nats'").source.kind, SourceKind::Nats);
    assert!(!read("[output]\njetstream = false").output.jetstream);
}

#[test]
fn each_way_to_connect_is_read() {
    use super::{NatsAuth, Secret};

    let file = |name: &str| Secret::File(Path::new("/etc/rekindle").join(name));
    let auth = |keys: &str| read(&format!("[nats]\n{keys}")).nats.auth;
    let user = NatsAuth::User { user: "u".to_owned(), password: file("p") };
    assert_eq!(auth("user = 'u'\npassword_file = 'p'"), user);
    assert_eq!(auth("token_file = 't'"), NatsAuth::Token(file("t")));
    assert_eq!(auth("nkey_file = 'n'"), NatsAuth::Nkey(file("n")));
    assert_eq!(auth(""), NatsAuth::None);
}
