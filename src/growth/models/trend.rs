//! Level, season and what is out of the usual, of a number counted by the hour.
//!
//! The *level* of an hour is the mean of the 168 hours before it. What the same hour of the week was over its own level,
//! in the median of up to eight weeks, is the *season*; level times season is what is *expected*. Medians of the same hour
//! keep single wild hours out of it.
//!
//! How far an hour may be off is learnt from the last 28 days: deviations are brought to one size by the root of what was
//! expected, as befits counts (Anscombe 1948 on the variance of Poisson counts; money counts in average orders), their
//! spread is the median absolute deviation, and never less than that of a Poisson count. An hour is an *anomaly* when it
//! is off by more than 3.5 spreads (Iglewicz & Hoaglin 1993, "How to Detect and Handle Outliers").
//!
//! **Warm-up.** Nothing is said before there are four weeks and a day: three earlier weeks of the hour, each with a week
//! before it, and a day of deviations.

use serde::Serialize;

use super::robust::{median, spread};
use super::series::Series;

/// Hours of a week.
const WEEK: usize = 168;
/// Weeks that the season is learnt from, at most and at least.
const WEEKS_MAX: usize = 8;
const WEEKS_MIN: usize = 3;
/// Hours that the spread is learnt from.
const SPREAD_HOURS: usize = 28 * 24;
/// Hours that must have been expected before one is judged.
const SPREAD_HOURS_MIN: usize = 24;
/// Hours that must be complete before one is judged.
pub const WARM_UP_HOURS: usize = WEEK * (WEEKS_MIN + 1) + SPREAD_HOURS_MIN;
/// Spreads from what was expected to the edge of the band.
pub const BAND: f64 = 3.5;

/// What there is to say of an hour.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Trend {
    /// Too little is known.
    WarmingUp {
        /// Complete hours.
        hours: usize,
        /// Hours that there must be.
        needed: usize,
    },
    /// The hour was judged.
    Ready(Reading),
}

/// An hour, judged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Reading {
    /// What it was.
    pub value: f64,
    /// The mean hour of the week before it.
    pub level: f64,
    /// What was to be expected.
    pub expected: f64,
    /// The least that is usual.
    pub low: f64,
    /// The most that is usual.
    pub high: f64,
    /// How far it is off, in spreads: the band is 3.5 of them to each side. Below 0: too little.
    pub deviation: f64,
    /// Whether it is out of the band.
    pub is_anomaly: bool,
}

/// What was expected of an hour.
#[derive(Clone, Copy)]
struct Expected {
    level: f64,
    value: f64,
}

/// Judges the last hour.
pub fn last(series: &Series) -> Trend {
    let hours = series.values.len();
    match hours.checked_sub(1) {
        Some(at) if hours > WARM_UP_HOURS => judge(series, at..hours).pop().map(|(_, reading)| Trend::Ready(reading)),
        _ => None,
    }
    .unwrap_or(Trend::WarmingUp { hours, needed: WARM_UP_HOURS + 1 })
}

/// Judges these hours of a series, those within the warm-up left out; each with its place.
pub fn judge(series: &Series, hours: std::ops::Range<usize>) -> Vec<(usize, Reading)> {
    let sums = sums(&series.values);
    let start = hours.start.max(WARM_UP_HOURS);
    let first = start.saturating_sub(SPREAD_HOURS);
    let expected: Vec<Option<Expected>> = (first..hours.end).map(|at| expect(series, &sums, at)).collect();
    let scale = |expected: f64| (expected.max(series.piece) * series.piece).sqrt();
    let deviations: Vec<Option<f64>> = (first..hours.end)
        .zip(&expected)
        .map(|(at, expected)| expected.map(|expected| (series.values[at] - expected.value) / scale(expected.value)))
        .collect();
    let judge_one = |at: usize| {
        let expected = expected[at - first]?;
        let before = at.saturating_sub(SPREAD_HOURS).max(first)..at;
        let known = deviations[before.start - first..before.end - first].iter().flatten();
        let spread = spread(known.copied())?.max(1.0);
        let (value, band) = (series.values[at], BAND * spread * scale(expected.value));
        let deviation = deviations[at - first]? / spread;
        Some((
            at,
            Reading {
                value,
                level: expected.level,
                expected: expected.value,
                low: (expected.value - band).max(0.0),
                high: expected.value + band,
                deviation,
                is_anomaly: deviation.abs() > BAND,
            },
        ))
    };
    (start..hours.end).filter_map(judge_one).collect()
}

fn sums(values: &[f64]) -> Vec<f64> {
    let mut sum = 0.0;
    let running = values.iter().map(|value| {
        sum += value;
        sum
    });
    std::iter::once(0.0).chain(running).collect()
}

fn expect(series: &Series, sums: &[f64], at: usize) -> Option<Expected> {
    let level = |at: usize| (sums[at] - sums[at - WEEK]) / WEEK as f64;
    let weeks = (1..=WEEKS_MAX).filter_map(|back| at.checked_sub(back * WEEK)).filter(|then| *then >= WEEK);
    // A week of nothing tells of no season.
    let seasons: Vec<f64> =
        weeks.filter(|then| level(*then) > 0.0).map(|then| series.values[then] / level(then)).collect();
    let is_enough = seasons.len() >= WEEKS_MIN;
    let season = median(seasons).filter(|_| is_enough)?;
    let level = level(at);
    Some(Expected { level, value: (level * season).max(0.0) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::growth::calendar::Hour;

    /// Weeks with nights, weekends and a growing level; wobbling by a fixed rule, as much as counts do.
    fn shop(weeks: usize) -> Series {
        let value = |at: usize| {
            let (hour, day) = (at % 24, at / 24 % 7);
            let shape = if hour < 7 { 5.0 } else { 40.0 + hour as f64 } * if day >= 5 { 0.5 } else { 1.0 };
            let growth = 1.0 + at as f64 / (WEEK as f64 * 20.0);
            let wobble = (((at * 7_919) % 13) as f64 - 6.0) / 4.0;
            (shape * growth + wobble * (shape * growth).sqrt()).max(0.0).round()
        };
        Series { first: Hour(4 * 24), values: (0..weeks * WEEK).map(value).collect(), piece: 1.0 }
    }

    #[test]
    fn the_usual_is_no_anomaly_and_is_expected_at_its_hour() {
        let series = shop(10);
        let judged = judge(&series, 0..series.values.len());
        assert_eq!(judged[0].0, WARM_UP_HOURS);
        let mut off = 0.0;
        for (at, reading) in &judged {
            let value = series.values[*at];
            let is_in_band = reading.low <= value && value <= reading.high;
            assert!(is_in_band && !reading.is_anomaly, "{at} {reading:?}");
            off += (reading.expected - value).abs() / reading.expected.max(1.0).sqrt();
        }
        let off = off / judged.len() as f64;
        assert!(off < 1.2, "an hour is off by {off} of what counts vary by");
    }

    #[test]
    fn an_hour_without_orders_at_noon_is_one_and_the_next_is_none() {
        let mut series = shop(10);
        let noon = 9 * WEEK + 24 + 12;
        series.values[noon] = 0.0;
        let judged = judge(&series, noon..noon + 2);
        assert!(judged[0].1.is_anomaly && judged[0].1.deviation < -BAND, "{:?}", judged[0]);
        assert!(!judged[1].1.is_anomaly, "{:?}", judged[1]);
        // The week after it is not expected to be empty.
        let later = judge(&shop(10), noon..noon + 1)[0].1.expected;
        assert!(later > 40.0);
    }

    #[test]
    fn before_there_is_enough_it_says_so() {
        let mut series = shop(5);
        series.values.truncate(WARM_UP_HOURS);
        assert_eq!(last(&series), Trend::WarmingUp { hours: WARM_UP_HOURS, needed: WARM_UP_HOURS + 1 });
        assert!(matches!(last(&shop(5)), Trend::Ready(_)));
        let nothing = Series { first: Hour(0), values: Vec::new(), piece: 1.0 };
        assert!(matches!(last(&nothing), Trend::WarmingUp { hours: 0, .. }));
    }
}
