//! Forgetting: users whom a message of the log names, and those whose time is over.

use std::sync::Arc;

use super::slices::whole_lines;
use super::{DeadLetter, Entry, Pipeline};
use crate::decode::{Reason, Rejected};
use crate::partition::{Expired, Output};
use crate::route::partition_of;

/// A user, or an anonymous visitor, whom a message of the log named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// The id.
    pub user: Arc<str>,
    /// How many outputs stood in the batch's by then: those of the id among them are of the one forgotten, later ones of
    /// someone new.
    pub outputs: usize,
}

impl Pipeline {
    /// Whom the last call that took something in forgot, in the order of the log.
    pub fn forgotten(&self) -> &[Forgotten] {
        &self.forgotten
    }

    /// Who expired in the last call that took something in or moved time on; of a user, in order.
    pub fn expired(&self) -> &[Expired] {
        &self.expired
    }

    /// Forgets whom the entry names; what names nobody is a dead letter. `index` is its place in the batch.
    pub(super) fn take_forget<'a>(
        &mut self,
        entry: &Entry<'a>,
        index: usize,
        reject: &mut dyn FnMut(DeadLetter<'a>),
        out: &mut Vec<Output>,
    ) {
        let mut is_empty = true;
        let mut refuse = |pipeline: &mut Pipeline, line, rejected: Rejected<'a>| {
            pipeline.rejected[rejected.reason.index()] += 1;
            reject(DeadLetter { entry: index, line, rejected });
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
            refuse(self, 0, Rejected { reason: Reason::NoUser, original: entry.lines });
        }
        self.note_received(entry);
    }

    /// What is due at or before the watermark fires first: it would have, had the batch ended here.
    fn forget(&mut self, user: &str, out: &mut Vec<Output>) {
        let (plan, now) = (Arc::clone(&self.plan), (self.watermark(), self.position));
        let at = partition_of(user, self.partitions.len());
        let had_state = self.partitions[at].forget(&plan, user, now, out);
        self.enter_growth(&plan);
        let had_links = self.links.forget(user);
        self.forgotten_count += u64::from(had_state || had_links);
        self.forgotten.push(Forgotten { user: user.into(), outputs: out.len() });
        self.collect_expired();
    }

    pub(super) fn collect_expired(&mut self) {
        if self.options.state_ttl.is_some() {
            self.expired.extend(self.partitions.iter_mut().flat_map(|partition| partition.take_expired()));
        }
    }
}
