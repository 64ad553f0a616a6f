//! What can be read of groups between two batches.
//!
//! Nothing here changes anything that is decided.

use std::collections::HashSet;
use std::sync::Arc;

use super::Pipeline;
use rekindle_core::groups::{GroupBook, GroupKeysPage, GroupRules};
use rekindle_core::partition::GroupReport;
use rekindle_core::rules::ruleset::{GroupId, SegmentId};

/// How many groups are looked at for one page of keys.
const GROUPS_SCANNED_MAX: usize = 100_000;

impl Pipeline {
    /// All groups, and what waits for them; `None`: the rules have none.
    pub fn groups(&self) -> Option<&GroupBook> {
        self.shared.as_ref().filter(|_| !self.plan.rules.groups.is_empty()).map(|shared| &shared.groups)
    }

    /// What groups are evaluated by; `None`: users share nothing.
    fn group_rules(&self) -> Option<GroupRules<'_>> {
        let shared = self.shared.as_ref()?;
        Some(self.plan.group_rules(&self.options.secret, shared.rows.rows()))
    }

    /// A group as it stands; its members are the users that their ids stand for now. `None`: there is no such group.
    pub fn group_report(&self, of: &str, key: &str) -> Option<GroupReport> {
        let id = self.plan.rules.groups.iter().position(|group| group.id == of)?;
        let id = GroupId(u16::try_from(id).ok()?);
        let group = self.groups()?.group(id, key)?;
        let fired = self.final_before(self.fired());
        let mut report = GroupReport::new(&self.group_rules()?, id, group, fired);
        for members in &mut report.members {
            let mut known = HashSet::new();
            let users = members.ids.iter().map(|id| Arc::clone(self.links.user_of(id).unwrap_or(id)));
            members.ids = users.filter(|user| known.insert(Arc::clone(user))).collect();
        }
        Some(report)
    }

    /// Keys of groups in a segment, ascending, above `after`; of very many groups not all are looked at for one page. `None`: there
    /// is no such segment of groups.
    pub fn group_keys(&self, segment: &str, after: &str, limit: usize) -> Option<GroupKeysPage> {
        let rules = &self.plan.rules;
        let at = rules.segments.iter().position(|other| other.id == segment)?;
        let (id, segment) = (rules.segments[at].group?, SegmentId(u16::try_from(at).ok()?));
        Some(self.groups()?.keys_in(id, segment, after, limit, GROUPS_SCANNED_MAX))
    }

    /// The groups that keep one of these ids: the id of the `[groups.G]`, and the key; in file order, then by key.
    pub(super) fn groups_with<'u>(&self, ids: impl Iterator<Item = &'u str>) -> Vec<(String, Arc<str>)> {
        let Some(book) = self.groups() else { return Vec::new() };
        let Some(rules) = self.group_rules() else { return Vec::new() };
        let found = book.groups_with(&rules, ids);
        found.into_iter().map(|(id, key)| (self.plan.rules.groups[usize::from(id.0)].id.clone(), key)).collect()
    }
}
