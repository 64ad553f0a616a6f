//! Applies orders and refunds.

use std::borrow::Cow;

use xxhash_rust::xxh3::xxh3_64;

use super::apply::GrowthEvent;
use super::order_lines::{self, OrderLine};
use super::orders::{OrderDay, PlacedOrder};
use super::updater::StateUpdater;
use super::user_state::UserGrowthState;
use crate::decimal::Decimal;
use crate::decode::repaired;
use crate::event::{FieldId, Scalar, field_value};
use crate::growth::calendar::Hour;
use crate::growth::counts::{HourAmount, HourCount};
use crate::growth::rollup::{CategorySale, OrderPart, PurchasedItem, Sale};
use crate::rules::growth::{OrderItemRules, OrderRules, PickSaleRules, RefundRules};

/// The largest amount of one event: 10^12 of the currency. Larger ones are clamped to it.
const AMOUNT_MAX: i64 = 1_000_000_000_000_000_000;

impl StateUpdater<'_> {
    /// Applies an order. Returns whether it is new: of orders with the same id only the first counts.
    pub(super) fn apply_order(
        &mut self,
        state: &mut UserGrowthState,
        event: &GrowthEvent<'_, '_>,
        rules: &OrderRules,
        hour: Hour,
    ) -> bool {
        let mut order = None;
        event.matches.each(rules.name, |fields| {
            order.get_or_insert_with(|| OrderEvent::of(fields, rules));
        });
        let Some(OrderEvent { id, value, discount, has_coupon, category }) = order else { return false };
        let orders = state.orders.get_or_insert_default();
        if id.is_some_and(|id| !orders.insert_id(id)) {
            return false;
        }
        let more = OrderDay::of_order(hour.day(), value, discount, has_coupon);
        orders.add(&more, Some(PlacedOrder { at: event.ts, value }), state.channel, self);
        self.deltas.add_hour(hour, HourCount::Orders, 1);
        if has_coupon {
            self.deltas.add_hour(hour, HourCount::CouponOrders, 1);
        }
        self.deltas.add_hour_amount(hour, HourAmount::Gmv, value);
        self.deltas.add_hour_amount(hour, HourAmount::Discount, discount);
        if let Some(of_picks) =
            self.plan.rules.picks.as_ref().and_then(|picks| part_of_picks(event, (rules, picks), value))
        {
            self.deltas.add_hour(hour, HourCount::PickOrders, 1);
            self.deltas.add_hour_amount(hour, HourAmount::GmvOfPicks, of_picks);
        }
        let parts = order_parts(event, rules, category.as_deref(), value);
        for part in &parts {
            if let Some(category) = &part.category {
                self.deltas.add_category_sale(CategorySale {
                    position: event.position,
                    day: hour.day(),
                    category: category.clone(),
                    value: part.value.max(0),
                });
            }
        }
        let items = rules.items.as_ref().filter(|_| self.deltas.is_observing()).map(|items| basket(event, items));
        self.deltas.observe_sale(Sale::Order { value, parts, items });
        true
    }

    /// Applies a refund.
    pub(super) fn apply_refund(
        &mut self,
        state: &mut UserGrowthState,
        event: &GrowthEvent<'_, '_>,
        rules: &RefundRules,
        hour: Hour,
    ) {
        let mut refunded = None;
        event.matches.each(rules.name, |fields| {
            refunded.get_or_insert_with(|| amount(fields, rules.value));
        });
        let refunded = refunded.unwrap_or(0);
        let more = OrderDay::of_refund(hour.day(), refunded);
        state.orders.get_or_insert_default().add(&more, None, state.channel, self);
        self.deltas.add_hour_amount(hour, HourAmount::Refunded, refunded);
        self.deltas.observe_sale(Sale::Refund { value: refunded });
    }
}

/// What the growth numbers read of an order.
struct OrderEvent {
    /// The hash of its id.
    id: Option<u64>,
    /// In millionths.
    value: i64,
    /// In millionths.
    discount: i64,
    has_coupon: bool,
    category: Option<Box<str>>,
}

impl OrderEvent {
    fn of(fields: &[(FieldId, Scalar<'_>)], rules: &OrderRules) -> OrderEvent {
        OrderEvent {
            id: order_id(fields, rules.order_id),
            value: amount(fields, rules.value),
            discount: amount(fields, rules.discount),
            has_coupon: has_coupon(fields, rules.coupon),
            category: text(fields, rules.category).map(Box::from),
        }
    }
}

/// The parts of an order: by its own category, or by those of its items.
fn order_parts(event: &GrowthEvent<'_, '_>, rules: &OrderRules, category: Option<&str>, value: i64) -> Vec<OrderPart> {
    if category.is_some() {
        return order_lines::whole(category, value);
    }
    if let Some(items) = &rules.items {
        let mut lines = Vec::new();
        event.matches.each(items.name, |fields| {
            lines.push(OrderLine::of_match(
                text(fields, items.category),
                field_value(fields, items.price),
                field_value(fields, items.quantity),
            ));
        });
        return order_lines::parts_of(&lines, value);
    }
    with_products(event, |products| match products {
        Some(products) => order_lines::parts(products, value),
        None => order_lines::whole(None, value),
    })
}

/// Calls `read` with the array `products` of an order, as text. The decoder keeps no array of more than 8 KiB, and orders with many
/// lines have larger ones.
fn with_products<R>(event: &GrowthEvent<'_, '_>, read: impl FnOnce(Option<&str>) -> R) -> R {
    let repaired = repaired(event.event.original);
    let text = repaired.as_deref().unwrap_or(event.event.original);
    let products = sonic_rs::get(text, ["properties", "products"]).ok();
    read(products.as_ref().map(|products| products.as_raw_str()))
}

/// The part of an order's value that is of items which were shown from a list of picks; `None`: it has no such item.
fn part_of_picks(
    event: &GrowthEvent<'_, '_>,
    (rules, picks): (&OrderRules, &PickSaleRules),
    value: i64,
) -> Option<i64> {
    if event.shown.is_empty() {
        return None;
    }
    let is_shown = |item: &str| event.shown.was_shown(item, event.ts, picks.within);
    let Some(items) = &rules.items else {
        return with_products(event, |products| order_lines::part_of(products?, value, is_shown));
    };
    let mut lines = Vec::new();
    event.matches.each(items.name, |fields| {
        let is_meant = item_id(fields, items.id).is_some_and(|item| is_shown(&item));
        let (price, quantity) = (field_value(fields, items.price), field_value(fields, items.quantity));
        lines.push(OrderLine::of_match(is_meant.then_some(order_lines::MEANT), price, quantity));
    });
    order_lines::part_of_meant(&lines, value)
}

/// The products of an order, as baskets have them.
fn basket(event: &GrowthEvent<'_, '_>, rules: &OrderItemRules) -> Vec<PurchasedItem> {
    let mut items = Vec::new();
    event.matches.each(rules.name, |fields| {
        let name = || text(fields, rules.title).map(|name| name.trim().into());
        items.extend(item_id(fields, rules.id).map(|id| PurchasedItem { id: id.into(), name: name() }));
    });
    items
}

/// What identifies a product.
fn item_id<'v>(fields: &'v [(FieldId, Scalar<'_>)], id: FieldId) -> Option<Cow<'v, str>> {
    match field_value(fields, id) {
        Some(Scalar::Text(id)) if !id.is_empty() => Some(Cow::Borrowed(id)),
        Some(Scalar::Number(id)) => Some(Cow::Owned(id.to_string())),
        _ => None,
    }
}

fn has_coupon(fields: &[(FieldId, Scalar<'_>)], id: FieldId) -> bool {
    match field_value(fields, id) {
        None | Some(Scalar::Bool(false)) => false,
        Some(Scalar::Text(text)) => !text.is_empty(),
        Some(Scalar::Number(number)) => *number != Decimal::ZERO,
        Some(Scalar::Json(json)) => json != "[]",
        Some(Scalar::Bool(true)) => true,
    }
}

/// A text that is not empty.
fn text<'v>(fields: &'v [(FieldId, Scalar<'_>)], id: FieldId) -> Option<&'v str> {
    match field_value(fields, id) {
        Some(Scalar::Text(text)) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// A number in millionths; 0 where the value is not a number.
fn amount(fields: &[(FieldId, Scalar<'_>)], id: FieldId) -> i64 {
    match field_value(fields, id) {
        Some(Scalar::Number(number)) => number.millionths().clamp((-AMOUNT_MAX).into(), AMOUNT_MAX.into()) as i64,
        _ => 0,
    }
}

fn order_id(fields: &[(FieldId, Scalar<'_>)], id: FieldId) -> Option<u64> {
    match field_value(fields, id)? {
        Scalar::Text(text) if !text.is_empty() => Some(xxh3_64(text.as_bytes())),
        // A number and a text with its digits are the same id.
        Scalar::Number(number) => Some(xxh3_64(number.to_string().as_bytes())),
        _ => None,
    }
}
