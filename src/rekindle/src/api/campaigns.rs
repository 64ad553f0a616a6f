//! Campaigns: what they are, and how often each outcome came of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::routes::ApiServices;
use rekindle_core::campaigns::Outcome;
use rekindle_core::rules::ruleset::{Campaign, CampaignTrigger, Ruleset, TransitionKind};

/// A campaign.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Campaign)]
#[schema(example = json!({
    "campaign": "cart_reminder", "description": "Two hours after", "trigger": "enter:cart_abandoned", "channel": "email",
    "outcomes": {"sent": 812, "cooldown": 240, "control": 88}, "variants": ["a", "b"], "goals": ["buy"], "budgets": ["summer"]
}))]
pub(super) struct CampaignEntry {
    /// Its id.
    campaign: String,
    /// One line for people; empty if the rules have none.
    description: String,
    /// `enter:SEGMENT`, `exit:SEGMENT` or `event:NAME`.
    trigger: String,
    /// The channel of its actions.
    channel: String,
    /// How often it was decided so, by outcome, since it was added to the rules; outcomes that never came are left out.
    outcomes: BTreeMap<&'static str, u64>,
    /// Its variants.
    variants: Vec<String>,
    /// The goals that it is measured by.
    goals: Vec<String>,
    /// The budgets that it spends.
    budgets: Vec<String>,
}

impl CampaignEntry {
    fn new(rules: &Ruleset, campaign: &Campaign, counts: Option<&[u64; Outcome::NAMES.len()]>) -> CampaignEntry {
        let counts = Outcome::NAMES.into_iter().zip(counts.into_iter().flatten().copied());
        CampaignEntry {
            campaign: campaign.id.clone(),
            description: campaign.description.clone(),
            trigger: trigger(rules, campaign.on),
            channel: campaign.channel.clone(),
            outcomes: counts.filter(|(_, count)| *count > 0).collect(),
            variants: campaign.variants.iter().map(|variant| variant.id.clone()).collect(),
            goals: campaign.goals.iter().map(|goal| rules.goals[usize::from(goal.0)].id.clone()).collect(),
            budgets: campaign
                .spends
                .iter()
                .map(|spend| rules.budgets[usize::from(spend.budget.0)].id.clone())
                .collect(),
        }
    }
}

fn trigger(rules: &Ruleset, on: CampaignTrigger) -> String {
    match on {
        CampaignTrigger::Transition { segment, change } => {
            let change = match change {
                TransitionKind::Enter => "enter",
                TransitionKind::Exit => "exit",
            };
            format!("{change}:{}", rules.segments[usize::from(segment.0)].id)
        }
        CampaignTrigger::Match(name) => format!("event:{}", rules.names[usize::from(name.0)].id),
    }
}

/// All campaigns, with how they were decided
#[utoipa::path(get, path = "/v1/campaigns", tag = "campaigns", responses(
    (status = 200, description = "The campaigns, as the rules order them", body = Vec<CampaignEntry>)
))]
pub(super) async fn campaigns(State(services): State<Arc<ApiServices>>) -> Json<Vec<CampaignEntry>> {
    let stats = services.live.stats();
    let (rules, counts) = (&stats.plan.rules, &stats.totals.counts.decisions);
    let campaigns = rules.campaigns.iter().enumerate();
    Json(campaigns.map(|(index, campaign)| CampaignEntry::new(rules, campaign, counts.get(index))).collect())
}
