//! What campaigns may spend, and what they have spent. No user and no code of a coupon is named.

use super::definitions::*;
use super::page::MetricsPage;
use rekindle_core::budgets::{BudgetBook, BudgetReport};
use rekindle_core::goals::CampaignCost;
use rekindle_core::rules::ruleset::Ruleset;
use rekindle_core::time::Timestamp;

impl MetricsPage {
    /// The current period of each budget, and what campaigns spent of it.
    pub fn budgets(&mut self, rules: &Ruleset, book: &BudgetBook, watermark: Timestamp) {
        for budget in BudgetReport::all(rules, book, watermark) {
            let labels = [budget.id.as_str()];
            self.add(&BUDGET_LIMIT, &labels, budget.limit.to_double());
            self.add(&BUDGET_SPENT, &labels, budget.spent.to_double());
            self.add(&BUDGET_RESERVED, &labels, budget.reserved.to_double());
            self.add(&BUDGET_USED, &labels, budget.used());
            self.add(&BUDGET_GRANTED, &labels, budget.granted.to_double());
            self.count(&BUDGET_REFUSED, &labels, budget.refused);
        }
        for cost in CampaignCost::all(rules, book) {
            self.add(&BUDGET_SPENT_BY_CAMPAIGN, &[&cost.campaign, &cost.budget], cost.spent);
        }
    }
}
