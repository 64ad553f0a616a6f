//! A page with every metric there is.

use std::sync::Arc;
use std::time::Instant;

use hdrhistogram::Histogram;
use rekindle::metrics::{CheckpointStatus, ConnectionNumbers, MetricsPage, RecentLatencies, SourceNumbers};
use rekindle::reload::ReloadCounts;
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::rules;
use rekindle_core::time::Timestamp;
use rekindle_nats::sink::{SinkFigures, SinkStatus};
use rekindle_runtime::live::EngineStats;
use rekindle_runtime::pipeline::{Pipeline, PipelineOptions};

const RULES: &str = "[events]\nview = 'View'\n
    [[segments]]\nid = 'seen'\nwhen = 'total(view) >= 1 || total(view.price) > 1e9'\n
    [[campaigns]]\nid = 'hello'\non = 'enter:seen'\nchannel = 'email'\n";

const EVENT: &str = r#"{"type":"track","event":"View","userId":"u","timestamp":"2026-03-05T09:00:00Z"}"#;

/// How many latencies there are in it: 1 ms, 2 ms, and so on.
pub(crate) const LATENCIES: u64 = 1_000;

pub(crate) fn page() -> MetricsPage {
    let mut page = MetricsPage::default();
    page.stats(&stats(), Timestamp(1_772_701_201_500));
    page.source(&SourceNumbers {
        messages: 7,
        bytes: 700,
        lag_messages: Some(3),
        lag_seconds: Some(0.25),
        ..SourceNumbers::default()
    });
    page.sink(&SinkFigures { published: [1, 1, 1, 0, 1, 2, 3], batches: 2, ..SinkStatus::default().figures() });
    page.connection(&ConnectionNumbers { ready: true, connected: true, ..ConnectionNumbers::default() });
    let mut pauses = Histogram::new(3).expect("a sound precision");
    pauses.record(1_500).expect("it grows by itself");
    let checkpoints = CheckpointStatus {
        written: [1.into(), 2.into()],
        last_ms: 1_772_701_200_000.into(),
        took_us: 250_000.into(),
        bytes: 4_096.into(),
        users: 1.into(),
        ..CheckpointStatus::default()
    };
    page.recovering(false);
    page.checkpoints(&checkpoints, &pauses);
    page.reloads(ReloadCounts { applied: 1, unchanged: 1, refused: 0 }, Timestamp(1_772_701_000_000));
    page.unseen([("event", "order")].into_iter());
    let mut latencies = Histogram::new(3).expect("a sound precision");
    (1..=LATENCIES).for_each(|ms| latencies.record(ms * 1_000).expect("it grows by itself"));
    page.latency(&latencies, &mut RecentLatencies::default(), Instant::now());
    page.build();
    page.process();
    page
}

fn stats() -> EngineStats {
    let rules = rules::compile(RULES).unwrap_or_else(|problems| panic!("{problems:?}"));
    let plan = Arc::new(ExecutionPlan::new(rules));
    let options = PipelineOptions { workers: 1, partitions: 2, ..PipelineOptions::default() };
    let mut pipeline = Pipeline::new(Arc::clone(&plan), options).expect("threads start");
    pipeline.feed(EVENT.as_bytes(), &mut |_| {}, &mut Vec::new());
    EngineStats {
        plan,
        totals: pipeline.totals(),
        watermark: pipeline.watermark(),
        pending_timers: pipeline.pending_timers(),
        state_bytes: 512,
        queued_batches: 1,
        queued_outputs: 2,
        growth: pipeline.growth(None).map(Arc::new),
    }
}
