//! A metric by the hour, without gaps.

use serde::Serialize;
use strum::{AsRefStr, Display, VariantArray};

use crate::growth::calendar::Hour;
use crate::growth::report::{GrowthNumbers, HourNumbers};
use crate::rules::growth::Metric;

/// A metric that is counted by the hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, AsRefStr, Display, VariantArray, Serialize)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum HourlyMetric {
    /// Events of any kind.
    Events,
    /// Sessions that started.
    Sessions,
    /// Users whose first event is in the hour.
    NewUsers,
    /// Orders.
    Orders,
    /// The values of orders.
    Gmv,
    /// GMV less refunds.
    Revenue,
}

impl HourlyMetric {
    /// The metric of a target by the hour; `None`: it is counted by the day only.
    pub fn of(metric: Metric) -> Option<HourlyMetric> {
        match metric {
            Metric::Sessions => Some(HourlyMetric::Sessions),
            Metric::NewUsers => Some(HourlyMetric::NewUsers),
            Metric::Orders => Some(HourlyMetric::Orders),
            Metric::Gmv => Some(HourlyMetric::Gmv),
            Metric::Revenue => Some(HourlyMetric::Revenue),
            Metric::SignUps | Metric::NewBuyers => None,
        }
    }

    /// Whether it is an amount of money.
    pub fn is_money(self) -> bool {
        matches!(self, HourlyMetric::Gmv | HourlyMetric::Revenue)
    }

    /// Whether the numbers have it: orders and money need rules that define an order, and revenue a refund.
    pub fn is_in(self, numbers: &GrowthNumbers) -> bool {
        let commerce = numbers.commerce.as_ref();
        match self {
            HourlyMetric::Orders | HourlyMetric::Gmv => commerce.is_some(),
            HourlyMetric::Revenue => commerce.is_some_and(|commerce| commerce.all.revenue.is_some()),
            HourlyMetric::Events | HourlyMetric::Sessions | HourlyMetric::NewUsers => true,
        }
    }

    fn value(self, hour: &HourNumbers) -> f64 {
        let totals = &hour.totals;
        match self {
            HourlyMetric::Events => hour.events as f64,
            HourlyMetric::Sessions => totals.sessions as f64,
            HourlyMetric::NewUsers => totals.new_users as f64,
            HourlyMetric::Orders => totals.orders as f64,
            HourlyMetric::Gmv => totals.gmv.to_number(),
            HourlyMetric::Revenue => (totals.gmv - totals.refunded).to_number(),
        }
    }
}

/// Complete hours, oldest first.
#[derive(Clone, Debug, PartialEq)]
pub struct HourlySeries {
    /// The first hour.
    pub first: Hour,
    /// Its value, and those of all hours that follow; money in units of the currency.
    pub values: Vec<f64>,
    /// For money, the orders of each hour.
    pub orders: Option<Vec<f64>>,
    /// The typical size of one unit: 1 for counts, the average order value for money. Never 0.
    pub piece: f64,
    /// Whether it can be below zero, since refunds are subtracted.
    pub is_net: bool,
}

impl HourlySeries {
    /// The hours from the first with events up to `end`, which is not complete.
    pub fn new(numbers: &GrowthNumbers, metric: HourlyMetric, end: Hour) -> HourlySeries {
        let first = numbers.hours.first().map_or(end, |hour| hour.hour.min(end));
        let mut values = vec![0.0; (end.0 - first.0) as usize];
        let (mut orders, mut gmv) = (vec![0.0; values.len()], 0.0);
        for hour in &numbers.hours {
            let at = (hour.hour.0 - first.0) as usize;
            if at < values.len() {
                values[at] = metric.value(hour);
                orders[at] = hour.totals.orders as f64;
                gmv += hour.totals.gmv.to_number();
            }
        }
        let is_money = metric.is_money();
        let count: f64 = orders.iter().sum();
        let piece = if is_money && count > 0.0 && gmv > 0.0 { gmv / count } else { 1.0 };
        let is_net = metric == HourlyMetric::Revenue;
        HourlySeries { first, values, orders: is_money.then_some(orders), piece, is_net }
    }

    /// The hour of a value.
    pub fn hour(&self, at: usize) -> Hour {
        self.first.plus(at as i64)
    }

    /// The share of a day in each of its hours, from the last 28 days; equal shares if there was nothing.
    pub fn hours_of_day(&self) -> [f64; 24] {
        let mut sums = [0.0; 24];
        let recent = self.values.len().saturating_sub(28 * 24);
        for (at, value) in self.values.iter().enumerate().skip(recent) {
            sums[usize::from(self.hour(at).of_day())] += value.max(0.0);
        }
        let all: f64 = sums.iter().sum();
        sums.map(|sum| if all > 0.0 { sum / all } else { 1.0 / 24.0 })
    }
}
