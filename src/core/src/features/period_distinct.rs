//! `distinct(E.p, 'last_month')`.

use std::collections::BTreeSet;

use super::aggregates::EventCount;
use super::clock::FeatureClock;
use super::function::{AggregateFunction, FeatureInput};
use super::sought_texts::SoughtTexts;
use super::state::StoredFeature;
use super::window::{CalendarWindow, PanePlace, Window};
use super::window_distinct::{DISTINCT_VALUE_BYTES, DISTINCT_VALUES_MAX, EMPTY, value_hash};
use super::window_result::WindowReading;
use crate::encoding::{ListShape, StateReader, StateWriter};
use crate::event::{FieldId, Scalar};
use crate::value::{Comparison, ConditionResult, TermResult, Value};

/// How many different texts and numbers the property had in the period before the current one. Other windows need only the
/// latest pane of each value (`WindowDistinct`); this one also what the period before the current one had, whether or not the
/// current one has it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeriodDistinct {
    /// The property.
    pub field: FieldId,
    /// The window, which is of the period before the current one.
    pub window: CalendarWindow,
}

/// The hashes of the distinct values of each period, the earlier period first; of each period at most
/// [`DISTINCT_VALUES_MAX`], the largest hashes.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct DistinctPeriods {
    periods: Vec<(i64, BTreeSet<u64>)>,
}

impl AggregateFunction for PeriodDistinct {
    type State = DistinctPeriods;
    /// The hash of the value.
    type Input<'e> = u64;

    const STORED_NAME: &'static str = "distinct";
    const NAME: &'static str = "distinct";

    fn fields(&self) -> Vec<FieldId> {
        vec![self.field]
    }

    fn window(&self) -> Option<Window> {
        Some(self.window.into())
    }

    fn heap_bytes_max(&self) -> usize {
        2 * (size_of::<(i64, BTreeSet<u64>)>() + DISTINCT_VALUES_MAX * DISTINCT_VALUE_BYTES)
    }

    fn input<'e>(&self, event: &FeatureInput<'e, '_>) -> Option<u64> {
        event.value(self.field).and_then(value_hash)
    }

    fn add(&self, state: &mut DistinctPeriods, value_hash: u64, event: &FeatureInput<'_, '_>) {
        let PanePlace { pane, oldest } = Window::from(self.window).place(event.ts, event.clock);
        state.drop_before(oldest);
        if pane >= oldest {
            state.put(pane, [value_hash]);
        }
    }

    fn result<'s>(&self, state: Option<&'s DistinctPeriods>, clock: FeatureClock<'_>) -> TermResult<'s> {
        self.reading(clock).result(&counts(state))
    }

    fn comparison(
        &self,
        state: Option<&DistinctPeriods>,
        clock: FeatureClock<'_>,
        op: Comparison,
        constant: &Value<'_>,
    ) -> Option<ConditionResult> {
        Some(self.reading(clock).comparison(&counts(state), op, constant))
    }
}

impl PeriodDistinct {
    fn reading<'c>(&self, clock: FeatureClock<'c>) -> WindowReading<'c> {
        WindowReading { window: self.window.into(), clock, empty: EMPTY }
    }
}

fn counts(state: Option<&DistinctPeriods>) -> Vec<(i64, EventCount)> {
    let periods = state.into_iter().flat_map(|state| &state.periods);
    periods.map(|(period, values)| (*period, EventCount(values.len() as u64))).collect()
}

impl DistinctPeriods {
    fn drop_before(&mut self, oldest: i64) {
        self.periods.retain(|(period, _)| *period >= oldest);
    }

    fn put(&mut self, period: i64, hashes: impl IntoIterator<Item = u64>) {
        let at = self.periods.binary_search_by_key(&period, |(period, _)| *period).unwrap_or_else(|at| {
            self.periods.insert(at, (period, BTreeSet::new()));
            at
        });
        let values = &mut self.periods[at].1;
        values.extend(hashes);
        while values.len() > DISTINCT_VALUES_MAX {
            values.pop_first();
        }
    }
}

impl StoredFeature for DistinctPeriods {
    fn forget_text(&mut self, text: &str) -> bool {
        let forgotten = value_hash(&Scalar::Text(text.into()));
        self.periods.iter_mut().for_each(|(_, values)| values.retain(|hash| Some(*hash) != forgotten));
        self.periods.retain(|(_, values)| !values.is_empty());
        !self.periods.is_empty()
    }

    fn has_any_text(&self, texts: &SoughtTexts<'_>) -> bool {
        self.periods.iter().any(|(_, values)| values.iter().any(|hash| texts.has_hash(*hash)))
    }

    fn empty() -> Self {
        DistinctPeriods::default()
    }

    fn expire(&mut self, window: &Window, clock: FeatureClock<'_>) -> bool {
        self.drop_before(window.oldest_pane(clock));
        !self.periods.is_empty()
    }

    fn merge(&mut self, other: DistinctPeriods) {
        for (period, values) in other.periods {
            self.put(period, values);
        }
    }

    fn heap_bytes(&self) -> usize {
        let values = self.periods.iter().map(|(_, values)| values.len() * DISTINCT_VALUE_BYTES).sum::<usize>();
        self.periods.capacity() * size_of::<(i64, BTreeSet<u64>)>() + values
    }

    fn write<W: StateWriter>(&self, writer: &mut W) {
        writer.list("periods", ListShape::Records, self.periods.iter(), |writer, (period, values)| {
            writer.record("", 2, |writer| {
                writer.pane("period", *period);
                let values = values.iter().copied();
                writer.list("values", ListShape::Values, values, |writer, hash| writer.hash("hash", hash));
            });
        });
    }

    fn read<R: StateReader>(window: Option<&Window>, reader: &mut R) -> Result<Self, R::Error> {
        let periods = reader.list(ListShape::Records, "the periods of a window", |reader| {
            reader.record(2, "a period")?;
            let period = reader.pane("a period")?;
            reader.verify(|| window.is_some_and(|window| window.has_in_range(period)), "a period out of range")?;
            let hashes =
                reader.list(ListShape::Values, "a period's values", |reader| reader.hash("a distinct value"))?;
            let is_sound = hashes.is_sorted_by(|a, b| a < b) && (1..=DISTINCT_VALUES_MAX).contains(&hashes.len());
            reader.verify(|| is_sound, "distinct values out of order, or too many")?;
            Ok((period, BTreeSet::from_iter(hashes)))
        })?;
        reader.verify(|| periods.is_sorted_by(|a, b| a.0 < b.0), "periods out of order")?;
        Ok(DistinctPeriods { periods })
    }
}
