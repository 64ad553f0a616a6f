//! Targets: the value of a metric in the current period.

use jiff::ToSpan;
use jiff::civil::Date;
use serde::Serialize;

use super::context::ReportContext;
use crate::growth::calendar::Day;
use crate::growth::counts::DayTotals;
use crate::growth::money::{Figure, FigureProgress, Money};
use crate::rules::growth::{Metric, Period, Target};

/// A target, and its progress.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TargetNumbers {
    /// Its id.
    pub id: String,
    /// What is counted.
    pub metric: Metric,
    /// Its period.
    pub period: Period,
    /// The value to be reached in each period.
    pub value: Figure,
    /// The first day of the period of `today`.
    pub period_starts: Day,
    /// The day after its last.
    pub period_ends: Day,
    /// The value so far.
    pub reached: Figure,
    /// `reached` over `value`.
    pub progress: FigureProgress,
}

pub(super) fn targets(context: &ReportContext<'_>) -> Vec<TargetNumbers> {
    context.plan.rules.targets.iter().map(|target| target_numbers(context, target)).collect()
}

fn target_numbers(context: &ReportContext<'_>, target: &Target) -> TargetNumbers {
    let (starts, ends) = period_of(target.period, context.today.date());
    let (starts, ends) = (Day::of(starts), Day::of(ends));
    let days = context.days.iter().filter(|day| (starts..ends).contains(&day.day));
    let reached = figure(target.metric, days.map(|day| daily_figure(target.metric, &day.all)).sum());
    let value = figure(target.metric, target.value);
    TargetNumbers {
        id: target.id.clone(),
        metric: target.metric,
        period: target.period,
        value,
        period_starts: starts,
        period_ends: ends,
        reached,
        progress: FigureProgress { part: reached, whole: value },
    }
}

/// The value of a metric on a day: a count, or millionths of the currency.
pub fn daily_figure(metric: Metric, totals: &DayTotals) -> i128 {
    match metric {
        Metric::Gmv => totals.gmv.0,
        Metric::Revenue => (totals.gmv - totals.refunded).0,
        Metric::Orders => totals.orders.into(),
        Metric::NewUsers => totals.new_users.into(),
        Metric::SignUps => totals.sign_ups.into(),
        Metric::NewBuyers => totals.new_buyers.into(),
        Metric::Sessions => totals.sessions.into(),
    }
}

/// A sum of [daily figures](daily_figure) with its unit.
pub(crate) fn figure(metric: Metric, value: i128) -> Figure {
    if metric.is_money() { Figure::Money(Money(value)) } else { Figure::Count(value) }
}

/// The period of a day: its first day, and the day after its last.
fn period_of(period: Period, today: Date) -> (Date, Date) {
    let month = |number: i8| Date::new(today.year(), number, 1).unwrap_or(today);
    match period {
        Period::Day => (today, today.saturating_add(1.day())),
        Period::Week => {
            let monday = Day::of(today).monday().date();
            (monday, monday.saturating_add(7.days()))
        }
        Period::Month => (today.first_of_month(), today.last_of_month().saturating_add(1.day())),
        Period::Quarter => {
            let first = month((today.month() - 1) / 3 * 3 + 1);
            (first, first.saturating_add(3.months()))
        }
        Period::Year => (month(1), month(1).saturating_add(1.year())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn periods_are_those_of_the_calendar() {
        let today = date(2026, 12, 31);
        for (period, starts, ends) in [
            (Period::Day, today, date(2027, 1, 1)),
            (Period::Week, date(2026, 12, 28), date(2027, 1, 4)),
            (Period::Month, date(2026, 12, 1), date(2027, 1, 1)),
            (Period::Quarter, date(2026, 10, 1), date(2027, 1, 1)),
            (Period::Year, date(2026, 1, 1), date(2027, 1, 1)),
        ] {
            assert_eq!(period_of(period, today), (starts, ends), "{period}");
        }
    }
}
