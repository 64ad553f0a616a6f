//! The counts of goals: the same however the log is divided, kept by checkpoints and by rules changes.

use std::fmt::Write as _;

use rekindle_core::goals::{ComparisonKey, GoalTally, Measure, UpliftCounts, UpliftReport};

use super::super::RestoredPipeline;
use super::*;

const GOALS: &str = r#"
control = 0.3
[events]
view = "Product Viewed"
order = "Order Completed"
[[goals]]
id = "buy"
on = "order"
value = "total"
within = "1h"
[[campaigns]]
id = "c"
on = "event:view"
channel = "email"
variants = [{ id = "a", weight = 1 }, { id = "b", weight = 1 }]
"#;

/// Users who look at something, one a second, of whom those with an even number buy.
fn shop(users: u32) -> Vec<String> {
    let mut lines = Vec::new();
    for user in 0..users {
        let at = at("08:00:00") + rekindle_core::time::Span(i64::from(user) * 1_000);
        let mut line = String::new();
        let mut call = |event: &str, properties: &str| {
            let call = format!(r#""type":"track","event":"{event}","userId":"u{user}","timestamp":"{at}""#);
            writeln!(line, r#"{{{call},"properties":{{{properties}}}}}"#).expect("in memory");
        };
        call("Product Viewed", "");
        lines.push(line);
        if user >= 2 && user % 2 == 0 {
            let buyer = user - 2;
            let call = format!(r#""type":"track","event":"Order Completed","userId":"u{buyer}","timestamp":"{at}""#);
            lines.push(format!("{{{call},\"properties\":{{\"total\":{buyer}.25}}}}\n"));
        }
    }
    lines
}

fn pipeline(partitions: usize) -> Pipeline {
    let options = PipelineOptions { workers: 1, partitions, ..PipelineOptions::default() };
    Pipeline::new(plan(GOALS), options).expect("threads start")
}

fn fed(partitions: usize, lines: &[String], batch: usize) -> Pipeline {
    let mut pipeline = pipeline(partitions);
    for lines in lines.chunks(batch) {
        pipeline.feed(lines.concat().as_bytes(), &mut |_| {}, &mut Vec::new());
    }
    pipeline
}

fn ended(mut pipeline: Pipeline) -> UpliftCounts {
    pipeline.advance_to(at("20:00:00"), &mut Vec::new());
    UpliftCounts::clone(&pipeline.uplift())
}

fn all_users(counts: &UpliftCounts) -> u64 {
    counts.totals().values().map(|tally| tally.users).sum()
}

#[test]
fn counts_depend_on_neither_partitions_nor_batches_nor_a_restore_in_between() {
    let lines = shop(6_000);
    let whole = ended(fed(1, &lines, lines.len()));
    assert_eq!(all_users(&whole), 6_000);
    let all = ComparisonKey { campaign: "c".into(), goal: "buy".into(), variant: None, measure: Measure::Users };
    assert_eq!(whole.conclusion(&all), None, "it does nothing");
    for (partitions, batch) in [(7, 1), (7, 100), (64, 1_000)] {
        assert_eq!(ended(fed(partitions, &lines, batch)), whole, "{partitions} partitions, batches of {batch}");
    }
    let (before, after) = lines.split_at(8_000);
    let half = fed(7, before, 100);
    assert!(!half.uplift().is_empty() && half.uplift().is_due(Timestamp::NEVER), "in the midst of an hour");
    let (checkpoint, counted) = (half.encode_checkpoint(), half.uplift());
    let restored = RestoredPipeline::read(half.plan(), &[&checkpoint]).expect("sound");
    let options = PipelineOptions { workers: 1, partitions: 3, ..PipelineOptions::default() };
    let mut half = Pipeline::restore(Arc::clone(half.plan()), options, restored).expect("sound");
    assert_eq!(*half.uplift(), *counted);
    half.feed(after.concat().as_bytes(), &mut |_| {}, &mut Vec::new());
    assert_eq!(ended(half), whole);
}

#[test]
fn counts_of_a_campaign_that_is_renamed_stay_under_its_old_name() {
    let mut pipeline = fed(3, &shop(4_000), 1_000);
    let counted = all_users(&pipeline.uplift());
    assert!(counted > 100);
    pipeline.change_rules(plan(&GOALS.replace("id = \"c\"", "id = \"d\"")), &mut Vec::new());
    let plan = Arc::clone(pipeline.plan());
    let counts = ended(pipeline);
    assert_eq!(all_users(&counts), 4_000, "also those who were exposed before");
    let report = |campaign: &str| UpliftReport::of_campaign(&plan.rules, &counts, campaign);
    let users = |report: UpliftReport| report.goals[0].comparisons[0].treated.users;
    assert_eq!((report("c").map(users) > Some(0), report("d").map(users)), (true, Some(0)));
    assert_eq!(report("e"), None);
}

#[test]
fn a_difference_is_known_since_the_end_of_an_hour_and_told_in_a_sentence() {
    let mut lines = shop(3_000);
    // Users who get the campaign buy at once.
    let plan = plan(GOALS);
    let mut pipeline = pipeline(3);
    let mut outputs = Vec::new();
    for line in &mut lines {
        outputs.clear();
        pipeline.feed(line.as_bytes(), &mut |_| {}, &mut outputs);
        for output in &outputs {
            let mut journal = Vec::new();
            journal::append_line(&plan.rules, output, &mut journal);
            if String::from_utf8(journal).expect("UTF-8").contains("\"outcome\":\"sent\"") {
                let (user, at) = (&output.user, output.at + rekindle_core::time::Span(1));
                let order = format!(
                    r#"{{"type":"track","event":"Order Completed","userId":"{user}","timestamp":"{at}","properties":{{"total":10}}}}"#
                );
                pipeline.feed(format!("{order}\n").as_bytes(), &mut |_| {}, &mut Vec::new());
            }
        }
    }
    let counts = ended(pipeline);
    let report = UpliftReport::new(&plan.rules, &counts);
    let [goal] = report.goals.as_slice() else { panic!("one goal of one campaign") };
    assert!(!goal.has_sample_ratio_mismatch);
    let comparisons: Vec<_> = goal.comparisons.iter().map(|it| (it.variant.as_deref(), it.measure)).collect();
    let both = |variant| [(variant, Measure::Users), (variant, Measure::Value)];
    assert_eq!(comparisons, [both(None), both(Some("a")), both(Some("b"))].concat());
    let all = &goal.comparisons[0];
    assert_eq!(all.treated.users, all.treated.reached);
    let sentence = all.sentence();
    assert!(sentence.starts_with("it works: between ") && sentence.ends_with(", since 2026-03-02T10:00:00.000Z"));
    let brought = all.brought().expect("enough users");
    assert!(brought.low > 0.0 && brought.low < brought.difference && brought.difference < brought.high);
    let per_message = all.brought_per_message().expect("messages went out");
    assert!((per_message.difference * all.treated.messages as f64 - brought.difference).abs() < 1e-6);
    let few = UpliftReport::new(&plan.rules, &ended(fed(1, &shop(50), 1)));
    let few = &few.goals[0].comparisons[0];
    let users = few.lacking().expect("less than 100");
    assert_eq!((few.sentence(), few.interval), (format!("not enough yet: {users} of 100"), None));
    assert!(few.difference.is_some());
    assert_eq!(few.control.sum_squares > 0u8.into(), few.control != GoalTally::default());
}
