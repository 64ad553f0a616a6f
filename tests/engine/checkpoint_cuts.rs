//! Cuts that are taken piece by piece while events go on: base and deltas give back the state of the very moment, and
//! nobody notices that there was a cut.

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
enum Turn {
    /// Nothing.
    Feed,
    /// A cut begins, unless one is under way.
    Cut { whole: bool },
    /// So much of the cut is taken down.
    Capture(usize),
    /// A user is forgotten.
    Forget(&'static str),
    /// The rest of the cut is taken down, and the pipeline is replaced by what can be read of its files.
    Replace,
}

/// A pipeline that is cut, and the files of its cuts.
struct Story {
    plan: Arc<ExecutionPlan>,
    options: PipelineOptions,
    pipeline: Pipeline,
    /// A base and its deltas, oldest first.
    files: Vec<Vec<u8>>,
    number: u64,
    /// The cut under way: its head, what was captured, and the state it must give back.
    cut: Option<(SnapshotHeader, Vec<SnapshotUsers>, Vec<u8>)>,
    outputs: Vec<Output>,
    cuts_checked: usize,
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

impl Story {
    fn new(scenario: &Scenario, partitions: usize, state_ttl: Option<Span>) -> Story {
        let (plan, options) = (plan(&scenario.rules_toml()), options(scenario, partitions, state_ttl));
        let pipeline = Pipeline::new(Arc::clone(&plan), options.clone()).expect("threads start");
        let (files, outputs) = (Vec::new(), Vec::new());
        Story { plan, options, pipeline, files, number: 0, cut: None, outputs, cuts_checked: 0 }
    }

    fn turn(&mut self, turn: Turn) {
        match turn {
            Turn::Feed => {}
            Turn::Forget(id) => {
                let lines = format!("{{\"user\":\"{id}\"}}");
                let entry =
                    InputEntry { kind: RecordKind::Forget, lines: lines.as_bytes(), received: None, is_whole: false };
                self.pipeline.feed_entries(&[entry], &mut |_| {}, &mut self.outputs);
            }
            Turn::Cut { whole } => {
                if self.cut.is_none() {
                    let moment = self.pipeline.encode_checkpoint();
                    self.cut = Some((self.pipeline.begin_snapshot(whole), Vec::new(), moment));
                }
            }
            Turn::Capture(most) => {
                if let Some((_, captured, _)) = &mut self.cut {
                    match self.pipeline.snapshot_part(most) {
                        Some(pieces) => {
                            let users: usize = pieces.iter().map(|piece| piece.users.len()).sum();
                            assert!(users <= most, "{users} users in a piece of {most}");
                            captured.extend(pieces);
                        }
                        None => self.end_cut(),
                    }
                }
            }
            Turn::Replace => {
                self.finish_cut();
                self.turn(Turn::Cut { whole: false });
                self.finish_cut();
                self.pipeline = self.restored(self.options.partitions);
            }
        }
    }

    fn finish_cut(&mut self) {
        while self.cut.is_some() {
            self.turn(Turn::Capture(3));
        }
    }

    /// Everything is captured: writes the file, and checks what all files together give back.
    fn end_cut(&mut self) {
        assert!(!self.pipeline.is_taking_snapshot());
        let Some((cut, captured, moment)) = self.cut.take() else { return };
        let previous = self.number;
        self.number += 1;
        if cut.is_full {
            self.files.clear();
        }
        let base = self.number - self.files.len() as u64;
        let head = CheckpointHeader {
            kind: if cut.is_full { FileKind::Base } else { FileKind::Delta },
            number: self.number,
            base,
            previous: if cut.is_full { self.number } else { previous },
            sequence: 0,
            position: cut.position,
            fired: cut.fired,
            forgotten: cut.forgotten,
            latest_read: cut.latest_read,
            rules_changes: cut.rules_changes.0,
            rules_changed_at: cut.rules_changes.1,
            rules: self.plan.rules.version.clone(),
            partitions: cut.partitions,
            stream: None,
            program: String::new(),
        };
        let mut encoder = CheckpointEncoder::new(&self.plan, &head).expect("small");
        encoder.links(&cut.links).expect("small");
        captured.iter().for_each(|piece| encoder.snapshot(piece).expect("small"));
        self.files.push(encoder.finish().expect("small").0);
        assert!(
            self.restored(self.options.partitions).encode_checkpoint() == moment,
            "cut {} is not of its moment",
            self.number
        );
        let elsewhere = self.restored(self.options.partitions + 4).encode_checkpoint();
        let back = restored(&self.plan, self.options.clone(), &[elsewhere]).encode_checkpoint();
        assert!(back == moment, "cut {} is not of its moment, over more partitions", self.number);
        self.cuts_checked += 1;
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

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        4 => Just(Turn::Feed),
        2 => any::<bool>().prop_map(|odd| Turn::Cut { whole: odd }),
        2 => Just(Turn::Cut { whole: false }),
        5 => (1usize..4).prop_map(Turn::Capture),
        1 => Just(Turn::Replace),
        1 => prop::sample::select(vec!["u0", "u1", "u2", "a0", "a1"]).prop_map(Turn::Forget),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, max_shrink_iters: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cuts_give_back_their_moment_and_show_nowhere(
        scenario in scenario(),
        partitions in prop::sample::select(vec![1usize, 3, 7]),
        turns in prop::collection::vec(turn(), 20..200),
        state_ttl in prop::sample::select(vec![None, Some(Span(3_600_000)), Some(Span(20_000_000))]),
    ) {
        let log = scenario.events_jsonl();
        let mut story = Story::new(&scenario, partitions, state_ttl);
        let mut uncut = Story::new(&scenario, partitions, state_ttl);
        let mut turns = turns.into_iter().cycle();
        for line in log.split_inclusive(|byte| *byte == b'\n') {
            let turn = turns.next().expect("there are turns");
            story.turn(turn);
            if let Turn::Forget(_) = turn {
                uncut.turn(turn);
            }
            story.feed(line);
            uncut.feed(line);
        }
        story.finish_cut();
        story.turn(Turn::Cut { whole: false });
        story.finish_cut();
        prop_assert!(story.cuts_checked > 0);
        let until = Timestamp(scenario.until_ms());
        story.pipeline.advance_to(until, &mut story.outputs);
        uncut.pipeline.advance_to(until, &mut uncut.outputs);
        let by_user = |mut outputs: Vec<Output>| {
            outputs.sort_by(|a, b| (&a.user, a.position).cmp(&(&b.user, b.position)));
            outputs
        };
        prop_assert_eq!(by_user(story.outputs), by_user(uncut.outputs));
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

fn captured_ids(pipeline: &mut Pipeline) -> Vec<String> {
    let mut ids = Vec::new();
    while let Some(pieces) = pipeline.snapshot_part(2) {
        ids.extend(pieces.iter().flat_map(|piece| &piece.users).map(|user| user.id.to_string()));
    }
    ids.sort();
    ids
}

#[test]
fn a_cut_has_who_changed_since_the_last_began() {
    let (mut pipeline, mut outputs) = (small(), Vec::new());
    let mut feed = |pipeline: &mut Pipeline, user: &str| pipeline.feed(&view(user, 0), &mut |_| {}, &mut outputs);
    feed(&mut pipeline, "a");
    feed(&mut pipeline, "b");
    assert!(pipeline.begin_snapshot(false).is_full, "the first is whole");
    feed(&mut pipeline, "b");
    feed(&mut pipeline, "c");
    assert_eq!(captured_ids(&mut pipeline), ["a", "b"]);
    assert!(!pipeline.begin_snapshot(false).is_full);
    assert_eq!(captured_ids(&mut pipeline), ["b", "c"]);
    assert!(!pipeline.begin_snapshot(false).is_full);
    assert_eq!(captured_ids(&mut pipeline), [""; 0]);
    assert!(pipeline.begin_snapshot(true).is_full);
    assert_eq!(captured_ids(&mut pipeline), ["a", "b", "c"]);
}

#[test]
fn a_cut_that_was_given_up_is_followed_by_a_whole_one() {
    let (mut pipeline, mut outputs) = (small(), Vec::new());
    pipeline.feed(&[view("a", 0), view("b", 0)].concat(), &mut |_| {}, &mut outputs);
    pipeline.begin_snapshot(true);
    assert!(pipeline.snapshot_part(1).is_some() && pipeline.is_taking_snapshot());
    assert!(pipeline.begin_snapshot(false).is_full);
    assert_eq!(captured_ids(&mut pipeline), ["a", "b"]);
}

#[test]
fn other_rules_leave_the_cut_under_way_as_it_was_and_make_the_next_whole() {
    let (mut pipeline, mut outputs) = (small(), Vec::new());
    pipeline.feed(&[view("a", 0), view("b", 0)].concat(), &mut |_| {}, &mut outputs);
    pipeline.begin_snapshot(true);
    pipeline.change_rules(plan(&RULES.replace(">= 2", ">= 1")), &mut outputs);
    let mut members = Vec::new();
    while let Some(pieces) = pipeline.snapshot_part(1) {
        members
            .extend(pieces.into_iter().flat_map(|piece| piece.users).map(|user| user.profile.members.iter().count()));
    }
    assert_eq!(members, [0, 0], "as they were before the rules changed");
    assert!(pipeline.begin_snapshot(false).is_full);
}

#[test]
fn time_that_fires_nothing_changes_nobody() {
    let rules = "[events]\nview = \"View\"\n[[segments]]\nid = \"s\"\nwhen = \"since(view) >= duration('20s')\"\n";
    let options = PipelineOptions { partitions: 1, workers: 1, ..PipelineOptions::default() };
    let (mut pipeline, mut outputs) = (Pipeline::new(plan(rules), options).expect("threads start"), Vec::new());
    pipeline.feed(&[view("a", 0), view("a", 15)].concat(), &mut |_| {}, &mut outputs);
    pipeline.begin_snapshot(true);
    captured_ids(&mut pipeline);
    let at = |second: i64| Timestamp(1_772_409_600_000 + second * 1_000);
    // The wake-up that the first view set is found to be early.
    pipeline.advance_to(at(25), &mut outputs);
    pipeline.begin_snapshot(false);
    assert_eq!(captured_ids(&mut pipeline), [""; 0]);
    pipeline.advance_to(at(35), &mut outputs);
    assert_eq!(outputs.len(), 1);
    pipeline.begin_snapshot(false);
    assert_eq!(captured_ids(&mut pipeline), ["a"]);
}
