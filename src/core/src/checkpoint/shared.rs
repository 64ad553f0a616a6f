//! What users share, as it is stored: each file has all of it, but of rows a delta has those that changed.

use crate::budgets::StoredBook;
use crate::campaigns::StoredWeights;
use crate::groups::StoredGroups;
use crate::picks::StoredPicks;
use crate::ranks::StoredRankTaking;
use crate::rows::StoredRows;

/// What users share.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredShared {
    /// What is known of all budgets; `None`: the rules have none.
    pub budgets: Option<StoredBook>,
    /// All groups, and the matches that wait for them.
    pub groups: StoredGroups,
    /// What stands of picks, by list.
    pub picks: Vec<StoredPicks>,
    /// The rows of tables, and the calls that wait for them.
    pub rows: StoredRows,
    /// When each rank is taken next.
    pub ranks: Vec<StoredRankTaking>,
    /// The weights of variants that adapt.
    pub weights: Vec<StoredWeights>,
}
