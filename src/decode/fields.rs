//! The serde visitors the decoder is made of: projected objects, strings, and values that are checked and dropped.

use std::borrow::Cow;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::decimal::Decimal;
use crate::event::{MAX_VALUE_BYTES, Scalar};
use crate::json::{self, Compact};

/// A string of the input: borrowed where it has no escapes.
pub(super) type Text<'a> = Cow<'a, str>;

/// serde_json's limit: 127 arrays and objects inside one another.
const MAX_DEPTH: u8 = 127;

/// How many arrays and objects enclose a value.
#[derive(Clone, Copy)]
pub(super) struct Depth(pub(super) u8);

impl Depth {
    pub(super) fn enter<E: Error>(self) -> Result<Depth, E> {
        if self.0 == MAX_DEPTH {
            return Err(E::custom("nested more than 127 levels deep"));
        }
        Ok(Depth(self.0 + 1))
    }
}

/// The projected paths below an object, as a tree.
#[derive(Clone, Debug, Default)]
pub(super) struct PathNode {
    children: Vec<(String, PathNode)>,
    /// The projection's index of the value that stands here, where it is read.
    index: Option<u16>,
}

impl PathNode {
    pub(super) fn insert(&mut self, path: &[String], index: usize) {
        let Some((key, rest)) = path.split_first() else {
            self.index = u16::try_from(index).ok();
            return;
        };
        let at = self.children.iter().position(|(name, _)| name == key).unwrap_or_else(|| {
            self.children.push((key.clone(), PathNode::default()));
            self.children.len() - 1
        });
        self.children[at].1.insert(rest, index);
    }

    /// Whether nothing below it is read.
    pub(super) fn is_empty(&self) -> bool {
        self.children.is_empty()
    }

    fn child(&self, key: &str) -> Option<&PathNode> {
        self.children.iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }
}

/// What was read of the projected paths.
#[derive(Default)]
pub(super) struct Sink<'a> {
    /// The projection's index, and the value (`None` is null).
    pub(super) values: Vec<(u16, Option<Scalar<'a>>)>,
    /// Indexes of the values that were larger than they may be; such a one is null.
    oversized: Vec<u16>,
    /// The text that is read.
    text: &'a str,
    /// The text was found to be sound before: its values can be stepped over without a check.
    is_checked: bool,
    /// A value was passed whose place in the text is not known: the text has to be read again once it is checked.
    lost_a_place: bool,
}

impl<'a> Sink<'a> {
    /// For a text; `is_checked` if it was found to be sound before.
    pub(super) fn of(text: &'a str, is_checked: bool) -> Sink<'a> {
        Sink { text, is_checked, ..Sink::default() }
    }

    /// Whether the text has to be read again.
    pub(super) fn lost_a_place(&self) -> bool {
        self.lost_a_place
    }

    /// How many values were larger than they may be.
    pub(super) fn oversized(&self) -> u16 {
        u16::try_from(self.oversized.len()).unwrap_or(u16::MAX)
    }

    /// What follows a key in the text, if the key stands there as it is.
    fn after_key(&self, key: &Text<'a>) -> Option<&'a str> {
        let Cow::Borrowed(key) = key else { return None };
        let end = (key.as_ptr().addr().checked_sub(self.text.as_ptr().addr())?).checked_add(key.len())?;
        let is_blank = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r');
        let rest = self.text.get(end..)?.strip_prefix('"')?.trim_start_matches(is_blank);
        Some(rest.strip_prefix(':')?.trim_start_matches(is_blank))
    }

    fn keep_none_of_oversized(&mut self, index: u16) {
        self.keep(index, None);
        self.oversized.push(index);
    }

    fn keep(&mut self, index: u16, value: Option<Scalar<'a>>) {
        match self.values.iter_mut().find(|(other, _)| *other == index) {
            Some((_, held)) => *held = value,
            None => self.values.push((index, value)),
        }
    }
}

/// Says of everything below an object's key that it is not there: what the object has is read after. The object is the
/// value now, whole; what an earlier one had besides is gone.
fn mark_absent(node: &PathNode, sink: &mut Sink<'_>) {
    for (_, child) in &node.children {
        sink.values.extend(child.index.map(|index| (index, None)));
        mark_absent(child, sink);
    }
}

/// Of equal keys the last one counts, with all that stands below it.
fn forget(node: &PathNode, sink: &mut Sink<'_>) {
    if sink.values.is_empty() {
        return;
    }
    if let Some(index) = node.index {
        sink.values.retain(|(other, _)| *other != index);
        sink.oversized.retain(|other| *other != index);
    }
    for (_, child) in &node.children {
        forget(child, sink);
    }
}

/// An object of which the projected paths are kept, if it is read. Yields false when the value is neither object nor null.
pub(super) struct Object<'n, 's, 'a> {
    pub(super) paths: &'n PathNode,
    pub(super) is_read: bool,
    pub(super) sink: &'s mut Sink<'a>,
    pub(super) depth: Depth,
}

/// The value at one projected path.
struct At<'n, 's, 'a> {
    node: &'n PathNode,
    sink: &'s mut Sink<'a>,
    depth: Depth,
    /// The text from the value on, where that is known.
    place: Option<&'a str>,
    /// The key it stands under.
    key: Text<'a>,
}

/// Takes any scalar for the same answer.
macro_rules! ignore_scalars {
    ($answer:expr) => {
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a JSON value")
        }
        fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
            Ok($answer)
        }
        fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<Self::Value, E> {
            Ok($answer)
        }
        fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Self::Value, E> {
            Ok($answer)
        }
        fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<Self::Value, E> {
            Ok($answer)
        }
        fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Self::Value, E> {
            Ok($answer)
        }
        fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Self::Value, E> {
            Ok($answer)
        }
    };
}
pub(super) use ignore_scalars;

impl<'de> DeserializeSeed<'de> for Object<'_, '_, 'de> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        forget(self.paths, self.sink);
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Object<'_, '_, 'de> {
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
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<bool, A::Error> {
        Skip(self.depth).visit_seq(seq).map(|()| false)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<bool, A::Error> {
        match self.is_read {
            true => read_children(self.paths, self.sink, self.depth, map),
            false => Skip(self.depth).visit_map(map),
        }
        .map(|()| true)
    }
}

fn read_children<'de, A: MapAccess<'de>>(
    node: &PathNode,
    sink: &mut Sink<'de>,
    depth: Depth,
    mut map: A,
) -> Result<(), A::Error> {
    let depth = depth.enter()?;
    while let Some(key) = map.next_key_seed(Key)? {
        match node.child(&key) {
            Some(node) => map.next_value_seed(At { node, sink, depth, place: None, key })?,
            None => map.next_value_seed(Skip(depth))?,
        }
    }
    Ok(())
}

impl<'de> At<'_, '_, 'de> {
    fn keep<E>(self, value: Option<Scalar<'de>>) -> Result<(), E> {
        if let Some(index) = self.node.index {
            self.sink.keep(index, value);
        }
        Ok(())
    }

    /// A value as it stands in the text.
    fn keep_as_it_stands<E>(self, read: impl FnOnce(&'de str) -> Kept<'de>) -> Result<(), E> {
        let Some(index) = self.node.index else { return Ok(()) };
        let Some(place) = self.place.or_else(|| self.sink.after_key(&self.key)) else {
            self.sink.lost_a_place = true;
            return Ok(());
        };
        match read(place) {
            Kept::Value(value) => self.sink.keep(index, value),
            Kept::TooLarge => self.sink.keep_none_of_oversized(index),
        }
        Ok(())
    }

    fn keep_text<E>(self, text: Text<'de>) -> Result<(), E> {
        let is_small = match text {
            Cow::Borrowed(text) => text.len() + 2 <= MAX_VALUE_BYTES,
            // Escaped, it takes up to six times the bytes.
            Cow::Owned(ref text) => text.len() * 6 + 2 <= MAX_VALUE_BYTES,
        };
        if is_small {
            return self.keep(Some(Scalar::Text(text)));
        }
        self.keep_as_it_stands(|place| match json::string_length(place) <= MAX_VALUE_BYTES {
            true => Kept::Value(Some(Scalar::Text(text))),
            false => Kept::TooLarge,
        })
    }
}

/// What is kept of a value.
enum Kept<'a> {
    Value(Option<Scalar<'a>>),
    TooLarge,
}

impl<'de> DeserializeSeed<'de> for At<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        forget(self.node, self.sink);
        mark_absent(self.node, self.sink);
        if !self.sink.is_checked {
            return json.deserialize_any(self);
        }
        let value = sonic_rs::LazyValue::deserialize(json)?;
        match value.as_raw_cow() {
            Cow::Borrowed(text) => {
                let mut json = sonic_rs::Deserializer::from_str(text);
                json.deserialize_any(At { place: Some(text), ..self }).map_err(D::Error::custom)
            }
            // A text with escapes.
            Cow::Owned(raw) if raw.len() > MAX_VALUE_BYTES => {
                self.node.index.into_iter().for_each(|index| self.sink.keep_none_of_oversized(index));
                Ok(())
            }
            Cow::Owned(raw) => {
                let text: String = sonic_rs::from_str(&raw).map_err(D::Error::custom)?;
                self.keep(Some(Scalar::Text(Cow::Owned(text))))
            }
        }
    }
}

impl<'de> Visitor<'de> for At<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.keep(None)
    }
    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.keep(Some(Scalar::Bool(value)))
    }
    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.keep(Some(Scalar::Number(Decimal::from(value))))
    }
    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.keep(Some(Scalar::Number(Decimal::from(value))))
    }
    /// A double has too few digits: they are read from the text.
    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.keep_as_it_stands(|place| match json::number(place) {
            digits if digits.len() <= MAX_VALUE_BYTES => Kept::Value(Decimal::parse(digits).map(Scalar::Number)),
            _ => Kept::TooLarge,
        })
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.keep_text(Cow::Owned(text.to_owned()))
    }
    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<(), E> {
        self.keep_text(Cow::Borrowed(text))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        Skip(self.depth).visit_seq(seq)?;
        self.keep_as_it_stands(compact)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        read_children(self.node, self.sink, self.depth, map)?;
        self.keep_as_it_stands(compact)
    }
}

fn compact(place: &str) -> Kept<'_> {
    match json::compact(place, MAX_VALUE_BYTES) {
        Compact::Value(json) => Kept::Value(Some(Scalar::Json(json))),
        Compact::TooLarge => Kept::TooLarge,
    }
}

/// A value that is checked and dropped.
pub(super) struct Skip(pub(super) Depth);

impl<'de> DeserializeSeed<'de> for Skip {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Skip {
    type Value = ();

    ignore_scalars!(());

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let depth = self.0.enter()?;
        while seq.next_element_seed(Skip(depth))?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let depth = self.0.enter()?;
        while map.next_key_seed(AnyKey)?.is_some() {
            map.next_value_seed(Skip(depth))?;
        }
        Ok(())
    }
}

/// Whether a value, which is checked and dropped, is an array.
pub(super) struct IsArray(pub(super) Depth);

impl<'de> DeserializeSeed<'de> for IsArray {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for IsArray {
    type Value = bool;

    ignore_scalars!(false);

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<bool, A::Error> {
        Skip(self.0).visit_seq(seq).map(|()| true)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<bool, A::Error> {
        Skip(self.0).visit_map(map).map(|()| false)
    }
}

/// A string or null (`Some`), or a value of another type (`None`).
pub(super) struct StringOrNull(pub(super) Depth);

impl<'de> DeserializeSeed<'de> for StringOrNull {
    type Value = Option<Option<Text<'de>>>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for StringOrNull {
    type Value = Option<Option<Text<'de>>>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a string")
    }
    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Some(None))
    }
    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Some(Cow::Owned(text.to_owned()))))
    }
    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Some(Some(Cow::Borrowed(text))))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        Skip(self.0).visit_seq(seq).map(|()| None)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Skip(self.0).visit_map(map).map(|()| None)
    }
}

/// A key that is checked and dropped.
struct AnyKey;

impl<'de> DeserializeSeed<'de> for AnyKey {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_identifier(self)
    }
}

impl Visitor<'_> for AnyKey {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a key")
    }
    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}

/// An object's key.
pub(super) struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Text<'de>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_identifier(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a key")
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }
}
