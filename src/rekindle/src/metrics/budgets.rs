//! What campaigns may spend, and what they have spent. No user and no code of a coupon is named.

use super::definitions::*;
use super::page::MetricsPage;
use rekindle_core::budgets::BudgetReport;

impl MetricsPage {
    /// The current period of each budget.
    pub fn budgets(&mut self, budgets: &[BudgetReport]) {
        for budget in budgets {
            let labels = [budget.id.as_str()];
            self.add(&BUDGET_LIMIT, &labels, budget.limit.to_double());
            self.add(&BUDGET_SPENT, &labels, budget.spent.to_double());
            self.add(&BUDGET_RESERVED, &labels, budget.reserved.to_double());
            self.add(&BUDGET_USED, &labels, budget.used());
            self.add(&BUDGET_GRANTED, &labels, budget.granted.to_double());
            self.count(&BUDGET_REFUSED, &labels, budget.refused);
        }
    }
}
