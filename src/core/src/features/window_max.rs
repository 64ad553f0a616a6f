//! `max(E.p, W)`.

use super::aggregates::Maximum;
use super::function::FeatureInput;
use super::pane_function::PaneFunction;
use super::window::Window;
use crate::event::FieldId;
use crate::value::Value;

/// The largest number in the property per pane; of an empty window it is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WindowMax {
    /// The property.
    pub field: FieldId,
    /// The window.
    pub window: Window,
}

impl PaneFunction for WindowMax {
    type Aggregate = Maximum;

    const STORED_NAME: &'static str = "max";
    const NAME: &'static str = "max";
    const EMPTY: Value<'static> = Value::Missing;

    fn window(&self) -> Window {
        self.window
    }

    fn field(&self) -> Option<FieldId> {
        Some(self.field)
    }

    fn aggregate(&self, event: &FeatureInput<'_, '_>) -> Option<Maximum> {
        event.number(self.field).map(Maximum)
    }
}
