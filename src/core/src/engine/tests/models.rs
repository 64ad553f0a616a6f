//! `p_alive`, `expected` and `clv`: what is counted, when scores cross, and what is worked out of them.

use proptest::prelude::*;
use proptest::sample::select;
use rstest::rstest;

use crate::engine::evaluate::EvaluationContext;
use crate::engine::model::ModelledUser;
use crate::rules::ruleset::Term;
use crate::testing::{START, Story, segments};
use crate::time::Timestamp;
use crate::value::Value;

const WEEK: i64 = 7 * 24 * 3_600_000;

/// Rules with the models of the papers for CDNOW, asked about orders, and these segments.
fn rules(unit: &str, min_gap: &str, of: &[(&str, &str)]) -> String {
    let models =
        [("bg", "bg_nbd", "0.243", "4.414", "0.793", "2.426"), ("mbg", "mbg_nbd", "0.525", "6.183", "0.891", "1.614")];
    let models = models.map(|(id, kind, r, alpha, a, b)| {
        format!(
            "[[models]]\nid = '{id}'\nkind = '{kind}'\non = 'order'\nmin_gap = '{min_gap}'\nunit = '{unit}'\nr = {r}\nalpha = {alpha}\n\
             a = {a}\nb = {b}\nvalue = 'total'\np = 6.25\nq = 3.74\ngamma = 15.44\n"
        )
    });
    format!("{}{}", segments(of), models.concat())
}

/// The only instant told, after [`START`].
fn only_instant(story: &mut Story) -> i64 {
    let told = story.told();
    let [line] = told.as_slice() else { panic!("{told:?}") };
    line.split(' ').next().and_then(|ms| ms.parse().ok()).expect("milliseconds")
}

#[rstest]
#[case::second_order("bg", &[1.71], 10.642259)]
#[case::third_order("bg", &[12.0, 30.43], 62.491254)]
#[case::modified_first_order("mbg", &[], 12.989423)]
#[case::modified_second_order("mbg", &[1.71], 9.803456)]
fn p_alive_crosses_a_half_when_the_papers_models_say_so(
    #[case] model: &str,
    #[case] orders: &[f64],
    #[case] weeks: f64,
) {
    let mut story = Story::under(&rules("7d", "12h", &[("slipping", &format!("p_alive('{model}') < 0.5"))]));
    story.track(0, "Order", "");
    for order in orders {
        story.track((order * WEEK as f64).round() as i64, "Order", "");
    }
    story.wait(200 * WEEK);
    let at = only_instant(&mut story);
    assert!((at as f64 / WEEK as f64 - weeks).abs() < 1e-6, "{}", at as f64 / WEEK as f64);
    let user = story.user();
    let known = story.plan.rules.models.iter().find(|known| known.id == model).expect("the model");
    let user = ModelledUser::of(known, &user.profile).expect("an order");
    let p_alive = |ms| user.p_alive(Timestamp(START + ms));
    assert!(p_alive(at) < 0.5 && p_alive(at - 1) >= 0.5, "{at} is not the first");
}

#[test]
fn nobody_who_bought_once_is_lost_by_the_model_that_lets_nobody_leave_then() {
    let mut story = Story::under(&rules("7d", "12h", &[("sure", "p_alive('bg') == 1"), ("gone", "p_alive('bg') < 1")]));
    story.track(0, "Order", "").wait(5_000 * WEEK);
    assert_eq!(story.told(), ["0 enter sure"]);
}

#[test]
fn before_the_first_match_there_is_no_score() {
    let mut story = Story::under(&rules("7d", "12h", &[("any", "p_alive('mbg') >= 0 || p_alive('mbg') < 2")]));
    story.track(0, "View", "").wait(WEEK);
    assert!(story.told().is_empty());
    story.track(WEEK, "Order", "");
    assert_eq!(story.told(), [format!("{WEEK} enter any")]);
}

/// x, first and latest counted, and what was spent.
fn counted(story: &Story) -> (u64, i64, i64, String) {
    let user = story.user();
    let user = ModelledUser::of(&story.plan.rules.models[0], &user.profile).expect("an order");
    let history = user.history(user_now(story));
    let first = user_now(story).0 - START - (history.age * WEEK as f64).round() as i64;
    let spent = user.spent().expect("a number").to_string();
    (history.repeats, first, first + (history.recency * WEEK as f64).round() as i64, spent)
}

fn user_now(story: &Story) -> Timestamp {
    story.user().profile.now
}

#[test]
fn a_match_counts_if_it_comes_long_enough_after_the_latest_counted() {
    let mut story = Story::under(&rules("7d", "10ms", &[]));
    for (at, total) in [(0, 5), (9, 7), (10, 11), (19, 13), (20, 17)] {
        story.track(at, "Order", &format!("\"total\":{total}"));
    }
    assert_eq!(counted(&story), (2, 0, 20, "28".to_owned()), "those at 9 and 19 come too soon");
    story.track(5, "Order", "\"total\":100").track(-50, "Order", "\"total\":100");
    assert_eq!(counted(&story), (2, 0, 20, "28".to_owned()), "late ones lie before the latest counted");
    story.track(40, "Order", "\"total\":\"50\"");
    assert_eq!(counted(&story), (3, 0, 40, "28".to_owned()), "a text is worth nothing, and still an order");
}

#[rstest]
#[case::the_visitors_first_is_earlier(5, 3, (0, 3, 3))]
#[case::the_users_first_is_earlier(3, 5, (1, 3, 103))]
#[case::of_equals_the_users_stays(3, 3, (1, 3, 103))]
fn merging_keeps_the_count_of_the_earlier_first_match(
    #[case] user: i64,
    #[case] visitor: i64,
    #[case] expected: (u64, i64, i64),
) {
    let mut story = Story::under(&rules("7d", "10ms", &[]));
    let order = r#""type":"track","event":"Order","properties":{"total":1}"#;
    story.call(visitor, "v", order).call(user, "u", order);
    if expected.0 == 1 {
        story.call(103, "u", order);
    }
    story.link(110, "u", "v");
    let (repeats, first, latest, _) = counted(&story);
    assert_eq!((repeats, first, latest), expected);
}

/// The value of a term in a campaign's payload, after two orders.
fn payload(term: &str) -> Value<'static> {
    let campaign = format!(
        "[[campaigns]]\nid = 'c'\non = 'event:order'\nchannel = 'email'\npayload_from = {{ x = \"{term}\" }}\n"
    );
    let mut story = Story::under(&format!("{}{campaign}", rules("7d", "12h", &[])));
    story.track(0, "Order", "\"total\":30").track(2 * WEEK, "Order", "\"total\":44.7").wait(3 * WEEK);
    let user = story.user();
    let term: &Term = &story.plan.rules.campaigns[0].payload_from[0].1;
    match EvaluationContext::new(&story.plan.rules, &user.profile, user_now(&story)).value(term) {
        Value::Double(double) => Value::Double(double),
        Value::Span(ms) => Value::Span(ms),
        Value::Number(number) => Value::Number(number),
        _ => Value::Missing,
    }
}

fn double(term: &str) -> f64 {
    match payload(term) {
        Value::Double(double) => double,
        other => panic!("{term} is {other:?}"),
    }
}

#[test]
fn what_is_worked_out_of_a_score_is_a_double() {
    let p_alive = double("p_alive('bg')");
    assert!(p_alive > 0.0 && p_alive < 1.0);
    for (term, expected) in [
        ("p_alive('bg') * 100", p_alive * 100.0),
        ("1 - p_alive('bg')", 1.0 - p_alive),
        ("-p_alive('bg')", -p_alive),
        ("p_alive('bg') / 3", p_alive / 3.0),
        ("number(p_alive('bg'))", p_alive),
        ("p_alive('bg') + p_alive('bg')", p_alive + p_alive),
    ] {
        assert_eq!(double(term).to_bits(), f64::to_bits(expected), "{term}");
    }
    assert_eq!(payload("p_alive('bg') * duration('1d')"), Value::Span((86_400_000.0 * p_alive) as i64));
    assert_eq!(payload("p_alive('bg') / (total(order) - 2)"), Value::Missing);
    assert_eq!(payload("p_alive('bg') * 1000000000000000000000000 * 100000000"), Value::Missing, "above 10^30");
}

#[test]
fn a_users_value_is_what_is_expected_times_what_a_purchase_is_worth() {
    let (expected, value) = (double("expected('mbg', '52w')"), double("clv('mbg', '52w')"));
    let worth = 6.25 * (15.44 + 44.7) / (6.25 + 3.74 - 1.0);
    assert!((value - expected * worth).abs() < 1e-9 * value, "{expected} {value}");
    assert!(double("expected('mbg', '26w')") < expected);
}

/// A comparison of a score under arithmetic.
fn comparison() -> impl Strategy<Value = String> {
    let numbers = vec!["0", "1", "-1", "2", "-3", "100", "0.333", "0.5", "0.9", "1000000000000000000000000"];
    let step = (0u8..6, select(numbers.clone()));
    let op = select(vec!["==", "!=", "<", "<=", ">", ">="]);
    (select(vec!["bg", "mbg"]), prop::collection::vec(step, 0..3), op, select(numbers), any::<bool>()).prop_map(
        |(model, steps, op, limit, is_first)| {
            let text = steps.into_iter().fold(format!("p_alive('{model}')"), |text, (form, number)| match form {
                0 => format!("({text} + {number})"),
                1 => format!("({number} - {text})"),
                2 => format!("({text} * {number})"),
                3 => format!("({text} / {number})"),
                4 => format!("(-{text})"),
                _ => format!("({text} - {number})"),
            });
            if is_first { format!("{text} {op} {limit}") } else { format!("{limit} {op} {text}") }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_next_change_is_what_stepping_by_milliseconds_finds(when in comparison(), orders in 1i64..5) {
        let mut story = Story::under(&rules("10ms", "1ms", &[("s", &when)]));
        for order in 0..orders {
            story.track(order * 7, "Order", "");
        }
        let user = story.user();
        let (rules, profile) = (&story.plan.rules, &user.profile);
        let outlooks: Vec<_> = (profile.now.0..profile.now.0 + 500)
            .map(|now| EvaluationContext::new(rules, profile, Timestamp(now)).outlook(&rules.segments[0].when))
            .collect();
        let mut next_change = None;
        for (at, pair) in outlooks.windows(2).enumerate().rev() {
            if pair[0].holds != pair[1].holds {
                next_change = Some(Timestamp(profile.now.0 + at as i64 + 1));
            }
            match next_change {
                Some(next) => prop_assert_eq!(pair[0].until, next, "{} at {}", when, at),
                None => prop_assert!(pair[0].until.0 >= profile.now.0 + 500, "{} at {}: {:?}", when, at, pair[0]),
            }
        }
    }
}
