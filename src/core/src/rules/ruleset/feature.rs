//! Features: what is remembered per user.

use super::NameId;
use crate::features::FeatureKind;

/// What is remembered about an event, or a property of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Feature {
    /// Which events feed it.
    pub name: NameId,
    /// Which other events feed it too, where it is of two: `b` of `followed(a, b, '1h')`.
    pub second: Option<NameId>,
    /// What is kept.
    pub kind: FeatureKind,
}
