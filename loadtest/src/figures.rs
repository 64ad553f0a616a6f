//! Statistics of many measurements: medians and quantiles.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::table::grouped;

/// Longer times are recorded as this one: 10 minutes, in microseconds.
const MAX_US: u64 = 600_000_000;

/// Quantiles of durations, in milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Delays {
    pub(crate) count: u64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) p999_ms: f64,
    pub(crate) max_ms: f64,
}

impl Delays {
    /// Those of a histogram of microseconds; all 0 if it is empty.
    pub(crate) fn of(micros: &Histogram<u64>) -> Delays {
        let ms = |micros: u64| micros as f64 / 1e3;
        let quantile = |quantile| ms(micros.value_at_quantile(quantile));
        Delays {
            count: micros.len(),
            p50_ms: quantile(0.5),
            p99_ms: quantile(0.99),
            p999_ms: quantile(0.999),
            max_ms: ms(micros.max()),
        }
    }

    /// As a table or a line of text.
    pub(crate) fn row(&self) -> String {
        format!(
            "p50 {:.3} ms, p99 {:.3}, p99.9 {:.3}, max {:.3} (of {})",
            self.p50_ms,
            self.p99_ms,
            self.p999_ms,
            self.max_ms,
            grouped(self.count)
        )
    }
}

/// An empty histogram of microseconds, to three digits.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, MAX_US, 3).expect("these bounds are sound")
}

/// Records a duration; one below a microsecond counts as a microsecond.
pub(crate) fn note(histogram: &mut Histogram<u64>, took: Duration) {
    histogram.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1));
}

/// A figure of several rounds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Of the rounds' figures.
    pub(crate) fn of(figures: Vec<f64>) -> Spread {
        let (min, max) = figures.iter().fold((f64::MAX, f64::MIN), |(min, max), it| (min.min(*it), max.max(*it)));
        Spread { min, median: median(figures), max }
    }

    /// As a table: the median, and from where to where.
    pub(crate) fn row(&self, number: &dyn Fn(f64) -> String) -> String {
        format!("{} ({} to {})", number(self.median), number(self.min), number(self.max))
    }
}

/// The median; of an even number of values, the mean of the two in the middle.
pub(crate) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let half = numbers.len() / 2;
    match numbers.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => numbers[half],
        _ => (numbers[half - 1] + numbers[half]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!([median(vec![3.0, 1.0, 2.0]), median(vec![4.0, 1.0, 2.0, 3.0])], [2.0, 2.5]);
    }

    #[test]
    fn quantiles_are_milliseconds() {
        let mut micros = histogram();
        for ms in 1..=100 {
            note(&mut micros, Duration::from_millis(ms));
        }
        let Delays { count, p50_ms, p99_ms, max_ms, .. } = Delays::of(&micros);
        assert_eq!((count, p50_ms.round(), p99_ms.round(), max_ms.round()), (100, 50.0, 99.0, 100.0));
    }
}
