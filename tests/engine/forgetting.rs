//! Users that are forgotten on request, and users that expire. The engine agrees with the naive oracle on random rules and
//! logs, however the log is divided, and wherever the state is saved and restored.

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use regex::{Captures, Regex};
use rekindle_core::journal::{self, JournalSorter};
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::rules;
use rekindle_core::secret::DrawSecret;
use rekindle_core::time::{Span, Timestamp};
use rekindle_runtime::log::RecordKind;
use rekindle_runtime::pipeline::{InputEntry, Pipeline, PipelineOptions, RestoredPipeline};
use rekindle_test_kit::generator::{LanguageParts, Scenario, scenario, scenario_of};
use rekindle_test_kit::oracle::{self, ForgetPlan, OracleInput, compare};
use serde_json::{Value as Json, json};

/// Ids of the generator's users and visitors, and one that does not occur.
const IDS: &[&str] = &["u0", "u0", "u1", "u2", "用户-一", "a0", "a1", "a2", "a b.*>", "nobody"];

static DURATION: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"(['"])((?:[0-9]+(?:ms|s|m|h|d|w))+)(['"])"#).expect("a pattern"));

/// How the engine's work is split.
#[derive(Clone, Debug)]
struct Split {
    partitions: usize,
    /// The number of entries per batch.
    batch: usize,
    /// Indexes of the entries before which the state is saved and restored.
    restores: Vec<usize>,
}

/// A log with requests to forget in it, its rules, and how to replay it.
struct Log {
    rules: String,
    events: Vec<u8>,
    until: Timestamp,
    max_disorder: Span,
    forgetting: ForgetPlan,
    secret: &'static str,
}

impl Log {
    fn new(scenario: &Scenario, rules: String, forgetting: ForgetPlan) -> Log {
        Log {
            rules,
            events: scenario.events_jsonl(),
            until: Timestamp(scenario.until_ms()),
            max_disorder: Span(scenario.max_disorder_ms()),
            forgetting,
            secret: scenario.secret(),
        }
    }

    /// Lines and requests, in order.
    fn entries(&self) -> Vec<(RecordKind, Vec<u8>)> {
        let mut entries = Vec::new();
        for (index, line) in self.events.split_inclusive(|byte| *byte == b'\n').enumerate() {
            for (_, id) in self.forgetting.requests.iter().filter(|(before, _)| *before == index) {
                entries.push((RecordKind::Forget, json!({ "user": id }).to_string().into_bytes()));
            }
            entries.push((RecordKind::Events, line.to_vec()));
        }
        entries
    }

    fn options(&self, partitions: usize) -> PipelineOptions {
        let state_ttl = self.forgetting.state_ttl_ms.map(Span);
        let (max_disorder, until) = (self.max_disorder, Some(self.until));
        PipelineOptions {
            partitions,
            workers: 1,
            max_disorder,
            until,
            state_ttl,
            resident_users: Some(1),
            secret: DrawSecret::of_file(self.secret.as_bytes()),
            ..PipelineOptions::default()
        }
    }

    /// The engine's journal.
    fn journal(&self, split: &Split) -> Vec<u8> {
        let plan = Arc::new(ExecutionPlan::new(rules::compile(&self.rules).expect("the rules compile")));
        let mut pipeline = Pipeline::new(Arc::clone(&plan), self.options(split.partitions)).expect("threads start");
        let (entries, mut outputs, mut fed) = (self.entries(), Vec::new(), 0);
        while fed < entries.len() {
            let next_restore = split.restores.iter().copied().filter(|at| *at > fed).min().unwrap_or(entries.len());
            let end = (fed + split.batch).min(next_restore).min(entries.len());
            let batch = entries[fed..end].iter().map(|(kind, lines)| InputEntry {
                kind: *kind,
                lines,
                received: None,
                is_whole: false,
            });
            pipeline.feed_entries(&batch.collect::<Vec<_>>(), &mut |_| {}, &mut outputs);
            fed = end;
            if split.restores.contains(&fed) {
                let (saved, partitions) = (pipeline.encode_checkpoint(), split.partitions * 2 + 1);
                let restored = RestoredPipeline::read(&plan, &[&saved]).expect("what was saved");
                pipeline =
                    Pipeline::restore(Arc::clone(&plan), self.options(partitions), restored).expect("what was saved");
            }
        }
        pipeline.advance_to(self.until, &mut outputs);
        let mut journal = Vec::new();
        for output in JournalSorter::default().release(&mut outputs, Timestamp::NEVER) {
            journal::write_line(&plan.rules, &output, &mut journal).expect("memory");
        }
        journal
    }

    /// The first difference of engine and oracle.
    fn disagreement(&self, split: &Split) -> Option<String> {
        let mut expected = oracle::run(&OracleInput {
            rules_toml: &self.rules,
            events_jsonl: &self.events,
            until_ms: self.until.0,
            max_disorder_ms: self.max_disorder.0,
            secret: self.secret.as_bytes(),
            forgetting: self.forgetting.clone(),
        });
        expected.sort_by_key(|line| line["at"].as_str().map(str::to_owned));
        let journal = self.journal(split);
        let lines = journal.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let actual: Vec<Json> = lines.map(|line| serde_json::from_slice(line).expect("JSON")).collect();
        compare::difference(&expected, &actual)
    }

    fn count(&self) -> usize {
        self.events.split_inclusive(|byte| *byte == b'\n').count()
    }
}

/// The rules with every duration divided by a factor, and the longest duration of the result.
fn shortened(rules: &str, times: i64) -> (String, i64) {
    let mut longest = 0;
    let text = DURATION.replace_all(rules, |found: &Captures<'_>| {
        let length = (Span::parse(&found[2]).expect("a duration").0 / times).max(1);
        longest = longest.max(length);
        format!("{}{length}ms{}", &found[1], &found[3])
    });
    (text.into_owned(), longest)
}

fn whole() -> Split {
    Split { partitions: 64, batch: usize::MAX / 2, restores: Vec::new() }
}

type Requests = Vec<(prop::sample::Index, &'static str)>;

fn requests(most: usize) -> impl Strategy<Value = Requests> {
    prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(IDS)), 0..=most)
}

fn placed(requests: &Requests, lines: usize) -> Vec<(usize, String)> {
    requests.iter().map(|(before, id)| (before.index(lines), (*id).to_owned())).collect()
}

fn splits() -> impl Strategy<Value = (usize, usize, Vec<prop::sample::Index>)> {
    let batches = prop::sample::select(vec![1, 2, 7, 40]);
    (prop::sample::select(vec![1, 7, 64]), batches, prop::collection::vec(any::<prop::sample::Index>(), 0..3))
}

/// A scenario in which nothing changes for a user that was idle for as long as all durations of the rules: without calendars and
/// models, and without campaigns that spend points, which idle users spend too.
fn expiring_scenario() -> impl Strategy<Value = Scenario> {
    let parts = LanguageParts { calendar: false, prices: false, models: false, ..LanguageParts::ALL };
    scenario_of(parts)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, max_shrink_iters: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn engine_and_oracle_agree_on_forgotten_users(
        scenario in scenario(),
        requests in requests(8),
        (partitions, batch, restores) in splits(),
    ) {
        let mut log = Log::new(&scenario, scenario.rules_toml(), ForgetPlan::default());
        let lines = log.count();
        log.forgetting.requests = placed(&requests, lines.max(1));
        let entries = log.entries().len();
        let split = Split { partitions, batch, restores: restores.iter().map(|at| at.index(entries.max(1))).collect() };
        let disagreement = log.disagreement(&split);
        prop_assert!(disagreement.is_none(), "with {split:?}, {:?}, {}", log.forgetting, disagreement.unwrap_or_default());
        prop_assert!(log.journal(&split) == log.journal(&whole()), "with {split:?}, {:?}", log.forgetting);
    }

    #[test]
    fn engine_and_oracle_agree_on_expired_users(
        scenario in expiring_scenario(),
        requests in requests(3),
        times in prop::sample::select(vec![24, 240, 2_400]),
        longer in prop::sample::select(vec![0i64, 1, 3_600_000]),
        (partitions, batch, restores) in splits(),
    ) {
        let (rules, longest) = shortened(&scenario.rules_toml(), times);
        let mut log = Log::new(&scenario, rules, ForgetPlan::default());
        log.forgetting.requests = placed(&requests, log.count().max(1));
        // No condition looks back further than two durations and a pane.
        log.forgetting.state_ttl_ms = Some(longest * 3 + 1_000 + longer);
        let entries = log.entries().len();
        let split = Split { partitions, batch, restores: restores.iter().map(|at| at.index(entries.max(1))).collect() };
        let disagreement = log.disagreement(&split);
        prop_assert!(
            disagreement.is_none(),
            "with {split:?}, {:?}, {times} times shorter, {}", log.forgetting, disagreement.unwrap_or_default()
        );
        prop_assert!(log.journal(&split) == log.journal(&whole()), "with {split:?}, {:?}", log.forgetting);
    }
}

#[test]
fn forgetting_and_expiry_change_the_journal_of_many_scenarios() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut by_request, mut by_idleness) = (0, 0);
    for _ in 0..100 {
        let scenario = expiring_scenario().new_tree(&mut runner).expect("a scenario").current();
        let (rules, longest) = shortened(&scenario.rules_toml(), 240);
        let log = |requests, state_ttl_ms| {
            let forgetting = ForgetPlan { requests, state_ttl_ms };
            Log::new(&scenario, rules.clone(), forgetting).journal(&whole())
        };
        let forever = log(Vec::new(), None);
        let half = scenario.events_jsonl().split_inclusive(|byte| *byte == b'\n').count() / 2;
        by_request += usize::from(log(vec![(half, "u0".to_owned())], None) != forever);
        by_idleness += usize::from(log(Vec::new(), Some(longest * 3 + 1_000)) != forever);
    }
    assert!(by_request >= 20 && by_idleness >= 20, "{by_request} by request, {by_idleness} by idleness");
}
