//! The features, projected fields and traits of a rules file, each once.

use std::collections::HashMap;
use std::hash::Hash;

use crate::event::{FieldId, TraitId};
use crate::rules::ruleset::{Feature, FeatureId, FeatureKind, NameId, Projection};

/// Assigns ids: equal features, fields and traits have equal ids.
#[derive(Default)]
pub(in crate::rules) struct FeatureRegistry {
    features: Interner<Feature>,
    fields: Interner<Vec<String>>,
    traits: Interner<Vec<String>>,
}

/// There are more features, properties or traits than ids.
#[derive(Debug)]
pub(in crate::rules) struct IdSpaceExhausted {
    /// Of what there are too many, in the plural.
    pub(in crate::rules) what: &'static str,
}

impl FeatureRegistry {
    pub(in crate::rules) fn feature(&mut self, name: NameId, kind: FeatureKind) -> Result<FeatureId, IdSpaceExhausted> {
        self.features.id(Feature { name, kind }).map(FeatureId).ok_or(IdSpaceExhausted { what: "features" })
    }

    /// `path` starts with `properties` or `context`.
    pub(in crate::rules) fn field(&mut self, path: Vec<String>) -> Result<FieldId, IdSpaceExhausted> {
        self.fields.id(path).map(FieldId).ok_or(IdSpaceExhausted { what: "properties" })
    }

    pub(in crate::rules) fn user_trait(&mut self, path: Vec<String>) -> Result<TraitId, IdSpaceExhausted> {
        self.traits.id(path).map(TraitId).ok_or(IdSpaceExhausted { what: "traits" })
    }

    pub(in crate::rules) fn into_parts(self) -> (Vec<Feature>, Projection) {
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
