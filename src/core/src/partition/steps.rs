//! The steps that change one user: firing timers, merging, applying an event, evaluating.

use std::sync::Arc;

use super::io::{Cause, ExpiredUser, Output, OutputKind, PartitionCounters, RulesChange};
use super::{ExecutionPlan, User};
use crate::campaigns::quiet_hours::zone_of;
use crate::campaigns::{self, DecisionSubject, DeferredDecision, Outcome, Trigger};
use crate::engine::dispatch::SegmentSet;
use crate::engine::evaluate::EvaluationContext;
use crate::engine::profile::ProfileUpdate;
use crate::engine::segments::{SegmentChanges, reevaluate};
use crate::event::{Scalar, field_value};
use crate::growth::{self, ActivitySpan, GrowthEvent, MergedVisitor, StateUpdater};
use crate::rules::ruleset::{CampaignId, NameId, Ruleset, SegmentId, TransitionKind};
use crate::time::{Span, Timestamp};

/// The counters that all steps add to, and scratch space kept to save allocations.
#[derive(Debug)]
pub(super) struct StepContext {
    pub(super) counts: PartitionCounters,
    /// How long an idle user is kept; `None`: without limit.
    pub(super) state_ttl: Option<Span>,
    /// The users dropped since this was last taken.
    pub(super) expired: Vec<ExpiredUser>,
    /// The changes that are to be merged into the rollup of the growth numbers.
    pub(super) growth_deltas: growth::RollupDeltas,
    /// The latest time that had been read when the rules changed last, and the number of that change.
    pub(super) rules_change: Option<(Timestamp, u64)>,
    stale: SegmentSet,
    names: Vec<NameId>,
    changes: SegmentChanges,
}

/// The circumstances of one evaluation: its log position and its cause.
struct EvaluationPoint<'e> {
    position: u64,
    origin: EvaluationOrigin<'e>,
    /// It is the user's first event.
    is_first: bool,
    /// Among the stale segments are all that time alone can change for the user.
    has_all_timed: bool,
}

/// The cause of an evaluation.
#[derive(Clone, Copy)]
enum EvaluationOrigin<'e> {
    Time,
    /// An event, with its messageId if it has one.
    Event(Option<&'e str>),
    /// The change of the rules with this number.
    Rules(u64),
}

impl EvaluationPoint<'_> {
    fn cause(&self) -> Cause {
        match self.origin {
            EvaluationOrigin::Time => Cause::Time,
            EvaluationOrigin::Event(id) => Cause::Event(id.map(Arc::from)),
            EvaluationOrigin::Rules(change) => Cause::Rules { change },
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
            growth_deltas: growth::RollupDeltas::default(),
            rules_change: None,
            stale: SegmentSet::default(),
            names: Vec::new(),
            changes: SegmentChanges::default(),
        }
    }

    /// Fires everything due for the user at or before `to`, in time order, each at its own due time. Returns the instant at or
    /// before `to` at which the user expires then, if there is one.
    pub(super) fn fire_due(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        to: Timestamp,
        position: u64,
        out: &mut Vec<Output>,
    ) -> Option<Timestamp> {
        loop {
            let due = user.due();
            if due > to {
                return user.expires(self.state_ttl).filter(|at| *at <= to);
            }
            user.profile.now = due;
            self.stale.clear();
            let has_all_timed = user.segments_due <= due;
            if has_all_timed {
                // Before expired state is freed: its expiry is what changes.
                plan.dispatch.timed_for(user.profile.features().iter().map(|(id, _)| *id), &mut self.stale);
                user.profile.tidy(&plan.rules);
            }
            let occasion = EvaluationPoint { position, origin: EvaluationOrigin::Time, is_first: false, has_all_timed };
            self.evaluate(plan, user, &occasion, out);
        }
    }

    /// Semantics §6, *A change of rules*: the user is evaluated once by the new ones, at its clock, which is the watermark's at
    /// least, since everything due by the old ones has fired.
    pub(super) fn change_rules(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        change: &RulesChange,
        out: &mut Vec<Output>,
    ) {
        user.profile.now = user.profile.now.max(change.watermark);
        user.unsettled = true;
        self.stale.clear();
        let (position, origin) = (change.position, EvaluationOrigin::Rules(change.number));
        self.evaluate(plan, user, &EvaluationPoint { position, origin, is_first: false, has_all_timed: true }, out);
    }

    /// Records that the user expired at that instant. The caller drops the state.
    pub(super) fn note_expired(&mut self, plan: &ExecutionPlan, user: &User, at: Timestamp) {
        self.note_gone(plan, user, at);
        self.counts.expired += 1;
        self.expired.push(ExpiredUser { user: Arc::clone(&user.id), at, is_renewed: false });
    }

    /// The same, if an event finds the user expired; the event belongs to a new user.
    fn note_renewed(&mut self, plan: &ExecutionPlan, user: &User, at: Timestamp) {
        self.note_expired(plan, user, at);
        if let Some(expired) = self.expired.last_mut() {
            expired.is_renewed = true;
        }
    }

    /// The user is dropped or forgotten: it leaves its segments without a transition.
    pub(super) fn note_gone(&mut self, plan: &ExecutionPlan, user: &User, at: Timestamp) {
        user.profile.members.iter().for_each(|segment| self.counts.dropped_out[usize::from(segment.0)] += 1);
        if let Some(growth) = &plan.growth {
            StateUpdater::new(growth, &mut self.growth_deltas).remove(user.growth.as_deref(), at);
        }
    }

    /// The user is in no segment any more, without a transition.
    pub(super) fn leave_segments(&mut self, user: &User) {
        for segment in user.profile.members.iter() {
            self.counts.sizes[usize::from(segment.0)] -= 1;
        }
    }

    /// Fires what is due like [`fire_due`](StepContext::fire_due); a user that expires by `to` is a new user at `to`.
    fn fire_due_or_renew(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        to: Timestamp,
        position: u64,
        out: &mut Vec<Output>,
    ) {
        if let Some(at) = self.fire_due(plan, user, to, position, out) {
            self.note_renewed(plan, user, at);
            self.leave_segments(user);
            // The timers and the snapshot epoch of the slot stay.
            *user =
                User { armed: user.armed, snapshot_epoch: user.snapshot_epoch, ..User::new(Arc::clone(&user.id), to) };
        }
    }

    /// Whether the user expires by `to`. Nothing changes yet: if the event is a duplicate, nothing may.
    pub(super) fn expires_by(&mut self, plan: &ExecutionPlan, user: &User, to: Timestamp) -> bool {
        if user.due() > to {
            return user.expires(self.state_ttl).is_some_and(|at| at <= to);
        }
        let (mut probe, counts) = (user.clone(), self.counts.clone());
        let growth_deltas = std::mem::take(&mut self.growth_deltas);
        let expired = self.fire_due(plan, &mut probe, to, 0, &mut Vec::new()).is_some();
        (self.counts, self.growth_deltas) = (counts, growth_deltas);
        expired
    }

    /// Semantics §2, *Linking*: both clocks are advanced to the same time, then the visitor's state is merged. A visitor
    /// that has expired by then has none.
    pub(super) fn merge(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        mut visitor: User,
        (at, position): (Timestamp, u64),
        out: &mut Vec<Output>,
    ) {
        let now = at.max(user.profile.now).max(visitor.profile.now);
        for segment in visitor.profile.members.iter() {
            self.counts.sizes[usize::from(segment.0)] += 1;
        }
        let expired = self.fire_due(plan, &mut visitor, now, position, out);
        self.leave_segments(&visitor);
        if let Some(at) = expired {
            self.note_renewed(plan, &visitor, at);
            return;
        }
        self.fire_due_or_renew(plan, user, now, position, out);
        user.profile.now = now;
        if let Some(growth) = &plan.growth {
            let activity = activity_span(user);
            let merged = MergedVisitor { state: visitor.growth.take(), activity: activity_span(&visitor) };
            StateUpdater::new(growth, &mut self.growth_deltas).merge(&mut user.growth, activity, merged, now);
        }
        visitor.profile.members.iter().for_each(|segment| self.counts.merged_out[usize::from(segment.0)] += 1);
        user.profile.merge(&plan.rules, visitor.profile);
        user.campaigns.merge(visitor.campaigns, &plan.rules.caps, now);
        user.unsettled = true;
        self.counts.merged += 1;
        let decided = OutputKind::Merged { from: visitor.id };
        out.push(Output { at: now, user: Arc::clone(&user.id), position, decided });
    }

    /// Semantics §3: what is due fires first, then the event is added and evaluated, unless it is a duplicate.
    pub(super) fn take_event(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        arrival: ProfileUpdate<'_, '_>,
        watermark: Timestamp,
        out: &mut Vec<Output>,
    ) {
        let now = arrival.ts.max(user.profile.now).max(watermark);
        let message_id = arrival.event.message_id.as_deref();
        let is_duplicate =
            |user: &User| message_id.is_some_and(|id| user.profile.is_duplicate(id, now, plan.rules.dedup_window));
        let (mut duplicate, mut is_first) = (is_duplicate(user), false);
        if self.state_ttl.is_some_and(|ttl| user.profile.latest + ttl <= now)
            && (!duplicate || self.expires_by(plan, user, now))
        {
            self.fire_due_or_renew(plan, user, now, arrival.position, out);
            duplicate = is_duplicate(user);
        }
        if duplicate {
            self.counts.duplicates += 1;
        } else {
            self.counts.applied += 1;
            self.counts.late += u64::from(arrival.ts < watermark);
            // A user that expires by now was replaced already.
            let _ = self.fire_due(plan, user, now, arrival.position, out);
            user.profile.now = now;
            is_first = user.profile.first == Timestamp::NEVER;
            self.record(plan, user, arrival);
        }
        if !duplicate || user.unsettled {
            let has_all_timed = self.stale.contains_all(&plan.dispatch.timed);
            let position = arrival.position;
            let occasion =
                EvaluationPoint { position, origin: EvaluationOrigin::Event(message_id), is_first, has_all_timed };
            self.evaluate(plan, user, &occasion, out);
        }
    }

    /// Adds the event to the user's state, and adds to `stale` the segments that this can have changed.
    fn record(&mut self, plan: &ExecutionPlan, user: &mut User, arrival: ProfileUpdate<'_, '_>) {
        self.stale.clear();
        self.stale.extend(&plan.dispatch.any_event);
        for (id, _) in &arrival.event.traits {
            self.stale.extend(plan.dispatch.segments_reading_trait(*id));
        }
        self.match_names(plan, user, arrival);
        if let Some(growth) = &plan.growth {
            let ProfileUpdate { event, ts, position } = arrival;
            let activity = activity_span(user);
            let event = GrowthEvent { user: &user.id, event, names: &self.names, ts, position, activity };
            StateUpdater::new(growth, &mut self.growth_deltas).apply(&mut user.growth, &event);
        }
        user.profile.record(&plan.rules, arrival);
        for name in &self.names {
            self.counts.by_name[usize::from(name.0)] += 1;
            for (amount, field) in plan.dispatch.amounts(*name) {
                match field_value(&arrival.event.fields, *field) {
                    None => {}
                    Some(Scalar::Number(_)) => self.counts.amounts[*amount][0] += 1,
                    Some(_) => self.counts.amounts[*amount][1] += 1,
                }
            }
            for id in plan.dispatch.features(*name) {
                user.profile.record_feature(*id, &plan.rules.features[usize::from(id.0)], arrival);
            }
            self.stale.extend(plan.dispatch.segments_reading_name(*name));
        }
    }

    /// Finds the names that the event matches; `where` sees the traits as they are before it.
    fn match_names(&mut self, plan: &ExecutionPlan, user: &User, arrival: ProfileUpdate<'_, '_>) {
        let fields = &arrival.event.fields;
        let scope = EvaluationContext { rules: &plan.rules, profile: &user.profile, now: user.profile.now, fields };
        self.names.clear();
        self.names.extend(plan.dispatch.candidate_names(arrival.event).iter().filter(|name| {
            let filter = plan.rules.names[usize::from(name.0)].filter.as_ref();
            filter.is_none_or(|filter| scope.holds(filter))
        }));
    }

    /// One evaluation at the user's clock: segments, the campaigns that their changes trigger, then deferred decisions that are due.
    fn evaluate(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        occasion: &EvaluationPoint<'_>,
        out: &mut Vec<Output>,
    ) {
        let was_unsettled = user.unsettled;
        let covers_all = occasion.has_all_timed || was_unsettled;
        if user.unsettled {
            self.stale.extend(if occasion.is_first { &plan.dispatch.at_first } else { &plan.dispatch.all });
            user.unsettled = false;
        }
        self.changes.changed.clear();
        let until = reevaluate(&plan.rules, &plan.dispatch, &mut user.profile, &mut self.stale, &mut self.changes);
        // If not every timed segment was evaluated, the old due time still holds for the rest.
        user.segments_due = if covers_all { until } else { until.min(user.segments_due) };
        if (was_unsettled || !self.changes.changed.is_empty())
            && let Some(growth) = &plan.growth
        {
            let members = &user.profile.members;
            let is_in = |segment| members.contains(segment);
            StateUpdater::new(growth, &mut self.growth_deltas).update_stage(&mut user.growth, is_in, user.profile.now);
        }
        if !self.changes.changed.is_empty() {
            let changed = std::mem::take(&mut self.changes.changed);
            self.report_changes(plan, user, &changed, occasion, out);
            self.changes.changed = changed;
        }
        let by_rules = matches!(occasion.origin, EvaluationOrigin::Rules(_));
        if user.campaigns.next_release() <= user.profile.now && !by_rules {
            self.decide_deferred(plan, user, occasion.position, out);
        }
    }

    fn report_changes(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        changed: &[(SegmentId, TransitionKind)],
        occasion: &EvaluationPoint<'_>,
        out: &mut Vec<Output>,
    ) {
        let cause = occasion.cause();
        let mut triggered: Vec<(CampaignId, Trigger)> = Vec::new();
        for &(segment, change) in changed {
            self.counts.transitions[usize::from(segment.0)][change as usize] += 1;
            let size = &mut self.counts.sizes[usize::from(segment.0)];
            *size = if change == TransitionKind::Enter { *size + 1 } else { *size - 1 };
            let decided = OutputKind::Transition { segment, change, cause: cause.clone() };
            out.push(Output { at: user.profile.now, user: Arc::clone(&user.id), position: occasion.position, decided });
            if matches!(cause, Cause::Rules { .. }) {
                continue;
            }
            let trigger = Trigger { segment, change };
            triggered.extend(plan.dispatch.campaigns(segment, change).iter().map(|id| (*id, trigger)));
        }
        triggered.sort_by_key(|(id, _)| plan.rules.decision_rank(*id));
        for (id, trigger) in triggered {
            let scope =
                EvaluationContext { rules: &plan.rules, profile: &user.profile, now: user.profile.now, fields: &[] };
            let outcome = campaigns::decide(&DecisionSubject { user: &user.id, scope }, id, &mut user.campaigns);
            if let Outcome::Deferred { until } = outcome {
                let cause = match &cause {
                    Cause::Time | Cause::Rules { .. } => None,
                    Cause::Event(id) => id.clone(),
                };
                let (campaign, trigger, zone) = (id, Some(trigger), Some(zone_of(&scope).1.into()));
                user.campaigns.defer(DeferredDecision { campaign, trigger, until, zone, cause });
            }
            self.report_decision(plan, user, id, outcome, (trigger, cause.clone(), occasion.position), out);
        }
    }

    fn decide_deferred(&mut self, plan: &ExecutionPlan, user: &mut User, position: u64, out: &mut Vec<Output>) {
        let mut due = user.campaigns.release_deferred(user.profile.now);
        due.sort_by_key(|deferred| plan.rules.decision_rank(deferred.campaign));
        for deferred in due {
            let campaign = &plan.rules.campaigns[usize::from(deferred.campaign.0)];
            let of_campaign = Trigger { segment: campaign.segment, change: campaign.change };
            let scope =
                EvaluationContext { rules: &plan.rules, profile: &user.profile, now: user.profile.now, fields: &[] };
            let outcome =
                campaigns::decide_deferred(&DecisionSubject { user: &user.id, scope }, &deferred, &mut user.campaigns);
            let trigger = deferred.trigger.unwrap_or(of_campaign);
            let cause = deferred.cause.clone().map_or(Cause::Time, |id| Cause::Event(Some(id)));
            let campaign = deferred.campaign;
            if let Outcome::Deferred { until } = outcome {
                let zone = Some(zone_of(&scope).1.into());
                user.campaigns.defer(DeferredDecision { until, zone, ..deferred });
            }
            self.report_decision(plan, user, campaign, outcome, (trigger, cause, position), out);
        }
    }

    fn report_decision(
        &mut self,
        plan: &ExecutionPlan,
        user: &User,
        id: CampaignId,
        mut outcome: Outcome,
        (trigger, cause, position): (Trigger, Cause, u64),
        out: &mut Vec<Output>,
    ) {
        self.counts.decisions[usize::from(id.0)][outcome.index()] += 1;
        if let (Outcome::Sent { ordinal, .. }, Some((latest_read, number))) = (&mut outcome, self.rules_change)
            && user.profile.now <= latest_read
        {
            // A campaign that was dropped and added again by rules changes counts from 0, perhaps at an instant of an earlier action.
            *ordinal += number << 32;
        }
        let payload = match outcome {
            Outcome::Sent { variant, .. } => {
                let scope = EvaluationContext {
                    rules: &plan.rules,
                    profile: &user.profile,
                    now: user.profile.now,
                    fields: &[],
                };
                let campaign = &plan.rules.campaigns[usize::from(id.0)];
                Some(Box::new(campaigns::payload(&scope, campaign, variant)))
            }
            _ => None,
        };
        let decided = OutputKind::Decision { campaign: id, outcome, trigger, cause, payload };
        out.push(Output { at: user.profile.now, user: Arc::clone(&user.id), position, decided });
    }
}

/// The times of the user's first and latest event.
fn activity_span(user: &User) -> ActivitySpan {
    ActivitySpan { first: user.profile.first, latest: user.profile.latest }
}

impl Ruleset {
    /// The order of decisions of one instant: higher priority first, then file order.
    fn decision_rank(&self, id: CampaignId) -> (std::cmp::Reverse<i64>, CampaignId) {
        (std::cmp::Reverse(self.campaigns[usize::from(id.0)].priority), id)
    }
}
