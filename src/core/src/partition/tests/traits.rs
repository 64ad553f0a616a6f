//! Traits, by the times of identify calls.

use super::*;

/// A retry queue brings it late; what it says of traits nobody spoke of since is news all the same.
#[test]
fn an_older_identify_adds_only_traits_that_are_not_there() {
    let mut story = Story::of("traits.tier == 'gold' && traits.city == 'Rome' && !has(traits.vip)");
    story.identify(10 * MINUTE, r#""tier":"gold","vip":null"#);
    assert_eq!(story.told(), [""; 0]);
    story.identify(5 * MINUTE, r#""tier":"silver","city":"Rome","vip":true"#);
    assert_eq!(story.told(), ["600000 enter s"], "null is there");
    // Its traits are older now than what it added.
    story.identify(6 * MINUTE, r#""city":"Pisa""#);
    assert_eq!(story.told(), [""; 0]);
    story.identify(10 * MINUTE, r#""tier":"silver""#);
    assert_eq!(story.told(), ["600000 exit s"], "of one time, the later arrival wins");
}

#[test]
fn an_object_that_is_a_trait_is_there_whole() {
    let mut story = Story::of("traits.address.city == 'Rome' || traits.address.zip == '1'");
    story.identify(10 * MINUTE, r#""address":{"street":"x"}"#).identify(0, r#""address":{"city":"Rome","zip":"1"}"#);
    assert_eq!(story.told(), [""; 0]);
    story.identify(11 * MINUTE, r#""address":{"zip":"1"}"#);
    assert_eq!(story.told(), ["660000 enter s"]);
}

/// An identify call without traits that the rules read is the latest one, too.
#[test]
fn the_latest_identify_may_have_said_nothing_of_a_trait() {
    let mut story = Story::of("traits.tier == 'gold'");
    story.identify(0, r#""tier":"gold""#).identify(10 * MINUTE, "").identify(5 * MINUTE, r#""tier":"silver""#);
    assert_eq!(story.told(), ["0 enter s"]);
    story.identify(10 * MINUTE, r#""tier":"silver""#);
    assert_eq!(story.told(), ["600000 exit s"]);
}

#[test]
fn of_a_user_and_its_visitor_the_later_identify_is_the_latest() {
    let mut story = Story::of("traits.tier == 'gold'");
    story.identify(0, r#""tier":"gold""#);
    story.call(10 * MINUTE, "visitor", r#""type":"identify","traits":{"tier":"silver"}"#);
    story.link(11 * MINUTE, USER, "visitor").identify(5 * MINUTE, r#""tier":"silver""#);
    assert!(story.is_in("s"));
    story.identify(10 * MINUTE, r#""tier":"silver""#);
    assert!(!story.is_in("s"));
}
