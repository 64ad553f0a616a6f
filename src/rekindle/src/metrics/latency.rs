//! Latencies: from an hdrhistogram of microseconds to what Prometheus calls histogram and summary.
//!
//! The hdrhistogram only grows, so every count here does too. Values are exact to its own precision: each
//! observation is taken for the lowest that it cannot be told from, so one at a bucket's bound is in the bucket.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::definitions::{ACTION_LATENCY, ACTION_LATENCY_RECENT, ACTION_LATENCY_SINCE_START};
use super::page::MetricsPage;

/// The upper bounds of the classic buckets, in seconds.
const BOUNDS: [f64; 16] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

/// The quantiles that are exposed; 1 is the maximum.
const QUANTILES: [f64; 5] = [0.5, 0.9, 0.99, 0.999, 1.0];

/// Observations, in all the forms in which they are exposed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LatencyDistribution {
    /// How many.
    pub(super) count: u64,
    /// Their sum in seconds.
    pub(super) sum: f64,
    /// Classic buckets: the upper bound in seconds, and how many observations there are up to it.
    pub(super) buckets: Vec<(f64, u64)>,
    /// How many are at most [`ZERO_SECONDS`](LatencyDistribution::ZERO_SECONDS).
    pub(super) zeros: u64,
    /// Native buckets with something in them: bucket i holds what is above 2^((i-1)/8) s, up to 2^(i/8) s.
    pub(super) native: Vec<(i32, u64)>,
    /// The quantiles asked for, with their values in seconds; NaN where there is no observation.
    pub(super) quantiles: Vec<(f64, f64)>,
}

impl LatencyDistribution {
    /// Each power of two is divided into 2^3 native buckets, which are 9% wide.
    pub(super) const SCHEMA: i32 = 3;

    /// What an hdrhistogram of microseconds cannot tell from nothing.
    pub(super) const ZERO_SECONDS: f64 = 1e-6;

    /// Everything that was ever recorded, in microseconds.
    pub(super) fn of(microseconds: &Histogram<u64>) -> LatencyDistribution {
        let mut this = LatencyDistribution {
            count: microseconds.len(),
            sum: 0.0,
            buckets: BOUNDS.iter().map(|bound| (*bound, 0)).collect(),
            zeros: 0,
            native: Vec::new(),
            quantiles: quantiles(microseconds),
        };
        for step in microseconds.iter_recorded() {
            let lowest = microseconds.lowest_equivalent(step.value_iterated_to());
            this.put(lowest as f64 / 1e6, step.count_at_value());
        }
        this
    }

    fn put(&mut self, seconds: f64, count: u64) {
        self.sum += seconds * count as f64;
        for (_, up_to) in self.buckets.iter_mut().filter(|(bound, _)| seconds <= *bound) {
            *up_to += count;
        }
        if seconds <= LatencyDistribution::ZERO_SECONDS {
            self.zeros += count;
            return;
        }
        let index = (seconds.log2() * f64::from(1 << LatencyDistribution::SCHEMA)).ceil() as i32;
        match self.native.last_mut() {
            Some((last, counted)) if *last == index => *counted += count,
            _ => self.native.push((index, count)),
        }
    }

    /// The same, with the quantiles of `others`.
    pub(super) fn with_quantiles_of(mut self, others: &Histogram<u64>) -> LatencyDistribution {
        self.quantiles = quantiles(others);
        self
    }
}

fn quantiles(microseconds: &Histogram<u64>) -> Vec<(f64, f64)> {
    let value = |rank: f64| match microseconds.is_empty() {
        true => f64::NAN,
        false => microseconds.value_at_quantile(rank) as f64 / 1e6,
    };
    QUANTILES.iter().map(|rank| (*rank, value(*rank))).collect()
}

/// From the broker's receipt of an event to the acknowledgement of the action that it triggered.
#[derive(Debug, Default)]
pub struct ActionLatencies {
    /// Since the start, in microseconds; `None`: none was added yet.
    all: Option<Histogram<u64>>,
    recent: RecentLatencies,
}

impl ActionLatencies {
    /// Adds those since the last time, in microseconds. All histograms must have the same bounds.
    pub fn add(&mut self, latest: Histogram<u64>) {
        match &mut self.all {
            // With the same bounds, adding cannot fail.
            Some(all) => drop(all.add(&latest)),
            None => self.all = Some(latest),
        }
    }
}

impl MetricsPage {
    /// From receipt to action: every latency since the start, and those of about the last minute.
    pub fn latency(&mut self, latencies: &mut ActionLatencies, now: Instant) {
        let Some(since_start) = &latencies.all else { return };
        let all = LatencyDistribution::of(since_start);
        let recent = latencies.recent.look(now, since_start);
        self.distribution(&ACTION_LATENCY, all.clone());
        self.distribution(&ACTION_LATENCY_RECENT, all.clone().with_quantiles_of(&recent));
        self.distribution(&ACTION_LATENCY_SINCE_START, all);
    }
}

/// The latencies of about the last minute, from a histogram that only grows: the difference to a copy that is about a minute
/// old.
#[derive(Debug, Default)]
struct RecentLatencies {
    /// What it was, oldest first; of those that are a minute old or older, only the latest.
    seen: VecDeque<(Instant, Histogram<u64>)>,
}

impl RecentLatencies {
    /// How far back it looks.
    const WINDOW: Duration = Duration::from_secs(60);

    /// How much time passes between two looks that are kept.
    const STEP: Duration = Duration::from_secs(5);

    /// What was recorded since the latest look that is a minute old, or since the start if there is none.
    fn look(&mut self, now: Instant, all: &Histogram<u64>) -> Histogram<u64> {
        let old = |(at, _): &(Instant, _)| now.saturating_duration_since(*at) >= RecentLatencies::WINDOW;
        while self.seen.get(1).is_some_and(old) {
            self.seen.pop_front();
        }
        let mut recent = all.clone();
        if let Some((_, before)) = self.seen.front().filter(|first| old(first))
            && recent.subtract(before).is_err()
        {
            // It was reset, and so everything in it is new.
            recent = all.clone();
            self.seen.clear();
        }
        if self.seen.back().is_none_or(|(at, _)| now.saturating_duration_since(*at) >= RecentLatencies::STEP) {
            self.seen.push_back((now, all.clone()));
        }
        recent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(microseconds: &[u64]) -> Histogram<u64> {
        let mut histogram = Histogram::new(3).expect("a sound precision");
        microseconds.iter().for_each(|value| histogram.record(*value).expect("it grows by itself"));
        histogram
    }

    #[test]
    fn every_observation_is_in_its_classic_and_its_native_bucket() {
        let distribution = LatencyDistribution::of(&recorded(&[0, 1, 1_000, 1_001, 400_000, 999_999_999]));
        let up_to = |bound| distribution.buckets.iter().find(|(le, _)| *le == bound).expect("a bound").1;
        assert_eq!((up_to(0.001), up_to(0.0025), up_to(0.25), up_to(0.5), up_to(300.0)), (3, 4, 4, 5, 5));
        assert_eq!((distribution.count, distribution.zeros), (6, 2));
        let native: u64 = distribution.native.iter().map(|(_, count)| count).sum();
        assert_eq!(native, 4);
        for (value, index) in [(0.4, -10), (0.001, -79)] {
            let (low, high) = (f64::from(index - 1) / 8.0, f64::from(index) / 8.0);
            assert!(low.exp2() < value && value <= high.exp2());
            assert!(distribution.native.iter().any(|(found, _)| *found == index), "{:?}", distribution.native);
        }
        assert!((distribution.sum - 1_000.402).abs() < 1.0, "{}", distribution.sum);
    }

    #[test]
    fn quantiles_are_of_what_was_recorded_and_the_last_is_the_longest() {
        let thousand: Vec<u64> = (1..=1_000).map(|ms| ms * 1_000).collect();
        let distribution = LatencyDistribution::of(&recorded(&thousand));
        for ((rank, seconds), expected) in distribution.quantiles.iter().zip([0.5, 0.9, 0.99, 0.999, 1.0]) {
            assert!((seconds - expected).abs() < 0.002, "{rank}: {seconds}");
        }
        let nothing = LatencyDistribution::of(&recorded(&[]));
        assert!(nothing.quantiles.iter().all(|(_, seconds)| seconds.is_nan()));
    }

    #[test]
    fn recent_is_what_came_in_the_last_minute() {
        let (start, mut recent, mut all) = (Instant::now(), RecentLatencies::default(), recorded(&[]));
        let at = |seconds| start + Duration::from_secs(seconds);
        for second in 0..200 {
            all.record(second + 1).expect("it grows by itself");
            let count = recent.look(at(second), &all).len();
            let expected = if second < 60 { second + 1..=second + 1 } else { 60..=65 };
            assert!(expected.contains(&count), "{count} at {second} s");
            assert!(recent.seen.len() <= 14, "{} looks are kept", recent.seen.len());
        }
        assert_eq!(recent.look(at(1_000), &all).len(), 4, "since the last look that was kept");
        assert_eq!(recent.look(at(1_100), &all).len(), 0);
    }

    #[test]
    fn a_histogram_that_was_reset_is_new_as_a_whole() {
        let (start, mut recent) = (Instant::now(), RecentLatencies::default());
        recent.look(start, &recorded(&[5, 5, 5]));
        assert_eq!(recent.look(start + Duration::from_secs(61), &recorded(&[7])).len(), 1);
    }
}
