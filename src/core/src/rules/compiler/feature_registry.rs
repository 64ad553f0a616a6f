//! The features, projected fields and traits of a rules file, each once.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use crate::event::{ArrayId, FieldId, ItemFieldId, TraitId};
use crate::rules::ruleset::{ArrayProjection, Feature, FeatureId, MatchValue, MatchValueSource, NameId, Projection};

/// Assigns ids: equal features, fields and traits have equal ids.
#[derive(Default)]
pub(in crate::rules) struct FeatureRegistry {
    features: Interner<Feature>,
    fields: Interner<Vec<String>>,
    traits: Interner<Vec<String>>,
    arrays: Interner<Vec<String>>,
    /// By `ArrayId`.
    item_fields: Vec<Interner<Vec<String>>>,
    /// The values of matches that something reads, by name.
    match_values: BTreeMap<NameId, Vec<MatchValue>>,
}

/// There are more features, properties or traits than ids.
#[derive(Debug)]
pub(in crate::rules) struct IdSpaceExhausted {
    /// Of what there are too many, in the plural.
    pub(in crate::rules) what: &'static str,
}

impl FeatureRegistry {
    /// Gives what a projection has of events the ids that it has there. Nothing may have an id yet.
    pub(in crate::rules) fn share(&mut self, shared: &Projection) -> Result<(), IdSpaceExhausted> {
        for path in &shared.fields {
            self.field(path.clone())?;
        }
        for path in &shared.traits {
            self.user_trait(path.clone())?;
        }
        for array in &shared.arrays {
            let id = self.array(array.path.clone())?;
            for path in &array.fields {
                self.item_field(id, path.clone())?;
            }
        }
        Ok(())
    }

    pub(in crate::rules) fn feature(&mut self, feature: Feature) -> Result<FeatureId, IdSpaceExhausted> {
        self.features.id(feature).map(FeatureId).ok_or(IdSpaceExhausted { what: "features" })
    }

    /// `path` starts with `properties` or `context`.
    pub(in crate::rules) fn field(&mut self, path: Vec<String>) -> Result<FieldId, IdSpaceExhausted> {
        self.fields.id(path).map(FieldId).ok_or(IdSpaceExhausted { what: "properties" })
    }

    pub(in crate::rules) fn user_trait(&mut self, path: Vec<String>) -> Result<TraitId, IdSpaceExhausted> {
        self.traits.id(path).map(TraitId).ok_or(IdSpaceExhausted { what: "traits" })
    }

    /// `path` leads from the properties to the array.
    pub(in crate::rules) fn array(&mut self, path: Vec<String>) -> Result<ArrayId, IdSpaceExhausted> {
        let id = self.arrays.id(path).map(ArrayId).ok_or(IdSpaceExhausted { what: "arrays" })?;
        if self.item_fields.len() < self.arrays.items.len() {
            self.item_fields.push(Interner::default());
        }
        Ok(id)
    }

    /// `path` leads from an element to the value.
    pub(in crate::rules) fn item_field(
        &mut self,
        array: ArrayId,
        path: Vec<String>,
    ) -> Result<ItemFieldId, IdSpaceExhausted> {
        let id = self.item_fields[usize::from(array.0)].id(path);
        id.map(ItemFieldId).ok_or(IdSpaceExhausted { what: "properties" })
    }

    /// The field of a match's value. `path` starts with the name; `source` is asked for where the value comes from, once.
    pub(in crate::rules) fn match_field(
        &mut self,
        name: NameId,
        path: Vec<String>,
        source: impl FnOnce(&mut FeatureRegistry) -> Result<MatchValueSource, IdSpaceExhausted>,
    ) -> Result<FieldId, IdSpaceExhausted> {
        let known = self.fields.items.len();
        let field = self.field(path)?;
        if self.fields.items.len() > known {
            let source = source(self)?;
            self.match_values.entry(name).or_default().push(MatchValue { field, source });
        }
        Ok(field)
    }

    /// The values of a name's matches that something reads.
    pub(in crate::rules) fn take_match_values(&mut self, name: NameId) -> Vec<MatchValue> {
        self.match_values.remove(&name).unwrap_or_default()
    }

    pub(in crate::rules) fn into_parts(self) -> (Vec<Feature>, Projection) {
        let fields_of = self.item_fields.into_iter().map(|fields| fields.items);
        let arrays = self.arrays.items.into_iter().zip(fields_of);
        let projection = Projection {
            arrays: arrays.map(|(path, fields)| ArrayProjection { path, fields }).collect(),
            fields: self.fields.items,
            traits: self.traits.items,
            tracked: Vec::new(),
            row_events: Vec::new(),
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
