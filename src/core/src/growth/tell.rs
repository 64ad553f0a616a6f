//! From the book to the numbers: what is told of it as of a moment.

use std::sync::Arc;

use super::book::{Book, DAYS_KEPT, Row};
use super::calendar::{Day, Hour};
use super::categories::Categories;
use super::models::Outlook;
use super::numbers::{
    CategoryNumbers, Cohort, DayNumbers, Flow, Growth, HourNumbers, Lifecycle, Money, Numbers, Ratio, Retention,
    RetentionRates, Tally, UserNumbers,
};
use super::plan::{Amount, COHORT_DAYS, COHORT_WEEKS, Count, HourCount, NONE, Plan};
use super::{tell_sales, tell_windows};
use crate::time::Timestamp;

/// Days that a window of the numbers has.
pub(super) const WINDOW: usize = 30;

/// The day's rows within reach of the telling, and what is known before each.
pub(super) struct Told<'b> {
    pub(super) plan: &'b Plan,
    pub(super) book: &'b Book,
    pub(super) today: Day,
    /// The hour that is not over.
    pub(super) hour: Hour,
    /// The numbers of each day, oldest first, without gaps; today is the last.
    pub(super) days: Vec<DayNumbers>,
}

/// A count that may not be shown below 0.
pub(super) fn shown(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

impl Book {
    /// The numbers as of a moment, which is not before any event that was entered by more than the log's disorder.
    pub fn numbers(&self, plan: &Plan, as_of: Timestamp) -> Numbers {
        let today = plan.calendar.day(as_of);
        let hour = plan.calendar.hour(as_of);
        let mut told = Told { plan, book: self, today, hour, days: Vec::new() };
        told.days = told.tell_days();
        let retention = told.retention();
        let mut numbers = Numbers {
            as_of: as_of.to_string(),
            timezone: plan.rules.timezone_name.clone(),
            today,
            channels: plan.channel_names(),
            stages: plan.rules.stages.iter().map(|stage| stage.name.to_owned()).collect(),
            hours: told.hours(),
            users: told.users(),
            retention,
            lifecycle: (!plan.rules.stages.is_empty()).then(|| told.lifecycle()),
            funnels: tell_sales::funnels(&told),
            commerce: plan.rules.orders.as_ref().map(|_| tell_sales::commerce(&told)),
            promotions: tell_windows::promotions(&told),
            targets: tell_windows::targets(&told),
            days: told.days,
            outlook: Outlook::default(),
        };
        numbers.outlook = Outlook::new(plan, &numbers);
        numbers
    }
}

impl Told<'_> {
    /// The first day that may be told of.
    pub(super) fn reach(&self) -> Day {
        self.today.plus(1 - DAYS_KEPT).max(self.book.first)
    }

    /// The complete days, oldest first.
    pub(super) fn complete(&self) -> &[DayNumbers] {
        self.days.split_last().map_or(&[], |(_, complete)| complete)
    }

    /// The last complete days of the window, oldest first.
    pub(super) fn window(&self) -> &[DayNumbers] {
        let complete = self.complete();
        &complete[complete.len().saturating_sub(WINDOW)..]
    }

    pub(super) fn row(&self, day: Day) -> Option<&Row> {
        (day >= self.reach()).then(|| self.book.days.get(&day))?.map(|row| &**row)
    }

    /// The sum of all days up to one.
    pub(super) fn sum_until(&self, last: Day) -> Row {
        let mut sum = Row::clone(&self.book.carried);
        self.book.days.range(..=last).for_each(|(_, row)| sum.add(row));
        sum
    }

    fn tell_days(&self) -> Vec<DayNumbers> {
        let reach = self.reach();
        let mut sum = Row::clone(&self.book.carried);
        self.book.days.range(..reach).for_each(|(_, row)| sum.add(row));
        let has_active = |row: &Row| {
            (0..self.plan.layout.channels)
                .any(|channel| row.counts[usize::from(self.plan.layout.count(channel as u8, Count::Active, 0))] > 0)
        };
        let earliest = || {
            let active = self.book.days.range(reach..=self.today.max(reach)).find(|(_, row)| has_active(row));
            active.map_or(self.today, |(day, _)| *day)
        };
        let mut day = if sum.is_zero() { earliest() } else { reach };
        // Cohorts of weeks stand in the rows of Mondays, which may be before the first event.
        self.book.days.range(reach..day.max(reach)).for_each(|(_, row)| sum.add(row));
        let empty = Row::of_day(self.plan);
        let mut days = Vec::new();
        while day <= self.today {
            let row = self.book.days.get(&day).map_or(&empty, |row| &**row);
            sum.add(row);
            days.push(self.tell_day(day, row, &sum));
            if day.0 == u16::MAX {
                break;
            }
            day = day.plus(1);
        }
        days
    }

    fn tell_day(&self, day: Day, row: &Row, sum: &Row) -> DayNumbers {
        let plan = self.plan;
        let by_channel: Vec<Tally> =
            (0..plan.layout.channels).map(|channel| tally(plan, channel as u8, row, sum)).collect();
        let known = |count| -> u64 {
            let of = |channel| sum.counts[usize::from(plan.layout.count(channel as u8, count, 0))];
            shown((0..plan.layout.channels).map(of).sum())
        };
        let (categories, error) = Categories::united(self.book.categories.get(&day).map(|held| &**held).into_iter());
        DayNumbers {
            day,
            complete: day < self.today,
            known_users: known(Count::NewUsers),
            known_sign_ups: known(Count::SignUps),
            known_buyers: known(Count::NewBuyers),
            known_repeat_buyers: known(Count::RepeatBuyers),
            all: by_channel.iter().fold(Tally::default(), |all, one| all.plus(one)),
            by_channel,
            categories: categories.into_iter().map(category).collect(),
            category_error: Money(error.into()),
            stage_sizes: (2..plan.layout.stages).map(|stage| self.size(stage, sum)).collect(),
            active_by_stage: (2..plan.layout.stages)
                .map(|stage| shown(row.counts[usize::from(plan.layout.stay_column(stage as u8))]))
                .collect(),
            flows: self.flows(row),
        }
    }

    /// How many are in a stage, by all moves so far.
    fn size(&self, stage: usize, sum: &Row) -> u64 {
        let moved =
            |from: usize, to: usize| sum.counts[usize::from(self.plan.layout.flow_column(from as u8, to as u8))];
        let others = (0..self.plan.layout.stages).filter(|other| *other != stage);
        shown(others.map(|other| moved(other, stage) - moved(stage, other)).sum())
    }

    fn flows(&self, row: &Row) -> Vec<Flow> {
        let stages = self.plan.layout.stages;
        let pairs = (0..stages).flat_map(|from| (0..stages).map(move |to| (from, to)));
        let moves = pairs
            .map(|(from, to)| (from, to, row.counts[usize::from(self.plan.layout.flow_column(from as u8, to as u8))]));
        let name = |stage| self.plan.stage_name(stage).to_owned();
        moves
            .filter(|(_, _, users)| *users > 0)
            .map(|(from, to, users)| Flow { from: name(from), to: name(to), users: shown(users) })
            .collect()
    }

    fn hours(&self) -> Vec<HourNumbers> {
        let Some(first) = self.days.first() else { return Vec::new() };
        let end = self.today.plus(1).first_hour();
        let hours = self.book.hours.range(first.day.first_hour()..end).filter(|(_, row)| !row.is_zero());
        let tell = |(hour, row): (&Hour, &Arc<Row>)| HourNumbers {
            hour: *hour,
            events: shown(row.counts[HourCount::Events as usize]),
            sums: tell_windows::sums(row),
        };
        hours.map(tell).collect()
    }

    fn users(&self) -> UserNumbers {
        let complete = self.complete();
        // So many days before the last complete one; of a day that is not told of, nothing.
        let back = |days: usize| complete.len().checked_sub(days + 1).map(|at| &complete[at]);
        let new = |from: usize, days: usize| -> u64 {
            (from..from + days).filter_map(back).map(|day| day.all.new_users).sum()
        };
        let active = |days: usize, of: fn(&Tally) -> u64| back(days).map_or(0, |day| of(&day.all));
        let dau = |all: &Tally| all.active;
        let wau = |all: &Tally| all.active_7d;
        let mau = |all: &Tally| all.active_30d;
        UserNumbers {
            day: back(0).map(|day| day.day),
            stickiness: Ratio::new(active(0, dau), active(0, mau)),
            active_share: Ratio::new(active(0, dau), back(0).map_or(0, |day| day.known_users)),
            new_users: Growth {
                day: Ratio::new(new(0, 1), new(1, 1)),
                week: Ratio::new(new(0, 7), new(7, 7)),
                month: Ratio::new(new(0, 30), new(30, 30)),
            },
            active_users: Growth {
                day: Ratio::new(active(0, dau), active(1, dau)),
                week: Ratio::new(active(0, wau), active(7, wau)),
                month: Ratio::new(active(0, mau), active(30, mau)),
            },
        }
    }

    fn retention(&self) -> Retention {
        let rate = |channels: std::ops::Range<usize>, after: usize| {
            let last = self.today.plus(-1 - after as i64);
            let of = |offset| -> i64 {
                let rows = (0..WINDOW as i64)
                    .filter_map(|back| self.row(last.plus(-back)).filter(|_| i64::from(last.0) > back));
                let column = |channel| usize::from(self.plan.layout.count(channel as u8, Count::CohortDay, offset));
                rows.map(|row| channels.clone().map(|channel| row.counts[column(channel)]).sum::<i64>()).sum()
            };
            Ratio::new(of(after), of(0))
        };
        let rates = |channels: std::ops::Range<usize>| RetentionRates {
            day_1: rate(channels.clone(), 1),
            day_7: rate(channels.clone(), 7),
            day_30: rate(channels, 30),
        };
        let channels = self.plan.layout.channels;
        let all = rates(0..channels);
        let first = self.days.first().map_or(self.today, |day| day.day);
        let days = (first.0..=self.today.0).map(Day);
        let weeks = (first.monday().0..=self.today.0).step_by(7).map(Day).filter(|week| *week >= self.reach());
        Retention {
            day_1: all.day_1,
            day_7: all.day_7,
            day_30: all.day_30,
            by_channel: (0..channels).map(|channel| rates(channel..channel + 1)).collect(),
            days: days.filter_map(|day| self.cohort(day, Count::CohortDay, COHORT_DAYS, 1)).collect(),
            weeks: weeks.filter_map(|week| self.cohort(week, Count::CohortWeek, COHORT_WEEKS, 7)).collect(),
        }
    }

    /// A cohort, as far as its periods of so many days are complete; `None`: it has nobody.
    fn cohort(&self, start: Day, count: Count, most: usize, length: i64) -> Option<Cohort> {
        let row = self.row(start)?;
        let complete = usize::try_from(self.today.since(start) / length).unwrap_or(0).saturating_sub(1);
        let of =
            |channel: usize, after| shown(row.counts[usize::from(self.plan.layout.count(channel as u8, count, after))]);
        let by_channel: Vec<Vec<u64>> = (0..self.plan.layout.channels)
            .map(|channel| (0..=complete.min(most)).map(|after| of(channel, after)).collect())
            .collect();
        let active: Vec<u64> =
            (0..=complete.min(most)).map(|after| by_channel.iter().map(|one| one[after]).sum()).collect();
        let users = active[0];
        (users > 0).then_some(Cohort { start, users, active, by_channel })
    }

    fn lifecycle(&self) -> Lifecycle {
        let sum = self.sum_until(self.today);
        let gone = |stage: &str| matches!(stage, "dormant" | "churned");
        let complete = self.complete();
        let before = complete.len().checked_sub(2).map(|at| &complete[at]);
        let names = self.plan.rules.stages.iter().map(|stage| stage.name);
        let were_gone = before.map_or(0, |day| {
            names.zip(&day.stage_sizes).filter(|(name, _)| gone(name)).map(|(_, size)| *size).sum::<u64>()
        });
        let came_back = complete.last().map_or(0, |day| {
            let back = |flow: &&Flow| gone(&flow.from) && !gone(&flow.to) && flow.to != "outside" && flow.to != "none";
            day.flows.iter().filter(back).map(|flow| flow.users).sum::<u64>()
        });
        Lifecycle {
            sizes: (2..self.plan.layout.stages).map(|stage| self.size(stage, &sum)).collect(),
            none: self.size(usize::from(NONE), &sum),
            reactivation: Ratio::new(came_back, were_gone),
        }
    }
}

pub(super) fn category((category, orders, value): (&str, u64, u64)) -> CategoryNumbers {
    CategoryNumbers { category: category.to_owned(), orders, gmv: Money(value.into()) }
}

fn tally(plan: &Plan, channel: u8, row: &Row, sum: &Row) -> Tally {
    let of = |row: &Row, count| shown(row.counts[usize::from(plan.layout.count(channel, count, 0))]);
    let amount = |amount| Money(row.amounts[usize::from(plan.layout.amount(channel, amount))]);
    Tally {
        new_users: of(row, Count::NewUsers),
        sign_ups: of(row, Count::SignUps),
        active: of(row, Count::Active),
        active_7d: of(sum, Count::Active7d),
        active_30d: of(sum, Count::Active30d),
        sessions: of(row, Count::Sessions),
        cart_sessions: of(row, Count::CartSessions),
        checkout_sessions: of(row, Count::CheckoutSessions),
        cart_order_sessions: of(row, Count::CartOrderSessions),
        buyers: of(row, Count::Buyers),
        buyers_7d: of(sum, Count::Buyers7d),
        buyers_30d: of(sum, Count::Buyers30d),
        new_buyers: of(row, Count::NewBuyers),
        repeat_buyers: of(row, Count::RepeatBuyers),
        orders: of(row, Count::Orders),
        coupon_orders: of(row, Count::CouponOrders),
        refunds: of(row, Count::Refunds),
        gmv: amount(Amount::Gmv),
        gmv_new: amount(Amount::GmvNew),
        refunded: amount(Amount::Refunded),
        discount: amount(Amount::Discount),
    }
}

impl Tally {
    /// The counts of both.
    pub fn plus(self, other: &Tally) -> Tally {
        Tally {
            new_users: self.new_users + other.new_users,
            sign_ups: self.sign_ups + other.sign_ups,
            active: self.active + other.active,
            active_7d: self.active_7d + other.active_7d,
            active_30d: self.active_30d + other.active_30d,
            sessions: self.sessions + other.sessions,
            cart_sessions: self.cart_sessions + other.cart_sessions,
            checkout_sessions: self.checkout_sessions + other.checkout_sessions,
            cart_order_sessions: self.cart_order_sessions + other.cart_order_sessions,
            buyers: self.buyers + other.buyers,
            buyers_7d: self.buyers_7d + other.buyers_7d,
            buyers_30d: self.buyers_30d + other.buyers_30d,
            new_buyers: self.new_buyers + other.new_buyers,
            repeat_buyers: self.repeat_buyers + other.repeat_buyers,
            orders: self.orders + other.orders,
            coupon_orders: self.coupon_orders + other.coupon_orders,
            refunds: self.refunds + other.refunds,
            gmv: self.gmv + other.gmv,
            gmv_new: self.gmv_new + other.gmv_new,
            refunded: self.refunded + other.refunded,
            discount: self.discount + other.discount,
        }
    }
}
