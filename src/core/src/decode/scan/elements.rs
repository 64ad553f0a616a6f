//! The elements of an array that the rules read, where they stand.

use super::tokens::{after_blanks, plain_key, skip, skip_container};
use super::{CallScan, PATH_DEPTH_MAX, SeenKeys};
use crate::decode::fields::{KeyBytes, PathNode, ProjectedValues};
use crate::decode::items::{ItemReader, move_values};
use crate::decode::projected::RetainedValue;
use crate::event::{ItemArray, MAX_ITEMS};

/// The elements of an array while they are read.
struct ElementSink<'r, 'a> {
    reader: &'r ItemReader,
    items: ItemArray<'a>,
    /// The values of an element that stand deeper than its members.
    nested: ProjectedValues<'a>,
}

impl<'a, const IS_PLAIN: bool> CallScan<'a, IS_PLAIN> {
    /// The array at a path, with its elements.
    pub(super) fn array<'t>(
        self,
        node: &PathNode,
        sink: &mut ProjectedValues<'a>,
        value: &'t [u8],
        depth: u8,
    ) -> Option<&'t [u8]> {
        let reader = node.items()?;
        let mut elements =
            ElementSink { reader, items: ItemArray::new(reader.array), nested: ProjectedValues::default() };
        if let Some(behind) = self.elements(&mut elements, value, depth) {
            sink.keep_items(elements.items);
            return Some(behind);
        }
        // An element is unusual.
        let behind = skip_container::<IS_PLAIN>(value)?;
        reader.read(self.text(value, behind)?).into_iter().for_each(|items| sink.keep_items(items));
        Some(behind)
    }

    /// The elements of an array.
    fn elements<'t>(self, sink: &mut ElementSink<'_, 'a>, array: &'t [u8], depth: u8) -> Option<&'t [u8]> {
        if depth >= PATH_DEPTH_MAX {
            return None;
        }
        let mut rest = after_blanks(array.strip_prefix(b"[")?);
        if let [b']', behind @ ..] = rest {
            return Some(behind);
        }
        sink.items.reserve(sink.reader.field_count);
        for number in 0.. {
            let behind = match rest {
                [b'{', inside @ ..] if number < MAX_ITEMS => self.element(sink, inside, depth + 1)?,
                _ => skip::<IS_PLAIN>(rest)?,
            };
            match after_blanks(behind) {
                [b',', behind @ ..] => rest = after_blanks(behind),
                [b']', behind @ ..] => return Some(behind),
                _ => return None,
            }
        }
        None
    }

    /// The members of an element, from behind its opening bracket.
    #[inline(always)]
    fn element<'t>(self, sink: &mut ElementSink<'_, 'a>, inside: &'t [u8], depth: u8) -> Option<&'t [u8]> {
        let mut seen = SeenKeys::default();
        let mut rest = after_blanks(inside);
        if let [b'}', behind @ ..] = rest {
            sink.items.end_item();
            return Some(behind);
        }
        loop {
            let (key, value) = plain_key::<IS_PLAIN>(rest)?;
            let behind = match sink.reader.paths.numbered_child(KeyBytes::of(&rest[1..], key.len()), key) {
                None => skip::<IS_PLAIN>(value)?,
                Some((number, node)) => {
                    seen.insert(number)?;
                    self.element_member(node, sink, value, depth)?
                }
            };
            match after_blanks(behind) {
                [b',', behind @ ..] => rest = after_blanks(behind),
                [b'}', behind @ ..] => {
                    sink.items.end_item();
                    return Some(behind);
                }
                _ => return None,
            }
        }
    }

    /// A value of an element.
    #[inline(always)]
    fn element_member<'t>(
        self,
        node: &PathNode,
        sink: &mut ElementSink<'_, 'a>,
        value: &'t [u8],
        depth: u8,
    ) -> Option<&'t [u8]> {
        let Some(field) = node.item_field() else {
            let behind = self.path(node, &mut sink.nested, value, depth + 1)?;
            move_values(&mut sink.nested, &mut sink.items);
            return Some(behind);
        };
        let (kept, behind) = self.leaf(node, value)?;
        match kept {
            RetainedValue::Value(Some(kept)) => sink.items.push_value(field, kept),
            RetainedValue::Value(None) => {}
            RetainedValue::TooLarge => sink.items.oversized = sink.items.oversized.saturating_add(1),
        }
        Some(behind)
    }
}
