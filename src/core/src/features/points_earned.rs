//! `earned(L, W)`: the points that were earned, per pane.

use super::aggregates::DecimalSum;
use super::function::{FeatureInput, PointsFlow};
use super::pane_function::PaneFunction;
use super::window::Window;
use crate::decimal::Decimal;
use crate::event::FieldId;
use crate::value::Value;

/// The sum of the points that were earned in a ledger, per pane; of an empty window it is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PointsEarned {
    /// The window.
    pub window: Window,
}

impl PaneFunction for PointsEarned {
    type Aggregate = DecimalSum;

    const STORED_NAME: &'static str = "earned";
    const NAME: &'static str = "earned";
    const EMPTY: Value<'static> = Value::Number(Decimal::ZERO);

    fn window(&self) -> Window {
        self.window
    }

    fn field(&self) -> Option<FieldId> {
        None
    }

    fn aggregate(&self, event: &FeatureInput<'_, '_>) -> Option<DecimalSum> {
        match event.points {
            Some(PointsFlow::Earned(amount)) => Some(DecimalSum::from(amount)),
            _ => None,
        }
    }
}
