//! Where a target stands: the pace, and where the period will end.
//!
//! *Shape*: a day weighs what its weekday was over the mean day, in the last weeks, two to eight, that are complete; the
//! hours of today weigh what they were of the last 28 days. With fewer than two weeks all days weigh the same, and that is
//! said.
//!
//! *Expected by now*: the target times the weight that has passed over that of the whole period.
//!
//! *Forecast*: what is reached plus the weight that is left times the level, the mean of the last 28 complete days per
//! weight. Days vary as counts do: the variance of a day is its weight times σ², learnt of those days' rest (with n (1 − 1/w)
//! for n, as the shape was learnt of them, too). The interval holds 95 % where days go on to vary as they did:
//! ±1.96 σ √(h + h²/H + Σ v (c − c̄)²/w). h is the weight that is left; H the weight that the level comes from (the forecast
//! of a mean: Hyndman & Athanasopoulos, "Forecasting: Principles and Practice", 3rd ed., §5.5; days' errors taken as
//! independent, so they add up in squares). The last term is what is not known of the shape: w the weeks it was learnt from,
//! v a weekday's weight, c how many of it are left, c̄ their mean by weight, as weights add up to seven. With fewer than 7
//! complete days nothing is forecast.

use serde::Serialize;

/// Complete weeks the shape is learnt from, at most and at least.
const SHAPE_WEEKS: usize = 8;
const SHAPE_WEEKS_MIN: usize = 2;
/// A weekday that never had anything weighs so much: what comes on it all the same must not be endlessly more than usual.
const WEIGHT_MIN: f64 = 0.01;
/// Complete days the level is learnt from, at most and at least.
const LEVEL_DAYS: usize = 28;
const LEVEL_DAYS_MIN: usize = 7;
/// Standard deviations to each side that hold 95 % of a normal distribution.
const SIGMAS: f64 = 1.96;

/// What is known of a target.
#[derive(Clone, Copy, Debug)]
pub struct Input<'d> {
    /// What each complete day before today came to, oldest first; the last is yesterday.
    pub history: &'d [f64],
    /// How much of today has passed by its usual shape, 0 to 1.
    pub of_today: f64,
    /// Days of the period before today.
    pub days_before: usize,
    /// Days of the period, today and those before and after it.
    pub days: usize,
    /// What is reached.
    pub reached: f64,
    /// What is to be reached.
    pub value: f64,
}

/// How a target stands.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Pace {
    /// Whether the weekdays' shape was known: `weekly`, or `flat`.
    pub shape: &'static str,
    /// What should be reached by now.
    pub expected: f64,
    /// Where the period will end; null: too little is known.
    pub forecast: Option<Forecast>,
    /// `reached`, `on_track`, `off_track`, or `warming_up` where nothing can be forecast.
    pub status: &'static str,
    /// Complete days known.
    pub history_days: usize,
    /// Complete days needed for a forecast.
    pub needed_days: usize,
}

/// Where a period will end.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Forecast {
    /// The middle.
    pub value: f64,
    /// The lower end of the 95 % interval.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// Works it out.
pub fn pace(input: &Input<'_>) -> Pace {
    let shape = Shape::of(input);
    let of_today = input.of_today.clamp(0.0, 1.0);
    let before: f64 = (1..=input.days_before as i64).map(|back| shape.weight(-back)).sum();
    // Of each weekday from today's on, how many days are left.
    let mut days_left = [0.0; 7];
    days_left[0] = 1.0 - of_today;
    (1..input.days.saturating_sub(input.days_before)).for_each(|ahead| days_left[ahead % 7] += 1.0);
    let passed = before + of_today * shape.weight(0);
    let left: f64 = (0..7).zip(days_left).map(|(ahead, days)| days * shape.weight(ahead)).sum();
    let forecast = forecast(input, &shape, left, &days_left);
    let status = match forecast {
        _ if input.reached >= input.value => "reached",
        None => "warming_up",
        Some(forecast) if forecast.value >= input.value => "on_track",
        Some(_) => "off_track",
    };
    Pace {
        shape: if shape.weeks > 0 { "weekly" } else { "flat" },
        expected: input.value * passed / (passed + left),
        forecast,
        status,
        history_days: input.history.len(),
        needed_days: LEVEL_DAYS_MIN,
    }
}

/// What days weigh.
struct Shape {
    /// By weekday, from today's on; a mean one weighs 1.
    weights: [f64; 7],
    /// The weeks it was learnt from; 0: all days weigh the same.
    weeks: usize,
}

impl Shape {
    fn of(input: &Input<'_>) -> Shape {
        let weeks = (input.history.len() / 7).min(SHAPE_WEEKS);
        let recent = &input.history[input.history.len() - weeks * 7..];
        let mut weights = [0.0; 7];
        recent.iter().enumerate().for_each(|(day, value)| weights[day % 7] += value);
        let mean = weights.iter().sum::<f64>() / 7.0;
        if weeks < SHAPE_WEEKS_MIN || mean <= 0.0 {
            return Shape { weights: [1.0; 7], weeks: 0 };
        }
        weights = weights.map(|sum| (sum / mean).max(WEIGHT_MIN));
        let all: f64 = weights.iter().sum();
        Shape { weights: weights.map(|weight| weight * 7.0 / all), weeks }
    }

    /// Of the day so many days from today.
    fn weight(&self, ahead: i64) -> f64 {
        self.weights[ahead.rem_euclid(7) as usize]
    }

    /// How far the weight of so many days of each weekday, from today's on, may be off: its variance, in σ².
    fn variance(&self, days: &[f64; 7]) -> f64 {
        if self.weeks == 0 {
            return 0.0;
        }
        let mean = self.weights.iter().zip(days).map(|(weight, days)| weight * days).sum::<f64>() / 7.0;
        let squares = self.weights.iter().zip(days).map(|(weight, days)| weight * (days - mean).powi(2));
        squares.sum::<f64>() / self.weeks as f64
    }

    /// Of so many days, how many are left for σ when the shape was learnt of them.
    fn free(&self, days: f64) -> f64 {
        if self.weeks == 0 { days - 1.0 } else { days * (1.0 - 1.0 / self.weeks as f64) }
    }
}

fn forecast(input: &Input<'_>, shape: &Shape, left: f64, days_left: &[f64; 7]) -> Option<Forecast> {
    let recent = &input.history[input.history.len().saturating_sub(LEVEL_DAYS)..];
    if recent.len() < LEVEL_DAYS_MIN {
        return None;
    }
    let weighed: Vec<(f64, f64)> =
        (1..).zip(recent.iter().rev()).map(|(back, value)| (*value, shape.weight(-back))).collect();
    let all: f64 = weighed.iter().map(|(_, weight)| weight).sum();
    let level = recent.iter().sum::<f64>() / all;
    let squares: f64 = weighed.iter().map(|(value, weight)| (value - level * weight).powi(2) / weight).sum();
    let sigma = (squares / shape.free(recent.len() as f64)).sqrt();
    let value = input.reached + level * left;
    let half = SIGMAS * sigma * (left + left * left / all + shape.variance(days_left)).sqrt();
    Some(Forecast { value, low: value - half, high: value + half })
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

    fn input(history: &[f64]) -> Input<'_> {
        Input { history, of_today: 0.0, days_before: 0, days: 7, reached: 0.0, value: 600.0 }
    }

    #[test]
    fn a_week_of_a_known_shape_ends_where_it_always_does() {
        let history = history(8);
        let pace = pace(&Input { days_before: 5, reached: 500.0, ..input(&history[..54]) });
        assert_eq!((pace.shape, pace.status), ("weekly", "on_track"));
        let Forecast { value, low, high } = pace.forecast.expect("enough is known");
        // Without noise nothing is uncertain.
        for (found, expected) in [(pace.expected, 500.0), (value, 600.0), (low, 600.0), (high, 600.0)] {
            assert!((found - expected).abs() < 1e-9, "{found}, not {expected}");
        }
    }

    #[test]
    fn what_is_behind_its_pace_is_off_track_and_what_is_there_is_reached() {
        let history = history(8);
        let behind = pace(&Input { days_before: 5, reached: 300.0, ..input(&history[..54]) });
        assert_eq!(behind.status, "off_track");
        assert_eq!(pace(&Input { reached: 600.0, ..input(&history) }).status, "reached");
    }

    #[test]
    fn before_there_is_enough_it_says_so() {
        let history = history(2);
        let young = pace(&Input { of_today: 0.5, ..input(&history[..6]) });
        assert_eq!((young.forecast, young.status, young.shape), (None, "warming_up", "flat"));
        assert_eq!(young.expected, 600.0 * 0.5 / 7.0);
        assert_eq!(pace(&input(&history[..7])).shape, "flat");
        assert_eq!(pace(&input(&history)).shape, "weekly");
    }

    #[rstest]
    #[case::a_week(0, 7)]
    #[case::its_last_day(6, 7)]
    #[case::its_last_two_days(5, 7)]
    #[case::a_month_from_its_middle(15, 30)]
    fn the_interval_holds_about_95_of_100_periods_of_noise(#[case] days_before: usize, #[case] days: usize) {
        let roll = |bytes: [usize; 2]| xxh3_64(&bytes.map(usize::to_le_bytes).concat()) as f64 / u64::MAX as f64;
        // The sum of four rolls is about normal.
        let noise = |day| 4.0 * ((0..4).map(|at| roll([day, at])).sum::<f64>() - 2.0);
        let usual = |day| if day % 7 >= 5 { 300.0_f64 } else { 100.0 };
        let series: Vec<f64> = (0..20_000).map(|day| usual(day) + usual(day).sqrt() * noise(day)).collect();
        let starts = (56..series.len() - days).step_by(11);
        let of = starts.len();
        let held = starts.filter(|start| {
            let (today, end) = (start + days_before, start + days);
            let reached: f64 = series[*start..today].iter().sum();
            let known = Input { days_before, days, reached, ..input(&series[..today]) };
            let forecast = pace(&known).forecast.expect("enough is known");
            (forecast.low..=forecast.high).contains(&series[*start..end].iter().sum())
        });
        let share = held.count() as f64 / of as f64;
        assert!((0.93..0.97).contains(&share), "{share}");
    }

    #[test]
    fn a_weekday_that_never_had_anything_weighs_little_and_not_nothing() {
        let history: Vec<f64> = (0..56).map(|day| if day % 7 >= 5 { 0.0 } else { 100.0 }).collect();
        let sunday = pace(&Input { days: 1, ..input(&history[..55]) });
        assert_eq!((sunday.expected, sunday.status), (0.0, "off_track"));
        assert!((sunday.forecast.expect("enough is known").value - 0.7).abs() < 0.1, "{sunday:?}");
    }
}
