//! What checkpoints of a million users cost: bytes, pauses, and the time until a restart has them back.
//!
//! By hand, in a release build; prints its figures:
//! `cargo test --release -p loadtest checkpoint_cost -- --ignored --nocapture`. `CHECKPOINT_USERS` says how many users.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::rules;
use rekindle_core::time::Timestamp;
use rekindle_runtime::pipeline::{Pipeline, PipelineOptions};
use rekindle_runtime::store::{CheckpointStore, PublishedOutputs, StoreClaim, WrittenCheckpoint};
use rekindle_settings::{CheckpointLocation, CheckpointSettings};

/// The rules of the W1 workload.
const RULES: &str = r#"
[events]
view = "Product Viewed"
cart = "Product Added"
order = "Order Completed"
[[segments]]
id = "hot_intent"
when = "count(view, '30m') >= 3 && count(order, '30m') == 0"
[[segments]]
id = "cart_abandoned"
when = "since(cart) >= duration('30m') && since(cart) < duration('24h') && since(order) > since(cart)"
[[segments]]
id = "big_spender"
when = "sum(order.total, '7d') >= 500.0"
[[segments]]
id = "dormant"
when = "idle() >= duration('48h')"
"#;

const START: i64 = 1_772_409_600_000;
const DAY: i64 = 86_400_000;

/// Users captured at a time.
const PIECE: usize = 1_000;

fn main_settings() -> (u64, usize) {
    let users = std::env::var("CHECKPOINT_USERS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    (users, 64)
}

/// Numbers that look random.
fn mixed(seed: u64) -> u64 {
    xxhash_rust::xxh3::xxh3_64(&seed.to_le_bytes())
}

/// A visit of a user: views, perhaps a cart, perhaps an order.
fn visit(lines: &mut String, user: u64, at: i64, dice: u64) {
    let mut event = |name: &str, index: u64, properties: &str| {
        let ts = Timestamp(at + index as i64 * 20);
        let message = mixed(dice ^ index);
        writeln!(
            lines,
            "{{\"type\":\"track\",\"event\":\"{name}\",\"messageId\":\"m{message}\",\"userId\":\"u{user:07}\",\
             \"timestamp\":\"{ts}\",\"properties\":{{{properties}}}}}"
        )
        .expect("writing to a string cannot fail");
    };
    for index in 0..1 + dice % 4 {
        event("Product Viewed", index, "\"product_id\":\"p1\",\"price\":12.5");
    }
    if dice >> 8 & 3 == 0 {
        event("Product Added", 5, "\"product_id\":\"p1\",\"price\":12.5");
    }
    if dice >> 16 & 7 == 0 {
        event("Order Completed", 6, &format!("\"total\":{}.25", dice >> 24 & 255));
    }
}

/// Everyone comes on the first day, and with even chances on each day after it.
fn feed_day(pipeline: &mut Pipeline, users: u64, day: i64, mut between: impl FnMut(&mut Pipeline)) -> u64 {
    let (mut lines, mut outputs, mut came) = (String::new(), Vec::new(), 0);
    for index in 0..users {
        let user = (index * 7_919) % users;
        let dice = mixed(user * 31 + day as u64);
        if day == 0 || dice >> 40 & 1 == 0 {
            came += 1;
            visit(&mut lines, user, START + day * DAY + index as i64 * DAY / users as i64, dice);
        }
        if lines.len() > 1 << 20 || index + 1 == users {
            pipeline.feed(lines.as_bytes(), &mut |_| {}, &mut outputs);
            lines.clear();
            outputs.clear();
            between(pipeline);
        }
    }
    came
}

fn rss_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) / 1_024
}

struct Measured {
    checkpoints: CheckpointStore,
    runtime: tokio::runtime::Runtime,
}

impl Measured {
    /// Takes a whole checkpoint or a delta while nothing else runs, and says how long the pieces took.
    fn checkpoint(&self, pipeline: &mut Pipeline, whole: bool, sequence: u64) {
        let mut pauses = Histogram::<u64>::new(3).expect("three digits");
        let started = Instant::now();
        let cut = pipeline.begin_snapshot(whole);
        let begun = started.elapsed();
        let writer = self.checkpoints.begin(cut, Arc::clone(pipeline.plan()), sequence, 0).expect("claimed");
        loop {
            let piece = Instant::now();
            let Some(pieces) = pipeline.snapshot_part(PIECE) else { break };
            writer.push(pieces);
            pauses.record(piece.elapsed().as_micros() as u64).expect("in range");
            while !writer.has_room() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        let written = self.runtime.block_on(writer.finish().wait()).expect("written");
        self.say(if whole { "whole" } else { "delta" }, &written, started.elapsed(), begun, &pauses);
        self.commit(written);
    }

    fn commit(&self, written: WrittenCheckpoint) {
        self.runtime
            .block_on(self.checkpoints.commit(written, PublishedOutputs { ordinal: 0, last: None }))
            .expect("counts");
    }

    fn say(&self, what: &str, written: &WrittenCheckpoint, took: Duration, begun: Duration, pauses: &Histogram<u64>) {
        let (bytes, users) = (written.bytes, written.users.max(1));
        eprintln!(
            "{what}: {users} users, {bytes} bytes, {:.1} bytes a user, {:.2} s; begin {} us; {} pieces of {PIECE}, \
             p50 {} us, p99 {} us, max {} us; RSS {} MB",
            bytes as f64 / users as f64,
            took.as_secs_f64(),
            begun.as_micros(),
            pauses.len(),
            pauses.value_at_quantile(0.5),
            pauses.value_at_quantile(0.99),
            pauses.max(),
            rss_mb(),
        );
    }
}

#[test]
#[ignore = "takes minutes, and means something in a release build only"]
fn a_million_users() {
    let (users, partitions) = main_settings();
    let folder = tempfile::tempdir().expect("a folder");
    let settings = CheckpointSettings {
        store: CheckpointLocation::Folder(folder.path().to_owned()),
        ..CheckpointSettings::default()
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let open = || CheckpointStore::open(&settings).expect("a folder").expect("a store");
    let measured = Measured { checkpoints: open(), runtime };
    let claim = |instance: &str| StoreClaim {
        epoch_at_least: 0,
        instance: instance.to_owned(),
        stream: None,
        from_start: false,
    };
    let plan = Arc::new(ExecutionPlan::new(rules::compile(RULES).expect("the rules compile")));
    measured.runtime.block_on(measured.checkpoints.claim(claim("first"))).expect("claimed");
    measured.runtime.block_on(measured.checkpoints.record_rules(0, &plan.rules.version, RULES)).expect("noted");

    let options = PipelineOptions { partitions, ..PipelineOptions::default() };
    let mut pipeline = Pipeline::new(Arc::clone(&plan), options.clone()).expect("threads start");
    let started = Instant::now();
    for day in 0..4 {
        feed_day(&mut pipeline, users, day, |_| {});
    }
    let totals = pipeline.totals();
    eprintln!(
        "fed {} events of {} users in {:.1} s; RSS {} MB",
        totals.events,
        totals.users,
        started.elapsed().as_secs_f64(),
        rss_mb()
    );
    measured.checkpoint(&mut pipeline, true, 1);

    // A day during which a whole cut is under way, a piece after each batch; and a day without, for comparison.
    let started = Instant::now();
    feed_day(&mut pipeline, users, 4, |_| {});
    eprintln!("a day without a cut: {:.2} s", started.elapsed().as_secs_f64());
    let mut pauses = Histogram::<u64>::new(3).expect("three digits");
    let started = Instant::now();
    let cut = pipeline.begin_snapshot(true);
    let writer = measured.checkpoints.begin(cut, Arc::clone(&plan), 2, 0).expect("claimed");
    feed_day(&mut pipeline, users, 5, |pipeline| {
        let piece = Instant::now();
        if let Some(pieces) = pipeline.snapshot_part(PIECE) {
            writer.push(pieces);
            pauses.record(piece.elapsed().as_micros() as u64).expect("in range");
        }
    });
    eprintln!(
        "a day with a cut under way: {:.2} s, after which {}",
        started.elapsed().as_secs_f64(),
        if pipeline.is_taking_snapshot() { "some have yet to be captured" } else { "everybody is captured" }
    );
    while let Some(pieces) = pipeline.snapshot_part(PIECE) {
        writer.push(pieces);
    }
    let written = measured.runtime.block_on(writer.finish().wait()).expect("written");
    measured.say("whole, under load", &written, started.elapsed(), Duration::ZERO, &pauses);
    measured.commit(written);

    measured.checkpoint(&mut pipeline, false, 3);
    feed_day(&mut pipeline, users / 20, 6, |_| {});
    measured.checkpoint(&mut pipeline, false, 4);
    let expected = pipeline.totals();
    drop(pipeline);

    let checkpoints = open();
    let started = Instant::now();
    measured.runtime.block_on(checkpoints.claim(claim("second"))).expect("claimed");
    let loaded = measured.runtime.block_on(checkpoints.load()).expect("intact");
    let read = started.elapsed();
    let state = loaded.state.expect("there is a checkpoint");
    let restored = Pipeline::restore(state.plan, options, state.restored).expect("what was written");
    eprintln!(
        "recovered {} users of a base and two deltas: read {:.2} s, in place after {:.2} s; RSS {} MB",
        restored.totals().users,
        read.as_secs_f64(),
        started.elapsed().as_secs_f64(),
        rss_mb(),
    );
    assert_eq!((restored.totals().users, restored.totals().counts.sizes), (expected.users, expected.counts.sizes));
}
