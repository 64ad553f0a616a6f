//! A number hour by hour, without gaps.

use crate::growth::calendar::Hour;
use crate::growth::numbers::{HourNumbers, Numbers};
use crate::rules::growth::is_money;

/// What is counted by the hour.
pub const METRICS: [&str; 6] = ["events", "sessions", "new_users", "orders", "gmv", "revenue"];

/// Complete hours, oldest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The first.
    pub first: Hour,
    /// Its value, and those of all that follow; of money in units of the currency.
    pub values: Vec<f64>,
    /// Of money, the orders of each hour.
    pub orders: Option<Vec<f64>>,
    /// How large one piece of it is, about: 1 of what is counted, the average order of money. Never 0.
    pub piece: f64,
    /// Whether it can be below zero: what was given back is taken off.
    pub is_net: bool,
}

impl Series {
    /// The hours from the first with events up to `end`, which is not complete.
    pub fn of(numbers: &Numbers, metric: &str, end: Hour) -> Series {
        let first = numbers.hours.first().map_or(end, |hour| hour.hour.min(end));
        let mut values = vec![0.0; (end.0 - first.0) as usize];
        let (mut orders, mut gmv) = (vec![0.0; values.len()], 0.0);
        for hour in &numbers.hours {
            if let Some(value) = (hour.hour.0 - first.0 < end.0 - first.0).then(|| value(metric, hour)) {
                values[(hour.hour.0 - first.0) as usize] = value;
                orders[(hour.hour.0 - first.0) as usize] = hour.sums.orders as f64;
                gmv += hour.sums.gmv.to_number();
            }
        }
        let is_money = is_money(metric);
        let count: f64 = orders.iter().sum();
        let piece = if is_money && count > 0.0 && gmv > 0.0 { gmv / count } else { 1.0 };
        Series { first, values, orders: is_money.then_some(orders), piece, is_net: metric == "revenue" }
    }

    /// The hour of a value.
    pub fn hour(&self, at: usize) -> Hour {
        self.first.plus(at as i64)
    }

    /// What part of a day falls into each of its hours, by the last 28 days; the same to each where there was nothing.
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

fn value(metric: &str, hour: &HourNumbers) -> f64 {
    let sums = &hour.sums;
    match metric {
        "sessions" => sums.sessions as f64,
        "new_users" => sums.new_users as f64,
        "orders" => sums.orders as f64,
        "gmv" => sums.gmv.to_number(),
        "revenue" => (sums.gmv - sums.refunded).to_number(),
        _ => hour.events as f64,
    }
}
