//! One function that moves with time, under arithmetic: the next change is exact to the millisecond.

use crate::engine::evaluate::EvaluationContext;
use crate::testing::{START, Story};
use crate::time::Timestamp;
use proptest::prelude::*;
use proptest::sample::select;

/// A condition that compares such a term, with durations of this choice.
fn comparison(durations: &'static [&'static str]) -> impl Strategy<Value = String> {
    let numbers = ["0", "1", "-1", "2", "3", "-3", "100", "0.333", "-0.5", "1.5", "0.000001", "1e12", "-1e24"];
    let function = select(vec!["since(view)", "idle()", "age()", "until(traits.day)", "since(order)"]);
    let step = (0u8..8, select(numbers.to_vec()), select(durations.to_vec()), any::<bool>());
    let op = select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let limit = (select(durations.to_vec()), select(numbers.to_vec()));
    (function, prop::collection::vec(step, 0..5), op, limit, any::<bool>()).prop_map(
        |(function, steps, op, (duration, number), is_first)| {
            let (mut text, mut is_duration) = (function.to_owned(), true);
            for (form, number, duration, is_left) in steps {
                let duration = format!("duration('{duration}')");
                let operand = if is_duration { duration.clone() } else { number.to_owned() };
                (text, is_duration) = match (form, is_left) {
                    (0, true) => (format!("({operand} + {text})"), is_duration),
                    (0, false) => (format!("({text} + {operand})"), is_duration),
                    (1 | 2, true) => (format!("({operand} - {text})"), is_duration),
                    (1 | 2, false) => (format!("({text} - {operand})"), is_duration),
                    (3 | 4, true) => (format!("({number} * {text})"), is_duration),
                    (3, false) => (format!("({text} * {number})"), is_duration),
                    (4 | 5, _) => (format!("({text} / {number})"), is_duration),
                    (_, true) if is_duration => (format!("({text} / {duration})"), false),
                    (_, true) => (format!("({text} * {duration})"), true),
                    (_, false) if is_duration => (format!("({text} * {number})"), true),
                    (_, false) => (format!("(-{text})"), false),
                };
            }
            let limit = if is_duration { format!("duration('{duration}')") } else { number.to_owned() };
            if is_first { format!("{text} {op} {limit}") } else { format!("{limit} {op} {text}") }
        },
    )
}

/// A user who viewed something twice, and has a date as a trait.
fn story(when: &str, day: i64) -> Story {
    let mut story = Story::of(when);
    story.identify(3, &format!("\"day\":\"{}\"", Timestamp(START + day)));
    story.track(0, "View", "").track(7, "View", "").call(11, "u", r#""type":"page""#);
    story
}

const SHORT: [&str; 6] = ["0ms", "1ms", "7ms", "20ms", "33ms", "150ms"];
const LONG: [&str; 6] = ["1ms", "61s", "5h", "3d", "400d", "5000w"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_next_change_is_what_stepping_by_milliseconds_finds(when in comparison(&SHORT), day in -50i64..200) {
        let story = story(&when, day);
        let (rules, profile) = (&story.plan.rules, &story.user().profile);
        let outlooks: Vec<_> = (profile.now.0..START + 300)
            .map(|now| EvaluationContext::new(rules, profile, Timestamp(now)).outlook(&rules.segments[0].when))
            .collect();
        let mut next_change = None;
        for (at, pair) in outlooks.windows(2).enumerate().rev() {
            if pair[0].holds != pair[1].holds {
                next_change = Some(Timestamp(profile.now.0 + at as i64 + 1));
            }
            match next_change {
                Some(next) => prop_assert_eq!(pair[0].until, next, "{} at {}", when, at),
                None => prop_assert!(pair[0].until.0 >= START + 300, "{} at {}: {:?}", when, at, pair[0]),
            }
        }
    }

    #[test]
    fn a_change_far_away_is_exact_too(when in comparison(&LONG), day in -1_000_000_000i64..100_000_000_000) {
        let story = story(&when, day);
        let (rules, profile) = (&story.plan.rules, &story.user().profile);
        let outlook = |at: i64| EvaluationContext::new(rules, profile, Timestamp(at)).outlook(&rules.segments[0].when);
        let mut now = profile.now.0;
        // Every change, one after the other; at most before, at and behind the limit, and where numbers end.
        for _ in 0..6 {
            let found = outlook(now);
            let until = found.until.0;
            let end = until.min(Timestamp::NEVER.0);
            for shift in 0..62 {
                for at in [now + (1 << shift), end - (1 << shift)] {
                    if at > now && at < end {
                        prop_assert_eq!(outlook(at).holds, found.holds, "{} at {}, before {}", when, at, until);
                    }
                }
            }
            if until >= Timestamp::NEVER.0 {
                return Ok(());
            }
            prop_assert!(until > now && outlook(until).holds != found.holds, "{} at {}: {:?}", when, now, found);
            now = until;
        }
        prop_assert!(false, "{} changes without end", when);
    }
}

#[test]
fn the_next_change_is_bounded_by_what_stands_still_until_then() {
    // The view of the window's second pane leaves at 61 s.
    let mut story = Story::of("idle() / duration('1s') + count(view, '1m') * 100 > 120");
    story.track(1_500, "View", "").wait(200_000);
    assert_eq!(story.told(), ["21501 enter s", "61000 exit s", "121501 enter s"]);
}

#[test]
fn a_term_that_moves_is_compared_with_one_that_changes_by_events() {
    let mut story = Story::of("since(view) * 2 > duration('1s') * last(view.factor)");
    story.track(0, "View", r#""factor":3"#).wait(1_600);
    assert_eq!(story.told(), ["1501 enter s"]);
    story.track(2_000, "View", r#""factor":-1"#).wait(10_000);
    assert!(story.told().is_empty(), "it stays");
    story.track(11_000, "View", r#""factor":"many""#).wait(20_000);
    assert_eq!(story.told(), ["11000 exit s"]);
}
