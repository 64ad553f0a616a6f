//! The codec: other rules, damaged and hostile bytes. That nothing of a state is lost is seen by cutting whole runs.

use std::fmt::Write as _;

use super::envelope::{Content, open, seal};
use super::*;
use crate::identity::Links;
use crate::partition::{Partition, Plan};
use crate::rules;
use crate::testing::{START, Story, USER};
use crate::time::Timestamp;
use proptest::prelude::*;

/// Rules that remember something of every kind.
const RULES: &str = r#"
[events]
view = { event = "View", where = "properties.price > 0.5 && traits.tier != 'none'" }
seen = "View"
order = "Order"

[[segments]]
id = "active"
when = "count(view, '1h') >= 1 && distinct(view.id, '1h') >= 1"

[[segments]]
id = "rich"
when = """sum(order.total, '1d') > 5 || avg(order.total, '2d') > 5 || min(order.total, '1d') < 0
          || max(order.total, '1d') > 7 || total(order.total) > 10 || total(seen) > 2"""

[[segments]]
id = "recent"
when = "last(seen.id) == 'a' || since(order) < duration('1h') || traits['vip level'] in [1, 'x']"

[[campaigns]]
id = "mail"
on = "enter:active"
channel = "email"

[[campaigns]]
id = "night"
on = "enter:rich"
channel = "push"
quiet_hours = "22:00-08:00"

[[caps]]
max = 3
per = "1d"

[[caps]]
max = 1
per = "1h"
channel = "email"
"#;

/// A user of whom something of every kind is remembered, and another.
fn told(rules: &str) -> Story {
    let mut story = Story::under(rules);
    story.identify(0, r#""tier":"gold","vip level":["x",2,true],"other":1"#);
    story.call(1, USER, r#""type":"page","messageId":"m0","context":{"timezone":"UTC"}"#);
    let view = r#""type":"track","event":"View","messageId":"m1","properties":{"id":"a","price":9.25}"#;
    story.call(2, USER, view).call(2, "idle", view);
    story.track(3, "Order", r#""total":12.345678"#).track(90_000, "Order", r#""total":-1e30"#);
    story
}

fn bytes(story: &Story) -> Vec<u8> {
    encode_partition(&story.plan, &story.partition)
}

fn restored(rules: &str, bytes: &[u8]) -> Story {
    let mut story = Story::under(rules);
    story.partition = decode_partition(&story.plan, bytes).expect("what was encoded");
    story
}

#[test]
fn state_of_every_kind_comes_back() {
    let story = told(RULES);
    let user = story.user();
    assert_eq!(user.profile.cells().len(), story.plan.rules.features.len(), "something of every feature");
    let (fired, capped, held) = user.memory.parts();
    assert_eq!((fired.len(), capped.len(), held.len()), (1, 2, 1), "something of every kind of memory");
    assert!(!user.profile.seen().is_empty() && user.profile.zone.is_some() && !user.profile.traits.is_empty());
    let back = restored(RULES, &bytes(&story));
    assert_eq!(back.user().profile, user.profile);
    assert_eq!(back.user().memory, user.memory);
    assert_eq!((back.user().segments_due, back.user().unsettled), (user.segments_due, false));
    assert_eq!(back.partition.counts().sizes, story.partition.counts().sizes);
    assert_eq!(bytes(&back), bytes(&story));
}

#[test]
fn the_order_in_which_users_came_does_not_show() {
    let (mut one, mut other) = (Story::under(RULES), Story::under(RULES));
    for (story, users) in [(&mut one, ["a", "b", "c"]), (&mut other, ["c", "a", "b"])] {
        for user in users {
            story.call(5, user, r#""type":"track","event":"Order""#);
        }
    }
    assert_eq!(bytes(&one), bytes(&other));
}

#[test]
fn the_order_in_which_traits_came_does_not_show() {
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
    assert_eq!(kept.profile.cells().len(), story.user().profile.cells().len(), "the new features are empty");
    assert!(["active", "rich", "recent"].iter().all(|segment| back.is_in(segment) == story.is_in(segment)));
    let [(fired, capped, held), (old_fired, old_capped, old_held)] = [kept.memory.parts(), story.user().memory.parts()];
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
fn what_the_rules_do_not_know_any_more_is_dropped() {
    let story = told(RULES);
    let rules = "[events]\norder = \"Order\"\n[[segments]]\nid = \"rich\"\nwhen = \"total(order.total) > 10\"\n";
    let back = restored(rules, &bytes(&story));
    let user = back.user();
    assert_eq!(user.profile.cells().len(), 1);
    assert!(user.profile.traits.is_empty());
    let (fired, capped, held) = user.memory.parts();
    assert!(fired.is_empty() && capped.is_empty() && held.is_empty());
}

#[test]
fn a_feature_of_other_events_is_another_feature() {
    let story = told(RULES);
    for (from, to) in
        [("> 0.5", "> 0.6"), ("'none'", "'no'"), ("&& traits", "|| traits"), ("properties.price", "context.price")]
    {
        let back = restored(&RULES.replace(from, to), &bytes(&story));
        let lost = story.user().profile.cells().len() - back.user().profile.cells().len();
        assert_eq!(lost, 2, "count and distinct of `view`, where {from} became {to}");
    }
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
fn links_come_back_sorted() {
    let mut links = Links::default();
    for (visitor, user) in [("b", "u"), ("a", "用户"), ("c d.*>", "u")] {
        links.insert(visitor, user);
    }
    let encoded = encode_links(&links);
    let back = decode_links(&encoded).expect("what was encoded");
    assert_eq!(back.len(), 3);
    assert!(back.iter().all(|(visitor, user)| links.iter().any(|other| other == (visitor, user))));
    assert_eq!(encode_links(&back), encoded);
}

#[test]
fn a_snapshot_comes_back() {
    let latest_read = Timestamp(START);
    let snapshot = Snapshot { latest_read, position: 7, links: vec![1], partitions: vec![vec![], vec![2, 3]] };
    assert_eq!(Snapshot::decode(&snapshot.encode()).expect("what was encoded"), snapshot);
}

#[test]
fn what_is_no_checkpoint_is_said_to_be_none() {
    let story = told(RULES);
    let plan = &story.plan;
    let error = |bytes: &[u8]| decode_users(plan, bytes).expect_err("no partition").to_string();
    assert_eq!(error(b""), "these bytes are not a checkpoint of Rekindle");
    assert_eq!(error(b"{\"type\":\"track\"}"), "these bytes are not a checkpoint of Rekindle");
    assert_eq!(error(&encode_links(&Links::default())), "the checkpoint holds links, not a partition");
    let whole = bytes(&story);
    let mut later = whole.clone();
    later[4] = 2;
    assert_eq!(error(&later), "the checkpoint has format version 2; this program reads version 1");
    let damaged = "the checkpoint is damaged: its checksum does not agree with its contents";
    assert_eq!(error(&whole[..whole.len() - 1]), damaged);
    let mut flipped = whole.clone();
    *flipped.last_mut().expect("not empty") ^= 1;
    assert_eq!(error(&flipped), damaged);
}

fn plan() -> Plan {
    Plan::new(rules::compile(RULES).unwrap_or_else(|_| unreachable!("the rules have no mistake")))
}

#[test]
fn claims_of_a_great_length_take_no_memory() {
    // An array of 2^63 users, of which there is none.
    let story = Story::under(RULES);
    let empty = bytes(&story);
    let mut body = open(Content::Partition, &empty).expect("sound").to_vec();
    assert_eq!(body.pop(), Some(0x80), "the empty array of users");
    body.extend([0x9b, 0x80, 0, 0, 0, 0, 0, 0, 0]);
    let error = decode_users(&story.plan, &seal(Content::Partition, &body)).expect_err("no users");
    assert!(matches!(error, CodecError::Malformed { what: "a user", .. }), "{error}");
}

#[test]
fn users_twice_or_out_of_order_are_refused() {
    let mut story = Story::under("");
    story.call(0, "a", r#""type":"page""#).call(0, "b", r#""type":"page""#);
    let whole = bytes(&story);
    let body = open(Content::Partition, &whole).expect("sound");
    for (from, to) in [(b'a', b'b'), (b'b', b'a'), (b'a', b'c')] {
        let changed: Vec<u8> = body
            .windows(2)
            .map(|pair| pair[1])
            .scan(body[0], |before, byte| {
                let id = *before == 0x61 && byte == from;
                *before = byte;
                Some(if id { to } else { byte })
            })
            .collect();
        let changed = [&body[..1], &changed].concat();
        let error = decode_users(&story.plan, &seal(Content::Partition, &changed)).expect_err("refused");
        assert!(matches!(error, CodecError::Value { what: "users out of order", .. }), "{error}");
    }
}

/// Goes on with what was read, however odd, for a while: it must not panic either.
fn live_on(plan: Plan, partition: Partition) {
    let mut story = Story::under(RULES);
    (story.plan, story.partition) = (plan, partition);
    for at in [0, 1, 100_000_000] {
        story.track(at, "View", r#""id":"a","price":9"#).track(at, "Order", r#""total":1e30"#).wait(at + 10);
    }
    story.link(100_000_001, USER, "idle").wait(200_000_000);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let plan = plan();
        let _ = decode_users(&plan, &bytes);
        let _ = decode_links(&bytes);
        let _ = Snapshot::decode(&bytes);
        let _ = decode_users(&plan, &seal(Content::Partition, &bytes));
        let _ = decode_links(&seal(Content::Links, &bytes));
        let _ = Snapshot::decode(&seal(Content::Snapshot, &bytes));
    }

    #[test]
    fn no_change_of_sound_bytes_panics_then_or_later(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..3), 1..4),
        head in any::<bool>(),
    ) {
        let story = told(RULES);
        let whole = bytes(&story);
        let mut body = open(Content::Partition, &whole).expect("sound").to_vec();
        // Mostly in the users, who stand behind the keys.
        let from = if head { 0 } else { body.len() * 2 / 3 };
        for (index, byte, way) in changes {
            let at = from + index.index(body.len() - from);
            match way {
                0 => body[at] = byte,
                1 => body.insert(at, byte),
                _ => { body.remove(at); }
            }
        }
        if let Ok(partition) = decode_partition(&story.plan, &seal(Content::Partition, &body)) {
            live_on(story.plan, partition);
        }
    }
}
