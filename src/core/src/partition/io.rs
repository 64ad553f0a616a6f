//! Inputs and outputs of a partition.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::TimerMark;
pub use super::log_instant::LogInstant;
use crate::budgets::BudgetChangeKind;
use crate::campaigns::{DecisionStep, Outcome, TriggerOrigin, VariantWeights};
use crate::decimal::Decimal;
use crate::event::Event;
use crate::goals::ExposureGroup;
use crate::groups::GroupCause;
use crate::json::JsonText;
use crate::partners::PartnerSubject;
use crate::points::{Points, PointsBalance};
use crate::rules::ruleset::{BudgetId, CampaignId, GroupId, LedgerId, SegmentId, TransitionKind};
use crate::time::Timestamp;

/// An input, in the order of the log.
#[derive(Debug)]
pub enum PartitionInput<'e, 'a> {
    /// An event of one of the partition's users.
    Event {
        /// The user, after linking.
        user: &'e str,
        /// The event.
        event: &'e Event<'a>,
        /// Its time.
        ts: Timestamp,
        /// The log's watermark before it.
        watermark: Timestamp,
        /// Its position in the log.
        position: u64,
        /// The event links an anonymous visitor to the user: the visitor, if it has state to merge.
        visitor: Option<Box<super::User>>,
    },
    /// Time passes: every timer before the mark fires.
    Advance {
        /// The mark, which the watermark has reached.
        to: TimerMark,
        /// The log position then.
        position: u64,
    },
}

/// Something the engine decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// When it became due.
    pub at: Timestamp,
    /// The user it is about; of a group, its key; empty where it is of nobody.
    pub user: Arc<str>,
    /// The log position at which it was decided: orders the outputs of a user that moved between partitions.
    pub position: u64,
    /// What was decided.
    pub decided: OutputKind,
}

/// The kinds of outputs.
#[derive(Clone, Debug, PartialEq)]
pub enum OutputKind {
    /// The user entered or left a segment.
    Transition {
        /// The segment.
        segment: SegmentId,
        /// Which way.
        change: TransitionKind,
        /// The key that did, of a segment with `per`.
        key: Option<Arc<str>>,
        /// The cause.
        cause: Cause,
    },
    /// A group entered or left a segment. Its key stands in place of a user.
    GroupTransition {
        /// Whose groups.
        group: GroupId,
        /// The segment.
        segment: SegmentId,
        /// Which way.
        change: TransitionKind,
        /// Why.
        cause: GroupCause,
        /// How many changes of groups there were before at the end of the same beat.
        ordinal: u32,
    },
    /// A campaign was decided.
    Decision(Box<DecisionOutput>),
    /// The points of a ledger changed, or would have.
    Points(Box<PointsOutput>),
    /// A budget changed.
    Budget(Box<BudgetOutput>),
    /// An anonymous visitor's state was merged into the user's.
    Merged {
        /// The visitor.
        from: Arc<str>,
    },
    /// An exposure to a goal of a campaign is mature.
    GoalOutcome(Box<GoalOutcomeOutput>),
    /// The user is shared with a partner, or not any more.
    Shared(Box<SharedOutput>),
    /// Other weights of variants stand from here on. It is of no user.
    Weights(Box<WeightsOutput>),
}

/// The weights of a campaign's variants that stand from here on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightsOutput {
    /// The campaign.
    pub campaign: CampaignId,
    /// Its variants' weights, in file order.
    pub weights: VariantWeights,
}

/// What a partner is told about a user. With ids, since the rules need not have the partner or the segment any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedOutput {
    /// The partner's id.
    pub partner: Arc<str>,
    /// The segment's id.
    pub segment: Arc<str>,
    /// Whether the user is shared from here on, or not any more.
    pub change: TransitionKind,
    /// As whom the partner knows the user.
    pub subject: PartnerSubject,
    /// Of which the id of its event is made; it says nothing of the user.
    pub event: [u8; 16],
}

/// What became of an exposure. With ids, since the rules need not have the campaign any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoalOutcomeOutput {
    /// The campaign's id.
    pub campaign: Arc<str>,
    /// The goal's id.
    pub goal: Arc<str>,
    /// The group of the decision that exposed the user.
    pub group: ExposureGroup,
    /// Its variant, if one was sent.
    pub variant: Option<Arc<str>>,
    /// When that was.
    pub exposed: Timestamp,
    /// How many matches of the goal came.
    pub count: u64,
    /// Their sum; `None`: it is larger than 10^30 in size.
    pub value: Option<Decimal>,
}

/// The decision of a campaign. Apart, since it is larger than other outputs, and rarer.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionOutput {
    /// The campaign.
    pub campaign: CampaignId,
    /// The outcome.
    pub outcome: Outcome,
    /// The change or the match that triggered it.
    pub trigger: TriggerOrigin,
    /// The cause of that.
    pub cause: Cause,
    /// The action's payload, if one is sent.
    pub payload: Option<Box<BTreeMap<String, JsonText>>>,
    /// The steps up to the one that decided; empty if they are not [recorded](crate::campaigns::StepRecording).
    pub steps: Vec<DecisionStep>,
}

/// A change of a user's points in a ledger.
#[derive(Clone, Debug, PartialEq)]
pub struct PointsOutput {
    /// The ledger.
    pub ledger: LedgerId,
    /// What happened.
    pub change: PointsChange,
    /// How many points; of a refusal, how many were asked for.
    pub amount: Points,
    /// The balance after.
    pub balance: PointsBalance,
    /// The cause.
    pub cause: Cause,
    /// How many changes of points the same event made before.
    pub ordinal: u32,
    /// What was paid for, if it was a campaign.
    pub price: Option<PointsPrice>,
}

/// What points were paid for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointsPrice {
    /// The campaign.
    pub campaign: CampaignId,
    /// What triggered its decision.
    pub trigger: TriggerOrigin,
}

/// What happened to points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointsChange {
    /// A match earned them.
    Earned,
    /// A match or a price spent them.
    Spent,
    /// There were fewer than a match would have spent.
    Refused,
    /// They were not spent in time.
    Expired,
}

impl PointsChange {
    /// Every one.
    pub const ALL: [PointsChange; 4] =
        [PointsChange::Earned, PointsChange::Spent, PointsChange::Refused, PointsChange::Expired];

    /// Its name in the journal.
    pub fn name(self) -> &'static str {
        match self {
            PointsChange::Earned => "earned",
            PointsChange::Spent => "spent",
            PointsChange::Refused => "refused",
            PointsChange::Expired => "expired",
        }
    }
}

/// What an action, or the lack of one, changed of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetOutput {
    /// The budget.
    pub budget: BudgetId,
    /// The campaign that spends it.
    pub campaign: CampaignId,
    /// How it changed.
    pub change: BudgetChangeKind,
    /// By how much: what was spent, reserved or freed.
    pub amount: Decimal,
    /// When the action went out, and the number of the user's exposures to the campaign before it: whose costs these are.
    pub action: (Timestamp, u64),
}

/// The cause of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Time passed.
    Time,
    /// An event, by its messageId where it has one.
    Event(Option<Arc<str>>),
    /// What users share reached the user at the end of a beat.
    Delivery,
    /// A key was forgotten, `ttl` after its latest match.
    Ttl,
    /// A key was forgotten, since the user had as many as it may have.
    Max,
    /// A decision of the same instant spent points.
    Points {
        /// How many evaluations for that reason there were at that instant, this one included.
        round: u32,
        /// The cause of the first evaluation.
        origin: Box<Cause>,
    },
    /// Other rules took effect.
    Rules {
        /// The number of the change, from 1.
        change: u64,
    },
}

/// Other rules take effect, at a position of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RulesChange {
    /// Counts the changes since the log's beginning, from 1.
    pub number: u64,
    /// The log's watermark then: no user is evaluated at an earlier instant.
    pub watermark: Timestamp,
    /// The latest time read by then: no user's clock is ahead of it.
    pub latest_read: Timestamp,
    /// The log position.
    pub position: u64,
}

/// A user that was dropped after being idle for longer than `state_ttl`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpiredUser {
    /// The user's id.
    pub user: Arc<str>,
    /// At which instant.
    pub at: Timestamp,
    /// An event found it expired; the event belongs to a new user with the same id.
    pub is_renewed: bool,
}
