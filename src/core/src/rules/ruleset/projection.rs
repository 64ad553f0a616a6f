//! What the decoder keeps of an event.

use crate::event::{FieldId, TraitId};

/// What the decoder keeps of an event; everything else is skipped, but must be JSON.
#[derive(Clone, Debug, Default)]
pub struct Projection {
    /// Property and context paths, by `FieldId`. The first key is `properties` or `context`; any other is the name of
    /// `[events]` whose matches have the value, which is no part of the event.
    pub fields: Vec<Vec<String>>,
    /// The arrays that are read element by element, by `ArrayId`.
    pub arrays: Vec<ArrayProjection>,
    /// Trait paths below `traits`, by `TraitId`.
    pub traits: Vec<Vec<String>>,
    /// The track events that have names, by `TrackedId`.
    pub tracked: Vec<String>,
    /// The track events of which something reads properties; `None`: of any.
    pub property_events: Option<Vec<String>>,
    /// `context.timezone`, where a campaign has quiet hours or asks for `hour()`, `weekday()`.
    pub timezone_field: Option<FieldId>,
    /// `traits.timezone`, where a campaign has quiet hours or asks for `hour()`, `weekday()`.
    pub timezone_trait: Option<TraitId>,
}

/// An array of which the elements that are objects are read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ArrayProjection {
    /// Its path below `properties`.
    pub path: Vec<String>,
    /// The paths that are read of an element, by `ItemFieldId`.
    pub fields: Vec<Vec<String>>,
}
