//! Users that were recomputed from the log's past, when rules take effect that know it.
//!
//! A partition that recomputes makes no decisions: what campaigns did in the past, they did by the rules of then. When the rules
//! take effect, each user keeps what really happened (exposures, caps, deferred decisions, asks, reservations, exposures to
//! goals, points), and the segments it is in, so that every difference is told as a transition.

use super::io::{Cause, Output, RulesChange};
use super::{ExecutionPlan, Partition, User};
use crate::engine::key_instance::KeyInstance;
use crate::engine::recomputed::RecomputedParts;
use crate::picks::UserPicks;
use crate::time::Timestamp;

impl Partition {
    /// From here on decides nothing: neither transitions nor matches trigger campaigns.
    pub fn decide_nothing(&mut self) {
        self.steps.decides_nothing = true;
    }

    /// Removes all users, sorted by id.
    pub fn take_users(&mut self) -> Vec<User> {
        let mut users: Vec<User> = self.users().map(std::borrow::Cow::into_owned).collect();
        users.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        self.users = self.users.emptied();
        self.keys.clear();
        users
    }

    /// Inserts a user to whom other rules apply from here on, with what was recomputed of it (`None`: the log that is still
    /// there knows nothing of the user): evaluated once, at its clock. The resulting transitions are outputs, and trigger no
    /// campaign.
    pub fn attach_recomputed(
        &mut self,
        plan: &ExecutionPlan,
        both: LiveAndRecomputed,
        change: &RulesChange,
        out: &mut Vec<Output>,
    ) {
        let LiveAndRecomputed { live: mut user, recomputed, parts } = both;
        user.profile.leave_segments_of_other_subjects(&plan.rules);
        user.campaigns.asks.drop_unanswered(&plan.rules);
        let gone = user.take_recomputed(recomputed, parts);
        self.steps.enter_segments(&user);
        user.profile.now = user.profile.now.max(change.watermark);
        for instance in &gone {
            let cause = Cause::Rules { change: change.number };
            self.steps.tell_left(plan, &user, instance, cause, change.position, out);
        }
        self.steps.forget_surplus_keys(plan, &mut user, change.position, out);
        self.steps.change_rules(plan, &mut user, change, out);
        self.put(user);
    }
}

/// A user as it is and as it was recomputed.
#[derive(Debug)]
pub struct LiveAndRecomputed<'p> {
    /// With all that really happened; one that only the recomputed state has is a [new](LiveAndRecomputed::recomputed_alone) one.
    pub live: User,
    /// `None`: the log that is still there knows nothing of the user.
    pub recomputed: Option<User>,
    /// What is taken from the latter.
    pub parts: &'p RecomputedParts,
}

impl<'p> LiveAndRecomputed<'p> {
    /// A user whom only the recomputed state has: in no segment, and nothing was ever sent to it.
    pub fn recomputed_alone(recomputed: User, parts: &'p RecomputedParts) -> LiveAndRecomputed<'p> {
        let live = User::new(recomputed.id.clone(), Timestamp::MIN);
        LiveAndRecomputed { live, recomputed: Some(recomputed), parts }
    }
}

impl User {
    /// Takes what was recomputed of this user. Returns the instances of keys that are gone.
    fn take_recomputed(&mut self, recomputed: Option<User>, parts: &RecomputedParts) -> Vec<KeyInstance> {
        let (mut growth, mut gone, mut picks) = (None, Vec::new(), UserPicks::default());
        if let Some(recomputed) = recomputed {
            gone = self.profile.take_recomputed(recomputed.profile, parts);
            growth = recomputed.growth;
            picks = recomputed.picks;
        }
        if parts.growth {
            self.growth = growth;
        }
        if parts.profile {
            self.picks = picks;
        }
        self.unsettled = true;
        self.segments_due = self.profile.now;
        gone
    }
}
