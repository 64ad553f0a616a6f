//! The growth numbers as metrics. All label values are names of the rules or of the code, so the number of series is bounded:
//! [`growth_series_max`].

use super::definitions::*;
use super::page::MetricsPage;
use rekindle_core::growth::analysis::{CurrentTrend, GrowthOutlook, HourTrend, HourlyMetric, TargetStatus};
use rekindle_core::growth::calendar::Day;
use rekindle_core::growth::report::{Cohort, DayNumbers, GrowthNumbers, SalesFigures};
use rekindle_core::growth::{DayTotals, GrowthReport, Money, Ratio, WindowTotals};
use rekindle_core::rules::growth::GrowthRules;
use strum::VariantArray;

/// Cohorts by day that are exported, by their age in days.
const DAY_COHORTS: i64 = 30;
/// Cohorts by week, by their age in weeks.
const WEEK_COHORTS: i64 = 8;
/// Days after the first on which a cohort by day is followed.
const DAYS_AFTER: usize = 30;
/// Weeks after the first in which a cohort by week is followed.
const WEEKS_AFTER: usize = 4;
/// Series of one channel and day.
const DAY_TOTALS_SERIES: usize = 20;
/// Series of one window of a promotion.
const WINDOW_SERIES: usize = 9;

/// The most series of the growth numbers of these rules.
pub fn growth_series_max(growth: &GrowthRules) -> usize {
    let (channels, stages) = (growth.channels.len() + 2, growth.stages.len());
    let steps: usize = growth.funnels.iter().map(|funnel| funnel.steps.len()).sum();
    let users = 1 + 4 + 2 + 6;
    let totals = DAY_TOTALS_SERIES * channels * 2;
    let retention = 3 * (channels + 1) + (DAYS_AFTER + 1);
    let cohorts = DAY_COHORTS as usize * (DAYS_AFTER + 1) + WEEK_COHORTS as usize * (WEEKS_AFTER + 1);
    let lifecycle = stages + 1 + 2 * stages + 2 * (stages + 2) * (stages + 2) + 1;
    let funnels = steps * (2 * channels + 1);
    let sales = 4 * (channels + 1) + 1 + usize::from(growth.picks.is_some());
    let promotions = growth.promotions.len() * (6 * WINDOW_SERIES + 2);
    users
        + totals
        + retention
        + cohorts
        + lifecycle
        + funnels
        + sales
        + promotions
        + 7 * growth.targets.len()
        + 8 * HourlyMetric::VARIANTS.len()
}

impl MetricsPage {
    /// The growth numbers.
    pub fn growth(&mut self, report: &GrowthReport) {
        let numbers = &report.numbers;
        let last = numbers.days.iter().rev().find(|day| day.complete);
        for (label, day) in [("today", numbers.days.last()), ("last", last)] {
            day.into_iter().for_each(|day| self.growth_day(numbers, label, day));
        }
        if let Some(day) = numbers.days.last() {
            for (kind, users) in [
                ("users", day.known_users),
                ("sign_ups", day.known_sign_ups),
                ("buyers", day.known_buyers),
                ("repeat_buyers", day.known_repeat_buyers),
            ] {
                self.count(&GROWTH_KNOWN, &[kind], users);
            }
        }
        self.ratio(&GROWTH_STICKINESS, &[], numbers.users.stickiness);
        self.ratio(&GROWTH_ACTIVE_SHARE, &[], numbers.users.active_share);
        for (what, growth) in [("new_users", numbers.users.new_users), ("active_users", numbers.users.active_users)] {
            for (period, ratio) in [("day", growth.day), ("week", growth.week), ("month", growth.month)] {
                if let Some(rate) = ratio.rate() {
                    self.add(&GROWTH_RATE, &[what, period], rate - 1.0);
                }
            }
        }
        self.growth_retention(numbers);
        self.growth_funnels(numbers);
        if let Some(lifecycle) = &numbers.lifecycle {
            for (stage, size) in numbers.stages.iter().zip(&lifecycle.sizes) {
                self.count(&GROWTH_STAGE_USERS, &[stage.as_ref()], *size);
            }
            self.count(&GROWTH_STAGE_USERS, &["none"], lifecycle.none);
            self.ratio(&GROWTH_REACTIVATION, &[], lifecycle.reactivation);
        }
        if let Some(commerce) = &numbers.commerce {
            self.growth_sales("all", &commerce.all);
            for (channel, sales) in numbers.channels.iter().zip(&commerce.by_channel) {
                self.growth_sales(channel, sales);
            }
            if let Some(picks) = &commerce.picks {
                self.ratio(&GROWTH_GMV_OF_PICKS, &[], picks.share);
            }
            self.ratio(&GROWTH_REPEAT_PURCHASE, &[], commerce.repeat_purchase);
        }
        for promotion in &numbers.promotions {
            if let Some(budget) = promotion.budget {
                self.money(&GROWTH_PROMOTION_BUDGET, &[&promotion.id], budget);
                self.money(&GROWTH_PROMOTION_SPENT, &[&promotion.id], promotion.spent);
            }
            for (part, compared) in
                [("before", promotion.before), ("during", promotion.during), ("after", promotion.after)]
            {
                for (week, window) in [("now", compared.now), ("week_earlier", compared.week_earlier)] {
                    window.iter().for_each(|window| self.growth_window(&[&promotion.id, part, week], window));
                }
            }
        }
        for target in &numbers.targets {
            self.add(&GROWTH_TARGET, &[&target.id], target.value.to_number());
            self.add(&GROWTH_TARGET_REACHED, &[&target.id], target.reached.to_number());
        }
        self.growth_outlook(&report.outlook);
    }

    fn growth_outlook(&mut self, outlook: &GrowthOutlook) {
        for target in &outlook.targets {
            self.add(&TARGET_EXPECTED, &[&target.id], target.pace.expected);
            if let Some(forecast) = target.pace.forecast {
                for (bound, value) in [("low", forecast.low), ("mid", forecast.value), ("high", forecast.high)] {
                    self.add(&TARGET_FORECAST, &[&target.id, bound], value);
                }
                let on_track = target.pace.status != TargetStatus::OffTrack;
                self.add(&TARGET_ON_TRACK, &[&target.id], f64::from(u8::from(on_track)));
            }
        }
        for CurrentTrend { metric, trend, .. } in &outlook.trends {
            let metric = metric.as_ref();
            match trend {
                HourTrend::WarmingUp { hours, needed } => {
                    self.add(&TREND_WARM_UP, &[metric], needed.saturating_sub(*hours) as f64 * 3_600.0);
                }
                HourTrend::Ready(hour) => {
                    self.add(&TREND_WARM_UP, &[metric], 0.0);
                    self.add(&TREND_LEVEL, &[metric], hour.level);
                    self.add(&TREND_VALUE, &[metric], hour.value);
                    for (bound, value) in [("low", hour.low), ("mid", hour.expected), ("high", hour.high)] {
                        self.add(&TREND_BAND, &[metric, bound], value);
                    }
                    self.add(&ANOMALY, &[metric], f64::from(u8::from(hour.is_anomaly)));
                    self.add(&ANOMALY_DEVIATION, &[metric], hour.deviation);
                }
            }
        }
    }

    fn growth_day(&mut self, numbers: &GrowthNumbers, label: &str, day: &DayNumbers) {
        for (channel, totals) in numbers.channels.iter().zip(&day.by_channel) {
            self.growth_totals(channel, label, totals);
        }
        for (stage, users) in numbers.stages.iter().zip(&day.active_by_stage) {
            self.count(&GROWTH_ACTIVE_BY_STAGE, &[stage.as_ref(), label], *users);
        }
        for flow in &day.flows {
            self.count(&GROWTH_FLOWS, &[flow.from.as_ref(), flow.to.as_ref(), label], flow.users);
        }
    }

    fn growth_totals(&mut self, channel: &str, day: &str, totals: &DayTotals) {
        self.count(&GROWTH_NEW_USERS, &[channel, day], totals.new_users);
        self.count(&GROWTH_SIGN_UPS, &[channel, day], totals.sign_ups);
        for (window, users) in [("1d", totals.active), ("7d", totals.active_7d), ("30d", totals.active_30d)] {
            self.count(&GROWTH_ACTIVE, &[channel, window, day], users);
        }
        for (kind, sessions) in [
            ("all", totals.sessions),
            ("cart", totals.cart_sessions),
            ("checkout", totals.checkout_sessions),
            ("cart_order", totals.cart_order_sessions),
        ] {
            self.count(&GROWTH_SESSIONS, &[channel, kind, day], sessions);
        }
        for (window, users) in [("1d", totals.buyers), ("7d", totals.buyers_7d), ("30d", totals.buyers_30d)] {
            self.count(&GROWTH_BUYERS, &[channel, window, day], users);
        }
        self.count(&GROWTH_NEW_BUYERS, &[channel, day], totals.new_buyers);
        self.count(&GROWTH_ORDERS, &[channel, day], totals.orders);
        self.count(&GROWTH_COUPON_ORDERS, &[channel, day], totals.coupon_orders);
        self.count(&GROWTH_REFUNDS, &[channel, day], totals.refunds);
        self.money(&GROWTH_GMV, &[channel, "new", day], totals.gmv_new);
        self.money(&GROWTH_GMV, &[channel, "returning", day], totals.gmv - totals.gmv_new);
        self.money(&GROWTH_REFUNDED, &[channel, day], totals.refunded);
        self.money(&GROWTH_DISCOUNT, &[channel, day], totals.discount);
    }

    fn growth_retention(&mut self, numbers: &GrowthNumbers) {
        let retention = &numbers.retention;
        for (after, ratio) in [("1d", retention.day_1), ("7d", retention.day_7), ("30d", retention.day_30)] {
            self.ratio(&GROWTH_RETENTION, &["all", after], ratio);
        }
        for (channel, rates) in numbers.channels.iter().zip(&retention.by_channel) {
            for (after, ratio) in [("1d", rates.day_1), ("7d", rates.day_7), ("30d", rates.day_30)] {
                self.ratio(&GROWTH_RETENTION, &[channel, after], ratio);
            }
        }
        for (after, ratio) in curve(numbers.today, &retention.days).into_iter().enumerate() {
            self.ratio(&GROWTH_RETENTION_CURVE, &[&after.to_string()], ratio);
        }
        self.growth_cohorts("day", &retention.days, (numbers.today, 1, DAY_COHORTS));
        self.growth_cohorts("week", &retention.weeks, (numbers.today.monday(), 7, WEEK_COHORTS));
    }

    fn growth_cohorts(&mut self, period: &str, cohorts: &[Cohort], (now, length, most): (Day, i64, i64)) {
        for cohort in cohorts {
            let age = now.since(cohort.start) / length;
            if (1..=most).contains(&age) {
                for (after, users) in cohort.active.iter().enumerate() {
                    self.count(&GROWTH_COHORT, &[period, &age.to_string(), &after.to_string()], *users);
                }
            }
        }
    }

    fn growth_funnels(&mut self, numbers: &GrowthNumbers) {
        for funnel in &numbers.funnels {
            for (step, place) in funnel.steps.iter().zip(1..) {
                let name = format!("{place} {}", step.name);
                let by_channel = step.users_by_channel.iter().zip(&step.sessions_by_channel);
                for (channel, (users, sessions)) in numbers.channels.iter().zip(by_channel) {
                    self.count(&GROWTH_FUNNEL_USERS, &[&funnel.id, &name, channel], *users);
                    self.count(&GROWTH_FUNNEL_SESSIONS, &[&funnel.id, &name, channel], *sessions);
                }
                if let Some(median_ms) = step.median_ms {
                    self.add(&GROWTH_FUNNEL_MEDIAN, &[&funnel.id, &name], median_ms as f64 / 1_000.0);
                }
            }
        }
    }

    fn growth_sales(&mut self, channel: &str, sales: &SalesFigures) {
        if let Some(aov) = sales.aov {
            self.money(&GROWTH_AOV, &[channel], aov);
        }
        self.ratio(&GROWTH_ORDERS_PER_BUYER, &[channel], sales.orders_per_buyer);
        self.ratio(&GROWTH_CONVERSION, &[channel], sales.conversion);
        self.ratio(&GROWTH_CART_ABANDONMENT, &[channel], sales.cart_abandonment);
    }

    fn growth_window(&mut self, [promotion, part, week]: &[&str; 3], window: &WindowTotals) {
        for (name, figure) in window.figures() {
            self.add(&GROWTH_PROMOTION, &[promotion, part, week, name], figure.to_number());
        }
    }

    fn money(&mut self, metric: &'static MetricDefinition, labels: &[&str], amount: Money) {
        self.add(metric, labels, amount.to_number());
    }

    /// A rate whose whole is 0 has no series.
    fn ratio(&mut self, metric: &'static MetricDefinition, labels: &[&str], ratio: Ratio) {
        if let Some(rate) = ratio.rate() {
            self.add(metric, labels, rate);
        }
    }
}

/// Retention by days after the first, of the last 30 cohorts that are old enough.
fn curve(today: Day, cohorts: &[Cohort]) -> [Ratio; DAYS_AFTER + 1] {
    std::array::from_fn(|after| {
        let old_enough = |cohort: &&Cohort| {
            let age = today.since(cohort.start) - 1 - after as i64;
            (0..DAY_COHORTS).contains(&age)
        };
        let (mut part, mut whole) = (0u64, 0u64);
        for cohort in cohorts.iter().filter(old_enough) {
            part += cohort.active.get(after).copied().unwrap_or(0);
            whole += cohort.users;
        }
        Ratio::new(part, whole)
    })
}
