//! What is told of promotions and of targets.

use jiff::ToSpan;
use jiff::civil::{Date, DateTime};

use super::book::Row;
use super::calendar::{Day, Hour};
use super::numbers::{Compared, DayNumbers, Figure, Money, Progress, PromotionNumbers, TargetNumbers, WindowNumbers};
use super::plan::{HourAmount, HourCount};
use super::tell::{Told, shown};
use crate::rules::growth::Target;

const WEEK_HOURS: i64 = 7 * 24;

pub(super) fn promotions(told: &Told<'_>) -> Vec<PromotionNumbers> {
    let tell = |promotion: &crate::rules::growth::Promotion| {
        let (starts, ends) = (hour_of(promotion.starts), hour_of(promotion.ends));
        let length = i64::from(ends.0) - i64::from(starts.0);
        PromotionNumbers {
            id: promotion.id.clone(),
            starts,
            ends,
            budget: promotion.budget.map(Money),
            spent: sum(told, starts, length).discount,
            before: compared(told, starts.plus(-length), length),
            during: compared(told, starts, length),
            after: compared(told, ends, length),
        }
    };
    told.plan.rules.promotions.iter().map(tell).collect()
}

fn hour_of(at: DateTime) -> Hour {
    Day::of(at.date()).first_hour().plus(i64::from(at.hour()))
}

/// What is over of so many hours, beside as many a week earlier.
fn compared(told: &Told<'_>, from: Hour, length: i64) -> Compared {
    let over = (i64::from(told.hour.0) - i64::from(from.0)).clamp(0, length);
    let known = told.days.first().map_or(told.today, |day| day.day).first_hour();
    let (earlier, end) = (from.plus(-WEEK_HOURS), from.plus(length));
    // Of a window that began before the numbers reach back so far, a part would be told for the whole.
    let is_known = over > 0 && from >= told.reach().first_hour() && end > known;
    Compared {
        hours: over as u32,
        of_hours: length as u32,
        now: is_known.then(|| sum(told, from, over)),
        week_earlier: (over > 0 && earlier >= known).then(|| sum(told, earlier, over)),
    }
}

/// The sum of so many hours.
fn sum(told: &Told<'_>, from: Hour, length: i64) -> WindowNumbers {
    let to = from.plus(length).min(told.today.plus(1).first_hour());
    told.book.hours.range(from..to.max(from)).map(|(_, row)| sums(row)).sum()
}

/// What adds up of an hour.
pub(super) fn sums(row: &Row) -> WindowNumbers {
    let count = |count: HourCount| shown(row.counts[count as usize]);
    let amount = |amount: HourAmount| Money(row.amounts[amount as usize]);
    WindowNumbers {
        sessions: count(HourCount::Sessions),
        new_users: count(HourCount::NewUsers),
        orders: count(HourCount::Orders),
        coupon_orders: count(HourCount::CouponOrders),
        gmv: amount(HourAmount::Gmv),
        refunded: amount(HourAmount::Refunded),
        discount: amount(HourAmount::Discount),
    }
}

pub(super) fn targets(told: &Told<'_>) -> Vec<TargetNumbers> {
    told.plan.rules.targets.iter().map(|target| tell_target(told, target)).collect()
}

fn tell_target(told: &Told<'_>, target: &Target) -> TargetNumbers {
    let (starts, ends) = period_of(target.period, told.today.date());
    let (starts, ends) = (Day::of(starts), Day::of(ends));
    let days = told.days.iter().filter(|day| (starts..ends).contains(&day.day));
    let reached = Figure::of(target.metric, days.map(|day| metric(target.metric, day)).sum());
    let value = Figure::of(target.metric, target.value);
    TargetNumbers {
        id: target.id.clone(),
        metric: target.metric.to_owned(),
        period: target.period.to_owned(),
        value,
        period_starts: starts,
        period_ends: ends,
        reached,
        progress: Progress { part: reached, whole: value },
    }
}

/// A day's part of what a target counts: a count, or millionths of the currency.
pub fn metric(name: &str, day: &DayNumbers) -> i128 {
    let all = &day.all;
    match name {
        "gmv" => all.gmv.0,
        "revenue" => (all.gmv - all.refunded).0,
        "orders" => all.orders.into(),
        "new_users" => all.new_users.into(),
        "sign_ups" => all.sign_ups.into(),
        "new_buyers" => all.new_buyers.into(),
        "sessions" => all.sessions.into(),
        _ => 0,
    }
}

/// The period that a day is in: its first day, and the day after its last.
fn period_of(period: &str, today: Date) -> (Date, Date) {
    let month = |number: i8| Date::new(today.year(), number, 1).unwrap_or(today);
    match period {
        "week" => {
            let monday = Day::of(today).monday().date();
            (monday, monday.saturating_add(7.days()))
        }
        "month" => (today.first_of_month(), today.last_of_month().saturating_add(1.day())),
        "quarter" => {
            let first = month((today.month() - 1) / 3 * 3 + 1);
            (first, first.saturating_add(3.months()))
        }
        "year" => (month(1), month(1).saturating_add(1.year())),
        _ => (today, today.saturating_add(1.day())),
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
            ("day", today, date(2027, 1, 1)),
            ("week", date(2026, 12, 28), date(2027, 1, 4)),
            ("month", date(2026, 12, 1), date(2027, 1, 1)),
            ("quarter", date(2026, 10, 1), date(2027, 1, 1)),
            ("year", date(2026, 1, 1), date(2027, 1, 1)),
        ] {
            assert_eq!(period_of(period, today), (starts, ends), "{period}");
        }
    }
}
