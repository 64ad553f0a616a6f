//! Users that are forgotten, and users that are dropped when idle.

use super::*;

#[test]
fn a_forgotten_id_is_that_of_a_new_user_afterwards() {
    let quiet = "quiet_hours = \"22:00-08:00\"\nmax_per_user = 1";
    let mut story = Story::under(&with_campaign("total(view) >= 1 && traits.tier != 'x'", quiet, ""));
    story.identify(0, r#""tier":"gold""#);
    view(&mut story, 1, USER, r#","messageId":"m""#);
    assert_eq!(story.told(), ["1 enter s", "1 deferred c"]);
    assert!(story.forget(USER));
    assert_eq!((story.partition.len(), story.partition.counts().sizes.as_slice()), (0, &[0][..]));
    assert!(!story.forget(USER), "there is nobody left");
    story.wait(9 * 60 * MINUTE);
    assert_eq!(story.told(), [""; 0], "what was deferred is gone, and there is no transition");
    view(&mut story, 9 * 60 * MINUTE, USER, r#","messageId":"m""#);
    story.identify(9 * 60 * MINUTE, r#""tier":"new""#);
    assert_eq!(story.told(), ["32400000 enter s", "32400000 sent c"], "neither messageIds nor firings are known");
    assert_eq!(story.partition.counts().sizes, [1]);
}

#[test]
fn what_was_due_before_a_user_is_forgotten_fires() {
    let mut story = Story::of("total(view) >= 1 && since(view) >= duration('10s')");
    story.track(0, "View", "").call(10_000, "other", r#""type":"page""#);
    story.forget(USER);
    assert_eq!(story.told(), ["10000 enter s"]);
    assert_eq!(story.partition.counts().sizes, [0]);
    story.track(10_001, "View", "");
    story.forget(USER);
    story.wait(MINUTE);
    assert_eq!(story.told(), [""; 0]);
}

/// Who was dropped since this was last asked: `at user`.
fn dropped(story: &mut Story) -> Vec<String> {
    let expired = story.partition.take_expired();
    expired.iter().map(|expired| format!("{} {}", expired.at.0 - START, expired.user)).collect()
}

#[test]
fn an_idle_user_is_dropped_at_an_exact_instant_without_a_transition() {
    let mut story = Story::of("total(view) >= 1").dropping_after(HOUR);
    story.track(0, "View", "").track(5_000, "Other", "").wait(HOUR + 4_999);
    assert_eq!((story.partition.len(), story.partition.counts().sizes[0]), (1, 1));
    story.wait(HOUR + 5_000);
    assert_eq!(dropped(&mut story), [format!("{} u", HOUR + 5_000)]);
    assert_eq!((story.partition.len(), story.partition.counts().sizes[0], story.partition.counts().expired), (0, 0, 1));
    assert_eq!(story.told(), ["0 enter s"]);
    story.track(2 * HOUR, "View", "");
    assert_eq!(story.told(), ["7200000 enter s"], "someone new");
}

#[test]
fn a_user_is_not_dropped_before_everything_that_time_changes_has() {
    let mut story = Story::of("since(view) < duration('5h')").dropping_after(HOUR);
    story.track(0, "View", "").wait(5 * HOUR - 1);
    assert_eq!(story.partition.len(), 1);
    story.wait(10 * HOUR);
    assert_eq!(story.told(), ["0 enter s", "18000000 exit s"]);
    assert_eq!(dropped(&mut story), [format!("{} u", 5 * HOUR)]);
}

#[test]
fn a_user_with_a_deferred_decision_is_not_dropped() {
    let mut story = Story::under(&with_campaign("total(view) >= 1", "quiet_hours = \"22:00-08:00\"", ""));
    story = story.dropping_after(HOUR);
    story.track(0, "View", "").wait(20 * HOUR);
    assert_eq!(story.told(), ["0 enter s", "0 deferred c", "28800000 sent c"]);
    assert_eq!(dropped(&mut story), [format!("{} u", 8 * HOUR)]);
}

/// The watermark is behind: an event meets who would be there if it were not.
#[test]
fn an_event_at_the_instant_of_expiry_belongs_to_a_new_user() {
    for (at, expected) in [(HOUR - 1, "once"), (HOUR, "again")] {
        let mut story = Story::of("total(view) >= 1").dropping_after(HOUR);
        story.track(0, "View", "").track(at, "View", "");
        let enters = story.told().len();
        assert_eq!(enters, if expected == "once" { 1 } else { 2 }, "{at}");
        assert_eq!((story.partition.len(), story.partition.counts().sizes[0]), (1, 1), "{at}");
    }
}

#[test]
fn a_messageid_is_forgotten_with_its_user() {
    let rules = format!("dedup_window = \"3d\"\n{}", segments(&[("s", "total(view) == 2")]));
    let mut story = Story::under(&rules).dropping_after(HOUR);
    let same = r#","messageId":"m""#;
    view(&mut story, 0, USER, same);
    view(&mut story, HOUR - 1, USER, same);
    assert_eq!(story.partition.counts().duplicates, 1);
    view(&mut story, HOUR, USER, same);
    assert_eq!((story.partition.counts().duplicates, story.partition.counts().expired), (1, 1));
    assert_eq!(story.user().profile.first, Timestamp(START + HOUR));
}

/// What quiet hours hold keeps the user beyond the ttl; a duplicate meanwhile makes no time pass.
#[test]
fn a_duplicate_makes_no_time_pass_for_an_idle_user() {
    let rules =
        with_campaign("total(view) >= 1 && since(view) >= duration('30m')", "quiet_hours = \"22:00-08:00\"", "");
    let mut story = Story::under(&format!("dedup_window = \"3d\"\n{rules}")).dropping_after(HOUR);
    let same = r#","messageId":"m""#;
    view(&mut story, 0, USER, same);
    let before = story.user().into_owned();
    view(&mut story, 2 * HOUR, USER, same);
    assert_eq!(story.told(), [""; 0]);
    assert_eq!((&*story.user(), story.partition.counts().duplicates), (&before, 1));
    story.wait(9 * HOUR);
    assert_eq!(story.told(), ["1800000 enter s", "1800000 deferred c", "28800000 sent c"]);
    assert_eq!(dropped(&mut story), [format!("{} u", 8 * HOUR)]);
}

#[test]
fn a_visitor_that_expired_before_linking_has_no_state_to_merge() {
    let mut story = Story::of("total(view) >= 2").dropping_after(HOUR);
    view(&mut story, 0, "visitor", "");
    story.track(HOUR - 1, "View", "").link(HOUR, USER, "visitor");
    assert_eq!(story.told(), [""; 0], "nothing was merged");
    assert_eq!(dropped(&mut story), [format!("{HOUR} visitor")]);
    view(&mut story, 2 * HOUR - 2, "other visitor", "");
    story.link(2 * HOUR - 1, USER, "other visitor");
    assert_eq!(story.told(), ["7199999 merged other visitor", "7199999 enter s"]);
}

/// The user's time is over, the visitor's is not.
#[test]
fn a_visitor_is_merged_into_a_new_user_where_the_user_has_expired() {
    let mut story = Story::of("total(view) == 1").dropping_after(HOUR);
    story.track(0, "View", "");
    view(&mut story, 30 * MINUTE, "visitor", "");
    story.told();
    story.link(HOUR, USER, "visitor");
    assert_eq!(story.told(), ["3600000 merged visitor", "3600000 enter s"]);
    assert_eq!(dropped(&mut story), [format!("{HOUR} u")]);
    assert_eq!((story.partition.len(), story.partition.counts().sizes[0]), (1, 1));
}

#[test]
fn without_a_state_ttl_no_user_is_dropped() {
    let mut story = Story::of("total(view) >= 1");
    story.track(0, "View", "").wait(1_000_000 * HOUR);
    assert_eq!((story.partition.len(), dropped(&mut story).len(), story.partition.pending_timers()), (1, 0, 0));
}
