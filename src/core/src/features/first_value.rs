//! `first(E.p)`.

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

/// The value of the property at the earliest event that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FirstValue {
    /// The property.
    pub field: FieldId,
}

/// The earliest value; of two at the same time the earlier arrival.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EarliestValue(TimedValue);

impl AggregateFunction for FirstValue {
    type State = Box<EarliestValue>;
    type Input<'e> = &'e Scalar<'e>;

    const STORED_NAME: &'static str = "first";
    const NAME: &'static str = "first";

    fn fields(&self) -> Vec<FieldId> {
        vec![self.field]
    }

    fn heap_bytes_max(&self) -> usize {
        size_of::<EarliestValue>()
    }

    fn input<'e>(&self, event: &FeatureInput<'e, '_>) -> Option<&'e Scalar<'e>> {
        event.value(self.field)
    }

    fn add(&self, state: &mut Box<EarliestValue>, value: &Scalar<'_>, event: &FeatureInput<'_, '_>) {
        if event.ts < state.0.at {
            state.0 = TimedValue { at: event.ts, position: event.position, value: value.clone().into_owned() };
        }
    }

    fn result<'s>(&self, state: Option<&'s Box<EarliestValue>>, _clock: FeatureClock<'_>) -> TermResult<'s> {
        TermResult::constant(state.map_or(Value::Missing, |first| Value::from(&first.0.value)))
    }
}

impl StoredFeature for EarliestValue {
    /// Later than every event.
    fn empty() -> Self {
        EarliestValue(TimedValue { at: Timestamp::NEVER, position: 0, value: Scalar::Bool(false) })
    }

    /// At equal times the other's counts as the earlier arrival (semantics §2, *Linking*).
    fn merge(&mut self, other: Self) {
        if other.0.at <= self.0.at {
            *self = other;
        }
    }

    fn forget_text(&mut self, text: &str) -> bool {
        !self.0.is_text(text)
    }

    fn has_any_text(&self, texts: &SoughtTexts<'_>) -> bool {
        self.0.is_any_text(texts)
    }

    fn heap_bytes(&self) -> usize {
        self.0.value.heap_bytes()
    }

    fn write<W: StateWriter>(&self, writer: &mut W) {
        self.0.write("first", writer);
    }

    fn read<R: StateReader>(_window: Option<&Window>, reader: &mut R) -> Result<Self, R::Error> {
        TimedValue::read(reader).map(EarliestValue)
    }
}
