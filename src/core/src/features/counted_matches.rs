//! What the models of §16 count of a user: the first match, and those that come long enough after the latest counted one.

use super::aggregates::{Aggregate, DecimalSum};
use super::clock::FeatureClock;
use super::function::{AggregateFunction, FeatureInput};
use super::state::StoredFeature;
use super::window::Window;
use crate::decimal::Decimal;
use crate::encoding::{StateReader, StateWriter};
use crate::event::FieldId;
use crate::time::{Span, Timestamp};
use crate::value::{TermResult, Value};

/// The first match, then, in order of arrival, each whose own time is at least `min_gap` after that of the latest counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CountedMatches {
    /// The time that must lie between two.
    pub min_gap: Span,
    /// The property that is added up, of all counted but the first.
    pub value: Option<FieldId>,
    /// What comes too soon after a counted one, but for the first, is added up with it: two orders of one day are one
    /// purchase of the worth of both. For fitting; rules have no such features.
    pub adds_uncounted: bool,
}

/// What was counted of one user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MatchCount {
    /// The time of the first.
    pub(crate) first: Timestamp,
    /// The time of the latest counted.
    pub(crate) latest: Timestamp,
    /// How many were counted; 0 before the first.
    pub(crate) counted: u64,
    /// The sum of the values of all counted but the first.
    pub(crate) sum: DecimalSum,
}

impl AggregateFunction for CountedMatches {
    type State = Box<MatchCount>;
    type Input<'e> = (Timestamp, Option<Decimal>);

    const STORED_NAME: &'static str = "counted";
    const NAME: &'static str = "counted";

    fn fields(&self) -> Vec<FieldId> {
        self.value.into_iter().collect()
    }

    fn numeric_fields(&self) -> Vec<FieldId> {
        self.fields()
    }

    fn definition(&self, path: &dyn Fn(FieldId) -> String, _zone: &str) -> String {
        let value = self.value.map(|field| format!(" {}", path(field))).unwrap_or_default();
        let uncounted = if self.adds_uncounted { " all" } else { "" };
        format!("{} {}{value}{uncounted}", Self::STORED_NAME, self.min_gap.0)
    }

    fn arguments(&self, event: &str, property: &dyn Fn(FieldId) -> String) -> String {
        let value = self.value.map(|field| format!(".{}", property(field))).unwrap_or_default();
        format!("{event}{value}, {}", self.min_gap)
    }

    fn heap_bytes_max(&self) -> usize {
        size_of::<MatchCount>()
    }

    fn input<'e>(&self, event: &FeatureInput<'e, '_>) -> Option<(Timestamp, Option<Decimal>)> {
        Some((event.ts, self.value.and_then(|field| event.number(field))))
    }

    fn add(
        &self,
        state: &mut Box<MatchCount>,
        (ts, value): (Timestamp, Option<Decimal>),
        _event: &FeatureInput<'_, '_>,
    ) {
        if state.counted == 0 {
            **state = MatchCount { first: ts, latest: ts, counted: 1, sum: DecimalSum(0) };
        } else if ts - state.latest >= self.min_gap {
            state.latest = ts;
            state.counted = state.counted.saturating_add(1);
            value.into_iter().for_each(|value| state.sum.add(DecimalSum::from(value)));
        } else if self.adds_uncounted && state.counted > 1 && ts >= state.latest {
            value.into_iter().for_each(|value| state.sum.add(DecimalSum::from(value)));
        }
    }

    fn result<'s>(&self, state: Option<&'s Box<MatchCount>>, _clock: FeatureClock<'_>) -> TermResult<'s> {
        TermResult::constant(Value::Number(Decimal::from(state.map_or(0, |state| state.counted))))
    }
}

impl StoredFeature for MatchCount {
    fn empty() -> Self {
        MatchCount { first: Timestamp::NEVER, latest: Timestamp::MIN, counted: 0, sum: DecimalSum(0) }
    }

    /// The side with the earlier first match keeps its count; the matches of the other are not counted again.
    fn merge(&mut self, other: Self) {
        if other.first < self.first {
            *self = other;
        }
    }

    fn heap_bytes(&self) -> usize {
        0
    }

    fn write<W: StateWriter>(&self, writer: &mut W) {
        writer.record("", 4, |writer| {
            writer.time("latest", self.latest);
            writer.time_near("first", self.latest, self.first);
            writer.count("counted", self.counted);
            writer.sum("value", self.sum.0);
        });
    }

    fn read<R: StateReader>(_window: Option<&Window>, reader: &mut R) -> Result<Self, R::Error> {
        reader.record(4, "counted matches")?;
        let latest = reader.time("the latest counted")?;
        let first = reader.time_near(latest, "the first match")?;
        reader.verify(|| first <= latest, "a first match after the latest")?;
        let counted = reader.count("a number of matches")?;
        Ok(MatchCount { first, latest, counted, sum: DecimalSum(reader.sum("a sum of values")?) })
    }
}
