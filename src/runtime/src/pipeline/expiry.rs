//! Links go with the users they lead to, where users go after some time (`state_ttl`).
//!
//! When a user's time is over depends on what is to come for the user, which only the user's partition knows; whom a
//! visitor is linked to has to be known before an event is put in line for a partition. So before an event that could meet
//! someone whose time is over by then, that user is looked at, after all that stands in line for it was worked off. Most of
//! the time a glance shows that it cannot be: a user is there for at least `state_ttl` after its latest event.
//!
//! An event of the user, or of a visitor linked to it, meets someone new from that instant on, wherever batches end; so do
//! those who are linked anew. A link to a user who was itself merged into another goes with that other one.

use std::sync::Arc;

use super::partition_task::PartitionQueues;
use super::{PARALLEL_FROM, Pipeline};
use rekindle_core::event::Event;
use rekindle_core::partition::{ExecutionPlan, Output};
use rekindle_core::route::partition_of;
use rekindle_core::time::{Span, Timestamp};

/// A visitor whose link went with the user it led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpiredLink {
    /// The visitor.
    pub visitor: Arc<str>,
    /// The instant at which the user's time was over.
    pub at: Timestamp,
}

impl Pipeline {
    /// Whose links went in the last call that took something in or moved time on, with users whose time was over.
    pub fn unlinked(&self) -> &[ExpiredLink] {
        &self.unlinked
    }

    /// Lets go whoever the event could meet, of those whom visitors are linked to, and whose time is over by then.
    pub(super) fn settle_links<'e, 'a>(
        &mut self,
        plan: &ExecutionPlan,
        (event, ts): (&'e Event<'a>, Timestamp),
        queues: &mut PartitionQueues<'e, 'a>,
        out: &mut Vec<Output>,
    ) {
        let Some(ttl) = self.options.state_ttl else { return };
        let Event { user_id, anonymous_id, .. } = event;
        if let Some(user) = user_id.as_deref() {
            self.settle(plan, user, (ts, ttl), queues, out);
        }
        let Some(visitor) = anonymous_id.as_deref() else { return };
        if let Some(user) = self.links.user_of(visitor).cloned() {
            self.settle(plan, &user, (ts, ttl), queues, out);
        }
        // Unlinked, the event is its own, or the visitor is about to become the user.
        if self.links.user_of(visitor).is_none() {
            self.settle(plan, visitor, (ts, ttl), queues, out);
        }
    }

    /// Lets a user go whom visitors are linked to, if its time is over by then; with it go the links.
    pub(super) fn settle<'e, 'a>(
        &mut self,
        plan: &ExecutionPlan,
        id: &str,
        (ts, ttl): (Timestamp, Span),
        queues: &mut PartitionQueues<'e, 'a>,
        out: &mut Vec<Output>,
    ) {
        // No user's clock is ahead of it.
        let horizon = ts.max(self.latest_read) - ttl;
        let mut id: Arc<str> = match self.links.note_of(id) {
            None => return,
            Some(note) if note.latest > horizon => return,
            Some(_) => id.into(),
        };
        let mut merged = Vec::new();
        // As many were merged into one another as there are links, at most.
        while merged.len() <= self.links.len() {
            let Some(note) = self.links.note_of(&id).copied() else { break };
            if note.latest > horizon {
                self.note_latest(&merged, note.latest, true);
                return;
            }
            if note.round == self.round {
                let line = std::mem::replace(queues, PartitionQueues::new(self.partitions.len()));
                // Nothing fires by time alone that had not yet: where a batch is cut shows nowhere.
                let in_parallel = line.len() >= PARALLEL_FROM;
                self.apply(plan, line, (self.fired, in_parallel), out);
            }
            let (at, by) = (partition_of(&id, self.partitions.len()), (ts.max(self.watermark()), self.position));
            match self.partitions[at].latest_event(&id) {
                Some(latest) if latest > horizon => {
                    self.note_latest(std::slice::from_ref(&id), latest, false);
                    self.note_latest(&merged, latest, true);
                    return;
                }
                Some(_) => {
                    self.partitions[at].expire(plan, &id, by, out);
                    self.collect_expired();
                    return;
                }
                None => {
                    let into = self.links.user_of(&id).cloned();
                    merged.push(id);
                    match into {
                        Some(into) => id = into,
                        None => break,
                    }
                }
            }
        }
        // Nobody is there any more for whom these links could stay.
        for id in merged {
            self.drop_links(&id, ts.max(self.watermark()));
        }
    }

    fn note_latest(&mut self, ids: &[Arc<str>], latest: Timestamp, is_stateless: bool) {
        for id in ids {
            if let Some(note) = self.links.note_of(id) {
                (note.latest, note.is_stateless) = (latest, is_stateless);
            }
        }
    }

    /// Notes that an event of the user is put in line, and a visitor's past with it.
    pub(super) fn note_in_line(&mut self, user: &str, visitor: Option<&str>) {
        if self.options.state_ttl.is_none() {
            return;
        }
        for id in std::iter::once(user).chain(visitor) {
            if let Some(note) = self.links.note_of(id) {
                note.round = self.round;
                if std::mem::take(&mut note.is_stateless) {
                    note.latest = Timestamp::MIN;
                }
            }
        }
    }

    /// Takes down who expired since this was last asked, and takes back the links to them.
    pub(super) fn collect_expired(&mut self) {
        if self.options.state_ttl.is_none() {
            return;
        }
        let before = self.expired.len();
        self.expired.extend(self.partitions.iter_mut().flat_map(|partition| partition.take_expired()));
        for index in before..self.expired.len() {
            let expired = &self.expired[index];
            // The links to whom an event renewed are those to someone new: the old ones went before it.
            if !expired.is_renewed {
                let (user, at) = (Arc::clone(&expired.user), expired.at);
                self.drop_links(&user, at);
            }
        }
    }

    fn drop_links(&mut self, user: &Arc<str>, at: Timestamp) {
        let visitors = self.take_links(user);
        self.unlinked.extend(visitors.into_iter().map(|visitor| ExpiredLink { visitor, at }));
    }

    /// Takes back the links to a user, and those to visitors among them who are nobody apart from it; whose they were.
    pub(super) fn take_links(&mut self, user: &str) -> Vec<Arc<str>> {
        let mut visitors = self.links.remove_visitors(user);
        let mut next = 0;
        while let Some(visitor) = visitors.get(next).cloned() {
            next += 1;
            let round = self.round;
            let partition = &self.partitions[partition_of(&visitor, self.partitions.len())];
            let is_user = |round_of: u64| round_of == round || partition.latest_event(&visitor).is_some();
            if self.links.note_of(&visitor).is_some_and(|note| !is_user(note.round)) {
                visitors.extend(self.links.remove_visitors(&visitor));
            }
        }
        visitors
    }
}
