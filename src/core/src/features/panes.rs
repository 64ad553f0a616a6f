//! The state of a window: one aggregate per pane with events.

use super::aggregates::Aggregate;
use super::clock::FeatureClock;
use super::state::StoredFeature;
use super::window::{PanePlace, Window};
use crate::encoding::{ListShape, StateReader, StateWriter};
use crate::time::Timestamp;

/// One aggregate per pane with events, oldest first. At most 60 of them are in a window; older ones stay until
/// [`expire`](Panes::expire) and are passed over meanwhile.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Panes<T> {
    entries: Vec<(i64, T)>,
}

impl<T> Default for Panes<T> {
    fn default() -> Self {
        Panes { entries: Vec::new() }
    }
}

impl<T: Aggregate> Panes<T> {
    /// Adds `value` at an instant, unless its pane has left the window by `now`.
    pub(crate) fn add(&mut self, window: &Window, at: Timestamp, clock: FeatureClock<'_>, value: T) {
        let PanePlace { pane, oldest } = window.place(at, clock);
        self.drop_before(oldest);
        if pane >= oldest {
            self.put(pane, value);
        }
    }

    fn drop_before(&mut self, oldest: i64) {
        if self.entries.first().is_some_and(|(pane, _)| *pane < oldest) {
            self.entries.retain(|(pane, _)| *pane >= oldest);
        }
    }

    fn put(&mut self, pane: i64, value: T) {
        let after = self.entries.iter().rposition(|(other, _)| *other <= pane).map_or(0, |at| at + 1);
        match after.checked_sub(1).map(|at| &mut self.entries[at]) {
            Some((other, held)) if *other == pane => held.add(value),
            _ => self.entries.insert(after, (pane, value)),
        }
    }

    /// The panes that are in the window at `now` or will be, oldest first.
    pub(crate) fn live(&self, window: &Window, clock: FeatureClock<'_>) -> &[(i64, T)] {
        let oldest = window.oldest_pane(clock);
        let from = self.entries.iter().position(|(pane, _)| *pane >= oldest).unwrap_or(self.entries.len());
        &self.entries[from..]
    }

    /// Ascending panes.
    #[cfg(test)]
    pub(super) fn from_entries(entries: Vec<(i64, T)>) -> Panes<T> {
        Panes { entries }
    }
}

impl<T: Aggregate> StoredFeature for Panes<T> {
    fn empty() -> Self {
        Panes::default()
    }

    fn expire(&mut self, window: &Window, clock: FeatureClock<'_>) -> bool {
        self.drop_before(window.oldest_pane(clock));
        !self.entries.is_empty()
    }

    fn merge(&mut self, other: Panes<T>) {
        let mut all = Vec::with_capacity(self.entries.len() + other.entries.len());
        let mut theirs = other.entries.into_iter().peekable();
        for (pane, mut value) in self.entries.drain(..) {
            all.extend(std::iter::from_fn(|| theirs.next_if(|(other, _)| *other < pane)));
            if let Some((_, other)) = theirs.next_if(|(other, _)| *other == pane) {
                value.add(other);
            }
            all.push((pane, value));
        }
        all.extend(theirs);
        self.entries = all;
    }

    fn heap_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<(i64, T)>()
    }

    /// The first pane's number, then the distance of each pane to the one before; each followed by its value.
    fn write<W: StateWriter>(&self, writer: &mut W) {
        let mut previous = None;
        writer.list("panes", ListShape::Pairs, self.entries.iter(), |writer, (pane, value)| {
            writer.pane_after(previous.replace(*pane), *pane);
            value.write(writer);
        });
    }

    fn read<R: StateReader>(window: Option<&Window>, reader: &mut R) -> Result<Self, R::Error> {
        let mut previous = None;
        let entries = reader.list(ListShape::Pairs, "a window's panes", |reader| {
            let pane = reader.pane_after(previous, "a pane")?;
            previous = Some(pane);
            reader.verify(|| window.is_some_and(|window| window.has_in_range(pane)), "a pane out of range")?;
            Ok((pane, T::read(reader)?))
        })?;
        Ok(Panes { entries })
    }
}

/// The aggregate over some panes; `None` over none.
pub(crate) fn combine<T: Aggregate>(panes: &[(i64, T)]) -> Option<T> {
    let ((_, first), rest) = panes.split_first()?;
    let mut total = *first;
    for (_, value) in rest {
        total.add(*value);
    }
    Some(total)
}
