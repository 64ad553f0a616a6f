//! Features: what is remembered per user, or per instance of a key.

use super::{GroupId, LedgerId, NameId, PerId};
use crate::features::FeatureKind;

/// What is remembered about an event, a property of it, or the points of a ledger.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Feature {
    /// Of which `[per.K]` each instance has one; `None`: each user has one.
    pub per: Option<PerId>,
    /// Of which `[groups.G]` each group has one; `None`: it is a user's.
    pub group: Option<GroupId>,
    /// What feeds it.
    pub source: FeatureSource,
    /// Which other events feed it too, where it is of two: `b` of `followed(a, b, '1h')`.
    pub second: Option<NameId>,
    /// What is kept.
    pub kind: FeatureKind,
}

/// What feeds a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FeatureSource {
    /// The matches of a name.
    Matches(NameId),
    /// What is earned and spent in a ledger.
    Points(LedgerId),
}

impl Feature {
    /// The name whose matches feed it, if matches do.
    pub fn name(&self) -> Option<NameId> {
        match self.source {
            FeatureSource::Matches(name) => Some(name),
            FeatureSource::Points(_) => None,
        }
    }
}
