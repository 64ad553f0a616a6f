//! The models over the numbers of one moment: every target's pace, and the last complete hour of every metric.

use serde::Serialize;

use super::series::{METRICS, Series};
use super::target::{Input, Pace, pace};
use super::trend::{self, Trend};
use crate::growth::calendar::{Day, Hour};
use crate::growth::numbers::{Figure, Numbers, TargetNumbers};
use crate::growth::{Plan, metric};
use crate::time::Timestamp;

/// What the models say.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Outlook {
    /// The targets, as the rules order them.
    pub targets: Vec<TargetOutlook>,
    /// The metrics that are counted by the hour.
    pub trends: Vec<TrendNow>,
}

/// A target and how it stands; of money in units of the currency.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TargetOutlook {
    /// Its id.
    pub id: String,
    /// Its metric.
    pub metric: String,
    /// Its period.
    pub period: String,
    /// The first day of the period.
    pub starts: Day,
    /// The day after its last.
    pub ends: Day,
    /// What is to be reached.
    pub value: f64,
    /// What is reached.
    pub reached: f64,
    /// How it stands.
    #[serde(flatten)]
    pub pace: Pace,
}

/// A metric in its last complete hour.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrendNow {
    /// Which, one of [`METRICS`].
    pub metric: &'static str,
    /// The hour.
    pub hour: Hour,
    /// What there is to say of it.
    #[serde(flatten)]
    pub trend: Trend,
}

impl Outlook {
    /// Of numbers, and the plan they are of.
    pub fn new(plan: &Plan, numbers: &Numbers) -> Outlook {
        let as_of = Timestamp::parse_rfc3339(&numbers.as_of).unwrap_or(Timestamp::MIN);
        let (began, _, hour) = plan.calendar.hour_around(as_of);
        let of_hour = (as_of.0.saturating_sub(began) as f64 / 3_600_000.0).clamp(0.0, 1.0);
        let targets = numbers.targets.iter().map(|target| tell_target(numbers, target, (hour, of_hour)));
        let trends = METRICS.into_iter().filter(|metric| has(numbers, metric));
        Outlook {
            targets: targets.collect(),
            trends: trends
                .map(|metric| {
                    let trend = trend::last(&Series::of(numbers, metric, hour));
                    TrendNow { metric, hour: hour.plus(-1), trend }
                })
                .collect(),
        }
    }
}

/// Whether there is anything of a metric: money and orders only where the rules say what an order is, and revenue only where
/// they say what a refund is.
pub fn has(numbers: &Numbers, metric: &str) -> bool {
    match metric {
        "orders" | "gmv" => numbers.commerce.is_some(),
        "revenue" => numbers.commerce.as_ref().is_some_and(|commerce| commerce.all.revenue.is_some()),
        _ => true,
    }
}

fn tell_target(numbers: &Numbers, target: &TargetNumbers, (hour, of_hour): (Hour, f64)) -> TargetOutlook {
    // The first day has begun before the first event.
    let complete = numbers.days.iter().skip(1).filter(|day| day.complete);
    let history: Vec<f64> =
        complete.map(|day| Figure::of(&target.metric, metric(&target.metric, day)).to_number()).collect();
    // What is not counted by the hour has the day's shape of sessions.
    let by_hour = METRICS.into_iter().find(|metric| *metric == target.metric).unwrap_or("sessions");
    let shares = Series::of(numbers, by_hour, hour).hours_of_day();
    let now = usize::from(hour.of_day());
    let of_today = shares[..now].iter().sum::<f64>() + shares[now] * of_hour;
    let count = |days: i64| usize::try_from(days).unwrap_or(0);
    let (value, reached) = (target.value.to_number(), target.reached.to_number());
    let pace = pace(&Input {
        history: &history,
        of_today,
        days_before: count(numbers.today.since(target.period_starts)),
        days: count(target.period_ends.since(target.period_starts)),
        reached,
        value,
    });
    TargetOutlook {
        id: target.id.clone(),
        metric: target.metric.clone(),
        period: target.period.clone(),
        starts: target.period_starts,
        ends: target.period_ends,
        value,
        reached,
        pace,
    }
}
