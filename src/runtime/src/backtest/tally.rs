//! What one rule set did, counted: segments over time, decisions, points, budgets, goals.

use std::collections::BTreeMap;

use super::contender::Arrivals;
use super::names::{RulesSide, SharedNames};
use super::series::{StepClock, StepCounts, StepSeries};
use rekindle_core::campaigns::Outcome;
use rekindle_core::decimal::Decimal;
use rekindle_core::goals::ExposureGroup;
use rekindle_core::partition::{Output, OutputKind, PointsChange, SegmentDeparture};
use rekindle_core::rules::ruleset::TransitionKind;
use rekindle_core::time::Timestamp;

/// Outcomes by their number.
pub(super) type OutcomeStep = [u64; Outcome::NAMES.len()];

/// What happened to a segment in a step.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SegmentStep {
    pub(super) entered: u64,
    pub(super) left: u64,
    /// Was merged, forgotten or expired.
    pub(super) vanished: u64,
}

impl StepCounts for SegmentStep {
    fn add(&mut self, other: SegmentStep) {
        self.entered += other.entered;
        self.left += other.left;
        self.vanished += other.vanished;
    }
}

impl StepCounts for OutcomeStep {
    fn add(&mut self, other: OutcomeStep) {
        self.iter_mut().zip(other).for_each(|(ours, theirs)| *ours += theirs);
    }
}

/// A segment's size over time.
#[derive(Clone, Debug, Default)]
pub(super) struct SegmentSeries {
    /// How many are in it when counting begins.
    pub(super) before: i64,
    pub(super) steps: StepSeries<SegmentStep>,
}

/// Points of a ledger, or amounts of a budget, by change: how often, and how many.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AmountCount {
    pub(super) count: u64,
    /// Points; of a budget, millionths.
    pub(super) amount: i128,
}

/// What exposures of one campaign, goal and group came to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct GoalCount {
    pub(super) exposures: u64,
    pub(super) reached: u64,
    pub(super) count: u64,
    /// In millionths.
    pub(super) value: i128,
}

/// What is counted of one rule set.
#[derive(Debug)]
pub(super) struct RulesTally {
    pub(super) side: RulesSide,
    from: Timestamp,
    pub(super) segments: Vec<SegmentSeries>,
    pub(super) campaigns: Vec<StepSeries<OutcomeStep>>,
    pub(super) ledgers: Vec<[AmountCount; PointsChange::ALL.len()]>,
    pub(super) budgets: Vec<[AmountCount; 4]>,
    pub(super) goals: BTreeMap<(u16, u16, &'static str), GoalCount>,
    pub(super) messages: StepSeries<u64>,
}

impl StepCounts for u64 {
    fn add(&mut self, other: u64) {
        *self += other;
    }
}

impl RulesTally {
    /// Counts from an instant on.
    pub(super) fn new(side: RulesSide, names: &SharedNames, from: Timestamp) -> RulesTally {
        RulesTally {
            side,
            from,
            segments: vec![SegmentSeries::default(); names.segments.len()],
            campaigns: vec![StepSeries::default(); names.campaigns.len()],
            ledgers: vec![Default::default(); names.ledgers.len()],
            budgets: vec![Default::default(); names.budgets.len()],
            goals: BTreeMap::new(),
            messages: StepSeries::default(),
        }
    }

    /// Counts what came, in any order.
    pub(super) fn add(&mut self, arrivals: &Arrivals, names: &SharedNames, clock: &mut StepClock) {
        arrivals.outputs.iter().for_each(|output| self.add_output(output, names, clock));
        for SegmentDeparture { at, segments } in &arrivals.departures {
            for segment in segments {
                let number = names.segments.number(self.side, segment.0);
                let Some(series) = self.segments.get_mut(usize::from(number)) else { continue };
                if *at >= self.from {
                    series.steps.at(clock.step(*at)).vanished += 1;
                } else {
                    series.before -= 1;
                }
            }
        }
    }

    /// Whether an output is a message that is counted.
    pub(super) fn counts_message(&self, output: &Output) -> bool {
        let is_sent = match &output.decided {
            OutputKind::Decision(decision) => matches!(decision.outcome, Outcome::Sent { .. }),
            _ => false,
        };
        is_sent && output.at >= self.from
    }

    fn add_output(&mut self, output: &Output, names: &SharedNames, clock: &mut StepClock) {
        let counts = output.at >= self.from;
        match &output.decided {
            OutputKind::Transition { segment, change, .. } | OutputKind::GroupTransition { segment, change, .. } => {
                let number = names.segments.number(self.side, segment.0);
                let Some(series) = self.segments.get_mut(usize::from(number)) else { return };
                match (counts, change) {
                    (false, TransitionKind::Enter) => series.before += 1,
                    (false, TransitionKind::Exit) => series.before -= 1,
                    (true, TransitionKind::Enter) => series.steps.at(clock.step(output.at)).entered += 1,
                    (true, TransitionKind::Exit) => series.steps.at(clock.step(output.at)).left += 1,
                }
            }
            _ if !counts => {}
            OutputKind::Decision(decision) => {
                let number = names.campaigns.number(self.side, decision.campaign.0);
                let step = clock.step(output.at);
                if let Some(series) = self.campaigns.get_mut(usize::from(number)) {
                    series.at(step)[decision.outcome.index()] += 1;
                }
                if matches!(decision.outcome, Outcome::Sent { .. }) {
                    *self.messages.at(step) += 1;
                }
            }
            OutputKind::Points(points) => {
                let number = names.ledgers.number(self.side, points.ledger.0);
                if let Some(ledger) = self.ledgers.get_mut(usize::from(number)) {
                    ledger[points.change as usize].add(i128::from(points.amount.saturated()));
                }
            }
            OutputKind::Budget(change) => {
                let number = names.budgets.number(self.side, change.budget.0);
                if let Some(budget) = self.budgets.get_mut(usize::from(number)) {
                    budget[change.change as usize].add(change.amount.millionths());
                }
            }
            OutputKind::GoalOutcome(outcome) => {
                let (campaign, goal) = (names.campaigns.of_id(&outcome.campaign), names.goals.of_id(&outcome.goal));
                let group = match outcome.group {
                    ExposureGroup::Sent => "sent",
                    ExposureGroup::Control | ExposureGroup::Holdout => "control",
                };
                let tally = self.goals.entry((campaign, goal, group)).or_default();
                tally.exposures += 1;
                tally.reached += u64::from(outcome.count > 0);
                tally.count += outcome.count;
                tally.value = tally.value.saturating_add(outcome.value.map_or(0, Decimal::millionths));
            }
            OutputKind::Merged { .. } | OutputKind::Shared(_) | OutputKind::Weights(_) => {}
        }
    }
}

impl AmountCount {
    fn add(&mut self, amount: i128) {
        self.count += 1;
        self.amount = self.amount.saturating_add(amount);
    }
}
