//! The sizes of the lifecycle's stages, and reactivation.

use serde::Serialize;

use super::context::ReportContext;
use super::days::{StageFlow, stage_size};
use crate::growth::money::Ratio;
use crate::growth::plan::{NO_STAGE, StageMembership};

/// The lifecycle now, and over the last complete day.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LifecycleNumbers {
    /// Users in each stage now.
    pub sizes: Vec<u64>,
    /// Known users in no stage now.
    pub none: u64,
    /// Of the last complete day: users who left `dormant` or `churned` for another stage, over those who were in them at the
    /// start of the day.
    pub reactivation: Ratio,
}

pub(super) fn lifecycle(context: &ReportContext<'_>) -> LifecycleNumbers {
    let plan = context.plan;
    let sum = context.sum_until(context.today);
    let complete = context.complete();
    let before = complete.len().checked_sub(2).map(|at| &complete[at]);
    let lost = before.map_or(0, |day| {
        let stages = plan.rules.stages.iter().zip(&day.stage_sizes);
        stages.filter(|(rule, _)| rule.stage.is_lost()).map(|(_, size)| *size).sum::<u64>()
    });
    let returned = complete.last().map_or(0, |day| {
        let flows = day.flows.iter().filter(|flow| is_reactivation(flow));
        flows.map(|flow| flow.users).sum::<u64>()
    });
    LifecycleNumbers {
        sizes: plan.stage_numbers().map(|stage| stage_size(plan, stage, &sum)).collect(),
        none: stage_size(plan, NO_STAGE, &sum),
        reactivation: Ratio::new(returned, lost),
    }
}

fn is_reactivation(flow: &StageFlow) -> bool {
    let is_lost = |stage: StageMembership| stage.stage().map(|stage| stage.is_lost());
    is_lost(flow.from) == Some(true) && is_lost(flow.to) == Some(false)
}
