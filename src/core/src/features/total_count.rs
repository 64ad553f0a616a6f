//! `total(E)`.

use super::aggregates::{Aggregate, EventCount};
use super::clock::FeatureClock;
use super::function::{AggregateFunction, FeatureInput};
use super::state::StoredFeature;
use super::window::Window;
use crate::encoding::{StateReader, StateWriter};
use crate::value::TermResult;

/// Events of all time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TotalCount;

impl AggregateFunction for TotalCount {
    type State = EventCount;
    type Input<'e> = EventCount;

    const STORED_NAME: &'static str = "total";
    const NAME: &'static str = "total";

    fn heap_bytes_max(&self) -> usize {
        0
    }

    fn input<'e>(&self, _event: &FeatureInput<'e, '_>) -> Option<EventCount> {
        Some(EventCount(1))
    }

    fn add(&self, state: &mut EventCount, input: EventCount, _event: &FeatureInput<'_, '_>) {
        state.add(input);
    }

    fn result<'s>(&self, state: Option<&'s EventCount>, _clock: FeatureClock<'_>) -> TermResult<'s> {
        TermResult::constant(state.copied().unwrap_or(EventCount::empty()).to_value())
    }
}

impl StoredFeature for EventCount {
    fn empty() -> Self {
        EventCount(0)
    }

    fn merge(&mut self, other: Self) {
        self.add(other);
    }

    fn heap_bytes(&self) -> usize {
        0
    }

    fn write<W: StateWriter>(&self, writer: &mut W) {
        Aggregate::write(*self, writer);
    }

    fn read<R: StateReader>(_window: Option<&Window>, reader: &mut R) -> Result<Self, R::Error> {
        <Self as Aggregate>::read(reader)
    }
}
