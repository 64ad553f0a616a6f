//! Firing what is due for a user, and users that expire.

use std::sync::Arc;

use super::sharing::ShareEnd;
use super::{EvaluationOrigin, EvaluationPoint, StepContext};
use crate::growth::StateUpdater;
use crate::partition::io::{ExpiredUser, LogInstant, Output};
use crate::partition::{ExecutionPlan, User};
use crate::rules::ruleset::TransitionKind;
use crate::time::Timestamp;

impl StepContext {
    /// Fires everything due for the user at or before `to`, in time order, each at its own due time; where the user
    /// [awaits an answer](StepContext::awaits_answer), no more than up to the end of that beat. Returns the instant at or
    /// before `to` at which the user expires then, if there is one.
    pub(in crate::partition) fn fire_due(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        to: LogInstant,
        out: &mut Vec<Output>,
    ) -> Option<Timestamp> {
        loop {
            let due = user.due();
            if due > to.at {
                return user.expires_unless(due, self.state_ttl).filter(|at| *at <= to.at);
            }
            if self.awaits_answer(user) && due > user.campaigns.asks.next_answer() {
                return None;
            }
            self.enter_beat_of(due);
            user.profile.now = due;
            self.stale.clear();
            let has_all_timed = user.segments_due <= due;
            if has_all_timed {
                // Before expired state is freed: its expiry is what changes.
                plan.dispatch.timed_for(user.profile.features().iter().map(|(id, _)| *id), &mut self.stale);
                user.profile.tidy(&plan.rules);
            }
            self.forget_expired_keys(plan, user, to.position, out);
            self.release_reservations(user, to.position, out);
            self.expire_points(plan, user, to.position, out);
            let point = EvaluationPoint {
                position: to.position,
                origin: EvaluationOrigin::Time,
                is_first: false,
                has_all_timed,
                matched: None,
            };
            self.evaluate(plan, user, &point, out);
        }
    }

    /// Fires what is due like [`fire_due`](StepContext::fire_due); a user that expires by `to` is a new user at `to`.
    pub(super) fn fire_due_or_renew(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        to: LogInstant,
        out: &mut Vec<Output>,
    ) {
        if let Some(at) = self.fire_due(plan, user, to, out) {
            self.note_renewed(plan, user, LogInstant { at, ..to }, out);
            self.leave_segments(user);
            self.forget_events(&user.id);
            // The timers and the snapshot epoch of the slot stay.
            *user = User {
                armed: user.armed,
                snapshot_epoch: user.snapshot_epoch,
                ..User::new(Arc::clone(&user.id), to.at)
            };
        }
    }

    /// Whether the user expires by `to`. Nothing changes yet: if the event is a duplicate, nothing may.
    pub(in crate::partition) fn expires_by(&mut self, plan: &ExecutionPlan, user: &User, to: Timestamp) -> bool {
        let due = user.due();
        if due > to {
            return user.expires_unless(due, self.state_ttl).is_some_and(|at| at <= to);
        }
        let (mut probe, counts) = (user.clone(), self.counts.clone());
        let (growth_deltas, uplift) = (std::mem::take(&mut self.growth_deltas), std::mem::take(&mut self.uplift));
        let (asks, changes) = (self.asks.len(), self.budget_changes.len());
        let key_changes = self.key_changes.len();
        let expired = self.fire_due(plan, &mut probe, LogInstant { at: to, position: 0 }, &mut Vec::new()).is_some();
        (self.counts, self.growth_deltas, self.uplift) = (counts, growth_deltas, uplift);
        self.asks.truncate(asks);
        self.budget_changes.truncate(changes);
        self.key_changes.truncate(key_changes);
        expired
    }

    /// Records that the user expired at that instant, and ends what is shared of it. The caller drops the state.
    pub(in crate::partition) fn note_expired(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        instant: LogInstant,
        out: &mut Vec<Output>,
    ) {
        let at = instant.at;
        self.end_shares(plan, user, (instant, ShareEnd::Expiry), out);
        self.note_gone(plan, user, at);
        self.counts.expired += 1;
        self.expired.push(ExpiredUser { user: Arc::clone(&user.id), at, is_renewed: false });
    }

    /// The same, if an event finds the user expired; the event belongs to a new user.
    pub(super) fn note_renewed(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        instant: LogInstant,
        out: &mut Vec<Output>,
    ) {
        self.note_expired(plan, user, instant, out);
        if let Some(expired) = self.expired.last_mut() {
            expired.is_renewed = true;
        }
    }

    /// The user is dropped or forgotten: it leaves its segments without a transition.
    pub(in crate::partition) fn note_gone(&mut self, plan: &ExecutionPlan, user: &User, at: Timestamp) {
        user.memberships().for_each(|segment| self.counts.dropped_out[usize::from(segment.0)] += 1);
        self.note_departure(user, at);
        if let Some(growth) = &plan.growth {
            StateUpdater::new(growth, &mut self.growth_deltas).remove(user.growth.as_deref(), at);
        }
    }

    /// The user is in no segment any more, without a transition, and its points and what it touched are not counted.
    pub(in crate::partition) fn leave_segments(&mut self, user: &User) {
        for segment in user.memberships() {
            self.counts.sizes[usize::from(segment.0)] -= 1;
        }
        for (per, _) in user.profile.keys.memberships() {
            self.counts.keys[usize::from(per.0)] -= 1;
        }
        self.count_shares(user, TransitionKind::Exit);
        for (id, ledger) in user.profile.points.ledgers() {
            self.counts.points[usize::from(id.0)].leave(ledger.balance());
        }
        for (id, touches) in user.picks.lists() {
            self.pick_tables[usize::from(id.0)].leave(touches);
        }
    }

    /// The user is in its segments, and its keys, points and what it touched are there, without a transition.
    pub(in crate::partition) fn enter_segments(&mut self, user: &User) {
        for segment in user.memberships() {
            self.counts.sizes[usize::from(segment.0)] += 1;
        }
        for (per, _) in user.profile.keys.memberships() {
            self.counts.keys[usize::from(per.0)] += 1;
        }
        self.count_shares(user, TransitionKind::Enter);
        for (id, ledger) in user.profile.points.ledgers() {
            self.counts.points[usize::from(id.0)].enter(ledger.balance());
        }
        for (id, touches) in user.picks.lists() {
            self.pick_tables[usize::from(id.0)].enter(touches);
        }
    }
}
