//! The report as one HTML page that holds all its data, and needs nothing else.
//!
//! Charts are drawn in the browser by Apache ECharts 5.6.0 (the "common" build, as it is published; Apache License 2.0,
//! `echarts.LICENSE` and `echarts.NOTICE` beside it), as SVG, so that they print sharply. The figures are embedded as JSON.

use std::collections::BTreeMap;

use rekindle_core::campaigns::Outcome;
use rekindle_core::goals::UpliftDocument;
use rekindle_core::growth::GrowthReport;
use rekindle_core::growth::analysis::{BasketReport, Explanation, GrowthOutlook, HourlyMetric, HourlySeries, trend};
use rekindle_core::growth::calendar::Hour;
use rekindle_core::growth::report::GrowthNumbers;
use rekindle_core::rules::ruleset::{Campaign, Ruleset};
use rekindle_runtime::pipeline::PipelineTotals;
use serde::Serialize;
use serde_json::value::RawValue;
use strum::VariantArray;

/// The frame of a page.
pub(in crate::cli) const PAGE: &str = include_str!("page.html");
/// How pages look.
pub(in crate::cli) const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// The library that draws charts.
pub(in crate::cli) const ECHARTS: &str = include_str!("echarts.common.min.js");

/// The hours of a trend that are shown, the last ones.
const TREND_HOURS: usize = 14 * 24;
/// The pairs of a kind of baskets that are shown.
const RULES_MAX: usize = 12;

/// What the page shows.
#[derive(Debug)]
pub(super) struct ReportPage<'p> {
    pub(super) title: &'p str,
    /// Remarks on the figures, shown above them.
    pub(super) notes: &'p [String],
    pub(super) report: &'p GrowthReport,
    /// The change of a metric between the last two windows; `None`: there are not enough days.
    pub(super) change: Option<&'p Explanation>,
    /// Of orders, and of sessions.
    pub(super) baskets: [BasketReport; 2],
    /// All campaigns, in file order.
    pub(super) campaigns: Vec<CampaignRow<'p>>,
    /// What campaigns brought about, in file order; only those that have goals.
    pub(super) uplift: Vec<UpliftDocument<'p>>,
}

/// A campaign, and what became of each time that it was considered.
#[derive(Debug, Serialize)]
pub(super) struct CampaignRow<'r> {
    campaign: &'r str,
    description: &'r str,
    channel: &'r str,
    /// How often it was decided so, by outcome, without those that never came.
    outcomes: BTreeMap<&'static str, u64>,
}

impl CampaignRow<'_> {
    pub(super) fn all<'r>(rules: &'r Ruleset, totals: &PipelineTotals) -> Vec<CampaignRow<'r>> {
        let counts = rules.campaigns.iter().zip(&totals.counts.decisions);
        let row = |(campaign, counts): (&'r Campaign, &[u64; Outcome::NAMES.len()])| CampaignRow {
            campaign: &campaign.id,
            description: &campaign.description,
            channel: &campaign.channel,
            outcomes: Outcome::NAMES.into_iter().zip(*counts).filter(|(_, count)| *count > 0).collect(),
        };
        counts.map(row).collect()
    }
}

/// The data that is embedded in the page, as the script expects it.
#[derive(Serialize)]
struct PageData<'d> {
    title: &'d str,
    notes: &'d [String],
    version: &'static str,
    numbers: &'d RawValue,
    trends: Vec<TrendHours>,
    moved: Option<&'d Explanation>,
    baskets: Vec<BasketReport>,
    campaigns: &'d [CampaignRow<'d>],
    uplift: &'d [UpliftDocument<'d>],
}

/// A metric by the hour, with what was expected.
#[derive(Serialize)]
struct TrendHours {
    metric: HourlyMetric,
    first: Hour,
    values: Vec<f64>,
    /// Expected, low, high, and whether it is an anomaly; null during the warm-up.
    bands: Vec<Option<(f64, f64, f64, bool)>>,
}

/// Why a page could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The figures could not be written as JSON.
    #[error("could not write the figures as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl ReportPage<'_> {
    /// The page as HTML.
    pub(super) fn html(&self) -> Result<String, PageError> {
        // In a script, `</` and `<!--` would be HTML.
        let json = self.json()?.replace('<', "\\u003c");
        let title = self.title.replace('&', "&amp;").replace('<', "&lt;");
        let parts =
            [("title", title.as_str()), ("style", STYLE), ("echarts", ECHARTS), ("data", &json), ("script", SCRIPT)];
        Ok(filled(PAGE, &parts))
    }

    fn json(&self) -> Result<String, PageError> {
        let numbers = &self.report.numbers;
        let now = numbers.hours.last().map_or(Hour(0), |hour| hour.hour);
        let metrics = HourlyMetric::VARIANTS.iter().copied();
        let metrics = metrics.filter(|metric| metric.is_in(numbers) && *metric != HourlyMetric::Revenue);
        let trends = metrics.map(|metric| trend_hours(metric, &HourlySeries::new(numbers, metric, now))).collect();
        let shown = serde_json::value::to_raw_value(&without_details(self.report))?;
        let mut baskets = Vec::from(self.baskets.clone());
        baskets.iter_mut().for_each(|of| of.rules.truncate(RULES_MAX));
        Ok(serde_json::to_string(&PageData {
            title: self.title,
            notes: self.notes,
            version: env!("CARGO_PKG_VERSION"),
            numbers: &shown,
            trends,
            moved: self.change,
            baskets,
            campaigns: &self.campaigns,
            uplift: &self.uplift,
        })?)
    }
}

/// A page with its `{{names}}` replaced.
pub(in crate::cli) fn filled(page: &str, parts: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(page.len() + parts.iter().map(|(_, part)| part.len()).sum::<usize>());
    let mut rest = page;
    while let Some((before, from)) = rest.split_once("{{") {
        let (name, after) = from.split_once("}}").unwrap_or((from, ""));
        filled.push_str(before);
        filled.push_str(parts.iter().find(|(other, _)| *other == name).map_or("", |(_, part)| part));
        rest = after;
    }
    filled.push_str(rest);
    filled
}

/// The report without the numbers that the page does not show: hours, and cohorts by channel.
fn without_details(report: &GrowthReport) -> GrowthReport {
    let mut numbers = GrowthNumbers { hours: Vec::new(), ..report.numbers.clone() };
    let cohorts = numbers.retention.days.iter_mut().chain(&mut numbers.retention.weeks);
    cohorts.for_each(|cohort| cohort.by_channel.clear());
    GrowthReport { numbers, outlook: GrowthOutlook::clone(&report.outlook) }
}

fn trend_hours(metric: HourlyMetric, series: &HourlySeries) -> TrendHours {
    let hours = series.values.len();
    let first = hours.saturating_sub(TREND_HOURS);
    let mut bands = vec![None; hours - first];
    for (at, hour) in trend::assess(series, first..hours) {
        bands[at - first] = Some((hour.expected, hour.low, hour.high, hour.is_anomaly));
    }
    TrendHours { metric, first: series.hour(first), values: series.values[first..].to_vec(), bands }
}
