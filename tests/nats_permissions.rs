//! `config/nats-permissions.conf` on a real nats-server: it is enough, nothing in it is too much, and what is missing is
//! named.

mod nats_server;

use std::time::Duration;

use async_nats::jetstream::consumer::pull;
use async_nats::{Client, ConnectOptions};
use futures_util::{StreamExt, TryStreamExt};
use nats_server::NatsServer;
use nats_server::live::{Live, at, creating, numbers, until};
use rekindle::config::{Auth, Nats, Secret, Source};
use rekindle::time::Span;

const SHIPPED: &str = include_str!("../config/nats-permissions.conf");

/// The shipped permissions, changed, and a user who may do everything.
fn server(change: impl Fn(&str) -> String) -> NatsServer {
    let config = change(SHIPPED).replace("  users: [", "  users: [\n    { user: admin, password: admin }");
    NatsServer::with_files("include permissions.conf", &[("permissions.conf", &config)])
}

fn shipped() -> NatsServer {
    server(str::to_owned)
}

fn daemon(server: &NatsServer) -> Nats {
    let password = Secret::Environment("change-me-rekindle".to_owned());
    Nats { auth: Auth::User { user: "rekindle".to_owned(), password }, ..at(&server.url()) }
}

async fn client(server: &NatsServer, user: &str, password: &str) -> Client {
    let options = ConnectOptions::with_user_and_password(user.to_owned(), password.to_owned());
    options.custom_inbox_prefix(format!("_INBOX.{user}")).connect(server.url()).await.unwrap()
}

async fn create_stream(server: &NatsServer, name: &str, subjects: &[&str]) -> Client {
    let admin = client(server, "admin", "admin").await;
    let subjects = subjects.iter().map(|subject| (*subject).to_owned()).collect();
    let config = async_nats::jetstream::stream::Config { name: name.to_owned(), subjects, ..Default::default() };
    async_nats::jetstream::new(admin.clone()).create_stream(config).await.unwrap();
    admin
}

fn source() -> Source {
    Source { create: false, tick_interval: Span(100), ..creating() }
}

#[tokio::test]
async fn they_are_enough_to_read_events_and_to_tick() {
    let server = shipped();
    create_stream(&server, "EVENTS", &["events.>", "rekindle.tick", "rekindle.control.forget"]).await;
    let mut live = Live::start(&daemon(&server), source()).await;
    live.ready().await;
    until("ticking", || live.status.ticks_received() > 2).await;
    let storefront = client(&server, "storefront", "change-me-storefront").await;
    let jetstream = async_nats::jetstream::new(storefront);
    for number in 0..10 {
        jetstream.publish("events.track", format!("{number}\n").into()).await.unwrap().await.expect("acknowledged");
    }
    assert_eq!(numbers(&live.events(10).await), (0..10).collect::<Vec<_>>());
    assert_eq!(live.connection.status.denials(), 0);
}

#[tokio::test]
async fn creating_the_stream_takes_one_more() {
    let create = Source { create: true, ..source() };
    let server = shipped();
    let live = Live::start(&daemon(&server), create.clone()).await;
    let why = live.failing("source", "could not create stream EVENTS").await;
    assert!(why.contains("does not permit this user to publish to $JS.API.STREAM.CREATE.EVENTS"), "{why}");
    let server =
        self::server(|config| config.replace("# \"$JS.API.STREAM.CREATE.EVENTS\"", "\"$JS.API.STREAM.CREATE.EVENTS\""));
    let live = Live::start(&daemon(&server), create.clone()).await;
    live.ready().await;
    assert_eq!(live.connection.status.denials(), 0);
    // And another to be told who has the subjects.
    let other = Source { stream: "OTHER".to_owned(), ..create };
    let with_names = |config: &str| config.replace("# \"$JS", "\"$JS").replace("EVENTS\"", "*\"");
    let server = self::server(with_names);
    let first = Live::start(&daemon(&server), creating()).await;
    first.ready().await;
    let second = Live::start(&daemon(&server), other).await;
    second.failing("source", "stream EVENTS takes in some of its subjects").await;
}

#[tokio::test]
async fn each_of_them_is_needed_and_named_when_it_is_missing() {
    for (permission, part) in [
        ("$JS.API.STREAM.INFO.EVENTS", "publish to $JS.API.STREAM.INFO.EVENTS"),
        ("$JS.API.CONSUMER.CREATE.EVENTS.>", "publish to $JS.API.CONSUMER.CREATE.EVENTS."),
        ("$JS.API.CONSUMER.MSG.NEXT.EVENTS.>", "publish to $JS.API.CONSUMER.MSG.NEXT.EVENTS."),
        ("rekindle.tick", "publish to rekindle.tick"),
        ("_INBOX.rekindle.>", "subscribe to _INBOX.rekindle."),
    ] {
        let server = server(|config| config.replacen(&format!("\"{permission}\""), "\"nothing\"", 1));
        create_stream(&server, "EVENTS", &["events.>", "rekindle.tick", "rekindle.control.forget"]).await;
        let live = Live::start(&daemon(&server), source()).await;
        let why = live.failing("source", &format!("does not permit this user to {part}")).await;
        // It stays so, rather than to come and go with every attempt.
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert!(!live.health.failing().is_empty(), "{permission}: it was {why}");
        }
    }
}

#[tokio::test]
async fn a_permission_revoked_is_told_and_one_granted_again_is_used() {
    let server = shipped();
    let admin = create_stream(&server, "EVENTS", &["events.>", "rekindle.tick", "rekindle.control.forget"]).await;
    // It takes effect when messages are asked for again, which is often with small batches.
    let mut live = Live::start(&daemon(&server), Source { batch: 2, ..source() }).await;
    live.ready().await;
    let file = server.folder().join("permissions.conf");
    let config = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, config.replace("CONSUMER.MSG.NEXT.EVENTS", "CONSUMER.MSG.NEXT.NONE")).unwrap();
    server.reconfigure("listen", "listen");
    live.failing("source", "does not permit this user to publish to $JS.API.CONSUMER.MSG.NEXT.EVENTS.").await;
    admin.publish("events.track", "1\n".into()).await.unwrap();
    std::fs::write(&file, config).unwrap();
    server.reconfigure("listen", "listen");
    assert_eq!(numbers(&live.events(1).await), [1]);
    live.ready().await;
}

/// Whether the server permits to publish there; `reader` may do everything.
async fn may_publish(client: &Client, subject: &str, reader: &Client) -> bool {
    let mut heard = reader.subscribe(subject.to_owned()).await.unwrap();
    // The server does as it is told in order: once this has come round, the subscription above is in place.
    let mut round = reader.subscribe("round").await.unwrap();
    reader.publish("round", "x".into()).await.unwrap();
    round.next().await.unwrap();
    client.publish(subject.to_owned(), "x".into()).await.unwrap();
    client.flush().await.unwrap();
    tokio::time::timeout(Duration::from_millis(500), heard.next()).await.is_ok()
}

#[tokio::test]
async fn storefronts_can_publish_events_and_no_more() {
    let server = shipped();
    let admin = client(&server, "admin", "admin").await;
    let storefront = client(&server, "storefront", "change-me-storefront").await;
    assert!(may_publish(&storefront, "events.track", &admin).await);
    for subject in
        ["rekindle.tick", "rekindle.control.forget", "rekindle.actions.email.x", "$JS.API.STREAM.DELETE.EVENTS"]
    {
        assert!(!may_publish(&storefront, subject, &admin).await, "{subject}");
    }
    let mut others = storefront.subscribe("events.>").await.unwrap();
    for _ in 0..10 {
        admin.publish("events.track", "x".into()).await.unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(30), others.next()).await.is_err());
    }
}

#[tokio::test]
async fn those_who_act_can_read_actions_and_no_more() {
    let server = shipped();
    let admin = create_stream(&server, "REKINDLE", &["rekindle.>"]).await;
    let jetstream = async_nats::jetstream::new(admin.clone());
    for subject in ["rekindle.segments.new.enter", "rekindle.actions.email.welcome"] {
        jetstream.publish(subject, "x".into()).await.unwrap().await.unwrap();
    }
    let actions = client(&server, "actions", "change-me-actions").await;
    let context = async_nats::jetstream::new(actions.clone());
    let stream = context.get_stream("REKINDLE").await.unwrap();
    let config = |filter: &str| pull::Config {
        name: Some("mailer".to_owned()),
        durable_name: Some("mailer".to_owned()),
        filter_subject: filter.to_owned(),
        ..pull::Config::default()
    };
    let consumer = stream.create_consumer(config("rekindle.actions.>")).await.expect("permitted");
    let mut messages = consumer.messages().await.unwrap();
    let message = tokio::time::timeout(Duration::from_secs(5), messages.try_next()).await.unwrap().unwrap().unwrap();
    assert_eq!(message.subject.as_str(), "rekindle.actions.email.welcome");
    message.double_ack().await.expect("acknowledged");
    for filter in ["rekindle.segments.>", "rekindle.>"] {
        let all = stream.create_consumer(config(filter));
        assert!(tokio::time::timeout(Duration::from_millis(500), all).await.is_err(), "{filter}");
    }
    assert!(!may_publish(&actions, "rekindle.actions.email.forged", &admin).await);
}
