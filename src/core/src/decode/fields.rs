//! The values that are read at the projected paths of the rules.

use std::borrow::Cow;

use serde::de::Error;

use super::paths::PathNode;
use crate::event::{ItemArray, Scalar};

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
    /// An array whose elements are read, by the projection's index.
    Array(u16),
    /// Read for no more than whether it is there; each such key has a number of its own.
    Presence(u8),
    /// The traits in a context, as a whole.
    ContextTraits,
}

/// What is kept of a value.
#[derive(Clone)]
pub(super) enum RetainedValue<'a> {
    /// It is null, or not there.
    Absent,
    /// It is larger than it may be, and so counts as null.
    TooLarge,
    Scalar(Scalar<'a>),
    /// The elements of an array.
    Items(ItemArray<'a>),
}

impl<'a> RetainedValue<'a> {
    /// The value, where it is a single one.
    #[inline(always)]
    pub(super) fn scalar(self) -> Option<Scalar<'a>> {
        match self {
            RetainedValue::Scalar(value) => Some(value),
            RetainedValue::Absent | RetainedValue::TooLarge | RetainedValue::Items(_) => None,
        }
    }

    fn into_owned<'o>(self) -> RetainedValue<'o> {
        match self {
            RetainedValue::Absent => RetainedValue::Absent,
            RetainedValue::TooLarge => RetainedValue::TooLarge,
            RetainedValue::Scalar(value) => RetainedValue::Scalar(value.into_owned()),
            RetainedValue::Items(items) => RetainedValue::Items(items.into_owned()),
        }
    }
}

/// What was read of the projected paths.
#[derive(Default)]
pub(super) struct ProjectedValues<'a> {
    pub(super) values: Vec<(FieldRole, RetainedValue<'a>)>,
    /// The text that is read.
    text: &'a str,
    /// The text is known to be JSON: values can be skipped without a check.
    pub(super) is_checked: bool,
    /// A value was read whose place in the text is not known: the text has to be read again, as one that is checked.
    pub(super) lost_a_place: bool,
}

impl<'a> ProjectedValues<'a> {
    /// For a text; `is_checked` if it is known to be JSON.
    pub(super) fn of(text: &'a str, is_checked: bool) -> ProjectedValues<'a> {
        ProjectedValues { text, is_checked, ..ProjectedValues::default() }
    }

    /// Whether the text has to be read again.
    pub(super) fn lost_a_place(&self) -> bool {
        self.lost_a_place
    }

    /// How many values of such slots were larger than they may be.
    pub(super) fn oversized(&self, counts: impl Fn(FieldRole) -> bool) -> u16 {
        let is_counted = |(slot, value): &&_| matches!(value, RetainedValue::TooLarge) && counts(*slot);
        let count = self.values.iter().filter(is_counted).count();
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
                self.values.push((*slot, value.clone().into_owned()));
            }
        }
    }

    /// Takes from another what stands at a node and below it, in the place of its own.
    pub(super) fn replace_below(&mut self, node: &PathNode, other: &mut ProjectedValues<'a>) {
        forget(node, self);
        self.values.extend(other.values.extract_if(.., |(slot, _)| node.holds(*slot)));
    }

    /// The same, owning its texts.
    pub(super) fn into_owned<'o>(self) -> ProjectedValues<'o> {
        let values = self.values.into_iter().map(|(slot, value)| (slot, value.into_owned())).collect();
        ProjectedValues { values, ..ProjectedValues::default() }
    }

    /// What follows a key in the text, if the key stands there as it is.
    pub(super) fn after_key(&self, key: &Text<'a>) -> Option<&'a str> {
        let Cow::Borrowed(key) = key else { return None };
        let end = (key.as_ptr().addr().checked_sub(self.text.as_ptr().addr())?).checked_add(key.len())?;
        let is_blank = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r');
        let rest = self.text.get(end..)?.strip_prefix('"')?.trim_start_matches(is_blank);
        Some(rest.strip_prefix(':')?.trim_start_matches(is_blank))
    }

    /// Keeps the value that stands at a node.
    pub(super) fn keep_at(&mut self, node: &PathNode, value: RetainedValue<'a>) {
        let mut slots = node.slots.iter().filter(|slot| !matches!(slot, FieldRole::Array(_)));
        let Some(last) = slots.next_back() else { return };
        for slot in slots {
            self.keep(*slot, value.clone());
        }
        self.keep(*last, value);
    }

    /// Keeps the elements of an array.
    pub(super) fn keep_items(&mut self, items: ItemArray<'a>) {
        self.keep(FieldRole::Array(items.array.0), RetainedValue::Items(items));
    }

    fn keep(&mut self, slot: FieldRole, value: RetainedValue<'a>) {
        match self.values.iter_mut().find(|(other, _)| *other == slot) {
            Some((_, held)) => *held = value,
            None => self.values.push((slot, value)),
        }
    }
}

/// Marks everything below an object's key as absent, before the object's members are read: the object replaces an earlier value
/// as a whole.
pub(super) fn mark_absent(node: &PathNode, sink: &mut ProjectedValues<'_>, spares_traits: bool) {
    let spares_traits = spares_traits || node.holds_traits;
    for child in node.children.iter().map(|child| &child.node) {
        let marked = child.slots.iter().filter(|slot| !(spares_traits && matches!(slot, FieldRole::Trait(_))));
        sink.values.extend(marked.map(|slot| (*slot, RetainedValue::Absent)));
        mark_absent(child, sink, spares_traits);
    }
}

/// Of equal keys the last one counts, with all that stands below it.
pub(super) fn forget(node: &PathNode, sink: &mut ProjectedValues<'_>) {
    if sink.values.is_empty() {
        return;
    }
    sink.values.retain(|(other, _)| !node.slots.contains(other));
    for child in &node.children {
        forget(&child.node, sink);
    }
}
