//! Picks in a partition (semantics §20): what its users touched, for a taking; and what stands from takings until the next.

use std::sync::Arc;

use super::{ExecutionPlan, Partition};
use crate::picks::{Pick, PickIndex, SessionNumber, TouchScan, TouchTable};
use crate::rules::ruleset::PickListId;
use crate::time::Timestamp;

impl Partition {
    /// What all users touched, for a taking at an instant, with the sessions from `first` on.
    pub fn scan_touches(&mut self, list: PickListId, at: Timestamp, first: SessionNumber) -> TouchScan {
        self.steps.pick_tables[usize::from(list.0)].take(at, first)
    }

    /// The sessions that began since this was last asked, by list.
    pub fn take_begun_sessions(&mut self) -> impl Iterator<Item = (PickListId, Vec<SessionNumber>)> {
        (0..).map(PickListId).zip(self.steps.pick_tables.iter_mut().map(TouchTable::take_begun))
    }

    /// From here on these indexes stand, by list.
    pub fn use_pick_indexes(&mut self, indexes: Arc<[Arc<PickIndex>]>) {
        self.steps.pick_indexes = indexes;
    }

    /// What a user would be offered at an instant, or at its clock where that is ahead; `seeds` stand for its current session. Nobody
    /// is known by an id of whom there is no state.
    pub fn picks_for(
        &self,
        plan: &ExecutionPlan,
        user: &str,
        list: PickListId,
        items: usize,
        (seeds, now): (Option<&[Arc<str>]>, Timestamp),
    ) -> Vec<Pick> {
        let mut user = match self.user(user) {
            Some(user) => user.into_owned(),
            None => super::User::new(user.into(), now),
        };
        user.profile.now = user.profile.now.max(now);
        self.steps.pick(plan, &user, list, items, seeds)
    }
}
