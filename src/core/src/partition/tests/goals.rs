//! Goals: exposures, what counts in them, and what becomes of them.

use super::*;
use crate::checkpoint::translate;
use crate::goals::{ExposureGroup, GoalTally, UpliftKey};
use crate::partition::{Cause, ExecutionPlan, OutputKind, RulesChange};
use crate::rules;

const GOAL: &str = "[[goals]]\nid = \"buy\"\non = \"order\"\nvalue = \"total\"\nwithin = \"1h\"\n";

/// A campaign `c` on every view, these keys of it, and this after it.
fn rules_with(campaign: &str, rest: &str) -> String {
    format!(
        "[events]\nview = \"View\"\norder = \"Order\"\n\
         [[campaigns]]\nid = \"c\"\non = \"event:view\"\nchannel = \"email\"\n{campaign}\n{rest}"
    )
}

fn story(campaign: &str, rest: &str) -> Story {
    Story::under(&rules_with(campaign, &format!("{GOAL}{rest}")))
}

fn order(story: &mut Story, at: i64, total: &str) {
    story.track(at, "Order", &format!(r#""total":{total}"#));
}

/// What became of exposures.
fn outcomes(story: &mut Story) -> Vec<String> {
    let mut told = story.told();
    told.retain(|line| line.contains("worth"));
    told
}

/// The tally of a group of `c` and `buy`.
fn tally(story: &mut Story, group: ExposureGroup) -> GoalTally {
    let counts = story.partition.take_uplift().totals();
    let key = UpliftKey { campaign: "c".into(), goal: "buy".into(), group, variant: None };
    counts.get(&key).cloned().unwrap_or_default()
}

#[test]
fn what_comes_after_an_exposure_and_before_it_is_mature_counts() {
    let mut story = story("", "");
    order(&mut story, 0, "1");
    story.track(1_000, "View", "");
    order(&mut story, 2_000, "20.5");
    order(&mut story, HOUR, "300");
    order(&mut story, HOUR + 1_000, "4000");
    story.wait(2 * HOUR);
    assert_eq!(outcomes(&mut story), ["3601000 sent c buy: 2 worth 320.5"], "due before the event of that instant");
    let tally = tally(&mut story, ExposureGroup::Sent);
    assert_eq!((tally.users, tally.reached, tally.messages), (1, 1, 1));
    assert_eq!(tally.sum, 320_500_000.into());
    assert_eq!(tally.sum_squares, 320_500_000_u64.pow(2).into());
}

#[test]
fn an_event_never_counts_for_what_it_sets_off_itself() {
    let campaign = "on = \"event:order\"";
    let rules = rules_with("", GOAL).replace("on = \"event:view\"", campaign);
    let mut story = Story::under(&rules);
    order(&mut story, 0, "5");
    order(&mut story, 1, "6");
    story.wait(HOUR);
    assert_eq!(outcomes(&mut story), ["3600000 sent c buy: 1 worth 6"]);
}

#[test]
fn a_late_match_counts_by_its_own_time() {
    let mut story = story("", "");
    story.track(10_000, "View", "").track(20_000, "View", "");
    order(&mut story, 10_000, "1");
    order(&mut story, 10_001, "2");
    story.wait(2 * HOUR);
    assert_eq!(outcomes(&mut story), ["3610000 sent c buy: 1 worth 2"]);
}

#[test]
fn only_the_first_decision_exposes_and_nothing_later_changes_it() {
    let mut story = story("", "");
    story.track(0, "View", "").track(1_000, "View", "").track(2 * HOUR, "View", "");
    story.wait(9 * HOUR);
    assert_eq!(outcomes(&mut story), ["3600000 sent c buy: 0 worth 0"]);
    assert_eq!(tally(&mut story, ExposureGroup::Sent).messages, 2, "those until it was mature");
}

#[test]
fn control_and_holdout_are_exposed_and_a_lost_draw_is_not() {
    let mut control = Story::under(&format!("control = 1.0\n{}", rules_with("holdout = 1.0", GOAL)));
    control.track(0, "View", "").wait(HOUR);
    assert_eq!(outcomes(&mut control), ["3600000 control c buy: 0 worth 0"]);
    let mut holdout = story("holdout = 1.0\nvariants = [{ id = 'a', weight = 1 }]", "");
    holdout.track(0, "View", "").wait(HOUR);
    assert_eq!(outcomes(&mut holdout), ["3600000 holdout c buy: 0 worth 0"]);
    assert_eq!(tally(&mut holdout, ExposureGroup::Holdout), GoalTally { users: 1, ..GoalTally::default() });
    for campaign in ["chance = 0.0", "if = 'total(order) > 0'", "goals = []"] {
        let mut nothing = story(campaign, "");
        nothing.track(0, "View", "").wait(HOUR);
        assert_eq!(outcomes(&mut nothing), Vec::<String>::new(), "{campaign}");
        assert!(nothing.partition.take_uplift().is_empty());
    }
}

#[test]
fn what_is_mature_at_one_instant_is_told_by_file_order_of_campaigns_then_goals() {
    let campaign = |id: &str, more: &str| {
        format!("[[campaigns]]\nid = \"{id}\"\non = \"event:view\"\nchannel = \"email\"\n{more}\n")
    };
    let goal = |id: &str| format!("[[goals]]\nid = \"{id}\"\non = \"order\"\nwithin = \"1h\"\n");
    let rules = format!(
        "[events]\nview = \"View\"\norder = \"Order\"\n{}{}{}{}{}",
        campaign("z", "priority = 1"),
        campaign("a", "priority = 2"),
        campaign("m", "priority = 3\ngoals = ['b']"),
        goal("y"),
        goal("b")
    );
    let mut story = Story::under(&rules);
    story.track(0, "View", "").wait(HOUR);
    let at = |rest: &str| format!("3600000 sent {rest}: 0 worth 0");
    assert_eq!(outcomes(&mut story), ["z y", "z b", "a y", "a b", "m b"].map(at));
}

#[test]
fn a_goal_that_nobody_reaches_is_counted_as_such() {
    let mut story = story("", "[[goals]]\nid = \"never\"\non = \"view\"\nwithin = \"1ms\"\n");
    for user in ["a", "b", "c"] {
        view(&mut story, 0, user, "");
    }
    story.wait(HOUR);
    let tally = tally(&mut story, ExposureGroup::Sent);
    assert_eq!((tally.users, tally.reached), (3, 0));
    assert_eq!((tally.sum, tally.sum_squares), (0.into(), 0u8.into()));
}

#[test]
fn values_that_are_no_numbers_add_nothing_and_all_others_are_exact() {
    let mut story = story("", "");
    let orders = [
        ("text", r#""total":"12""#),
        ("minus", r#""total":-5"#),
        ("large", r#""total":1000000000000000000"#),
        ("array", r#""total":[1]"#),
        ("without", ""),
    ];
    orders.iter().for_each(|(user, _)| view(&mut story, 0, user, ""));
    for (user, total) in orders {
        story.call(1, user, &format!(r#""type":"track","event":"Order","properties":{{{total}}}"#));
    }
    story.wait(HOUR);
    let mut told = outcomes(&mut story);
    told.sort_unstable();
    let at = |(user, value): (&str, &str)| format!("3600000 {user}: sent c buy: 1 worth {value}");
    let expected = [("array", "0"), ("large", "1000000000000000000"), ("minus", "-5"), ("text", "0"), ("without", "0")];
    assert_eq!(told, expected.map(at));
    let tally = tally(&mut story, ExposureGroup::Sent);
    assert_eq!((tally.users, tally.reached), (5, 5));
    assert_eq!(tally.sum.to_string(), "999999999999999995000000");
    assert_eq!(tally.sum_squares.to_string(), "1000000000000000000000000000000000025000000000000");
    let [numbers, others] = story.partition.counts().amounts[0];
    assert_eq!((numbers, others), (2, 2), "a text is told as one");
}

#[test]
fn a_value_beyond_all_numbers_is_missing_and_adds_nothing() {
    let square = "order = { event = \"Order\", let = { total = \"properties.side * properties.side\" } }";
    let mut story = Story::under(&rules_with("", GOAL).replace("order = \"Order\"", square));
    story.track(0, "View", "").track(1, "Order", r#""side":1e15"#).track(2, "Order", r#""side":1e12"#);
    story.wait(2 * HOUR);
    assert_eq!(outcomes(&mut story), ["3600000 sent c buy: 2 worth null"]);
    let tally = tally(&mut story, ExposureGroup::Sent);
    assert_eq!((tally.reached, tally.sum), (1, 0.into()));
}

#[test]
fn linking_keeps_the_users_exposure_and_takes_over_what_only_the_visitor_had() {
    let mut story = story("goals = ['buy']", "[[goals]]\nid = \"look\"\non = \"view\"\nwithin = \"2h\"\n");
    view(&mut story, 0, "visitor", "");
    story.call(500, "visitor", r#""type":"track","event":"Order","properties":{"total":7}"#);
    order(&mut story, 800, "1");
    story.link(1_000, USER, "visitor");
    order(&mut story, 2_000, "20");
    story.wait(HOUR);
    assert_eq!(outcomes(&mut story), ["3600000 sent c buy: 2 worth 27"]);

    view(&mut story, HOUR, "other", "");
    story.call(HOUR + 1, "other", r#""type":"track","event":"Order","properties":{"total":9}"#);
    story.link(HOUR + 2, USER, "other").track(HOUR + 3, "View", "").wait(3 * HOUR);
    assert_eq!(outcomes(&mut story), Vec::<String>::new(), "the user was exposed, and it is mature");
}

#[test]
fn a_forgotten_user_takes_its_exposures_along() {
    let mut story = story("", "");
    story.track(0, "View", "");
    assert!(story.forget(USER));
    story.track(1, "Order", "").wait(2 * HOUR);
    assert_eq!(outcomes(&mut story), Vec::<String>::new());
    assert!(story.partition.take_uplift().is_empty());
    story.track(2 * HOUR, "View", "").wait(4 * HOUR);
    assert_eq!(outcomes(&mut story).len(), 1, "a user that has the id afterwards is new");
}

#[test]
fn a_user_is_not_dropped_while_an_exposure_is_open() {
    let mut story = story("", "").dropping_after(MINUTE);
    story.track(0, "View", "").wait(30 * MINUTE);
    assert_eq!(story.partition.len(), 1);
    story.wait(HOUR);
    assert_eq!((outcomes(&mut story).len(), story.partition.len()), (1, 0), "told, then dropped");
}

/// The story under other rules from here on.
fn reloaded(mut story: Story, text: &str) -> Story {
    let next = ExecutionPlan::new(rules::compile(text).unwrap_or_else(|_| unreachable!("the rules have no mistake")));
    let mut partition = story.partition.emptied(&story.plan, &next);
    let watermark = Timestamp(START);
    let change = RulesChange { number: 1, watermark, latest_read: watermark, position: 9 };
    let mut out = Vec::new();
    for user in translate(&story.plan, &next, story.partition.users()).expect("what was just encoded") {
        partition.attach_under_other_rules(&next, user, &change, &mut out);
    }
    assert!(out.iter().all(|output| match &output.decided {
        OutputKind::Transition { cause, .. } => matches!(cause, Cause::Rules { .. }),
        _ => false,
    }));
    let mut other = Story::under(text);
    other.wait(story.outputs().last().map_or(0, |output| output.at.0 - START));
    other.partition = partition;
    other
}

#[test]
fn exposures_to_a_campaign_that_is_renamed_stay_under_the_old_name_until_they_are_mature() {
    let mut before = story("", "");
    before.track(0, "View", "");
    let renamed = rules_with("", GOAL).replace("id = \"c\"", "id = \"d\"");
    let mut story = reloaded(before, &renamed);
    order(&mut story, 1_000, "3");
    story.track(2_000, "View", "");
    order(&mut story, 3_000, "4");
    // Once more, and back again: by then the old name is known by its text.
    let mut story = reloaded(reloaded(story, &renamed), &rules_with("", GOAL));
    story.track(4_000, "View", "").wait(HOUR + 2_000);
    assert_eq!(outcomes(&mut story), ["3600000 sent c buy: 2 worth 7", "3602000 sent d buy: 1 worth 4"]);
    let counted = story.partition.take_uplift().totals();
    assert_eq!(counted.keys().map(|key| &*key.campaign).collect::<Vec<_>>(), ["c", "d"]);
    story.track(2 * HOUR, "View", "").wait(4 * HOUR);
    assert_eq!(outcomes(&mut story), Vec::<String>::new(), "it stays known that c is mature");
}

#[test]
fn a_goal_that_is_removed_counts_no_more_and_is_mature_when_it_would_have_been() {
    let mut before = story("", "");
    before.track(0, "View", "");
    order(&mut before, 1, "3");
    let mut story = reloaded(before, &rules_with("", ""));
    order(&mut story, 1_000, "5");
    story.wait(HOUR);
    assert_eq!(outcomes(&mut story), ["3600000 sent c buy: 1 worth 3"]);
    assert!(story.user().goals.is_empty(), "nothing is remembered of what the rules do not have");
}

#[test]
fn another_within_is_that_of_later_exposures() {
    let mut before = story("", "");
    before.track(0, "View", "");
    let mut story = reloaded(before, &rules_with("", &GOAL.replace("1h", "2h")));
    view(&mut story, 1_000, "later", "");
    story.wait(9 * HOUR);
    assert_eq!(outcomes(&mut story), ["3600000 sent c buy: 0 worth 0", "7201000 later: sent c buy: 0 worth 0"]);
}
