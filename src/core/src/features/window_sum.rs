//! `sum(E.p, W)`.

use super::aggregates::DecimalSum;
use super::function::FeatureInput;
use super::pane_function::PaneFunction;
use super::window::Window;
use crate::decimal::Decimal;
use crate::event::FieldId;
use crate::value::Value;

/// The sum of the property per pane; of an empty window it is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WindowSum {
    /// The property.
    pub field: FieldId,
    /// The window.
    pub window: Window,
}

impl PaneFunction for WindowSum {
    type Aggregate = DecimalSum;

    const STORED_NAME: &'static str = "sum";
    const NAME: &'static str = "sum";
    const EMPTY: Value<'static> = Value::Number(Decimal::ZERO);

    fn window(&self) -> Window {
        self.window
    }

    fn field(&self) -> Option<FieldId> {
        Some(self.field)
    }

    fn aggregate(&self, event: &FeatureInput<'_, '_>) -> Option<DecimalSum> {
        event.number(self.field).map(DecimalSum::from)
    }
}
