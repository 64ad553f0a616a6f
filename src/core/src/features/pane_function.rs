//! Functions that accumulate one value per pane of a window: `count`, `sum`, `min`, `max`.

use super::aggregates::Aggregate;
use super::clock::FeatureClock;
use super::function::{AggregateFunction, FeatureInput};
use super::panes::Panes;
use super::window::Window;
use super::window_result::WindowReading;
use crate::event::FieldId;
use crate::value::{Comparison, ConditionResult, TermResult, Value};

/// An [`AggregateFunction`] whose state is one aggregate per pane.
pub(crate) trait PaneFunction: Copy {
    /// What is accumulated.
    type Aggregate: Aggregate;

    /// See [`AggregateFunction::STORED_NAME`].
    const STORED_NAME: &'static str;
    /// See [`AggregateFunction::NAME`].
    const NAME: &'static str;
    /// The value of a window without events.
    const EMPTY: Value<'static>;

    /// The window.
    fn window(&self) -> Window;

    /// The property that it reads, which should be a number.
    fn field(&self) -> Option<FieldId>;

    /// See [`AggregateFunction::notation`].
    fn notation(&self, arguments: &str) -> String {
        format!("{}({arguments})", Self::NAME)
    }

    /// What an event adds; `None`: nothing.
    fn aggregate(&self, event: &FeatureInput<'_, '_>) -> Option<Self::Aggregate>;
}

impl<F: PaneFunction> AggregateFunction for F {
    type State = Panes<F::Aggregate>;
    type Input<'e> = F::Aggregate;

    const STORED_NAME: &'static str = F::STORED_NAME;
    const NAME: &'static str = F::NAME;

    fn fields(&self) -> Vec<FieldId> {
        self.field().into_iter().collect()
    }

    fn numeric_fields(&self) -> Vec<FieldId> {
        self.field().into_iter().collect()
    }

    fn window(&self) -> Option<Window> {
        Some(PaneFunction::window(self))
    }

    fn notation(&self, arguments: &str) -> String {
        PaneFunction::notation(self, arguments)
    }

    fn heap_bytes_max(&self) -> usize {
        PaneFunction::window(self).panes_max() * size_of::<(i64, F::Aggregate)>()
    }

    fn input<'e>(&self, event: &FeatureInput<'e, '_>) -> Option<F::Aggregate> {
        self.aggregate(event)
    }

    fn add(&self, state: &mut Self::State, input: F::Aggregate, event: &FeatureInput<'_, '_>) {
        state.add(&PaneFunction::window(self), event.ts, event.clock, input);
    }

    fn result<'s>(&self, state: Option<&'s Self::State>, clock: FeatureClock<'_>) -> TermResult<'s> {
        let window = PaneFunction::window(self);
        let panes = state.map_or(&[][..], |state| state.live(&window, clock));
        WindowReading { window, clock, empty: F::EMPTY }.result(panes)
    }

    fn comparison(
        &self,
        state: Option<&Self::State>,
        clock: FeatureClock<'_>,
        op: Comparison,
        constant: &Value<'_>,
    ) -> Option<ConditionResult> {
        let window = PaneFunction::window(self);
        let panes = state.map_or(&[][..], |state| state.live(&window, clock));
        Some(WindowReading { window, clock, empty: F::EMPTY }.comparison(panes, op, constant))
    }
}
