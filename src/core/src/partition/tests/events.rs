//! Events, duplicates and lateness.

use super::*;

#[test]
fn what_is_due_fires_at_its_own_time_before_an_event() {
    let mut story =
        Story::under(&segments(&[("a", "since(view) >= duration('3s')"), ("b", "since(view) >= duration('2s')")]));
    story.track(0, "View", "").track(10_000, "View", "");
    assert_eq!(story.told(), ["2000 enter b", "3000 enter a", "10000 exit a", "10000 exit b"]);
}

#[test]
fn an_event_below_the_watermark_is_evaluated_at_the_watermark() {
    let mut story = Story::of("total(view) >= 1");
    story.call(5_000, "other", r#""type":"page""#);
    story.track(1_000, "View", "");
    assert_eq!(story.told(), ["5000 enter s"]);
    assert_eq!(story.partition.counts().late, 1);
}

#[test]
fn a_users_clock_never_goes_back() {
    let mut story = Story::of("total(view) >= 2");
    story.track(5_000, "View", "").track(1_000, "View", "");
    assert_eq!(story.told(), ["5000 enter s"]);
    assert_eq!(story.user().profile.now, Timestamp(START + 5_000));
}

#[test]
fn a_message_is_counted_once_within_the_dedup_window() {
    let mut story = Story::of("total(view) >= 2");
    let same = r#","messageId":"m""#;
    view(&mut story, 0, USER, same);
    view(&mut story, 24 * HOUR - 1, USER, same);
    assert_eq!((story.is_in("s"), story.partition.counts().duplicates), (false, 1));
    view(&mut story, 24 * HOUR, USER, same);
    assert_eq!((story.is_in("s"), story.partition.counts().duplicates), (true, 1), "a day on it is forgotten");
}

#[test]
fn a_duplicate_changes_nothing_and_does_not_restart_the_dedup_window() {
    let mut story = Story::of("idle() >= duration('10s')");
    let same = r#","messageId":"m""#;
    view(&mut story, 0, USER, same);
    view(&mut story, 5_000, USER, same);
    story.wait(60_000);
    assert_eq!(story.told(), ["10000 enter s"]);
}

#[test]
fn the_same_message_of_another_user_is_another() {
    let mut story = Story::of("total(view) >= 1");
    view(&mut story, 0, USER, r#","messageId":"m""#);
    view(&mut story, 0, "other", r#","messageId":"m""#);
    assert_eq!(story.told(), ["0 enter s", "0 other: enter s"]);
}

#[test]
fn a_late_event_counts_as_late_and_is_added_at_its_own_time() {
    let mut story = Story::of("count(view, '1m') >= 2");
    story.track(0, "View", "").track(50_000, "Other", "").track(40_000, "View", "").wait(10 * MINUTE);
    assert_eq!(story.told(), ["50000 enter s", "60000 exit s"]);
}
