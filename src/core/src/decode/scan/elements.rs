//! The elements of an array that the rules read, where they stand.

use super::tokens::{Following, after_blanks, following, plain_key, short_number, skip, skip_container};
use super::{CallScan, PATH_DEPTH_MAX, SeenKeys};
use crate::decode::fields::{ProjectedValues, RetainedValue};
use crate::decode::items::{ItemReader, move_values};
use crate::decode::paths::PathNode;
use crate::event::{ItemArray, MAX_ITEMS, Scalar};

/// The elements of an array while they are read.
struct ElementSink<'r, 'a> {
    reader: &'r ItemReader,
    items: ItemArray<'a>,
    /// The values of an element that stand deeper than its members.
    nested: ProjectedValues<'a>,
}

impl<'a, const IS_PLAIN: bool> CallScan<'a, IS_PLAIN> {
    /// The array at a path, with its elements.
    #[inline(never)]
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
    #[inline(never)]
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
            match following::<b']'>(behind)? {
                Following::Another(element) => rest = element,
                Following::Closing(behind) => return Some(behind),
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
            let behind = match sink.reader.paths.numbered_child(key) {
                None => skip::<IS_PLAIN>(value)?,
                Some((number, node)) => {
                    seen.insert(number)?;
                    self.element_member(node, sink, value, depth)?
                }
            };
            match following::<b'}'>(behind)? {
                Following::Another(member) => rest = member,
                Following::Closing(behind) => {
                    sink.items.end_item();
                    return Some(behind);
                }
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
        // Most values are these.
        if let [b'"', string @ ..] = value {
            let (text, behind) = self.kept_string(string)?;
            sink.items.push_value(field, text);
            return Some(behind);
        }
        if let Some((number, behind)) = short_number(value) {
            sink.items.push_value(field, Scalar::Number(number));
            return Some(behind);
        }
        self.leaf(node, value, |kept| match kept {
            RetainedValue::Scalar(kept) => sink.items.push_value(field, kept),
            RetainedValue::Absent | RetainedValue::Items(_) => {}
            RetainedValue::TooLarge => sink.items.oversized = sink.items.oversized.saturating_add(1),
        })
    }
}
