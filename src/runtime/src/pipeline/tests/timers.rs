//! Many timers that are due at one instant fire in steps, and their outputs are those of one step.

use super::*;
use crate::pipeline::RestoredPipeline;

const DORMANT: &str = "[events]\ncart = 'Product Added'\n[[segments]]\nid = 'dormant'\nwhen = 'idle() >= duration(\"30m\")'\n\
     [[campaigns]]\nid = 'back'\non = 'enter:dormant'\nchannel = 'email'\n";

fn options(partitions: usize) -> PipelineOptions {
    PipelineOptions { workers: 1, partitions, ..PipelineOptions::default() }
}

/// All of these users are due at 12:30:00, which the watermark has passed; nothing has fired.
fn all_due_at_once(users: usize, partitions: usize) -> Pipeline {
    let mut pipeline = Pipeline::new(plan(DORMANT), options(partitions)).expect("threads start");
    pipeline.limit_timers(TimerMark::MIN);
    let lines: Vec<String> = (0..users).map(|user| cart(&format!("u{user}"), "12:00:00")).collect();
    pipeline.feed_entries(&[entry("12:00:00", &lines.join("\n"))], &mut |_| {}, &mut Vec::new());
    pipeline.advance_watermark(at("12:31:00"));
    pipeline
}

/// Fires all that is due, in steps of about `most` timers; returns the outputs of each.
fn fire_in_steps(pipeline: &mut Pipeline, most: usize) -> Vec<Vec<Output>> {
    let mut steps = Vec::new();
    while pipeline.timer_mark() < TimerMark::through(pipeline.watermark()) {
        let (before, to, mut outputs) = (pipeline.timer_mark(), pipeline.next_timer_step(most), Vec::new());
        assert!(to > before, "{before:?} to {to:?}");
        pipeline.fire_timers(to, &mut outputs);
        assert_eq!(pipeline.timer_mark(), to);
        steps.push(outputs);
    }
    steps
}

fn told(mut outputs: Vec<Output>) -> Vec<String> {
    outputs.sort_by(|a, b| (a.at, &a.user).cmp(&(b.at, &b.user)));
    outputs.iter().map(|output| format!("{output:?}")).collect()
}

#[test]
fn timers_of_one_instant_fire_in_short_steps_with_the_outputs_of_one() {
    let (users, most) = (100_000, 2_000);
    for partitions in [1, 7, 64] {
        let mut at_once = Vec::new();
        let mut pipeline = all_due_at_once(users, partitions);
        pipeline.fire_timers(TimerMark::through(pipeline.watermark()), &mut at_once);
        assert_eq!(at_once.len(), 2 * users);
        let mut pipeline = all_due_at_once(users, partitions);
        let steps = fire_in_steps(&mut pipeline, most);
        let longest = steps.iter().map(Vec::len).max().expect("some");
        // A transition and a decision each. Partitions are not equally full.
        assert!(longest <= 3 * most, "{longest} outputs in one step, {partitions} partitions");
        assert!(steps.len() <= 10 * users / most, "{} steps, {partitions} partitions", steps.len());
        assert!(told(steps.concat()) == told(at_once), "{partitions} partitions");
    }
}

/// A step means the same whatever the number of partitions, and after a restore from a checkpoint within the instant.
#[test]
fn a_mark_within_an_instant_divides_the_same_outputs_in_any_number_of_partitions_and_after_a_restore() {
    let users = 3_000;
    let (mut pipeline, mut marks) = (all_due_at_once(users, 3), Vec::new());
    let (mut steps, mut checkpoints) = (Vec::new(), Vec::new());
    while pipeline.timer_mark() < TimerMark::through(pipeline.watermark()) {
        checkpoints.push(pipeline.encode_checkpoint());
        let (to, mut outputs) = (pipeline.next_timer_step(400), Vec::new());
        pipeline.fire_timers(to, &mut outputs);
        marks.push(to);
        steps.push(told(outputs));
    }
    assert!(marks.len() > 5 && marks.iter().filter(|mark| mark.turns > 0).count() > 3, "{marks:?}");
    let last = pipeline.encode_checkpoint();
    let mut other = all_due_at_once(users, 5);
    for (mark, step) in marks.iter().zip(&steps) {
        let mut outputs = Vec::new();
        other.fire_timers(*mark, &mut outputs);
        assert!(told(outputs) == *step, "over other partitions, to {mark:?}");
    }
    for (taken, checkpoint) in checkpoints.iter().enumerate() {
        for (partitions, published) in [(3, taken), (8, taken), (3, (taken + 2).min(marks.len() - 1))] {
            let restored = RestoredPipeline::read(&plan(DORMANT), &[checkpoint]).expect("intact");
            let mut pipeline = Pipeline::restore(plan(DORMANT), options(partitions), restored).expect("intact");
            // The committed position is that of the checkpoint, or of a later step.
            if let Some(committed) = published.checked_sub(1) {
                pipeline.fire_timers(marks[committed], &mut Vec::new());
            }
            for (mark, step) in marks[published..].iter().zip(&steps[published..]) {
                let mut outputs = Vec::new();
                pipeline.fire_timers(*mark, &mut outputs);
                assert!(told(outputs) == *step, "of checkpoint {taken}, to {mark:?}");
            }
            if partitions == 3 {
                assert!(pipeline.encode_checkpoint() == last, "of checkpoint {taken}");
            }
        }
    }
}
