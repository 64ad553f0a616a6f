//! `total(E.p)`.

use super::aggregates::{Aggregate, DecimalSum};
use super::clock::FeatureClock;
use super::function::{AggregateFunction, FeatureInput};
use super::state::StoredFeature;
use super::window::Window;
use crate::encoding::{StateReader, StateWriter};
use crate::event::FieldId;
use crate::value::TermResult;

/// The sum of the property over all time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TotalSum {
    /// The property.
    pub field: FieldId,
}

impl AggregateFunction for TotalSum {
    type State = Box<DecimalSum>;
    type Input<'e> = DecimalSum;

    const STORED_NAME: &'static str = "total";
    const NAME: &'static str = "total";

    fn fields(&self) -> Vec<FieldId> {
        vec![self.field]
    }

    fn numeric_fields(&self) -> Vec<FieldId> {
        vec![self.field]
    }

    fn heap_bytes_max(&self) -> usize {
        size_of::<DecimalSum>()
    }

    fn input<'e>(&self, event: &FeatureInput<'e, '_>) -> Option<DecimalSum> {
        event.number(self.field).map(DecimalSum::from)
    }

    fn add(&self, state: &mut Box<DecimalSum>, input: DecimalSum, _event: &FeatureInput<'_, '_>) {
        state.add(input);
    }

    fn result<'s>(&self, state: Option<&'s Box<DecimalSum>>, _clock: FeatureClock<'_>) -> TermResult<'s> {
        TermResult::constant(state.map_or(DecimalSum::empty(), |sum| **sum).to_value())
    }
}

impl StoredFeature for DecimalSum {
    fn empty() -> Self {
        DecimalSum(0)
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
