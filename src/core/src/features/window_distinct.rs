//! `distinct(E.p, W)`.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::Xxh3;

use super::aggregates::EventCount;
use super::function::{AggregateFunction, FeatureInput};
use super::panes::{self, PaneComparison};
use super::state::StoredFeature;
use super::window::{Window, is_in_range};
use crate::decimal::Decimal;
use crate::encoding::{ListShape, StateReader, StateWriter};
use crate::event::{FieldId, Scalar};
use crate::time::Timestamp;
use crate::value::{Comparison, ConditionResult, TermResult, Value};

/// The greatest number of distinct values per user and window; beyond it, the least recent ones are dropped.
pub(crate) const DISTINCT_VALUES_MAX: usize = 1_000;

/// The greatest number of bytes that a value takes, in a search tree that is half full.
const DISTINCT_VALUE_BYTES: usize = 40;

/// The value of a window without events.
const EMPTY: Value<'static> = Value::Number(Decimal::ZERO);

/// How many different texts and numbers the property had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WindowDistinct {
    /// The property.
    pub field: FieldId,
    /// The window.
    pub window: Window,
}

/// Distinct values, each (as a 64-bit hash) with the latest pane it was seen in: a value is in the window exactly as
/// long as that pane is. Of more than [`DISTINCT_VALUES_MAX`] values the most recently seen are kept, so counts up to there
/// are exact, and larger ones read as [`DISTINCT_VALUES_MAX`].
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct DistinctPanes {
    latest: BTreeMap<u64, i64>,
}

impl AggregateFunction for WindowDistinct {
    type State = DistinctPanes;
    /// The hash of the value.
    type Input<'e> = u64;

    const STORED_NAME: &'static str = "distinct";
    const NAME: &'static str = "distinct";

    fn fields(&self) -> Vec<FieldId> {
        vec![self.field]
    }

    fn window(&self) -> Option<Window> {
        Some(self.window)
    }

    fn heap_bytes_max(&self) -> usize {
        DISTINCT_VALUES_MAX * DISTINCT_VALUE_BYTES
    }

    fn input<'e>(&self, event: &FeatureInput<'e, '_>) -> Option<u64> {
        event.value(self.field).and_then(value_hash)
    }

    fn add(&self, state: &mut DistinctPanes, value_hash: u64, event: &FeatureInput<'_, '_>) {
        state.add(&self.window, self.window.pane_of(event.ts.0), event.now, value_hash);
    }

    fn result<'s>(&self, state: Option<&'s DistinctPanes>, now: Timestamp) -> TermResult<'s> {
        let live = state.map_or_else(Vec::new, |state| state.live(&self.window, now));
        panes::result(&live, &self.window, EMPTY)
    }

    fn comparison(
        &self,
        state: Option<&DistinctPanes>,
        now: Timestamp,
        op: Comparison,
        constant: &Value<'_>,
    ) -> Option<ConditionResult> {
        let live = state.map_or_else(Vec::new, |state| state.live(&self.window, now));
        Some(PaneComparison { window: self.window, op, constant, empty: EMPTY }.result(&live))
    }
}

/// What tells one value from another: texts and numbers only. Stored, so the hash is fixed for good.
fn value_hash(value: &Scalar<'_>) -> Option<u64> {
    let mut hasher = Xxh3::new();
    match value {
        Scalar::Text(text) => {
            hasher.update(b"s");
            hasher.update(text.as_bytes());
        }
        Scalar::Number(number) => {
            hasher.update(b"n");
            hasher.update(&number.millionths().to_le_bytes());
        }
        Scalar::Bool(_) | Scalar::Json(_) => return None,
    }
    Some(hasher.digest())
}

impl DistinctPanes {
    /// Adds a value at `pane`, unless that pane has left the window by `now`.
    pub(crate) fn add(&mut self, window: &Window, pane: i64, now: Timestamp, value_hash: u64) {
        if pane >= window.oldest_pane(now) {
            self.expire(window, now);
            self.put(pane, value_hash);
        }
    }

    fn put(&mut self, pane: i64, value_hash: u64) {
        let latest = self.latest.entry(value_hash).or_insert(pane);
        *latest = pane.max(*latest);
        if self.latest.len() > DISTINCT_VALUES_MAX {
            let oldest = self.latest.iter().min_by_key(|(hash, pane)| (**pane, **hash)).map(|(hash, _)| *hash);
            oldest.and_then(|hash| self.latest.remove(&hash));
        }
    }

    /// How many values each pane in the window was the last of, oldest pane first.
    pub(crate) fn live(&self, window: &Window, now: Timestamp) -> Vec<(i64, EventCount)> {
        let oldest = window.oldest_pane(now);
        let mut panes: Vec<i64> = self.latest.values().copied().filter(|pane| *pane >= oldest).collect();
        panes.sort_unstable();
        panes.chunk_by(|a, b| a == b).map(|same| (same[0], EventCount(same.len() as u64))).collect()
    }

    /// Values with their panes.
    #[cfg(test)]
    pub(super) fn from_entries(entries: impl IntoIterator<Item = (u64, i64)>) -> DistinctPanes {
        DistinctPanes { latest: entries.into_iter().collect() }
    }
}

impl StoredFeature for DistinctPanes {
    fn empty() -> Self {
        DistinctPanes::default()
    }

    fn expire(&mut self, window: &Window, now: Timestamp) -> bool {
        let oldest = window.oldest_pane(now);
        self.latest.retain(|_, pane| *pane >= oldest);
        !self.latest.is_empty()
    }

    fn merge(&mut self, other: DistinctPanes) {
        for (hash, pane) in other.latest {
            let latest = self.latest.entry(hash).or_insert(pane);
            *latest = pane.max(*latest);
        }
        let surplus = self.latest.len().saturating_sub(DISTINCT_VALUES_MAX);
        if surplus > 0 {
            // The same ones that are dropped when values are added one by one.
            let mut all: Vec<(i64, u64)> = self.latest.iter().map(|(hash, pane)| (*pane, *hash)).collect();
            all.select_nth_unstable(surplus);
            self.latest = all[surplus..].iter().map(|(pane, hash)| (*hash, *pane)).collect();
        }
    }

    fn heap_bytes(&self) -> usize {
        self.latest.len() * DISTINCT_VALUE_BYTES
    }

    fn write<W: StateWriter>(&self, writer: &mut W) {
        let entries = self.latest.iter().map(|(hash, pane)| (*hash, *pane));
        writer.list("values", ListShape::Pairs, entries, |writer, (hash, pane)| {
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
        Ok(DistinctPanes { latest: entries.into_iter().collect() })
    }
}
