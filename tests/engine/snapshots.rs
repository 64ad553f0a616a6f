//! Snapshots that are taken in parts while events are applied: base and deltas restore the state at the instant at which the
//! snapshot began, and a snapshot changes no output.

use std::sync::Arc;

use proptest::prelude::*;
use rekindle_core::checkpoint::{CheckpointEncoder, CheckpointHeader, CheckpointKind as FileKind};
use rekindle_core::partition::{ExecutionPlan, Output, SnapshotUsers};
use rekindle_core::rules;
use rekindle_core::time::{Span, Timestamp};
use rekindle_runtime::log::RecordKind;
use rekindle_runtime::pipeline::{InputEntry, Pipeline, PipelineOptions, RestoredPipeline, SnapshotHeader};
use rekindle_test_kit::generator::{Scenario, scenario};

/// What happens before the next line of the log.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Nothing.
    Feed,
    /// A snapshot begins, unless one is in progress.
    BeginSnapshot { full: bool },
    /// At most this number of users is added to the snapshot.
    TakePart(usize),
    /// A user is forgotten.
    Forget(&'static str),
    /// The snapshot is finished, and the pipeline is replaced by one that is restored from its files.
    Replace,
}

/// A pipeline whose snapshots are taken, and their files.
struct SnapshotRun {
    plan: Arc<ExecutionPlan>,
    options: PipelineOptions,
    pipeline: Pipeline,
    /// A base and its deltas, oldest first.
    files: Vec<Vec<u8>>,
    number: u64,
    /// The snapshot in progress: its header, its users so far, and the checkpoint that it must be equal to.
    snapshot: Option<(SnapshotHeader, Vec<SnapshotUsers>, Vec<u8>)>,
    outputs: Vec<Output>,
    checked: usize,
}

fn plan(text: &str) -> Arc<ExecutionPlan> {
    Arc::new(ExecutionPlan::new(rules::compile(text).expect("the rules compile")))
}

fn options(scenario: &Scenario, partitions: usize, state_ttl: Option<Span>) -> PipelineOptions {
    let (max_disorder, until) = (Span(scenario.max_disorder_ms()), Some(Timestamp(scenario.until_ms())));
    PipelineOptions {
        partitions,
        workers: 1,
        max_disorder,
        until,
        state_ttl,
        resident_users: Some(2),
        ..PipelineOptions::default()
    }
}

impl SnapshotRun {
    fn new(scenario: &Scenario, partitions: usize, state_ttl: Option<Span>) -> SnapshotRun {
        let (plan, options) = (plan(&scenario.rules_toml()), options(scenario, partitions, state_ttl));
        let pipeline = Pipeline::new(Arc::clone(&plan), options.clone()).expect("threads start");
        let (files, outputs) = (Vec::new(), Vec::new());
        SnapshotRun { plan, options, pipeline, files, number: 0, snapshot: None, outputs, checked: 0 }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Feed => {}
            Step::Forget(id) => {
                let lines = format!("{{\"user\":\"{id}\"}}");
                let entry =
                    InputEntry { kind: RecordKind::Forget, lines: lines.as_bytes(), received: None, is_whole: false };
                self.pipeline.feed_entries(&[entry], &mut |_| {}, &mut self.outputs);
            }
            Step::BeginSnapshot { full } => {
                if self.snapshot.is_none() {
                    let expected = self.pipeline.encode_checkpoint();
                    self.snapshot = Some((self.pipeline.begin_snapshot(full), Vec::new(), expected));
                }
            }
            Step::TakePart(most) => {
                if let Some((_, users, _)) = &mut self.snapshot {
                    match self.pipeline.snapshot_part(most) {
                        Some(parts) => {
                            let count: usize = parts.iter().map(|part| part.users.len()).sum();
                            assert!(count <= most, "{count} users in a part of {most}");
                            users.extend(parts);
                        }
                        None => self.write_file(),
                    }
                }
            }
            Step::Replace => {
                self.finish_snapshot();
                self.step(Step::BeginSnapshot { full: false });
                self.finish_snapshot();
                self.pipeline = self.restored(self.options.partitions);
            }
        }
    }

    fn finish_snapshot(&mut self) {
        while self.snapshot.is_some() {
            self.step(Step::TakePart(3));
        }
    }

    /// Writes the file of a complete snapshot, and checks the state that all files together restore.
    fn write_file(&mut self) {
        assert!(!self.pipeline.is_taking_snapshot());
        let Some((snapshot, users, expected)) = self.snapshot.take() else { return };
        let previous = self.number;
        self.number += 1;
        if snapshot.is_full {
            self.files.clear();
        }
        let base = self.number - self.files.len() as u64;
        let head = CheckpointHeader {
            kind: if snapshot.is_full { FileKind::Base } else { FileKind::Delta },
            number: self.number,
            base,
            previous: if snapshot.is_full { self.number } else { previous },
            sequence: 0,
            position: snapshot.position,
            fired: snapshot.fired,
            forgotten: snapshot.forgotten,
            latest_read: snapshot.latest_read,
            rules_changes: snapshot.rules_changes.0,
            rules_changed_at: snapshot.rules_changes.1,
            known: snapshot.known.clone(),
            rules: self.plan.rules.version.clone(),
            secret: snapshot.secret,
            partitions: snapshot.partitions,
            stream: None,
            program: String::new(),
        };
        let mut encoder = CheckpointEncoder::new(&self.plan, &head).expect("small");
        encoder.links(&snapshot.links).expect("small");
        if !snapshot.uplift.is_empty() {
            encoder.uplift(&snapshot.uplift).expect("small");
        }
        encoder.shared(&self.plan.rules, &snapshot.shared).expect("small");
        users.iter().for_each(|part| encoder.snapshot(part).expect("small"));
        self.files.push(encoder.finish().expect("small").0);
        assert!(
            self.restored(self.options.partitions).encode_checkpoint() == expected,
            "snapshot {} is not of the instant at which it began",
            self.number
        );
        let elsewhere = self.restored(self.options.partitions + 4).encode_checkpoint();
        let back = restored(&self.plan, self.options.clone(), &[elsewhere]).encode_checkpoint();
        assert!(
            back == expected,
            "snapshot {} is not of the instant at which it began, over more partitions",
            self.number
        );
        self.checked += 1;
    }

    fn restored(&self, partitions: usize) -> Pipeline {
        restored(&self.plan, PipelineOptions { partitions, ..self.options.clone() }, &self.files)
    }

    fn feed(&mut self, line: &[u8]) {
        self.pipeline.feed(line, &mut |_| {}, &mut self.outputs);
    }
}

fn restored(plan: &Arc<ExecutionPlan>, options: PipelineOptions, files: &[Vec<u8>]) -> Pipeline {
    let files: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
    let restored = RestoredPipeline::read(plan, &files).expect("what was written");
    Pipeline::restore(Arc::clone(plan), options, restored).expect("what was written")
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Feed),
        2 => any::<bool>().prop_map(|odd| Step::BeginSnapshot { full: odd }),
        2 => Just(Step::BeginSnapshot { full: false }),
        5 => (1usize..4).prop_map(Step::TakePart),
        1 => Just(Step::Replace),
        1 => prop::sample::select(vec!["u0", "u1", "u2", "a0", "a1"]).prop_map(Step::Forget),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn snapshots_restore_the_state_at_their_beginning_and_change_no_output(
        scenario in scenario(),
        partitions in prop::sample::select(vec![1usize, 3, 7]),
        steps in prop::collection::vec(step(), 20..200),
        state_ttl in prop::sample::select(vec![None, Some(Span(3_600_000)), Some(Span(20_000_000))]),
    ) {
        let log = scenario.events_jsonl();
        let mut run = SnapshotRun::new(&scenario, partitions, state_ttl);
        let mut without_snapshots = SnapshotRun::new(&scenario, partitions, state_ttl);
        let mut steps = steps.into_iter().cycle();
        for line in log.split_inclusive(|byte| *byte == b'\n') {
            let step = steps.next().expect("there are steps");
            run.step(step);
            if let Step::Forget(_) = step {
                without_snapshots.step(step);
            }
            run.feed(line);
            without_snapshots.feed(line);
        }
        run.finish_snapshot();
        run.step(Step::BeginSnapshot { full: false });
        run.finish_snapshot();
        prop_assert!(run.checked > 0);
        let until = Timestamp(scenario.until_ms());
        run.pipeline.advance_to(until, &mut run.outputs);
        without_snapshots.pipeline.advance_to(until, &mut without_snapshots.outputs);
        let has_groups = !run.plan.rules.groups.is_empty();
        let by_user = |mut outputs: Vec<Output>| {
            if has_groups {
                // At which position the end of a beat is found to have passed is no matter; the order of each user is.
                outputs.sort_by(|a, b| a.user.cmp(&b.user));
                outputs.iter_mut().for_each(|output| output.position = 0);
            } else {
                outputs.sort_by(|a, b| (&a.user, a.position).cmp(&(&b.user, b.position)));
            }
            outputs
        };
        prop_assert_eq!(by_user(run.outputs), by_user(without_snapshots.outputs));
    }
}

const RULES: &str = "[events]\nview = \"View\"\n[[segments]]\nid = \"s\"\nwhen = \"total(view) >= 2\"\n";

fn view(user: &str, second: u32) -> Vec<u8> {
    let time = format!("2026-03-02T00:00:{second:02}Z");
    format!("{{\"type\":\"track\",\"event\":\"View\",\"userId\":\"{user}\",\"timestamp\":\"{time}\"}}\n").into_bytes()
}

fn small() -> Pipeline {
    Pipeline::new(plan(RULES), PipelineOptions { partitions: 3, workers: 1, ..PipelineOptions::default() })
        .expect("threads start")
}

fn snapshot_ids(pipeline: &mut Pipeline) -> Vec<String> {
    let mut ids = Vec::new();
    while let Some(parts) = pipeline.snapshot_part(2) {
        ids.extend(parts.iter().flat_map(|part| &part.users).map(|user| user.id.to_string()));
    }
    ids.sort();
    ids
}

#[test]
fn snapshot_has_the_users_changed_since_the_last_one_began() {
    let (mut pipeline, mut outputs) = (small(), Vec::new());
    let mut feed = |pipeline: &mut Pipeline, user: &str| pipeline.feed(&view(user, 0), &mut |_| {}, &mut outputs);
    feed(&mut pipeline, "a");
    feed(&mut pipeline, "b");
    assert!(pipeline.begin_snapshot(false).is_full, "the first is full");
    feed(&mut pipeline, "b");
    feed(&mut pipeline, "c");
    assert_eq!(snapshot_ids(&mut pipeline), ["a", "b"]);
    assert!(!pipeline.begin_snapshot(false).is_full);
    assert_eq!(snapshot_ids(&mut pipeline), ["b", "c"]);
    assert!(!pipeline.begin_snapshot(false).is_full);
    assert_eq!(snapshot_ids(&mut pipeline), [""; 0]);
    assert!(pipeline.begin_snapshot(true).is_full);
    assert_eq!(snapshot_ids(&mut pipeline), ["a", "b", "c"]);
}

#[test]
fn abandoned_snapshot_is_followed_by_a_full_one() {
    let (mut pipeline, mut outputs) = (small(), Vec::new());
    pipeline.feed(&[view("a", 0), view("b", 0)].concat(), &mut |_| {}, &mut outputs);
    pipeline.begin_snapshot(true);
    assert!(pipeline.snapshot_part(1).is_some() && pipeline.is_taking_snapshot());
    assert!(pipeline.begin_snapshot(false).is_full);
    assert_eq!(snapshot_ids(&mut pipeline), ["a", "b"]);
}

#[test]
fn rules_change_keeps_the_snapshot_in_progress_and_makes_the_next_one_full() {
    let (mut pipeline, mut outputs) = (small(), Vec::new());
    pipeline.feed(&[view("a", 0), view("b", 0)].concat(), &mut |_| {}, &mut outputs);
    pipeline.begin_snapshot(true);
    pipeline.change_rules(plan(&RULES.replace(">= 2", ">= 1")), &mut outputs);
    let mut members = Vec::new();
    while let Some(parts) = pipeline.snapshot_part(1) {
        members.extend(parts.into_iter().flat_map(|part| part.users).map(|user| user.profile.members.iter().count()));
    }
    assert_eq!(members, [0, 0], "as they were before the rules changed");
    assert!(pipeline.begin_snapshot(false).is_full);
}

#[test]
fn time_that_fires_no_timer_changes_no_user() {
    let rules = "[events]\nview = \"View\"\n[[segments]]\nid = \"s\"\nwhen = \"since(view) >= duration('20s')\"\n";
    let options = PipelineOptions { partitions: 1, workers: 1, ..PipelineOptions::default() };
    let (mut pipeline, mut outputs) = (Pipeline::new(plan(rules), options).expect("threads start"), Vec::new());
    pipeline.feed(&[view("a", 0), view("a", 15)].concat(), &mut |_| {}, &mut outputs);
    pipeline.begin_snapshot(true);
    snapshot_ids(&mut pipeline);
    let at = |second: i64| Timestamp(1_772_409_600_000 + second * 1_000);
    // The timer that the first view set is too early.
    pipeline.advance_to(at(25), &mut outputs);
    pipeline.begin_snapshot(false);
    assert_eq!(snapshot_ids(&mut pipeline), [""; 0]);
    pipeline.advance_to(at(35), &mut outputs);
    assert_eq!(outputs.len(), 1);
    pipeline.begin_snapshot(false);
    assert_eq!(snapshot_ids(&mut pipeline), ["a"]);
}
