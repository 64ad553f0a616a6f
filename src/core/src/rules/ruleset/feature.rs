//! Features: what is remembered per user.

use super::NameId;
use crate::features::FeatureKind;

/// What is remembered about an event, or a property of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Feature {
    /// Which events feed it.
    pub name: NameId,
    /// What is kept.
    pub kind: FeatureKind,
}
