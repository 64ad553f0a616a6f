//! The subjects of one ruleset, built once: an output looks up its own.

use async_nats::subject::Subject;

use rekindle_core::budgets::BudgetChangeKind;
use rekindle_core::campaigns::Outcome;
use rekindle_core::partition::{PointsChange, SharedOutput};
use rekindle_core::rules::ruleset::{BudgetId, CampaignId, LedgerId, Ruleset, SegmentId, TransitionKind};

/// Subjects by segment, campaign and ledger.
pub(super) struct OutputSubjects {
    segments: Vec<[Subject; 2]>,
    actions: Vec<Subject>,
    decisions: Vec<Vec<Subject>>,
    /// Before the campaign and the goal, which the rules need not have any more.
    outcomes: String,
    /// Before the partner and the segment, which the rules need not have any more.
    partners: String,
    points: Vec<[Subject; PointsChange::ALL.len()]>,
    budgets: Vec<[Subject; BudgetChangeKind::ALL.len()]>,
}

impl OutputSubjects {
    /// Ids of segments, campaigns, channels and ledgers are single tokens of a subject: the rules ensure that.
    pub(super) fn new(prefix: &str, rules: &Ruleset) -> OutputSubjects {
        let segment = |id: &str| {
            [TransitionKind::Enter, TransitionKind::Exit]
                .map(|change| format!("{prefix}.segments.{id}.{}", change.name()).into())
        };
        let decisions = |id: &str| {
            Outcome::NAMES.iter().map(|outcome| format!("{prefix}.decisions.{id}.{outcome}").into()).collect()
        };
        let points =
            |id: &str| PointsChange::ALL.map(|change| format!("{prefix}.points.{id}.{}", change.name()).into());
        let budget =
            |id: &str| BudgetChangeKind::ALL.map(|change| format!("{prefix}.budgets.{id}.{}", change.name()).into());
        OutputSubjects {
            points: rules.ledgers.iter().map(|ledger| points(&ledger.id)).collect(),
            budgets: rules.budgets.iter().map(|other| budget(&other.id)).collect(),
            segments: rules.segments.iter().map(|other| segment(&other.id)).collect(),
            actions: rules
                .campaigns
                .iter()
                .map(|c| format!("{prefix}.actions.{}.{}", c.channel, c.id).into())
                .collect(),
            decisions: rules.campaigns.iter().map(|campaign| decisions(&campaign.id)).collect(),
            outcomes: format!("{prefix}.outcomes"),
            partners: format!("{prefix}.partners"),
        }
    }

    pub(super) fn transition(&self, segment: SegmentId, change: TransitionKind) -> Subject {
        self.segments[usize::from(segment.0)][change as usize].clone()
    }

    pub(super) fn action(&self, campaign: CampaignId) -> Subject {
        self.actions[usize::from(campaign.0)].clone()
    }

    pub(super) fn points(&self, ledger: LedgerId, change: PointsChange) -> Subject {
        self.points[usize::from(ledger.0)][change as usize].clone()
    }

    pub(super) fn budget(&self, budget: BudgetId, change: BudgetChangeKind) -> Subject {
        self.budgets[usize::from(budget.0)][change as usize].clone()
    }

    pub(super) fn decision(&self, campaign: CampaignId, outcome: &Outcome) -> Subject {
        self.decisions[usize::from(campaign.0)][outcome.index()].clone()
    }

    pub(super) fn outcome(&self, campaign: &str, goal: &str) -> Subject {
        format!("{}.{campaign}.{goal}", self.outcomes).into()
    }

    pub(super) fn weights(&self, campaign: &str) -> Subject {
        format!("{}.{campaign}.weights", self.outcomes).into()
    }

    pub(super) fn shared(&self, shared: &SharedOutput) -> Subject {
        let SharedOutput { partner, segment, change, .. } = shared;
        format!("{}.{partner}.{segment}.{}", self.partners, change.name()).into()
    }
}
