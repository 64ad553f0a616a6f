//! Until when an answer stands: never later than the first instant at which stepping by milliseconds finds another.

use crate::engine::evaluate::EvaluationContext;
use crate::testing::{START, Story};
use crate::time::Timestamp;
use proptest::prelude::*;

/// Conditions that time alone can change, in every form the rules can give them.
fn atom() -> impl Strategy<Value = String> {
    let window = prop::sample::select(vec!["1ms", "7ms", "13ms", "59ms", "61ms", "100ms"]);
    let span = prop::sample::select(vec!["0ms", "1ms", "5ms", "20ms", "33ms"]);
    let op = prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let form = prop::sample::select(vec![
        "count(view, 'W') O N",
        "N O count(view, 'W')",
        "sum(view.price, 'W') O N",
        "min(view.price, 'W') O N",
        "max(order.price, 'W') O N",
        "avg(view.price, 'W') O N.5",
        "distinct(view.price, 'W') O N",
        "since(view) O duration('D')",
        "duration('D') O since(order)",
        "idle() O duration('D')",
        "age() O duration('D')",
        "since(view) - since(order) O duration('D')",
        "since(view) + since(order) O duration('D')",
        "since(view) + duration('D') O idle() + age()",
        "duration('D') - since(view) O duration('1ms') - age()",
        "idle() + idle() + age() O duration('D') + duration('50ms')",
        "age() - idle() O duration('D')",
        "count(view, 'W') * 2 - count(order, '7ms') O N",
        "-count(view, 'W') O -N",
        "sum(view.price, 'W') / count(order, '61ms') O N.5",
        "sum(view.price, 'W') O sum(order.price, '20ms')",
        "max(view.price, 'W') - min(view.price, 'W') O N",
        "count(view, 'W') O total(view)",
        "count(view, 'W') / 2 O N",
        "(count(view, 'W') >= 1) != (since(order) > duration('D'))",
        "(idle() >= duration('D')) == true",
        "traits.x == 'a'",
        "since(view) O usual_gap(view) * 1.5",
        "gap(view) / 0.7 O since(order)",
        "since(order) / usual_gap(view) O N.25",
        "idle() * last(view.price) O usual_gap(view) - duration('D')",
        "since(view) * 2 / 3 O duration('D') * 1.5",
        "idle() / duration('1ms') * 5 + count(view, 'W') O N0",
        "duration('D') - since(view) / 2 O duration('1ms') * count(order, 'W')",
        "N - (age() - duration('D')) / duration('2ms') O sum(order.price, 'W')",
        "total(view) O N",
    ]);
    (form, window, span, op, 0u8..4).prop_map(|(form, window, span, op, number)| {
        form.replace('W', window).replace('D', span).replace('O', op).replace('N', &number.to_string())
    })
}

fn condition() -> impl Strategy<Value = String> {
    atom().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" && "))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" || "))),
            inner.prop_map(|part| format!("!({part})")),
        ]
    })
}

/// Events within 80 ms: time, whether it is an order, price.
fn events() -> impl Strategy<Value = Vec<(i64, bool, i64)>> {
    prop::collection::vec((0i64..80, any::<bool>(), -2i64..4), 1..8)
}

/// Long after the last window has emptied and the last duration has crossed.
const END: i64 = 260;

proptest! {
    #![proptest_config(ProptestConfig { cases: 768, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_outlook_is_never_later_than_the_true_change(when in condition(), events in events()) {
        let mut story = Story::of(&when);
        for (at, is_order, price) in &events {
            story.track(*at, if *is_order { "Order" } else { "View" }, &format!("\"price\":{price}"));
        }
        let (rules, profile) = (&story.plan.rules, &story.user().profile);
        let outlooks: Vec<_> = (profile.now.0 - START..END)
            .map(|ms| {
                let now = Timestamp(START + ms);
                (now, EvaluationContext::new(rules, profile, now).outlook(&rules.segments[0].when))
            })
            .collect();
        let mut next_change = Timestamp::NEVER;
        for pair in outlooks.windows(2).rev() {
            let [(now, outlook), (after, later)] = pair else { unreachable!("windows of two") };
            if outlook.holds != later.holds {
                next_change = *after;
            }
            prop_assert!(outlook.until > *now, "{when} at {now}: {outlook:?} is no outlook");
            prop_assert!(outlook.until <= next_change, "{when} at {now}: {outlook:?}, but it changes at {next_change}");
        }
    }

    #[test]
    fn waking_up_when_due_finds_what_stepping_by_milliseconds_finds(when in condition(), events in events()) {
        let mut story = Story::of(&when);
        for (at, is_order, price) in &events {
            story.track(*at, if *is_order { "Order" } else { "View" }, &format!("\"price\":{price}"));
        }
        story.told();
        let from = story.user().profile.now.0 - START;
        let (mut was_in, mut expected) = (story.is_in("s"), Vec::new());
        for ms in from..=END {
            let (rules, profile) = (&story.plan.rules, &story.user().profile);
            let scope = EvaluationContext::new(rules, profile, Timestamp(START + ms));
            let is_in = scope.holds(&rules.segments[0].when);
            if is_in != was_in {
                expected.push(format!("{ms} {} s", if is_in { "enter" } else { "exit" }));
            }
            was_in = is_in;
        }
        story.wait(END);
        prop_assert_eq!(story.told(), expected, "{}", when);
    }
}
