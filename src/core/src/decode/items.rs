//! The elements of an array that the rules read (`each`): objects, of which projected paths are kept.

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::fields::{FieldRole, ProjectedValues, RetainedValue};
use super::paths::PathNode;
use super::projected::read_item;
use crate::event::{ArrayId, ItemArray, ItemFieldId, MAX_ITEMS};
use crate::rules::ruleset::ArrayProjection;

/// What is read of an array's elements.
#[derive(Clone, Debug)]
pub(super) struct ItemReader {
    pub(super) array: ArrayId,
    pub(super) paths: PathNode,
    /// How many values are read of an element, at most.
    pub(super) field_count: usize,
}

impl ItemReader {
    pub(super) fn new(array: ArrayId, projection: &ArrayProjection) -> ItemReader {
        let mut paths = PathNode::default();
        for (index, path) in (0..).zip(&projection.fields) {
            paths.insert(path, FieldRole::Field(index));
        }
        ItemReader { array, paths, field_count: projection.fields.len() }
    }

    /// The elements of the array that a text begins with, which is known to be JSON, whatever they look like; `None`: it begins
    /// with something else.
    pub(super) fn read<'a>(&self, text: &'a str) -> Option<ItemArray<'a>> {
        // A key that is written with escapes does not tell where its value stands: then every value is read from its own text.
        self.read_as(text, false).or_else(|| self.read_as(text, true))
    }

    fn read_as<'a>(&self, text: &'a str, is_checked: bool) -> Option<ItemArray<'a>> {
        let mut elements = ArrayVisitor {
            reader: self,
            read: ItemArray::new(self.array),
            sink: ProjectedValues::of(text, is_checked),
        };
        sonic_rs::Deserializer::from_str(text).deserialize_seq(&mut elements).ok()?;
        (!elements.sink.lost_a_place()).then_some(elements.read)
    }
}

struct ArrayVisitor<'r, 'a> {
    reader: &'r ItemReader,
    read: ItemArray<'a>,
    /// The values of the element that is being read.
    sink: ProjectedValues<'a>,
}

impl<'de> Visitor<'de> for &mut ArrayVisitor<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        for _ in 0..MAX_ITEMS {
            if seq.next_element_seed(ElementVisitor(&mut *self))?.is_none() {
                return Ok(());
            }
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

/// One element; only objects are kept.
struct ElementVisitor<'v, 'r, 'a>(&'v mut ArrayVisitor<'r, 'a>);

impl<'de> DeserializeSeed<'de> for ElementVisitor<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ElementVisitor<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let ArrayVisitor { reader, read, sink } = self.0;
        read_item(&reader.paths, sink, map)?;
        move_values(sink, read);
        read.end_item();
        Ok(())
    }
}

/// Moves what was read of an element to where it is kept.
pub(super) fn move_values<'a>(read: &mut ProjectedValues<'a>, kept: &mut ItemArray<'a>) {
    kept.oversized = kept.oversized.saturating_add(read.oversized(|_| true));
    for (slot, value) in read.values.drain(..) {
        if let (FieldRole::Field(id), RetainedValue::Scalar(value)) = (slot, value) {
            kept.push_value(ItemFieldId(id), value);
        }
    }
}
