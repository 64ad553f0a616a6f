//! Level, season and anomalies of a metric that is counted by the hour.
//!
//! **Expected.** The *level* of an hour is the mean of the 168 hours before it. The *season* is the ratio of the same hour of
//! the week to its own level, as the mean of up to eight weeks without the highest and the lowest; where there are few events,
//! it is shrunk towards the profile of the hour of the day times the weekday, which is estimated from many more hours: it
//! counts for as many events as it was made of, the profile for 30. Level times season is what is *expected*. Money is expected
//! as orders times the recent value of an order: the mean of 28 days, without the tenth of them with the highest and the
//! lowest; revenue after refunds, which come at other hours than orders do, is also corrected by the deviation of the same
//! hour on those days.
//!
//! **Band.** The usual deviation of an hour is estimated from the 8 weeks before its day. Deviations are brought to one scale
//! by the root of what was expected, which is appropriate for counts (Anscombe 1948; money counts in average orders). Below,
//! the band is 3.7 spreads wide, the spread being that of the lower half of the deviations and never less than that of a
//! Poisson count, and less its skew (Cornish & Fisher 1938). A few large orders make up much of the money, so above, the band
//! also reaches to the quantile that is exceeded once in 20,000 hours, by the largest twentieth of the deviations: the moment
//! estimator of Dekkers, Einmahl & de Haan (1989, Annals of Statistics 17), which holds for light and heavy tails alike. A
//! metric that can be below zero has such a tail below, too.
//!
//! **An anomaly** is an hour outside of its band, or one that ends a *slump*: three hours each a spread below what was expected,
//! and together below the band of three. On simulated shops that do not change, of 1 to 1,000 orders an hour, fewer than one
//! hour in 1,000 is an anomaly, and a halving at 100 orders an hour is found within three (the tests below).
//!
//! **Warm-up.** No hour is assessed before there are six weeks and a day: three earlier weeks of the hour, each with a week
//! before it, and two weeks of deviations.

mod band;
mod history;
#[cfg(test)]
mod tests;
mod unusual;

use serde::Serialize;

use super::series::HourlySeries;
use band::DeviationBand;
use history::SeriesHistory;
pub use unusual::{UnusualHour, UnusualHours, recent};

/// Hours of a week, and of a day.
const WEEK: usize = 168;
const DAY: usize = 24;
/// Weeks that the season is estimated from, at least.
const WEEKS_MIN: usize = 3;
/// Hours that the band is estimated from, at most and at least.
const BAND_HOURS: usize = 8 * WEEK;
const BAND_HOURS_MIN: usize = 2 * WEEK;
/// Complete hours before the first one that is assessed.
pub const WARM_UP_HOURS: usize = WEEK * (WEEKS_MIN + 1) + BAND_HOURS_MIN + DAY;
/// Spreads from what was expected to the edge of the band.
pub const BAND: f64 = 3.7;
/// Hours of a slump.
const SLUMP_HOURS: usize = 3;

/// The trend of a metric in an hour.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum HourTrend {
    /// There are too few hours.
    WarmingUp {
        /// Complete hours.
        hours: usize,
        /// Hours that are needed.
        needed: usize,
    },
    /// The hour was assessed.
    Ready(HourAssessment),
}

/// The assessment of an hour.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct HourAssessment {
    /// The value.
    pub value: f64,
    /// The mean hour of the week before it.
    pub level: f64,
    /// The expected value.
    pub expected: f64,
    /// The lower edge of the band.
    pub low: f64,
    /// The upper edge of the band.
    pub high: f64,
    /// The deviation in units of which the edge of the band is 3.7 away; negative: below what was expected.
    pub deviation: f64,
    /// Whether it ends a slump: it and the two hours before were each a spread below what was expected, and together below
    /// the band of three hours.
    pub is_slump: bool,
    /// Whether it is outside of the band, or ends a slump.
    pub is_anomaly: bool,
}

/// Assesses a range of hours of a series, without those of the warm-up. Returns each with its index.
pub fn assess(series: &HourlySeries, hours: std::ops::Range<usize>) -> Vec<(usize, HourAssessment)> {
    let start = hours.start.max(WARM_UP_HOURS);
    if start >= hours.end {
        return Vec::new();
    }
    let history = SeriesHistory::new(series);
    let first = history.day_of(start).saturating_sub(BAND_HOURS);
    let expected = history.expect_all(first..hours.end);
    let deviations: Vec<Option<f64>> = (first..hours.end)
        .zip(&expected)
        .map(|(at, expected)| expected.map(|expected| history.deviation(series.values[at], expected.value)))
        .collect();
    let mut band: Option<(usize, Option<DeviationBand>)> = None;
    let mut assessed = Vec::new();
    for at in start..hours.end {
        let day = history.day_of(at);
        if band.is_none_or(|(of, _)| of != day) {
            let known = &deviations[day.saturating_sub(BAND_HOURS).max(first) - first..day - first];
            let known = known.iter().flatten().copied().collect();
            band = Some((day, DeviationBand::estimate(known, series.is_net)));
        }
        let Some((_, Some(band))) = band else { continue };
        let of = |at: usize| Some((series.values[at], expected[at.checked_sub(first)?]?));
        let Some((value, known)) = of(at) else { continue };
        let last_hours: Option<Vec<_>> = (at + 1 - SLUMP_HOURS..=at).map(of).collect();
        let is_slump = last_hours.is_some_and(|hours| history.is_slump(&band, &hours));
        assessed.push((at, history.assess(&band, value, known, is_slump)));
    }
    assessed
}
