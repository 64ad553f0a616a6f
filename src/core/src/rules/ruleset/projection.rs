//! What the decoder keeps of an event.

use crate::event::{FieldId, TraitId};

/// What the decoder keeps of an event; everything else is skipped, but must be JSON.
#[derive(Clone, Debug, Default)]
pub struct Projection {
    /// Property and context paths, by `FieldId`. The first key is `properties` or `context`.
    pub fields: Vec<Vec<String>>,
    /// Trait paths below `traits`, by `TraitId`.
    pub traits: Vec<Vec<String>>,
    /// The track events that have names, by `TrackedId`.
    pub tracked: Vec<String>,
    /// The track events of which something reads properties; `None`: of any.
    pub property_events: Option<Vec<String>>,
    /// `context.timezone`, where a campaign has quiet hours.
    pub timezone_field: Option<FieldId>,
    /// `traits.timezone`, where a campaign has quiet hours.
    pub timezone_trait: Option<TraitId>,
}
