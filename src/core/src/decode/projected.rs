//! The serde visitors that read projected paths.

use std::borrow::Cow;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::fields::{NestingDepth, ProjectedValues, RetainedValue, Text, forget, mark_absent};
use super::ignored::{IgnoredValue, ObjectKey};
use super::paths::PathNode;
use crate::decimal::Decimal;
use crate::event::{MAX_VALUE_BYTES, Scalar};
use crate::json::{self, JsonPrefix};

/// An object of which the projected paths are kept, if it is read. Yields false when the value is none, nor null, nor an
/// array without elements.
pub(super) struct ProjectedObject<'n, 's, 'a> {
    pub(super) paths: &'n PathNode,
    pub(super) is_read: bool,
    pub(super) sink: &'s mut ProjectedValues<'a>,
    pub(super) depth: NestingDepth,
}

/// The value at one projected path.
pub(super) struct ProjectedPath<'n, 's, 'a> {
    node: &'n PathNode,
    sink: &'s mut ProjectedValues<'a>,
    depth: NestingDepth,
    /// The text from the value's first byte on, where it is known.
    place: Option<&'a str>,
    /// The key it stands under.
    key: Text<'a>,
}

/// The members of an object that is an element of an array.
pub(super) fn read_item<'de, A: MapAccess<'de>>(
    paths: &PathNode,
    sink: &mut ProjectedValues<'de>,
    map: A,
) -> Result<(), A::Error> {
    read_children(paths, sink, NestingDepth(0), map)
}

impl<'n, 's, 'a> ProjectedPath<'n, 's, 'a> {
    /// The value under a key.
    pub(super) fn new(
        node: &'n PathNode,
        sink: &'s mut ProjectedValues<'a>,
        depth: NestingDepth,
        key: Text<'a>,
    ) -> ProjectedPath<'n, 's, 'a> {
        ProjectedPath { node, sink, depth, place: None, key }
    }
}

impl<'de> DeserializeSeed<'de> for ProjectedObject<'_, '_, 'de> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        forget(self.paths, self.sink);
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ProjectedObject<'_, '_, 'de> {
    type Value = bool;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }
    fn visit_unit<E: Error>(self) -> Result<bool, E> {
        Ok(true)
    }
    fn visit_bool<E: Error>(self, _: bool) -> Result<bool, E> {
        Ok(false)
    }
    fn visit_i64<E: Error>(self, _: i64) -> Result<bool, E> {
        Ok(false)
    }
    fn visit_u64<E: Error>(self, _: u64) -> Result<bool, E> {
        Ok(false)
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<bool, E> {
        Ok(false)
    }
    fn visit_str<E: Error>(self, _: &str) -> Result<bool, E> {
        Ok(false)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<bool, A::Error> {
        let depth = self.depth.enter()?;
        let mut is_empty = true;
        while seq.next_element_seed(IgnoredValue(depth))?.is_some() {
            is_empty = false;
        }
        Ok(is_empty)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<bool, A::Error> {
        match self.is_read {
            true => read_children(self.paths, self.sink, self.depth, map),
            false => IgnoredValue(self.depth).visit_map(map),
        }
        .map(|()| true)
    }
}

fn read_children<'de, A: MapAccess<'de>>(
    node: &PathNode,
    sink: &mut ProjectedValues<'de>,
    depth: NestingDepth,
    mut map: A,
) -> Result<(), A::Error> {
    let depth = depth.enter()?;
    while let Some(key) = map.next_key_seed(ObjectKey)? {
        match node.child(&key) {
            Some(node) => map.next_value_seed(ProjectedPath::new(node, sink, depth, key))?,
            None => map.next_value_seed(IgnoredValue(depth))?,
        }
    }
    Ok(())
}

impl<'de> ProjectedPath<'_, '_, 'de> {
    fn keep<E>(self, value: Scalar<'de>) -> Result<(), E> {
        self.keep_at(RetainedValue::Scalar(value))
    }

    fn keep_at<E>(self, value: RetainedValue<'de>) -> Result<(), E> {
        self.sink.keep_at(self.node, value);
        Ok(())
    }

    /// Keeps the elements of the array that stands here, if they are read.
    fn keep_items(&mut self) {
        let Some(reader) = self.node.items() else { return };
        match self.place.or_else(|| self.sink.after_key(&self.key)) {
            Some(place) => reader.read(place).into_iter().for_each(|items| self.sink.keep_items(items)),
            None => self.sink.lost_a_place = true,
        }
    }

    /// Keeps a value as its text has it.
    fn keep_from_text<E>(self, read: impl FnOnce(&'de str) -> RetainedValue<'de>) -> Result<(), E> {
        if !self.node.is_kept() {
            // Nothing but its presence, or its elements, is read.
            return self.keep(Scalar::Bool(true));
        }
        let Some(place) = self.place.or_else(|| self.sink.after_key(&self.key)) else {
            self.sink.lost_a_place = true;
            return Ok(());
        };
        self.keep_at(read(place))
    }

    fn keep_text<E>(self, text: Text<'de>) -> Result<(), E> {
        let is_small = match text {
            Cow::Borrowed(text) => text.len() + 2 <= MAX_VALUE_BYTES,
            // Escaped, it takes up to six times the bytes.
            Cow::Owned(ref text) => text.len() * 6 + 2 <= MAX_VALUE_BYTES,
        };
        if is_small {
            return self.keep(Scalar::Text(text));
        }
        self.keep_from_text(|place| match json::string_length(place) <= MAX_VALUE_BYTES {
            true => RetainedValue::Scalar(Scalar::Text(text)),
            false => RetainedValue::TooLarge,
        })
    }
}

impl<'de> DeserializeSeed<'de> for ProjectedPath<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        forget(self.node, self.sink);
        mark_absent(self.node, self.sink, false);
        if !self.sink.is_checked {
            return json.deserialize_any(self);
        }
        let value = sonic_rs::LazyValue::deserialize(json)?;
        match value.as_raw_cow() {
            Cow::Borrowed(text) => {
                let mut json = sonic_rs::Deserializer::from_str(text);
                json.deserialize_any(ProjectedPath { place: Some(text), ..self }).map_err(D::Error::custom)
            }
            // A text with escapes.
            Cow::Owned(raw) if raw.len() > MAX_VALUE_BYTES => self.keep_at(RetainedValue::TooLarge),
            Cow::Owned(raw) => {
                let text: String = sonic_rs::from_str(&raw).map_err(D::Error::custom)?;
                self.keep(Scalar::Text(Cow::Owned(text)))
            }
        }
    }
}

impl<'de> Visitor<'de> for ProjectedPath<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.keep_at(RetainedValue::Absent)
    }
    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.keep(Scalar::Bool(value))
    }
    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.keep(Scalar::Number(Decimal::from(value)))
    }
    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.keep(Scalar::Number(Decimal::from(value)))
    }
    /// A double has too few digits: they are read from the text.
    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.keep_from_text(|place| match json::number(place) {
            digits if digits.len() <= MAX_VALUE_BYTES => Decimal::parse(digits)
                .map_or(RetainedValue::Absent, |number| RetainedValue::Scalar(Scalar::Number(number))),
            _ => RetainedValue::TooLarge,
        })
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.keep_text(Cow::Owned(text.to_owned()))
    }
    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<(), E> {
        self.keep_text(Cow::Borrowed(text))
    }
    fn visit_seq<A: SeqAccess<'de>>(mut self, seq: A) -> Result<(), A::Error> {
        IgnoredValue(self.depth).visit_seq(seq)?;
        self.keep_items();
        self.keep_from_text(compact)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        read_children(self.node, self.sink, self.depth, map)?;
        self.keep_from_text(compact)
    }
}

/// What is kept of the array or object that a text begins with.
pub(super) fn compact(place: &str) -> RetainedValue<'_> {
    match json::compact(place, MAX_VALUE_BYTES) {
        JsonPrefix::Value(json) => RetainedValue::Scalar(Scalar::Json(json)),
        JsonPrefix::TooLarge => RetainedValue::TooLarge,
    }
}
