//! State that is encoded and read again.

use super::*;

#[test]
fn state_of_every_kind_is_restored() {
    let story = told(RULES);
    let user = story.user();
    assert_eq!(user.profile.features().len(), story.plan.rules.features.len(), "something of every feature");
    let (fired, capped, held) = parts(&user);
    assert_eq!((fired.len(), capped.len(), held.len()), (1, 2, 1), "something of every kind of memory");
    assert!(
        !user.profile.dedup().is_empty() && user.profile.zone.is_some() && !user.profile.traits.entries().is_empty()
    );
    let back = restored(RULES, &bytes(&story));
    assert_eq!(back.user().profile, user.profile);
    assert_eq!(back.user().campaigns, user.campaigns);
    assert_eq!((back.user().segments_due, back.user().unsettled), (user.segments_due, false));
    assert_eq!(back.partition.counts().sizes, story.partition.counts().sizes);
    assert_eq!(bytes(&back), bytes(&story));
}

#[test]
fn days_that_are_far_apart_are_restored() {
    let rules =
        "[events]\norder = \"Order\"\n\n[[segments]]\nid = \"s\"\nwhen = \"days(order, 366) > streak(order)\"\n";
    let mut story = Story::under(rules);
    for day in 0..70 {
        story.track(day * 86_400_000, "Order", "");
        assert_eq!(bytes(&restored(rules, &bytes(&story))), bytes(&story), "after {day} days");
    }
}

#[test]
fn the_order_in_which_users_arrived_does_not_change_the_bytes() {
    let (mut one, mut other) = (Story::under(RULES), Story::under(RULES));
    for (story, users) in [(&mut one, ["a", "b", "c"]), (&mut other, ["c", "a", "b"])] {
        for user in users {
            story.call(5, user, r#""type":"track","event":"Order""#);
        }
    }
    assert_eq!(bytes(&one), bytes(&other));
}

#[test]
fn the_order_in_which_traits_arrived_does_not_change_the_bytes() {
    let rules = "[[segments]]\nid = \"s\"\nwhen = \"has(traits.a) && has(traits.b)\"\n";
    let (mut one, mut other) = (Story::under(rules), Story::under(rules));
    one.identify(0, r#""a":1"#).identify(0, r#""b":2"#);
    other.identify(0, r#""b":2"#).identify(0, r#""a":1"#);
    assert_eq!(bytes(&one), bytes(&other));
}

#[test]
fn an_idle_user_takes_little_more_than_the_id() {
    let mut story = Story::under(RULES);
    let empty = bytes(&story).len();
    for index in 0..100 {
        story.call(0, &format!("user-{index:05}"), r#""type":"page""#);
    }
    let each = (bytes(&story).len() - empty) / 100;
    assert!(each <= 60, "{each} bytes for an idle user");
}

#[test]
fn numbers_of_let_may_be_larger_than_those_of_events() {
    let rules = "[events]\norder = { event = \"Order\", let = { twice = \"properties.total * 2\" } }\n\
                 [[segments]]\nid = \"a\"\nwhen = \"last(order.twice) > 1 && max(order.twice, '1d') > 1\"\n";
    let mut story = Story::under(rules);
    story.track(0, "Order", r#""total":1e24"#);
    let bytes = bytes(&story);
    assert!(self::bytes(&restored(rules, &bytes)) == bytes);
}
