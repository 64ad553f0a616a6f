//! The shape of ledgers and prices.

use schemars::JsonSchema;

use super::{DurationText, IdText};

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape: only its schema is used")]
pub(super) struct LedgerSchema {
    /// Its name in conditions, prices, subjects and metrics.
    #[schemars(with = "IdText")]
    id: (),
    /// How long after its event an earning expires. Default: never.
    #[schemars(with = "Option<DurationText>")]
    expires: Option<()>,
    /// The most that a user earns in one day, by the times of the events. Default: no limit.
    #[schemars(range(min = 1, max = 1_000_000_000_000_000_i64))]
    daily_max: Option<i64>,
    /// What earns points.
    earn: Option<Vec<EarningSchema>>,
    /// What spends points.
    spend: Option<Vec<SpendingSchema>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape: only its schema is used")]
struct EarningSchema {
    /// The event, by its name in [events].
    on: String,
    /// How many points: an expression with a number, of event.x and traits.x.
    amount: String,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape: only its schema is used")]
struct SpendingSchema {
    /// The event, by its name in [events].
    on: String,
    /// How many points: an expression with a number, of event.x and traits.x.
    amount: String,
    /// What the balance lacks becomes a debt. Default: false, and the whole is refused.
    debt: Option<bool>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape: only its schema is used")]
pub(super) struct PriceSchema {
    /// The ledger that is paid from.
    #[schemars(with = "IdText")]
    ledger: (),
    /// How many points: an expression with a number, as in `if`.
    amount: String,
}
