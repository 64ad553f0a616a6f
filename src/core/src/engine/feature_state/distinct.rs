//! The distinct values of a window, each with the latest pane it occurred in.

use super::StoredFeature;
use super::panes::is_in_range;
use crate::encoding::{ListShape, StateReader, StateWriter};
use crate::engine::window::{DISTINCT_VALUES_MAX, DistinctPanes};
use crate::rules::ruleset::Window;
use crate::time::Timestamp;

/// The greatest number of bytes that a value of `distinct` takes, in a search tree that is half full.
pub(super) const DISTINCT_VALUE_BYTES: usize = 40;

impl StoredFeature for DistinctPanes {
    fn expire(&mut self, window: &Window, now: Timestamp) -> bool {
        DistinctPanes::expire(self, window, now)
    }

    fn merge(&mut self, other: Self) {
        DistinctPanes::merge(self, other);
    }

    fn heap_bytes(&self) -> usize {
        self.entries().len() * DISTINCT_VALUE_BYTES
    }

    fn write<W: StateWriter>(&self, writer: &mut W) {
        writer.list("values", ListShape::Pairs, self.entries(), |writer, (hash, pane)| {
            writer.hash("hash", hash);
            writer.pane("pane", pane);
        });
    }

    fn read<R: StateReader>(window: Option<&Window>, reader: &mut R) -> Result<Self, R::Error> {
        let (mut previous, mut values) = (None, 0);
        let entries = reader.list(ListShape::Pairs, "a window's distinct values", |reader| {
            let (hash, pane) = (reader.hash("a distinct value")?, reader.pane("a distinct value's pane")?);
            reader.verify(|| is_in_range(window, pane), "a pane out of range")?;
            let is_sound =
                previous.replace(hash).is_none_or(|previous| previous < hash) && values < DISTINCT_VALUES_MAX;
            reader.verify(|| is_sound, "distinct values out of order, or too many")?;
            values += 1;
            Ok((hash, pane))
        })?;
        Ok(DistinctPanes::from_entries(entries))
    }
}
