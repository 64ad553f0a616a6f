//! A user of a partition: profile, campaign state, growth state, and the next timer.

use std::sync::Arc;

use super::snapshot::SnapshotEpoch;
use crate::budgets::Reservations;
use crate::campaigns::CampaignState;
use crate::engine::profile::UserProfile;
use crate::goals::GoalExposures;
use crate::growth;
use crate::partners::PartnerShares;
use crate::picks::{ShownItems, UserPicks};
use crate::rules::ruleset::SegmentId;
use crate::time::{Span, Timestamp};

/// One user, with everything the partition keeps about them.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// The user's id.
    pub id: Arc<str>,
    /// What events said.
    pub profile: UserProfile,
    /// Exposures, actions and deferred decisions.
    pub campaigns: CampaignState,
    /// Exposures to the goals of campaigns.
    pub goals: GoalExposures,
    /// Costs that are reserved of budgets.
    pub reservations: Reservations,
    /// With which partners it is shared.
    pub shares: PartnerShares,
    /// What it touched, for each list of picks.
    pub picks: UserPicks,
    /// What was shown to it of lists of picks; only if the rules ask for growth numbers.
    pub shown: ShownItems,
    /// The growth state; only if the rules ask for growth numbers.
    pub growth: Option<Box<growth::UserGrowthState>>,
    /// No segment changes before this instant by time alone.
    pub segments_due: Timestamp,
    /// The earliest timer of this user in the partition's queue.
    pub armed: Timestamp,
    /// All segments must be evaluated at the next step: the user is new, or a visitor was merged into it.
    pub unsettled: bool,
    /// The snapshot epoch in which it was last changed.
    pub(super) snapshot_epoch: SnapshotEpoch,
}

impl User {
    /// A new user.
    pub fn new(id: Arc<str>, now: Timestamp) -> User {
        User {
            id,
            profile: UserProfile::new(now),
            campaigns: CampaignState::default(),
            goals: GoalExposures::default(),
            reservations: Reservations::default(),
            shares: PartnerShares::default(),
            picks: UserPicks::default(),
            shown: ShownItems::default(),
            growth: None,
            segments_due: Timestamp::NEVER,
            armed: Timestamp::NEVER,
            unsettled: true,
            snapshot_epoch: SnapshotEpoch::default(),
        }
    }

    /// The bytes it takes on the heap.
    pub fn heap_bytes(&self) -> usize {
        // An `Arc` has two counters before its text.
        let growth = self.growth.as_ref().map_or(0, |record| record.heap_bytes());
        let campaigns = self.campaigns.heap_bytes() + self.reservations.heap_bytes() + self.goals.heap_bytes();
        let campaigns = campaigns + self.shares.heap_bytes() + self.picks.heap_bytes() + self.shown.heap_bytes();
        self.id.len() + 2 * size_of::<usize>() + self.profile.heap_bytes() + campaigns + growth
    }

    /// The earliest instant at which anything can change without an event.
    #[inline]
    pub fn due(&self) -> Timestamp {
        let of_profile = self.profile.keys.due().min(self.profile.points.due());
        let of_campaigns = self.campaigns.next_release().min(self.reservations.next_release());
        self.segments_due.min(of_profile).min(of_campaigns).min(self.goals.due())
    }

    /// The segments that the user is in, and those of its keys, each as often as keys are in it.
    pub fn memberships(&self) -> impl Iterator<Item = SegmentId> {
        let of_keys = self.profile.keys.memberships().flat_map(|(_, members)| members.iter().collect::<Vec<_>>());
        self.profile.members.iter().chain(of_keys)
    }

    /// When the user is dropped if no event comes: once idle for `state_ttl`, with nothing to come by time alone, no points
    /// and no debt. `None`: something is to come before, or there is no such time.
    pub fn expires(&self, state_ttl: Option<Span>) -> Option<Timestamp> {
        self.expires_unless(self.due(), state_ttl)
    }

    /// The same, where it is known when the user is [due](User::due).
    pub(super) fn expires_unless(&self, due: Timestamp, state_ttl: Option<Span>) -> Option<Timestamp> {
        let ttl = state_ttl.filter(|_| due == Timestamp::NEVER)?;
        // What is due for a user that was not evaluated yet is not known.
        let is_waiting = self.unsettled || !self.campaigns.asks.is_empty() || self.profile.points.has_balance();
        (!is_waiting).then(|| self.profile.now.max(self.profile.latest + ttl))
    }

    /// When the user's timer fires.
    pub(super) fn wake_up(&self, state_ttl: Option<Span>) -> Timestamp {
        let due = self.due();
        self.expires_unless(due, state_ttl).unwrap_or(due)
    }
}
