//! The points of a user, as an answer.

use rekindle_core::json::JsonText;
use rekindle_core::partition::{LedgerReport, LotReport};
use serde::Serialize;
use utoipa::ToSchema;

/// The points of a user in a ledger.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UserLedger)]
#[schema(example = json!({
    "ledger": "points", "balance": 90, "debt": 0,
    "lots": [{"left": 40, "expires": "2026-04-10T09:00:00.000Z"}, {"left": 50, "expires": "2026-04-30T09:00:00.000Z"}]
}))]
pub(super) struct UserLedgerEntry {
    /// The ledger.
    ledger: String,
    /// The points, less the debt; below 0 where something is owed.
    #[schema(value_type = serde_json::Value)]
    balance: JsonText,
    /// What was spent beyond the balance.
    #[schema(value_type = serde_json::Value)]
    debt: JsonText,
    /// What is left of what was earned, by expiry: what expires first comes first. At most 100.
    lots: Vec<LotEntry>,
    /// How many lots more there are, all of which expire later; left out: none.
    #[serde(skip_serializing_if = "is_zero")]
    lots_left_off: usize,
}

/// Points that expire at one instant.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Lot)]
pub(super) struct LotEntry {
    /// What is left of them.
    #[schema(value_type = serde_json::Value)]
    left: JsonText,
    /// When they expire; null: never.
    #[schema(format = DateTime)]
    expires: Option<String>,
}

impl UserLedgerEntry {
    pub(super) fn new(report: LedgerReport) -> UserLedgerEntry {
        UserLedgerEntry {
            ledger: report.ledger,
            balance: report.balance.to_value().to_json(),
            debt: report.debt.to_value().to_json(),
            lots: report.lots.into_iter().map(LotEntry::new).collect(),
            lots_left_off: report.lots_left_off,
        }
    }
}

impl LotEntry {
    fn new(report: LotReport) -> LotEntry {
        LotEntry { left: report.left.to_value().to_json(), expires: report.expires.map(|at| at.to_string()) }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}
