//! Which parts of a user's state are taken from what the log's past was recomputed to, when rules take effect that know it.

/// For each part of the state under some rules: whether it is taken from the recomputed state (`true`), or stays as it was.
///
/// What was really sent, spent, granted or reserved is never recomputed, and has no place here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecomputedParts {
    /// By feature.
    pub features: Vec<bool>,
    /// All that is of no single feature: the recomputed state knows the log at least as far back as the other.
    pub profile: bool,
    /// By ledger: only those that there were not before.
    pub ledgers: Vec<bool>,
    /// The growth state of all users, and the rollup with it.
    pub growth: bool,
}

impl RecomputedParts {
    /// Whether the feature or ledger with this index is recomputed; one that the rules do not have is not.
    pub(crate) fn has(parts: &[bool], index: u16) -> bool {
        parts.get(usize::from(index)).copied().unwrap_or(false)
    }
}
