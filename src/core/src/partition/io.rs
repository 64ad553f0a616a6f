//! Inputs and outputs of a partition.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::TimerMark;
use super::points_counters::LedgerCounters;
use crate::budgets::BudgetChangeKind;
use crate::campaigns::{DecisionStep, Outcome, TriggerOrigin};
use crate::decimal::Decimal;
use crate::event::Event;
use crate::goals::ExposureGroup;
use crate::json::JsonText;
use crate::partners::PartnerSubject;
use crate::points::{Points, PointsBalance};
use crate::rules::ruleset::{BudgetId, CampaignId, LedgerId, Ruleset, SegmentId, TransitionKind};
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

/// An instant, and the position in the log at which it was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogInstant {
    /// The instant.
    pub at: Timestamp,
    /// The position.
    pub position: u64,
}

/// Something the engine decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// When it became due.
    pub at: Timestamp,
    /// The user it is about.
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
}

/// What a partner is told of a user. With ids, since the rules need not have the partner or the segment any more.
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

/// What a partition has counted since it was created.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionCounters {
    /// Events applied to a user's state.
    pub applied: u64,
    /// Events whose time was below the watermark.
    pub late: u64,
    /// Events ignored because their messageId was a duplicate.
    pub duplicates: u64,
    /// Visitors merged into users.
    pub merged: u64,
    /// Users dropped because they were idle for longer than `state_ttl`.
    pub expired: u64,
    /// Events by name of `[events]`.
    pub by_name: Vec<u64>,
    /// Transitions by segment: enters, exits.
    pub transitions: Vec<[u64; 2]>,
    /// Visitors that were in each segment when they were linked: they left it without a transition.
    #[serde(default)]
    pub merged_out: Vec<u64>,
    /// Users that were in each segment when they were dropped or forgotten: likewise.
    #[serde(default)]
    pub dropped_out: Vec<u64>,
    /// Users, or keys, in each segment now: enters less exits, merged and dropped.
    pub sizes: Vec<u64>,
    /// Keys of each `[per.K]` now.
    #[serde(default)]
    pub keys: Vec<u64>,
    /// Keys of each `[per.K]` that were forgotten: by `ttl`, by `max`.
    #[serde(default)]
    pub keys_forgotten: Vec<[u64; 2]>,
    /// Decisions by campaign and outcome, as in [`Outcome::NAMES`]. Stored by the names of outcomes.
    #[serde(with = "super::decision_counts")]
    pub decisions: Vec<[u64; Outcome::NAMES.len()]>,
    /// What partners were told, by partner: enters, exits.
    #[serde(default)]
    pub shared: Vec<[u64; 2]>,
    /// What they know now, by partner: subjects, each as often as it is in a segment.
    #[serde(default)]
    pub sharing: Vec<u64>,
    /// Points by ledger.
    #[serde(default)]
    pub points: Vec<LedgerCounters>,
    /// By numeric property of the rules: values that were numbers, and values that were ignored since they were not.
    #[serde(default)]
    pub amounts: Vec<[u64; 2]>,
}

impl PartitionCounters {
    /// All zero, for these rules.
    pub fn new(rules: &Ruleset) -> PartitionCounters {
        PartitionCounters {
            by_name: vec![0; rules.names.len()],
            transitions: vec![[0; 2]; rules.segments.len()],
            merged_out: vec![0; rules.segments.len()],
            dropped_out: vec![0; rules.segments.len()],
            sizes: vec![0; rules.segments.len()],
            keys: vec![0; rules.pers.len()],
            keys_forgotten: vec![[0; 2]; rules.pers.len()],
            decisions: vec![[0; Outcome::NAMES.len()]; rules.campaigns.len()],
            shared: vec![[0; 2]; rules.partners.len()],
            sharing: vec![0; rules.partners.len()],
            points: vec![LedgerCounters::default(); rules.ledgers.len()],
            amounts: vec![[0; 2]; rules.amounts.len()],
            ..PartitionCounters::default()
        }
    }

    /// The same counts by the ids of other rules; users in segments, and balances, are counted from 0.
    pub fn under(&self, rules: &Ruleset, next: &Ruleset) -> PartitionCounters {
        let mut counts = PartitionCounters::new(next);
        (counts.applied, counts.late, counts.duplicates) = (self.applied, self.late, self.duplicates);
        (counts.merged, counts.expired) = (self.merged, self.expired);
        let ids = |rules: &Ruleset| -> [Vec<String>; 7] {
            [
                rules.pers.iter().map(|per| per.id.clone()).collect(),
                rules.names.iter().map(|name| name.id.clone()).collect(),
                rules.segments.iter().map(|segment| segment.id.clone()).collect(),
                rules.campaigns.iter().map(|campaign| campaign.id.clone()).collect(),
                rules.amounts.iter().map(|amount| rules.amount_name(*amount)).collect(),
                rules.ledgers.iter().map(|ledger| ledger.id.clone()).collect(),
                rules.partners.iter().map(|partner| partner.id.clone()).collect(),
            ]
        };
        let [pers, names, segments, campaigns, amounts, ledgers, partners] = ids(rules);
        let [next_pers, next_names, next_segments, next_campaigns, next_amounts, next_ledgers, next_partners] =
            ids(next);
        carry(&partners, &self.shared, &next_partners, &mut counts.shared);
        carry(&pers, &self.keys_forgotten, &next_pers, &mut counts.keys_forgotten);
        carry(&names, &self.by_name, &next_names, &mut counts.by_name);
        carry(&segments, &self.transitions, &next_segments, &mut counts.transitions);
        carry(&segments, &self.merged_out, &next_segments, &mut counts.merged_out);
        carry(&segments, &self.dropped_out, &next_segments, &mut counts.dropped_out);
        carry(&campaigns, &self.decisions, &next_campaigns, &mut counts.decisions);
        carry(&amounts, &self.amounts, &next_amounts, &mut counts.amounts);
        carry(&ledgers, &self.points, &next_ledgers, &mut counts.points);
        counts.points.iter_mut().for_each(|points| points.balance = 0);
        counts
    }

    /// Adds another partition's.
    pub fn add(&mut self, other: &PartitionCounters) {
        self.applied += other.applied;
        self.late += other.late;
        self.duplicates += other.duplicates;
        self.merged += other.merged;
        self.expired += other.expired;
        add_each(&mut self.by_name, &other.by_name);
        add_each(&mut self.merged_out, &other.merged_out);
        add_each(&mut self.dropped_out, &other.dropped_out);
        add_each(&mut self.sizes, &other.sizes);
        add_each(&mut self.keys, &other.keys);
        add_each(&mut self.sharing, &other.sharing);
        for (ours, theirs) in self.shared.iter_mut().zip(&other.shared) {
            add_each(ours, theirs);
        }
        for (ours, theirs) in self.keys_forgotten.iter_mut().zip(&other.keys_forgotten) {
            add_each(ours, theirs);
        }
        for (ours, theirs) in self.transitions.iter_mut().zip(&other.transitions) {
            add_each(ours, theirs);
        }
        for (ours, theirs) in self.decisions.iter_mut().zip(&other.decisions) {
            add_each(ours, theirs);
        }
        for (ours, theirs) in self.points.iter_mut().zip(&other.points) {
            ours.unite(theirs);
        }
        for (ours, theirs) in self.amounts.iter_mut().zip(&other.amounts) {
            add_each(ours, theirs);
        }
    }
}

fn carry<T: Copy>(ids: &[String], counts: &[T], next_ids: &[String], next: &mut [T]) {
    for (id, place) in next_ids.iter().zip(next) {
        if let Some(at) = ids.iter().position(|other| other == id) {
            *place = counts[at];
        }
    }
}

fn add_each(ours: &mut [u64], theirs: &[u64]) {
    for (ours, theirs) in ours.iter_mut().zip(theirs) {
        *ours += theirs;
    }
}
