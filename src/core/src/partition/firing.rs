//! Firing the timers of a partition: each user has one, the earliest instant at which time alone can change anything.

use std::sync::Arc;

use super::io::{LogInstant, Output};
use super::timer_queue::TimerQueue;
use super::{ExecutionPlan, Partition, TimerMark, User, WARM_FROM};
use crate::route::turn_of;
use crate::time::{Span, Timestamp};

/// How many timers are taken from the queue at once, so that the state of their users is fetched together.
const BLOCK: usize = 32;

impl Partition {
    /// Fires every timer before the mark.
    pub(super) fn advance(&mut self, plan: &ExecutionPlan, to: TimerMark, position: u64, out: &mut Vec<Output>) {
        self.steps.enter_beat(to.latest());
        // A user is not due again before the mark once its timer has fired, so what fires does not depend on the blocks.
        let mut block = [0; BLOCK];
        loop {
            let mut popped = 0;
            while popped < BLOCK
                && let Some(slot) = self.timers.pop_due(to)
            {
                block[popped] = slot;
                popped += 1;
            }
            if popped > 1 && self.users.len() >= WARM_FROM {
                self.users.warm_slots(&block[..popped]);
            }
            block[..popped].iter().for_each(|slot| self.fire(plan, *slot, to, position, out));
            if popped < BLOCK {
                return;
            }
        }
    }

    /// Fires what is due for the user in a slot, if anything is.
    fn fire(&mut self, plan: &ExecutionPlan, slot: u32, to: TimerMark, position: u64, out: &mut Vec<Output>) {
        if self.users.armed(slot).is_none_or(|armed| armed > to.latest()) {
            return;
        }
        let Partition { users, timers, steps, snapshots, awaiting, keys, .. } = self;
        let expired = users.change(slot, |user| {
            let by = to.instant_for(&user.id);
            // The timer was that of a user who was in this slot before; this one has another.
            if user.armed > by {
                return None;
            }
            user.armed = Timestamp::NEVER;
            if user.due() <= by {
                snapshots.touch(slot, user);
            }
            let position = awaiting.get(&user.id).copied().unwrap_or_default().max(position);
            let expired = steps.fire_due(plan, user, LogInstant { at: by, position }, out);
            match expired {
                // What is due waits for the answer.
                None if steps.awaits_answer(user) => {}
                None => arm(timers, slot, user, steps.state_ttl),
                Some(at) => {
                    // The end is told to partners, which changes the user.
                    snapshots.touch(slot, user);
                    steps.note_expired(plan, user, LogInstant { at, position }, out);
                }
            }
            keys.follow(slot, &mut steps.key_changes);
            expired.map(|_| Arc::clone(&user.id))
        });
        if let Some(id) = expired.flatten() {
            self.remove(&id);
        }
    }
}

/// A later due time needs no new timer: the existing one is checked when it fires.
pub(super) fn arm(timers: &mut TimerQueue, slot: u32, user: &mut User, state_ttl: Option<Span>) {
    let due = user.wake_up(state_ttl);
    if due < user.armed {
        user.armed = due;
        timers.push(due, turn_of(&user.id), slot);
    }
}
