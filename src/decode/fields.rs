//! The serde visitors the decoder is made of: projected objects, strings, and values that are checked and dropped.

use std::borrow::Cow;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::event::Scalar;

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

/// What was read of an object: the projection's index, and the value (`None` is null).
type Sink<'a> = Vec<(u16, Option<Scalar<'a>>)>;

/// Says of everything below an object's key that it is not there: what the object has is read after. The object is the
/// value now, whole; what an earlier one had besides is gone.
fn mark_absent(node: &PathNode, sink: &mut Sink<'_>) {
    for (_, child) in &node.children {
        sink.extend(child.index.map(|index| (index, None)));
        mark_absent(child, sink);
    }
}

/// Of equal keys the last one counts, with all that stands below it.
fn forget(node: &PathNode, sink: &mut Sink<'_>) {
    if sink.is_empty() {
        return;
    }
    if let Some(index) = node.index {
        sink.retain(|(other, _)| *other != index);
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
            Some(node) => map.next_value_seed(At { node, sink, depth })?,
            None => map.next_value_seed(Skip(depth))?,
        }
    }
    Ok(())
}

impl<'de> At<'_, '_, 'de> {
    fn keep<E>(self, value: Option<Scalar<'de>>) -> Result<(), E> {
        if let Some(index) = self.node.index {
            match self.sink.iter_mut().find(|(other, _)| *other == index) {
                Some((_, held)) => *held = value,
                None => self.sink.push((index, value)),
            }
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for At<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        forget(self.node, self.sink);
        mark_absent(self.node, self.sink);
        json.deserialize_any(self)
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
        self.keep(Some(Scalar::Number(value as f64)))
    }
    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.keep(Some(Scalar::Number(value as f64)))
    }
    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.keep(Some(Scalar::Number(value)))
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.keep(Some(Scalar::Text(Cow::Owned(text.to_owned()))))
    }
    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<(), E> {
        self.keep(Some(Scalar::Text(Cow::Borrowed(text))))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let depth = self.depth.enter()?;
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Item(depth))? {
            items.extend(item);
        }
        self.keep(Some(Scalar::List(items)))
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        read_children(self.node, self.sink, self.depth, map)?;
        self.keep(Some(Scalar::Object))
    }
}

/// An element of a list: a scalar, or nothing.
struct Item(Depth);

impl<'de> DeserializeSeed<'de> for Item {
    type Value = Option<Scalar<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Item {
    type Value = Option<Scalar<'de>>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Some(Scalar::Bool(value)))
    }
    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(Scalar::Number(value as f64)))
    }
    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(Scalar::Number(value as f64)))
    }
    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Some(Scalar::Number(value)))
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Scalar::Text(Cow::Owned(text.to_owned()))))
    }
    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Some(Scalar::Text(Cow::Borrowed(text))))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        Skip(self.0).visit_seq(seq).map(|()| None)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Skip(self.0).visit_map(map).map(|()| None)
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
