//! The pace of a target, and a forecast of the value at the end of its period.
//!
//! *Shape*: a day has the weight of its weekday relative to the mean day, over the last two to eight complete weeks; the hours
//! of today have their weights of the last 28 days. With less than two weeks all days weigh the same (shape `flat`).
//!
//! *Expected by now*: the target times the weight that has passed over that of the whole period.
//!
//! *Forecast*: the value so far plus the remaining weight times the level, the mean of the last 28 complete days per weight.
//! Days vary as counts do: the variance of a day is its weight times σ², estimated from the residuals of those days (with
//! n (1 − 1/w) for n, since the shape was estimated from them too). The interval holds 95 % if days continue to vary as they
//! did: ±1.96 σ √(h + h²/H + Σ v (c − c̄)²/w). h is the remaining weight; H the weight behind the level (the forecast of a mean:
//! Hyndman & Athanasopoulos, "Forecasting: Principles and Practice", 3rd ed., §5.5; the errors of days are taken as
//! independent, so they add up in squares). The last term is the uncertainty of the shape: w the weeks it was estimated from,
//! v the weight of a weekday, c the number of remaining days of it, c̄ their mean by weight, as weights add up to seven. With
//! fewer than 7 complete days there is no forecast.

use serde::Serialize;
use strum::AsRefStr;

/// Complete weeks the shape is estimated from, at most and at least.
const SHAPE_WEEKS: usize = 8;
const SHAPE_WEEKS_MIN: usize = 2;
/// The least weight of a weekday: a value on a weekday without any before must not be infinitely more than usual.
const WEIGHT_MIN: f64 = 0.01;
/// Complete days the level is estimated from, at most and at least.
const LEVEL_DAYS: usize = 28;
const LEVEL_DAYS_MIN: usize = 7;
/// Standard deviations on each side that hold 95 % of a normal distribution.
const SIGMAS: f64 = 1.96;

/// What the pace of a target is computed from.
#[derive(Clone, Copy, Debug)]
pub struct TargetInput<'d> {
    /// The value of each complete day before today, oldest first; the last is yesterday.
    pub history: &'d [f64],
    /// The share of today's usual value that has passed, 0 to 1.
    pub of_today: f64,
    /// Days of the period before today.
    pub days_before: usize,
    /// Days of the period, today and those before and after it.
    pub days: usize,
    /// The value so far.
    pub reached: f64,
    /// The value to be reached.
    pub value: f64,
}

/// The weights of days that a pace is based on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PaceShape {
    /// Weekdays have their own weights.
    Weekly,
    /// All days weigh the same.
    Flat,
}

/// Whether a target will be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, AsRefStr, Serialize)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum TargetStatus {
    /// It is reached already.
    Reached,
    /// The forecast reaches it.
    OnTrack,
    /// The forecast does not reach it.
    OffTrack,
    /// There is no forecast yet.
    WarmingUp,
}

/// The pace of a target.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct TargetPace {
    /// The weights of days that it is based on.
    pub shape: PaceShape,
    /// The value expected by now.
    pub expected: f64,
    /// The value at the end of the period; null: too few days are known.
    pub forecast: Option<Forecast>,
    /// Whether the target will be reached.
    pub status: TargetStatus,
    /// Complete days known.
    pub history_days: usize,
    /// Complete days needed for a forecast.
    pub needed_days: usize,
}

/// The value at the end of a period.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Forecast {
    /// The expected value.
    pub value: f64,
    /// The lower end of the 95 % interval.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl TargetPace {
    /// The pace of a target.
    pub fn new(input: &TargetInput<'_>) -> TargetPace {
        let weights = DayWeights::estimate(input);
        let of_today = input.of_today.clamp(0.0, 1.0);
        let before: f64 = (1..=input.days_before as i64).map(|back| weights.weight(-back)).sum();
        // The number of remaining days of each weekday, from today's on.
        let mut days_left = [0.0; 7];
        days_left[0] = 1.0 - of_today;
        (1..input.days.saturating_sub(input.days_before)).for_each(|ahead| days_left[ahead % 7] += 1.0);
        let passed = before + of_today * weights.weight(0);
        let left: f64 = (0..7).zip(days_left).map(|(ahead, days)| days * weights.weight(ahead)).sum();
        let forecast = Forecast::new(input, &weights, left, &days_left);
        let status = match forecast {
            _ if input.reached >= input.value => TargetStatus::Reached,
            None => TargetStatus::WarmingUp,
            Some(forecast) if forecast.value >= input.value => TargetStatus::OnTrack,
            Some(_) => TargetStatus::OffTrack,
        };
        TargetPace {
            shape: if weights.weeks > 0 { PaceShape::Weekly } else { PaceShape::Flat },
            expected: input.value * passed / (passed + left),
            forecast,
            status,
            history_days: input.history.len(),
            needed_days: LEVEL_DAYS_MIN,
        }
    }
}

/// The weights of days.
struct DayWeights {
    /// By weekday, from today's on; 1 on average.
    weights: [f64; 7],
    /// The weeks they were estimated from; 0: all days weigh the same.
    weeks: usize,
}

impl DayWeights {
    fn estimate(input: &TargetInput<'_>) -> DayWeights {
        let weeks = (input.history.len() / 7).min(SHAPE_WEEKS);
        let recent = &input.history[input.history.len() - weeks * 7..];
        let mut weights = [0.0; 7];
        recent.iter().enumerate().for_each(|(day, value)| weights[day % 7] += value);
        let mean = weights.iter().sum::<f64>() / 7.0;
        if weeks < SHAPE_WEEKS_MIN || mean <= 0.0 {
            return DayWeights { weights: [1.0; 7], weeks: 0 };
        }
        weights = weights.map(|sum| (sum / mean).max(WEIGHT_MIN));
        let all: f64 = weights.iter().sum();
        DayWeights { weights: weights.map(|weight| weight * 7.0 / all), weeks }
    }

    /// The weight of the day this number of days from today.
    fn weight(&self, ahead: i64) -> f64 {
        self.weights[ahead.rem_euclid(7) as usize]
    }

    /// The variance of the weight of these numbers of days of each weekday, from today's on, in σ².
    fn variance(&self, days: &[f64; 7]) -> f64 {
        if self.weeks == 0 {
            return 0.0;
        }
        let mean = self.weights.iter().zip(days).map(|(weight, days)| weight * days).sum::<f64>() / 7.0;
        let squares = self.weights.iter().zip(days).map(|(weight, days)| weight * (days - mean).powi(2));
        squares.sum::<f64>() / self.weeks as f64
    }

    /// The degrees of freedom of σ, estimated from this number of days.
    fn free(&self, days: f64) -> f64 {
        if self.weeks == 0 { days - 1.0 } else { days * (1.0 - 1.0 / self.weeks as f64) }
    }
}

impl Forecast {
    /// `left` is the remaining weight, of these numbers of days of each weekday. `None`: too few days are known.
    fn new(input: &TargetInput<'_>, weights: &DayWeights, left: f64, days_left: &[f64; 7]) -> Option<Forecast> {
        let recent = &input.history[input.history.len().saturating_sub(LEVEL_DAYS)..];
        if recent.len() < LEVEL_DAYS_MIN {
            return None;
        }
        let weighted: Vec<(f64, f64)> =
            (1..).zip(recent.iter().rev()).map(|(back, value)| (*value, weights.weight(-back))).collect();
        let all: f64 = weighted.iter().map(|(_, weight)| weight).sum();
        let level = recent.iter().sum::<f64>() / all;
        let squares: f64 = weighted.iter().map(|(value, weight)| (value - level * weight).powi(2) / weight).sum();
        let sigma = (squares / weights.free(recent.len() as f64)).sqrt();
        let value = input.reached + level * left;
        let half = SIGMAS * sigma * (left + left * left / all + weights.variance(days_left)).sqrt();
        Some(Forecast { value, low: value - half, high: value + half })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use xxhash_rust::xxh3::xxh3_64;

    use super::*;

    /// Weekdays 100, weekends 50, so a week is 600; today is a Monday.
    fn history(weeks: usize) -> Vec<f64> {
        (0..weeks * 7).map(|day| if day % 7 >= 5 { 50.0 } else { 100.0 }).collect()
    }

    fn input(history: &[f64]) -> TargetInput<'_> {
        TargetInput { history, of_today: 0.0, days_before: 0, days: 7, reached: 0.0, value: 600.0 }
    }

    #[test]
    fn forecast_without_noise_is_exact() {
        let history = history(8);
        let pace = TargetPace::new(&TargetInput { days_before: 5, reached: 500.0, ..input(&history[..54]) });
        assert_eq!((pace.shape, pace.status), (PaceShape::Weekly, TargetStatus::OnTrack));
        let Forecast { value, low, high } = pace.forecast.expect("enough is known");
        // Without noise nothing is uncertain.
        for (found, expected) in [(pace.expected, 500.0), (value, 600.0), (low, 600.0), (high, 600.0)] {
            assert!((found - expected).abs() < 1e-9, "{found}, not {expected}");
        }
    }

    #[test]
    fn target_behind_its_pace_is_off_track_and_a_met_one_is_reached() {
        let history = history(8);
        let behind = TargetPace::new(&TargetInput { days_before: 5, reached: 300.0, ..input(&history[..54]) });
        assert_eq!(behind.status, TargetStatus::OffTrack);
        assert_eq!(TargetPace::new(&TargetInput { reached: 600.0, ..input(&history) }).status, TargetStatus::Reached);
    }

    #[test]
    fn too_short_a_history_is_warming_up() {
        let history = history(2);
        let young = TargetPace::new(&TargetInput { of_today: 0.5, ..input(&history[..6]) });
        assert_eq!((young.forecast, young.status, young.shape), (None, TargetStatus::WarmingUp, PaceShape::Flat));
        assert_eq!(young.expected, 600.0 * 0.5 / 7.0);
        assert_eq!(TargetPace::new(&input(&history[..7])).shape, PaceShape::Flat);
        assert_eq!(TargetPace::new(&input(&history)).shape, PaceShape::Weekly);
    }

    #[rstest]
    #[case::a_week(0, 7)]
    #[case::its_last_day(6, 7)]
    #[case::its_last_two_days(5, 7)]
    #[case::a_month_from_its_middle(15, 30)]
    fn interval_holds_about_95_of_100_periods_of_noise(#[case] days_before: usize, #[case] days: usize) {
        let roll = |bytes: [usize; 2]| xxh3_64(&bytes.map(usize::to_le_bytes).concat()) as f64 / u64::MAX as f64;
        // The sum of four uniform numbers is about normal.
        let noise = |day| 4.0 * ((0..4).map(|at| roll([day, at])).sum::<f64>() - 2.0);
        let usual = |day| if day % 7 >= 5 { 300.0_f64 } else { 100.0 };
        let series: Vec<f64> = (0..20_000).map(|day| usual(day) + usual(day).sqrt() * noise(day)).collect();
        let starts = (56..series.len() - days).step_by(11);
        let of = starts.len();
        let held = starts.filter(|start| {
            let (today, end) = (start + days_before, start + days);
            let reached: f64 = series[*start..today].iter().sum();
            let known = TargetInput { days_before, days, reached, ..input(&series[..today]) };
            let forecast = TargetPace::new(&known).forecast.expect("enough is known");
            (forecast.low..=forecast.high).contains(&series[*start..end].iter().sum())
        });
        let share = held.count() as f64 / of as f64;
        assert!((0.93..0.97).contains(&share), "{share}");
    }

    #[test]
    fn weekday_without_any_value_has_a_small_weight() {
        let history: Vec<f64> = (0..56).map(|day| if day % 7 >= 5 { 0.0 } else { 100.0 }).collect();
        let sunday = TargetPace::new(&TargetInput { days: 1, ..input(&history[..55]) });
        assert_eq!((sunday.expected, sunday.status), (0.0, TargetStatus::OffTrack));
        assert!((sunday.forecast.expect("enough is known").value - 0.7).abs() < 0.1, "{sunday:?}");
    }
}
