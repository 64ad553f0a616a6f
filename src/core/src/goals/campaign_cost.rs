//! What campaigns cost: what they spent of their budgets, in all and per message.

use serde::Serialize;

use crate::budgets::BudgetBook;
use crate::decimal::Decimal;
use crate::rules::ruleset::{BudgetId, CampaignId, Ruleset};

/// What a campaign spent of one budget.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CampaignCost {
    /// The campaign's id.
    pub campaign: String,
    /// The budget's id.
    pub budget: String,
    /// All that it spent, of all periods. What is only reserved is not spent.
    pub spent: f64,
    /// The same for each action that was granted a cost.
    pub per_message: Option<f64>,
}

impl CampaignCost {
    /// Those of all campaigns that spent anything, by file order of campaigns, then of budgets.
    pub fn all(rules: &Ruleset, book: &BudgetBook) -> Vec<CampaignCost> {
        let mut costs = Vec::new();
        for (id, campaign) in (0..).map(CampaignId).zip(&rules.campaigns) {
            for (budget_id, budget) in (0..).map(BudgetId).zip(&rules.budgets) {
                let taken = book.account(budget_id).and_then(|account| account.by_campaign.get(&id));
                let Some(taken) = taken.filter(|taken| taken.spent > 0) else { continue };
                let spent = Decimal::from_millionths(taken.spent).to_double();
                costs.push(CampaignCost {
                    campaign: campaign.id.clone(),
                    budget: budget.id.clone(),
                    spent,
                    per_message: (taken.actions > 0).then(|| spent / taken.actions as f64),
                });
            }
        }
        costs
    }
}
