//! What users share, as it is stored: each file has all of it.

use crate::budgets::StoredBook;
use crate::groups::StoredGroups;
use crate::picks::StoredPicks;

/// What users share.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredShared {
    /// What is known of all budgets; `None`: the rules have none.
    pub budgets: Option<StoredBook>,
    /// All groups, and the matches that wait for them.
    pub groups: StoredGroups,
    /// What stands of picks, by list.
    pub picks: Vec<StoredPicks>,
}
