//! Finding users by what people know of them: an id or its beginning, the id of a visitor, the value of a trait.

use std::collections::HashSet;
use std::sync::Arc;

use super::Pipeline;
use rekindle_core::partition::SearchBounds;
pub use rekindle_core::partition::UserMatch;

/// The most users whose ids are compared in one search.
const IDS_MAX: usize = 200_000;
/// The most users whose traits are compared in one search.
const TRAITS_MAX: usize = 20_000;

/// A user that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundUser {
    /// The id.
    pub user: Arc<str>,
    /// What agreed.
    pub matched: UserMatch,
}

/// The users that were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundUsers {
    /// The one with the id first, then that of a visitor with the id, then by beginning of the id, then by trait.
    pub users: Vec<FoundUser>,
    /// There are others.
    pub more: bool,
    /// Not all users were looked at.
    pub is_cut_off: bool,
}

impl Pipeline {
    /// Finds at most `limit` users by a text. Work is bounded: with many users not all of them are looked at, but for the one with
    /// the id, or whose visitor has it.
    pub fn search(&self, text: &str, limit: usize) -> FoundUsers {
        let mut first = Vec::new();
        if let Some(user) = self.user(text) {
            first.push(FoundUser { user: Arc::clone(&user.id), matched: UserMatch::Id });
        }
        if let Some(user) = self.linked_user(text) {
            first.push(FoundUser { user: Arc::clone(user), matched: UserMatch::AnonymousId });
        }
        let share = |all: usize| (all / self.partitions.len()).max(1);
        let bounds = SearchBounds { ids: share(IDS_MAX), traits: share(TRAITS_MAX), found: limit + 1 };
        let (mut found, mut is_cut_off) = (Vec::new(), false);
        for partition in &self.partitions {
            is_cut_off |= partition.search(&self.plan, text, bounds, &mut found);
        }
        found.sort_by(|(a, by_a), (b, by_b)| (*by_a != UserMatch::Id, a).cmp(&(*by_b != UserMatch::Id, b)));
        let others = found.into_iter().map(|(user, matched)| FoundUser { user, matched });
        let mut seen = HashSet::new();
        let mut users: Vec<FoundUser> = first.into_iter().chain(others).collect();
        users.retain(|found| seen.insert(Arc::clone(&found.user)));
        let more = users.len() > limit;
        users.truncate(limit);
        FoundUsers { users, more, is_cut_off }
    }
}
