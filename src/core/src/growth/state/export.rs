//! The growth state of a user as JSON, for the export of a user's data.

use serde_json::{Value, json};

use super::funnel_steps::FunnelStepState;
use super::orders::{OrderDay, UserOrders};
use super::user_state::UserGrowthState;
use crate::growth::calendar::Day;
use crate::growth::money::Money;
use crate::growth::plan::GrowthPlan;
use crate::time::Timestamp;

impl UserGrowthState {
    /// All of it as JSON.
    pub fn export(&self, plan: &GrowthPlan) -> Value {
        let active_days: Vec<String> = self.days.iter(self.latest).map(|day| day.to_string()).collect();
        json!({
            "channel": plan.channel_names().get(usize::from(self.channel)),
            "stage": plan.stage_membership(self.stage),
            "first_day": self.first.to_string(),
            "active_days": active_days,
            "signed_up": self.signed_up.map(|day| Day(day.get()).to_string()),
            "session": {"day": self.session_day.to_string(), "seen": self.session, "steps": self.depths},
            "funnel_steps": self.steps.slots.iter().map(step).collect::<Vec<_>>(),
            "orders": self.orders.as_deref().map(orders),
        })
    }
}

fn step(step: &FunnelStepState) -> Option<Value> {
    let at = |ms: i64| Timestamp(ms).to_string();
    step.is_reached().then(|| json!({"start": at(step.start), "reached": at(step.time)}))
}

fn orders(orders: &UserOrders) -> Value {
    json!({
        "first": orders.first.map(|first| first.at.to_string()),
        "second": orders.second.map(|at| at.to_string()),
        "days": orders.days.iter().map(order_day).collect::<Vec<_>>(),
        "order_id_hashes": orders.ids.iter().map(|id| format!("{id:016x}")).collect::<Vec<_>>(),
    })
}

fn order_day(held: &OrderDay) -> Value {
    let [orders, coupon_orders, refunds] = held.counts;
    let [value, refunded, discount] = held.amounts.map(|amount| Money(amount.into()));
    json!({
        "day": held.day.to_string(), "orders": orders, "coupon_orders": coupon_orders, "refunds": refunds,
        "value": value, "refunded": refunded, "discount": discount,
    })
}
