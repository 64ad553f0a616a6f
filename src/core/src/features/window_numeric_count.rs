//! How many events of a window have a number in a property: what `avg(E.p, W)` divides the sum by.

use super::aggregates::EventCount;
use super::function::FeatureInput;
use super::pane_function::PaneFunction;
use super::window::Window;
use crate::decimal::Decimal;
use crate::event::FieldId;
use crate::value::Value;

/// Events per pane that have a number in the property.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WindowNumericCount {
    /// The property.
    pub field: FieldId,
    /// The window.
    pub window: Window,
}

impl PaneFunction for WindowNumericCount {
    type Aggregate = EventCount;

    const STORED_NAME: &'static str = "numbers";
    const NAME: &'static str = "count of numbers in";
    const EMPTY: Value<'static> = Value::Number(Decimal::ZERO);

    fn window(&self) -> Window {
        self.window
    }

    fn field(&self) -> Option<FieldId> {
        Some(self.field)
    }

    /// Not a function of the language by itself.
    fn notation(&self, arguments: &str) -> String {
        format!("{} {arguments}", Self::NAME)
    }

    fn aggregate(&self, event: &FeatureInput<'_, '_>) -> Option<EventCount> {
        event.number(self.field).map(|_| EventCount(1))
    }
}
