//! Promotions: their hours beside those before, after, and a week earlier.

use jiff::civil::DateTime;
use serde::Serialize;

use super::context::ReportContext;
use super::days::window_totals;
use crate::growth::calendar::{Day, Hour};
use crate::growth::counts::WindowTotals;
use crate::growth::money::Money;
use crate::rules::growth::Promotion;

const WEEK_HOURS: i64 = 7 * 24;

/// A promotion, the same number of hours before and after it, and each of the three a week earlier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PromotionNumbers {
    /// Its id.
    pub id: String,
    /// Its first hour.
    pub starts: Hour,
    /// The hour at which it ends, exclusive.
    pub ends: Hour,
    /// The budget for its discounts; null: it has none.
    pub budget: Option<Money>,
    /// The discounts of its orders so far, the current hour included.
    pub spent: Money,
    /// The same number of hours right before it.
    pub before: WeekOverWeek,
    /// The promotion.
    pub during: WeekOverWeek,
    /// The same number of hours right after it.
    pub after: WeekOverWeek,
}

/// The complete hours of a window, and the same hours one week (7 × 24 hours of local time) earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize)]
pub struct WeekOverWeek {
    /// The number of complete hours from the start of the window; both figures are of this number of hours.
    pub hours: u32,
    /// The number of hours of the window.
    pub of_hours: u32,
    /// The window; null if none of its hours is complete, or if it starts before the reported days.
    pub now: Option<WindowTotals>,
    /// The same hours a week earlier; null for the same reasons.
    pub week_earlier: Option<WindowTotals>,
}

pub(super) fn promotions(context: &ReportContext<'_>) -> Vec<PromotionNumbers> {
    context.plan.rules.promotions.iter().map(|promotion| promotion_numbers(context, promotion)).collect()
}

fn promotion_numbers(context: &ReportContext<'_>, promotion: &Promotion) -> PromotionNumbers {
    let (starts, ends) = (hour_of(promotion.starts), hour_of(promotion.ends));
    let length = i64::from(ends.0) - i64::from(starts.0);
    PromotionNumbers {
        id: promotion.id.clone(),
        starts,
        ends,
        budget: promotion.budget.map(Money),
        spent: sum(context, starts, length).discount,
        before: week_over_week(context, starts.plus(-length), length),
        during: week_over_week(context, starts, length),
        after: week_over_week(context, ends, length),
    }
}

fn hour_of(at: DateTime) -> Hour {
    Day::of(at.date()).first_hour().plus(i64::from(at.hour()))
}

/// The complete ones of a number of hours, beside the same hours a week earlier.
fn week_over_week(context: &ReportContext<'_>, from: Hour, length: i64) -> WeekOverWeek {
    let complete = (i64::from(context.hour.0) - i64::from(from.0)).clamp(0, length);
    let first = context.days.first().map_or(context.today, |day| day.day).first_hour();
    let (earlier, end) = (from.plus(-WEEK_HOURS), from.plus(length));
    // Of a window that starts before the reported days, a part would be shown as the whole.
    let is_known = complete > 0 && from >= context.first_reported().first_hour() && end > first;
    WeekOverWeek {
        hours: complete as u32,
        of_hours: length as u32,
        now: is_known.then(|| sum(context, from, complete)),
        week_earlier: (complete > 0 && earlier >= first).then(|| sum(context, earlier, complete)),
    }
}

/// The sum of a number of hours.
fn sum(context: &ReportContext<'_>, from: Hour, length: i64) -> WindowTotals {
    let to = from.plus(length).min(context.today.plus(1).first_hour());
    context.rollup.hours.range(from..to.max(from)).map(|(_, row)| window_totals(row)).sum()
}
