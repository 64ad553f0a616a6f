//! Windows: which panes they hold, to the millisecond.

use crate::testing::Story;
use rstest::rstest;

#[rstest]
#[case::one_ms("1ms", 0, 1)]
#[case::one_ms_odd("1ms", 7, 8)]
#[case::two_ms("2ms", 7, 9)]
#[case::panes_of_one("59ms", 0, 59)]
#[case::sixty_panes_of_one("60ms", 0, 60)]
#[case::sixty_panes_of_one_odd("60ms", 1, 61)]
#[case::panes_of_two_from_the_edge("61ms", 0, 62)]
#[case::panes_of_two_inside("61ms", 1, 62)]
#[case::panes_of_two_next("61ms", 2, 64)]
#[case::on_a_panes_edge("1m", 1_000, 61_000)]
#[case::just_after_the_edge("1m", 1_001, 61_000)]
#[case::just_before_the_next("1m", 1_999, 61_000)]
#[case::on_the_next("1m", 2_000, 62_000)]
#[case::an_hour("1h", 3_599_999, 7_140_000)]
#[case::a_day("1d", 0, 86_400_000)]
fn an_event_leaves_with_its_pane(#[case] window: &str, #[case] at: i64, #[case] leaves: i64) {
    for when in [format!("count(view, '{window}') >= 1"), format!("sum(view.price, '{window}') > 0")] {
        let mut story = Story::of(&when);
        story.track(at, "View", r#""price":1"#).wait(leaves - 1);
        assert_eq!(story.told(), [format!("{at} enter s")], "{when}");
        story.wait(leaves);
        assert_eq!(story.told(), [format!("{leaves} exit s")], "{when}");
    }
}

#[test]
fn a_pane_leaves_before_an_event_of_that_instant_comes() {
    let mut story = Story::of("count(view, '60ms') >= 1");
    story.track(0, "View", "").track(60, "View", "");
    assert_eq!(story.told(), ["0 enter s", "60 exit s", "60 enter s"]);
}

#[test]
fn two_events_of_one_instant_are_two_evaluations() {
    let mut story = Story::of("count(view, '60ms') == 1");
    story.track(0, "View", "").track(0, "View", "").wait(100);
    assert_eq!(story.told(), ["0 enter s", "0 exit s"]);
}

#[test]
fn a_late_event_lands_in_its_pane_while_that_is_in_the_window() {
    let mut story = Story::of("count(view, '60ms') >= 2");
    story.track(59, "View", "").track(0, "View", "").wait(200);
    assert_eq!(story.told(), ["59 enter s", "60 exit s"]);
    let mut story = Story::of("count(view, '60ms') >= 2");
    story.track(60, "View", "").track(0, "View", "").wait(200);
    assert!(story.told().is_empty(), "its pane had left");
}

#[test]
fn a_late_event_does_not_bring_an_expired_pane_back() {
    for when in [
        "count(view, '60ms') >= 1",
        "min(view.price, '60ms') > 0",
        "max(view.price, '60ms') > 0",
        "sum(view.price, '60ms') > 0",
        "distinct(view.price, '60ms') >= 1",
        "avg(view.price, '60ms') > 0",
    ] {
        let mut story = Story::of(when);
        story.track(1_000, "Other", "").track(900, "View", r#""price":3"#).wait(2_000);
        assert!(story.told().is_empty(), "{when}");
    }
}

#[test]
fn minimum_and_maximum_fall_back_when_their_pane_leaves() {
    let mut story = Story::of("min(view.price, '60ms') < 2 || max(view.price, '60ms') > 8");
    story
        .track(0, "View", r#""price":1"#)
        .track(10, "View", r#""price":9"#)
        .track(20, "View", r#""price":5"#)
        .wait(500);
    assert_eq!(story.told(), ["0 enter s", "70 exit s"]);
}

#[test]
fn a_window_before_1970_moves_as_any_other() {
    let mut story = Story::of("count(view, '61ms') >= 1");
    let long_ago = -crate::testing::START - 1_001;
    story.track(long_ago, "View", "").wait(long_ago + 1_000);
    // At -1001 ms of 1970 lies pane -501, from -1002 on; it leaves 31 panes later.
    assert_eq!(story.told(), [format!("{long_ago} enter s"), format!("{} exit s", long_ago - 1 + 62)]);
}

#[test]
fn more_than_a_thousand_distinct_values_read_as_a_thousand() {
    let mut story = Story::of("distinct(view.id, '1d') >= 1000");
    for id in 0..999 {
        story.track(0, "View", &format!(r#""id":{id}"#));
    }
    assert!(!story.is_in("s"));
    for id in 999..1_300 {
        story.track(0, "View", &format!(r#""id":{id}"#));
    }
    assert!(story.is_in("s"));
    story.wait(3 * 86_400_000);
    assert_eq!(story.told(), ["0 enter s", "86400000 exit s"]);
}

#[test]
fn a_value_seen_again_stays_as_long_as_its_latest_pane() {
    let mut story = Story::of("distinct(view.id, '60ms') >= 2");
    story.track(0, "View", r#""id":"a""#).track(1, "View", r#""id":"b""#).track(40, "View", r#""id":"a""#).wait(500);
    assert_eq!(story.told(), ["1 enter s", "61 exit s"]);
}

#[test]
fn a_text_and_a_number_are_distinct() {
    let happened = [(0, "View", r#""id":"1""#), (0, "View", r#""id":1"#), (0, "View", r#""id":1.0"#)];
    assert!(Story::holds("distinct(view.id, '60ms') == 2", &happened, 0));
    let others = [(0, "View", r#""id":true"#), (0, "View", r#""id":["a"]"#), (0, "View", r#""id":{}"#)];
    assert!(Story::holds("distinct(view.id, '60ms') == 0", &others, 0), "no other kind of value counts");
}
