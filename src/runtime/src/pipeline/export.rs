//! All that is held about a user, for whoever has a right to it.

use std::sync::Arc;

use super::Pipeline;
use rekindle_core::partition::UserStateExport;
use rekindle_core::time::Timestamp;

/// All that is held about a user or an anonymous visitor.
#[derive(Clone, Debug, PartialEq)]
pub struct UserExport {
    /// The log's watermark.
    pub watermark: Timestamp,
    /// The state; `None`: there is none, though there may be links.
    pub state: Option<UserStateExport>,
    /// The user whom the id is linked to as an anonymous visitor.
    pub linked_to: Option<Arc<str>>,
    /// The anonymous visitors linked to the id, sorted.
    pub visitors: Vec<Arc<str>>,
}

impl Pipeline {
    /// All that is held about a user or an anonymous visitor; `None`: nothing.
    pub fn export(&self, user: &str) -> Option<UserExport> {
        let state = self.user(user).map(|user| UserStateExport::new(&self.plan, &user));
        let linked_to = self.links.user_of(user).cloned();
        let mut visitors = self.links.visitors_of(user).to_vec();
        visitors.sort_unstable();
        let is_known = state.is_some() || linked_to.is_some() || !visitors.is_empty();
        is_known.then(|| UserExport { watermark: self.watermark(), state, linked_to, visitors })
    }
}
