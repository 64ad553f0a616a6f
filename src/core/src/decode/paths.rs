//! The paths of the values that are read, as a tree of keys.

use super::fields::{FieldRole, ProjectedValues, RetainedValue};
use super::items::ItemReader;
use crate::event::ItemFieldId;

/// The projected paths below an object, as a tree.
#[derive(Clone, Debug, Default)]
pub(super) struct PathNode {
    pub(super) children: Vec<PathChild>,
    /// What the value that stands here is, where it is read.
    pub(super) slots: Vec<FieldRole>,
    /// The traits in a context stand here: each is there or not for itself.
    pub(super) holds_traits: bool,
    /// Reads the elements of an array that stands here.
    items: Option<Box<ItemReader>>,
}

/// What stands below a key of an object.
#[derive(Clone, Debug)]
pub(super) struct PathChild {
    /// [`ComparedKey::first_bytes`] of the key.
    first_bytes: u64,
    key: String,
    pub(super) node: PathNode,
}

/// A key that is compared with others.
#[derive(Clone, Copy)]
pub(super) struct ComparedKey<'t> {
    pub(super) key: &'t [u8],
    /// Its first eight bytes; zeros behind a shorter one.
    first_bytes: u64,
}

impl<'t> ComparedKey<'t> {
    /// A key by itself.
    pub(super) fn whole(key: &'t str) -> ComparedKey<'t> {
        let first_bytes = match key.as_bytes().first_chunk() {
            Some(first) => u64::from_le_bytes(*first),
            None => short_key(key.as_bytes()),
        };
        ComparedKey { key: key.as_bytes(), first_bytes }
    }

    /// The key that a text begins with, of that length.
    #[inline(always)]
    pub(super) fn at(text: &'t [u8], length: usize) -> ComparedKey<'t> {
        const FIRST: usize = size_of::<u64>();
        let key = &text[..length];
        let first_bytes = match text.first_chunk::<FIRST>() {
            Some(first) if length >= FIRST => u64::from_le_bytes(*first),
            Some(first) => u64::from_le_bytes(*first) & ((1 << (length * 8)) - 1),
            None => short_key(key),
        };
        ComparedKey { key, first_bytes }
    }

    #[inline(always)]
    fn is(self, child: &PathChild) -> bool {
        child.first_bytes == self.first_bytes
            && child.key.len() == self.key.len()
            && (self.key.len() <= size_of::<u64>() || child.key.as_bytes() == self.key)
    }
}

#[inline(never)]
fn short_key(key: &[u8]) -> u64 {
    key.iter().rev().fold(0, |all, byte| all << 8 | u64::from(*byte))
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
            let first_bytes = ComparedKey::whole(key).first_bytes;
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
        self.numbered_child(ComparedKey::whole(key)).map(|(_, node)| node)
    }

    /// A child, with its number among them.
    #[inline(always)]
    pub(super) fn numbered_child(&self, key: ComparedKey<'_>) -> Option<(usize, &PathNode)> {
        let mut children = self.children.iter().enumerate();
        children.find(|(_, child)| key.is(child)).map(|(number, child)| (number, &child.node))
    }

    /// Whether what was read has a value for it that is not null.
    pub(super) fn has_value(&self, read: &ProjectedValues<'_>) -> bool {
        let is_there = |value: &RetainedValue<'_>| matches!(value, RetainedValue::Scalar(_) | RetainedValue::Items(_));
        self.slots.first().is_some_and(|own| read.values.iter().any(|(slot, value)| slot == own && is_there(value)))
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
    pub(super) fn holds(&self, slot: FieldRole) -> bool {
        self.slots.contains(&slot) || self.children.iter().any(|child| child.node.holds(slot))
    }
}
