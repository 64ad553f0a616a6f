//! The last hour, and the hours of the last fourteen days that were out of the usual.

use serde::Serialize;

use super::super::series::{HourlyMetric, HourlySeries};
use super::{HourAssessment, HourTrend, WARM_UP_HOURS, assess};
use crate::growth::calendar::Hour;

/// The hours that are looked at, the last ones.
const UNUSUAL_HOURS: usize = 14 * 24;
/// Hours that are listed, at most: those furthest out.
const LISTED_MAX: usize = 50;

/// The hours of a metric that were out of the usual.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UnusualHours {
    /// The metric.
    pub metric: HourlyMetric,
    /// Complete hours of data.
    pub known_hours: usize,
    /// Hours of data that are needed before the first can be assessed.
    pub needed_hours: usize,
    /// How many of the last hours were assessed; 0 during the warm-up.
    pub assessed_hours: usize,
    /// How many of those were out of the usual.
    pub unusual: usize,
    /// They themselves, latest first; of more than fifty, those furthest out.
    pub hours: Vec<UnusualHour>,
}

/// An hour out of the usual.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct UnusualHour {
    /// The hour.
    pub hour: Hour,
    /// What it had, what was expected, and the band around that.
    #[serde(flatten)]
    pub assessment: HourAssessment,
}

/// The trend of the last hour, and the unusual hours up to it.
pub fn recent(metric: HourlyMetric, series: &HourlySeries) -> (HourTrend, UnusualHours) {
    let known = series.values.len();
    let assessed = assess(series, known.saturating_sub(UNUSUAL_HOURS)..known);
    let last = assessed.last().filter(|(at, _)| at + 1 == known).map(|(_, hour)| *hour);
    let trend = last.map_or(HourTrend::WarmingUp { hours: known, needed: WARM_UP_HOURS + 1 }, HourTrend::Ready);
    let is_unusual = |(_, hour): &&(usize, HourAssessment)| hour.is_anomaly;
    let listed = assessed.iter().filter(is_unusual);
    let mut hours: Vec<UnusualHour> =
        listed.map(|(at, assessment)| UnusualHour { hour: series.hour(*at), assessment: *assessment }).collect();
    let unusual = hours.len();
    hours.sort_by(|a, b| b.assessment.deviation.abs().total_cmp(&a.assessment.deviation.abs()));
    hours.truncate(LISTED_MAX);
    hours.sort_by_key(|hour| std::cmp::Reverse(hour.hour));
    let needed_hours = WARM_UP_HOURS + 1;
    let unusual =
        UnusualHours { metric, known_hours: known, needed_hours, assessed_hours: assessed.len(), unusual, hours };
    (trend, unusual)
}
