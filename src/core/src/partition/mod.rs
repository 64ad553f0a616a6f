//! A partition: many users, in the order of the log. Pure.
//!
//! The unit of ordering, state and checkpointing. [`Partition::apply`] takes one [`PartitionInput`] and appends the resulting
//! outputs; it has no clock and cannot fail. A user's outputs depend on that user's inputs alone, so neither the number of
//! partitions nor the worker that runs them affects any result.
//!
//! Per event (semantics §3): everything due for the user fires first, each at its own due time; then the event is
//! added at its own time and evaluated once. A user has one timer, the earliest instant at which time alone can
//! change anything; it may be early, never late.

mod beats;
mod counters;
mod decision_counts;
mod deliveries;
mod departures;
mod export;
mod firing;
mod io;
mod key_index;
mod log_instant;
mod memory;
mod model_report;
mod packed;
mod packed_users;
mod pick_trial;
mod picks;
mod points_counters;
mod ranks;
mod recomputed;
mod recorder;
mod report;
mod search;
pub(crate) mod sections;
mod snapshot;
mod steps;
#[cfg(test)]
mod tests;
mod timer_mark;
mod timer_queue;
mod user;
mod user_table;

pub use beats::{AskTicket, BeatEnd};
pub use counters::PartitionCounters;
pub use deliveries::{BeatDeliveries, NoticeDelivery};
pub use departures::SegmentDeparture;
pub use export::UserStateExport;
pub use io::{
    BudgetOutput, Cause, DecisionOutput, ExpiredUser, GoalOutcomeOutput, LogInstant, Output, OutputKind,
    PartitionInput, PointsChange, PointsOutput, PointsPrice, RulesChange, SharedOutput, WeightsOutput,
};
pub use model_report::ModelReport;
pub use packed::PackedUser;
pub use pick_trial::{PickTrial, TriedEvent, TriedEventKind};
pub use points_counters::LedgerCounters;
pub use ranks::RankScan;
pub use recomputed::LiveAndRecomputed;
pub use recorder::{EventRecording, RecordedEvent, RecordedMatch, RecordedMerge};
pub use report::{
    AskReport, DeferredDecisionReport, ExposureReport, FeatureReport, GoalExposureReport, GroupCondition, GroupMembers,
    GroupReport, KeyExposureReport, KeyInstanceReport, LedgerReport, LotReport, ReservationReport, UserReport,
};
pub use search::{SearchBounds, UserMatch};
pub use timer_mark::TimerMark;
pub use user::User;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use crate::engine::dispatch::DispatchIndex;
use crate::engine::profile::ProfileUpdate;
use crate::goals::UpliftCounts;
use crate::growth;
use crate::rules::ruleset::Ruleset;
use crate::secret::DrawSecret;
use crate::time::{Span, Timestamp};
use firing::arm;
use key_index::KeyIndex;
use ranks::RankDeliveries;
use snapshot::SnapshotTracker;
use steps::StepContext;
use steps::sharing::ShareEnd;
use timer_queue::TimerQueue;
use user_table::UserTable;

/// The state of fewer users is in the processor's caches anyway.
const WARM_FROM: usize = 256;

/// Rules with their index.
#[derive(Clone, Debug)]
pub struct ExecutionPlan {
    /// The rules.
    pub rules: Ruleset,
    /// Which event can change which part of them.
    pub dispatch: DispatchIndex,
    /// The growth numbers; `None`: the rules define none.
    pub growth: Option<growth::GrowthPlan>,
}

impl ExecutionPlan {
    /// Indexes the rules.
    pub fn new(rules: Ruleset) -> ExecutionPlan {
        let dispatch = DispatchIndex::new(&rules);
        let growth = rules.growth.clone().map(|growth| growth::GrowthPlan::new(growth, &rules.names));
        ExecutionPlan { rules, dispatch, growth }
    }
}

/// Some of the users, with all their state.
#[derive(Debug)]
pub struct Partition {
    users: UserTable,
    timers: TimerQueue,
    steps: StepContext,
    snapshots: SnapshotTracker,
    /// Users who await an answer, with the log position of what they were found to await it before: in the same batch no
    /// later output of theirs has a lower one.
    awaiting: HashMap<Arc<str>, u64>,
    /// Who has a key whose row may change.
    keys: KeyIndex,
    /// Whom takings of ranks concern, until it is delivered to them.
    rank_deliveries: RankDeliveries,
}

/// A part of a snapshot of a partition: users as they were at the beginning of the snapshot.
#[derive(Debug)]
pub struct SnapshotUsers {
    /// Which partition.
    pub partition: u16,
    /// Some of its users.
    pub users: Vec<User>,
    /// Some of those removed since the last snapshot. Those that exist again are among the users too.
    pub removed: Vec<Arc<str>>,
}

impl Partition {
    /// A partition without users, for rules of this size.
    pub fn new(plan: &ExecutionPlan) -> Partition {
        Partition {
            users: UserTable::new(user_table::RESIDENT_USERS_MIN),
            timers: TimerQueue::default(),
            steps: StepContext::new(plan),
            snapshots: SnapshotTracker::default(),
            awaiting: HashMap::default(),
            keys: KeyIndex::new(&plan.rules),
            rank_deliveries: RankDeliveries::default(),
        }
    }

    /// The same, dropping users that were idle for `state_ttl` once nothing can happen to them by time alone. `None`: they
    /// are never dropped.
    ///
    /// Whether a user has expired is a function of that user's events alone: an event at or after the instant belongs to
    /// a new user, whether or not the watermark is past it.
    pub fn with_state_ttl(mut self, state_ttl: Option<Span>) -> Partition {
        self.steps.state_ttl = state_ttl;
        self
    }

    /// The same, with this secret for draws; without, it is empty.
    pub fn with_secret(mut self, secret: DrawSecret) -> Partition {
        self.steps.secret = secret;
        self
    }

    /// The same, with this number of resident users (at least 1) before one is packed into fewer bytes: this affects only
    /// memory and processing time.
    pub fn with_resident_users(mut self, resident: usize) -> Partition {
        self.users = UserTable::new(resident);
        self
    }

    /// Applies one input; the outputs are appended to `out`, in order per user.
    pub fn apply(&mut self, plan: &ExecutionPlan, input: PartitionInput<'_, '_>, out: &mut Vec<Output>) {
        match input {
            PartitionInput::Event { user, event, ts, watermark, position, visitor } => {
                self.steps.enter_beat(watermark);
                let slot = self.slot_of(user, ts.max(watermark));
                let Some(user) = self.users.get_mut(slot) else { return };
                self.snapshots.touch(slot, user);
                if let Some(visitor) = visitor {
                    self.keys.remove_all(slot, user);
                    self.steps.merge(plan, user, *visitor, LogInstant { at: ts.max(watermark), position }, out);
                    // Some of them were the visitor's.
                    self.steps.key_changes.clear();
                    self.keys.add_all(slot, user);
                }
                self.steps.take_event(plan, user, ProfileUpdate { event, ts, position }, watermark, out);
                arm(&mut self.timers, slot, user, self.steps.state_ttl);
                self.keys.follow(slot, &mut self.steps.key_changes);
            }
            PartitionInput::Advance { to, position } => self.advance(plan, to, position, out),
        }
    }

    /// A mark no later than `until` before which lie no more than `most` timers, or those of one instant and turn: how far to
    /// advance in one short step.
    pub fn next_stop(&mut self, until: TimerMark, most: usize) -> TimerMark {
        self.timers.next_stop(until, most)
    }

    /// Prepares for events of these users, which affects only processing time.
    pub fn warm<'i>(&mut self, ids: impl Iterator<Item = &'i str>) {
        if self.users.len() >= WARM_FROM {
            self.users.warm(ids);
        }
    }

    /// Removes a user and returns its state: an anonymous visitor on the way to the user it was linked to.
    pub fn detach(&mut self, id: &str) -> Option<Box<User>> {
        self.take_out(id).map(Box::new)
    }

    /// Forgets a user, state and all, after what is due at or before the watermark `now` has fired. The id is that of a
    /// new user afterwards. False where nothing is known of the user.
    pub fn forget(&mut self, plan: &ExecutionPlan, id: &str, now: LogInstant, out: &mut Vec<Output>) -> bool {
        let Some(slot) = self.users.find(id) else { return false };
        let Some(user) = self.users.get_mut(slot) else { return false };
        self.snapshots.touch(slot, user);
        self.steps.enter_beat(now.at);
        let expired = self.steps.fire_due(plan, user, now, out);
        if let Some(at) = expired {
            self.steps.note_expired(plan, user, LogInstant { at, ..now }, out);
        } else {
            user.profile.now = user.profile.now.max(now.at);
            self.steps.end_shares(plan, user, (now, ShareEnd::Request), out);
            self.steps.free_all(user);
            self.steps.note_gone(plan, user, user.profile.now);
        }
        self.remove(id);
        expired.is_none()
    }

    /// Drops a user that has expired by an instant (or by its own clock, where that is ahead). False where nothing is known
    /// of the user, or it has not expired.
    pub fn expire(&mut self, plan: &ExecutionPlan, id: &str, by: LogInstant, out: &mut Vec<Output>) -> bool {
        let Some(slot) = self.users.find(id) else { return false };
        let Some(user) = self.users.get_mut(slot) else { return false };
        let by = LogInstant { at: by.at.max(user.profile.now), ..by };
        if !self.steps.expires_by(plan, user, by.at) {
            return false;
        }
        self.snapshots.touch(slot, user);
        if let Some(at) = self.steps.fire_due(plan, user, by, out) {
            self.steps.note_expired(plan, user, LogInstant { at, ..by }, out);
        }
        self.remove(id);
        true
    }

    /// The time of a user's latest event; `None`: nothing is known of the user.
    pub fn latest_event(&self, id: &str) -> Option<Timestamp> {
        self.users.latest_event(self.users.find(id)?)
    }

    /// Removes a user with all that it did.
    fn remove(&mut self, id: &str) -> Option<User> {
        self.steps.forget_events(id);
        self.take_out(id)
    }

    /// Removes a user: the only way in which users are removed, for any reason.
    fn take_out(&mut self, id: &str) -> Option<User> {
        let slot = self.users.find(id)?;
        let user = self.users.remove(id)?;
        self.snapshots.removed_user(&user);
        self.steps.leave_segments(&user);
        self.keys.follow(slot, &mut self.steps.key_changes);
        self.keys.remove_all(slot, &user);
        Some(user)
    }

    /// Who expired since this was last asked, in the order in which they did.
    pub fn take_expired(&mut self) -> Vec<ExpiredUser> {
        std::mem::take(&mut self.steps.expired)
    }

    /// Of those, each for whom an event is still to come in the same batch was renewed by it.
    pub fn note_renewed(&mut self, has_events: impl Fn(&str) -> bool) {
        for expired in self.steps.expired.iter_mut().filter(|expired| has_events(&expired.user)) {
            expired.is_renewed = true;
        }
    }

    /// The changes that are to be merged into the rollup of the growth numbers.
    pub fn growth_deltas(&mut self) -> &mut growth::RollupDeltas {
        &mut self.steps.growth_deltas
    }

    /// Takes what was counted of goals since this was last asked.
    pub fn take_uplift(&mut self) -> UpliftCounts {
        std::mem::take(&mut self.steps.uplift)
    }

    /// The counters.
    pub fn counts(&self) -> &PartitionCounters {
        &self.steps.counts
    }

    /// Every user, in no particular order.
    pub fn users(&self) -> impl Iterator<Item = Cow<'_, User>> {
        self.users.iter()
    }

    /// A user's state.
    pub fn user(&self, id: &str) -> Option<Cow<'_, User>> {
        self.users.get(self.users.find(id)?)
    }

    /// A user's state with computed values, at the watermark.
    pub fn report(&self, plan: &ExecutionPlan, id: &str, watermark: Timestamp) -> Option<UserReport> {
        Some(UserReport::new(plan, &*self.user(id)?, watermark))
    }

    /// The same counts and none of the users, for other rules: counts of segments, campaigns and names that are in both
    /// go on.
    pub fn emptied(&self, plan: &ExecutionPlan, next: &ExecutionPlan) -> Partition {
        let mut emptied =
            Partition::new(next).with_state_ttl(self.steps.state_ttl).with_secret(self.steps.secret.clone());
        emptied.users = self.users.emptied();
        emptied.steps.counts = self.steps.counts.under(&plan.rules, &next.rules);
        emptied.steps.rules_change = self.steps.rules_change;
        emptied.steps.record_as(&self.steps);
        emptied
    }

    /// The rules changed the last time there: what is decided no later than what had been read then bears its number.
    pub fn note_rules_change(&mut self, number: u64, latest_read: Timestamp) {
        self.steps.rules_change = Some((latest_read, number));
    }

    /// Inserts a user to whom other rules apply from here on, as it was translated to them: evaluated once, at its clock.
    /// The resulting transitions are outputs, and trigger no campaign.
    pub fn attach_under_other_rules(
        &mut self,
        plan: &ExecutionPlan,
        mut user: User,
        change: &RulesChange,
        out: &mut Vec<Output>,
    ) {
        user.profile.leave_segments_of_other_subjects(&plan.rules);
        user.campaigns.asks.drop_unanswered(&plan.rules);
        self.steps.enter_segments(&user);
        self.steps.change_rules(plan, &mut user, change, out);
        self.put(user);
    }

    /// Inserts a user, as it was removed or restored from a checkpoint.
    pub fn attach(&mut self, user: User) {
        self.steps.enter_segments(&user);
        self.put(user);
    }

    fn put(&mut self, user: User) {
        self.bring_asks(&user);
        let slot = self.insert(User { armed: Timestamp::NEVER, ..user });
        self.steps.key_changes.clear();
        let Partition { users, timers, steps, keys, .. } = self;
        users.change(slot, |user| {
            arm(timers, slot, user, steps.state_ttl);
            keys.add_all(slot, user);
        });
    }

    /// Begins a snapshot: from now on [`snapshot_part`](Partition::snapshot_part) returns the users that changed since the
    /// beginning of the last one (`complete`: all users) as they are at this moment. Returns whether it is complete: the
    /// first always is, and so is one that begins before the last one was finished.
    pub fn begin_snapshot(&mut self, complete: bool) -> bool {
        self.snapshots.begin(complete, self.users.slots())
    }

    /// The next part of the snapshot, of `work_max` users or fewer, and how much of `work_max` it used; `None`: the snapshot
    /// is finished.
    pub fn snapshot_part(&mut self, partition: u16, work_max: usize) -> Option<(SnapshotUsers, usize)> {
        let part = self.snapshots.next_part(&mut self.users, work_max.max(1))?;
        Some((SnapshotUsers { partition, users: part.users, removed: part.removed }, part.work))
    }

    /// The users are as a checkpoint has them: the next snapshot contains what changes from here on.
    pub fn track_changes(&mut self) {
        self.snapshots.track_changes();
    }

    fn slot_of(&mut self, id: &str, now: Timestamp) -> u32 {
        match self.users.find(id) {
            Some(slot) => slot,
            None => self.insert(User::new(id.into(), now)),
        }
    }

    fn insert(&mut self, user: User) -> u32 {
        let slot = self.users.insert(user);
        self.users.change(slot, |user| self.snapshots.added(slot, user));
        slot
    }
}
