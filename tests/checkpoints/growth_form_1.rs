//! Growth state in form 1, as the last version that wrote it stored it: a checkpoint after 114 events.
//!
//! Form 1 has only the latest of a user's funnel starts, and not when a stage changed. So users of funnels within 30 days are
//! counted from the latest starts, and active users by stage may differ for days to come; everything else is complete.

use std::sync::Arc;

use rekindle_core::growth::report::{FunnelNumbers, GrowthNumbers};
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::rules;
use rekindle_core::time::{Span, Timestamp};
use rekindle_runtime::pipeline::{Pipeline, PipelineOptions, RestoredPipeline};

const RULES: &str = include_str!("growth_form_1/rules.toml");
const EVENTS: &str = include_str!("growth_form_1/events.jsonl");
const STATE: &[u8] = include_bytes!("growth_form_1/state");
const STORED_EVENTS: usize = 114;

fn plan() -> Arc<ExecutionPlan> {
    Arc::new(ExecutionPlan::new(rules::compile(RULES).expect("the rules compile")))
}

fn options() -> PipelineOptions {
    PipelineOptions { partitions: 4, workers: 1, ..PipelineOptions::default() }
}

fn restored() -> Pipeline {
    let plan = plan();
    let restored = RestoredPipeline::read(&plan, &[STATE]).expect("form 1 is read");
    Pipeline::restore(plan, options(), restored).expect("threads start")
}

/// A pipeline that was fed the first events by this version.
fn fed(events: usize) -> Pipeline {
    let mut pipeline = Pipeline::new(plan(), options()).expect("threads start");
    feed(&mut pipeline, 0..events);
    pipeline
}

fn feed(pipeline: &mut Pipeline, events: std::ops::Range<usize>) {
    for line in EVENTS.lines().skip(events.start).take(events.len()) {
        pipeline.feed(line.as_bytes(), &mut |_| {}, &mut Vec::new());
    }
}

fn numbers(pipeline: &Pipeline) -> GrowthNumbers {
    pipeline.growth(None).expect("there are numbers").numbers
}

/// What form 1 has all of.
fn complete(mut numbers: GrowthNumbers) -> GrowthNumbers {
    numbers.days.iter_mut().for_each(|day| day.active_by_stage.clear());
    numbers.funnels.iter_mut().for_each(|funnel| funnel.steps.clear());
    numbers
}

/// By funnel and step, the users within 30 days.
fn window_users(funnels: &[FunnelNumbers]) -> Vec<Vec<u64>> {
    funnels.iter().map(|funnel| funnel.steps.iter().map(|step| step.users).collect()).collect()
}

#[test]
fn growth_state_of_form_1_is_migrated() {
    let (restored, fed) = (restored(), fed(STORED_EVENTS));
    assert_eq!(complete(numbers(&restored)), complete(numbers(&fed)));
    // On the next day all starts that form 1 knows are in the 30 complete days.
    let next_day = |pipeline: &Pipeline| pipeline.growth(Some(pipeline.watermark() + Span(86_400_000)));
    let users = |pipeline: &Pipeline| window_users(&next_day(pipeline).expect("there are numbers").numbers.funnels);
    let expected = users(&fed);
    assert!(expected.iter().flatten().all(|users| *users > 0), "every step is reached: {expected:?}");
    assert_eq!(users(&restored), expected);
}

#[test]
fn migrated_growth_state_is_continued() {
    let mut continued = restored();
    let events = EVENTS.lines().count();
    assert!(events > STORED_EVENTS, "there are events after the checkpoint");
    feed(&mut continued, STORED_EVENTS..events);
    continued.advance_to(Timestamp::parse_rfc3339("2026-03-01T00:00:00Z").expect("a time"), &mut Vec::new());
    let mut fed = fed(events);
    fed.advance_to(Timestamp::parse_rfc3339("2026-03-01T00:00:00Z").expect("a time"), &mut Vec::new());
    assert_eq!(complete(numbers(&continued)), complete(numbers(&fed)));
}
