//! The ends of beats, where users meet (semantics §8): asks are answered, and what changed of budgets is handed in.
//!
//! Nothing happens to a user between the end of a beat in which the user asked and the answer. Who drives a partition asks
//! before each event whether the user [awaits one](Partition::awaited_beat), and keeps the event if so; timers wait by themselves.

use std::sync::Arc;

use super::firing::arm;
use super::io::{LogInstant, Output};
use super::{ExecutionPlan, Partition, TimerMark, User};
use crate::budgets::{BudgetBook, TimedBudgetChange};
use crate::time::Timestamp;

/// That a user asks, for the order in which all who ask in one beat are answered (semantics §8). The ask itself is part of
/// the user's state; it may be gone by then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskTicket {
    /// The end of the beat.
    pub beat: Timestamp,
    /// When it arose, by the user's clock.
    pub at: Timestamp,
    /// The user.
    pub user: Arc<str>,
    /// The log position at which it arose, if that is known still: the answer has no earlier one.
    pub position: u64,
}

/// The end of a beat, at which asks are answered.
#[derive(Debug)]
pub struct BeatEnd<'b> {
    /// When.
    pub at: Timestamp,
    /// The log position at which it was reached.
    pub position: u64,
    /// All timers before it have fired.
    pub fired: TimerMark,
    /// What is known of all budgets.
    pub book: &'b mut BudgetBook,
}

impl Partition {
    /// What happens from here on happens at this watermark of the log.
    pub fn enter_beat(&mut self, watermark: Timestamp) {
        self.steps.enter_beat(watermark);
    }

    /// Fires what is due for a user at or before the watermark. Where the user awaits the answer to an ask of a beat that has
    /// ended by then: the end of that beat.
    pub fn awaited_beat(
        &mut self,
        plan: &ExecutionPlan,
        id: &str,
        by: LogInstant,
        out: &mut Vec<Output>,
    ) -> Option<Timestamp> {
        self.steps.enter_beat(by.at);
        let slot = self.users.find(id)?;
        let user = self.users.get_mut(slot)?;
        if user.due() <= by.at {
            self.snapshots.touch(slot, user);
            // One that expires by then does so again at the event.
            let _ = self.steps.fire_due(plan, user, by, out);
            arm(&mut self.timers, slot, user, self.steps.state_ttl);
            self.keys.follow(slot, &mut self.steps.key_changes);
        }
        if !self.steps.awaits_answer(user) {
            return None;
        }
        self.awaiting.insert(Arc::clone(&user.id), by.position);
        Some(user.campaigns.asks.next_answer())
    }

    /// A batch has ended: who awaits an answer does so at positions that are still to come.
    pub fn end_batch(&mut self) {
        self.awaiting.clear();
    }

    /// Answers an ask at the end of its beat, and fires what had to wait for the answer. Nothing happens where the ask is gone.
    pub fn answer(&mut self, plan: &ExecutionPlan, ticket: &AskTicket, end: &mut BeatEnd<'_>, out: &mut Vec<Output>) {
        let Some(slot) = self.users.find(&ticket.user) else { return };
        let Partition { users, timers, steps, snapshots, awaiting, keys, .. } = self;
        let expired = users.change(slot, |user| {
            if user.campaigns.asks.next_answer() != ticket.beat {
                return None;
            }
            snapshots.touch(slot, user);
            let ask = user.campaigns.asks.take_first(ticket.beat, ticket.at)?;
            user.profile.now = user.profile.now.max(end.at);
            end.position = awaiting.get(&user.id).copied().unwrap_or_default().max(end.position);
            steps.enter_beat(end.at);
            steps.answer(plan, user, ask, end, out);
            // What was due meanwhile.
            let by = LogInstant { at: end.fired.instant_for(&user.id), position: end.position };
            steps.enter_beat(end.fired.latest().max(end.at));
            let expired = if steps.awaits_answer(user) { None } else { steps.fire_due(plan, user, by, out) };
            match expired {
                None => arm(timers, slot, user, steps.state_ttl),
                Some(at) => steps.note_expired(plan, user, LogInstant { at, ..by }, out),
            }
            keys.follow(slot, &mut steps.key_changes);
            expired.map(|_| Arc::clone(&user.id))
        });
        if let Some(id) = expired.flatten() {
            self.remove(&id);
        }
    }

    /// The asks that arose since this was last called, in the order of each user.
    pub fn take_asks(&mut self) -> Vec<AskTicket> {
        std::mem::take(&mut self.steps.asks)
    }

    /// What changed of budgets since this was last called.
    pub fn take_budget_changes(&mut self) -> Vec<TimedBudgetChange> {
        std::mem::take(&mut self.steps.budget_changes)
    }

    /// A user comes with its asks, and with what it has reserved.
    pub(super) fn bring_asks(&mut self, user: &User) {
        let ticket = |beat, at| AskTicket { beat, at, user: Arc::clone(&user.id), position: 0 };
        self.steps.asks.extend(user.campaigns.asks.iter().map(|ask| ticket(ask.beat(), ask.decision.at)));
        for reservation in user.reservations.iter() {
            let changes =
                reservation.costs.iter().map(|share| share.change(reservation.campaign, 0, share.cost.millionths()));
            let timed = changes.map(|change| TimedBudgetChange { beat: Timestamp::MIN, change });
            self.steps.budget_changes.extend(timed);
        }
    }
}
