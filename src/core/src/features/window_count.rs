//! `count(E, W)`.

use super::aggregates::EventCount;
use super::function::FeatureInput;
use super::pane_function::PaneFunction;
use super::window::Window;
use crate::decimal::Decimal;
use crate::event::FieldId;
use crate::value::Value;

/// Events per pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WindowCount {
    /// The window.
    pub window: Window,
}

impl PaneFunction for WindowCount {
    type Aggregate = EventCount;

    const STORED_NAME: &'static str = "count";
    const NAME: &'static str = "count";
    const EMPTY: Value<'static> = Value::Number(Decimal::ZERO);

    fn window(&self) -> Window {
        self.window
    }

    fn field(&self) -> Option<FieldId> {
        None
    }

    fn aggregate(&self, _event: &FeatureInput<'_, '_>) -> Option<EventCount> {
        Some(EventCount(1))
    }
}
