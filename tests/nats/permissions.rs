//! `config/nats-permissions.conf` on a real nats-server: it is enough, nothing in it is too much, and what is missing is
//! named.

use std::time::{Duration, Instant};

use crate::running_source::{RunningSource, WAIT_MAX, at, creating, numbers, until};
use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::pull;
use async_nats::{Client, ConnectOptions};
use futures_util::{StreamExt, TryStreamExt};
use rekindle_core::time::Span;
use rekindle_settings::{NatsAuth, NatsSettings, Secret, SourceSettings};
use rekindle_test_kit::nats_server::NatsServer;

const SHIPPED: &str = include_str!("../../config/nats-permissions.conf");

/// The shipped permissions, changed, and a user who may do everything.
fn server(change: impl Fn(&str) -> String) -> NatsServer {
    // In the daemon's account, where the streams are.
    let config = change(SHIPPED).replacen("    users: [", "    users: [\n      { user: admin, password: admin }", 1);
    NatsServer::with_files("include permissions.conf", &[("permissions.conf", &config)])
}

fn shipped() -> NatsServer {
    server(str::to_owned)
}

fn daemon(server: &NatsServer) -> NatsSettings {
    let password = Secret::Environment("change-me-rekindle".to_owned());
    NatsSettings { auth: NatsAuth::User { user: "rekindle".to_owned(), password }, ..at(&server.url()) }
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

fn source() -> SourceSettings {
    SourceSettings { create: false, tick_interval: Span(100), ..creating() }
}

#[tokio::test]
async fn they_are_enough_to_read_events_and_to_tick() {
    let server = shipped();
    create_stream(&server, "EVENTS", &["events.>", "rekindle.tick", "rekindle.control.forget"]).await;
    let mut live = RunningSource::start(&daemon(&server), source()).await;
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
    let create = SourceSettings { create: true, ..source() };
    let server = shipped();
    let live = RunningSource::start(&daemon(&server), create.clone()).await;
    let why = live.failing("source", "could not create stream EVENTS").await;
    assert!(why.contains("does not permit this user to publish to $JS.API.STREAM.CREATE.EVENTS"), "{why}");
    let server =
        self::server(|config| config.replace("# \"$JS.API.STREAM.CREATE.EVENTS\"", "\"$JS.API.STREAM.CREATE.EVENTS\""));
    let live = RunningSource::start(&daemon(&server), create.clone()).await;
    live.ready().await;
    assert_eq!(live.connection.status.denials(), 0);
    // And another to be told who has the subjects.
    let other = SourceSettings { stream: "OTHER".to_owned(), ..create };
    let with_names = |config: &str| config.replace("# \"$JS", "\"$JS").replace("EVENTS\"", "*\"");
    let server = self::server(with_names);
    let first = RunningSource::start(&daemon(&server), creating()).await;
    first.ready().await;
    let second = RunningSource::start(&daemon(&server), other).await;
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
        let live = RunningSource::start(&daemon(&server), source()).await;
        let why = live.failing("source", &format!("does not permit this user to {part}")).await;
        // It remains so, and does not come and go with every attempt.
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert!(!live.health.failing().is_empty(), "{permission}: it was {why}");
        }
    }
}

#[tokio::test]
async fn a_revoked_permission_is_reported_and_used_once_it_is_granted_again() {
    let server = shipped();
    let admin = create_stream(&server, "EVENTS", &["events.>", "rekindle.tick", "rekindle.control.forget"]).await;
    // It takes effect when messages are asked for again, which is often with small batches.
    let mut live = RunningSource::start(&daemon(&server), SourceSettings { batch: 2, ..source() }).await;
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

/// Whether the server permits publishing on a subject; `reader` may do everything.
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
        ["rekindle.tick", "rekindle.control.forget", "rekindle.control.audit", "$JS.API.STREAM.DELETE.EVENTS"]
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
async fn action_services_can_read_actions_and_no_more() {
    let server = shipped();
    let admin = create_stream(&server, "REKINDLE", &["rekindle.>"]).await;
    let jetstream = async_nats::jetstream::new(admin.clone());
    for subject in ["rekindle.segments.new.enter", "rekindle.actions.email.welcome"] {
        jetstream.publish(subject, "x".into()).await.unwrap().await.unwrap();
    }
    let actions = client(&server, "actions", "change-me-actions").await;
    let context = async_nats::jetstream::with_prefix(actions.clone(), "rekindle.API");
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

#[tokio::test]
async fn a_partner_reads_what_it_is_told_and_no_more() {
    let server = shipped();
    let admin = create_stream(&server, "REKINDLE", &["rekindle.>"]).await;
    let jetstream = async_nats::jetstream::new(admin.clone());
    for subject in
        ["rekindle.partners.zeta.vip.enter", "rekindle.partners.acme.vip.enter", "rekindle.actions.email.hello"]
    {
        jetstream.publish(subject, "x".into()).await.unwrap().await.unwrap();
    }
    let config = |name: &str, filter: &str| pull::Config {
        name: Some(name.to_owned()),
        durable_name: Some(name.to_owned()),
        filter_subject: filter.to_owned(),
        ..pull::Config::default()
    };
    let stream = jetstream.get_stream("REKINDLE").await.unwrap();
    for partner in ["acme", "zeta"] {
        let own = config(&format!("partner_{partner}"), &format!("rekindle.partners.{partner}.>"));
        stream.create_consumer(own).await.expect("made for it");
    }
    let acme = client(&server, "acme", "change-me-acme").await;
    let context = async_nats::jetstream::with_prefix(acme.clone(), "rekindle.API");
    let mut told = acme.subscribe("rekindle.partners.acme.>").await.unwrap();
    acme.flush().await.unwrap();
    let known = context.get_consumer_from_stream("partner_acme", "REKINDLE");
    let consumer: async_nats::jetstream::consumer::PullConsumer = known.await.expect("permitted");
    let mut messages = consumer.messages().await.unwrap();
    let message = tokio::time::timeout(Duration::from_secs(5), messages.try_next()).await.unwrap().unwrap().unwrap();
    assert_eq!(message.subject.as_str(), "rekindle.partners.acme.vip.enter");
    message.double_ack().await.expect("acknowledged");
    jetstream.publish("rekindle.partners.acme.vip.exit", "x".into()).await.unwrap().await.unwrap();
    let heard = tokio::time::timeout(Duration::from_secs(5), told.next()).await.unwrap().unwrap();
    assert_eq!(heard.subject.as_str(), "rekindle.partners.acme.vip.exit");

    let brief = Duration::from_millis(500);
    let other = context.get_consumer_from_stream::<pull::Config, _, _>("partner_zeta", "REKINDLE");
    assert!(tokio::time::timeout(brief, other).await.is_err(), "another partner's consumer");
    let made = context.create_consumer_on_stream(config("partner_acme", "rekindle.partners.>"), "REKINDLE");
    assert!(tokio::time::timeout(brief, made).await.is_err(), "a consumer of its own");
    for subject in ["rekindle.partners.acme.vip.enter", "events.track", "rekindle.control.forget", "rekindle.tick"] {
        assert!(!may_publish(&acme, subject, &admin).await, "{subject}");
    }
    let mut others = acme.subscribe("rekindle.partners.zeta.>").await.unwrap();
    acme.flush().await.unwrap();
    jetstream.publish("rekindle.partners.zeta.vip.exit", "x".into()).await.unwrap().await.unwrap();
    assert!(tokio::time::timeout(brief, others.next()).await.is_err(), "another partner's messages");
}

/// Everything by which the server would publish for a client that may not: reply subjects, and a subject for traces.
async fn request_publishes_by_the_server(client: &Client, api: &str, to: &str) {
    for subject in
        ["events.track", &format!("{api}.STREAM.INFO.REKINDLE"), &format!("{api}.CONSUMER.INFO.REKINDLE.mailer")]
    {
        client.publish_with_reply(subject.to_owned(), to.to_owned(), "{}".into()).await.unwrap();
    }
    let next = format!("{api}.CONSUMER.MSG.NEXT.REKINDLE.mailer");
    client.publish_with_reply(next, to.to_owned(), "1".into()).await.unwrap();
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Nats-Trace-Dest", to);
    client.publish_with_headers("events.track", headers, "{}".into()).await.unwrap();
    client.flush().await.unwrap();
}

/// The streams of a shop, with an action in the output stream and a consumer of it.
async fn shop(server: &NatsServer) -> Context {
    create_stream(server, "EVENTS", &["events.>", "rekindle.tick", "rekindle.control.forget"]).await;
    let admin = create_stream(server, "REKINDLE", &["rekindle.actions.>", "rekindle.progress"]).await;
    let jetstream = async_nats::jetstream::new(admin);
    jetstream.publish("rekindle.actions.email.welcome", "x".into()).await.unwrap().await.unwrap();
    let config = pull::Config { durable_name: Some("mailer".to_owned()), ..pull::Config::default() };
    jetstream.get_stream("REKINDLE").await.unwrap().create_consumer(config).await.unwrap();
    jetstream
}

/// The number of messages in the output stream besides those of this function, once the server has executed what clients sent
/// before: its replies to two requests of the administrator, which come behind the others, are stored there. `call` counts the
/// calls of one test from 0.
async fn outputs(jetstream: &Context, call: u64) -> u64 {
    let replies = ["event", "api"].map(|kind| format!("rekindle.actions.control.{kind}_{call}"));
    for (subject, reply) in ["events.control", "$JS.API.STREAM.INFO.REKINDLE"].into_iter().zip(&replies) {
        jetstream.client().publish_with_reply(subject, reply.clone(), "{}".into()).await.unwrap();
    }
    let stream = jetstream.get_stream("REKINDLE").await.unwrap();
    let started = Instant::now();
    for reply in &replies {
        while stream.get_last_raw_message_by_subject(reply).await.is_err() {
            assert!(started.elapsed() < WAIT_MAX, "no reply on {reply}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    let messages = stream.get_info().await.unwrap().state.messages;
    messages - replies.len() as u64 * (call + 1)
}

#[tokio::test]
async fn no_client_can_make_the_server_write_into_the_output_stream() {
    let server = shipped();
    let jetstream = shop(&server).await;
    let mut call = 0;
    for (user, password, api) in [
        ("storefront", "change-me-storefront", "$JS.API"),
        ("storefront", "change-me-storefront", "rekindle.API"),
        ("actions", "change-me-actions", "$JS.API"),
        ("actions", "change-me-actions", "rekindle.API"),
    ] {
        let client = client(&server, user, password).await;
        for to in ["rekindle.progress", "rekindle.actions.email.forged"] {
            request_publishes_by_the_server(&client, api, to).await;
            assert_eq!(outputs(&jetstream, call).await, 1, "{user} by {api} to {to}");
            call += 1;
        }
    }
    let events = jetstream.get_stream("EVENTS").await.unwrap();
    let messages = events.cached_info().state.messages - call;
    assert_eq!(messages, 4, "the events themselves came in, but for those to be traced");
}

/// Why there are accounts: in one account with the streams no permission of the sender prevents it.
#[tokio::test]
async fn in_one_account_no_permission_of_the_sender_prevents_that() {
    let permissions = "permissions: { publish: { allow: [\"events.>\"], deny: [\"rekindle.>\"] }, \
                       subscribe: { allow: [\"_INBOX.storefront.>\"], deny: [\"rekindle.>\"] } }";
    let users = format!(
        "authorization {{ users: [ {{ user: admin, password: admin }}, {{ user: storefront, password: s, {permissions} }} ] }}"
    );
    let server = NatsServer::with_config(&users);
    let jetstream = shop(&server).await;
    let storefront = client(&server, "storefront", "s").await;
    request_publishes_by_the_server(&storefront, "$JS.API", "rekindle.progress").await;
    assert_eq!(outputs(&jetstream, 0).await, 2, "its acknowledgement is there: see config/nats-permissions.conf");
}
