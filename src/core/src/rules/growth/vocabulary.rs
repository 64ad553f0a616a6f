//! The words of the growth rules: stages, metrics and periods. Each enum is the only list of its words.

use serde::Serialize;
use strum::{AsRefStr, Display, EnumString, VariantNames};

/// A stage of the lifecycle. A user is in the first stage of the rules whose segment the user is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, AsRefStr, Display, VariantNames, Serialize)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Came recently for the first time.
    New,
    /// Comes regularly.
    Active,
    /// Comes less than before.
    AtRisk,
    /// Has not come for a while.
    Dormant,
    /// Is not expected to return.
    Churned,
    /// Returned after having been away.
    Reactivated,
}

/// A metric that is counted by day: what a target can be set for, and whose change can be explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, AsRefStr, Display, VariantNames, Serialize)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// The values of orders.
    Gmv,
    /// GMV less refunds.
    Revenue,
    /// Orders.
    Orders,
    /// Users whose first event is in the period.
    NewUsers,
    /// Users whose sign-up is in the period.
    SignUps,
    /// Users whose first order is in the period.
    NewBuyers,
    /// Sessions that started.
    Sessions,
}

/// The period of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, AsRefStr, Display, VariantNames, Serialize)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// A business day.
    Day,
    /// Monday to Sunday.
    Week,
    /// A calendar month.
    Month,
    /// Three calendar months.
    Quarter,
    /// A calendar year.
    Year,
}

impl Stage {
    /// Whether users in it count as lost until they return.
    pub fn is_lost(self) -> bool {
        matches!(self, Stage::Dormant | Stage::Churned)
    }
}

impl Metric {
    /// Whether it is an amount of money, which is counted in millionths.
    pub fn is_money(self) -> bool {
        matches!(self, Metric::Gmv | Metric::Revenue)
    }

    /// Whether it is counted from orders alone, and so needs rules that define an order.
    pub fn needs_orders(self) -> bool {
        matches!(self, Metric::Gmv | Metric::Revenue | Metric::Orders | Metric::NewBuyers)
    }
}
