//! Forgetting: users whom a message of the log names, and those whose time is over.

use std::sync::Arc;

use super::partition_task::PartitionQueues;
use super::slices::whole_lines;
use super::{InputEntry, Pipeline, Rejection};
use rekindle_core::decode::{RejectedCall, RejectionReason};
use rekindle_core::partition::{ExpiredUser, Output};
use rekindle_core::route::partition_of;

/// A user, or an anonymous visitor, who was forgotten because a message of the log said so: whom it named, the user that id
/// was linked to, the visitors linked to either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForgottenUser {
    /// The id.
    pub user: Arc<str>,
    /// How many outputs stood in the batch's by then: those of the id among them are of the one forgotten, later ones of
    /// someone new.
    pub outputs: usize,
}

impl Pipeline {
    /// Whom the last call that took something in forgot, in the order of the log.
    pub fn forgotten(&self) -> &[ForgottenUser] {
        &self.forgotten
    }

    /// Who expired in the last call that took something in or moved time on; of a user, in order.
    pub fn expired(&self) -> &[ExpiredUser] {
        &self.expired
    }

    /// Forgets whom the entry names; what names nobody is a dead letter. `index` is its place in the batch.
    pub(super) fn take_forget<'a>(
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
            let Some(user) = self.decoding.decoder().decode_forget(bytes) else { continue };
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

    /// What is due at or before the watermark fires first: it would have, had the batch ended here.
    ///
    /// An id stands for the user that has it, and, where it is linked as a visitor's, for the user of that link; what has it
    /// afterwards is new both ways.
    fn forget(&mut self, id: &str, out: &mut Vec<Output>) {
        let (plan, now) = (Arc::clone(&self.plan), (self.watermark(), self.position));
        let (mut had_anything, mut next) = (false, Some(Arc::<str>::from(id)));
        // Each turn takes a link back, so nobody comes twice.
        while let Some(id) = next.take() {
            if let Some(ttl) = self.options.state_ttl
                && let Some(user) = self.links.user_of(&id).cloned()
            {
                // Whose time is over is nobody's user any more.
                self.settle(&plan, &user, (now.0, ttl), &mut PartitionQueues::new(self.partitions.len()), out);
            }
            next = self.links.user_of(&id).cloned();
            self.links.remove(&id);
            let at = partition_of(&id, self.partitions.len());
            let had_state = self.partitions[at].forget(&plan, &id, now, out);
            let visitors = self.take_links(&id);
            had_anything |= had_state || next.is_some() || !visitors.is_empty();
            let outputs = out.len();
            self.forgotten.extend(visitors.into_iter().map(|user| ForgottenUser { user, outputs }));
            self.forgotten.push(ForgottenUser { user: id, outputs });
        }
        self.merge_growth(&plan);
        self.forgotten_count += u64::from(had_anything);
        self.collect_expired();
    }

    /// The users whom forgetting an id would forget now: the one who has it, and whom it is linked to. Empty: nobody is known by it.
    pub fn affected_users(&self, id: &str) -> Vec<Arc<str>> {
        let (mut whom, mut next): (Vec<Arc<str>>, Option<Arc<str>>) = (Vec::new(), Some(id.into()));
        while let Some(id) = next.filter(|id| !whom.contains(id)) {
            next = self.links.user_of(&id).cloned();
            let is_user = self.user(&id).is_some() || !self.links.visitors_of(&id).is_empty();
            if is_user || !whom.is_empty() {
                whom.push(id);
            }
        }
        whom
    }
}
