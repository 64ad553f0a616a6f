//! Rules that know the past take over, and take over again at the same record when the engine recovers.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::FutureExt;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::{RULES, plan, view_of};
use crate::live::{
    AwaitedPast, EngineEndpoints, EngineHandle, EngineStart, PastPipeline, RecoveredPast, RecoveredRulesChange,
    Recovery, RulesChangeError, start,
};
use crate::log::{LogRecord, RecordBatch};
use crate::output::batch::OutputItem;
use crate::output::committed_position::CommittedPosition;
use crate::pipeline::{Pipeline, PipelineOptions, RestoredPipeline};

const KEEN: &str = "[[segments]]\nid = 'keen'\nwhen = 'total(view) >= 2'\n\
                    [[campaigns]]\nid = 'hello'\non = 'enter:keen'\nchannel = 'email'\n";
/// Where the rules take effect, and the last record of the log.
const SWITCH: u64 = 20;
const LAST: u64 = 30;

fn next_rules() -> String {
    format!("{RULES}{KEEN}")
}

fn options() -> PipelineOptions {
    PipelineOptions { workers: 1, partitions: 2, ..PipelineOptions::default() }
}

/// Views of seven users in turn.
fn log(sequences: std::ops::RangeInclusive<u64>) -> RecordBatch {
    sequences.map(|sequence| view_of(&format!("u{}", sequence % 7), sequence)).collect()
}

fn pipeline(rules: &str) -> Pipeline {
    Pipeline::new(plan(rules), options()).expect("threads start")
}

fn past_through(sequence: u64) -> PastPipeline {
    let mut past = PastPipeline { pipeline: pipeline(&next_rules()), sequence: 0 };
    past.pipeline.decide_nothing();
    past.read(&log(1..=sequence), LAST);
    past
}

/// An engine whose outputs are collected while it runs: its queues are short, so nobody may wait for it with outputs untaken.
struct RunningEngine {
    live: EngineHandle,
    batches: mpsc::Sender<RecordBatch>,
    published: JoinHandle<Vec<String>>,
}

impl RunningEngine {
    async fn send(&self, records: &[LogRecord]) {
        for batch in records.chunks(3) {
            self.batches.send(batch.to_vec()).await.expect("the engine takes it");
        }
    }

    /// Everything that was published once everything sent is applied.
    async fn end(self) -> Vec<String> {
        drop(self.batches);
        self.published.await.expect("no panic")
    }
}

async fn engine(pipeline: Pipeline, sequence: u64, recovery: Recovery) -> RunningEngine {
    let at = EngineStart { sequence, generation: 0 };
    let EngineEndpoints { live, batches, output_items, .. } =
        start(pipeline, at, tokio::runtime::Handle::current()).expect("a thread starts");
    let published = tokio::spawn(published(output_items));
    live.recover(recovery).await.expect("it runs");
    RunningEngine { live, batches, published }
}

/// Everything that an engine publishes until it ends, as text.
async fn published(mut output_items: mpsc::Receiver<OutputItem>) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(item) = output_items.recv().await {
        let OutputItem::Batch(batch) = item else { continue };
        if let Some(activation) = &batch.rules_activation {
            all.push(format!("{activation:?}"));
        }
        all.extend(batch.outputs.iter().map(|output| format!("{output:?}")));
    }
    all
}

/// Waits until the engine has applied this record.
async fn applied(ends: &RunningEngine, sequence: u64) {
    while ends.live.sequence() < sequence {
        tokio::task::yield_now().await;
    }
}

/// What is published of the whole log by an engine that is never restarted, with the rules taking effect after [`SWITCH`].
async fn uninterrupted() -> Vec<String> {
    let ends = engine(pipeline(RULES), 0, Recovery::default()).await;
    ends.send(&log(1..=SWITCH)).await;
    applied(&ends, SWITCH).await;
    let (through, awaited) = oneshot::channel();
    let (hand_over, pipeline) = oneshot::channel();
    let mut past = past_through(SWITCH - 8);
    let reads = async move {
        let through = awaited.await.expect("the engine asks");
        assert_eq!(through, SWITCH);
        past.read(&log(SWITCH - 12..=LAST), through);
        let _ = hand_over.send(Box::new(past.pipeline));
    };
    let takes = ends.live.take_over(AwaitedPast { through, pipeline }, 0, Box::new(|_| async { Ok(1) }.boxed()));
    let ((), taken) = tokio::join!(reads, takes);
    assert!(taken.expect("it is taken").from_log);
    ends.send(&log(SWITCH + 1..=LAST)).await;
    ends.end().await
}

#[tokio::test]
async fn an_engine_that_recovers_takes_over_where_it_did_before() {
    let expected = uninterrupted().await;
    assert!(expected.iter().filter(|line| line.contains("Rules { change: 1 }")).count() >= 5, "{expected:#?}");
    // What was stored of the past is older than the checkpoint, as old, or newer; or all of it had been read.
    for (stored, restored) in [(9, 14), (12, 12), (17, 5), (20, 20), (3, 20), (20, 0)] {
        let mut at = pipeline(RULES);
        let mut outputs = Vec::new();
        for record in log(1..=restored.max(1)).iter().take(usize::try_from(restored).expect("small")) {
            at.feed_entries(&[super::super::processing::entry(record)], &mut |_| {}, &mut outputs);
        }
        let bytes = past_through(stored).pipeline.encode_checkpoint();
        let rules = plan(&next_rules());
        let state = RestoredPipeline::read(&rules, &[&bytes]).expect("it was just written");
        let mut past = Pipeline::restore(Arc::clone(&rules), options(), state).expect("intact");
        past.decide_nothing();
        let past = Some(RecoveredPast::new(PastPipeline { pipeline: past, sequence: stored }));
        let change = RecoveredRulesChange { sequence: SWITCH, generation: 1, plan: rules, past };
        let recovery = Recovery { committed: CommittedPosition::before(restored), changes: VecDeque::from([change]) };
        let from = recovery.reads_after(restored);
        assert_eq!(from, stored.min(restored));
        let ends = engine(at, restored, recovery).await;
        ends.send(&log(from + 1..=LAST)).await;
        let found = ends.end().await;
        let rest = &expected[expected.len() - found.len()..];
        assert_eq!(rest, found, "stored at {stored}, restored at {restored}");
        assert!(found.iter().any(|line| line.contains("from_log: true")), "{found:#?}");
    }
}

#[tokio::test]
async fn rules_do_not_take_over_late_or_after_other_rules() {
    let ends = engine(pipeline(RULES), 0, Recovery::default()).await;
    ends.send(&log(1..=SWITCH)).await;
    let recorder = || -> crate::live::RulesChangeRecorder { Box::new(|_| async { Ok(1) }.boxed()) };
    // It never hands over.
    let (through, awaited) = oneshot::channel();
    let (hand_over, pipeline) = oneshot::channel::<Box<Pipeline>>();
    let late = ends.live.take_over(AwaitedPast { through, pipeline }, 0, recorder()).await;
    assert!(matches!(late, Err(RulesChangeError::PastIsLate)), "{late:?}");
    assert!(awaited.await.is_ok() && hand_over.is_closed(), "it was asked, and is not waited for any more");
    ends.live.change_rules(plan(&next_rules()), recorder()).await.expect("an ordinary change");
    let (through, _awaited) = oneshot::channel();
    let (_hand_over, pipeline) = oneshot::channel();
    let other = ends.live.take_over(AwaitedPast { through, pipeline }, 0, recorder()).await;
    assert!(matches!(other, Err(RulesChangeError::OtherRules)), "{other:?}");
}
