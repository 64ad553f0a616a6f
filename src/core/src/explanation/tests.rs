use std::sync::Arc;

use super::*;
use crate::rules::ruleset::TransitionKind;
use crate::testing::{START, Story, USER};
use crate::time::Timestamp;

const MINUTE: i64 = 60_000;
const DAY: i64 = 1_440 * MINUTE;

fn explained(story: &Story, at: i64) -> SegmentExplanation {
    let user = story.partition.user(USER).expect("the user is known");
    let mut all = SegmentExplanation::of_user(&story.plan, &user, Timestamp(START + at), &Arc::default(), |_| true);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

#[test]
fn a_condition_is_told_part_by_part_with_values_and_until_when_they_stand() {
    let mut story = Story::of("total(view) >= 3 && since(view) < duration('1h') || total(order) > 0");
    story.track(0, "View", "").track(10 * MINUTE, "View", "").wait(20 * MINUTE);
    let SegmentExplanation { condition, is_in, .. } = explained(&story, 20 * MINUTE);
    assert_eq!(condition.text, "(total(view) >= 3 && since(view) < 1h) || total(order) > 0");
    assert!(!is_in && !condition.holds);
    let leaves: Vec<_> = condition
        .leaves()
        .into_iter()
        .map(|leaf| (leaf.text.as_str(), leaf.operands[0].shown.as_str(), leaf.holds, leaf.is_needed))
        .collect();
    let expected = [
        ("total(view) >= 3", "2", false, true),
        ("since(view) < 1h", "10m", true, false),
        ("total(order) > 0", "0", false, true),
    ];
    assert_eq!(leaves, expected);
    let until = |leaf: usize| condition.leaves()[leaf].until;
    assert_eq!((until(0), until(1)), (None, Some(Timestamp(START + 70 * MINUTE))));
}

#[test]
fn what_never_happened_and_what_is_missing_is_named() {
    let mut story = Story::of("since(order) > duration('1d') && traits.tier == 'gold'");
    story.track(0, "View", "");
    let shown: Vec<String> = explained(&story, 0)
        .condition
        .leaves()
        .iter()
        .flat_map(|leaf| leaf.operands.iter().map(|operand| format!("{}: {}", operand.text, operand.shown)))
        .collect();
    assert_eq!(shown, ["since(order): never", "traits.tier: missing"]);
}

#[test]
fn the_next_change_is_the_instant_at_which_the_engine_makes_it() {
    let mut story = Story::of("since(view) >= duration('30m') && since(view) < duration('2d')");
    story.track(0, "View", "").wait(5 * MINUTE);
    let enters = explained(&story, 5 * MINUTE).next_change.expect("it enters");
    assert_eq!(enters, SegmentOutlook { at: Timestamp(START + 30 * MINUTE), change: TransitionKind::Enter });
    story.wait(30 * MINUTE);
    let leaves = explained(&story, 30 * MINUTE).next_change.expect("it leaves");
    assert_eq!(leaves, SegmentOutlook { at: Timestamp(START + 2 * DAY), change: TransitionKind::Exit });
    story.wait(3 * DAY);
    assert_eq!(explained(&story, 3 * DAY).next_change, None);
}

#[test]
fn how_many_more_events_would_change_it_is_tried() {
    let mut story = Story::of("total(view) >= 3 && total(order) == 0");
    story.track(0, "View", "");
    let sufficient = explained(&story, 0).sufficient;
    assert_eq!(sufficient, [SufficientEvents { name: "view".to_owned(), count: 2 }]);
    story.track(1, "View", "").track(2, "View", "");
    let sufficient = explained(&story, 2).sufficient;
    assert_eq!(sufficient, [SufficientEvents { name: "order".to_owned(), count: 1 }]);
}

#[test]
fn explaining_changes_nothing_of_the_user() {
    let mut story = Story::of("count(view, '1h') >= 2");
    story.track(0, "View", "").track(1, "View", "");
    let before = story.partition.user(USER).expect("known").into_owned();
    explained(&story, 1);
    assert_eq!(story.partition.user(USER).expect("known").into_owned(), before);
}

#[test]
fn a_segment_of_keys_is_told_key_by_key_latest_first() {
    let rules = "[events]\nview = 'View'\n[per.product]\nkey = 'sku'\nttl = '30d'\n\
        [[segments]]\nid = 'again'\nper = 'product'\nwhen = 'total(view) >= 2'\n";
    let mut story = Story::under(rules);
    story.track(0, "View", r#""sku":"a""#).track(1, "View", r#""sku":"b""#).track(2, "View", r#""sku":"b""#);
    let user = story.partition.user(USER).expect("known");
    let all = SegmentExplanation::of_user(&story.plan, &user, Timestamp(START + 2), &Arc::default(), |_| true);
    let told: Vec<_> = all.iter().map(|it| (it.key.as_deref(), it.is_in, it.condition.holds)).collect();
    assert_eq!(told, [(Some("b"), true, true), (Some("a"), false, false)]);
}

#[test]
fn what_is_nearest_to_change_it_is_told_in_a_sentence() {
    let mut story = Story::of("count(view, '1d') >= 3 && since(view) >= duration('1h') && total(order) == 0");
    story.track(0, "View", "").track(10 * MINUTE, "View", "").wait(29 * MINUTE);
    let nearest = explained(&story, 29 * MINUTE).nearest;
    let expected =
        "2 of 3 `view` within 1d; 41m too early (since(view) is 19m of 1h); stays so for 400 days if nothing happens";
    assert_eq!(nearest.sentence, expected);
    let clauses: Vec<_> = nearest.clauses.iter().map(|clause| (clause.text.as_str(), clause.holds)).collect();
    assert_eq!(clauses, [("count(view, 1d) >= 3", false), ("since(view) >= 1h", false)]);
    story.track(30 * MINUTE, "View", "").wait(31 * MINUTE);
    let nearest = explained(&story, 31 * MINUTE).nearest;
    let expected = "59m too early (since(view) is 1m of 1h); enters at 2026-03-02T01:30:00.000Z if nothing happens";
    assert_eq!(nearest.sentence, expected);
    story.wait(95 * MINUTE);
    let nearest = explained(&story, 95 * MINUTE).nearest;
    assert_eq!(
        nearest.sentence,
        "leaves at 2026-03-03T00:00:00.000Z if nothing happens; one `view` or `order` would end it"
    );
}

#[test]
fn of_alternatives_the_one_with_the_fewest_clauses_is_nearest() {
    let mut story = Story::of("(total(view) > 5 && total(order) > 0) || traits.tier == 'gold'");
    story.identify(0, "\"tier\":\"silver\"");
    let nearest = explained(&story, 0).nearest;
    assert_eq!(nearest.clauses.len(), 1);
    assert_eq!(nearest.clauses[0].distance, "traits.tier is \"silver\", and \"gold\" is asked for");
}
