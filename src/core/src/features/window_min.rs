//! `min(E.p, W)`.

use super::aggregates::Minimum;
use super::function::FeatureInput;
use super::pane_function::PaneFunction;
use super::window::Window;
use crate::event::FieldId;
use crate::value::Value;

/// The smallest number in the property per pane; of an empty window it is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WindowMin {
    /// The property.
    pub field: FieldId,
    /// The window.
    pub window: Window,
}

impl PaneFunction for WindowMin {
    type Aggregate = Minimum;

    const STORED_NAME: &'static str = "min";
    const NAME: &'static str = "min";
    const EMPTY: Value<'static> = Value::Missing;

    fn window(&self) -> Window {
        self.window
    }

    fn field(&self) -> Option<FieldId> {
        Some(self.field)
    }

    fn aggregate(&self, event: &FeatureInput<'_, '_>) -> Option<Minimum> {
        event.number(self.field).map(Minimum)
    }
}
