//! The projected paths of the rules, and the values that are read of them.

use std::borrow::Cow;

use serde::de::Error;

use crate::event::Scalar;

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
    /// An array whose elements are read, by the projection's index: its value is the text from the array on.
    Array(u16),
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
    pub(super) slots: Vec<FieldRole>,
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
        self.numbered_child(key.as_bytes()).map(|(_, node)| node)
    }

    /// A child, with its number among them.
    pub(super) fn numbered_child(&self, key: &[u8]) -> Option<(usize, &PathNode)> {
        let mut children = self.children.iter().enumerate();
        children.find(|(_, (name, _))| name.as_bytes() == key).map(|(number, (_, node))| (number, node))
    }

    /// Whether what was read has a value for it that is not null.
    pub(super) fn has_value(&self, read: &ProjectedValues<'_>) -> bool {
        self.slots.first().is_some_and(|own| read.values.iter().any(|(slot, value)| slot == own && value.is_some()))
    }

    /// Whether the value is kept, and not only that it is there.
    pub(super) fn is_kept(&self) -> bool {
        self.slots.iter().any(|slot| matches!(slot, FieldRole::Field(_) | FieldRole::Trait(_)))
    }

    /// Whether elements of an array that stands here are read.
    pub(super) fn holds_items(&self) -> bool {
        self.slots.iter().any(|slot| matches!(slot, FieldRole::Array(_)))
    }

    /// Whether a slot is its own or stands below it.
    fn holds(&self, slot: FieldRole) -> bool {
        self.slots.contains(&slot) || self.children.iter().any(|(_, child)| child.holds(slot))
    }
}

/// What was read of the projected paths.
#[derive(Default)]
pub(super) struct ProjectedValues<'a> {
    /// The role and the value (`None` is null).
    pub(super) values: Vec<(FieldRole, Option<Scalar<'a>>)>,
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

    /// Keeps where an array stands, for its elements to be read later: the text from the array on.
    pub(super) fn keep_items_at(&mut self, node: &PathNode, place: &'a str) {
        for slot in node.slots.iter().filter(|slot| matches!(slot, FieldRole::Array(_))) {
            self.keep(*slot, Some(Scalar::Json(Cow::Borrowed(place))));
        }
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
    for (_, child) in &node.children {
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
    for (_, child) in &node.children {
        forget(child, sink);
    }
}
