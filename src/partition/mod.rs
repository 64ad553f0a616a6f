//! A partition: many users, in the order of the log. Pure.
//!
//! The unit of everything: ordering, state, checkpoint, ownership. [`Partition::apply`] takes one [`Input`] and appends
//! what follows from it to the outputs; it knows no clock and cannot fail. What happens to a user depends on that
//! user's inputs alone, so how many partitions there are, and who runs them, shows nowhere.
//!
//! Per event (semantics §3): everything due for the user fires first, each at its own due time; then the event is
//! added at its own time and evaluated once. A user has one wake-up, the earliest instant at which time alone can
//! change anything; it may turn out to be early, never late.

mod io;
mod timer;
mod user;

pub use io::{Cause, Counts, Decided, Input, Output};
pub use user::User;

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::HashTable;

use crate::campaigns::{self, Held, Outcome, Subject, Trigger};
use crate::engine::dispatch::{Dispatch, SegmentSet};
use crate::engine::evaluate::Scope;
use crate::engine::profile::Arrival;
use crate::engine::segments::{Changes, reevaluate};
use crate::rules::program::{CampaignId, Change, NameId, Ruleset, SegmentId};
use crate::time::Timestamp;
use timer::Timers;

/// Hashes ids in memory; nothing that leaves the process depends on it.
type IdHasher = foldhash::fast::FixedState;

/// Rules with their index.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The rules.
    pub rules: Ruleset,
    /// What an event touches in them.
    pub dispatch: Dispatch,
}

impl Plan {
    /// Indexes the rules.
    pub fn new(rules: Ruleset) -> Plan {
        let dispatch = Dispatch::new(&rules);
        Plan { rules, dispatch }
    }
}

/// Some of the users, with all their state.
#[derive(Debug)]
pub struct Partition {
    users: Vec<Option<User>>,
    vacant: Vec<u32>,
    by_id: HashTable<u32>,
    timers: Timers,
    counts: Counts,
    /// Kept to spare allocations.
    stale: SegmentSet,
    names: Vec<NameId>,
    changes: Changes,
}

/// One step's circumstances: at which log position it happens, and what brought it about.
struct Step<'e> {
    position: u64,
    message_id: Option<Option<&'e str>>,
}

impl Step<'_> {
    fn cause(&self) -> Cause {
        match self.message_id {
            None => Cause::Time,
            Some(id) => Cause::Event(id.map(Arc::from)),
        }
    }
}

impl Partition {
    /// A partition without users, for rules of this size.
    pub fn new(plan: &Plan) -> Partition {
        let rules = &plan.rules;
        let counts = Counts::new(rules.names.len(), rules.segments.len(), rules.campaigns.len());
        Partition {
            users: Vec::new(),
            vacant: Vec::new(),
            by_id: HashTable::new(),
            timers: Timers::default(),
            counts,
            stale: SegmentSet::default(),
            names: Vec::new(),
            changes: Changes::default(),
        }
    }

    /// Takes one input; what follows from it is appended to `out`, in order per user.
    pub fn apply(&mut self, plan: &Plan, input: Input<'_, '_>, out: &mut Vec<Output>) {
        match input {
            Input::Event { user, event, ts, watermark, position, visitor } => {
                let slot = self.slot_of(user, ts.max(watermark));
                if let Some(visitor) = visitor {
                    self.unite(plan, slot, *visitor, (ts.max(watermark), position), out);
                }
                self.take_event(plan, slot, Arrival { event, ts, position }, watermark, out);
            }
            Input::Advance { watermark, position } => self.advance(plan, watermark, position, out),
        }
    }

    /// Takes a user out of the partition, state and all: an anonymous visitor on the way to the user it was linked to.
    pub fn detach(&mut self, id: &str) -> Option<Box<User>> {
        let hash = IdHasher::default().hash_one(id);
        let users = &self.users;
        let entry = self.by_id.find_entry(hash, |slot| id_of(users, *slot) == Some(id)).ok()?;
        let (slot, _) = entry.remove();
        let user = self.users[slot as usize].take()?;
        self.vacant.push(slot);
        for segment in user.profile.members.iter() {
            self.counts.sizes[usize::from(segment.0)] -= 1;
        }
        Some(Box::new(user))
    }

    /// What was counted so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// How many users there are.
    pub fn len(&self) -> usize {
        self.users.len() - self.vacant.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many wake-ups are pending; a user may have several, of which all but one are stale.
    pub fn pending_timers(&self) -> usize {
        self.timers.len()
    }

    /// Every user, in no particular order.
    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.users.iter().flatten()
    }

    /// A user's state.
    pub fn user(&self, id: &str) -> Option<&User> {
        let hash = IdHasher::default().hash_one(id);
        let slot = *self.by_id.find(hash, |slot| id_of(&self.users, *slot) == Some(id))?;
        self.users[slot as usize].as_ref()
    }

    /// Puts a user back, as it was taken out or read from a checkpoint.
    pub fn attach(&mut self, user: User) {
        for segment in user.profile.members.iter() {
            self.counts.sizes[usize::from(segment.0)] += 1;
        }
        let due = user.due();
        let slot = self.insert(User { armed: Timestamp::NEVER, ..user });
        self.arm(slot, due);
    }

    fn slot_of(&mut self, id: &str, now: Timestamp) -> u32 {
        let hash = IdHasher::default().hash_one(id);
        match self.by_id.find(hash, |slot| id_of(&self.users, *slot) == Some(id)) {
            Some(slot) => *slot,
            None => self.insert(User::new(id.into(), now)),
        }
    }

    fn insert(&mut self, user: User) -> u32 {
        let hash = IdHasher::default().hash_one(&*user.id);
        let slot = match self.vacant.pop() {
            Some(slot) => {
                self.users[slot as usize] = Some(user);
                slot
            }
            None => {
                self.users.push(Some(user));
                u32::try_from(self.users.len() - 1).expect("a partition holds fewer than 2^32 users")
            }
        };
        let users = &self.users;
        self.by_id.insert_unique(hash, slot, |slot| IdHasher::default().hash_one(id_of(users, *slot).unwrap_or("")));
        slot
    }

    /// Fires everything due at or before the watermark.
    fn advance(&mut self, plan: &Plan, watermark: Timestamp, position: u64, out: &mut Vec<Output>) {
        while let Some(slot) = self.timers.pop_due(watermark) {
            let Some(mut user) = self.users[slot as usize].take() else { continue };
            if user.armed <= watermark {
                user.armed = Timestamp::NEVER;
                self.fire_due(plan, &mut user, watermark, position, out);
            }
            self.put_back(slot, user);
        }
    }

    fn put_back(&mut self, slot: u32, user: User) {
        let due = user.due();
        self.users[slot as usize] = Some(user);
        self.arm(slot, due);
    }

    /// A later due time needs no new wake-up: the one that stands is re-checked when it comes.
    fn arm(&mut self, slot: u32, due: Timestamp) {
        if let Some(user) = &mut self.users[slot as usize]
            && due < user.armed
        {
            user.armed = due;
            self.timers.push(due, slot);
        }
    }

    /// Everything due for the user at or before `to`, in time order, each at its own due time.
    fn fire_due(&mut self, plan: &Plan, user: &mut User, to: Timestamp, position: u64, out: &mut Vec<Output>) {
        loop {
            let due = user.due();
            if due > to {
                return;
            }
            user.profile.now = due;
            if user.segments_due <= due {
                self.stale.clear();
                self.stale.extend(&plan.dispatch.timed);
                user.profile.tidy(&plan.rules);
            } else {
                self.stale.clear();
            }
            self.step(plan, user, &Step { position, message_id: None }, out);
        }
    }

    /// Semantics §2, *Linking*: both clocks are advanced to the same time, then the visitor's past becomes the user's.
    fn unite(
        &mut self,
        plan: &Plan,
        slot: u32,
        mut visitor: User,
        (at, position): (Timestamp, u64),
        out: &mut Vec<Output>,
    ) {
        let Some(mut user) = self.users[slot as usize].take() else { return };
        let now = at.max(user.profile.now).max(visitor.profile.now);
        for segment in visitor.profile.members.iter() {
            self.counts.sizes[usize::from(segment.0)] += 1;
        }
        self.fire_due(plan, &mut visitor, now, position, out);
        self.fire_due(plan, &mut user, now, position, out);
        for segment in visitor.profile.members.iter() {
            self.counts.sizes[usize::from(segment.0)] -= 1;
        }
        user.profile.now = now;
        user.profile.absorb(visitor.profile);
        user.memory.absorb(visitor.memory, &plan.rules.caps, now);
        user.unsettled = true;
        self.counts.merged += 1;
        let decided = Decided::Merged { from: visitor.id };
        out.push(Output { at: now, user: Arc::clone(&user.id), position, decided });
        self.put_back(slot, user);
    }

    fn take_event(
        &mut self,
        plan: &Plan,
        slot: u32,
        arrival: Arrival<'_, '_>,
        watermark: Timestamp,
        out: &mut Vec<Output>,
    ) {
        let Some(mut user) = self.users[slot as usize].take() else { return };
        let now = arrival.ts.max(user.profile.now).max(watermark);
        let seen = arrival
            .event
            .message_id
            .as_deref()
            .is_some_and(|id| user.profile.has_seen(id, now, plan.rules.dedup_window));
        if seen {
            self.counts.duplicates += 1;
        } else {
            self.counts.applied += 1;
            self.counts.late += u64::from(arrival.ts < watermark);
            self.fire_due(plan, &mut user, now, arrival.position, out);
            user.profile.now = now;
            self.record(plan, &mut user, arrival);
        }
        if !seen || user.unsettled {
            let step = Step { position: arrival.position, message_id: Some(arrival.event.message_id.as_deref()) };
            self.step(plan, &mut user, &step, out);
        }
        self.put_back(slot, user);
    }

    /// Adds the event to the user's state, and notes in `stale` which segments that can have changed.
    fn record(&mut self, plan: &Plan, user: &mut User, arrival: Arrival<'_, '_>) {
        self.stale.clear();
        self.stale.extend(&plan.dispatch.any_event);
        for (id, _) in &arrival.event.traits {
            self.stale.extend(plan.dispatch.segments_reading_trait(*id));
        }
        self.match_names(plan, user, arrival);
        user.profile.record(&plan.rules, arrival);
        for name in &self.names {
            self.counts.by_name[usize::from(name.0)] += 1;
            for id in plan.dispatch.features(*name) {
                user.profile.record_feature(*id, &plan.rules.features[usize::from(id.0)], arrival);
            }
            self.stale.extend(plan.dispatch.segments_reading_name(*name));
        }
    }

    /// Finds the names the event goes by; `where` sees the traits as they are before it.
    fn match_names(&mut self, plan: &Plan, user: &User, arrival: Arrival<'_, '_>) {
        let fields = &arrival.event.fields;
        let scope = Scope { rules: &plan.rules, profile: &user.profile, now: user.profile.now, fields };
        self.names.clear();
        self.names.extend(plan.dispatch.candidate_names(arrival.event).iter().filter(|name| {
            let filter = plan.rules.names[usize::from(name.0)].filter.as_ref();
            filter.is_none_or(|filter| scope.holds(filter))
        }));
    }

    /// One evaluation at the user's clock: segments, the campaigns their changes set off, then what quiet hours held.
    fn step(&mut self, plan: &Plan, user: &mut User, step: &Step<'_>, out: &mut Vec<Output>) {
        if user.unsettled {
            self.stale.extend(&plan.dispatch.all);
            user.unsettled = false;
        }
        self.changes.changed.clear();
        let covers_all = self.stale.contains_all(&plan.dispatch.timed);
        let until = reevaluate(&plan.rules, &plan.dispatch, &mut user.profile, &mut self.stale, &mut self.changes);
        // Where not every timed segment was looked at, the old due time still stands for the rest.
        user.segments_due = if covers_all { until } else { until.min(user.segments_due) };
        if !self.changes.changed.is_empty() {
            let changed = std::mem::take(&mut self.changes.changed);
            self.report_changes(plan, user, &changed, step, out);
            self.changes.changed = changed;
        }
        if user.memory.next_release() <= user.profile.now {
            self.decide_held(plan, user, step.position, out);
        }
    }

    fn report_changes(
        &mut self,
        plan: &Plan,
        user: &mut User,
        changed: &[(SegmentId, Change)],
        step: &Step<'_>,
        out: &mut Vec<Output>,
    ) {
        let cause = step.cause();
        let mut set_off: Vec<(CampaignId, Trigger)> = Vec::new();
        for &(segment, change) in changed {
            self.counts.transitions[usize::from(segment.0)][change as usize] += 1;
            let size = &mut self.counts.sizes[usize::from(segment.0)];
            *size = if change == Change::Enter { *size + 1 } else { *size - 1 };
            let decided = Decided::Transition { segment, change, cause: cause.clone() };
            out.push(Output { at: user.profile.now, user: Arc::clone(&user.id), position: step.position, decided });
            let trigger = Trigger { segment, change };
            set_off.extend(plan.dispatch.campaigns(segment, change).iter().map(|id| (*id, trigger)));
        }
        set_off.sort_by_key(|(id, _)| plan.rules.decision_rank(*id));
        for (id, trigger) in set_off {
            let scope = Scope { rules: &plan.rules, profile: &user.profile, now: user.profile.now, fields: &[] };
            let outcome = campaigns::decide(&Subject { user: &user.id, scope }, id, &mut user.memory);
            if let Outcome::Deferred { until } = outcome {
                let cause = match &cause {
                    Cause::Time => None,
                    Cause::Event(id) => id.clone(),
                };
                user.memory.hold(Held { campaign: id, until, cause });
            }
            self.report_decision(plan, user, id, outcome, (trigger, cause.clone(), step.position), out);
        }
    }

    fn decide_held(&mut self, plan: &Plan, user: &mut User, position: u64, out: &mut Vec<Output>) {
        let mut due = user.memory.release(user.profile.now);
        due.sort_by_key(|held| plan.rules.decision_rank(held.campaign));
        for held in due {
            let campaign = &plan.rules.campaigns[usize::from(held.campaign.0)];
            let trigger = Trigger { segment: campaign.segment, change: campaign.change };
            let scope = Scope { rules: &plan.rules, profile: &user.profile, now: user.profile.now, fields: &[] };
            let outcome = campaigns::decide_held(&Subject { user: &user.id, scope }, &held, &mut user.memory);
            let cause = held.cause.map_or(Cause::Time, |id| Cause::Event(Some(id)));
            self.report_decision(plan, user, held.campaign, outcome, (trigger, cause, position), out);
        }
    }

    fn report_decision(
        &mut self,
        plan: &Plan,
        user: &User,
        id: CampaignId,
        outcome: Outcome,
        (trigger, cause, position): (Trigger, Cause, u64),
        out: &mut Vec<Output>,
    ) {
        self.counts.decisions[usize::from(id.0)][outcome.index()] += 1;
        let payload = match outcome {
            Outcome::Sent { variant, .. } => {
                let scope = Scope { rules: &plan.rules, profile: &user.profile, now: user.profile.now, fields: &[] };
                let campaign = &plan.rules.campaigns[usize::from(id.0)];
                Some(Box::new(campaigns::payload(&scope, campaign, variant)))
            }
            _ => None,
        };
        let decided = Decided::Decision { campaign: id, outcome, trigger, cause, payload };
        out.push(Output { at: user.profile.now, user: Arc::clone(&user.id), position, decided });
    }
}

fn id_of(users: &[Option<User>], slot: u32) -> Option<&str> {
    users[slot as usize].as_ref().map(|user| &*user.id)
}

impl Ruleset {
    /// What decisions of one instant are sorted by: higher priority first, then file order.
    fn decision_rank(&self, id: CampaignId) -> (std::cmp::Reverse<i64>, CampaignId) {
        (std::cmp::Reverse(self.campaigns[usize::from(id.0)].priority), id)
    }
}
