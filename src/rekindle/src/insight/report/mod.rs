//! The report: one page of HTML that holds all it shows, and needs nothing from elsewhere.
//!
//! Charts are drawn in the browser by Apache ECharts 5.6.0 (the "common" build, as it is published; Apache License 2.0,
//! `echarts.LICENSE` and `echarts.NOTICE` beside it), as SVG, so that they print sharply. The figures stand in the page as
//! JSON.

use serde::Serialize;
use serde_json::value::RawValue;

use super::basket::BasketReport;
use super::explain::Explanation;
use rekindle_core::growth::calendar::Hour;
use rekindle_core::growth::models::series::{METRICS, Series};
use rekindle_core::growth::models::{outlook, trend};
use rekindle_core::growth::numbers::Numbers;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
const ECHARTS: &str = include_str!("echarts.common.min.js");

/// Hours of a trend that are shown.
const TREND_HOURS: usize = 14 * 24;
/// Pairs of a kind of baskets that are shown.
const RULES_MAX: usize = 12;

/// What the page shows.
#[derive(Serialize)]
struct Data<'d> {
    title: &'d str,
    /// What is to be known of the figures before they are read.
    notes: &'d [String],
    version: &'static str,
    numbers: &'d RawValue,
    trends: Vec<TrendHours>,
    moved: Option<&'d Explanation>,
    baskets: Vec<BasketReport>,
}

/// A metric hour by hour, with what was to be expected.
#[derive(Serialize)]
struct TrendHours {
    metric: &'static str,
    first: Hour,
    values: Vec<f64>,
    /// Expected, low, high, and whether it is out of the usual; null during the warm-up.
    bands: Vec<Option<(f64, f64, f64, bool)>>,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
#[error("the figures could not be written as JSON: {0}")]
pub struct ReportError(#[from] serde_json::Error);

/// Writes the page.
///
/// # Errors
/// The figures can't be written as JSON.
pub fn page(
    title: &str,
    notes: &[String],
    numbers: &Numbers,
    moved: Option<&Explanation>,
    baskets: [BasketReport; 2],
) -> Result<String, ReportError> {
    let now = numbers.hours.last().map_or(Hour(0), |hour| hour.hour);
    let trends = METRICS.into_iter().filter(|metric| outlook::has(numbers, metric) && *metric != "revenue");
    let trends = trends.map(|metric| trend_hours(metric, &Series::of(numbers, metric, now))).collect();
    let mut shown = numbers.clone();
    shown.hours.clear();
    let cohorts = shown.retention.days.iter_mut().chain(&mut shown.retention.weeks);
    cohorts.for_each(|cohort| cohort.by_channel.clear());
    let numbers = serde_json::value::to_raw_value(&shown)?;
    let mut baskets = Vec::from(baskets);
    baskets.iter_mut().for_each(|of| of.rules.truncate(RULES_MAX));
    let data = Data { title, notes, version: env!("CARGO_PKG_VERSION"), numbers: &numbers, trends, moved, baskets };
    // In a script, `</` and `<!--` would be HTML's.
    let json = serde_json::to_string(&data)?.replace('<', "\\u003c");
    let escaped = title.replace('&', "&amp;").replace('<', "&lt;");
    let mut page = String::with_capacity(PAGE.len() + STYLE.len() + SCRIPT.len() + ECHARTS.len() + json.len());
    let mut rest = PAGE;
    while let Some((before, from)) = rest.split_once("{{") {
        let (name, after) = from.split_once("}}").unwrap_or((from, ""));
        page.push_str(before);
        page.push_str(match name {
            "title" => &escaped,
            "style" => STYLE,
            "echarts" => ECHARTS,
            "data" => &json,
            _ => SCRIPT,
        });
        rest = after;
    }
    page.push_str(rest);
    Ok(page)
}

fn trend_hours(metric: &'static str, series: &Series) -> TrendHours {
    let hours = series.values.len();
    let first = hours.saturating_sub(TREND_HOURS);
    let mut bands = vec![None; hours - first];
    for (at, reading) in trend::judge(series, first..hours) {
        bands[at - first] = Some((reading.expected, reading.low, reading.high, reading.is_anomaly));
    }
    TrendHours { metric, first: series.hour(first), values: series.values[first..].to_vec(), bands }
}
