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
