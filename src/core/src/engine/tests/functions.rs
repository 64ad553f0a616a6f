//! Every function of the language: its value, and when time changes it.

use crate::testing::{Story, segments};

const SHOPPING: &[(i64, &str, &str)] = &[
    (0, "View", r#""price":10,"category":"shoes""#),
    (1_000, "View", r#""price":2.5,"category":"books""#),
    (2_000, "View", r#""price":40,"category":"shoes""#),
    (3_000, "Order", r#""total":52.5"#),
];

#[test]
fn functions_of_a_window_see_all_of_it() {
    for when in [
        "count(view, '1m') == 3",
        "sum(view.price, '1m') == 52.5",
        "min(view.price, '1m') == 2.5",
        "max(view.price, '1m') == 40",
        "avg(view.price, '1m') == 17.5",
        "distinct(view.category, '1m') == 2",
        "distinct(view.price, '1m') == 3",
    ] {
        assert!(Story::holds(when, SHOPPING, 3_000), "{when}");
    }
}

#[test]
fn functions_of_a_window_lose_what_left_it() {
    // The panes of a minute are seconds: at 61 s the first two views are out.
    for when in [
        "count(view, '1m') == 1",
        "sum(view.price, '1m') == 40",
        "min(view.price, '1m') == 40",
        "avg(view.price, '1m') == 40",
        "distinct(view.category, '1m') == 1",
    ] {
        assert!(Story::holds(when, SHOPPING, 61_000), "{when}");
        assert!(!Story::holds(when, SHOPPING, 60_999), "{when}");
    }
}

#[test]
fn functions_of_an_empty_window_are_zero_or_missing() {
    for (when, holds) in [
        ("count(view, '1m') == 0", true),
        ("sum(view.price, '1m') == 0", true),
        ("distinct(view.category, '1m') == 0", true),
        ("min(view.price, '1m') < 1e9", false),
        ("max(view.price, '1m') > -1e9", false),
        ("avg(view.price, '1m') != 7", false),
    ] {
        assert_eq!(Story::holds(when, SHOPPING, 100_000), holds, "{when}, after");
        assert_eq!(Story::holds(when, &[(0, "Other", "")], 0), holds, "{when}, never");
    }
}

#[test]
fn totals_never_end() {
    for when in ["total(view) == 3", "total(view.price) == 52.5", "total(order.total) == 52.5", "total(home) == 0"] {
        assert!(Story::holds(when, SHOPPING, 400 * 86_400_000), "{when}");
    }
}

#[test]
fn totals_take_late_events_in() {
    let mut story = Story::of("total(view.price) == 52.5 && total(view) == 4");
    SHOPPING.iter().for_each(|(at, event, properties)| {
        story.track(*at, event, properties);
    });
    story.track(-90 * 86_400_000, "View", r#""price":null"#);
    assert!(story.is_in("s"));
}

#[test]
fn last_is_of_the_latest_event_that_has_it() {
    let happened = [
        (0, "View", r#""category":"shoes""#),
        (5, "View", r#""category":"books""#),
        (9, "View", r#""category":null"#),
        (10, "View", ""),
    ];
    assert!(Story::holds("last(view.category) == 'books'", &happened, 11));
    assert!(!Story::holds("last(view.category) == 'books'", &[(0, "View", "")], 11), "missing");
}

#[test]
fn last_ignores_a_late_event_and_takes_the_later_arrival_of_a_tie() {
    let mut story = Story::of("last(view.category) == 'books'");
    story.track(10, "View", r#""category":"shoes""#).track(10, "View", r#""category":"books""#);
    assert!(story.is_in("s"), "the later arrival wins");
    story.track(9, "View", r#""category":"toys""#);
    assert!(story.is_in("s"), "a late event is not the latest");
}

#[test]
fn last_of_a_boolean_is_a_condition_of_its_own() {
    assert!(Story::holds("last(view.gift)", &[(0, "View", r#""gift":true"#)], 0));
    assert!(!Story::holds("last(view.gift)", &[(0, "View", r#""gift":"true""#)], 0));
    assert!(!Story::holds("last(view.gift)", &[(0, "View", r#""gift":1"#)], 0));
}

#[test]
fn since_crosses_at_and_after_the_exact_instant() {
    let mut story = Story::under(&segments(&[
        ("at", "since(view) >= duration('1s')"),
        ("after", "since(view) > duration('1s')"),
        ("before", "since(view) < duration('1s')"),
        ("until", "since(view) <= duration('1s')"),
    ]));
    story.track(500, "View", "").wait(10_000);
    assert_eq!(
        story.told(),
        [
            "500 enter before",
            "500 enter until",
            "1500 enter at",
            "1500 exit before",
            "1501 enter after",
            "1501 exit until"
        ]
    );
}

#[test]
fn since_equals_for_exactly_one_millisecond() {
    let mut story = Story::of("since(view) == duration('20ms')");
    story.track(0, "View", "").wait(100);
    assert_eq!(story.told(), ["20 enter s", "21 exit s"]);
    let mut story = Story::of("since(view) != duration('20ms')");
    story.track(0, "View", "").wait(100);
    assert_eq!(story.told(), ["0 enter s", "20 exit s", "21 enter s"]);
}

#[test]
fn since_of_nothing_is_longer_than_anything() {
    for (when, holds) in [
        ("since(order) > duration('100w')", true),
        ("since(order) >= since(view)", true),
        ("since(order) == since(home)", true),
        ("since(order) < duration('5000w')", false),
        ("since(order) - duration('1h') > duration('1h')", true),
        ("since(view) - since(order) < duration('1ms')", true),
        ("since(order) - since(home) == duration('0s')", false),
        ("since(order) - since(home) != duration('0s')", false),
        ("duration('1s') - since(order) < duration('1s')", true),
    ] {
        assert_eq!(Story::holds(when, &[(0, "View", "")], 5), holds, "{when}");
    }
}

#[test]
fn idle_starts_anew_with_any_event_and_age_does_not() {
    let mut story =
        Story::under(&segments(&[("idle", "idle() >= duration('10s')"), ("old", "age() >= duration('15s')")]));
    story.track(0, "Anything", "").call(9_999, "u", r#""type":"page""#).identify(19_998, "").wait(100_000);
    assert_eq!(story.told(), ["15000 enter old", "29998 enter idle"]);
}

#[test]
fn an_event_at_the_instant_of_being_idle_comes_after_it() {
    let mut story = Story::of("idle() >= duration('10s')");
    story.track(0, "View", "").track(10_000, "View", "");
    assert_eq!(story.told(), ["10000 enter s", "10000 exit s"]);
}

#[test]
fn a_late_first_event_makes_the_user_older() {
    let mut story = Story::of("age() >= duration('10s')");
    story.track(0, "View", "").track(-6_000, "View", "").wait(100_000);
    assert_eq!(story.told(), ["4000 enter s"]);
    story.track(-60_000, "View", "");
    assert!(story.told().is_empty());
}

#[test]
fn a_late_event_is_not_the_latest() {
    let mut story = Story::of("since(view) >= duration('10s') || idle() >= duration('10s')");
    story.track(0, "View", "").track(-3_000, "View", "").wait(100_000);
    assert_eq!(story.told(), ["10000 enter s"]);
}

#[test]
fn in_segment_follows_the_segment_above_at_once() {
    let mut story = Story::under(&segments(&[
        ("fresh", "since(view) < duration('1s')"),
        ("stale", "!in_segment('fresh') && total(view) > 0"),
        ("both", "in_segment('stale') == true && in_segment('fresh') == false"),
    ]));
    story.track(0, "View", "").wait(5_000);
    assert_eq!(story.told(), ["0 enter fresh", "1000 exit fresh", "1000 enter stale", "1000 enter both"]);
}

#[test]
fn traits_are_the_latest_identified() {
    let mut story = Story::of("traits.tier == 'gold'");
    story.identify(0, r#""tier":"gold""#);
    assert!(story.is_in("s"));
    story.identify(1, r#""other":1"#);
    assert!(story.is_in("s"), "a trait that is not mentioned stays");
    story.identify(2, r#""tier":"silver""#);
    assert!(!story.is_in("s"));
    story.identify(0, r#""tier":"gold""#);
    assert!(!story.is_in("s"), "what was said before that changes nothing");
}

#[test]
fn has_asks_whether_a_trait_is_there() {
    let mut story = Story::of("has(traits.tier)");
    assert!(!story.identify(0, r#""other":"x""#).is_in("s"));
    assert!(story.identify(1, r#""tier":"""#).is_in("s"));
    assert!(!story.identify(2, r#""tier":null"#).is_in("s"), "null takes it away");
    assert!(story.identify(3, r#""tier":{}"#).is_in("s"), "an object is there");
}

#[test]
fn traits_of_a_track_call_are_none() {
    let mut story = Story::of("has(traits.tier)");
    story.call(0, "u", r#""type":"track","event":"View","traits":{"tier":"gold"}"#);
    assert!(!story.is_in("s"));
}

#[test]
fn where_sees_the_traits_as_they_were_before() {
    let rules = "[events]\nvip_view = { event = \"View\", where = \"traits.vip && properties.price > 5\" }\n\
                 [[segments]]\nid = \"s\"\nwhen = \"total(vip_view) >= 1\"\n";
    let mut story = Story::under(rules);
    assert!(!story.track(0, "View", r#""price":9"#).is_in("s"));
    assert!(!story.identify(1, r#""vip":true"#).is_in("s"));
    assert!(!story.track(2, "View", r#""price":5"#).is_in("s"));
    assert!(story.track(3, "View", r#""price":5.01"#).is_in("s"));
}
