//! Each outcome in its place, and limits to the millisecond.

use super::rules;
use crate::testing::Story;

const HOUR: i64 = 3_600_000;

/// Enters the segment at this time, having left it just before.
fn enter(story: &mut Story, at: i64) -> Vec<String> {
    story.track(at - 1, "Order", "").track(at, "View", "");
    story.told().into_iter().filter(|line| !line.contains("enter") && !line.contains("exit")).collect()
}

#[test]
fn a_campaign_is_sent_on_enter_and_another_on_exit() {
    let mut story = Story::under(&rules(&[("in", ""), ("out", "on = \"exit:on\"")], ""));
    story.track(0, "View", "").track(5, "Order", "");
    assert_eq!(story.told(), ["0 enter on", "0 sent in", "5 exit on", "5 sent out"]);
}

#[test]
fn the_condition_is_asked_first() {
    let lines = "if = \"total(view) == 2\"\nmax_per_user = 1\ncooldown = \"1h\"\nquiet_hours = \"12:00-13:00\"";
    let mut story = Story::under(&rules(&[("c", lines)], "[[caps]]\nmax = 1\nper = \"1d\"\n"));
    assert_eq!(enter(&mut story, 1_000), ["1000 condition c"]);
    assert_eq!(enter(&mut story, 2_000), ["2000 sent c"]);
    // From here every limit bars it at once; the condition comes before them all.
    assert_eq!(enter(&mut story, 3_000), ["3000 condition c"]);
}

#[test]
fn max_per_user_comes_before_cooldown_and_never_ends() {
    let mut story = Story::under(&rules(&[("c", "max_per_user = 2\ncooldown = \"1h\"")], ""));
    assert_eq!(enter(&mut story, HOUR), [format!("{HOUR} sent c")]);
    assert_eq!(enter(&mut story, HOUR + 10), [format!("{} cooldown c", HOUR + 10)]);
    assert_eq!(enter(&mut story, 2 * HOUR), [format!("{} sent c", 2 * HOUR)]);
    assert_eq!(enter(&mut story, 2 * HOUR + 10), [format!("{} max_per_user c", 2 * HOUR + 10)]);
    assert_eq!(enter(&mut story, 9_000 * HOUR), [format!("{} max_per_user c", 9_000 * HOUR)]);
}

#[test]
fn a_cooldown_ends_at_its_exact_length() {
    let mut story = Story::under(&rules(&[("c", "cooldown = \"10s\"")], ""));
    assert_eq!(enter(&mut story, 1_000), ["1000 sent c"]);
    assert_eq!(enter(&mut story, 10_999), ["10999 cooldown c"]);
    assert_eq!(enter(&mut story, 11_001), ["11001 sent c"], "what was barred did not fire");
    assert_eq!(enter(&mut story, 21_001), ["21001 sent c"], "exactly the cooldown later");
}

#[test]
fn a_cap_is_full_until_its_oldest_action_is_exactly_per_ago() {
    let caps = "[[caps]]\nmax = 2\nper = \"10s\"\n";
    let mut story = Story::under(&rules(&[("c", "")], caps));
    assert_eq!(enter(&mut story, 1_000), ["1000 sent c"]);
    assert_eq!(enter(&mut story, 2_000), ["2000 sent c"]);
    assert_eq!(enter(&mut story, 10_999), ["10999 capped c"]);
    assert_eq!(enter(&mut story, 11_001), ["11001 sent c"]);
    assert_eq!(enter(&mut story, 12_000), ["12000 sent c"], "at > now - per: the action of 2000 is out");
    assert_eq!(enter(&mut story, 12_002), ["12002 capped c"]);
}

#[test]
fn a_cap_of_a_channel_counts_that_channel_alone() {
    let campaigns = [("mail", "channel = \"email\""), ("push", "channel = \"push\"")];
    let caps = "[[caps]]\nmax = 1\nper = \"1h\"\nchannel = \"push\"\n[[caps]]\nmax = 3\nper = \"1h\"\n";
    let mut story = Story::under(&rules(&campaigns, caps));
    assert_eq!(enter(&mut story, 1_000), ["1000 sent mail", "1000 sent push"]);
    assert_eq!(enter(&mut story, 2_000), ["2000 sent mail", "2000 capped push"]);
    assert_eq!(enter(&mut story, 3_000), ["3000 capped mail", "3000 capped push"], "the cap of all channels is full");
}

#[test]
fn what_is_capped_did_not_fire() {
    let mut story = Story::under(&rules(&[("a", ""), ("b", "max_per_user = 1")], "[[caps]]\nmax = 1\nper = \"5s\"\n"));
    assert_eq!(enter(&mut story, 1_000), ["1000 sent a", "1000 capped b"]);
    story.track(9_000, "Order", "").track(9_001, "View", "");
    assert_eq!(story.user().campaigns.exposures().len(), 1, "only `a` ever fired");
}

#[test]
fn higher_priority_goes_first_and_then_file_order() {
    let campaigns = [("low", "priority = -1"), ("first", ""), ("second", ""), ("high", "priority = 5")];
    let mut story = Story::under(&rules(&campaigns, "[[caps]]\nmax = 3\nper = \"1h\"\n"));
    assert_eq!(enter(&mut story, 9), ["9 sent high", "9 sent first", "9 sent second", "9 capped low"]);
}

#[test]
fn control_comes_before_holdout_and_both_fire_without_filling_caps() {
    let caps = "[[caps]]\nmax = 1\nper = \"1h\"\n";
    let lines = "holdout = 1.0\ncooldown = \"1h\"";
    let mut story = Story::under(&format!("control = 1.0\n{}", rules(&[("a", lines), ("b", lines)], caps)));
    assert_eq!(enter(&mut story, 1_000), ["1000 control a", "1000 control b"]);
    assert_eq!(enter(&mut story, 2_000), ["2000 cooldown a", "2000 cooldown b"]);
    let mut story = Story::under(&rules(&[("a", lines), ("b", lines), ("c", "")], caps));
    assert_eq!(enter(&mut story, 1_000), ["1000 holdout a", "1000 holdout b", "1000 sent c"]);
    assert_eq!(enter(&mut story, 2_000), ["2000 cooldown a", "2000 cooldown b", "2000 capped c"]);
}

#[test]
fn a_full_cap_comes_before_the_groups() {
    let caps = "[[caps]]\nmax = 1\nper = \"1h\"\n";
    let mut story = Story::under(&rules(&[("a", ""), ("b", "holdout = 1.0")], caps));
    assert_eq!(enter(&mut story, 1_000), ["1000 sent a", "1000 capped b"]);
}

#[test]
fn quiet_hours_hold_one_of_a_campaign_and_decide_it_at_their_end() {
    // The story begins at midnight UTC.
    let mut story = Story::under(&rules(&[("c", "quiet_hours = \"22:00-08:00\"")], ""));
    assert_eq!(enter(&mut story, HOUR), [format!("{HOUR} deferred c")]);
    assert_eq!(enter(&mut story, 2 * HOUR), [format!("{} pending c", 2 * HOUR)]);
    story.wait(8 * HOUR - 1);
    assert!(story.told().is_empty());
    story.wait(8 * HOUR);
    assert_eq!(story.told(), [format!("{} sent c", 8 * HOUR)]);
    assert_eq!(enter(&mut story, 8 * HOUR + 5), [format!("{} sent c", 8 * HOUR + 5)], "the end is not quiet");
    assert_eq!(enter(&mut story, 22 * HOUR - 1), [format!("{} sent c", 22 * HOUR - 1)]);
    assert_eq!(enter(&mut story, 22 * HOUR + 1), [format!("{} deferred c", 22 * HOUR + 1)]);
}

#[test]
fn what_was_held_is_stale_when_its_change_does_not_hold_any_more() {
    let campaigns =
        [("in", "quiet_hours = \"22:00-08:00\""), ("out", "on = \"exit:on\"\nquiet_hours = \"22:00-08:00\"")];
    let mut story = Story::under(&rules(&campaigns, ""));
    story.track(HOUR, "View", "").track(2 * HOUR, "Order", "");
    story.told();
    story.wait(8 * HOUR);
    assert_eq!(story.told(), [format!("{} stale in", 8 * HOUR), format!("{} sent out", 8 * HOUR)]);
}

#[test]
fn what_was_held_is_decided_from_the_top() {
    let lines = "quiet_hours = \"22:00-08:00\"\nif = \"total(view) < 2\"";
    let mut story = Story::under(&rules(&[("c", lines)], ""));
    story.track(HOUR, "View", "").track(2 * HOUR, "View", "");
    story.told();
    story.wait(8 * HOUR);
    assert_eq!(story.told(), [format!("{} condition c", 8 * HOUR)]);
}

#[test]
fn a_cap_can_bar_what_was_held() {
    let campaigns =
        [("early", "quiet_hours = \"22:00-08:00\""), ("late", "quiet_hours = \"22:00-08:00\"\npriority = 1")];
    let mut story = Story::under(&rules(&campaigns, "[[caps]]\nmax = 1\nper = \"1h\"\n"));
    story.track(HOUR, "View", "");
    assert_eq!(story.decided(), ["enter on", "deferred late", "deferred early"]);
    story.wait(8 * HOUR);
    assert_eq!(story.told(), [format!("{} sent late", 8 * HOUR), format!("{} capped early", 8 * HOUR)]);
}

#[test]
fn at_the_end_of_quiet_hours_changes_come_before_what_was_held() {
    let campaigns = [("held", "quiet_hours = \"22:00-08:00\"\npriority = 9"), ("left", "on = \"exit:brief\"")];
    let brief = "[[segments]]\nid = \"brief\"\nwhen = \"since(view) < duration('7h')\"\n";
    let mut story = Story::under(&rules(&campaigns, brief));
    story.track(HOUR, "View", "");
    story.told();
    story.wait(8 * HOUR);
    assert_eq!(story.told(), ["exit brief", "sent left", "sent held"].map(|line| format!("{} {line}", 8 * HOUR)));
}

#[test]
fn held_decisions_of_one_instant_go_by_priority_then_file_order() {
    let quiet = |priority: i64| format!("quiet_hours = \"22:00-08:00\"\npriority = {priority}");
    let (low, high) = (quiet(-2), quiet(7));
    let (zero, exit) = (quiet(0), format!("on = \"exit:on\"\n{}", quiet(9)));
    let campaigns = [("low", low.as_str()), ("b", &zero), ("a", &zero), ("high", &high), ("gone", &exit)];
    let mut story = Story::under(&rules(&campaigns, ""));
    story.track(HOUR, "View", "").track(2 * HOUR, "Order", "").track(3 * HOUR, "View", "");
    story.told();
    story.wait(8 * HOUR);
    assert_eq!(story.decided(), ["stale gone", "sent high", "sent b", "sent a", "sent low"]);
}

#[test]
fn quiet_hours_come_after_cooldown_and_before_caps() {
    let caps = "[[caps]]\nmax = 1\nper = \"100d\"\n";
    let lines = "quiet_hours = \"22:00-08:00\"\ncooldown = \"20h\"";
    let mut story = Story::under(&rules(&[("c", lines)], caps));
    assert_eq!(enter(&mut story, 9 * HOUR), [format!("{} sent c", 9 * HOUR)]);
    assert_eq!(enter(&mut story, 23 * HOUR), [format!("{} cooldown c", 23 * HOUR)]);
    assert_eq!(enter(&mut story, 31 * HOUR), [format!("{} deferred c", 31 * HOUR)]);
    story.wait(32 * HOUR);
    assert_eq!(story.decided(), ["capped c"]);
}
