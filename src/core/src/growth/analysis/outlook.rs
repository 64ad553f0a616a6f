//! The models over the numbers of one moment: the pace of every target, and the last complete hour of every metric.

use serde::Serialize;
use strum::VariantArray;

use super::headline::GrowthHeadline;
use super::key_figures::{KeyFigure, key_figures};
use super::series::{HourlyMetric, HourlySeries};
use super::target_pace::{TargetInput, TargetPace};
use super::trend::{self, HourTrend, UnusualHours};
use crate::growth::calendar::{Day, Hour};
use crate::growth::plan::GrowthPlan;
use crate::growth::report::{GrowthNumbers, TargetNumbers, daily_figure, figure};
use crate::growth::rollup::Rollup;
use crate::rules::growth::{Metric, Period};
use crate::time::Timestamp;

/// The growth numbers with their outlook, as of one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GrowthReport {
    /// The numbers.
    #[serde(flatten)]
    pub numbers: GrowthNumbers,
    /// The pace and forecast of the targets, and the trends of the last complete hour.
    pub outlook: GrowthOutlook,
}

/// The results of the models.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct GrowthOutlook {
    /// The last week in a sentence.
    pub headline: GrowthHeadline,
    /// The key figures beside those of the period before.
    pub figures: Vec<KeyFigure>,
    /// The targets, in the order of the rules.
    pub targets: Vec<TargetOutlook>,
    /// The metrics that are counted by the hour.
    pub trends: Vec<CurrentTrend>,
    /// The hours of the last fourteen days that were out of the usual, by metric.
    pub unusual: Vec<UnusualHours>,
}

/// A target and its pace; money in units of the currency.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TargetOutlook {
    /// Its id.
    pub id: String,
    /// Its metric.
    pub metric: Metric,
    /// Its period.
    pub period: Period,
    /// The first day of the period.
    pub starts: Day,
    /// The day after its last.
    pub ends: Day,
    /// The value to be reached.
    pub value: f64,
    /// The value so far.
    pub reached: f64,
    /// Its pace.
    #[serde(flatten)]
    pub pace: TargetPace,
}

/// A metric in its last complete hour.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CurrentTrend {
    /// The metric.
    pub metric: HourlyMetric,
    /// The hour.
    pub hour: Hour,
    /// The assessment of the hour.
    #[serde(flatten)]
    pub trend: HourTrend,
}

impl GrowthReport {
    /// The report as of a moment, which is earlier than no merged event by more than the disorder of the log.
    pub fn new(plan: &GrowthPlan, rollup: &Rollup, as_of: Timestamp) -> GrowthReport {
        let numbers = GrowthNumbers::new(plan, rollup, as_of);
        GrowthReport { outlook: GrowthOutlook::new(plan, &numbers, as_of), numbers }
    }
}

impl GrowthOutlook {
    /// The outlook of numbers as of a moment.
    fn new(plan: &GrowthPlan, numbers: &GrowthNumbers, as_of: Timestamp) -> GrowthOutlook {
        let span = plan.calendar.hour_span(as_of);
        let hour_share = (as_of.0.saturating_sub(span.first_ms) as f64 / 3_600_000.0).clamp(0.0, 1.0);
        let targets = numbers.targets.iter().map(|target| target_outlook(numbers, target, span.hour, hour_share));
        let metrics = HourlyMetric::VARIANTS.iter().copied().filter(|metric| metric.is_in(numbers));
        let (mut trends, mut unusual) = (Vec::new(), Vec::new());
        for metric in metrics {
            let series = HourlySeries::new(numbers, metric, span.hour);
            let (trend, hours) = trend::recent(metric, &series);
            trends.push(CurrentTrend { metric, hour: span.hour.plus(-1), trend });
            unusual.push(hours);
        }
        GrowthOutlook {
            headline: GrowthHeadline::new(numbers),
            figures: key_figures(numbers),
            targets: targets.collect(),
            trends,
            unusual,
        }
    }
}

/// The outlook of a target in the current hour, of which a share has passed.
fn target_outlook(numbers: &GrowthNumbers, target: &TargetNumbers, hour: Hour, hour_share: f64) -> TargetOutlook {
    // The first day started before the first event.
    let complete = numbers.days.iter().skip(1).filter(|day| day.complete);
    let daily = complete.map(|day| figure(target.metric, daily_figure(target.metric, &day.all)).to_number());
    let history: Vec<f64> = daily.collect();
    // A metric that is not counted by the hour has the daily profile of sessions.
    let hourly = HourlyMetric::of(target.metric).unwrap_or(HourlyMetric::Sessions);
    let shares = HourlySeries::new(numbers, hourly, hour).hours_of_day();
    let now = usize::from(hour.of_day());
    let of_today = shares[..now].iter().sum::<f64>() + shares[now] * hour_share;
    let count = |days: i64| usize::try_from(days).unwrap_or(0);
    let (value, reached) = (target.value.to_number(), target.reached.to_number());
    let pace = TargetPace::new(&TargetInput {
        history: &history,
        of_today,
        days_before: count(numbers.today.since(target.period_starts)),
        days: count(target.period_ends.since(target.period_starts)),
        reached,
        value,
    });
    TargetOutlook {
        id: target.id.clone(),
        metric: target.metric,
        period: target.period,
        starts: target.period_starts,
        ends: target.period_ends,
        value,
        reached,
        pace,
    }
}
