//! A page with every metric there is.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rekindle::metrics::{
    ActionLatencies, CheckpointFigures, CheckpointMetrics, MetricsPage, MetricsRegistry, ReloadMetrics,
};
use rekindle_collect::CollectStatus;
use rekindle_core::checkpoint::CheckpointKind;
use rekindle_core::goals::{ExposureGroup, GoalTally, UpliftCounts, UpliftKey};
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::rules;
use rekindle_core::time::Timestamp;
use rekindle_nats::ConnectionStatus;
use rekindle_nats::sink::{SinkFigures, SinkStatus};
use rekindle_nats::source::SourceStatus;
use rekindle_runtime::live::EngineStats;
use rekindle_runtime::pipeline::{Pipeline, PipelineOptions};

const RULES: &str = "[events]\nview = 'View'\nliked_by = { of = 'fans', on = 'enter:liked', to = 'view' }\n[per.item]\nkey = 'sku'\nttl = '1h'\n
    [[ledgers]]\nid = 'stars'\nearn = [{ on = 'view', amount = '5' }]\n
    [[segments]]\nid = 'seen'\nwhen = 'total(view) >= 1 || total(view.price) > 1e9'\n
    [[ledgers]]\nid = 'points'\nearn = [{ on = 'view', amount = '1' }]\n
    [[goals]]\nid = 'look'\non = 'view'\nvalue = 'price'\nwithin = '7d'\n
    [[budgets]]\nid = 'summer'\nlimit = 10\nper = 'month'\n
    [tables.goods]\nevent = 'Goods'\nkey = 'sku'\nkeep = ['price']\n
    [groups.fans]\nkey = 'sku'\nttl = '1h'\n
    [[partners]]\nid = 'acme'\nsegments = ['seen']\n
    [[ranks]]\nid = 'looks'\nof = 'total(view)'\nevery = 'hour'\n
    [[segments]]\nid = 'liked'\nof = 'fans'\nwhen = 'total(view) >= 1'\n
    [[campaigns]]\nid = 'hello'\non = 'enter:seen'\nchannel = 'email'\nspends = [{ budget = 'summer', cost = '1' }]\n
    variants = [{ id = 'a', weight = 1 }, { id = 'b', weight = 1 }]\n
    [[picks]]\nid = 'next'\non = ['view']\nitem = 'sku'\nkind = 'session'\nevery = 'hour'\n";

const EVENT: &str =
    r#"{"type":"track","event":"View","userId":"u","timestamp":"2026-03-05T09:00:00Z","properties":{"sku":"a"}}"#;

/// How many latencies there are in it: 1 ms, 2 ms, and so on.
pub(crate) const LATENCIES: u64 = 1_000;

pub(crate) fn page() -> MetricsPage {
    let now = Timestamp(1_772_701_201_500);
    let registry = MetricsRegistry::default();
    let checkpoints = CheckpointMetrics::register(&registry);
    for kind in [CheckpointKind::Base, CheckpointKind::Delta, CheckpointKind::Delta] {
        let (at, took) = (Timestamp(1_772_701_200_000), Duration::from_millis(250));
        checkpoints.written(CheckpointFigures { kind, at, took, bytes: 4_096, users: 1 });
    }
    let reloads = ReloadMetrics::register(&registry);
    reloads.applied.increment(1);
    reloads.unchanged.increment(1);
    reloads.loaded(Timestamp(1_772_701_000_000));
    let mut page = registry.page();
    page.stats(&stats(), now);
    let source = SourceStatus::default();
    source.handed_on(7, 700, 7, Timestamp(now.0 - 250));
    source.set_pending(3);
    page.source(Some(&source), now);
    page.sink(&SinkFigures {
        published: [1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 2, 3],
        batches: 2,
        ..SinkStatus::default().figures()
    });
    page.connection(Some(&ConnectionStatus::default()));
    page.destination("mail", &rekindle_deliver::status::DestinationStatus::default(), now);
    let collected = CollectStatus::new(["web"]);
    page.collected(&collected.figures());
    page.ready(true);
    page.recovering(false);
    page.from_log(None);
    let mut pauses = Histogram::new(3).expect("a sound precision");
    pauses.record(1_500).expect("it grows by itself");
    page.checkpoint_pauses(&pauses);
    page.missing_names([("event", "order")].into_iter());
    let mut latencies = Histogram::new(3).expect("a sound precision");
    (1..=LATENCIES).for_each(|ms| latencies.record(ms * 1_000).expect("it grows by itself"));
    let mut actions = ActionLatencies::default();
    actions.add(latencies);
    page.latency(&mut actions, Instant::now());
    page.build();
    page.process();
    page
}

/// A campaign that makes everybody reach its goal.
fn uplift() -> UpliftCounts {
    let mut counts = UpliftCounts::default();
    for (group, reached) in [(ExposureGroup::Control, 0), (ExposureGroup::Sent, 200)] {
        let key = UpliftKey { campaign: "hello".into(), goal: "look".into(), group, variant: None };
        let tally = GoalTally { users: 200, reached, messages: reached, ..GoalTally::default() };
        counts.add(Timestamp(0), key, &tally);
    }
    counts.settle(Timestamp(3_600_000));
    counts
}

fn stats() -> EngineStats {
    let rules = rules::compile(RULES).unwrap_or_else(|problems| panic!("{problems:?}"));
    let plan = Arc::new(ExecutionPlan::new(rules));
    let options = PipelineOptions { workers: 1, partitions: 2, ..PipelineOptions::default() };
    let mut pipeline = Pipeline::new(Arc::clone(&plan), options).expect("threads start");
    pipeline.feed(EVENT.as_bytes(), &mut |_| {}, &mut Vec::new());
    // What it asks is answered.
    pipeline.end_log(&mut Vec::new());
    EngineStats {
        plan,
        totals: pipeline.totals(),
        watermark: pipeline.watermark(),
        pending_timers: pipeline.pending_timers(),
        state_bytes: 512,
        queued_batches: 1,
        queued_outputs: 2,
        growth: pipeline.growth(None).map(Arc::new),
        uplift: Arc::new(uplift()),
        budgets: pipeline.budgets().cloned().map(Arc::new),
    }
}
