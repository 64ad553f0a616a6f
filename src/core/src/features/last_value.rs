//! `last(E.p)`.

use super::clock::FeatureClock;
use super::function::{AggregateFunction, FeatureInput};
use super::sought_texts::SoughtTexts;
use super::state::StoredFeature;
use super::timed_value::TimedValue;
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

/// The latest value; of two at the same time the later arrival.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LatestValue(TimedValue);

impl AggregateFunction for LastValue {
    type State = Box<LatestValue>;
    type Input<'e> = Scalar<'static>;

    const STORED_NAME: &'static str = "last";
    const NAME: &'static str = "last";

    fn fields(&self) -> Vec<FieldId> {
        vec![self.field]
    }

    fn heap_bytes_max(&self) -> usize {
        size_of::<LatestValue>()
    }

    fn input<'e>(&self, event: &FeatureInput<'e, '_>) -> Option<Scalar<'static>> {
        event.value(self.field).map(|value| value.clone().into_owned())
    }

    fn add(&self, state: &mut Box<LatestValue>, value: Scalar<'static>, event: &FeatureInput<'_, '_>) {
        if event.ts >= state.0.at {
            state.0 = TimedValue { at: event.ts, position: event.position, value };
        }
    }

    fn result<'s>(&self, state: Option<&'s Box<LatestValue>>, _clock: FeatureClock<'_>) -> TermResult<'s> {
        TermResult::constant(state.map_or(Value::Missing, |last| Value::from(&last.0.value)))
    }
}

impl StoredFeature for LatestValue {
    fn forget_text(&mut self, text: &str) -> bool {
        !self.0.is_text(text)
    }

    fn has_any_text(&self, texts: &SoughtTexts<'_>) -> bool {
        self.0.is_any_text(texts)
    }

    /// Older than every event.
    fn empty() -> Self {
        LatestValue(TimedValue { at: Timestamp::MIN, position: 0, value: Scalar::Bool(false) })
    }

    /// At equal times the other's counts as the earlier arrival (semantics §2, *Linking*).
    fn merge(&mut self, other: Self) {
        if other.0.at > self.0.at {
            *self = other;
        }
    }

    fn heap_bytes(&self) -> usize {
        self.0.value.heap_bytes()
    }

    fn write<W: StateWriter>(&self, writer: &mut W) {
        self.0.write("last", writer);
    }

    fn read<R: StateReader>(_window: Option<&Window>, reader: &mut R) -> Result<Self, R::Error> {
        TimedValue::read(reader).map(LatestValue)
    }
}
