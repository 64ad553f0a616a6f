//! A user of a partition: profile, campaign memory, and when to look again.

use std::sync::Arc;

use super::snapshot::SnapshotEpoch;
use crate::campaigns::CampaignState;
use crate::engine::profile::UserProfile;
use crate::growth;
use crate::time::{Span, Timestamp};

/// One user, with everything the partition keeps about them.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// The user's id.
    pub id: Arc<str>,
    /// What happened.
    pub profile: UserProfile,
    /// What campaigns did about it.
    pub memory: CampaignState,
    /// The growth state; only if the rules ask for growth numbers.
    pub growth: Option<Box<growth::UserGrowthState>>,
    /// No segment changes before this instant by time alone.
    pub segments_due: Timestamp,
    /// The soonest wake-up that stands in the partition's timers for this user.
    pub armed: Timestamp,
    /// All segments must be evaluated at the next step: the user is new, or a visitor's past was taken in.
    pub unsettled: bool,
    /// When it was last changed, in rounds of cuts.
    pub(super) mark: SnapshotEpoch,
}

impl User {
    /// Someone of whom nothing is known yet.
    pub fn new(id: Arc<str>, now: Timestamp) -> User {
        User {
            id,
            profile: UserProfile::new(now),
            memory: CampaignState::default(),
            growth: None,
            segments_due: Timestamp::NEVER,
            armed: Timestamp::NEVER,
            unsettled: true,
            mark: SnapshotEpoch::default(),
        }
    }

    /// The bytes it takes beside its own place.
    pub fn heap_bytes(&self) -> usize {
        // An `Arc` has two counters before its text.
        let growth = self.growth.as_ref().map_or(0, |record| record.heap_bytes());
        self.id.len() + 2 * size_of::<usize>() + self.profile.heap_bytes() + self.memory.heap_bytes() + growth
    }

    /// The earliest instant at which anything can change without an event.
    pub fn due(&self) -> Timestamp {
        self.segments_due.min(self.memory.next_release())
    }

    /// When the user is dropped if no event comes: once idle for `state_ttl` and with nothing to come by time alone.
    /// `None`: something is to come before, or there is no such time.
    pub fn expires(&self, state_ttl: Option<Span>) -> Option<Timestamp> {
        // Of someone who is not evaluated yet it isn't known what is to come.
        let is_settled = !self.unsettled && self.due() == Timestamp::NEVER;
        state_ttl.filter(|_| is_settled).map(|ttl| self.profile.now.max(self.profile.latest + ttl))
    }

    /// When to look at the user again.
    pub(super) fn wake_up(&self, state_ttl: Option<Span>) -> Timestamp {
        self.expires(state_ttl).unwrap_or_else(|| self.due())
    }
}
