//! What can be read from a pipeline between two batches: users, links, partitions, sizes, and what was stored about one id.
//!
//! Nothing here changes anything that is decided.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::Pipeline;
use rekindle_core::partition::{
    ExecutionPlan, Partition, RecordedEvent, RecordedMerge, SegmentDeparture, User, UserReport, UserStateExport,
};
use rekindle_core::partners::PartnerSubject;
use rekindle_core::route::partition_of;
use rekindle_core::rows::TableRows;
use rekindle_core::rules::ruleset::{PartnerId, SegmentId};
use rekindle_core::time::Timestamp;

/// Everything that is stored about a user or an anonymous visitor.
#[derive(Clone, Debug, PartialEq)]
pub struct UserExport {
    /// The log's watermark.
    pub watermark: Timestamp,
    /// The state; `None`: there is none, though there may be links.
    pub state: Option<UserStateExport>,
    /// The user that the id is linked to as an anonymous visitor.
    pub linked_to: Option<Arc<str>>,
    /// The anonymous visitors linked to the id, sorted.
    pub visitors: Vec<Arc<str>>,
    /// The groups that keep the id or that of such a visitor: the id of the `[groups.G]`, and the key.
    pub groups: Vec<(String, Arc<str>)>,
}

/// A user's state, to be looked at outside of the engine.
#[derive(Clone, Debug)]
pub struct UserCopy {
    /// The rules.
    pub plan: Arc<ExecutionPlan>,
    /// The user.
    pub user: User,
    /// The instant by which everything due has fired, or the user's own clock where that is ahead of it.
    pub at: Timestamp,
    /// The rows of tables.
    pub rows: Arc<TableRows>,
}

impl Pipeline {
    /// The rules in force.
    pub fn plan(&self) -> &Arc<ExecutionPlan> {
        &self.plan
    }

    /// The number of events accepted so far, which is the position in the log of the next one.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// When the broker received each event that the last batch accepted: the last one is that of the event at
    /// `position() - 1`. Empty if the log has no broker.
    pub fn received(&self) -> &[Timestamp] {
        &self.received
    }

    /// A user's report at the instant up to which timers have [fired](Pipeline::fired); `None`: the id is unknown, or that of
    /// a visitor who was merged into a user.
    pub fn report(&self, user: &str) -> Option<UserReport> {
        self.partitions[partition_of(user, self.partitions.len())].report(&self.plan, user, self.fired())
    }

    /// A user's state.
    pub fn user(&self, user: &str) -> Option<Cow<'_, User>> {
        self.partitions[partition_of(user, self.partitions.len())].user(user)
    }

    /// A copy of a user's state; `None`: the id is unknown, or that of a visitor who was merged into a user.
    pub fn copy_of(&self, user: &str) -> Option<UserCopy> {
        let user = self.user(user)?.into_owned();
        let at = self.fired().max(user.profile.now);
        let rows = self.rows().map_or_else(Arc::default, |rows| Arc::clone(rows.rows()));
        Some(UserCopy { plan: Arc::clone(&self.plan), user, at, rows })
    }

    /// Under which subjects those of the users are known to a partner, in a segment, who are shared with it.
    pub fn partner_subjects(&self, partner: &str, segment: &str, users: &[Arc<str>]) -> Vec<PartnerSubject> {
        let rules = &self.plan.rules;
        let partner = rules.partners.iter().position(|known| known.id == partner);
        let segment = rules.segments.iter().position(|known| known.id == segment);
        let number = |at: Option<usize>| at.and_then(|at| u16::try_from(at).ok());
        let (Some(partner), Some(segment)) = (number(partner), number(segment)) else { return Vec::new() };
        let (partner, segment) = (PartnerId(partner), SegmentId(segment));
        users.iter().filter_map(|user| self.user(user)?.shares.subject(partner, segment)).collect()
    }

    /// The events that were recorded, in the order of the log, and whether these are all.
    pub fn recorded_events(&self) -> (Vec<&RecordedEvent>, bool) {
        let (mut events, mut is_complete) = (Vec::new(), true);
        for partition in &self.partitions {
            let (recorded, is_all) = partition.recorded_events();
            events.extend(recorded);
            is_complete &= is_all;
        }
        events.sort_by_key(|event| event.position);
        (events, is_complete)
    }

    /// Those of them that are a user's: the ones applied to the user, and those of visitors from before they became the user.
    pub fn recorded_events_of(&self, user: &str) -> (Vec<&RecordedEvent>, bool) {
        let (mut events, is_complete) = self.recorded_events();
        let mut merges: HashMap<&str, Vec<&RecordedMerge>> = HashMap::new();
        for merge in self.partitions.iter().flat_map(Partition::recorded_merges) {
            merges.entry(&merge.visitor).or_default().push(merge);
        }
        merges.values_mut().for_each(|merges| merges.sort_by_key(|merge| merge.position));
        events.retain(|event| {
            let merges = merges.get(&*event.user).map_or(&[][..], Vec::as_slice);
            match merges.iter().find(|merge| merge.position > event.position) {
                Some(merge) => merge.user.as_deref() == Some(user),
                None => *event.user == *user,
            }
        });
        (events, is_complete)
    }

    /// The anonymous visitors that are linked to a user, in no particular order.
    pub fn visitors_of(&self, user: &str) -> &[Arc<str>] {
        self.links.visitors_of(user)
    }

    /// All users with state, in no particular order.
    pub fn users(&self) -> impl Iterator<Item = Cow<'_, User>> {
        self.partitions.iter().flat_map(Partition::users)
    }

    /// The user that a visitor is linked to.
    pub fn linked_user(&self, visitor: &str) -> Option<&Arc<str>> {
        self.links.user_of(visitor)
    }

    /// The bytes that the links of visitors occupy.
    pub fn links_bytes(&self) -> u64 {
        self.links.heap_bytes() as u64
    }

    /// From here on keeps who leaves segments without transitions, until that is taken.
    pub(crate) fn keep_departures(&mut self) {
        self.partitions.iter_mut().for_each(Partition::keep_departures);
    }

    /// Takes them, in no particular order.
    pub(crate) fn take_departures(&mut self) -> impl Iterator<Item = SegmentDeparture> {
        self.partitions.iter_mut().flat_map(Partition::take_departures)
    }

    /// The partitions.
    pub fn partitions(&self) -> &[Partition] {
        &self.partitions
    }

    /// Everything that is stored about a user or an anonymous visitor; `None`: nothing.
    pub fn export(&self, user: &str) -> Option<UserExport> {
        let state = self.user(user).map(|user| UserStateExport::new(&self.plan, &user));
        let linked_to = self.links.user_of(user).cloned();
        let mut visitors = self.links.visitors_of(user).to_vec();
        visitors.sort_unstable();
        let groups = self.groups_with(std::iter::once(user).chain(visitors.iter().map(|visitor| &**visitor)));
        let is_known = state.is_some() || linked_to.is_some() || !visitors.is_empty() || !groups.is_empty();
        is_known.then(|| UserExport { watermark: self.watermark(), state, linked_to, visitors, groups })
    }
}
