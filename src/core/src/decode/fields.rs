//! The serde visitors the decoder is made of: projected objects, strings, and values that are checked and dropped.

use std::borrow::Cow;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::ignored::{IgnoredValue, ObjectKey};
use crate::decimal::Decimal;
use crate::event::{MAX_VALUE_BYTES, Scalar};
use crate::json::{self, JsonPrefix};

/// A string of the input: borrowed where it has no escapes.
pub(super) type Text<'a> = Cow<'a, str>;

/// serde_json's limit: 127 arrays and objects inside one another.
const MAX_DEPTH: u8 = 127;

/// How many arrays and objects enclose a value.
#[derive(Clone, Copy)]
pub(super) struct NestingDepth(pub(super) u8);

impl NestingDepth {
    pub(super) fn enter<E: Error>(self) -> Result<NestingDepth, E> {
        if self.0 == MAX_DEPTH {
            return Err(E::custom("nested more than 127 levels deep"));
        }
        Ok(NestingDepth(self.0 + 1))
    }
}

/// What a value that is read is to the decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldRole {
    /// A property or a field of the context, by the projection's index.
    Field(u16),
    /// A trait, by the projection's index.
    Trait(u16),
    /// Read for no more than whether it is there; each such key has a number of its own.
    Presence(u8),
    /// The traits in a context, as a whole.
    ContextTraits,
}

/// The projected paths below an object, as a tree.
#[derive(Clone, Debug, Default)]
pub(super) struct PathNode {
    children: Vec<(String, PathNode)>,
    /// What the value that stands here is, where it is read.
    slots: Vec<FieldRole>,
    /// The traits in a context stand here: each is there or not for itself.
    holds_traits: bool,
}

impl PathNode {
    pub(super) fn insert(&mut self, path: &[String], slot: FieldRole) {
        let Some((key, rest)) = path.split_first() else {
            self.slots.push(slot);
            return;
        };
        self.child_or_new(key).insert(rest, slot);
    }

    /// The child of that name, with a slot of its own.
    pub(super) fn watch(&mut self, key: &str, number: u8) {
        if let Some(at) = self.children.iter().position(|(name, _)| name == key)
            && self.children[at].1.slots.is_empty()
        {
            self.children[at].1.slots.push(FieldRole::Presence(number));
        }
    }

    /// The child where a context's traits stand.
    pub(super) fn traits_of_context(&mut self) -> &mut PathNode {
        let child = self.child_or_new("traits");
        if !child.holds_traits {
            child.holds_traits = true;
            child.slots.push(FieldRole::ContextTraits);
        }
        child
    }

    fn child_or_new(&mut self, key: &str) -> &mut PathNode {
        let at = self.children.iter().position(|(name, _)| name == key).unwrap_or_else(|| {
            self.children.push((key.to_owned(), PathNode::default()));
            self.children.len() - 1
        });
        &mut self.children[at].1
    }

    /// Whether nothing below it is read.
    pub(super) fn is_empty(&self) -> bool {
        self.children.is_empty()
    }

    pub(super) fn child(&self, key: &str) -> Option<&PathNode> {
        self.children.iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    /// Whether what was read has a value for it that is not null.
    pub(super) fn has_value(&self, read: &ProjectedValues<'_>) -> bool {
        self.slots.first().is_some_and(|own| read.values.iter().any(|(slot, value)| slot == own && value.is_some()))
    }

    /// Whether the value is kept, and not only that it is there.
    fn is_kept(&self) -> bool {
        self.slots.iter().any(|slot| matches!(slot, FieldRole::Field(_) | FieldRole::Trait(_)))
    }

    /// Whether a slot is its own or stands below it.
    fn holds(&self, slot: FieldRole) -> bool {
        self.slots.contains(&slot) || self.children.iter().any(|(_, child)| child.holds(slot))
    }
}

/// What was read of the projected paths.
#[derive(Default)]
pub(super) struct ProjectedValues<'a> {
    /// What it is, and the value (`None` is null).
    pub(super) values: Vec<(FieldRole, Option<Scalar<'a>>)>,
    /// The values that were larger than they may be; such a one is null.
    oversized: Vec<FieldRole>,
    /// The text that is read.
    text: &'a str,
    /// The text was found to be sound before: its values can be stepped over without a check.
    is_checked: bool,
    /// A value was passed whose place in the text is not known: the text has to be read again once it is checked.
    lost_a_place: bool,
}

impl<'a> ProjectedValues<'a> {
    /// For a text; `is_checked` if it was found to be sound before.
    pub(super) fn of(text: &'a str, is_checked: bool) -> ProjectedValues<'a> {
        ProjectedValues { text, is_checked, ..ProjectedValues::default() }
    }

    /// Whether the text has to be read again.
    pub(super) fn lost_a_place(&self) -> bool {
        self.lost_a_place
    }

    /// How many values of such slots were larger than they may be.
    pub(super) fn oversized(&self, counts: impl Fn(FieldRole) -> bool) -> u16 {
        let count = self.oversized.iter().filter(|slot| counts(**slot)).count();
        u16::try_from(count).unwrap_or(u16::MAX)
    }

    /// Whether something was read for a slot, be it null.
    pub(super) fn has(&self, slot: FieldRole) -> bool {
        self.values.iter().any(|(other, _)| *other == slot)
    }

    /// Takes of another what that has for such slots, and this has not.
    pub(super) fn take_lacking(&mut self, other: &ProjectedValues<'_>, takes: impl Fn(FieldRole) -> bool) {
        let own = self.values.len();
        for (slot, value) in &other.values {
            if takes(*slot) && !self.values[..own].iter().any(|(there, _)| there == slot) {
                self.values.push((*slot, value.clone().map(Scalar::into_owned)));
                self.oversized.extend(other.oversized.iter().filter(|oversized| *oversized == slot));
            }
        }
    }

    /// Takes from another what stands at a node and below it, in the place of its own.
    pub(super) fn replace_below(&mut self, node: &PathNode, other: &mut ProjectedValues<'a>) {
        forget(node, self);
        self.values.extend(other.values.extract_if(.., |(slot, _)| node.holds(*slot)));
        self.oversized.extend(other.oversized.extract_if(.., |slot| node.holds(*slot)));
    }

    /// The same, owning its texts.
    pub(super) fn into_owned<'o>(self) -> ProjectedValues<'o> {
        let own = |(slot, value): (FieldRole, Option<Scalar<'_>>)| (slot, value.map(Scalar::into_owned));
        let values = self.values.into_iter().map(own).collect();
        ProjectedValues { values, oversized: self.oversized, ..ProjectedValues::default() }
    }

    /// What follows a key in the text, if the key stands there as it is.
    fn after_key(&self, key: &Text<'a>) -> Option<&'a str> {
        let Cow::Borrowed(key) = key else { return None };
        let end = (key.as_ptr().addr().checked_sub(self.text.as_ptr().addr())?).checked_add(key.len())?;
        let is_blank = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r');
        let rest = self.text.get(end..)?.strip_prefix('"')?.trim_start_matches(is_blank);
        Some(rest.strip_prefix(':')?.trim_start_matches(is_blank))
    }

    fn keep_none_of_oversized(&mut self, node: &PathNode) {
        for slot in &node.slots {
            self.keep(*slot, None);
            self.oversized.push(*slot);
        }
    }

    fn keep(&mut self, slot: FieldRole, value: Option<Scalar<'a>>) {
        match self.values.iter_mut().find(|(other, _)| *other == slot) {
            Some((_, held)) => *held = value,
            None => self.values.push((slot, value)),
        }
    }
}

/// Says of everything below an object's key that it is not there: what the object has is read after. The object is the
/// value now, whole; what an earlier one had besides is gone.
fn mark_absent(node: &PathNode, sink: &mut ProjectedValues<'_>, spares_traits: bool) {
    let spares_traits = spares_traits || node.holds_traits;
    for (_, child) in &node.children {
        let marked = child.slots.iter().filter(|slot| !(spares_traits && matches!(slot, FieldRole::Trait(_))));
        sink.values.extend(marked.map(|slot| (*slot, None)));
        mark_absent(child, sink, spares_traits);
    }
}

/// Of equal keys the last one counts, with all that stands below it.
fn forget(node: &PathNode, sink: &mut ProjectedValues<'_>) {
    if sink.values.is_empty() {
        return;
    }
    sink.values.retain(|(other, _)| !node.slots.contains(other));
    sink.oversized.retain(|other| !node.slots.contains(other));
    for (_, child) in &node.children {
        forget(child, sink);
    }
}

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
    /// The text from the value on, where that is known.
    place: Option<&'a str>,
    /// The key it stands under.
    key: Text<'a>,
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
    fn keep<E>(self, value: Option<Scalar<'de>>) -> Result<(), E> {
        let Some((last, others)) = self.node.slots.split_last() else { return Ok(()) };
        for slot in others {
            self.sink.keep(*slot, value.clone());
        }
        self.sink.keep(*last, value);
        Ok(())
    }

    /// A value as it stands in the text.
    fn keep_as_it_stands<E>(self, read: impl FnOnce(&'de str) -> RetainedValue<'de>) -> Result<(), E> {
        if !self.node.is_kept() {
            return self.keep(Some(Scalar::Bool(true)));
        }
        let Some(place) = self.place.or_else(|| self.sink.after_key(&self.key)) else {
            self.sink.lost_a_place = true;
            return Ok(());
        };
        match read(place) {
            RetainedValue::Value(value) => self.keep(value),
            RetainedValue::TooLarge => {
                self.sink.keep_none_of_oversized(self.node);
                Ok(())
            }
        }
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
            true => RetainedValue::Value(Some(Scalar::Text(text))),
            false => RetainedValue::TooLarge,
        })
    }
}

/// What is kept of a value.
enum RetainedValue<'a> {
    Value(Option<Scalar<'a>>),
    TooLarge,
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
            Cow::Owned(raw) if raw.len() > MAX_VALUE_BYTES => {
                self.sink.keep_none_of_oversized(self.node);
                Ok(())
            }
            Cow::Owned(raw) => {
                let text: String = sonic_rs::from_str(&raw).map_err(D::Error::custom)?;
                self.keep(Some(Scalar::Text(Cow::Owned(text))))
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
            digits if digits.len() <= MAX_VALUE_BYTES => {
                RetainedValue::Value(Decimal::parse(digits).map(Scalar::Number))
            }
            _ => RetainedValue::TooLarge,
        })
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.keep_text(Cow::Owned(text.to_owned()))
    }
    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<(), E> {
        self.keep_text(Cow::Borrowed(text))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        IgnoredValue(self.depth).visit_seq(seq)?;
        self.keep_as_it_stands(compact)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        read_children(self.node, self.sink, self.depth, map)?;
        self.keep_as_it_stands(compact)
    }
}

fn compact(place: &str) -> RetainedValue<'_> {
    match json::compact(place, MAX_VALUE_BYTES) {
        JsonPrefix::Value(json) => RetainedValue::Value(Some(Scalar::Json(json))),
        JsonPrefix::TooLarge => RetainedValue::TooLarge,
    }
}
