//! A log with its rules, replayed in one go or with restores in between.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rekindle_core::journal::{self, JournalSorter};
use rekindle_core::partition::{ExecutionPlan, Output};
use rekindle_core::rules;
use rekindle_core::secret::DrawSecret;
use rekindle_core::time::{Span, Timestamp};
use rekindle_runtime::pipeline::{Pipeline, PipelineOptions, RestoredPipeline};
use rekindle_runtime::replay::replay_bytes;
use rekindle_test_kit::generator::Scenario;

pub(super) const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/conformance");

/// A log, its rules, and how to replay it.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) rules: String,
    pub(super) events: Vec<u8>,
    pub(super) until: Timestamp,
    pub(super) max_disorder: Span,
    /// Users that are idle for this long expire.
    pub(super) state_ttl: Option<Span>,
    pub(super) secret: &'static str,
}

impl Case {
    pub(super) fn read(folder: &Path) -> Case {
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_else(|e| panic!("{folder:?}: {e}"));
        Case {
            name: folder.display().to_string(),
            rules: read("rules.toml"),
            events: fs::read(folder.join("events.jsonl")).expect("events.jsonl"),
            until: Timestamp::parse_rfc3339(read("until").trim()).expect("`until` is a time"),
            max_disorder: Span(5_000),
            state_ttl: None,
            secret: "",
        }
    }

    pub(super) fn of(scenario: &Scenario) -> Case {
        Case {
            name: "a random scenario".to_owned(),
            rules: scenario.rules_toml(),
            events: scenario.events_jsonl(),
            until: Timestamp(scenario.until_ms()),
            max_disorder: Span(scenario.max_disorder_ms()),
            state_ttl: None,
            secret: scenario.secret(),
        }
    }

    pub(super) fn expiring_after(self, hours: i64) -> Case {
        Case { state_ttl: Some(Span(hours * 3_600_000)), ..self }
    }

    pub(super) fn all() -> Vec<Case> {
        let entries = fs::read_dir(CASES).expect("tests/conformance is there");
        let mut folders: Vec<_> =
            entries.map(|entry| entry.expect("readable").path()).filter(|p| p.join("rules.toml").exists()).collect();
        folders.sort();
        assert!(folders.len() >= 24, "only {} conformance cases found", folders.len());
        folders.iter().map(|folder| Case::read(folder)).collect()
    }

    /// Whether users depend on each other.
    pub(super) fn is_shared(&self) -> bool {
        ["[[budgets]]", "[groups.", "[[ranks]]", "[tables.", "adapt = "]
            .iter()
            .any(|shared| self.rules.contains(shared))
    }

    pub(super) fn options(&self, (partitions, workers): (usize, usize)) -> PipelineOptions {
        let (max_disorder, until, state_ttl) = (self.max_disorder, Some(self.until), self.state_ttl);
        let resident_users = (partitions > 1).then_some(1);
        PipelineOptions {
            partitions,
            workers,
            max_disorder,
            until,
            state_ttl,
            resident_users,
            secret: DrawSecret::of_file(self.secret.as_bytes()),
            ..PipelineOptions::default()
        }
    }

    pub(super) fn plan(&self) -> Arc<ExecutionPlan> {
        Arc::new(ExecutionPlan::new(rules::compile(&self.rules).expect("the rules compile")))
    }

    pub(super) fn lines(&self) -> Vec<&[u8]> {
        self.events.split_inclusive(|byte| *byte == b'\n').collect()
    }

    pub(super) fn journal(&self, batch_bytes: usize) -> Vec<u8> {
        let options = self.options((64, 1));
        replay_bytes(&self.rules, &self.events, self.until, options, batch_bytes).expect("the rules compile")
    }

    /// The journal of a run whose state is saved before each of these lines (ascending) and restored with other partitions.
    pub(super) fn journal_with_restores(&self, restores: &[usize], splits: &[(usize, usize)]) -> Vec<u8> {
        let (plan, mut outputs) = (self.plan(), Vec::new());
        let mut splits = splits.iter().cycle();
        let mut next_options = || self.options(*splits.next().expect("there is a split"));
        let mut pipeline = Pipeline::new(Arc::clone(&plan), next_options()).expect("threads start");
        for (index, line) in self.lines().into_iter().enumerate() {
            if restores.contains(&index) {
                let saved = pipeline.encode_checkpoint();
                pipeline = restored(&plan, next_options(), &saved);
            }
            pipeline.feed(line, &mut |_| {}, &mut outputs);
        }
        pipeline.advance_to(self.until, &mut outputs);
        written(&plan, outputs)
    }
}

/// A pipeline that is restored from the checkpoint of another.
pub(super) fn restored(plan: &Arc<ExecutionPlan>, options: PipelineOptions, saved: &[u8]) -> Pipeline {
    let restored = RestoredPipeline::read(plan, &[saved]).expect("what was saved");
    Pipeline::restore(Arc::clone(plan), options, restored).expect("what was saved")
}

pub(super) fn written(plan: &ExecutionPlan, mut outputs: Vec<Output>) -> Vec<u8> {
    let mut journal = Vec::new();
    for output in JournalSorter::default().release(&mut outputs, Timestamp::NEVER) {
        journal::write_line(&plan.rules, &output, &mut journal).expect("writing to memory cannot fail");
    }
    journal
}
