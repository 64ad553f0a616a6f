//! Features: what can be remembered of a user's events, and what it says at an instant.
//!
//! A kind of feature is a type that implements `AggregateFunction` (its parameters, how it adds an event, what it is
//! worth) in a file of its own, and one line of the registry below. From that line follow [`FeatureKind`] and
//! `FeatureState`, and with them recording, evaluation, expiry, merging, packing, checkpoints, exports, and what
//! `rekindle check` prints. How the rules' language calls it is in `rules/functions`.
//!
//! No rules, no users and no segments here: a feature knows the events it is given, and its own state.

#[macro_use]
mod dispatch;
mod aggregates;
mod function;
mod last_value;
mod latest_time;
mod pane_function;
mod panes;
mod state;
mod total_count;
mod total_sum;
mod window;
mod window_count;
mod window_distinct;
mod window_max;
mod window_min;
mod window_numeric_count;
mod window_sum;

pub(crate) use aggregates::DecimalSum;
pub(crate) use function::FeatureInput;
pub use last_value::LastValue;
pub use latest_time::LatestTime;
pub use total_count::TotalCount;
pub use total_sum::TotalSum;
pub use window::Window;
pub use window_count::WindowCount;
pub use window_distinct::WindowDistinct;
pub use window_max::WindowMax;
pub use window_min::WindowMin;
pub use window_numeric_count::WindowNumericCount;
pub use window_sum::WindowSum;

use function::AggregateFunction;
use state::StoredFeature;

// The number is the tag that tells kinds apart in packed bytes. It is not stored: checkpoints have the definition.
feature_registry! {
    /// `count(E, W)`
    0 WindowCount,
    /// `sum(E.p, W)`; the first half of `avg(E.p, W)`
    1 WindowSum,
    /// The second half of `avg(E.p, W)`
    2 WindowNumericCount,
    /// `min(E.p, W)`
    3 WindowMin,
    /// `max(E.p, W)`
    4 WindowMax,
    /// `distinct(E.p, W)`
    5 WindowDistinct,
    /// `total(E)`
    6 TotalCount,
    /// `total(E.p)`
    7 TotalSum,
    /// `last(E.p)`
    8 LastValue,
    /// `since(E)`
    9 LatestTime,
}

#[cfg(test)]
mod tests;
