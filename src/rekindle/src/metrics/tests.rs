//! The table against the documents, and a page against what it must and must not hold.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::definitions::{self, MetricKind};
use super::{ActionLatencies, CheckpointFigures, CheckpointMetrics, MetricsPage, MetricsRegistry, ReloadMetrics};
use rekindle_core::checkpoint::CheckpointKind;
use rekindle_core::goals::{ExposureGroup, GoalTally, UpliftCounts, UpliftKey};
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::rules;
use rekindle_core::time::Timestamp;
use rekindle_nats::sink::SinkStatus;
use rekindle_nats::source::SourceStatus;
use rekindle_runtime::live::EngineStats;
use rekindle_runtime::pipeline::{Pipeline, PipelineOptions};

const RULES: &str = "[events]\nview = 'View'\nliked_by = { of = 'fans', on = 'enter:liked', to = 'view' }\n[per.item]\nkey = 'sku'\nttl = '1h'\nmax = 1\n
    [[ledgers]]\nid = 'stars'\nearn = [{ on = 'view', amount = '5' }]\nspend = [{ on = 'view', amount = 'event.stars' }]\n
    [[segments]]\nid = 'seen'\nwhen = 'total(view) >= 1 || total(view.price) > 1e9'\n
    [[segments]]\nid = 'keen'\nwhen = 'total(view) >= 2'\n
    [[ledgers]]\nid = 'points'\nearn = [{ on = 'view', amount = '1' }]\n
    [[goals]]\nid = 'look'\non = 'view'\nvalue = 'price'\nwithin = '7d'\n
    [[budgets]]\nid = 'summer'\nlimit = 10\n
    [tables.goods]\nevent = 'Goods'\nkey = 'sku'\nkeep = ['price']\n
    [groups.fans]\nkey = 'team'\nttl = '1h'\n
    [[ranks]]\nid = 'looks'\nof = 'total(view)'\nevery = 'hour'\n
    [[partners]]\nid = 'acme'\nsegments = ['seen']\n
    [[segments]]\nid = 'liked'\nof = 'fans'\nwhen = 'total(view) >= 2'\n
    [[picks]]\nid = 'next'\non = ['view']\nitem = 'sku'\nkind = 'session'\nevery = 'hour'\n
    [[campaigns]]\nid = 'hello'\non = 'enter:seen'\nchannel = 'email'\nspends = [{ budget = 'summer', cost = '1' }]\nvariants = [{ id = 'a', weight = 1 }, { id = 'b', weight = 3 }]\n";

fn pipeline(rules: &str) -> Pipeline {
    let rules = rules::compile(rules).unwrap_or_else(|problems| panic!("{problems:?}"));
    let options = PipelineOptions { workers: 1, partitions: 2, ..PipelineOptions::default() };
    Pipeline::new(Arc::new(ExecutionPlan::new(rules)), options).expect("threads start")
}

fn feed(pipeline: &mut Pipeline, lines: &str) {
    pipeline.feed(lines.as_bytes(), &mut |_| {}, &mut Vec::new());
    // What was asked of budgets is answered.
    pipeline.end_log(&mut Vec::new());
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

fn stats(pipeline: &Pipeline) -> EngineStats {
    EngineStats {
        plan: Arc::clone(pipeline.plan()),
        totals: pipeline.totals(),
        watermark: pipeline.watermark(),
        pending_timers: pipeline.pending_timers(),
        state_bytes: 0,
        queued_batches: 1,
        queued_outputs: 2,
        growth: pipeline.growth(None).map(Arc::new),
        uplift: pipeline.uplift(),
        budgets: pipeline.budgets().cloned().map(Arc::new),
    }
}

fn page(pipeline: &Pipeline, now: Timestamp) -> MetricsPage {
    let mut page = MetricsPage::default();
    page.stats(&stats(pipeline), now);
    page
}

/// Everything up to the last space of each sample's line: what tells series apart.
fn series(page: &MetricsPage) -> BTreeSet<String> {
    let text = page.text();
    let samples = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    samples.map(|line| line.rsplit_once(' ').expect("a value").0.to_owned()).collect()
}

fn value(page: &MetricsPage, series: &str) -> Option<f64> {
    let text = page.text();
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

#[test]
fn the_documents_have_the_table_of_all_metrics() {
    let mut table = String::from("| metric | kind | labels | meaning |\n|---|---|---|---|\n");
    for metric in definitions::ALL {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let (name, kind, labels) = (metric.name, metric.kind.name(), labels.join(", "));
        table.push_str(&format!("| `{name}` | {kind} | {labels} | {} |\n", metric.help));
    }
    let documents = include_str!("../../../../dashboards/README.md");
    assert!(documents.contains(&table), "dashboards/README.md must hold this table:\n{table}");
}

#[test]
fn names_are_unique_and_as_prometheus_wants_them() {
    let names: BTreeSet<_> = definitions::ALL.iter().map(|metric| metric.name).collect();
    assert_eq!(names.len(), definitions::ALL.len());
    for metric in definitions::ALL {
        let is_counter = metric.kind == MetricKind::Counter;
        assert_eq!(metric.name.ends_with("_total"), is_counter, "{}", metric.name);
        assert!(metric.help.ends_with('.'), "{}", metric.name);
        assert!(!metric.labels.iter().any(|label| ["le", "quantile", "user"].contains(label)), "{}", metric.name);
    }
}

#[test]
fn everything_together_makes_every_metric_of_the_table() {
    let mut pipeline = pipeline(RULES);
    feed(&mut pipeline, r#"{"type":"track","event":"View","userId":"u","timestamp":"2026-03-05T09:00:00Z"}"#);
    let now = Timestamp(1_772_701_201_500);
    let registry = MetricsRegistry::default();
    let (checkpoints, reloads) = (CheckpointMetrics::register(&registry), ReloadMetrics::register(&registry));
    let took = Duration::from_secs(1);
    checkpoints.written(CheckpointFigures { kind: CheckpointKind::Base, at: now, took, bytes: 1, users: 1 });
    reloads.refused.increment(2);
    reloads.loaded(Timestamp(5_000));
    let mut page = registry.page();
    page.stats(&EngineStats { uplift: Arc::new(uplift()), ..stats(&pipeline) }, now);
    let source = SourceStatus::default();
    source.handed_on(1, 100, 1, Timestamp(now.0 - 250));
    page.source(Some(&source), now);
    page.sink(&SinkStatus::default().figures());
    page.connection(None);
    page.missing_names([("event", "order")].into_iter());
    let nothing = Histogram::new(3).expect("sound");
    page.destination("mail", &rekindle_deliver::status::DestinationStatus::default(), Timestamp(0));
    page.collected(&rekindle_collect::CollectStatus::new(["web"]).figures());
    page.ready(false);
    page.recovering(false);
    page.from_log(None);
    page.checkpoint_pauses(&nothing);
    let mut latencies = ActionLatencies::default();
    latencies.add(nothing);
    page.latency(&mut latencies, Instant::now());
    page.build();
    page.process();
    let text = page.text();
    // The growth numbers are there where the rules ask for them: `tests/http/growth_series.rs`.
    const GROWTH: [&str; 4] = ["rekindle_growth_", "rekindle_target_", "rekindle_trend_", "rekindle_anomaly"];
    let is_of_growth = |name: &str| GROWTH.iter().any(|prefix| name.starts_with(prefix));
    let expected: Vec<_> = definitions::ALL.iter().filter(|metric| !is_of_growth(metric.name)).collect();
    for metric in &expected {
        let kind = format!("# TYPE {} {}\n", metric.name, metric.kind.name());
        assert_eq!(text.matches(&kind).count(), 1, "{kind} in\n{text}");
    }
    assert_eq!(text.matches("# TYPE").count(), expected.len());
    assert_eq!(value(&page, "rekindle_watermark_lag_seconds"), Some(6.5));
    assert_eq!(value(&page, "rekindle_source_lag_seconds"), Some(0.25));
    assert_eq!(value(&page, r#"rekindle_rules_reloads_total{result="refused"}"#), Some(2.0));
    assert_eq!(value(&page, r#"rekindle_decisions_total{campaign="hello",outcome="sent"}"#), Some(1.0));
    let of_all = r#"campaign="hello",goal="look",variant="*""#;
    let uplift = |metric: &str| value(&page, &format!("{metric}{{{of_all},measure=\"users\"}}"));
    assert_eq!(uplift("rekindle_uplift"), Some(1.0));
    assert_eq!(uplift("rekindle_uplift_since_timestamp_seconds"), Some(3_600.0));
    assert_eq!(value(&page, &format!("rekindle_goal_conversions{{{of_all},side=\"treated\"}}")), Some(200.0));
    assert_eq!(value(&page, r#"rekindle_goal_sample_ratio_mismatch{campaign="hello",goal="look"}"#), Some(0.0));
}

#[test]
fn hostile_events_make_no_series() {
    let mut pipeline = pipeline(RULES);
    feed(&mut pipeline, r#"{"type":"track","event":"View","userId":"u","timestamp":"2026-03-05T09:00:00Z"}"#);
    let before = series(&page(&pipeline, Timestamp(0)));
    for n in 0..200 {
        let time = "\"timestamp\":\"2026-03-05T09:00:00Z\"";
        feed(&mut pipeline, &format!(r#"{{"type":"kind{n}","userId":"u{n}",{time}}}"#));
        feed(&mut pipeline, &format!(r#"{{"type":"track","event":"E{n}","userId":"u{n}\"}}\n",{time}}}"#));
        feed(&mut pipeline, &format!(r#"{{"type":"track","event":"View","anonymousId":"{{x=\"{n}\"}}",{time}}}"#));
        feed(&mut pipeline, &format!("junk{n} rekindle_users {n}\n# TYPE"));
    }
    let totals = pipeline.totals();
    assert!(totals.users > 300 && totals.rejected.iter().sum::<u64>() >= 400, "{totals:?}");
    assert_eq!(series(&page(&pipeline, Timestamp(0))), before);
}

#[test]
fn after_a_reload_removed_series_are_gone_and_kept_ones_go_on() {
    let mut pipeline = pipeline(RULES);
    feed(&mut pipeline, r#"{"type":"track","event":"View","userId":"u","timestamp":"2026-03-05T09:00:00Z"}"#);
    let before = page(&pipeline, Timestamp(0));
    let kept = r#"rekindle_transitions_total{segment="seen",change="enter"}"#;
    assert_eq!(value(&before, kept), Some(1.0));
    assert_eq!(value(&before, r#"rekindle_segment_users{segment="keen"}"#), Some(0.0));
    let fewer = RULES.replace("'keen'", "'eager'").replace("'hello'", "'welcome'");
    let fewer = rules::compile(&fewer).unwrap_or_else(|problems| panic!("{problems:?}"));
    pipeline.change_rules(Arc::new(ExecutionPlan::new(fewer)), &mut Vec::new());
    let after = page(&pipeline, Timestamp(0));
    assert_eq!(value(&after, kept), Some(1.0));
    let gone: Vec<_> = series(&after).into_iter().filter(|one| one.contains("keen") || one.contains("hello")).collect();
    assert_eq!(gone, [""; 0]);
    assert_eq!(series(&after).iter().filter(|one| one.starts_with("rekindle_rules_info")).count(), 1);
    // The renamed campaign has spent nothing yet.
    let is_kept = |one: &&String| !one.starts_with("rekindle_budget_spent_by_campaign");
    assert_eq!(series(&after).len(), series(&before).iter().filter(is_kept).count());
}

#[test]
fn points_are_counted_by_ledger_and_change() {
    let mut pipeline = pipeline(RULES);
    for (minute, user, stars) in [(0, "u", 2), (1, "u", 99), (2, "v", 0)] {
        let at = format!("\"timestamp\":\"2026-03-05T09:0{minute}:00Z\",\"properties\":{{\"stars\":{stars}}}");
        feed(&mut pipeline, &format!(r#"{{"type":"track","event":"View","userId":"{user}",{at}}}"#));
    }
    let page = page(&pipeline, Timestamp(0));
    let of = |metric: &str, change: &str| {
        value(&page, &format!(r#"rekindle_points{metric}_total{{ledger="stars",change="{change}"}}"#))
    };
    let found = ["earned", "spent", "refused", "expired"].map(|change| (of("", change), of("_changes", change)));
    assert_eq!(
        found,
        [(15., 3.), (2., 1.), (99., 1.), (0., 0.)].map(|(points, changes)| (Some(points), Some(changes)))
    );
    assert_eq!(value(&page, r#"rekindle_points_balance{ledger="stars"}"#), Some(13.0));
}

#[test]
fn keys_are_counted_by_what_they_are_keys_of() {
    let mut pipeline = pipeline(RULES);
    for (minute, user, sku) in [(0, "u", "a"), (1, "u", "b"), (2, "v", "a"), (3, "u", "c")] {
        let at = format!("\"timestamp\":\"2026-03-05T09:0{minute}:00Z\",\"properties\":{{\"sku\":\"{sku}\"}}");
        feed(&mut pipeline, &format!(r#"{{"type":"track","event":"View","userId":"{user}",{at}}}"#));
    }
    let forgotten = |page: &MetricsPage, reason: &str| {
        value(page, &format!(r#"rekindle_keys_forgotten_total{{per="item",reason="{reason}"}}"#))
    };
    let full = page(&pipeline, Timestamp(0));
    assert_eq!(value(&full, r#"rekindle_keys{per="item"}"#), Some(2.0));
    assert_eq!((forgotten(&full, "ttl"), forgotten(&full, "max")), (Some(0.0), Some(2.0)));
    for user in ["u", "v"] {
        let later = "\"timestamp\":\"2026-03-05T11:00:00Z\"";
        feed(&mut pipeline, &format!(r#"{{"type":"identify","userId":"{user}",{later}}}"#));
    }
    let empty = page(&pipeline, Timestamp(0));
    assert_eq!(value(&empty, r#"rekindle_keys{per="item"}"#), Some(0.0));
    assert_eq!((forgotten(&empty, "ttl"), forgotten(&empty, "max")), (Some(2.0), Some(2.0)));
}

#[test]
fn groups_and_what_they_tell_are_counted() {
    let mut pipeline = pipeline(RULES);
    for (minute, user, team) in [(0, "u", "a"), (1, "v", "a"), (2, "u", "b"), (3, "u", "c")] {
        let at = format!("\"timestamp\":\"2026-03-05T09:0{minute}:00Z\",\"properties\":{{\"team\":\"{team}\"}}");
        feed(&mut pipeline, &format!(r#"{{"type":"track","event":"View","userId":"{user}",{at}}}"#));
    }
    let of = |page: &MetricsPage| {
        let names = ["groups", "groups_opened_total", "groups_forgotten_total"];
        let groups = names.map(|name| value(page, &format!(r#"rekindle_{name}{{of="fans"}}"#)));
        let names = ["notices_total", "notices_delivered_total"];
        let notices = names.map(|name| value(page, &format!(r#"rekindle_{name}{{event="liked_by"}}"#)));
        (groups.map(Option::unwrap_or_default), notices.map(Option::unwrap_or_default))
    };
    let full = page(&pipeline, Timestamp(0));
    assert_eq!(of(&full), ([3., 3., 0.], [1., 2.]));
    assert_eq!(value(&full, r#"rekindle_notices_total{event="view"}"#), None);
    assert_eq!(value(&full, r#"rekindle_segment_users{segment="liked"}"#), Some(1.0));
    let later = "\"timestamp\":\"2026-03-05T11:00:00Z\"";
    feed(&mut pipeline, &format!(r#"{{"type":"identify","userId":"u",{later}}}"#));
    assert_eq!(of(&page(&pipeline, Timestamp(0))), ([0., 3., 3.], [1., 2.]));
    let renamed = RULES.replace("'keen'", "'eager'");
    let renamed = rules::compile(&renamed).unwrap_or_else(|problems| panic!("{problems:?}"));
    pipeline.change_rules(Arc::new(ExecutionPlan::new(renamed)), &mut Vec::new());
    let reloaded = page(&pipeline, Timestamp(0));
    assert_eq!(of(&reloaded), ([0., 3., 3.], [1., 2.]), "a reload counts on");
    assert_eq!(value(&reloaded, r#"rekindle_transitions_total{segment="liked",change="exit"}"#), Some(1.0));
}

#[test]
fn takings_of_ranks_are_counted_and_what_they_tell() {
    const RANKS: &str = "[events]\nview = 'View'\nleader = { rank = 'looks', where = \"rank('looks') == 1\" }\n
        [[ranks]]\nid = 'looks'\nof = 'total(view)'\nevery = 'hour'\n";
    let mut pipeline = pipeline(RANKS);
    let view = |user: &str, time: &str| {
        format!(r#"{{"type":"track","event":"View","userId":"{user}","timestamp":"2026-03-05T{time}Z"}}"#)
    };
    let of = |page: &MetricsPage| {
        let rank = ["rank_takings_total", "ranked_users"].map(|name| format!(r#"rekindle_{name}{{rank="looks"}}"#));
        let notices =
            ["notices_total", "notices_delivered_total"].map(|name| format!(r#"rekindle_{name}{{event="leader"}}"#));
        [rank, notices].concat().iter().map(|series| value(page, series)).collect::<Vec<_>>()
    };
    for (user, time) in [("u", "09:00:10"), ("v", "09:10:00"), ("u", "09:20:00"), ("w", "09:59:00")] {
        feed(&mut pipeline, &view(user, time));
    }
    assert_eq!(of(&page(&pipeline, Timestamp(0))), [Some(0.); 4]);
    feed(&mut pipeline, &view("v", "11:30:00"));
    assert_eq!(of(&page(&pipeline, Timestamp(0))), [Some(2.), Some(3.), Some(2.), Some(2.)]);
    let more = rules::compile(&format!("{RANKS}[[segments]]\nid = 's'\nwhen = \"rank('looks') == 1\"\n"));
    let more = more.unwrap_or_else(|problems| panic!("{problems:?}"));
    pipeline.change_rules(Arc::new(ExecutionPlan::new(more)), &mut Vec::new());
    assert_eq!(of(&page(&pipeline, Timestamp(0))), [Some(2.), Some(3.), Some(2.), Some(2.)], "a reload counts on");
}

#[test]
fn the_index_of_picks_is_measured() {
    let mut pipeline = pipeline(RULES);
    let of = |pipeline: &Pipeline| {
        let page = page(pipeline, Timestamp(0));
        ["items", "sessions", "bytes"].map(|name| value(&page, &format!(r#"rekindle_picks_{name}{{picks="next"}}"#)))
    };
    assert_eq!(of(&pipeline), [Some(0.0), Some(0.0), Some(0.0)]);
    for (time, user, sku) in
        [("09:00:00", "u", "a"), ("09:01:00", "u", "b"), ("09:02:00", "v", "a"), ("10:00:06", "v", "c")]
    {
        let at = format!("\"timestamp\":\"2026-03-05T{time}Z\",\"properties\":{{\"sku\":\"{sku}\"}}");
        let line = format!(r#"{{"type":"track","event":"View","userId":"{user}",{at}}}"#);
        pipeline.feed(line.as_bytes(), &mut |_| {}, &mut Vec::new());
    }
    // As of ten o'clock.
    let [items, sessions, bytes] = of(&pipeline);
    assert_eq!((items, sessions), (Some(2.0), Some(2.0)));
    assert!(bytes.is_some_and(|bytes| (50.0..5_000.0).contains(&bytes)), "{bytes:?}");
}

#[test]
fn before_the_first_message_there_is_no_watermark() {
    let mut pipeline = pipeline(RULES);
    let text = page(&pipeline, Timestamp(1_000)).text();
    assert!(!text.contains("\nrekindle_watermark") && text.contains("rekindle_users 0\n"), "{text}");
    feed(&mut pipeline, r#"{"type":"track","event":"View","userId":"u","timestamp":"1990-01-01T00:00:00Z"}"#);
    assert!(page(&pipeline, Timestamp(631_152_001_000)).text().contains("rekindle_watermark_lag_seconds "));
}

#[test]
fn what_a_label_must_not_hold_is_escaped() {
    let mut page = MetricsPage::default();
    page.add(&definitions::RULES_INFO, &["a\"b\\c\nd"], 1.0);
    let text = page.text();
    assert!(text.trim_end().ends_with("rekindle_rules_info{version=\"a\\\"b\\\\c\\nd\"} 1"), "{text}");
}
