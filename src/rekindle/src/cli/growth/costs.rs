//! What campaigns cost: what was spent of their budgets, per message.

use rekindle_core::campaigns::Outcome;
use rekindle_core::goals::UpliftComparison;
use rekindle_core::rules::ruleset::{CampaignId, Ruleset};
use rekindle_core::statistics::DifferenceInterval;
use rekindle_runtime::pipeline::PipelineTotals;
use rekindle_runtime::replay::CampaignSpending;
use serde::Serialize;

/// What a campaign spent of one budget.
#[derive(Debug, Serialize)]
pub(super) struct CampaignCost {
    pub(super) campaign: String,
    pub(super) budget: String,
    /// All that it spent.
    pub(super) spent: f64,
    /// The same for each message that it sent.
    pub(super) per_message: f64,
}

impl CampaignCost {
    /// Those of all campaigns, of which something was spent.
    pub(super) fn all(rules: &Ruleset, totals: &PipelineTotals, spending: &CampaignSpending) -> Vec<CampaignCost> {
        let sent_at = Outcome::NAMES.iter().position(|name| *name == "sent").unwrap_or_default();
        let mut costs = Vec::new();
        for ((id, campaign), decisions) in (0..).map(CampaignId).zip(&rules.campaigns).zip(&totals.counts.decisions) {
            let messages = decisions[sent_at] as f64;
            let spent = spending.of_campaign(id).filter(|(_, spent)| *spent > 0.0 && messages > 0.0);
            costs.extend(spent.map(|(budget, spent)| CampaignCost {
                campaign: campaign.id.clone(),
                budget: rules.budgets[usize::from(budget.0)].id.clone(),
                spent,
                per_message: spent / messages,
            }));
        }
        costs
    }

    /// What a comparison of all that the campaign sent brought for each unit of the budget: what its messages brought, by what
    /// messages of the campaign cost so far.
    pub(super) fn brought_per_unit(&self, comparison: &UpliftComparison) -> Option<DifferenceInterval> {
        let per_message = comparison.brought_per_message().filter(|_| comparison.variant.is_none())?;
        Some(per_message.times(1.0 / self.per_message))
    }
}
