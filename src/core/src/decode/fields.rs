//! The projected paths of the rules, and the values that are read of them.

use std::borrow::Cow;

use serde::de::Error;

use thin_vec::ThinVec;

use super::items::ItemReader;
use crate::event::{ItemArray, ItemFieldId, Scalar};

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
    /// An array whose elements are read, by the projection's index: its value is no more than that it is there.
    Array(u16),
    /// Read for no more than whether it is there; each such key has a number of its own.
    Presence(u8),
    /// The traits in a context, as a whole.
    ContextTraits,
}

/// The projected paths below an object, as a tree.
#[derive(Clone, Debug, Default)]
pub(super) struct PathNode {
    children: Vec<PathChild>,
    /// What the value that stands here is, where it is read.
    pub(super) slots: Vec<FieldRole>,
    /// The traits in a context stand here: each is there or not for itself.
    holds_traits: bool,
    /// Reads the elements of an array that stands here.
    items: Option<Box<ItemReader>>,
}

/// What stands below a key of an object.
#[derive(Clone, Debug)]
struct PathChild {
    first_bytes: KeyBytes,
    key: String,
    node: PathNode,
}

/// The first eight bytes of a key; a shorter one has zeros behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyBytes(u64);

impl KeyBytes {
    /// Of the key of this length that a text begins with.
    #[inline(always)]
    pub(super) fn of(text: &[u8], length: usize) -> KeyBytes {
        const ALL: usize = size_of::<u64>();
        match text.first_chunk::<ALL>() {
            Some(first) if length >= ALL => KeyBytes(u64::from_le_bytes(*first)),
            Some(first) => KeyBytes(u64::from_le_bytes(*first) & ((1 << (length * 8)) - 1)),
            None => KeyBytes::of_short(&text[..length]),
        }
    }

    #[inline(never)]
    fn of_short(key: &[u8]) -> KeyBytes {
        KeyBytes(key.iter().rev().fold(0, |all, byte| all << 8 | u64::from(*byte)))
    }
}

impl PathNode {
    pub(super) fn insert(&mut self, path: &[String], slot: FieldRole) {
        let Some((key, rest)) = path.split_first() else {
            self.slots.push(slot);
            return;
        };
        self.child_or_new(key).insert(rest, slot);
    }

    /// Reads the elements of the array at a path.
    pub(super) fn insert_array(&mut self, path: &[String], reader: ItemReader) {
        let Some((key, rest)) = path.split_first() else {
            self.slots.push(FieldRole::Array(reader.array.0));
            self.items = Some(Box::new(reader));
            return;
        };
        self.child_or_new(key).insert_array(rest, reader);
    }

    /// The child of that name, with a slot of its own.
    pub(super) fn watch(&mut self, key: &str, number: u8) {
        let child = self.children.iter_mut().map(|child| (&child.key, &mut child.node)).find(|(name, _)| *name == key);
        if let Some((_, node)) = child
            && node.slots.is_empty()
        {
            node.slots.push(FieldRole::Presence(number));
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
        let at = self.children.iter().position(|child| child.key == key).unwrap_or_else(|| {
            let first_bytes = KeyBytes::of(key.as_bytes(), key.len());
            self.children.push(PathChild { first_bytes, key: key.to_owned(), node: PathNode::default() });
            self.children.len() - 1
        });
        &mut self.children[at].node
    }

    /// Whether nothing below it is read.
    pub(super) fn is_empty(&self) -> bool {
        self.children.is_empty()
    }

    pub(super) fn child(&self, key: &str) -> Option<&PathNode> {
        let first_bytes = KeyBytes::of(key.as_bytes(), key.len());
        self.numbered_child(first_bytes, key.as_bytes()).map(|(_, node)| node)
    }

    /// A child, with its number among them.
    #[inline(always)]
    pub(super) fn numbered_child(&self, first_bytes: KeyBytes, key: &[u8]) -> Option<(usize, &PathNode)> {
        let is_same = |child: &PathChild| {
            child.first_bytes == first_bytes
                && child.key.len() == key.len()
                && (key.len() <= size_of::<KeyBytes>() || child.key.as_bytes() == key)
        };
        let mut children = self.children.iter().enumerate();
        children.find(|(_, child)| is_same(child)).map(|(number, child)| (number, &child.node))
    }

    /// Whether what was read has a value for it that is not null.
    pub(super) fn has_value(&self, read: &ProjectedValues<'_>) -> bool {
        self.slots.first().is_some_and(|own| read.values.iter().any(|(slot, value)| slot == own && value.is_some()))
    }

    /// Whether the value is kept, and not only that it is there.
    pub(super) fn is_kept(&self) -> bool {
        self.slots.iter().any(|slot| matches!(slot, FieldRole::Field(_) | FieldRole::Trait(_)))
    }

    /// What reads the elements of an array that stands here.
    pub(super) fn items(&self) -> Option<&ItemReader> {
        self.items.as_deref()
    }

    /// The value of an array's element that stands here, if it is one, and nothing below it is read.
    #[inline(always)]
    pub(super) fn item_field(&self) -> Option<ItemFieldId> {
        match (self.slots.as_slice(), self.is_empty()) {
            ([FieldRole::Field(id)], true) => Some(ItemFieldId(*id)),
            _ => None,
        }
    }

    /// Whether a slot is its own or stands below it.
    fn holds(&self, slot: FieldRole) -> bool {
        self.slots.contains(&slot) || self.children.iter().any(|child| child.node.holds(slot))
    }
}

/// What was read of the projected paths.
#[derive(Default)]
pub(super) struct ProjectedValues<'a> {
    /// The role and the value (`None` is null).
    pub(super) values: Vec<(FieldRole, Option<Scalar<'a>>)>,
    /// The arrays that are there.
    pub(super) arrays: ThinVec<ItemArray<'a>>,
    /// The values that were larger than they may be; such a one is null.
    oversized: Vec<FieldRole>,
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

    /// Forgets what was read, for another object of the same text.
    pub(super) fn clear(&mut self) {
        self.values.clear();
        self.oversized.clear();
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
        let is_below = |array: &ItemArray<'_>| node.holds(FieldRole::Array(array.array.0));
        self.arrays.extend(std::mem::take(&mut other.arrays).into_iter().filter(is_below));
    }

    /// The same, owning its texts.
    pub(super) fn into_owned<'o>(self) -> ProjectedValues<'o> {
        let own = |(slot, value): (FieldRole, Option<Scalar<'_>>)| (slot, value.map(Scalar::into_owned));
        let values = self.values.into_iter().map(own).collect();
        ProjectedValues { values, oversized: self.oversized, ..ProjectedValues::default() }
    }

    /// What follows a key in the text, if the key stands there as it is.
    pub(super) fn after_key(&self, key: &Text<'a>) -> Option<&'a str> {
        let Cow::Borrowed(key) = key else { return None };
        let end = (key.as_ptr().addr().checked_sub(self.text.as_ptr().addr())?).checked_add(key.len())?;
        let is_blank = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r');
        let rest = self.text.get(end..)?.strip_prefix('"')?.trim_start_matches(is_blank);
        Some(rest.strip_prefix(':')?.trim_start_matches(is_blank))
    }

    pub(super) fn keep_none_of_oversized(&mut self, node: &PathNode) {
        for slot in node.slots.iter().filter(|slot| !matches!(slot, FieldRole::Array(_))) {
            self.keep(*slot, None);
            self.oversized.push(*slot);
        }
    }

    /// Keeps the value that stands at a node.
    pub(super) fn keep_at(&mut self, node: &PathNode, value: Option<Scalar<'a>>) {
        let mut slots = node.slots.iter().filter(|slot| !matches!(slot, FieldRole::Array(_)));
        let Some(last) = slots.next_back() else { return };
        for slot in slots {
            self.keep(*slot, value.clone());
        }
        self.keep(*last, value);
    }

    /// Keeps the elements of an array.
    pub(super) fn keep_items(&mut self, items: ItemArray<'a>) {
        self.keep(FieldRole::Array(items.array.0), Some(Scalar::Bool(true)));
        self.arrays.push(items);
    }

    fn keep(&mut self, slot: FieldRole, value: Option<Scalar<'a>>) {
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
    for PathChild { node: child, .. } in &node.children {
        let marked = child.slots.iter().filter(|slot| !(spares_traits && matches!(slot, FieldRole::Trait(_))));
        sink.values.extend(marked.map(|slot| (*slot, None)));
        mark_absent(child, sink, spares_traits);
    }
}

/// Of equal keys the last one counts, with all that stands below it.
pub(super) fn forget(node: &PathNode, sink: &mut ProjectedValues<'_>) {
    if sink.values.is_empty() {
        return;
    }
    sink.values.retain(|(other, _)| !node.slots.contains(other));
    sink.oversized.retain(|other| !node.slots.contains(other));
    if let Some(items) = node.items() {
        sink.arrays.retain(|other| other.array != items.array);
    }
    for child in &node.children {
        forget(&child.node, sink);
    }
}
