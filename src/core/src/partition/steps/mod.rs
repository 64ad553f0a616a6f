//! The steps that change one user: firing timers, merging, applying an event, evaluating.

mod budgets;
mod decisions;
mod delivery;
mod evaluation;
mod event;
mod expiry;
mod goals;
mod groups;
mod keys;
pub(super) mod matches;
mod merging;
mod picks;
mod points;
pub(super) mod sharing;

use std::sync::Arc;

use super::beats::AskTicket;
use super::counters::PartitionCounters;
use super::departures::SegmentDeparture;
use super::io::{Cause, ExpiredUser};
use super::key_index::KeyEntryChange;
use super::pick_trial::PickTrialRecorder;
use super::recorder::EventRecorder;
use super::{ExecutionPlan, User};
use crate::budgets::TimedBudgetChange;
use crate::campaigns::{StandingWeights, StepRecording, TransitionTrigger};
use crate::engine::dispatch::SegmentSet;
use crate::engine::segments::SegmentChanges;
use crate::event::{Event, FieldId, Scalar};
use crate::goals::UpliftCounts;
use crate::groups::GroupMatch;
use crate::growth::{ActivitySpan, RollupDeltas};
use crate::picks::{PickIndex, TouchTable};
use crate::rows::TableRows;
use crate::rules::ruleset::{CampaignId, LedgerId, NameId};
use crate::secret::DrawSecret;
use crate::time::{Span, Timestamp, beat_after, beat_through};

/// The counters that all steps add to, and scratch space kept to save allocations.
#[derive(Debug)]
pub(super) struct StepContext {
    pub(super) counts: PartitionCounters,
    /// How long an idle user is kept; `None`: without limit.
    pub(super) state_ttl: Option<Span>,
    /// The users dropped since this was last taken.
    pub(super) expired: Vec<ExpiredUser>,
    /// Who left segments without transitions since this was last taken; `None`: it is not kept.
    pub(super) departures: Option<Vec<SegmentDeparture>>,
    /// The changes that are to be merged into the rollup of the growth numbers.
    pub(super) growth_deltas: RollupDeltas,
    /// What was counted of goals since this was last taken.
    pub(super) uplift: UpliftCounts,
    /// The latest time that had been read when the rules changed last, and the number of that change.
    pub(super) rules_change: Option<(Timestamp, u64)>,
    /// What draws depend on.
    pub(super) secret: DrawSecret,
    /// What outputs say of the steps of decisions.
    pub(super) step_recording: StepRecording,
    /// Records which events are applied; `None`: nothing does.
    pub(super) recorder: Option<Box<EventRecorder>>,
    /// The weights of variants that stand.
    pub(super) weights: Arc<StandingWeights>,
    /// What stands of picks, by list.
    pub(super) pick_indexes: Arc<[Arc<PickIndex>]>,
    /// What the users touched, by list.
    pub(super) pick_tables: Vec<TouchTable>,
    /// Tries picks on what users do; `None`: nothing does.
    pub(super) pick_trial: Option<Box<PickTrialRecorder>>,
    /// Nothing triggers a campaign: the past is recomputed.
    pub(super) decides_nothing: bool,
    /// The log's watermark: the beats that end at or before it have ended.
    pub(super) watermark: Timestamp,
    /// The end of the beat in which the step happens.
    beat: Timestamp,
    /// The asks that arose since this was last taken.
    pub(super) asks: Vec<AskTicket>,
    /// The matches for groups that came since this was last taken.
    pub(super) group_matches: Vec<GroupMatch>,
    /// The rows of tables, as users see them.
    pub(super) rows: Arc<TableRows>,
    /// By `[per.K]`: whether who has which key is indexed.
    pub(super) indexes_keys: Vec<bool>,
    /// Which keys the user got or lost since this was last taken, of those that are indexed.
    pub(super) key_changes: Vec<KeyEntryChange>,
    /// What changed of budgets since this was last taken.
    pub(super) budget_changes: Vec<TimedBudgetChange>,
    stale: SegmentSet,
    /// The names that the event matches, each once.
    names: Vec<NameId>,
    /// Its matches, by name.
    pub(in crate::partition) matches: Vec<matches::EventMatch>,
    changes: SegmentChanges,
    /// The ledgers in which decisions of the evaluation spent points.
    paid_ledgers: Vec<LedgerId>,
    /// The campaigns that the event triggers, each with what did, in the order in which it happened.
    triggered: Vec<TriggeredCampaign>,
}

/// A campaign with what triggered it.
#[derive(Debug)]
struct TriggeredCampaign {
    campaign: CampaignId,
    trigger: PendingTrigger,
}

/// A trigger as it is kept until its decision.
#[derive(Debug)]
enum PendingTrigger {
    Transition(TransitionTrigger),
    /// The index of the match among those of the event.
    Match(usize),
}

/// The circumstances of one evaluation: its log position and its cause.
struct EvaluationPoint<'e> {
    position: u64,
    origin: EvaluationOrigin<'e>,
    /// It is the user's first event.
    is_first: bool,
    /// Among the stale segments are all that time alone can change for the user.
    has_all_timed: bool,
    /// The event, if its matches may trigger campaigns.
    matched: Option<MatchedEvent<'e>>,
}

/// An event that was added to the user's state, with the values of its matches.
#[derive(Clone, Copy)]
struct MatchedEvent<'e> {
    event: &'e Event<'e>,
    values: &'e [(FieldId, Scalar<'e>)],
}

/// The cause of an evaluation.
#[derive(Clone, Copy)]
enum EvaluationOrigin<'e> {
    Time,
    /// An event, with its messageId if it has one.
    Event(Option<&'e str>),
    /// What other users share reached the user at the end of a beat.
    Delivery,
    /// The change of the rules with this number.
    Rules(u64),
    /// Decisions spent points, in an evaluation with this cause; this is the evaluation with this number for that reason.
    Points(u32, &'e Cause),
}

impl EvaluationPoint<'_> {
    fn cause(&self) -> Cause {
        match self.origin {
            EvaluationOrigin::Time => Cause::Time,
            EvaluationOrigin::Event(id) => Cause::Event(id.map(Arc::from)),
            EvaluationOrigin::Delivery => Cause::Delivery,
            EvaluationOrigin::Rules(change) => Cause::Rules { change },
            EvaluationOrigin::Points(round, origin) => Cause::Points { round, origin: Box::new(origin.clone()) },
        }
    }
}

impl StepContext {
    pub(super) fn new(plan: &ExecutionPlan) -> StepContext {
        let counts = PartitionCounters::new(&plan.rules);
        StepContext {
            counts,
            state_ttl: None,
            expired: Vec::new(),
            growth_deltas: RollupDeltas::default(),
            uplift: UpliftCounts::default(),
            departures: None,
            rules_change: None,
            secret: DrawSecret::default(),
            step_recording: StepRecording::default(),
            recorder: None,
            pick_indexes: plan.rules.picks.iter().map(|_| Arc::default()).collect(),
            pick_tables: plan.rules.picks.iter().map(TouchTable::new).collect(),
            weights: Arc::default(),
            pick_trial: None,
            decides_nothing: false,
            watermark: Timestamp::MIN,
            beat: Timestamp::MIN,
            asks: Vec::new(),
            group_matches: Vec::new(),
            rows: Arc::new(TableRows::new(&plan.rules)),
            indexes_keys: plan.rules.pers.iter().map(|per| per.table.is_some()).collect(),
            key_changes: Vec::new(),
            budget_changes: Vec::new(),
            stale: SegmentSet::default(),
            names: Vec::new(),
            matches: Vec::new(),
            changes: SegmentChanges::default(),
            paid_ledgers: Vec::new(),
            triggered: Vec::new(),
        }
    }
}

impl StepContext {
    /// What happens from here on happens in the beat that the watermark is in.
    pub(super) fn enter_beat(&mut self, watermark: Timestamp) {
        self.watermark = watermark;
        self.beat = beat_after(watermark);
    }

    /// The same, of what is due at an instant: if the watermark has passed it, the beat was an earlier one.
    fn enter_beat_of(&mut self, due: Timestamp) {
        self.beat = beat_through(due).min(beat_after(self.watermark));
    }
}

/// The times of the user's first and latest event.
fn activity_span(user: &User) -> ActivitySpan {
    ActivitySpan { first: user.profile.first, latest: user.profile.latest }
}
