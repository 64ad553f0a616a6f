//! The shape of budgets, and of what campaigns spend of them.

use schemars::JsonSchema;
use strum::VariantNames;

use super::{DurationText, IdText};
use crate::time::CalendarUnit;

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape: only its schema is used")]
pub(super) struct BudgetSchema {
    /// Its name in campaigns, subjects and metrics.
    #[schemars(with = "IdText")]
    id: (),
    /// The most that is spent and reserved in one period.
    #[schemars(range(min = 0.0, max = 1e24))]
    limit: f64,
    /// The period, in the rules' time zone; left out: all time is one.
    #[schemars(extend("enum" = CalendarUnit::VARIANTS))]
    per: Option<String>,
    /// A line for people.
    description: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape: only its schema is used")]
pub(super) struct SpendSchema {
    /// The budget.
    #[schemars(with = "IdText")]
    budget: (),
    /// How much one action costs: an expression with a number, of at least 0.
    cost: String,
}

/// Other keys are fields of the coupon in the payload.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a shape: only its schema is used")]
pub(super) struct CouponSchema {
    /// What it is: "percent", "amount", "free_shipping".
    kind: Option<String>,
    /// How much of it.
    #[schemars(range(min = 0.0))]
    value: Option<f64>,
    /// The smallest order that it can be used for.
    #[schemars(range(min = 0.0))]
    min_spend: Option<f64>,
    /// How long it is valid.
    #[schemars(with = "DurationText")]
    valid: (),
    /// What its codes begin with.
    #[schemars(length(max = 32))]
    prefix: Option<String>,
    /// How many characters follow, which cannot be guessed. Default: 10.
    #[schemars(range(min = 6, max = 26))]
    length: Option<i64>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape: only its schema is used")]
pub(super) struct SettleSchema {
    /// The event that says what was spent.
    on: String,
    /// What must hold for an event to settle the oldest reservation: event.x, traits.x and code().
    when: Option<String>,
    /// What was spent of the first budget: an expression with a number. Default: its whole cost.
    amount: Option<String>,
    /// How long the costs are reserved. Default: as long as the coupon is valid.
    #[schemars(with = "Option<DurationText>")]
    within: Option<()>,
}
