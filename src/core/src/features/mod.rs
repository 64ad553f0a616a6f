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
mod clock;
mod counted_matches;
mod coverage;
mod day_count;
mod day_streak;
mod first_texts;
mod first_value;
mod followed_count;
mod function;
mod last_value;
mod latest_gap;
mod latest_time;
mod pane_function;
mod panes;
mod period_distinct;
mod points_earned;
mod points_spent;
mod sought_texts;
mod state;
mod timed_value;
mod total_count;
mod total_sum;
mod usual_gap;
mod window;
mod window_count;
mod window_distinct;
mod window_max;
mod window_min;
mod window_numeric_count;
mod window_result;
mod window_sum;

pub(crate) use aggregates::DecimalSum;
pub(crate) use clock::FeatureClock;
pub use counted_matches::CountedMatches;
pub(crate) use counted_matches::MatchCount;
pub(crate) use coverage::CoveredMatches;
pub(crate) use day_count::DAYS_MAX;
pub use day_count::DayCount;
pub use day_streak::DayStreak;
pub use first_texts::FirstTexts;
pub use first_value::FirstValue;
pub use followed_count::FollowedCount;
pub(crate) use function::{FeatureInput, PointsFlow};
pub use last_value::LastValue;
pub use latest_gap::LatestGap;
pub use latest_time::LatestTime;
pub use period_distinct::PeriodDistinct;
pub use points_earned::PointsEarned;
pub use points_spent::PointsSpent;
pub(crate) use sought_texts::SoughtTexts;
pub use total_count::TotalCount;
pub use total_sum::TotalSum;
pub use usual_gap::UsualGap;
pub use window::{CalendarWindow, SlidingWindow, Window};
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
    /// `distinct(E.p, W)`, but for the window of a period before the current one
    5 WindowDistinct,
    /// `total(E)`
    6 TotalCount,
    /// `total(E.p)`
    7 TotalSum,
    /// `last(E.p)`
    8 LastValue,
    /// `since(E)`
    9 LatestTime,
    /// `distinct(E.p, 'last_month')`
    10 PeriodDistinct,
    /// `first(E.p)`
    11 FirstValue,
    /// `gap(E)`
    12 LatestGap,
    /// `usual_gap(E)`
    13 UsualGap,
    /// `days(E, n)`
    14 DayCount,
    /// `streak(E)`
    15 DayStreak,
    /// `followed(A, B, W)`
    16 FollowedCount,
    /// What a model of `[[models]]` counts.
    17 CountedMatches,
    /// `earned(L, W)`
    18 PointsEarned,
    /// `spent(L, W)`
    19 PointsSpent,
    /// Who is told what a group tells.
    20 FirstTexts,
}

#[cfg(test)]
mod tests;
