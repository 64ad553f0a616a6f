//! `gap(E)`.

use super::clock::FeatureClock;
use super::function::{AggregateFunction, FeatureInput};
use super::state::StoredFeature;
use super::window::Window;
use crate::encoding::{ListShape, StateReader, StateWriter};
use crate::time::Timestamp;
use crate::value::{TermResult, Value};

/// The time between the two latest events by their own times; missing with fewer than two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LatestGap;

/// The times of the two latest events, which may be equal. [`Timestamp::MIN`] stands for one that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LatestTwo {
    before: Timestamp,
    latest: Timestamp,
}

impl AggregateFunction for LatestGap {
    type State = LatestTwo;
    type Input<'e> = Timestamp;

    const STORED_NAME: &'static str = "gap";
    const NAME: &'static str = "gap";

    fn heap_bytes_max(&self) -> usize {
        0
    }

    fn input<'e>(&self, event: &FeatureInput<'e, '_>) -> Option<Timestamp> {
        (!event.is_repeated).then_some(event.ts)
    }

    fn add(&self, state: &mut LatestTwo, ts: Timestamp, _event: &FeatureInput<'_, '_>) {
        state.add(ts);
    }

    fn result<'s>(&self, state: Option<&'s LatestTwo>, _clock: FeatureClock<'_>) -> TermResult<'s> {
        let two = state.filter(|two| two.before > Timestamp::MIN);
        TermResult::constant(two.map_or(Value::Missing, |two| Value::Span((two.latest - two.before).0)))
    }
}

impl LatestTwo {
    fn add(&mut self, ts: Timestamp) {
        if ts >= self.latest {
            *self = LatestTwo { before: self.latest, latest: ts };
        } else {
            self.before = self.before.max(ts);
        }
    }
}

impl StoredFeature for LatestTwo {
    fn empty() -> Self {
        LatestTwo { before: Timestamp::MIN, latest: Timestamp::MIN }
    }

    fn merge(&mut self, other: Self) {
        self.add(other.latest);
        self.add(other.before);
    }

    fn heap_bytes(&self) -> usize {
        0
    }

    fn write<W: StateWriter>(&self, writer: &mut W) {
        let times = [self.latest, self.before].into_iter().filter(|time| *time > Timestamp::MIN).collect::<Vec<_>>();
        writer.list("latest", ListShape::Values, times.into_iter(), |writer, time| writer.time("at", time));
    }

    fn read<R: StateReader>(_window: Option<&Window>, reader: &mut R) -> Result<Self, R::Error> {
        let times = reader.list(ListShape::Values, "the latest times", |reader| reader.time("a latest time"))?;
        let is_sound = times.len() <= 2 && times.is_sorted_by(|a, b| a >= b);
        reader.verify(|| is_sound, "latest times out of order, or too many")?;
        let at = |index: usize| times.get(index).copied().unwrap_or(Timestamp::MIN);
        Ok(LatestTwo { before: at(1), latest: at(0) })
    }
}
