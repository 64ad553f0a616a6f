//! Streams that are missing, full or do not accept a message: the sink names the reason, waits, and loses nothing.

use async_nats::jetstream::stream::{self, DiscardPolicy};
use rekindle_nats::sink::MessageKind;
use rekindle_settings::OutputSettings as Settings;
use serde_json::{Value, json};

use super::outputs::{self, many, plan};
use super::{PublishMode, RunningSink, context, dead_stream, output_stream, outputs_of, prepared, published, stored};
use rekindle_test_kit::nats_server::NatsServer;

#[tokio::test]
async fn a_missing_stream_is_named_and_nothing_is_lost_once_it_exists() {
    let server = NatsServer::start();
    let context = context(&server).await;
    let sink = RunningSink::start(&server, Settings::default()).await;
    sink.fails_with("there is no stream REKINDLE on this server").await;
    context.create_stream(output_stream()).await.expect("created");
    sink.fails_with("there is no stream REKINDLE_DEAD on this server").await;
    context.create_stream(dead_stream()).await.expect("created");
    sink.send(outputs::output_item(&plan(), vec![outputs::transition("u", 0)], vec![outputs::dead_letter(1, 1, b"x")]))
        .await;
    sink.finish().await;
    assert_eq!(published(&context).await, [0]);
    assert_eq!(stored(&context, "REKINDLE_DEAD").await.len(), 1);
}

#[tokio::test]
async fn a_subject_that_no_stream_takes_is_named() {
    let (server, context) = prepared().await;
    let subjects = vec!["rekindle.segments.>".to_owned(), "rekindle.progress".to_owned()];
    context.delete_stream("REKINDLE").await.expect("deleted");
    context.create_stream(stream::Config { subjects, ..output_stream() }).await.expect("created");
    let sink = RunningSink::start(&server, Settings::default()).await;
    let outputs = vec![outputs::transition("u", 0), outputs::action("u", 0), outputs::transition("u", 1)];
    sink.send(outputs::output_item(&plan(), outputs, Vec::new())).await;
    sink.fails_with("no stream takes the subject rekindle.actions.email.hello-again_1").await;
    context.update_stream(output_stream()).await.expect("updated");
    sink.finish().await;
    let found = outputs_of(&context).await;
    let subjects: Vec<&str> = found.iter().map(|message| message.subject.as_str()).collect();
    assert_eq!(
        subjects,
        ["rekindle.segments.active.enter", "rekindle.actions.email.hello-again_1", "rekindle.segments.active.exit"]
    );
}

#[tokio::test]
async fn a_full_stream_stops_the_sink_until_there_is_room() {
    let (server, context) = prepared().await;
    context.delete_stream("REKINDLE").await.expect("deleted");
    let full = stream::Config { max_messages: 1_000, discard: DiscardPolicy::New, ..output_stream() };
    context.create_stream(full).await.expect("created");
    let sink = RunningSink::start(&server, Settings::default()).await;
    let sending = {
        let (sender, output_items) = (sink.sender.clone(), many(&plan(), 0, 50_000));
        tokio::spawn(async move {
            for output_item in output_items {
                sender.send(output_item).await.expect("the sink runs");
            }
        })
    };
    sink.fails_with("the stream is full or out of storage").await;
    assert!(!sending.is_finished(), "what does not fit waits before the sink");
    assert!(published(&context).await.len() <= 1_000);
    context.update_stream(output_stream()).await.expect("updated");
    sending.await.expect("sent");
    sink.finish().await;
    assert_eq!(published(&context).await, (0..50_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_missing_permission_is_reported_and_waited_for() {
    a_missing_permission(PublishMode::Batches, "a message did not reach the stream with the rest of its batch").await;
    a_missing_permission(PublishMode::Mixed, "no answer to a message on rekindle.actions.email.hello-again_1").await;
}

async fn a_missing_permission(mode: PublishMode, reason: &str) {
    // All the documented permissions but one.
    let some = r#""rekindle.segments.>", "rekindle.progress", "rekindle.dead", "$JS.API.STREAM.INFO.*", "$JS.API.STREAM.MSG.GET.*""#;
    let all = format!(r#"{some}, "rekindle.actions.>""#);
    let users = format!(
        r#"authorization {{ users: [
            {{ user: admin, password: a }}
            {{ user: sink, password: s, permissions: {{ publish: {{ allow: [{some}] }}, subscribe: "_INBOX.>" }} }}
        ] }}"#
    );
    let server = NatsServer::with_config(&users);
    let connect = async |user: &str, password: &str| {
        let options = async_nats::ConnectOptions::with_user_and_password(user.to_owned(), password.to_owned());
        options.connect(server.url()).await.expect("the server accepts")
    };
    let context = async_nats::jetstream::new(connect("admin", "a").await);
    context.create_stream(output_stream()).await.expect("created");
    context.create_stream(dead_stream()).await.expect("created");
    let sink = RunningSink::with_client(connect("sink", "s").await, mode.settings());
    let outputs = vec![outputs::transition("u", 0), outputs::action("u", 0), outputs::transition("u", 1)];
    sink.send(outputs::output_item(&plan(), outputs, Vec::new())).await;
    // Which permission is missing is reported by the status of the connection: see the daemon's tests.
    sink.fails_with(reason).await;
    server.reconfigure(some, &all);
    sink.finish().await;
    assert_eq!(outputs_of(&context).await.len(), 3);
}

fn huge(number: u64, bytes: usize) -> rekindle_core::partition::Output {
    let mut output = outputs::action("u", number);
    if let rekindle_core::partition::OutputKind::Decision(decision) = &mut output.decided
        && let Some(payload) = &mut decision.payload
    {
        payload.insert("text".to_owned(), rekindle_core::json::JsonText::of(&"x".repeat(bytes)));
    }
    output
}

#[tokio::test]
async fn an_output_too_large_for_the_server_becomes_a_dead_letter_and_the_rest_is_published() {
    let (server, context) = prepared().await;
    let sink = RunningSink::start(&server, Settings::default()).await;
    let outputs = vec![outputs::transition("u", 0), huge(0, 1_200_000), outputs::transition("u", 1)];
    sink.send(outputs::output_item(&plan(), outputs, Vec::new())).await;
    let figures = sink.finish().await.figures();
    assert_eq!((figures.oversized, figures.published[MessageKind::DeadLetter as usize]), (1, 1));
    assert_eq!(published(&context).await, [0, 1]);
    let letter: Value = serde_json::from_slice(&stored(&context, "REKINDLE_DEAD").await[0].payload).expect("JSON");
    assert_eq!((&letter["reason"], &letter["truncated"]), (&json!("output_too_large"), &json!(true)));
    assert_eq!(letter["subject"], "rekindle.actions.email.hello-again_1");
}

#[tokio::test]
async fn the_streams_own_limit_of_size_counts_too() {
    let (server, context) = prepared().await;
    for config in [output_stream(), dead_stream()] {
        context.delete_stream(&config.name).await.expect("deleted");
        context.create_stream(stream::Config { max_message_size: 5_000, ..config }).await.expect("created");
    }
    let sink = RunningSink::start(&server, Settings::default()).await;
    let outputs = vec![outputs::transition("u", 0), huge(0, 20_000), outputs::transition("u", 1)];
    sink.send(outputs::output_item(&plan(), outputs, vec![outputs::dead_letter(1, 1, &[b'y'; 9_000])])).await;
    let figures = sink.finish().await.figures();
    assert_eq!((figures.oversized, figures.published[MessageKind::DeadLetter as usize]), (1, 2));
    assert_eq!(published(&context).await, [0, 1]);
    assert_eq!(stored(&context, "REKINDLE_DEAD").await.len(), 2);
}
