//! State that is read under other rules.

use super::*;

/// The rules with their parts in another order, names and indexes all others, and something added.
fn rearranged() -> String {
    let parts: Vec<&str> = RULES.split("[[").collect();
    let added = "id = \"first\"\nwhen = \"total(purchase) >= 1 && count(fresh, '3h') == 0 && traits.new != 'x'\"\n";
    let mut rules = String::from(
        "[events]\nfresh = \"Added\"\norder = \"Order\"\npurchase = \"Order\"\nseen = \"View\"\n\
         view = { event = \"View\", where = \"properties.price > 0.5 && traits.tier != 'none'\" }\n",
    );
    write!(rules, "[[segments]]\n{added}").expect("writing to a string cannot fail");
    for part in parts[1..].iter().rev() {
        write!(rules, "[[{part}").expect("writing to a string cannot fail");
    }
    rules
}

#[test]
fn state_survives_rules_in_another_order_under_other_names() {
    let story = told(RULES);
    let mut back = restored(&rearranged(), &bytes(&story));
    let kept = back.user().clone();
    assert_eq!(kept.profile.features().len(), story.user().profile.features().len(), "the new features are empty");
    assert!(["active", "rich", "recent"].iter().all(|segment| back.is_in(segment) == story.is_in(segment)));
    let before = story.user();
    let [(fired, capped, held), (old_fired, old_capped, old_held)] = [parts(&kept), parts(&before)];
    assert_eq!((fired.len(), capped.len(), held.len()), (old_fired.len(), old_capped.len(), old_held.len()));
    assert_eq!(back.plan.rules.campaigns[usize::from(held[0].campaign.0)].id, "night");
    assert!(kept.unsettled, "the rules differ");
    back.wait(3 * 3_600_000);
    let values: Vec<String> = back.told();
    assert!(values.iter().all(|line| !line.contains("first")), "total(purchase) starts at 0: {values:?}");
}

#[test]
fn other_rules_are_found_to_hold_as_soon_as_time_moves() {
    let story = told(RULES);
    let rules = RULES.replace("total(seen) > 2", "total(seen) > 0").replace("max(order.total, '1d') > 7", "false");
    let mut back = restored(&rules.replace("sum(order.total, '1d') > 5", "false"), &bytes(&story));
    back.wait(90_000);
    let told = back.told();
    assert!(told.contains(&"2 idle: enter rich".to_owned()), "at the user's own clock: {told:?}");
}

#[test]
fn state_that_the_new_rules_do_not_have_is_dropped() {
    let story = told(RULES);
    let rules = "[events]\norder = \"Order\"\n[[segments]]\nid = \"rich\"\nwhen = \"total(order.total) > 10\"\n";
    let back = restored(rules, &bytes(&story));
    let user = back.user();
    assert_eq!(user.profile.features().len(), 1);
    assert!(user.profile.traits.entries().is_empty());
    let (fired, capped, held) = parts(&user);
    assert!(fired.is_empty() && capped.is_empty() && held.is_empty());
}

#[test]
fn a_feature_of_other_events_is_another_feature() {
    let story = told(RULES);
    for (from, to) in
        [("> 0.5", "> 0.6"), ("'none'", "'no'"), ("&& traits", "|| traits"), ("properties.price", "context.price")]
    {
        let back = restored(&RULES.replace(from, to), &bytes(&story));
        let lost = story.user().profile.features().len() - back.user().profile.features().len();
        assert_eq!(lost, 2, "count and distinct of `view`, where {from} became {to}");
    }
}

#[test]
fn another_time_zone_begins_the_days_and_periods_anew() {
    let story = told(RULES);
    let features = |story: &Story| -> Vec<String> {
        let ids = story.user().profile.feature_ids().collect::<Vec<_>>();
        ids.into_iter().map(|id| crate::rules::notation::feature(&story.plan.rules, id)).collect()
    };
    let mut expected = features(&story);
    let of_days = ["this_month", "last_month", "today", "days(", "streak("];
    expected.retain(|feature| !of_days.iter().any(|part| feature.contains(part)));
    assert_eq!(features(&story).len(), expected.len() + of_days.len());
    let back = restored(&format!("timezone = \"Europe/Berlin\"\n{RULES}"), &bytes(&story));
    assert_eq!(features(&back), expected);
    let blind: Vec<String> = compare(&story.plan, &back.plan).new.iter().map(ToString::to_string).collect();
    assert_eq!(
        blind,
        [
            "count(seen, this_month): 31d, in segment regular",
            "distinct(seen.id, last_month): 62d, in segment regular",
            "distinct(seen.id, today): 1d, in segment regular",
            "days(seen, 30): 30d, in segment regular",
            "streak(order): 366d, in segment regular",
        ]
    );
}

#[test]
fn one_event_under_two_names_is_two_features() {
    let rules = "[events]\na = \"View\"\nb = \"View\"\n[[segments]]\nid = \"s\"\nwhen = \"total(a) + total(b) == 4\"\n";
    let mut story = Story::under(rules);
    story.track(0, "View", "").track(1, "View", "");
    let back = restored(rules, &bytes(&story));
    assert!(back.is_in("s"));
    assert_eq!(back.user().profile, story.user().profile);
}

#[test]
fn points_stay_with_the_id_of_their_ledger() {
    let ledger = |id: &str, more: &str| {
        format!(
            "[[ledgers]]\nid = \"{id}\"\n{more}earn = [{{ on = \"order\", amount = \"event.total\" }}]\nspend = [{{ on = \"seen\", amount = \"30\", debt = true }}]\n"
        )
    };
    let events = "[events]\nseen = \"View\"\norder = \"Order\"\n";
    let when = "[[segments]]\nid = \"tier\"\nwhen = \"earned('stars', '30d') >= 10\"\n";
    let before =
        format!("{events}{}{}{when}", ledger("stars", "expires = \"10d\"\ndaily_max = 100\n"), ledger("gone", ""));
    let mut story = Story::under(&before);
    story.track(0, "Order", "\"total\":50").track(1, "View", "").track(2, "Order", "\"total\":5");
    let day = 24 * 3_600_000;
    let after = format!("{events}{}{}{when}", ledger("new", ""), ledger("stars", "expires = \"1d\"\n"));
    let mut back = restored(&after, &bytes(&story));
    let ledgers: Vec<u16> = back.user().profile.points.ledgers().map(|(id, _)| id.0).collect();
    assert_eq!(ledgers, [1], "of `stars`, which is the second now");
    assert!(back.is_in("tier"));
    back.track(3, "Order", "\"total\":7");
    let told = back.decided();
    assert_eq!(told, ["earned 7 new, 7 left", "earned 7 stars, 32 left"], "the tier stays: what was earned is known");
    back.wait(20 * day);
    let told = back.told();
    assert_eq!(
        told,
        [
            format!("{} expired 7 stars, 25 left", day + 3),
            format!("{} expired 20 stars, 5 left", 10 * day),
            format!("{} expired 5 stars, 0 left", 10 * day + 2)
        ],
        "lots keep their expiry"
    );
}
