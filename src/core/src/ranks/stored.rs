//! What is stored of takings beside what came of them, which is the users'.

use crate::rules::ruleset::RankId;
use crate::time::Timestamp;

/// When a rank is taken next, and how many were taken at the latest taking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredRankTaking {
    /// The rank.
    pub rank: RankId,
    /// When; `None`: the log has not begun.
    pub next: Option<Timestamp>,
    /// How many users were taken at the latest taking.
    pub ranked: u32,
}
