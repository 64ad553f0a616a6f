//! What `check --explain` says of a plan.

use super::compiled;
use crate::rules::explain::{SubjectSizes, explain};

const SIZES: SubjectSizes = SubjectSizes { user_bytes: 100, key_bytes: 50 };

#[test]
fn a_plan_is_explained() {
    let rules = compiled(
        r#"
[events]
view = "Product Viewed"
cart = "Product Added"
order = { event = "Order Completed", where = "properties.total > 0" }

[[segments]]
id = "hot"
when = "count(view, '30m') >= 3 && since(cart) < duration('30m')"

[[segments]]
id = "dormant"
when = "idle() > duration('30d') && total(order.total) > 100 && traits.tier in ['gold'] && !in_segment('hot')"

[[segments]]
id = "faithful"
when = "traits.tier == 'gold'"

[[segments]]
id = "undecided"
when = "since(view) > since(cart) + duration('1h') && avg(view.price, '1d') > 3 * last(cart.price)"

[[segments]]
id = "regular"
when = "count(view, 'this_month') > 5 || distinct(view.id, 'last_week') > 3 || days(cart, 30) > 12 || streak(view) > 6 || followed(view, cart, '1h') > 1 && gap(cart) < usual_gap(cart)"

[[campaigns]]
id = "nudge"
on = "enter:hot"
channel = "push"
if = "total(order.total) > 0"
quiet_hours = "22:00-08:00"
payload_from = { price = "last(cart.price) * 2" }

[[campaigns]]
id = "winback"
on = "exit:dormant"
channel = "email"
priority = 5
"#,
    );
    insta::assert_snapshot!(explain(&rules, SIZES));
}

#[test]
fn dates_and_what_moves_are_explained() {
    let rules = compiled(
        r#"
[events]
order = "Order Completed"

[[segments]]
id = "s"
when = "anniversary(traits.birthday) || -(idle() / duration('1d')) * 2 < 1 || until(last(order.due)) <= duration('3d') || duration('4d') > until(last(order.due)) || idle() == duration('1d') || idle() * 2 > duration('1d')"
"#,
    );
    let text = explain(&rules, SIZES);
    for line in [
        "  changes with: any event, event order, traits.birthday",
        "  by time: the day of anniversary(traits.birthday) begins or ends",
        "  by time: ((0 - (idle() / 1d)) * 2) < 1 may turn",
        "  by time: until(last(order.due)) reaches 3d",
        "  by time: until(last(order.due)) passes 4d by a millisecond",
        "  by time: idle() == 1d may turn",
        "  by time: (idle() * 2) > 1d may turn",
    ] {
        assert!(text.lines().any(|found| found == line), "no {line:?} in\n{text}");
    }
}

#[test]
fn keys_are_explained_by_themselves() {
    let rules = compiled(
        r#"
[events]
add = "Product Added"
line = { event = "Order Completed", each = "products" }

[per.cart]
key = "cart_id"
ttl = "30d"
max = 7

[[segments]]
id = "left"
per = "cart"
when = "since(add) >= duration('1h') && user.total(line) == 0"

[[segments]]
id = "leaver"
when = "keys_in('left') >= 3"
"#,
    );
    let text = explain(&rules, SIZES);
    for line in [
        "a user: 100 bytes and the id, and at most 40 bytes for 1 features",
        "a key of [per.cart], at most 7 of a user: 50 bytes and the key, and at most 40 bytes for 1 features",
        "  since(add): at most 40 bytes; for segment left",
        "read from events: properties.cart_id, properties.products[].cart_id",
        "segment left, of the keys of [per.cart]",
        "  changes with: a match of its key, event line",
        "  changes with: segment left",
    ] {
        assert!(text.lines().any(|found| found == line), "no {line:?} in\n{text}");
    }
}

#[test]
fn groups_are_explained_by_themselves() {
    let rules = compiled(
        r#"
[events]
join = "Team Joined"
order = "Order Completed"
full = { of = "team", on = "enter:team_full", to = "join", let = { size = "distinct(join.user, '24h')" } }

[groups.team]
key = "team_id"
ttl = "3d"

[[segments]]
id = "team_full"
of = "team"
when = "distinct(join.user, '24h') >= 3"

[[segments]]
id = "buyer"
when = "total(order) >= 1"
"#,
    );
    let text = explain(&rules, SIZES);
    let line = |start: &str| {
        text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no {start:?} in\n{text}"))
    };
    assert!(line("a user: ").ends_with(" for 1 features"), "{text}");
    assert!(
        line("a group of [groups.team], for 3d after its latest match: the key, ").ends_with(" for 2 features"),
        "{text}"
    );
    assert!(line("  distinct(join.user, 1d): ").ends_with("; for segment team_full, event full"), "{text}");
    assert_eq!(line("segment team_full"), "segment team_full, of the groups of [groups.team]");
    assert_eq!(line("  tells: "), "  tells: full");
}
