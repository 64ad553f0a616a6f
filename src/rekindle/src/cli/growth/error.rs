//! Why a growth command fails.

use std::path::PathBuf;

use rekindle_core::growth::DAYS_KEPT;
use rekindle_core::growth::analysis::DayWindow;
use rekindle_core::growth::calendar::Day;

use super::report_page::PageError;

/// Why a growth command fails.
#[derive(Debug, thiserror::Error)]
pub enum GrowthCommandError {
    /// The rules have no section `[growth]`.
    #[error("{} has no section [growth]: add one; `rekindle rules` describes it", .0.display())]
    NoGrowthRules(PathBuf),
    /// The rules define no order.
    #[error(
        "{} does not say what an order is: name one of [events] as `orders` in [growth], or give Segment's \"Order Completed\" \
         a name in [events]",
        .0.display()
    )]
    NoOrders(PathBuf),
    /// The rules define no refund.
    #[error(
        "{} does not say what a refund is: name one of [events] as `refunds` in [growth], or give Segment's \"Order Refunded\" \
         a name in [events]; without refunds, ask for gmv",
        .0.display()
    )]
    NoRefunds(PathBuf),
    /// The rules have no goals.
    #[error("{} has no [[goals]]: add one; `rekindle rules` describes them", .0.display())]
    NoGoals(PathBuf),
    /// The rules have no budgets.
    #[error("{} has no [[budgets]]: add one; `rekindle rules` describes them", .0.display())]
    NoBudgets(PathBuf),
    /// No event of the input was accepted.
    #[error("the input has no accepted event, and so there are no growth numbers")]
    NoEvents,
    /// No basket has a product.
    #[error("no order and no session has a product with `{0}`: name another --item")]
    NoItems(String),
    /// The window does not overlap the events.
    #[error("there is nothing in the window {window}: the events reach from {first} to {last}, {timezone}")]
    OutsideOfEvents {
        /// The window.
        window: DayWindow,
        /// The day of the first event.
        first: Day,
        /// The day of the last event.
        last: Day,
        /// The time zone of the days.
        timezone: String,
    },
    /// The window starts before the days of the numbers.
    #[error(
        "the window {window} begins too long ago: this metric is counted by the day, and the days reach back {DAYS_KEPT}, to \
         {first}. To see earlier days, end the input with it: --until {}T23:59:59Z, say",
        window.last.plus(1)
    )]
    BeforeKeptDays {
        /// The window.
        window: DayWindow,
        /// The first day of the numbers.
        first: Day,
    },
    /// The result could not be written as JSON.
    #[error("could not write the result as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The report page could not be made.
    #[error("could not make the report page: {0}")]
    Page(#[from] PageError),
}
