//! Keys of users that are packed after each event: nothing but memory depends on it.

use super::super::{Partition, UserStateExport};
use super::*;

const RULES: &str = r#"
    [events]
    add = "Add"
    order = "Order"
    login = "Login"

    [per.cart]
    key = "cart"
    ttl = "2h"
    max = 4

    [per.item]
    key = "item"
    ttl = "30d"

    [[segments]]
    id = "vip"
    when = "count(login, '1h') >= 2"

    [[segments]]
    id = "left"
    per = "cart"
    when = "since(add) >= duration('20m') && count(add, '7d') >= 1 && total(order) == 0"

    [[segments]]
    id = "dear"
    per = "cart"
    when = "in_segment('vip') && user.total(login) >= 2 && idle() < duration('50m')"

    [[segments]]
    id = "liked"
    per = "item"
    when = "distinct(add.cart, '1d') >= 2 || max(add.price, '3h') > 7"

    [[segments]]
    id = "busy"
    when = "keys_in('left') + keys_in('liked') >= 2"

    [[campaigns]]
    id = "now"
    on = "enter:left"
    channel = "email"
    max_per_key = 1
    payload_from = { key = "key()", adds = "count(add, '7d')" }

    [[campaigns]]
    id = "later"
    on = "enter:liked"
    channel = "push"
    quiet_hours = "00:00-00:30"
    payload_from = { price = "last(add.price)" }
"#;

#[derive(Clone, Debug)]
enum PackedKeysStep {
    Event { after: i64, user: usize, event: &'static str, cart: u8, item: u8 },
    Link { user: usize, visitor: usize },
    Wait { after: i64 },
}

fn steps() -> impl Strategy<Value = Vec<PackedKeysStep>> {
    let event =
        (0..900_000_i64, 0..4_usize, prop::sample::select(vec!["Add", "Add", "Order", "Login"]), 0..7_u8, 0..5_u8);
    let event =
        event.prop_map(|(after, user, event, cart, item)| PackedKeysStep::Event { after, user, event, cart, item });
    let link = (0..2_usize, 2..4_usize).prop_map(|(user, visitor)| PackedKeysStep::Link { user, visitor });
    let wait = (0..6_000_000_i64).prop_map(|after| PackedKeysStep::Wait { after });
    prop::collection::vec(prop_oneof![12 => event, 1 => link, 2 => wait], 1..60)
}

fn tell(story: &mut Story, steps: &[PackedKeysStep]) {
    let (mut at, users) = (0, ["u0", "u1", "v2", "v3"]);
    for step in steps {
        match *step {
            PackedKeysStep::Event { after, user, event, cart, item } => {
                at += after;
                let properties = format!(r#"{{"cart":"c{cart}","item":{item},"price":{}}}"#, cart + item);
                let call = format!(r#""type":"track","event":"{event}","properties":{properties}"#);
                story.call(at, users[user], &call);
            }
            PackedKeysStep::Link { user, visitor } => _ = story.link(at, users[user], users[visitor]),
            PackedKeysStep::Wait { after } => {
                at += after;
                story.wait(at);
            }
        }
    }
}

proptest! {
    #[test]
    fn packing_users_after_each_event_changes_nothing_of_their_keys(steps in steps()) {
        let (mut usual, mut packed) = (Story::under(RULES), Story::under(RULES));
        packed.partition = Partition::new(&packed.plan).with_resident_users(1);
        tell(&mut usual, &steps);
        tell(&mut packed, &steps);
        prop_assert_eq!(usual.outputs(), packed.outputs());
        for user in ["u0", "u1", "v2", "v3"] {
            let states = [&usual, &packed].map(|story| story.partition.user(user).map(|user| (*user).clone()));
            prop_assert_eq!(&states[0], &states[1]);
            let exports = states.map(|user| user.map(|user| UserStateExport::new(&usual.plan, &user)));
            prop_assert_eq!(&exports[0], &exports[1]);
        }
        prop_assert_eq!(&usual.partition.counts().keys, &packed.partition.counts().keys);
        prop_assert_eq!(&usual.partition.counts().sizes, &packed.partition.counts().sizes);
    }
}
