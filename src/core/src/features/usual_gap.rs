//! `usual_gap(E)`.

use super::clock::FeatureClock;
use super::function::{AggregateFunction, FeatureInput};
use super::state::StoredFeature;
use super::window::Window;
use crate::encoding::{StateReader, StateWriter};
use crate::time::Timestamp;
use crate::value::{TermResult, Value};

/// The mean time between one event and the next by their own times, cut to a whole millisecond; missing with fewer than two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UsualGap;

/// What the mean is worked out of. No event is later than the latest, nor earlier than the earliest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventRange {
    earliest: Timestamp,
    latest: Timestamp,
    events: u64,
}

impl AggregateFunction for UsualGap {
    type State = EventRange;
    type Input<'e> = Timestamp;

    const STORED_NAME: &'static str = "usual_gap";
    const NAME: &'static str = "usual_gap";

    fn heap_bytes_max(&self) -> usize {
        0
    }

    fn input<'e>(&self, event: &FeatureInput<'e, '_>) -> Option<Timestamp> {
        (!event.is_repeated).then_some(event.ts)
    }

    fn add(&self, state: &mut EventRange, ts: Timestamp, _event: &FeatureInput<'_, '_>) {
        state.merge(EventRange { earliest: ts, latest: ts, events: 1 });
    }

    fn result<'s>(&self, state: Option<&'s EventRange>, _clock: FeatureClock<'_>) -> TermResult<'s> {
        TermResult::constant(state.and_then(EventRange::mean_gap_ms).map_or(Value::Missing, Value::Span))
    }
}

impl EventRange {
    fn mean_gap_ms(&self) -> Option<i64> {
        let gaps = i64::try_from(self.events.saturating_sub(1)).unwrap_or(i64::MAX);
        (self.latest - self.earliest).0.checked_div(gaps)
    }
}

impl StoredFeature for EventRange {
    fn empty() -> Self {
        EventRange { earliest: Timestamp::NEVER, latest: Timestamp::MIN, events: 0 }
    }

    fn merge(&mut self, other: Self) {
        self.earliest = self.earliest.min(other.earliest);
        self.latest = self.latest.max(other.latest);
        self.events = self.events.saturating_add(other.events);
    }

    fn heap_bytes(&self) -> usize {
        0
    }

    fn write<W: StateWriter>(&self, writer: &mut W) {
        writer.record("", 3, |writer| {
            writer.time("latest", self.latest);
            writer.time_near("earliest", self.latest, self.earliest);
            writer.count("events", self.events);
        });
    }

    fn read<R: StateReader>(_window: Option<&Window>, reader: &mut R) -> Result<Self, R::Error> {
        reader.record(3, "the times of events")?;
        let latest = reader.time("the latest time")?;
        let earliest = reader.time_near(latest, "the earliest time")?;
        reader.verify(|| earliest <= latest, "an earliest time after the latest")?;
        Ok(EventRange { earliest, latest, events: reader.count("a number of events")? })
    }
}
