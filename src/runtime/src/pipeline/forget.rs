//! Forgetting: users that a record of the log requests to forget, with everything linked to them.
//!
//! It is a function of the log: the same record forgets the same users wherever batches end. What was published before stays
//! published.

use std::sync::Arc;

use super::decode::whole_lines;
use super::partition_task::PartitionQueues;
use super::{InputEntry, Pipeline, Rejection};
use rekindle_core::decode::{RejectedCall, RejectionReason};
use rekindle_core::partition::{ExpiredUser, LogInstant, Output, TimerMark};
use rekindle_core::route::partition_of;

/// A user or an anonymous visitor that was forgotten by a request: the requested id, the user that it was linked to, or a
/// visitor linked to one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForgottenUser {
    /// The id.
    pub user: Arc<str>,
    /// The number of outputs of the batch before the request: those of this id among them belong to the forgotten user, later
    /// ones to a new user with the same id.
    pub outputs: usize,
}

impl Pipeline {
    /// The users that the last batch forgot, in the order of the log.
    pub fn forgotten(&self) -> &[ForgottenUser] {
        &self.forgotten
    }

    /// The users that expired in the last batch, or when timers were last fired; those with the same id in order.
    pub fn expired(&self) -> &[ExpiredUser] {
        &self.expired
    }

    /// Forgets the users that the entry names; a line that names none is rejected. `index` is the entry's in the batch.
    pub(super) fn apply_forget<'a>(
        &mut self,
        entry: &InputEntry<'a>,
        index: usize,
        reject: &mut dyn FnMut(Rejection<'a>),
        out: &mut Vec<Output>,
    ) {
        let mut is_empty = true;
        let mut refuse = |pipeline: &mut Pipeline, line, rejected: RejectedCall<'a>| {
            pipeline.rejected[rejected.reason.index()] += 1;
            reject(Rejection { entry: index, line, rejected });
        };
        for (line, bytes) in (0..).zip(whole_lines(entry.lines)) {
            let Some(user) = self.decoder.decoder().decode_forget(bytes) else { continue };
            is_empty = false;
            match user {
                Ok(user) => self.forget(&user, out),
                Err(rejected) => refuse(self, line, rejected),
            }
        }
        if is_empty {
            refuse(self, 0, RejectedCall { reason: RejectionReason::NoUser, original: entry.lines });
        }
        self.note_received(entry);
    }

    /// Timers due at or before the watermark fire first, as if the batch ended here.
    ///
    /// An id stands for the user with that id and, if it is linked as a visitor, for the user of that link. Afterwards the id
    /// is that of a new user, and of a new visitor.
    fn forget(&mut self, id: &str, out: &mut Vec<Output>) {
        let plan = Arc::clone(&self.plan);
        // What crossed by now has reached the user.
        let mut none = PartitionQueues::new(self.partitions.len());
        self.end_crossed_beats(&plan, &mut none, TimerMark::through(self.watermark()), out);
        let now = LogInstant { at: self.watermark(), position: self.position };
        let (mut had_anything, mut next) = (false, Some(Arc::<str>::from(id)));
        // Each turn removes a link, so no id comes twice.
        while let Some(id) = next.take() {
            if let Some(ttl) = self.options.state_ttl
                && let Some(user) = self.links.user_of(&id).cloned()
            {
                // A user that has expired by now is not linked to any more.
                let mut queues = PartitionQueues::new(self.partitions.len());
                self.expire_if_over(&plan, &user, now.at, ttl, &mut queues, out);
            }
            next = self.links.user_of(&id).cloned();
            self.links.remove(&id);
            let at = partition_of(&id, self.partitions.len());
            self.answer_user(&plan, at, &id, now, out);
            let had_state = self.partitions[at].forget(&plan, &id, now, out);
            let visitors = self.remove_links_to(&id);
            had_anything |= had_state || next.is_some() || !visitors.is_empty();
            let outputs = out.len();
            visitors.iter().chain([&id]).for_each(|id| self.forget_in_groups(&plan, id));
            self.forgotten.extend(visitors.into_iter().map(|user| ForgottenUser { user, outputs }));
            self.forgotten.push(ForgottenUser { user: id, outputs });
        }
        self.merge_aggregates(&plan);
        self.forgotten_count += u64::from(had_anything);
        self.collect_expired();
    }

    /// The users that a request to forget an id would forget now: the one with that id, and the one it is linked to. Empty: the
    /// id is unknown.
    pub fn affected_users(&self, id: &str) -> Vec<Arc<str>> {
        let (mut users, mut next): (Vec<Arc<str>>, Option<Arc<str>>) = (Vec::new(), Some(id.into()));
        while let Some(id) = next.filter(|id| !users.contains(id)) {
            next = self.links.user_of(&id).cloned();
            let is_user = self.user(&id).is_some() || !self.links.visitors_of(&id).is_empty();
            if is_user || !users.is_empty() {
                users.push(id);
            }
        }
        users
    }
}
