//! Budgets: the current period of each, and what is reserved for one user.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::Value as JsonValue;
use utoipa::ToSchema;

use super::routes::ApiServices;
use rekindle_core::budgets::BudgetReport;
use rekindle_core::decimal::Decimal;
use rekindle_core::json::JsonText;
use rekindle_core::partition::{AskReport, ReservationReport};
use rekindle_core::value::Value;

/// A budget, as of the last end of a second of the log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Budget)]
#[schema(example = json!({
    "budget": "summer", "description": "Summer discounts", "limit": 10_000, "per": "month",
    "from": "2026-03-01T00:00:00.000Z", "to": "2026-04-01T00:00:00.000Z",
    "spent": 6_120.5, "reserved": 340, "used": 0.64605, "granted": 21_480.5, "refused": 12
}))]
pub(super) struct BudgetEntry {
    /// The budget.
    budget: String,
    /// One line for people; empty if there is none.
    description: String,
    /// The most that is spent and reserved in one period.
    #[schema(value_type = JsonValue)]
    limit: JsonText,
    /// `day`, `week`, `month`, `quarter` or `year`; null: all time is one period.
    per: Option<&'static str>,
    /// When the current period began; null: all time is one.
    #[schema(format = DateTime)]
    from: Option<String>,
    /// When it ends; null: never.
    #[schema(format = DateTime)]
    to: Option<String>,
    /// What is spent of the current period.
    #[schema(value_type = JsonValue)]
    spent: JsonText,
    /// What is reserved of it.
    #[schema(value_type = JsonValue)]
    reserved: JsonText,
    /// The share of the limit that is spent or reserved; above 1 where a settlement overdrew it.
    used: f64,
    /// All that was granted, of all periods.
    #[schema(value_type = JsonValue)]
    granted: JsonText,
    /// How often it lacked what a campaign asked for, in all periods.
    refused: u64,
}

/// What is reserved of budgets for a user by one action.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UserReservation)]
pub(super) struct UserReservationEntry {
    /// The campaign.
    campaign: String,
    /// When it was reserved.
    #[schema(format = DateTime)]
    at: String,
    /// When it is released, unless it is settled before.
    #[schema(format = DateTime)]
    due: String,
    /// The code of the coupon; left out: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// What is reserved of each budget, in the order of `spends`.
    costs: Vec<UserCostEntry>,
}

/// What is reserved of a budget.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UserCost)]
pub(super) struct UserCostEntry {
    /// The budget.
    budget: String,
    /// How much.
    #[schema(value_type = JsonValue)]
    cost: JsonText,
}

/// A decision that asks budgets and waits for the end of its second.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UserAsk)]
pub(super) struct UserAskEntry {
    /// The campaign.
    campaign: String,
    /// When it was triggered, or quiet hours ended.
    #[schema(format = DateTime)]
    at: String,
    /// The end of the second, when it is answered.
    #[schema(format = DateTime)]
    answered: String,
}

/// The budgets
///
/// What is spent and reserved of each in its current period, and what was granted and refused in all. As of a moment ago, in the
/// period that the log's watermark is in; none where the rules have no budgets.
#[utoipa::path(get, path = "/v1/budgets", tag = "campaigns",
    responses((status = 200, description = "The budgets, as the rules order them", body = Vec<BudgetEntry>)))]
pub(super) async fn budgets(State(services): State<Arc<ApiServices>>) -> Json<Vec<BudgetEntry>> {
    let stats = services.live.stats();
    let reports = stats.budgets.as_ref().map(|book| BudgetReport::all(&stats.plan.rules, book, stats.watermark));
    Json(reports.into_iter().flatten().map(BudgetEntry::new).collect())
}

fn number(amount: Decimal) -> JsonText {
    Value::Number(amount).to_json()
}

impl BudgetEntry {
    fn new(report: BudgetReport) -> BudgetEntry {
        BudgetEntry {
            used: report.used(),
            budget: report.id,
            description: report.description,
            limit: number(report.limit),
            per: report.per.map(|unit| unit.name()),
            from: report.from.map(|at| at.to_string()),
            to: report.to.map(|at| at.to_string()),
            spent: number(report.spent),
            reserved: number(report.reserved),
            granted: number(report.granted),
            refused: report.refused,
        }
    }
}

impl UserReservationEntry {
    pub(super) fn new(report: ReservationReport) -> UserReservationEntry {
        let costs = report.costs.into_iter().map(|(budget, cost)| UserCostEntry { budget, cost: number(cost) });
        UserReservationEntry {
            campaign: report.campaign,
            at: report.at.to_string(),
            due: report.due.to_string(),
            code: report.code.map(|code| code.to_string()),
            costs: costs.collect(),
        }
    }
}

impl UserAskEntry {
    pub(super) fn new(report: AskReport) -> UserAskEntry {
        UserAskEntry { campaign: report.campaign, at: report.at.to_string(), answered: report.answered.to_string() }
    }
}
