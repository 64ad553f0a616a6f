//! Sales of the last 30 complete days.

use serde::Serialize;

use super::context::ReportContext;
use super::days::{CategoryNumbers, DayNumbers, window_totals};
use crate::growth::counts::{DayTotals, WindowTotals};
use crate::growth::money::{Money, Ratio};
use crate::growth::rollup::DayCategories;

/// Categories that are listed.
const TOP_CATEGORIES: usize = 10;

/// Sales of the last 30 complete days.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CommerceNumbers {
    /// Of all users.
    pub all: SalesFigures,
    /// By first-touch channel.
    pub by_channel: Vec<SalesFigures>,
    /// The ten categories that sold most by value.
    pub categories: Vec<CategoryNumbers>,
    /// By how much the value of each of them may be too low; 0: they are exact.
    pub category_error: Money,
    /// What lists of picks sold; null if the rules have none.
    pub picks: Option<PickSales>,
    /// Buyers ever with two orders or more, over all buyers ever, at the end of the last complete day.
    pub repeat_purchase: Ratio,
}

/// Orders of items that were shown from a list of picks before: sent by a campaign, or by the storefront. Whether they would have come
/// anyway is told by goals and holdouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize)]
pub struct PickSales {
    /// Orders with such an item.
    pub orders: u64,
    /// The part of the orders' values that is of such items.
    pub gmv: Money,
    /// That part over the value of all orders.
    #[serde(serialize_with = "Ratio::serialize_amounts")]
    pub share: Ratio,
}

/// Sales of 30 days and the rates that follow from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize)]
pub struct SalesFigures {
    /// Orders.
    pub orders: u64,
    /// Their value.
    pub gmv: Money,
    /// Net of refunds: `gmv` less what was refunded in these days; null if the rules define no refund.
    pub revenue: Option<Money>,
    /// AOV: value over orders, to the nearest millionth; null without orders.
    pub aov: Option<Money>,
    /// Users with an order.
    pub buyers: u64,
    /// Orders over buyers.
    pub orders_per_buyer: Ratio,
    /// Visitor → buyer: users with an order over active users.
    pub conversion: Ratio,
    /// Cart abandonment: sessions with a cart event and no order at or after it, over sessions with a cart event.
    pub cart_abandonment: Ratio,
    /// The value of first orders ever.
    pub gmv_new: Money,
    /// The value of all others.
    pub gmv_returning: Money,
    /// Orders with a coupon over orders.
    pub coupon_share: Ratio,
    /// Discounts given.
    pub discount: Money,
}

pub(super) fn commerce(context: &ReportContext<'_>) -> CommerceNumbers {
    let window = context.window();
    let has_refunds = context.plan.rules.refunds.is_some();
    let sales = |of: &dyn Fn(&DayNumbers) -> DayTotals| {
        let last = window.last().map(of).unwrap_or_default();
        sales_figures(&window.iter().map(of).sum(), &last, has_refunds)
    };
    let days = window.iter().filter_map(|day| context.rollup.categories.get(&day.day)).map(|held| &**held);
    let (categories, error) = DayCategories::total(days);
    let picks = context.plan.rules.picks.as_ref().map(|_| {
        let hours = window.first().zip(window.last()).map(|(first, last)| {
            let hours = first.day.first_hour()..last.day.plus(1).first_hour();
            context.rollup.hours.range(hours).map(|(_, row)| window_totals(row)).sum::<WindowTotals>()
        });
        let WindowTotals { pick_orders, gmv_of_picks, gmv, .. } = hours.unwrap_or_default();
        PickSales { orders: pick_orders, gmv: gmv_of_picks, share: Ratio::new(gmv_of_picks.0, gmv.0) }
    });
    let repeat_purchase = window.last().map(|day| Ratio::new(day.known_repeat_buyers, day.known_buyers));
    CommerceNumbers {
        all: sales(&|day| day.all),
        by_channel: (0..context.plan.layout.channels).map(|channel| sales(&|day| day.by_channel[channel])).collect(),
        categories: categories.into_iter().take(TOP_CATEGORIES).map(CategoryNumbers::from).collect(),
        category_error: Money(error.into()),
        picks,
        repeat_purchase: repeat_purchase.unwrap_or_default(),
    }
}

/// The figures of a window from the sum of its days, and from its last day, which has the users of 30 days.
fn sales_figures(sum: &DayTotals, last: &DayTotals, has_refunds: bool) -> SalesFigures {
    SalesFigures {
        orders: sum.orders,
        gmv: sum.gmv,
        revenue: has_refunds.then(|| sum.gmv - sum.refunded),
        aov: rounded_quotient(sum.gmv.0, sum.orders).map(Money),
        buyers: last.buyers_30d,
        orders_per_buyer: Ratio::new(sum.orders, last.buyers_30d),
        conversion: Ratio::new(last.buyers_30d, last.active_30d),
        cart_abandonment: Ratio::new(sum.cart_sessions.saturating_sub(sum.cart_order_sessions), sum.cart_sessions),
        gmv_new: sum.gmv_new,
        gmv_returning: sum.gmv - sum.gmv_new,
        coupon_share: Ratio::new(sum.coupon_orders, sum.orders),
        discount: sum.discount,
    }
}

/// The quotient, rounded half up; `None` where the divisor is 0.
fn rounded_quotient(part: i128, whole: u64) -> Option<i128> {
    let whole = i128::from(whole);
    (whole > 0).then(|| (part * 2 + whole).div_euclid(whole * 2))
}
