//! The live engine between two channels: no broker, no HTTP.

mod past;
mod timer_steps;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use futures_util::FutureExt;

use super::{BATCH_QUEUE_CAPACITY, EngineEndpoints, EngineStart, EngineStats, OUTPUT_QUEUE_CAPACITY, Recovery, start};
use crate::log::{LogRecord, RecordKind};
use crate::output::batch::OutputItem;
use crate::output::committed_position::CommittedPosition;
use crate::pipeline::{Pipeline, PipelineOptions};
use rekindle_core::partition::{ExecutionPlan, OutputKind};
use rekindle_core::rules;
use rekindle_core::time::Timestamp;

const RULES: &str = "[events]\nview = 'View'\n[[segments]]\nid = 'seen'\nwhen = 'total(view) >= 1'\n";

fn plan(text: &str) -> Arc<ExecutionPlan> {
    Arc::new(ExecutionPlan::new(rules::compile(text).unwrap_or_else(|_| unreachable!("the rules have no mistake"))))
}

async fn ends() -> EngineEndpoints {
    ends_with(RULES).await
}

async fn ends_with(rules: &str) -> EngineEndpoints {
    let options = PipelineOptions { workers: 1, partitions: 2, ..PipelineOptions::default() };
    let pipeline = Pipeline::new(plan(rules), options).expect("threads start");
    let ends = start(pipeline, EngineStart::default(), tokio::runtime::Handle::current()).expect("a thread starts");
    ends.live.recover(Recovery::default()).await.expect("it runs");
    ends
}

fn view_of(user: &str, sequence: u64) -> LogRecord {
    let line = format!(r#"{{"type":"track","event":"View","userId":"{user}","messageId":"m{sequence}"}}"#);
    LogRecord {
        sequence,
        received: Timestamp(1_000_000 + i64::try_from(sequence).expect("small")),
        kind: RecordKind::Events,
        lines: Bytes::from(line),
    }
}

/// Whether the engine waits for its sink, and the source for the engine.
fn has_full_queues(stats: &EngineStats) -> bool {
    stats.queued_outputs == OUTPUT_QUEUE_CAPACITY && stats.queued_batches == BATCH_QUEUE_CAPACITY
}

fn is_change(output_item: &OutputItem) -> bool {
    matches!(output_item, OutputItem::Batch(output_batch) if output_batch.rules_activation.is_some())
}

#[tokio::test]
async fn a_batch_becomes_an_output_batch_and_the_view_is_updated_before_it_is_published() {
    let mut ends = ends().await;
    let junk =
        LogRecord { sequence: 8, received: Timestamp(0), kind: RecordKind::Events, lines: Bytes::from_static(b"junk") };
    ends.batches.send(vec![view_of("u", 7), junk]).await.expect("the engine takes it");
    let Some(OutputItem::Batch(output_batch)) = ends.output_items.recv().await else { panic!("no batch") };
    assert_eq!((output_batch.outputs.len(), output_batch.first_position), (1, 0));
    assert_eq!(output_batch.received, [Timestamp(1_000_007)]);
    assert_eq!((output_batch.dead_letters[0].sequence, output_batch.dead_letters[0].line), (8, 1));
    assert_eq!(ends.live.view().segments_of("u"), ["seen"]);
    let report = ends.live.describe("u").await.expect("an answer").expect("a user");
    assert_eq!(report.segments, ["seen"]);
    assert_eq!(ends.live.describe("nobody").await, Ok(None));
}

/// In one batch: decisions about the forgotten user are removed, and those about a new user with the same id stay.
#[tokio::test]
async fn a_user_is_forgotten_everywhere_between_two_events_of_a_batch() {
    let mut ends =
        ends_with(&format!("{RULES}[[campaigns]]\nid = 'hello'\non = 'enter:seen'\nchannel = 'email'\n")).await;
    let forget = |user: &str, sequence| {
        let lines = Bytes::from(format!("{{\"user\":\"{user}\"}}"));
        LogRecord { sequence, received: Timestamp(1_000_000), kind: RecordKind::Forget, lines }
    };
    let batch = vec![view_of("u", 1), view_of("v", 2), forget("u", 3), view_of("u", 4), forget("v", 5)];
    ends.batches.send(batch).await.expect("the engine takes it");
    let Some(OutputItem::Batch(output_batch)) = ends.output_items.recv().await else { panic!("no batch") };
    assert_eq!(output_batch.outputs.len(), 6, "what was decided is published");
    let live = &ends.live;
    assert_eq!((live.view().segments_of("u"), live.view().segments_of("v").len()), (vec!["seen".to_owned()], 0));
    assert_eq!((live.decisions_of("u").len(), live.decisions_of("v").len()), (1, 0));
    assert!(live.export("u").await.expect("an answer").is_some_and(|export| export.state.is_some()));
    assert_eq!((live.export("v").await, live.describe("v").await), (Ok(None), Ok(None)));
}

#[tokio::test]
async fn when_the_source_ends_everything_received_is_processed_first() {
    let mut ends = ends().await;
    for sequence in 1..=4 {
        ends.batches.send(vec![view_of(&format!("u{sequence}"), sequence)]).await.expect("the engine takes it");
    }
    drop(ends.batches);
    let mut users = Vec::new();
    while let Some(output_item) = ends.output_items.recv().await {
        let OutputItem::Batch(output_batch) = output_item else { panic!("nobody set a barrier") };
        users.extend(output_batch.outputs.iter().map(|output| output.user.to_string()));
    }
    users.sort();
    assert_eq!(users, ["u1", "u2", "u3", "u4"]);
    ends.thread.join().expect("the engine ends well");
    assert_eq!(ends.live.stats().totals.events, 4);
    assert!(ends.live.describe("u1").await.is_err());
}

/// Nobody receives output batches: requests are answered all the same, and rules change when there is room.
#[tokio::test]
async fn a_slow_sink_stops_the_batches_and_not_the_answers() {
    let mut ends = ends().await;
    let mut sent = 0;
    // The engine joins the batches that wait, so how many it takes before it stops depends on the machine; that both queues
    // are full does not.
    let intake_stops = async {
        loop {
            match ends.batches.try_send(vec![view_of("u", sent)]) {
                Ok(()) => sent += 1,
                Err(_) if has_full_queues(&ends.live.stats()) => break,
                Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), intake_stops).await.expect("a full sink stops the intake");
    assert!(ends.live.describe("u").await.expect("an answer").is_some());
    let (live, changed) = (ends.live.clone(), plan(&RULES.replace(">= 1", ">= 2")));
    let version = changed.rules.version.clone();
    let change = tokio::spawn(async move { live.change_rules(changed, Box::new(|_| async { Ok(1) }.boxed())).await });
    assert!(ends.live.describe("u").await.expect("an answer").is_some());
    let mut output_items = Vec::new();
    while !output_items.iter().any(is_change) {
        output_items.push(ends.output_items.recv().await.expect("an output batch"));
    }
    drop(ends.batches);
    while let Some(output_item) = ends.output_items.recv().await {
        output_items.push(output_item);
    }
    let activation = change.await.expect("no panic").expect("the rules change");
    assert_eq!(activation.rules, version);
    let entered = output_items.iter().filter_map(|output_item| match output_item {
        OutputItem::Batch(output_batch) => Some(&output_batch.outputs),
        OutputItem::Barrier(_) => None,
    });
    let entered = entered.flatten().filter(|output| matches!(output.decided, OutputKind::Transition { .. })).count();
    assert_eq!((entered, ends.live.stats().totals.events), (1, sent));
}

#[tokio::test]
async fn the_bytes_of_state_grow_with_the_users() {
    let ends = ends().await;
    let mut bytes = Vec::new();
    for round in 0..3 {
        let EngineEndpoints { batches, .. } = &ends;
        batches
            .send((0..500).map(|n| view_of(&format!("user-{round}-{n}"), round * 500 + n)).collect())
            .await
            .expect("taken");
        tokio::time::timeout(Duration::from_secs(10), async {
            while ends.live.stats().totals.events < (round + 1) * 500
                || ends.live.stats().state_bytes <= bytes.last().copied().unwrap_or(0)
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
        .expect("the count goes on");
        bytes.push(ends.live.stats().state_bytes);
    }
    // A user here has a cell, a messageId and an id: more than 100 bytes, and less than 2,000 with all growth.
    let per_user = bytes[2] / 1_500;
    assert!((100..2_000).contains(&per_user), "{bytes:?}");
}

/// While the log is replayed up to the committed position, there are no growth numbers that could be mistaken for current.
#[tokio::test]
async fn there_are_no_growth_numbers_during_recovery() {
    let plan = plan(&format!("{RULES}[growth]\n"));
    let pipeline = Pipeline::new(plan, PipelineOptions { workers: 1, partitions: 2, ..PipelineOptions::default() })
        .expect("threads start");
    let mut ends = start(pipeline, EngineStart::default(), tokio::runtime::Handle::current()).expect("a thread starts");
    let committed = CommittedPosition { position: 2, ..CommittedPosition::before(2) };
    ends.live.recover(Recovery { committed, ..Recovery::default() }).await.expect("it runs");
    let numbers = |live: &super::EngineHandle| live.stats().growth.clone();
    ends.batches.send(vec![view_of("u", 1)]).await.expect("taken");
    // An answer comes after the batch.
    assert_eq!(ends.live.describe("nobody").await, Ok(None));
    assert!(!ends.live.is_live() && numbers(&ends.live).is_none());
    ends.batches.send(vec![view_of("v", 2)]).await.expect("taken");
    ends.live.recovered().await;
    ends.batches.send(vec![view_of("w", 3)]).await.expect("taken");
    let Some(OutputItem::Batch(_)) = ends.output_items.recv().await else { panic!("no batch") };
    drop(ends.batches);
    while ends.output_items.recv().await.is_some() {}
    let numbers = numbers(&ends.live).expect("all has fired");
    let known = numbers.numbers.days.last().map_or(0, |day| day.known_users);
    assert!(known >= 2, "{known} of the replayed users");
}

/// Many timers are due at once: the outputs of an event wait for some of them, not for all, and in the end all have fired.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_does_not_wait_until_all_due_timers_have_fired() {
    const USERS: u64 = 30_000;
    let mut ends =
        ends_with(&format!("{RULES}[[segments]]\nid = 'dormant'\nwhen = 'idle() >= duration(\"1h\")'\n")).await;
    let view = |sequence: u64, ms: u64| LogRecord {
        received: Timestamp(i64::try_from(ms).expect("small")),
        ..view_of(&format!("u{sequence}"), sequence)
    };
    ends.batches
        .send((1..=USERS).map(|sequence| view(sequence, 1_000_000 + sequence / 30)).collect())
        .await
        .expect("taken");
    let mut outputs = Vec::new();
    while outputs.len() < USERS as usize {
        let Some(OutputItem::Batch(output_batch)) = ends.output_items.recv().await else { panic!("no batch") };
        outputs.extend(output_batch.outputs);
    }
    let tick =
        |sequence, ms| LogRecord { sequence, received: Timestamp(ms), kind: RecordKind::Tick, lines: Bytes::new() };
    ends.batches.send(vec![tick(USERS + 1, 9_000_000)]).await.expect("taken");
    let new = view(USERS + 2, 9_000_001);
    ends.batches.send(vec![new]).await.expect("taken");
    drop(ends.batches);
    let (mut before, mut after, mut is_in) = (0, 0, false);
    while let Some(OutputItem::Batch(output_batch)) = ends.output_items.recv().await {
        for output in &output_batch.outputs {
            match &*output.user {
                "u30002" => is_in = true,
                _ if is_in => after += 1,
                _ => before += 1,
            }
        }
        assert!(output_batch.outputs.len() <= 3_000, "{} at once", output_batch.outputs.len());
    }
    assert!(is_in);
    assert_eq!(before + after, USERS as usize);
    assert!(before <= 6_000, "{before} timers fired before it");
}
