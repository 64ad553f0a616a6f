//! What `check --explain` says of a plan.

use super::compiled;
use crate::rules::explain::explain;

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
    insta::assert_snapshot!(explain(&rules, 100));
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
    let text = explain(&rules, 100);
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
