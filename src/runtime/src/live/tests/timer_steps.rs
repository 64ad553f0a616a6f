//! A kill between, or within, the groups of timers that are due at one instant: nothing is lost and nothing comes twice.

use super::*;
use crate::output::batch::OutputBatch;
use crate::output::committed_position::PartialGroup;
use crate::pipeline::RestoredPipeline;
use rekindle_core::partition::{Output, TimerMark};

const USERS: u64 = 12_000;
const DORMANT: &str = "[events]\nview = 'View'\n[[segments]]\nid = 'dormant'\nwhen = 'idle() >= duration(\"1h\")'\n";

/// All users are due at one instant; then events of some of them come, and of a new one.
fn log() -> Vec<LogRecord> {
    let view = |user: String, sequence, ms| LogRecord { received: Timestamp(ms), ..view_of(&user, sequence) };
    let mut log: Vec<LogRecord> =
        (1..=USERS).map(|sequence| view(format!("u{sequence}"), sequence, 1_000_000)).collect();
    let tick =
        |sequence, ms| LogRecord { sequence, received: Timestamp(ms), kind: RecordKind::Tick, lines: Bytes::new() };
    log.push(tick(USERS + 1, 9_000_000));
    log.extend((2..200).map(|n| view(format!("u{}", n * 50), USERS + n, 9_000_000 + i64::try_from(n).expect("small"))));
    log
}

fn pipeline(partitions: usize) -> Pipeline {
    let options = PipelineOptions { workers: 1, partitions, ..PipelineOptions::default() };
    Pipeline::new(plan(DORMANT), options).expect("threads start")
}

/// What an engine publishes of the log after `start`, as output batches.
async fn published(pipeline: Pipeline, start_at: EngineStart, committed: CommittedPosition) -> Vec<OutputBatch> {
    let EngineEndpoints { live, batches, mut output_items, .. } =
        start(pipeline, start_at, tokio::runtime::Handle::current()).expect("a thread starts");
    live.recover(Recovery { committed, ..Recovery::default() }).await.expect("it runs");
    let after: Vec<LogRecord> = log().into_iter().filter(|record| record.sequence > start_at.sequence).collect();
    let feeding = tokio::spawn(async move {
        for group in after.chunk_by(|a, b| a.received == b.received) {
            batches.send(group.to_vec()).await.expect("taken");
        }
    });
    let mut published = Vec::new();
    while let Some(item) = output_items.recv().await {
        let OutputItem::Batch(batch) = item else { continue };
        published.push(batch);
    }
    feeding.await.expect("all is sent");
    published
}

fn told<'o>(outputs: impl IntoIterator<Item = &'o Output>) -> Vec<String> {
    // The position of a timer's output is that of the log when it fired, which depends on what came first.
    let mut told: Vec<String> =
        outputs.into_iter().map(|output| format!("{} {:?} {:?}", output.user, output.at, output.decided)).collect();
    told.sort();
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_among_timers_of_one_instant_loses_and_repeats_nothing() {
    let all = published(pipeline(2), EngineStart::default(), CommittedPosition::before(0)).await;
    let expected = told(all.iter().flat_map(|batch| &batch.outputs));
    assert!(expected.len() >= USERS as usize);
    let within: Vec<usize> = (0..all.len()).filter(|at| all[*at].committed.fired_turns > 0).collect();
    assert!(within.len() >= 4, "{} groups within an instant", within.len());
    assert!(all.iter().all(|batch| batch.fires_to.is_none() || batch.outputs.len() <= 3_000));
    // A checkpoint within the instant, as old as the first group that is cut there at the most.
    let checkpoint = {
        let mut pipeline = pipeline(3);
        pipeline.limit_timers(TimerMark::MIN);
        let records = log();
        for record in records.iter().filter(|record| record.sequence <= USERS + 1) {
            pipeline.feed_entries(&[crate::live::processing::entry(record)], &mut |_| {}, &mut Vec::new());
        }
        pipeline.fire_timers(all[within[0]].committed.fired(), &mut Vec::new());
        pipeline.encode_checkpoint()
    };
    for at in [within[0], within[1], within[within.len() / 2], within[within.len() - 1]] {
        let batch = &all[at];
        let open = |sent: usize| PartialGroup {
            sent: sent as u64,
            ..PartialGroup::messages_through(batch.committed.sequence).firing_to(batch.fires_to)
        };
        let partly = |sent: usize| (sent, CommittedPosition { open: Some(open(sent)), ..batch.before.clone() });
        let half = batch.outputs.len() / 2;
        for (sent, committed) in [(batch.outputs.len(), batch.committed.clone()), partly(0), partly(half)] {
            // As a progress record brings it.
            let committed: CommittedPosition =
                serde_json::from_str(&serde_json::to_string(&committed).expect("JSON")).expect("JSON");
            let before = || all[..at].iter().flat_map(|batch| &batch.outputs).chain(&batch.outputs[..sent]);
            let rest = published(pipeline(5), EngineStart::default(), committed.clone()).await;
            let again = told(before().chain(rest.iter().flat_map(|batch| &batch.outputs)));
            assert!(again == expected, "from the start: {} of {}, {sent} of group {at}", again.len(), expected.len());
            if committed.sequence > USERS && at > within[0] {
                let restored = RestoredPipeline::read(&plan(DORMANT), &[&checkpoint]).expect("intact");
                let options = PipelineOptions { workers: 1, partitions: 4, ..PipelineOptions::default() };
                let pipeline = Pipeline::restore(plan(DORMANT), options, restored).expect("intact");
                let start = EngineStart { sequence: USERS + 1, ..EngineStart::default() };
                let rest = published(pipeline, start, committed).await;
                let again = told(before().chain(rest.iter().flat_map(|batch| &batch.outputs)));
                assert!(again == expected, "checkpoint: {} of {}, {sent} of {at}", again.len(), expected.len());
            }
        }
    }
}
