//! `distinct(E.p, W)`.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::Xxh3;

use super::aggregates::EventCount;
use super::clock::FeatureClock;
use super::function::{AggregateFunction, FeatureInput};
use super::sought_texts::SoughtTexts;
use super::state::StoredFeature;
use super::window::{PanePlace, Window};
use super::window_result::WindowReading;
use crate::decimal::Decimal;
use crate::encoding::{ListShape, StateReader, StateWriter};
use crate::event::{FieldId, Scalar};
use crate::time::Timestamp;
use crate::value::{Comparison, ConditionResult, TermResult, Value};

/// The greatest number of distinct values per user and window; beyond it, the least recent ones are dropped.
pub(crate) const DISTINCT_VALUES_MAX: usize = 1_000;

/// The greatest number of bytes that a value takes, in a search tree that is half full.
pub(super) const DISTINCT_VALUE_BYTES: usize = 40;

/// The value of a window without events.
pub(super) const EMPTY: Value<'static> = Value::Number(Decimal::ZERO);

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
        state.add(&self.window, event.ts, event.clock, value_hash);
    }

    fn result<'s>(&self, state: Option<&'s DistinctPanes>, clock: FeatureClock<'_>) -> TermResult<'s> {
        self.reading(clock).result(&self.live(state, clock))
    }

    fn comparison(
        &self,
        state: Option<&DistinctPanes>,
        clock: FeatureClock<'_>,
        op: Comparison,
        constant: &Value<'_>,
    ) -> Option<ConditionResult> {
        Some(self.reading(clock).comparison(&self.live(state, clock), op, constant))
    }
}

impl WindowDistinct {
    fn reading<'c>(&self, clock: FeatureClock<'c>) -> WindowReading<'c> {
        WindowReading { window: self.window, clock, empty: EMPTY }
    }

    fn live(&self, state: Option<&DistinctPanes>, clock: FeatureClock<'_>) -> Vec<(i64, EventCount)> {
        state.map_or_else(Vec::new, |state| state.live(&self.window, clock))
    }
}

/// What tells one value from another: texts and numbers only. Stored, so the hash is fixed for good.
pub(super) fn value_hash(value: &Scalar<'_>) -> Option<u64> {
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
    /// Adds a value at an instant, unless its pane has left the window by `now`.
    pub(crate) fn add(&mut self, window: &Window, at: Timestamp, clock: FeatureClock<'_>, value_hash: u64) {
        let PanePlace { pane, oldest } = window.place(at, clock);
        if pane >= oldest {
            self.latest.retain(|_, pane| *pane >= oldest);
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
    pub(crate) fn live(&self, window: &Window, clock: FeatureClock<'_>) -> Vec<(i64, EventCount)> {
        let oldest = window.oldest_pane(clock);
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
    fn forget_text(&mut self, text: &str) -> bool {
        let forgotten = value_hash(&Scalar::Text(text.into()));
        self.latest.retain(|hash, _| Some(*hash) != forgotten);
        !self.latest.is_empty()
    }

    fn has_any_text(&self, texts: &SoughtTexts<'_>) -> bool {
        self.latest.keys().any(|hash| texts.has_hash(*hash))
    }

    fn empty() -> Self {
        DistinctPanes::default()
    }

    fn expire(&mut self, window: &Window, clock: FeatureClock<'_>) -> bool {
        let oldest = window.oldest_pane(clock);
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
            reader.verify(|| window.is_some_and(|window| window.has_in_range(pane)), "a pane out of range")?;
            let is_sound =
                previous.replace(hash).is_none_or(|previous| previous < hash) && values < DISTINCT_VALUES_MAX;
            reader.verify(|| is_sound, "distinct values out of order, or too many")?;
            values += 1;
            Ok((hash, pane))
        })?;
        Ok(DistinctPanes { latest: entries.into_iter().collect() })
    }
}
