//! What goes wrong, and what holds all the same.

use std::time::{Duration, Instant};

use async_nats::jetstream::stream::{self, DiscardPolicy};
use futures_util::StreamExt;
use rekindle_nats::sink::{CommitterClosed, MessageKind};
use rekindle_runtime::output::batch::OutputItem;
use rekindle_settings::OutputSettings as Settings;
use serde_json::{Value, json};

use super::outputs::{self, many, numbers, plan};
use super::{Running, Way, connect, context, dead_stream, output_stream, outputs_of, prepared, progress, stored};
use rekindle_test_kit::nats_server::NatsServer;

async fn published(context: &async_nats::jetstream::Context) -> Vec<u64> {
    let found = outputs_of(context).await;
    numbers(found.iter().map(|message| &message.payload[..]))
}

#[tokio::test]
async fn a_hundred_thousand_outputs_arrive_in_order_in_few_batches() {
    let (server, context) = prepared().await;
    let sink = Running::start(&server, Settings::default()).await;
    for output_item in many(&plan(), 0, 100_000) {
        sink.send(output_item).await;
    }
    let figures = sink.finish().await.figures();
    assert_eq!(published(&context).await, (0..100_000).collect::<Vec<_>>());
    assert_eq!((figures.errors, figures.duplicates), (0, 0));
    assert!(figures.batches < 1_000, "{} batches", figures.batches);
}

#[tokio::test]
async fn a_stream_without_batches_gets_them_one_by_one_in_order() {
    let (server, context) = prepared().await;
    context.delete_stream("REKINDLE").await.expect("deleted");
    context.create_stream(stream::Config { allow_atomic_publish: false, ..output_stream() }).await.expect("created");
    let sink = Running::start(&server, Settings::default()).await;
    for output_item in many(&plan(), 0, 20_000) {
        sink.send(output_item).await;
    }
    let figures = sink.finish().await.figures();
    assert_eq!(published(&context).await, (0..20_000).collect::<Vec<_>>());
    assert_eq!(figures.errors, 0);
}

/// Publishes while something is done to the server again and again, and holds the stream to what was published.
async fn through(way: Way, mut disturb: impl FnMut(&mut NatsServer, &Running), every: Duration) {
    let (mut server, setup) = prepared().await;
    setup.delete_stream("REKINDLE").await.expect("deleted");
    // The server's memory of message ids is not to be what helps.
    let duplicate_window = Duration::from_millis(100);
    setup.create_stream(stream::Config { duplicate_window, ..way.stream() }).await.expect("created");
    let sink = Running::start(&server, way.settings()).await;
    let (plan, mut next, mut last, mut disturbances) = (plan(), 0, Instant::now(), 0);
    while disturbances < 6 {
        for output_item in many(&plan, next, 2_000) {
            sink.send(output_item).await;
        }
        next += 2_000;
        if last.elapsed() > every {
            disturb(&mut server, &sink);
            disturbances += 1;
            last = Instant::now();
        }
    }
    let figures = sink.finish().await.figures();
    let found = published(&context(&server).await).await;
    eprintln!("{way:?}: {next} outputs, {} stored, {figures:?}", found.len());
    assert!(found == (0..next).collect::<Vec<_>>(), "lost, doubled or out of order: {} of {next}", found.len());
    assert!(figures.errors > 0, "nothing was disturbed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_and_comes_back_has_everything_once_and_in_order() {
    for way in [Way::Both, Way::Singly, Way::NoBatches] {
        let kill = |server: &mut NatsServer, _: &Running| {
            server.kill();
            server.start_again();
        };
        through(way, kill, Duration::from_millis(700)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_cut_again_and_again_loses_and_doubles_nothing() {
    for way in Way::ALL {
        let cut = |_: &mut NatsServer, sink: &Running| {
            let client = sink.client.clone();
            tokio::spawn(async move { client.force_reconnect().await });
        };
        through(way, cut, Duration::from_millis(150)).await;
    }
}

#[tokio::test]
async fn somebody_else_who_writes_into_the_stream_only_slows_it_down() {
    for way in Way::ALL {
        let (server, context) = prepared().await;
        context.delete_stream("REKINDLE").await.expect("deleted");
        context.create_stream(way.stream()).await.expect("created");
        let sink = Running::start(&server, way.settings()).await;
        let foreign = connect(&server).await;
        let writer = tokio::spawn(async move {
            // Without batches outputs must find a moment between two of these.
            let pause = if matches!(way, Way::NoBatches) { Duration::from_millis(20) } else { Duration::ZERO };
            loop {
                foreign.publish("rekindle.rules", "foreign".into()).await.expect("sent");
                foreign.flush().await.expect("sent");
                tokio::time::sleep(pause).await;
            }
        });
        for output_item in many(&plan(), 0, 5_000) {
            sink.send(output_item).await;
        }
        sink.finish().await;
        writer.abort();
        let found = outputs_of(&context).await;
        let ours = found.iter().filter(|message| message.subject.as_str() != "rekindle.rules");
        assert_eq!(numbers(ours.map(|message| &message.payload[..])), (0..5_000).collect::<Vec<_>>(), "{way:?}");
    }
}

#[tokio::test]
async fn whoever_takes_over_ends_the_one_before_and_goes_on_counting() {
    let (server, context) = prepared().await;
    let first = Running::start(&server, Settings::default()).await;
    first.send(outputs::group(&plan(), 0, 7, vec![outputs::transition("u", 0)], vec![])).await;
    while first.status.figures().committed_sequence < 7 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let found = progress(&context).await;
    assert_eq!((found.epoch, found.ordinal, found.committed.sequence, found.committed.open), (1, 1, 7, None));
    let second = Running::start(&server, Settings::default()).await;
    while progress(&context).await.epoch < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // The first knows nothing of it until it has something to say.
    first.send(outputs::group(&plan(), 7, 8, vec![outputs::transition("u", 1)], vec![])).await;
    let ended = tokio::time::timeout(Duration::from_secs(20), first.task).await.expect("it ends").expect("no panic");
    let Err(CommitterClosed::TakenOver { epoch: 2, own_epoch: 1, .. }) = ended else { panic!("{ended:?}") };
    second.send(outputs::group(&plan(), 7, 8, vec![outputs::transition("u", 1)], vec![])).await;
    second.finish().await;
    assert_eq!(published(&context).await, [0, 1]);
    assert_eq!(progress(&context).await.ordinal, 2);
}

/// Whenever the process dies, what is out of a large group is told by the last record, whichever way it went.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_is_out_in_part_is_open_and_goes_on_where_it_was() {
    for way in Way::ALL {
        let (server, context) = prepared().await;
        context.delete_stream("REKINDLE").await.expect("deleted");
        context.create_stream(way.stream()).await.expect("created");
        let all = || (0..20_000).map(|number| outputs::transition(&format!("u{}", number % 10), number));
        let mut interruptions = 0;
        let mut out = 0;
        while out < 20_000 {
            // The stream has room for 6,000 messages more, so the sink is in the middle of the group when it dies.
            let is_last = out + 6_000 > 20_000;
            let max_messages = if is_last { -1 } else { messages(&context).await + 6_000 };
            let stream = stream::Config { max_messages, discard: DiscardPolicy::New, ..way.stream() };
            context.update_stream(stream).await.expect("updated");
            let sink = Running::start(&server, way.settings()).await;
            let mut group = outputs::group(&plan(), 0, 9, all().collect(), vec![]);
            let OutputItem::Batch(output_batch) = &mut group else { unreachable!("a group is one") };
            if let Some(open) = sink.took_over().await.open {
                output_batch.before.open = Some(open);
                output_batch.outputs.drain(..usize::try_from(open.sent).expect("small"));
                output_batch.messages_published = open.messages;
            }
            sink.send(group).await;
            if is_last {
                while outputs_of(&context).await.len() < 20_000 {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            } else {
                sink.fails_with("the stream is full or out of storage").await;
                interruptions += 1;
            }
            sink.task.abort();
            let _ = sink.task.await;
            out = outputs_of(&context).await.len();
        }
        assert!(interruptions > 2, "it was interrupted {interruptions} times");
        assert_eq!(published(&context).await, (0..20_000).collect::<Vec<_>>(), "{way:?}");
    }
}

#[tokio::test]
async fn a_missing_stream_is_named_and_nothing_is_lost_once_it_is_there() {
    let server = NatsServer::start();
    let context = context(&server).await;
    let sink = Running::start(&server, Settings::default()).await;
    sink.fails_with("there is no stream REKINDLE on this server").await;
    context.create_stream(output_stream()).await.expect("created");
    sink.fails_with("there is no stream REKINDLE_DEAD on this server").await;
    context.create_stream(dead_stream()).await.expect("created");
    sink.send(outputs::output_item(&plan(), vec![outputs::transition("u", 0)], vec![outputs::letter(1, 1, b"x")]))
        .await;
    sink.finish().await;
    assert_eq!(published(&context).await, [0]);
    assert_eq!(stored(&context, "REKINDLE_DEAD").await.len(), 1);
}

#[tokio::test]
async fn a_stream_deleted_and_made_anew_gets_what_comes_after_it() {
    let (server, context) = prepared().await;
    let sink = Running::start(&server, Settings::default()).await;
    sink.send(outputs::output_item(&plan(), vec![outputs::transition("u", 0), outputs::transition("u", 1)], vec![]))
        .await;
    while sink.status.figures().published[MessageKind::Transition as usize] < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    context.delete_stream("REKINDLE").await.expect("deleted");
    sink.send(outputs::output_item(&plan(), vec![outputs::transition("u", 2), outputs::transition("u", 3)], vec![]))
        .await;
    sink.fails_with("there is no stream REKINDLE on this server").await;
    context.create_stream(output_stream()).await.expect("created");
    sink.finish().await;
    assert_eq!(published(&context).await, [2, 3]);
}

#[tokio::test]
async fn a_subject_that_no_stream_takes_is_named() {
    let (server, context) = prepared().await;
    let subjects = vec!["rekindle.segments.>".to_owned(), "rekindle.progress".to_owned()];
    context.delete_stream("REKINDLE").await.expect("deleted");
    context.create_stream(stream::Config { subjects, ..output_stream() }).await.expect("created");
    let sink = Running::start(&server, Settings::default()).await;
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
    let sink = Running::start(&server, Settings::default()).await;
    let sending = {
        let (sender, output_items) = (sink.sender.clone(), many(&plan(), 0, 50_000));
        tokio::spawn(async move {
            for output_item in output_items {
                sender.send(output_item).await.expect("the sink runs");
            }
        })
    };
    sink.fails_with("the stream is full or out of storage").await;
    assert!(!sending.is_finished(), "what does not fit waits in front of the sink");
    assert!(published(&context).await.len() <= 1_000);
    context.update_stream(output_stream()).await.expect("updated");
    sending.await.expect("sent");
    sink.finish().await;
    assert_eq!(published(&context).await, (0..50_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_missing_permission_is_told_and_waited_for() {
    a_missing_permission(Way::Batches, "a message did not reach the stream with the rest of its batch").await;
    a_missing_permission(Way::Both, "no answer to a message on rekindle.actions.email.hello-again_1").await;
}

async fn a_missing_permission(way: Way, told: &str) {
    // Whatever else it needs stands here: this is all the documented permissions but one.
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
    let sink = Running::with_client(connect("sink", "s").await, way.settings());
    let outputs = vec![outputs::transition("u", 0), outputs::action("u", 0), outputs::transition("u", 1)];
    sink.send(outputs::output_item(&plan(), outputs, Vec::new())).await;
    // Which permission, the connection's status tells: see the daemon's tests.
    sink.fails_with(told).await;
    server.reconfigure(some, &all);
    sink.finish().await;
    assert_eq!(outputs_of(&context).await.len(), 3);
}

fn huge(number: u64, bytes: usize) -> rekindle_core::partition::Output {
    let mut output = outputs::action("u", number);
    if let rekindle_core::partition::OutputKind::Decision { payload: Some(payload), .. } = &mut output.decided {
        payload.insert("text".to_owned(), rekindle_core::json::JsonText::of(&"x".repeat(bytes)));
    }
    output
}

#[tokio::test]
async fn an_output_too_large_for_the_server_becomes_a_dead_letter_and_the_rest_goes_on() {
    let (server, context) = prepared().await;
    let sink = Running::start(&server, Settings::default()).await;
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
    let sink = Running::start(&server, Settings::default()).await;
    let outputs = vec![outputs::transition("u", 0), huge(0, 20_000), outputs::transition("u", 1)];
    sink.send(outputs::output_item(&plan(), outputs, vec![outputs::letter(1, 1, &[b'y'; 9_000])])).await;
    let figures = sink.finish().await.figures();
    assert_eq!((figures.oversized, figures.published[MessageKind::DeadLetter as usize]), (1, 2));
    assert_eq!(published(&context).await, [0, 1]);
    assert_eq!(stored(&context, "REKINDLE_DEAD").await.len(), 2);
}

#[tokio::test]
async fn without_jetstream_subscribers_get_what_is_published_while_they_listen() {
    let server = NatsServer::start();
    let mut heard = connect(&server).await.subscribe("rekindle.>").await.expect("subscribed");
    tokio::time::sleep(Duration::from_millis(100)).await;
    let sink = Running::start(&server, Settings { jetstream: false, ..Settings::default() }).await;
    sink.send(outputs::output_item(&plan(), vec![outputs::transition("u", 0)], vec![outputs::letter(1, 1, b"x")]))
        .await;
    let figures = sink.finish().await.figures();
    assert_eq!(figures.published[MessageKind::Transition as usize], 1);
    let subjects = [heard.next().await.expect("heard").subject, heard.next().await.expect("heard").subject];
    assert_eq!(subjects.map(|subject| subject.to_string()), ["rekindle.dead", "rekindle.segments.active.enter"]);
}

/// Figures, with `--nocapture` in a release build; that it is a request of its own is held to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_few_outputs_are_acknowledged_at_once() {
    for (way, outputs) in [(Way::Both, 1), (Way::Both, 8), (Way::Both, 63), (Way::Batches, 1), (Way::Batches, 63)] {
        let (server, context) = prepared().await;
        let sink = Running::start(&server, way.settings()).await;
        let plan = plan();
        let mut took = Vec::new();
        for round in 0..100 {
            let some = (0..outputs).map(|number| outputs::transition("u", round * outputs + number)).collect();
            let started = Instant::now();
            sink.send(outputs::output_item(&plan, some, vec![])).await;
            while sink.status.figures().published[MessageKind::Transition as usize] < (round + 1) * outputs {
                tokio::time::sleep(Duration::from_micros(20)).await;
            }
            took.push(started.elapsed());
        }
        let figures = sink.finish().await.figures();
        took.sort();
        eprintln!("{way:?}, {outputs} outputs: median {:?}, 90th {:?}, longest {:?}", took[50], took[90], took[99]);
        assert_eq!(published(&context).await, (0..100 * outputs).collect::<Vec<_>>());
        assert_eq!(figures.batches, if matches!(way, Way::Batches) { 100 } else { 100 * outputs });
    }
}

/// Not a test: figures, with `--ignored --nocapture`, in a release build.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn how_many_outputs_a_second() {
    for way in [Way::Both, Way::Singly] {
        let (server, _context) = prepared().await;
        let sink = Running::start(&server, way.settings()).await;
        let output_items = many(&plan(), 0, 300_000);
        let started = Instant::now();
        for output_item in output_items {
            sink.send(output_item).await;
        }
        let figures = sink.finish().await.figures();
        let rate = 300_000.0 / started.elapsed().as_secs_f64();
        eprintln!("{way:?}: {rate:.0} messages/s in {} acknowledged requests", figures.batches);
    }
}

/// How many messages the stream of outputs holds.
async fn messages(context: &async_nats::jetstream::Context) -> i64 {
    let mut stream = context.get_stream("REKINDLE").await.expect("it is there");
    i64::try_from(stream.info().await.expect("an answer").state.messages).expect("few")
}
