//! What was expected of each hour of a series, and how far it deviates.

use std::ops::Range;

use super::super::robust::trimmed_mean;
use super::super::series::HourlySeries;
use super::band::DeviationBand;
use super::{BAND, DAY, HourAssessment, WEEK, WEEKS_MIN};

/// Weeks that the season is estimated from, at most.
const WEEKS_MAX: usize = 8;
/// The events that the profile of hours and weekdays counts for beside the same hour of the week.
const PROFILE_EVENTS: f64 = 30.0;
/// Days that the value of an order is estimated from, and the share of them that is trimmed at either end.
const ORDER_VALUE_DAYS: usize = 28;
const ORDER_VALUE_TRIMMED: f64 = 0.1;

/// What was expected of an hour.
#[derive(Clone, Copy)]
pub(super) struct ExpectedHour {
    level: f64,
    pub(super) value: f64,
}

/// A series with its running sums.
pub(super) struct SeriesHistory<'s> {
    series: &'s HourlySeries,
    /// Running sums of the counted events, or of the orders for money.
    counts: Vec<f64>,
    /// Running sums of the values.
    values: Vec<f64>,
}

impl<'s> SeriesHistory<'s> {
    pub(super) fn new(series: &'s HourlySeries) -> SeriesHistory<'s> {
        let values = running_sums(&series.values);
        let counts = series.orders.as_ref().map_or_else(|| values.clone(), |orders| running_sums(orders));
        SeriesHistory { series, counts, values }
    }

    /// The first hour of the business day of an hour, or of the series.
    pub(super) fn day_of(&self, at: usize) -> usize {
        at.saturating_sub(usize::from(self.series.hour(at).of_day()))
    }

    /// What was expected of a range of hours.
    pub(super) fn expect_all(&self, hours: Range<usize>) -> Vec<Option<ExpectedHour>> {
        // Refunds come at other hours than orders: each hour of the day has a deviation of its own.
        let back = if self.series.is_net { ORDER_VALUE_DAYS * DAY } else { 0 };
        let first = hours.start.saturating_sub(back);
        let mut order_value = (usize::MAX, 1.0);
        let mut expected: Vec<Option<ExpectedHour>> = Vec::with_capacity(hours.end - first);
        for at in first..hours.end {
            let day = self.day_of(at);
            if order_value.0 != day {
                order_value = (day, self.order_value(day));
            }
            expected.push(self.expect(at, order_value.1));
        }
        if !self.series.is_net {
            return expected;
        }
        let deviation = |at: usize| {
            let residuals = (1..=ORDER_VALUE_DAYS).filter_map(|back| {
                let then = at.checked_sub(back * DAY)?;
                Some(self.series.values[then] - expected[then.checked_sub(first)?]?.value)
            });
            let residuals: Vec<f64> = residuals.collect();
            let trimmed = (residuals.len() as f64 * ORDER_VALUE_TRIMMED) as usize;
            if residuals.len() < ORDER_VALUE_DAYS / 2 { 0.0 } else { trimmed_mean(residuals, trimmed).unwrap_or(0.0) }
        };
        let corrected = hours.clone().map(|at| {
            let known = expected[at - first]?;
            Some(ExpectedHour { value: (known.value + deviation(at)).max(0.0), ..known })
        });
        corrected.collect()
    }

    /// What was expected of an hour, given the value of an order; for counts that is 1.
    fn expect(&self, at: usize, order_value: f64) -> Option<ExpectedHour> {
        let count = |at: usize| self.counts[at + 1] - self.counts[at];
        let mean = |until: usize, hours: usize| (self.counts[until] - self.counts[until - hours]) / hours as f64;
        let weeks = (at / WEEK).saturating_sub(1).min(WEEKS_MAX);
        if weeks < WEEKS_MIN {
            return None;
        }
        let (level, long_level) = (mean(at, WEEK), mean(at, weeks * WEEK));
        let season = if long_level > 0.0 {
            let same_hours = (1..=weeks * 7).map(|back| count(at - back * DAY)).sum::<f64>() / (weeks * 7) as f64;
            let day = self.day_of(at);
            let days = (1..=weeks).filter_map(|back| day.checked_sub(back * WEEK));
            let (sum, number) = days.fold((0.0, 0.0), |(sum, number), day| (sum + mean(day + DAY, DAY), number + 1.0));
            let weekday = if number > 0.0 { sum / number / long_level } else { 1.0 };
            let profile = same_hours / long_level * weekday;
            // A week without events has no season.
            let own = (1..=weeks).map(|back| at - back * WEEK).filter(|then| mean(*then, WEEK) > 0.0);
            let own: Vec<f64> = own.map(|then| count(then) / mean(then, WEEK)).collect();
            let events = own.len() as f64 * long_level * profile;
            match trimmed_mean(own, 1) {
                Some(own) => (own * events + profile * PROFILE_EVENTS) / (events + PROFILE_EVENTS),
                None => profile,
            }
        } else {
            1.0
        };
        Some(ExpectedHour {
            level: (self.values[at] - self.values[at - WEEK]) / WEEK as f64,
            value: (level * season * order_value).max(0.0),
        })
    }

    /// The value of an order in the days before the one that starts at `day`; 1 for counts.
    fn order_value(&self, day: usize) -> f64 {
        if self.series.orders.is_none() {
            return 1.0;
        }
        let of_day = |back: usize| {
            let from = day.checked_sub(back * DAY)?;
            let orders = self.counts[from + DAY] - self.counts[from];
            (orders > 0.0).then(|| (self.values[from + DAY] - self.values[from]) / orders)
        };
        let days: Vec<f64> = (1..=ORDER_VALUE_DAYS).filter_map(of_day).collect();
        let trimmed = (days.len() as f64 * ORDER_VALUE_TRIMMED) as usize;
        trimmed_mean(days, trimmed).unwrap_or(self.series.piece)
    }

    /// The size of a deviation of 1 from what was expected.
    fn scale(&self, expected: f64) -> f64 {
        (expected.max(self.series.piece) * self.series.piece).sqrt()
    }

    /// The deviation of a value in units of its scale.
    pub(super) fn deviation(&self, value: f64, expected: f64) -> f64 {
        (value - expected) / self.scale(expected)
    }

    /// The distance of the lower and the upper edge of the band from what was expected.
    fn reach(&self, band: &DeviationBand, expected: f64) -> [f64; 2] {
        let scale = self.scale(expected);
        let skew = self.series.piece * (BAND * BAND - 1.0) / 6.0;
        let [below, above] = band.spreads.map(|spread| BAND * spread * scale);
        let low = below - skew;
        let low = if self.series.is_net { low.max(band.tails[0] * scale) } else { low };
        [low, (above + skew).max(band.tails[1] * scale)]
    }

    /// Whether these consecutive hours are a slump.
    pub(super) fn is_slump(&self, band: &DeviationBand, hours: &[(f64, ExpectedHour)]) -> bool {
        let is_below = |value: f64, expected: f64| self.deviation(value, expected) < -band.spreads[0];
        let value: f64 = hours.iter().map(|(value, _)| value).sum();
        let expected: f64 = hours.iter().map(|(_, expected)| expected.value).sum();
        hours.iter().all(|(value, expected)| is_below(*value, expected.value))
            && value < expected - self.reach(band, expected)[0]
    }

    /// The assessment of an hour.
    pub(super) fn assess(
        &self,
        band: &DeviationBand,
        value: f64,
        ExpectedHour { level, value: expected }: ExpectedHour,
        is_slump: bool,
    ) -> HourAssessment {
        let [below, above] = self.reach(band, expected);
        let least = expected - below;
        let low = if self.series.is_net { least } else { least.max(0.0) };
        let deviation = BAND * (value - expected) / if value < expected { below } else { above };
        let is_out = value < least || value > expected + above;
        HourAssessment {
            value,
            level,
            expected,
            low,
            high: expected + above,
            deviation,
            is_slump,
            is_anomaly: is_out || is_slump,
        }
    }
}

fn running_sums(values: &[f64]) -> Vec<f64> {
    let mut sum = 0.0;
    let running = values.iter().map(|value| {
        sum += value;
        sum
    });
    std::iter::once(0.0).chain(running).collect()
}
