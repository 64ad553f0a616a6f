//! One aggregate per pane of a window: counts, sums, minima and maxima.

use super::StoredFeature;
use crate::encoding::{ListShape, StateReader, StateWriter};
use crate::engine::window::{Aggregate, DecimalSum, EventCount, Maximum, Minimum, Panes};
use crate::rules::ruleset::Window;
use crate::time::Timestamp;

/// What a pane holds, as one value.
pub(crate) trait PaneValue: Aggregate {
    fn write<W: StateWriter>(self, writer: &mut W);
    fn read<R: StateReader>(reader: &mut R) -> Result<Self, R::Error>;
}

impl PaneValue for EventCount {
    fn write<W: StateWriter>(self, writer: &mut W) {
        writer.count("value", self.0);
    }

    fn read<R: StateReader>(reader: &mut R) -> Result<Self, R::Error> {
        reader.count("a pane's count").map(EventCount)
    }
}

impl PaneValue for DecimalSum {
    fn write<W: StateWriter>(self, writer: &mut W) {
        writer.sum("value", self.0);
    }

    fn read<R: StateReader>(reader: &mut R) -> Result<Self, R::Error> {
        reader.sum("a pane's sum").map(DecimalSum)
    }
}

impl PaneValue for Minimum {
    fn write<W: StateWriter>(self, writer: &mut W) {
        writer.decimal("value", self.0);
    }

    fn read<R: StateReader>(reader: &mut R) -> Result<Self, R::Error> {
        reader.decimal("a pane's minimum").map(Minimum)
    }
}

impl PaneValue for Maximum {
    fn write<W: StateWriter>(self, writer: &mut W) {
        writer.decimal("value", self.0);
    }

    fn read<R: StateReader>(reader: &mut R) -> Result<Self, R::Error> {
        reader.decimal("a pane's maximum").map(Maximum)
    }
}

impl<T: PaneValue> StoredFeature for Panes<T> {
    fn expire(&mut self, window: &Window, now: Timestamp) -> bool {
        Panes::expire(self, window, now)
    }

    fn merge(&mut self, other: Self) {
        Panes::merge(self, other);
    }

    fn heap_bytes(&self) -> usize {
        Panes::heap_bytes(self)
    }

    /// The first pane's number, then the distance of each pane to the one before; each followed by its value.
    fn write<W: StateWriter>(&self, writer: &mut W) {
        let mut previous = None;
        writer.list("panes", ListShape::Pairs, self.entries().iter(), |writer, (pane, value)| {
            writer.pane_after(previous.replace(*pane), *pane);
            value.write(writer);
        });
    }

    fn read<R: StateReader>(window: Option<&Window>, reader: &mut R) -> Result<Self, R::Error> {
        let mut previous = None;
        let entries = reader.list(ListShape::Pairs, "a window's panes", |reader| {
            let pane = reader.pane_after(previous, "a pane")?;
            previous = Some(pane);
            reader.verify(|| is_in_range(window, pane), "a pane out of range")?;
            Ok((pane, T::read(reader)?))
        })?;
        Ok(Panes::from_entries(entries))
    }
}

/// Whether the pane's instants are in range, so that arithmetic on it cannot overflow.
pub(super) fn is_in_range(window: Option<&Window>, pane: i64) -> bool {
    let begins = window.and_then(|window| pane.checked_mul(window.pane_ms)).map(Timestamp);
    begins.is_some_and(|at| (Timestamp::MIN..=Timestamp::NEVER).contains(&at))
}
