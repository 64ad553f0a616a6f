//! What was shown to a user of lists of picks, for the growth numbers: an order of it soon after counts as from picks.

use thin_vec::ThinVec;
use xxhash_rust::xxh3::xxh3_64;

use crate::encoding::{ListShape, StateReader, StateWriter};
use crate::time::{Span, Timestamp};

/// The most items that are remembered: those that were shown last.
const ITEMS_MAX: usize = 100;

/// The items that were shown to a user last, by the hashes of their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShownItems(ThinVec<ShownItem>);

/// An item that was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ShownItem {
    item: u64,
    /// When it was last.
    at: Timestamp,
}

impl ShownItems {
    /// Whether nothing was.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// An item is shown at an instant. What was shown longer before that than it counts is forgotten.
    pub(crate) fn show(&mut self, item: &str, at: Timestamp, within: Span) {
        self.0.retain(|known| known.at + within >= at);
        self.put(ShownItem { item: xxh3_64(item.as_bytes()), at });
    }

    /// Whether an item was shown at an instant or at most that long before it.
    pub(crate) fn was_shown(&self, item: &str, by: Timestamp, within: Span) -> bool {
        let item = xxh3_64(item.as_bytes());
        self.0.iter().any(|known| known.item == item && known.at <= by && by <= known.at + within)
    }

    /// Adds what was shown to a visitor who is this user.
    pub(crate) fn merge(&mut self, visitor: ShownItems) {
        visitor.0.into_iter().for_each(|shown| self.put(shown));
    }

    /// The latest time of each counts; what was shown longest ago makes room.
    fn put(&mut self, shown: ShownItem) {
        match self.0.iter_mut().find(|known| known.item == shown.item) {
            Some(known) => known.at = known.at.max(shown.at),
            None => self.0.push(shown),
        }
        self.0.sort_by_key(|known| (known.at, known.item));
        let surplus = self.0.len().saturating_sub(ITEMS_MAX);
        self.0.drain(..surplus);
    }

    /// The bytes it takes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<ShownItem>()
    }

    /// Writes it, in any format.
    pub(crate) fn write<W: StateWriter>(&self, writer: &mut W) {
        writer.list("shown_picks", ListShape::Pairs, self.0.iter(), |writer, shown| {
            writer.hash("item", shown.item);
            writer.time("at", shown.at);
        });
    }

    /// Reads it.
    pub(crate) fn read<R: StateReader>(reader: &mut R) -> Result<ShownItems, R::Error> {
        let items = reader.list(ListShape::Pairs, "what was shown to a user", |reader| {
            let item = reader.hash("an item that was shown")?;
            Ok(ShownItem { item, at: reader.time("when an item was shown")? })
        })?;
        let is_sound = items.len() <= ITEMS_MAX && items.is_sorted_by_key(|shown: &ShownItem| (shown.at, shown.item));
        reader.verify(|| is_sound, "items that were shown out of order, or more than are remembered")?;
        Ok(ShownItems(items.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEEK: Span = Span(7 * 86_400_000);

    #[test]
    fn what_was_shown_counts_from_then_on_and_not_for_ever() {
        let mut shown = ShownItems::default();
        shown.show("a", Timestamp(1_000), WEEK);
        let last = Timestamp(1_000) + WEEK;
        assert!(shown.was_shown("a", Timestamp(1_000), WEEK) && shown.was_shown("a", last, WEEK));
        let others = [("a", 999), ("b", 1_000), ("a", last.0 + 1)];
        assert!(others.iter().all(|(item, by)| !shown.was_shown(item, Timestamp(*by), WEEK)));
        shown.show("b", Timestamp(last.0 + 1), WEEK);
        assert_eq!(shown.0.len(), 1, "what cannot count any more is forgotten");
    }

    #[test]
    fn the_latest_hundred_are_remembered_also_of_two() {
        let (mut user, mut visitor) = (ShownItems::default(), ShownItems::default());
        for n in 0..80 {
            user.show(&format!("u{n}"), Timestamp(n), WEEK);
            visitor.show(&format!("v{n}"), Timestamp(n + 1_000), WEEK);
        }
        visitor.show("u79", Timestamp(5), WEEK);
        user.merge(visitor);
        assert_eq!(user.0.len(), ITEMS_MAX);
        let by = Timestamp(2_000);
        assert!(user.was_shown("v0", by, WEEK) && user.was_shown("u79", by, WEEK) && !user.was_shown("u0", by, WEEK));
        assert!(user.was_shown("u79", Timestamp(79), WEEK), "of both times the later one counts");
    }
}
