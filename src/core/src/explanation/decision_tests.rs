use super::*;
use crate::partition::{Output, OutputKind};
use crate::testing::{EVENTS, Story, USER};

const HOUR: i64 = 3_600_000;

fn story(rules: &str) -> Story {
    Story::under(&format!("{EVENTS}\n{rules}")).with_decision_steps()
}

fn campaign(lines: &str) -> String {
    format!("[[campaigns]]\nid = \"c\"\non = \"event:view\"\nchannel = \"push\"\n{lines}\n")
}

fn explained(story: &mut Story) -> Vec<DecisionExplanation> {
    let outputs = story.outputs();
    let user = story.partition.user(USER).map(std::borrow::Cow::into_owned);
    DecisionExplanation::of_story(&story.plan.rules, &outputs.iter().collect::<Vec<&Output>>(), user.as_ref())
}

/// The outcome and the sentence of each decision.
fn sentences(story: &mut Story) -> Vec<String> {
    explained(story).iter().map(|decision| format!("{}: {}", decision.outcome, decision.sentence)).collect()
}

#[test]
fn the_step_that_decided_is_told_with_its_numbers() {
    let rules = format!(
        "{}[[caps]]\nmax = 2\nper = \"1d\"\n",
        campaign("if = \"total(view) > 1\"\ncooldown = \"2h\"\nmax_per_user = 3")
    );
    let mut story = story(&rules);
    for at in [0, 1, 2, 4, 6, 30, 40] {
        story.track(at * HOUR, "View", "");
    }
    let expected = [
        "condition: its `if` did not hold: total(view) > 1 (total(view) = 1)",
        "sent: sent by push",
        "cooldown: it fired last at 2026-03-02T01:00:00.000Z; its cooldown of 2h lasts until 2026-03-02T03:00:00.000Z",
        "sent: sent by push",
        "capped: cap: 2 of 2 actions within 1d; next free at 2026-03-03T01:00:00.000Z",
        "sent: sent by push",
        "max_per_user: it had fired 3 of at most 3 times for the user",
    ];
    assert_eq!(sentences(&mut story), expected);
}

#[test]
fn quiet_hours_are_told_in_the_users_zone_and_what_waits_for_them() {
    let mut story = story(&campaign("quiet_hours = \"22:00-08:00\""));
    story.identify(0, "\"timezone\":\"Asia/Tokyo\"");
    // 2026-03-02T13:30 UTC is 22:30 in Tokyo.
    story.track(13 * HOUR + HOUR / 2, "View", "").track(14 * HOUR, "View", "").wait(48 * HOUR);
    let expected = [
        "deferred: quiet hours 22:00-08:00 of Asia/Tokyo: until 2026-03-02T23:00:00.000Z (08:00 there)",
        "pending: quiet hours 22:00-08:00 of Asia/Tokyo, and a decision of it is held already, until 2026-03-02T23:00:00.000Z",
        "sent: sent by push",
    ];
    assert_eq!(sentences(&mut story), expected);
}

#[test]
fn goals_are_told_as_far_as_they_are_reached() {
    let rules = format!(
        "{}[[goals]]\nid = \"buy\"\non = \"order\"\nvalue = \"total\"\nwithin = \"1d\"\n",
        campaign("cooldown = \"10d\"")
    );
    let mut story = story(&rules);
    story.track(0, "View", "").track(HOUR, "Order", "\"total\":12.5");
    let first = explained(&mut story);
    let goal = |decision: &DecisionExplanation| {
        let goal = &decision.goals[0];
        (goal.count, goal.value.map(|value| value.to_string()), goal.is_mature)
    };
    assert_eq!(goal(&first[0]), (1, Some("12.5".to_owned()), false));
    assert!(first[0].steps.iter().all(|step| step.is_passed), "{first:?}");
}

#[test]
fn of_two_decisions_of_one_instant_the_first_has_the_goals() {
    let rules = format!("{}[[goals]]\nid = \"buy\"\non = \"order\"\nwithin = \"1d\"\n", campaign(""));
    let mut story = story(&rules);
    story.track(0, "View", "").track(0, "View", "");
    let goals: Vec<usize> = explained(&mut story).iter().map(|decision| decision.goals.len()).collect();
    assert_eq!(goals, [1, 0]);
}

#[test]
fn steps_are_recorded_only_if_they_are_asked_for() {
    let mut story = Story::under(&format!("{EVENTS}\n{}", campaign("cooldown = \"2h\"")));
    story.track(0, "View", "").track(1, "View", "");
    for output in story.outputs() {
        if let OutputKind::Decision(decision) = output.decided {
            assert_eq!(decision.steps, []);
        }
    }
}
