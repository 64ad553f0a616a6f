//! What each campaign spent of each budget, from the outputs of a log that has an end.

use std::collections::BTreeMap;

use rekindle_core::budgets::BudgetChangeKind;
use rekindle_core::partition::{Output, OutputKind};
use rekindle_core::rules::ruleset::{BudgetId, CampaignId};

/// What campaigns spent. What is only reserved is not spent.
#[derive(Clone, Debug, Default)]
pub struct CampaignSpending {
    /// In millionths.
    spent: BTreeMap<(CampaignId, BudgetId), i128>,
}

impl CampaignSpending {
    /// Adds what some outputs tell.
    pub(super) fn add(&mut self, outputs: &[Output]) {
        for output in outputs {
            let OutputKind::Budget(told) = &output.decided else { continue };
            if matches!(told.change, BudgetChangeKind::Spent | BudgetChangeKind::Settled) {
                *self.spent.entry((told.campaign, told.budget)).or_default() += told.amount.millionths();
            }
        }
    }

    /// What a campaign spent, by budget in file order.
    pub fn of_campaign(&self, campaign: CampaignId) -> impl Iterator<Item = (BudgetId, f64)> {
        let budgets = self.spent.range((campaign, BudgetId(0))..=(campaign, BudgetId(u16::MAX)));
        budgets.map(|((_, budget), millionths)| (*budget, *millionths as f64 / 1e6))
    }
}
