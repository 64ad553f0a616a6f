//! The names that occur in a log: events, and the properties, context fields and traits that the rules read.
//!
//! Memory is bounded whatever the log contains: names of at most 128 bytes are counted, the first 1,000 of them and those
//! of the rules. What is missing is computed from them in `missing_names`.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use rekindle_core::decode::Decoded;
use rekindle_core::event::FieldId;

/// The number of names of track events that are counted, in addition to those of the rules.
pub(super) const MAX_NAMES: usize = 1_000;
/// Longer names are not counted.
pub(super) const MAX_NAME_BYTES: usize = 128;

/// The names that occur in a log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedNames {
    /// The number of track events, by name.
    pub(super) names: BTreeMap<String, u64>,
    /// Fields that the rules read and some event had.
    pub(super) fields: BTreeSet<u16>,
    /// Traits that the rules read and some call had.
    pub(super) traits: BTreeSet<u16>,
}

/// The names that occur in a slice of a batch.
#[derive(Debug, Default)]
pub(super) struct SliceObservations {
    /// The number of track events that the rules name, by id.
    tracked: Vec<u64>,
    /// The number of other track events, by name.
    others: HashMap<Box<str>, u64, foldhash::fast::FixedState>,
    fields: Vec<bool>,
    traits: Vec<bool>,
}

impl SliceObservations {
    pub(super) fn of(calls: &[Decoded<'_>]) -> SliceObservations {
        let mut seen = SliceObservations::default();
        for event in calls.iter().flatten() {
            match (event.tracked, &event.name) {
                (Some(id), _) => *element(&mut seen.tracked, id.0) += 1,
                (None, Some(name)) => seen.count(name),
                (None, None) => {}
            }
            for (FieldId(id), _) in &event.fields {
                *element(&mut seen.fields, *id) = true;
            }
            for (id, value) in &event.traits {
                *element(&mut seen.traits, id.0) |= value.is_some();
            }
        }
        seen
    }

    fn count(&mut self, name: &str) {
        if let Some(count) = self.others.get_mut(name) {
            *count += 1;
        } else if self.others.len() < MAX_NAMES && name.len() <= MAX_NAME_BYTES {
            self.others.insert(name.into(), 1);
        }
    }
}

/// The element of an id; the list grows as needed.
fn element<T: Default + Clone>(list: &mut Vec<T>, id: u16) -> &mut T {
    let index = usize::from(id);
    if list.len() <= index {
        list.resize(index + 1, T::default());
    }
    &mut list[index]
}

impl ObservedNames {
    /// Adds the names of a slice; `tracked` are the names of the track events that the rules name.
    pub(super) fn add_slice(&mut self, slice: &SliceObservations, tracked: &[String]) {
        for (name, count) in tracked.iter().zip(&slice.tracked).filter(|(_, count)| **count > 0) {
            *self.names.entry(name.clone()).or_default() += count;
        }
        for (name, count) in &slice.others {
            if let Some(known) = self.names.get_mut(&**name) {
                *known += count;
            } else if self.names.len() < MAX_NAMES + tracked.len() {
                self.names.insert(name.to_string(), *count);
            }
        }
        let set = |flags: &[bool]| {
            (0..).zip(flags.to_vec()).filter_map(|(id, is_there)| is_there.then_some(id)).collect::<Vec<u16>>()
        };
        self.fields.extend(set(&slice.fields));
        self.traits.extend(set(&slice.traits));
    }

    /// The rules have changed: fields and traits have other ids now, and are observed again.
    pub(super) fn forget_rules(&mut self) {
        self.fields.clear();
        self.traits.clear();
    }

    /// Adds what was observed before, under the same rules.
    pub(super) fn add_before(&mut self, before: &ObservedNames) {
        for (name, count) in &before.names {
            *self.names.entry(name.clone()).or_default() += count;
        }
        self.fields.extend(&before.fields);
        self.traits.extend(&before.traits);
    }

    /// The names of track events.
    pub fn tracked(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    /// The number of different names.
    pub fn names(&self) -> usize {
        self.names.len()
    }
}
