//! The state of a window: one aggregate per pane with events.

use super::aggregates::Aggregate;
use super::state::StoredFeature;
use super::window::{Window, is_in_range};
use crate::encoding::{ListShape, StateReader, StateWriter};
use crate::time::Timestamp;
use crate::value::{Comparison, ConditionResult, TermResult, Value, compare};

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
    /// Adds `value` at `pane`, unless that pane has left the window by `now`.
    pub(crate) fn add(&mut self, window: &Window, pane: i64, now: Timestamp, value: T) {
        self.expire(window, now);
        if pane >= window.oldest_pane(now) {
            self.put(pane, value);
        }
    }

    fn put(&mut self, pane: i64, value: T) {
        let after = self.entries.iter().rposition(|(other, _)| *other <= pane).map_or(0, |at| at + 1);
        match after.checked_sub(1).map(|at| &mut self.entries[at]) {
            Some((other, held)) if *other == pane => held.add(value),
            _ => self.entries.insert(after, (pane, value)),
        }
    }

    /// The panes in the window at `now`, oldest first.
    pub(crate) fn live(&self, window: &Window, now: Timestamp) -> &[(i64, T)] {
        let oldest = window.oldest_pane(now);
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

    fn expire(&mut self, window: &Window, now: Timestamp) -> bool {
        let oldest = window.oldest_pane(now);
        if self.entries.first().is_some_and(|(pane, _)| *pane < oldest) {
            self.entries.retain(|(pane, _)| *pane >= oldest);
        }
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
            reader.verify(|| is_in_range(window, pane), "a pane out of range")?;
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

/// The value of the panes in a window, until the oldest of them leaves; `empty` where there are none.
pub(super) fn result<T: Aggregate>(panes: &[(i64, T)], window: &Window, empty: Value<'static>) -> TermResult<'static> {
    let until = panes.first().map_or(Timestamp::NEVER, |(pane, _)| window.leaves_at(*pane));
    TermResult { value: combine(panes).map_or(empty, T::to_value), slope: 0, until }
}

/// A comparison of a window's value with a constant.
pub(super) struct PaneComparison<'c> {
    pub(super) window: Window,
    pub(super) op: Comparison,
    pub(super) constant: &'c Value<'c>,
    /// The value of an empty window.
    pub(super) empty: Value<'static>,
}

impl PaneComparison<'_> {
    /// Whether it holds over these panes, and until when: it changes when a certain pane leaves.
    pub(super) fn result<T: Aggregate>(&self, panes: &[(i64, T)]) -> ConditionResult {
        let holds = |aggregate: Option<T>| compare(self.op, &aggregate.map_or(self.empty, T::to_value), self.constant);
        // From the newest pane to the oldest: what the window holds once those before have left.
        let mut aggregate = None;
        let mut outlook = ConditionResult { holds: holds(aggregate), until: Timestamp::NEVER };
        for (pane, value) in panes.iter().rev() {
            let mut older = *value;
            if let Some(newer) = aggregate {
                older.add(newer);
            }
            aggregate = Some(older);
            let holds = holds(aggregate);
            if holds != outlook.holds {
                outlook = ConditionResult { holds, until: self.window.leaves_at(*pane) };
            }
        }
        outlook
    }
}
