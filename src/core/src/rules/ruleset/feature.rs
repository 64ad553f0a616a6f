//! Features: what is remembered per user, or per instance of a key.

use super::{NameId, PerId};
use crate::features::FeatureKind;

/// What is remembered about an event, or a property of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Feature {
    /// Of which `[per.K]` each instance has one; `None`: each user has one.
    pub per: Option<PerId>,
    /// Which events feed it.
    pub name: NameId,
    /// Which other events feed it too, where it is of two: `b` of `followed(a, b, '1h')`.
    pub second: Option<NameId>,
    /// What is kept.
    pub kind: FeatureKind,
}
