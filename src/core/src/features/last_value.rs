//! `last(E.p)`.

use super::function::{AggregateFunction, FeatureInput};
use super::state::StoredFeature;
use super::window::Window;
use crate::encoding::{StateReader, StateWriter};
use crate::event::{FieldId, Scalar};
use crate::time::Timestamp;
use crate::value::{TermResult, Value};

/// The value of the property at the latest event that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LastValue {
    /// The property.
    pub field: FieldId,
}

/// A value with the time of its event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TimedValue {
    at: Timestamp,
    /// The event's position in the log: of two at the same time the later arrival counts.
    position: u64,
    value: Scalar<'static>,
}

impl AggregateFunction for LastValue {
    type State = Box<TimedValue>;
    type Input<'e> = Scalar<'static>;

    const STORED_NAME: &'static str = "last";
    const NAME: &'static str = "last";

    fn fields(&self) -> Vec<FieldId> {
        vec![self.field]
    }

    fn heap_bytes_max(&self) -> usize {
        size_of::<TimedValue>()
    }

    fn input<'e>(&self, event: &FeatureInput<'e, '_>) -> Option<Scalar<'static>> {
        event.value(self.field).map(|value| value.clone().into_owned())
    }

    fn add(&self, state: &mut Box<TimedValue>, value: Scalar<'static>, event: &FeatureInput<'_, '_>) {
        (**state).merge(TimedValue { at: event.ts, position: event.position, value });
    }

    fn result<'s>(&self, state: Option<&'s Box<TimedValue>>, _now: Timestamp) -> TermResult<'s> {
        TermResult::constant(state.map_or(Value::Missing, |last| Value::from(&last.value)))
    }
}

impl StoredFeature for TimedValue {
    /// Older than every event.
    fn empty() -> Self {
        TimedValue { at: Timestamp::MIN, position: 0, value: Scalar::Bool(false) }
    }

    /// The later one; of two with the same time and position, the other one.
    fn merge(&mut self, other: Self) {
        if (other.at, other.position) >= (self.at, self.position) {
            *self = other;
        }
    }

    fn heap_bytes(&self) -> usize {
        self.value.heap_bytes()
    }

    fn write<W: StateWriter>(&self, writer: &mut W) {
        writer.record("last", 3, |writer| {
            writer.time("at", self.at);
            writer.position(self.position);
            writer.scalar("value", &self.value);
        });
    }

    fn read<R: StateReader>(_window: Option<&Window>, reader: &mut R) -> Result<Self, R::Error> {
        reader.record(3, "a latest value")?;
        let (at, position) = (reader.time("a latest value's time")?, reader.position("a latest value's position")?);
        Ok(TimedValue { at, position, value: reader.scalar("a latest value")? })
    }
}
