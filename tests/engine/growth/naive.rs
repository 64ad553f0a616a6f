//! A naive count of the growth numbers of a log: all events are kept, with their final users, and each number is counted over
//! all of them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rekindle_core::growth::report::GrowthNumbers;
use rekindle_core::growth::{DayTotals, Money};
use rekindle_test_kit::growth_call::GrowthCall;

/// The funnels that are counted: their steps, and how long after the start a step may be, in milliseconds.
pub(crate) const FUNNELS: [(&[&str], i64); 2] = [
    (&["Product Viewed", "Product Added", "Order Completed"], 2 * 86_400_000),
    (&["Order Completed", "Order Completed"], 9 * 86_400_000),
];
/// Days before the latest start of a step within which a merged visitor is not counted twice.
const STARTS_KEPT: i32 = 31;

/// By funnel and step: users by day of the start, and users of the last 30 complete days by channel.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Funnels {
    pub(crate) days: BTreeMap<(usize, usize, Date), u64>,
    pub(crate) people: BTreeMap<(usize, usize, usize), u64>,
}

/// The steps that a user reached: of each the latest start and when it was reached, the days of starts, and days that stay
/// counted after a merge.
#[derive(Clone, Debug, Default)]
struct FunnelPath {
    latest: BTreeMap<(usize, usize), (i64, i64)>,
    starts: BTreeMap<(usize, usize), BTreeSet<Date>>,
    settled: Vec<(usize, usize, Date)>,
}

impl FunnelPath {
    fn apply(&mut self, call: &GrowthCall, day: &dyn Fn(i64) -> Date) {
        for (funnel, (steps, within)) in FUNNELS.iter().enumerate() {
            for (step, _) in steps.iter().enumerate().rev().filter(|(_, name)| **name == call.name) {
                let start = match step.checked_sub(1).map(|before| self.latest.get(&(funnel, before))) {
                    None => call.ms,
                    Some(Some((start, came))) if *came <= call.ms && call.ms - start <= *within => *start,
                    Some(_) => continue,
                };
                if step == 0 && self.latest.get(&(funnel, 0)).is_some_and(|(latest, _)| call.ms < *latest) {
                    continue;
                }
                self.latest.insert((funnel, step), (start, call.ms));
                self.starts.entry((funnel, step)).or_default().insert(day(start));
            }
        }
    }

    fn merge(&mut self, visitor: FunnelPath) {
        self.settled.extend(visitor.settled);
        for (step, theirs) in visitor.starts {
            let Some(ours) = self.starts.get_mut(&step) else {
                self.starts.insert(step, theirs);
                continue;
            };
            let latest = *ours.last().max(theirs.last()).expect("a start");
            let is_old = |day: &Date| day.until(latest).expect("days").get_days() > STARTS_KEPT;
            // Counted for both, and kept for both.
            self.settled.extend(theirs.intersection(ours).filter(|day| is_old(day)).map(|day| (step.0, step.1, *day)));
            ours.extend(theirs);
        }
        for (step, theirs) in visitor.latest {
            let ours = self.latest.entry(step).or_insert(theirs);
            *ours = (*ours).max(theirs);
        }
    }
}

/// Funnels depend on the order of arrival, so the path of each user is followed call by call.
pub(crate) fn funnels(calls: &[GrowthCall], zone: &TimeZone, today: Date) -> Funnels {
    let local = |ms: i64| Timestamp::from_millisecond(ms).expect("in range").to_zoned(zone.clone()).date();
    let (mut links, mut paths, mut seen) = (BTreeMap::new(), BTreeMap::<String, FunnelPath>::new(), BTreeSet::new());
    let mut firsts: BTreeMap<String, (i64, usize)> = BTreeMap::new();
    for call in calls {
        let visitor = call.visitor.clone().unwrap_or_default();
        if let (Some(user), Some(visitor)) = (&call.user, &call.visitor)
            && !links.contains_key(visitor)
        {
            links.insert(visitor.clone(), user.clone());
            if let Some(path) = paths.remove(visitor) {
                paths.entry(user.clone()).or_default().merge(path);
            }
            if let Some(first) = firsts.remove(visitor) {
                let known = firsts.entry(user.clone()).or_insert(first);
                *known = (*known).min(first);
            }
        }
        if !seen.insert(call.message) {
            continue;
        }
        let who = call.user.clone().unwrap_or_else(|| links.get(&visitor).cloned().unwrap_or(visitor));
        let touch = (call.ms, channel(call.source));
        let first = firsts.entry(who.clone()).or_insert(touch);
        *first = (*first).min(touch);
        paths.entry(who).or_default().apply(call, &local);
    }
    let mut funnels = Funnels::default();
    for (who, path) in paths {
        for ((funnel, step), starts) in &path.starts {
            starts.iter().for_each(|day| *funnels.days.entry((*funnel, *step, *day)).or_default() += 1);
            let is_reported = |day: &Date| (1..=30).contains(&day.until(today).expect("days").get_days());
            if starts.iter().any(is_reported) {
                *funnels.people.entry((*funnel, *step, firsts[&who].1)).or_default() += 1;
            }
        }
        path.settled
            .iter()
            .for_each(|(funnel, step, day)| *funnels.days.entry((*funnel, *step, *day)).or_default() += 1);
    }
    funnels
}

/// The same from the engine's numbers.
pub(crate) fn reported_funnels(numbers: &GrowthNumbers) -> Funnels {
    let mut reported = Funnels::default();
    for (funnel, numbers) in numbers.funnels.iter().enumerate() {
        for day in &numbers.days {
            for (step, users) in day.users.iter().enumerate().filter(|(_, users)| **users > 0) {
                reported.days.insert((funnel, step, day.day.date()), *users);
            }
        }
        for (step, numbers) in numbers.steps.iter().enumerate() {
            for (channel, users) in numbers.users_by_channel.iter().enumerate().filter(|(_, users)| **users > 0) {
                reported.people.insert((funnel, step, channel), *users);
            }
            assert_eq!(numbers.users, numbers.users_by_channel.iter().sum::<u64>());
        }
    }
    reported
}

/// What does not depend on the order of arrival, by day and channel.
type Days = BTreeMap<(Date, usize), DayTotals>;

/// A cohort's day (or Monday), how much later, and the channel.
type Cohorts = BTreeMap<(Date, i64, usize), u64>;

#[derive(Debug, Default, PartialEq)]
pub(crate) struct Counted {
    pub(crate) days: Days,
    pub(crate) day_cohorts: Cohorts,
    pub(crate) week_cohorts: Cohorts,
    pub(crate) hourly_orders: BTreeMap<String, (u64, Money)>,
    pub(crate) hourly_new_users: BTreeMap<String, u64>,
    pub(crate) users: u64,
    pub(crate) buyers: u64,
    pub(crate) repeat_buyers: u64,
}

pub(crate) const CHANNELS: [&str; 4] = ["search", "email", "direct", "other"];

fn channel(source: Option<&str>) -> usize {
    match source {
        Some("google") => 0,
        Some("newsletter") => 1,
        None => 2,
        Some(_) => 3,
    }
}

/// Without what depends on the order of arrival.
pub(crate) fn without_order(tally: &DayTotals) -> DayTotals {
    DayTotals { sessions: 0, cart_sessions: 0, checkout_sessions: 0, cart_order_sessions: 0, ..*tally }
}

pub(crate) fn count(calls: &[GrowthCall], zone: &TimeZone, today: Date) -> Counted {
    let local = |ms: i64| Timestamp::from_millisecond(ms).expect("in range").to_zoned(zone.clone());
    let mut links: BTreeMap<&str, &str> = BTreeMap::new();
    for call in calls {
        if let (Some(user), Some(visitor)) = (&call.user, &call.visitor) {
            links.entry(visitor).or_insert(user);
        }
    }
    let mut seen = BTreeSet::new();
    let mut users: BTreeMap<&str, Vec<&GrowthCall>> = BTreeMap::new();
    for call in calls.iter().filter(|call| seen.insert(call.message)) {
        let visitor = call.visitor.as_deref().unwrap_or_default();
        let whose = call.user.as_deref().unwrap_or_else(|| links.get(visitor).copied().unwrap_or(visitor));
        users.entry(whose).or_default().push(call);
    }
    let mut counted = Counted { users: users.len() as u64, ..Counted::default() };
    for calls in users.values_mut() {
        calls.sort_by_key(|call| call.ms);
        count_user(calls, &local, today, &mut counted);
    }
    counted.days.retain(|(day, _), tally| *day <= today && *tally != DayTotals::default());
    let is_complete =
        |start: Date, length: i64, k: i64| start.until(today).expect("days").get_days() as i64 >= (k + 1) * length;
    counted.day_cohorts.retain(|(start, k, _), _| *k == 0 || is_complete(*start, 1, *k));
    counted.week_cohorts.retain(|(start, k, _), _| *k == 0 || is_complete(*start, 7, *k));
    counted
}

fn count_user(calls: &[&GrowthCall], local: &dyn Fn(i64) -> jiff::Zoned, today: Date, counted: &mut Counted) {
    let day = |call: &GrowthCall| local(call.ms).date();
    let at = channel(calls[0].source);
    let first = day(calls[0]);
    let mut tally = |day: Date, add: &dyn Fn(&mut DayTotals)| add(counted.days.entry((day, at)).or_default());
    tally(first, &|t| t.new_users += 1);
    if let Some(sign_up) = calls.iter().find(|call| call.name == "identify" && call.user.is_some()) {
        tally(day(sign_up), &|t| t.sign_ups += 1);
    }
    let active: BTreeSet<Date> = calls.iter().map(|call| day(call)).collect();
    let orders: Vec<&&GrowthCall> = calls.iter().filter(|call| call.name == "Order Completed").collect();
    let bought: BTreeSet<Date> = orders.iter().map(|call| day(call)).collect();
    let mut now = first;
    while now <= today {
        let within = |days: &BTreeSet<Date>, length: i32| {
            days.iter().any(|day| *day <= now && day.until(now).expect("days").get_days() < length)
        };
        if active.contains(&now) {
            tally(now, &|t| t.active += 1);
        }
        if bought.contains(&now) {
            tally(now, &|t| t.buyers += 1);
        }
        let windows = [within(&active, 7), within(&active, 30), within(&bought, 7), within(&bought, 30)].map(u64::from);
        tally(now, &|t| {
            t.active_7d += windows[0];
            t.active_30d += windows[1];
            t.buyers_7d += windows[2];
            t.buyers_30d += windows[3];
        });
        now = now.tomorrow().expect("a day");
    }
    for (number, order) in orders.iter().enumerate() {
        let value = Money(order.value.into());
        tally(day(order), &|t| {
            t.orders += 1;
            t.coupon_orders += u64::from(order.coupon);
            t.gmv = t.gmv + value;
            t.discount = t.discount + Money(1_000_000);
            match number {
                0 => {
                    t.new_buyers += 1;
                    t.gmv_new = t.gmv_new + value;
                }
                1 => t.repeat_buyers += 1,
                _ => {}
            }
        });
    }
    for refund in calls.iter().filter(|call| call.name == "Order Refunded") {
        tally(day(refund), &|t| {
            t.refunds += 1;
            t.refunded = t.refunded + Money(refund.value.into());
        });
    }
    counted.buyers += u64::from(!orders.is_empty());
    counted.repeat_buyers += u64::from(orders.len() > 1);
    for day in &active {
        let after = i64::from(first.until(*day).expect("days").get_days());
        if after <= 30 {
            *counted.day_cohorts.entry((first, after, at)).or_default() += 1;
        }
    }
    let monday =
        |day: Date| day.checked_sub(jiff::Span::new().days(day.weekday().to_monday_zero_offset())).expect("a day");
    let weeks: BTreeSet<Date> = active.iter().map(|day| monday(*day)).collect();
    for week in weeks {
        let after = i64::from(monday(first).until(week).expect("days").get_days() / 7);
        if after <= 4 {
            *counted.week_cohorts.entry((monday(first), after, at)).or_default() += 1;
        }
    }
    let hour = |call: &GrowthCall| local(call.ms).strftime("%Y-%m-%dT%H").to_string();
    *counted.hourly_new_users.entry(hour(calls[0])).or_default() += 1;
    for order in orders {
        let held = counted.hourly_orders.entry(hour(order)).or_default();
        *held = (held.0 + 1, held.1 + Money(order.value.into()));
    }
}

/// The same from the engine's numbers.
pub(crate) fn reported(numbers: &GrowthNumbers) -> Counted {
    let mut counted = Counted::default();
    for day in &numbers.days {
        for (at, tally) in day.by_channel.iter().enumerate() {
            let tally = without_order(tally);
            if tally != DayTotals::default() {
                counted.days.insert((day.day.date(), at), tally);
            }
        }
    }
    let triangles =
        [(&numbers.retention.days, &mut counted.day_cohorts), (&numbers.retention.weeks, &mut counted.week_cohorts)];
    for (cohorts, triangle) in triangles {
        for cohort in cohorts {
            for (at, one) in cohort.by_channel.iter().enumerate() {
                for (after, users) in (0..).zip(one).filter(|(_, users)| **users > 0) {
                    triangle.insert((cohort.start.date(), after, at), *users);
                }
            }
        }
    }
    for hour in &numbers.hours {
        if hour.totals.orders > 0 {
            counted.hourly_orders.insert(hour.hour.to_string(), (hour.totals.orders, hour.totals.gmv));
        }
        if hour.totals.new_users > 0 {
            counted.hourly_new_users.insert(hour.hour.to_string(), hour.totals.new_users);
        }
    }
    if let Some(day) = numbers.days.last() {
        (counted.users, counted.buyers) = (day.known_users, day.known_buyers);
        counted.repeat_buyers = day.known_repeat_buyers;
    }
    counted
}
