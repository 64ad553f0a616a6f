//! Expiry of links: with `state_ttl`, links are removed together with the user they lead to.
//!
//! When a user expires depends on its pending timers, which only its partition knows; but the user that a visitor is linked
//! to must be known before an event is queued for a partition. So before an event that could meet an expired user, that user
//! is looked up, after all operations queued so far have run. Most of the time this is not necessary: a user exists for at
//! least `state_ttl` after its latest event, and the links note a lower bound of that time.
//!
//! From that instant on, an event of the user, or of a visitor linked to it, belongs to a new user, wherever batches end. A
//! link to a user that was itself merged into another one expires with that other user.

use std::sync::Arc;

use super::partition_task::PartitionQueues;
use super::{PARALLEL_OPERATIONS_MIN, Pipeline};
use rekindle_core::event::Event;
use rekindle_core::partition::{ExecutionPlan, LogInstant, Output};
use rekindle_core::route::partition_of;
use rekindle_core::time::{Span, Timestamp};

/// A visitor whose link expired with the user it led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpiredLink {
    /// The visitor.
    pub visitor: Arc<str>,
    /// The instant at which the user expired.
    pub at: Timestamp,
}

impl Pipeline {
    /// The links that expired in the last batch, or when timers were last fired.
    pub fn expired_links(&self) -> &[ExpiredLink] {
        &self.expired_links
    }

    /// Removes the linked users that the event could meet and that have expired by its time.
    pub(super) fn expire_before<'e, 'a>(
        &mut self,
        plan: &ExecutionPlan,
        event: &'e Event<'a>,
        ts: Timestamp,
        queues: &mut PartitionQueues<'e, 'a>,
        out: &mut Vec<Output>,
    ) {
        let Some(ttl) = self.options.state_ttl else { return };
        let Event { user_id, anonymous_id, .. } = event;
        if let Some(user) = user_id.as_deref() {
            self.expire_if_over(plan, user, ts, ttl, queues, out);
        }
        let Some(visitor) = anonymous_id.as_deref() else { return };
        if let Some(user) = self.links.user_of(visitor).cloned() {
            self.expire_if_over(plan, &user, ts, ttl, queues, out);
        }
        // Without a link the event is the visitor's own, or the visitor is about to be linked.
        if self.links.user_of(visitor).is_none() {
            self.expire_if_over(plan, visitor, ts, ttl, queues, out);
        }
    }

    /// Removes a user that visitors are linked to, and the links, if the user has expired by `ts`.
    pub(super) fn expire_if_over<'e, 'a>(
        &mut self,
        plan: &ExecutionPlan,
        id: &str,
        ts: Timestamp,
        ttl: Span,
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
        // A chain of merges has at most as many users as there are links.
        while merged.len() <= self.links.len() {
            let Some(note) = self.links.note_of(&id).copied() else { break };
            if note.latest > horizon {
                self.note_latest(&merged, note.latest, true);
                return;
            }
            if note.round == self.round {
                self.run_queued(plan, queues, out);
            }
            let at = partition_of(&id, self.partitions.len());
            let by = LogInstant { at: ts.max(self.watermark()), position: self.position };
            match self.partitions[at].latest_event(&id) {
                Some(latest) if latest > horizon => {
                    self.note_latest(std::slice::from_ref(&id), latest, false);
                    self.note_latest(&merged, latest, true);
                    return;
                }
                Some(_) => {
                    let now = LogInstant { at: self.watermark(), position: self.position };
                    if self.shared.is_some() && self.partitions[at].awaited_beat(plan, &id, now, out).is_some() {
                        self.run_queued(plan, queues, out);
                        self.answer_user(plan, at, &id, now, out);
                    }
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
        // There is no user left for whom these links could be kept.
        for id in merged {
            self.expire_links(&id, ts.max(self.watermark()));
        }
    }

    /// Runs what is queued so far. No timers fire that had not fired before, so that no output depends on where a batch is
    /// divided.
    fn run_queued<'e, 'a>(
        &mut self,
        plan: &ExecutionPlan,
        queues: &mut PartitionQueues<'e, 'a>,
        out: &mut Vec<Output>,
    ) {
        let queued = std::mem::replace(queues, PartitionQueues::new(self.partitions.len()));
        let in_parallel = queued.len() >= PARALLEL_OPERATIONS_MIN;
        self.run_tasks(plan, queued, self.fired, in_parallel, out);
    }

    fn note_latest(&mut self, ids: &[Arc<str>], latest: Timestamp, is_stateless: bool) {
        for id in ids {
            if let Some(note) = self.links.note_of(id) {
                (note.latest, note.is_stateless) = (latest, is_stateless);
            }
        }
    }

    /// Notes that an event of the user is queued, and with it the state of a visitor.
    pub(super) fn note_queued(&mut self, user: &str, visitor: Option<&str>) {
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

    /// Collects the users that have expired since the last call, and removes the links to them.
    pub(super) fn collect_expired(&mut self) {
        if self.options.state_ttl.is_none() {
            return;
        }
        let before = self.expired.len();
        self.expired.extend(self.partitions.iter_mut().flat_map(|partition| partition.take_expired()));
        for index in before..self.expired.len() {
            let expired = &self.expired[index];
            // Links to a user that an event has renewed lead to the new user: the old ones were removed before the event.
            if !expired.is_renewed {
                let (user, at) = (Arc::clone(&expired.user), expired.at);
                self.expire_links(&user, at);
            }
        }
    }

    fn expire_links(&mut self, user: &Arc<str>, at: Timestamp) {
        let visitors = self.remove_links_to(user);
        self.expired_links.extend(visitors.into_iter().map(|visitor| ExpiredLink { visitor, at }));
    }

    /// Removes the links to a user, and those to the visitors among them that have no state of their own; returns the
    /// visitors.
    pub(super) fn remove_links_to(&mut self, user: &str) -> Vec<Arc<str>> {
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
