//! What users share at the end of a beat (semantics §8): their matches go to groups, and what groups tell is delivered to them.

use std::sync::Arc;

use super::firing::arm;
use super::io::{LogInstant, Output};
use super::{ExecutionPlan, Partition};
use crate::groups::{GroupMatch, GroupRules, ToldNotice};
use crate::secret::DrawSecret;
use crate::time::Timestamp;

/// All that reaches one user at the end of a beat.
#[derive(Debug)]
pub struct BeatDelivery<'n> {
    /// The user.
    pub user: Arc<str>,
    /// What groups tell, by file order of names, then by key, then as it arose.
    pub notices: Vec<&'n ToldNotice>,
    /// The latest time of all of it.
    pub at: Timestamp,
}

impl ExecutionPlan {
    /// What groups are evaluated by.
    pub fn group_rules<'p>(&'p self, secret: &'p DrawSecret) -> GroupRules<'p> {
        GroupRules { rules: &self.rules, dispatch: &self.dispatch, secret }
    }
}

impl Partition {
    /// Delivers to a user at the end of a beat, at that watermark: what is due by then fires first. False, and nothing is
    /// delivered: there is no such user, or not any more by then.
    pub fn deliver(
        &mut self,
        plan: &ExecutionPlan,
        delivery: &BeatDelivery<'_>,
        end: LogInstant,
        out: &mut Vec<Output>,
    ) -> bool {
        let Some(slot) = self.users.find(&delivery.user) else { return false };
        let Partition { users, timers, steps, snapshots, .. } = self;
        let expired = users.change(slot, |user| {
            snapshots.touch(slot, user);
            let now = delivery.at.max(user.profile.now).max(end.at);
            steps.enter_beat(end.at);
            if let Some(at) = steps.fire_due(plan, user, LogInstant { at: now, position: end.position }, out) {
                steps.note_expired(plan, user, LogInstant { at, position: end.position }, out);
                return Some(Arc::clone(&user.id));
            }
            steps.enter_beat(end.at);
            user.profile.now = now;
            steps.take_delivery(plan, user, &delivery.notices, end.position, out);
            arm(timers, slot, user, steps.state_ttl);
            None
        });
        let expired = expired.flatten();
        if let Some(id) = &expired {
            self.remove(id);
        }
        expired.is_none()
    }

    /// The matches for groups that came since this was last called, in the order of each user.
    pub fn take_group_matches(&mut self) -> Vec<GroupMatch> {
        std::mem::take(&mut self.steps.group_matches)
    }
}
