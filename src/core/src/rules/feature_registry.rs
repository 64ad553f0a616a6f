//! What a rules file remembers and reads, each thing once: features, projected fields, traits.

use std::collections::HashMap;
use std::hash::Hash;

use super::program::{Feature, FeatureId, FeatureKind, NameId, Projection};
use crate::event::{FieldId, TraitId};

/// Hands out ids: the same thing has the same id.
#[derive(Default)]
pub(super) struct FeatureRegistry {
    features: Interner<Feature>,
    fields: Interner<Vec<String>>,
    traits: Interner<Vec<String>>,
}

/// There are more things of one kind than ids for them.
#[derive(Debug)]
pub(super) struct IdSpaceExhausted {
    /// What there is too much of.
    pub(super) what: &'static str,
}

impl FeatureRegistry {
    pub(super) fn feature(&mut self, name: NameId, kind: FeatureKind) -> Result<FeatureId, IdSpaceExhausted> {
        self.features.id(Feature { name, kind }).map(FeatureId).ok_or(IdSpaceExhausted { what: "features" })
    }

    /// `path` starts with `properties` or `context`.
    pub(super) fn field(&mut self, path: Vec<String>) -> Result<FieldId, IdSpaceExhausted> {
        self.fields.id(path).map(FieldId).ok_or(IdSpaceExhausted { what: "properties" })
    }

    pub(super) fn user_trait(&mut self, path: Vec<String>) -> Result<TraitId, IdSpaceExhausted> {
        self.traits.id(path).map(TraitId).ok_or(IdSpaceExhausted { what: "traits" })
    }

    pub(super) fn into_parts(self) -> (Vec<Feature>, Projection) {
        let projection = Projection {
            fields: self.fields.items,
            traits: self.traits.items,
            tracked: Vec::new(),
            property_events: None,
            timezone_field: None,
            timezone_trait: None,
        };
        (self.features.items, projection)
    }
}

struct Interner<T> {
    items: Vec<T>,
    ids: HashMap<T, u16>,
}

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Interner { items: Vec::new(), ids: HashMap::new() }
    }
}

impl<T: Clone + Eq + Hash> Interner<T> {
    fn id(&mut self, item: T) -> Option<u16> {
        if let Some(id) = self.ids.get(&item) {
            return Some(*id);
        }
        let id = u16::try_from(self.items.len()).ok()?;
        self.items.push(item.clone());
        self.ids.insert(item, id);
        Some(id)
    }
}
