//! `since(E)`.

use super::clock::FeatureClock;
use super::function::{AggregateFunction, FeatureInput};
use super::state::StoredFeature;
use super::window::Window;
use crate::encoding::{StateReader, StateWriter};
use crate::time::Timestamp;
use crate::value::{TermResult, Value};

/// The time of the latest event. Its value is the duration since then, which is infinite where there was none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LatestTime;

impl AggregateFunction for LatestTime {
    type State = Timestamp;
    type Input<'e> = Timestamp;

    const STORED_NAME: &'static str = "latest";
    const NAME: &'static str = "since";

    fn heap_bytes_max(&self) -> usize {
        0
    }

    fn input<'e>(&self, event: &FeatureInput<'e, '_>) -> Option<Timestamp> {
        Some(event.ts)
    }

    fn add(&self, state: &mut Timestamp, ts: Timestamp, _event: &FeatureInput<'_, '_>) {
        state.merge(ts);
    }

    fn result<'s>(&self, state: Option<&'s Timestamp>, clock: FeatureClock<'_>) -> TermResult<'s> {
        state.map_or(TermResult::constant(Value::Forever), |at| TermResult::elapsed(*at, clock.now))
    }
}

impl StoredFeature for Timestamp {
    fn empty() -> Self {
        Timestamp::MIN
    }

    fn merge(&mut self, other: Self) {
        *self = other.max(*self);
    }

    fn heap_bytes(&self) -> usize {
        0
    }

    fn write<W: StateWriter>(&self, writer: &mut W) {
        writer.time("value", *self);
    }

    fn read<R: StateReader>(_window: Option<&Window>, reader: &mut R) -> Result<Self, R::Error> {
        reader.time("a latest time")
    }
}
