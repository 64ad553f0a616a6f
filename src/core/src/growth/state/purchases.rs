//! Applies orders and refunds.

use xxhash_rust::xxh3::xxh3_64;

use super::apply::GrowthEvent;
use super::order_lines;
use super::orders::{OrderDay, PlacedOrder};
use super::updater::StateUpdater;
use super::user_state::UserGrowthState;
use crate::decimal::Decimal;
use crate::decode::repaired;
use crate::event::{FieldId, Scalar};
use crate::growth::calendar::Hour;
use crate::growth::counts::{HourAmount, HourCount};
use crate::growth::rollup::{CategorySale, OrderPart, Sale};
use crate::rules::growth::{OrderRules, RefundRules};

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
        let orders = state.orders.get_or_insert_default();
        if let Some(id) = order_id(event, rules.order_id)
            && !orders.insert_id(id)
        {
            return false;
        }
        let (value, discount) = (amount(event, rules.value), amount(event, rules.discount));
        let has_coupon = has_coupon(event, rules.coupon);
        let more = OrderDay::of_order(hour.day(), value, discount, has_coupon);
        orders.add(&more, Some(PlacedOrder { at: event.ts, value }), state.channel, self);
        self.deltas.add_hour(hour, HourCount::Orders, 1);
        if has_coupon {
            self.deltas.add_hour(hour, HourCount::CouponOrders, 1);
        }
        self.deltas.add_hour_amount(hour, HourAmount::Gmv, value);
        self.deltas.add_hour_amount(hour, HourAmount::Discount, discount);
        let parts = order_parts(event, rules.category, value);
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
        self.deltas.observe_sale(Sale::Order { value, parts });
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
        let refunded = amount(event, rules.value);
        let more = OrderDay::of_refund(hour.day(), refunded);
        state.orders.get_or_insert_default().add(&more, None, state.channel, self);
        self.deltas.add_hour_amount(hour, HourAmount::Refunded, refunded);
        self.deltas.observe_sale(Sale::Refund { value: refunded });
    }
}

/// The parts of an order: by its own category, or by those of its lines.
fn order_parts(event: &GrowthEvent<'_, '_>, category: FieldId, value: i64) -> Vec<OrderPart> {
    if let Some(Scalar::Text(category)) = field(event, category)
        && !category.is_empty()
    {
        return order_lines::whole(Some(category), value);
    }
    // The decoder keeps no array of more than 8 KiB, and orders with many lines have larger ones.
    let repaired = repaired(event.event.original);
    let text = repaired.as_deref().unwrap_or(event.event.original);
    let products = sonic_rs::get(text, ["properties", "products"]).ok();
    products
        .map_or_else(|| order_lines::whole(None, value), |products| order_lines::parts(products.as_raw_str(), value))
}

fn has_coupon(event: &GrowthEvent<'_, '_>, id: FieldId) -> bool {
    match field(event, id) {
        None | Some(Scalar::Bool(false)) => false,
        Some(Scalar::Text(text)) => !text.is_empty(),
        Some(Scalar::Number(number)) => *number != Decimal::ZERO,
        Some(Scalar::Json(json)) => json != "[]",
        Some(Scalar::Bool(true)) => true,
    }
}

fn field<'v, 'a>(event: &GrowthEvent<'v, 'a>, id: FieldId) -> Option<&'v Scalar<'a>> {
    event.event.fields.iter().find(|(other, _)| *other == id).map(|(_, value)| value)
}

/// A number in millionths; 0 where the value is not a number.
fn amount(event: &GrowthEvent<'_, '_>, id: FieldId) -> i64 {
    match field(event, id) {
        Some(Scalar::Number(number)) => number.millionths().clamp((-AMOUNT_MAX).into(), AMOUNT_MAX.into()) as i64,
        _ => 0,
    }
}

fn order_id(event: &GrowthEvent<'_, '_>, id: FieldId) -> Option<u64> {
    match field(event, id)? {
        Scalar::Text(text) if !text.is_empty() => Some(xxh3_64(text.as_bytes())),
        // A number and a text with its digits are the same id.
        Scalar::Number(number) => Some(xxh3_64(number.to_string().as_bytes())),
        _ => None,
    }
}
