//! What must not change a journal: where the state was saved and restored, other users in the log, the sizes of batches,
//! running again. Over the conformance cases, and over random rules and logs.
//!
//! The content of the journals is checked by other tests; here two runs are compared byte for byte.

mod case;

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use rekindle_core::partition::{ExecutionPlan, Output};
use rekindle_core::rules;
use rekindle_core::time::{Span, Timestamp};
use rekindle_runtime::pipeline::Pipeline;
use rekindle_runtime::replay::replay_bytes;
use rekindle_test_kit::generator::{LanguageParts, Scenario, scenario, scenario_of};
use serde_json::Value as Json;

use case::{CASES, Case, restored, written};

/// Prefix of the users of another log; no case has such ids.
const OTHERS: &str = "other:";

/// The first difference of two journals, for people.
fn difference(expected: &[u8], found: &[u8]) -> Option<String> {
    let lines = |journal| String::from_utf8_lossy(journal).lines().map(str::to_owned).collect::<Vec<_>>();
    let (expected, found): (Vec<String>, Vec<String>) = (lines(expected), lines(found));
    let at = (0..expected.len().max(found.len())).find(|at| expected.get(*at) != found.get(*at))?;
    Some(format!("line {at}:\n  expected {:?}\n  found    {:?}", expected.get(at), found.get(at)))
}

fn assert_same(case: &Case, what: &str, expected: &[u8], found: &[u8]) {
    if let Some(difference) = difference(expected, found) {
        panic!("{}, {what}: {difference}", case.name);
    }
}

#[test]
fn restore_before_any_line_does_not_change_the_journal() {
    for name in ["identity-2", "windows-3"] {
        let case = Case::read(&Path::new(CASES).join(name));
        let (plan, expected, lines) = (case.plan(), case.journal(0), case.lines());
        let mut before = Vec::new();
        let mut first = Pipeline::new(Arc::clone(&plan), case.options((3, 1))).expect("threads start");
        for at_line in 0..=lines.len() {
            let saved = first.encode_checkpoint();
            let mut second = restored(&plan, case.options((8, 1)), &saved);
            let mut outputs = before.clone();
            second.feed(&lines[at_line..].concat(), &mut |_| {}, &mut outputs);
            second.advance_to(case.until, &mut outputs);
            assert_same(&case, &format!("restored before line {at_line}"), &expected, &written(&plan, outputs));
            if let Some(line) = lines.get(at_line) {
                first.feed(line, &mut |_| {}, &mut before);
            }
        }
    }
}

#[test]
fn restores_do_not_change_the_journal_of_any_case() {
    for (index, case) in Case::all().iter().enumerate() {
        let (expected, count) = (case.journal(1 << 30), case.lines().len());
        for sample in 0..15 {
            let at_line = (sample * count / 15 + (sample * 7 + index * 13) % (count / 15)).min(count - 1);
            let found = case.journal_with_restores(&[at_line], &[(7, 1), (64, 2)]);
            assert_same(case, &format!("restored before line {at_line}"), &expected, &found);
        }
        let often: Vec<usize> = (0..count).step_by(23).collect();
        let found = case.journal_with_restores(&often, &[(5, 1), (2, 1), (64, 1), (1, 1)]);
        assert_same(case, "restored every 23 lines", &expected, &found);
    }
}

#[test]
fn restored_pipeline_encodes_the_same_checkpoint() {
    for case in Case::all() {
        let (plan, mut outputs) = (case.plan(), Vec::new());
        let mut pipeline = Pipeline::new(Arc::clone(&plan), case.options((5, 1))).expect("threads start");
        for (index, line) in case.lines().into_iter().enumerate() {
            pipeline.feed(line, &mut |_| {}, &mut outputs);
            if index % 60 == 0 || index == 599 {
                let saved = pipeline.encode_checkpoint();
                let restore = |bytes: &[u8], partitions| restored(&plan, case.options((partitions, 1)), bytes);
                assert!(restore(&saved, 5).encode_checkpoint() == saved, "{}: line {index}", case.name);
                let elsewhere = restore(&saved, 64).encode_checkpoint();
                assert!(
                    restore(&elsewhere, 5).encode_checkpoint() == saved,
                    "{}: line {index}, over 64 partitions",
                    case.name
                );
            }
        }
    }
}

#[test]
fn expiry_does_not_depend_on_batches_restores_or_other_users() {
    let cases = Case::all();
    let mut expired = 0;
    let others = Case::all();
    for (index, (case, other)) in cases.into_iter().zip(others.iter().cycle().skip(1)).enumerate() {
        let forever = case.journal(1 << 30);
        let case = case.expiring_after([1, 6, 30][index % 3]);
        let expected = case.journal(1 << 30);
        expired += usize::from(expected != forever);
        for batch_bytes in [0, 3_000] {
            assert_same(&case, &format!("batches of {batch_bytes}"), &expected, &case.journal(batch_bytes));
        }
        let often: Vec<usize> = (0..case.lines().len()).step_by(41).collect();
        let found = case.journal_with_restores(&often, &[(5, 1), (2, 2), (64, 1)]);
        assert_same(&case, "restored every 41 lines", &expected, &found);
        if case.is_shared() {
            continue;
        }
        let (own, _) = journal_among_others(&case, other);
        assert_same(&case, &format!("mixed with {}", other.name), &expected, &own);
    }
    assert!(expired >= 12, "users expire in only {expired} cases");
}

#[test]
fn journal_does_not_depend_on_batch_sizes_and_is_the_same_again() {
    for case in Case::all() {
        let expected = case.journal(1 << 30);
        assert_same(&case, "run again", &expected, &case.journal(1 << 30));
        for batch_bytes in [0, 300, 1_000, 7_777, 50_000] {
            assert_same(&case, &format!("batches of {batch_bytes}"), &expected, &case.journal(batch_bytes));
        }
    }
}

/// A line of another log, with other users, at that time; `None` for a line that is not a single call.
fn renamed(line: &[u8], at: Timestamp) -> Option<Vec<u8>> {
    let mut call: Json = serde_json::from_slice(line).ok()?;
    let fields = call.as_object_mut().filter(|fields| !fields.contains_key("batch"))?;
    for key in ["userId", "anonymousId", "previousId"] {
        match fields.get_mut(key) {
            Some(Json::String(id)) => *id = format!("{OTHERS}{id}"),
            // A number is an id too.
            Some(id @ Json::Number(_)) => *id = format!("{OTHERS}{id}").into(),
            _ => {}
        }
    }
    // These would correct the time.
    for key in ["originalTimestamp", "sentAt", "receivedAt"] {
        fields.remove(key);
    }
    fields.insert("timestamp".to_owned(), at.to_string().into());
    Some(format!("{call}\n").into_bytes())
}

/// The log with the users of another log mixed in after each line, never later than the latest time read, so that they make
/// no event late.
fn mixed(case: &Case, other: &Case) -> Vec<u8> {
    let mut log = Vec::new();
    let mut probe = Pipeline::new(case.plan(), case.options((1, 1))).expect("threads start");
    let mut theirs = other.lines().into_iter().cycle();
    for (index, line) in (0i64..).zip(case.lines()) {
        log.extend_from_slice(line);
        probe.feed(line, &mut |_| {}, &mut Vec::new());
        if probe.watermark() < Timestamp(0) {
            continue;
        }
        let latest = probe.watermark() + case.max_disorder;
        for count in 0..=index % 3 {
            let at = latest - Span(index * 37 % 3_000 * count);
            log.extend(theirs.next().and_then(|line| renamed(line, at)).unwrap_or_default());
        }
    }
    log
}

fn own_lines(journal: &[u8]) -> Vec<u8> {
    let others = format!("\"user\":\"{OTHERS}");
    let lines = journal.split_inclusive(|byte| *byte == b'\n');
    lines.filter(|line| !String::from_utf8_lossy(line).contains(&others)).collect::<Vec<_>>().concat()
}

/// The users' own lines with another log's users mixed in, and how many lines those have.
fn journal_among_others(case: &Case, other: &Case) -> (Vec<u8>, usize) {
    let mixed_log = mixed(case, other);
    let options = case.options((7, 1));
    let journal = replay_bytes(&case.rules, &mixed_log, case.until, options, 2_000).expect("the rules compile");
    let own = own_lines(&journal);
    (own.clone(), journal.len() - own.len())
}

#[test]
fn journal_does_not_depend_on_other_users() {
    // Users share budgets, groups and ranks.
    let cases: Vec<Case> = Case::all().into_iter().filter(|case| !case.is_shared()).collect();
    let mut others_lines = 0;
    for (case, other) in cases.iter().zip(cases.iter().cycle().skip(1)) {
        let (own, others) = journal_among_others(case, other);
        assert_same(case, &format!("mixed with {}", other.name), &case.journal(1 << 30), &own);
        others_lines += others;
    }
    assert!(others_lines > 100_000, "the other users have only {others_lines} bytes of journal");
}

/// A scenario in which users share nothing.
fn scenario_that_shares_nothing() -> impl Strategy<Value = Scenario> {
    scenario_of(LanguageParts::UNSHARED)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, max_shrink_iters: 5_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn restores_do_not_change_the_journal_in_random_scenarios(
        scenario in scenario(),
        restores in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
        splits in prop::collection::vec(prop::sample::select(vec![(1, 1), (3, 2), (7, 1), (64, 2), (64, 1)]), 1..4),
    ) {
        let case = Case::of(&scenario);
        let count = case.lines().len();
        let restores: Vec<usize> = restores.iter().map(|at_line| at_line.index(count)).collect();
        let difference = difference(&case.journal(1 << 30), &case.journal_with_restores(&restores, &splits));
        prop_assert!(difference.is_none(), "restored at {restores:?}, {}", difference.unwrap_or_default());
    }

    #[test]
    fn journal_does_not_depend_on_batch_sizes_in_random_scenarios(scenario in scenario(), batch_bytes in 0usize..3_000) {
        let case = Case::of(&scenario);
        let expected = case.journal(1 << 30);
        prop_assert_eq!(difference(&expected, &case.journal(batch_bytes)), None);
        prop_assert_eq!(difference(&expected, &case.journal(1 << 30)), None, "run again");
    }

    #[test]
    fn journal_does_not_depend_on_other_users_in_random_scenarios(scenario in scenario_that_shares_nothing(), other in scenario()) {
        let (case, other) = (Case::of(&scenario), Case::of(&other));
        let (own, _) = journal_among_others(&case, &other);
        prop_assert_eq!(difference(&case.journal(1 << 30), &own), None);
    }

    #[test]
    fn expiry_does_not_depend_on_batches_restores_or_other_users_in_random_scenarios(
        scenario in prop_oneof![scenario(), scenario_that_shares_nothing()],
        other in scenario(),
        hours in prop::sample::select(vec![1i64, 2, 6, 25]),
        restores in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
        batch_bytes in 0usize..3_000,
    ) {
        let (case, other) = (Case::of(&scenario).expiring_after(hours), Case::of(&other));
        let expected = case.journal(1 << 30);
        prop_assert_eq!(difference(&expected, &case.journal(batch_bytes)), None, "batches of {}", batch_bytes);
        let restores: Vec<usize> = restores.iter().map(|at_line| at_line.index(case.lines().len())).collect();
        prop_assert_eq!(difference(&expected, &case.journal_with_restores(&restores, &[(3, 1), (64, 1)])), None, "restored at {:?}", restores);
        if !case.is_shared() {
            let (own, _) = journal_among_others(&case, &other);
            prop_assert_eq!(difference(&expected, &own), None, "among others");
        }
    }
}

/// The journal where other rules take effect before a line; the state is saved and restored before and after that.
fn journal_with_a_change(
    case: &Case,
    next: &Arc<ExecutionPlan>,
    at: usize,
    batch: usize,
    splits: [(usize, usize); 3],
) -> Vec<u8> {
    let (plan, lines, [first, second, third]) = (case.plan(), case.lines(), splits);
    let mut outputs = Vec::new();
    let mut pipeline = Pipeline::new(Arc::clone(&plan), case.options(first)).expect("threads start");
    let feed = |pipeline: &mut Pipeline, lines: &[&[u8]], outputs: &mut Vec<Output>| {
        lines.chunks(batch).for_each(|batch| pipeline.feed(&batch.concat(), &mut |_| {}, outputs));
    };
    feed(&mut pipeline, &lines[..at], &mut outputs);
    let mut pipeline = restored(&plan, case.options(second), &pipeline.encode_checkpoint());
    let mut journal = written(&plan, std::mem::take(&mut outputs));
    pipeline.change_rules(Arc::clone(next), &mut outputs);
    let mut pipeline = restored(next, case.options(third), &pipeline.encode_checkpoint());
    feed(&mut pipeline, &lines[at..], &mut outputs);
    pipeline.advance_to(case.until, &mut outputs);
    journal.extend(written(next, outputs));
    journal
}

#[test]
fn result_of_a_rules_change_does_not_depend_on_batches_partitions_or_restores() {
    const MORE: &str = "\n[[segments]]\nid = \"zz\"\nwhen = \"age() >= duration('1m')\"\n\
                        [[campaigns]]\nid = \"zz_mail\"\non = \"enter:zz\"\nchannel = \"email\"\n";
    for name in ["campaigns-1", "quiet-2", "identity-2", "perkey-1", "triggers-1", "budgets-1"] {
        let case = Case::read(&Path::new(CASES).join(name));
        let next = rules::compile(&format!("{}{MORE}", case.rules)).expect("the rules compile");
        let (next, count) = (Arc::new(ExecutionPlan::new(next)), case.lines().len());
        for at in [count / 3, count / 2] {
            let expected = journal_with_a_change(&case, &next, at, 1, [(1, 1), (1, 1), (1, 1)]);
            let text = String::from_utf8_lossy(&expected);
            let by_rules =
                text.lines().filter(|line| line.contains("\"segment\":\"zz\"") && line.contains("\"cause\":\"rules\""));
            assert!(by_rules.count() > 0, "{name}: no user changed its segment");
            for (batch, splits) in [(7, [(3, 1), (64, 2), (5, 1)]), (1_000, [(64, 2), (2, 1), (64, 1)])] {
                let found = journal_with_a_change(&case, &next, at, batch, splits);
                assert_same(&case, &format!("rules changed before line {at}, batches of {batch}"), &expected, &found);
            }
        }
    }
}
