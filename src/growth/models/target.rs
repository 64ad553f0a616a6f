//! Where a target stands: the pace, and where the period will end.
//!
//! *Shape*: a day weighs what its weekday was over the mean day, in the last 56 complete days; the hours of today weigh
//! what they were of the last 28. With fewer than 14 complete days all days weigh the same, and that is said.
//!
//! *Expected by now*: the target times the weight that has passed over that of the whole period.
//!
//! *Forecast*: what is reached plus the weight that is left times the level, the mean of the last 28 complete days per
//! weight. Its interval holds 95 % where days vary as they did: ±1.96 σ √(h + h²/n), h being the weight that is left, n
//! the days the level comes from, σ the standard deviation of their rest (the forecast of a mean: Hyndman & Athanasopoulos,
//! "Forecasting: Principles and Practice", 3rd ed., §5.5; days' errors taken as independent, so they add up in squares).
//! With fewer than 7 complete days nothing is forecast.

use serde::Serialize;

/// Complete days the shape is learnt from, at most and at least.
const SHAPE_DAYS: usize = 56;
const SHAPE_DAYS_MIN: usize = 14;
/// Complete days the level is learnt from, at most and at least.
const LEVEL_DAYS: usize = 28;
const LEVEL_DAYS_MIN: usize = 7;
/// Standard deviations to each side that hold 95 % of a normal distribution.
const SIGMAS: f64 = 1.96;

/// What is known of a target.
#[derive(Clone, Copy, Debug)]
pub struct Input<'d> {
    /// What each complete day before today came to, oldest first.
    pub history: &'d [f64],
    /// The weekday of the day after them, which is today: 0 is Monday.
    pub weekday: usize,
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
    let weights = weights(input);
    // So many days from today.
    let weight = |ahead: i64| weights[usize::try_from((input.weekday as i64 + ahead).rem_euclid(7)).unwrap_or(0)];
    let today = weight(0);
    let before: f64 = (1..=input.days_before as i64).map(|back| weight(-back)).sum();
    let after: f64 = (1..(input.days as i64 - input.days_before as i64)).map(weight).sum();
    let of_today = input.of_today.clamp(0.0, 1.0);
    let (passed, left) = (before + today * of_today, after + today * (1.0 - of_today));
    let forecast = forecast(input, weight, left);
    let status = match forecast {
        _ if input.reached >= input.value => "reached",
        None => "warming_up",
        Some(forecast) if forecast.value >= input.value => "on_track",
        Some(_) => "off_track",
    };
    Pace {
        shape: if input.history.len() >= SHAPE_DAYS_MIN { "weekly" } else { "flat" },
        expected: input.value * passed / (passed + left),
        forecast,
        status,
        history_days: input.history.len(),
        needed_days: LEVEL_DAYS_MIN,
    }
}

/// What each weekday weighs; a mean one weighs 1.
fn weights(input: &Input<'_>) -> [f64; 7] {
    let recent = &input.history[input.history.len().saturating_sub(SHAPE_DAYS)..];
    let sum: f64 = recent.iter().sum();
    if recent.len() < SHAPE_DAYS_MIN || sum <= 0.0 {
        return [1.0; 7];
    }
    let mut sums = [(0.0, 0.0); 7];
    for (back, value) in recent.iter().rev().enumerate() {
        let (sum, days) = &mut sums[(input.weekday + 6 * (back + 1)) % 7];
        *sum += value;
        *days += 1.0;
    }
    // A little of the mean keeps a weekday that never had anything from weighing nothing.
    let mean = sum / recent.len() as f64;
    let raw = sums.map(|(sum, days)| ((sum + 0.1 * mean) / (days + 0.1) / mean).max(0.0));
    let all: f64 = raw.iter().sum();
    raw.map(|weight| weight * 7.0 / all)
}

fn forecast(input: &Input<'_>, weight: impl Fn(i64) -> f64, left: f64) -> Option<Forecast> {
    let recent = &input.history[input.history.len().saturating_sub(LEVEL_DAYS)..];
    if recent.len() < LEVEL_DAYS_MIN {
        return None;
    }
    let weighed: Vec<(f64, f64)> =
        recent.iter().rev().enumerate().map(|(back, value)| (*value, weight(-1 - back as i64))).collect();
    let all: f64 = weighed.iter().map(|(_, weight)| weight).sum();
    let level = recent.iter().sum::<f64>() / all;
    let squares: f64 = weighed.iter().map(|(value, weight)| (value - level * weight).powi(2)).sum();
    let count = recent.len() as f64;
    let sigma = (squares / (count - 1.0)).sqrt();
    let value = input.reached + level * left;
    let half = SIGMAS * sigma * (left + left * left / count).sqrt();
    Some(Forecast { value, low: value - half, high: value + half })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Weekdays 100, weekends 50, so a week is 600; today is a Monday.
    fn history(weeks: usize) -> Vec<f64> {
        (0..weeks * 7).map(|day| if day % 7 >= 5 { 50.0 } else { 100.0 }).collect()
    }

    fn input(history: &[f64]) -> Input<'_> {
        Input { history, weekday: 0, of_today: 0.0, days_before: 0, days: 7, reached: 0.0, value: 600.0 }
    }

    #[test]
    fn a_week_of_a_known_shape_ends_where_it_always_does() {
        let history = history(8);
        let pace = pace(&Input { weekday: 5, days_before: 5, reached: 500.0, ..input(&history[..54]) });
        assert_eq!((pace.shape, pace.status), ("weekly", "on_track"));
        // Fifty-four days are no whole number of weeks, so the learnt shape is a little off.
        assert!((pace.expected - 500.0).abs() < 3.0, "{pace:?}");
        let forecast = pace.forecast.expect("enough is known");
        assert!((forecast.value - 600.0).abs() < 3.0, "{forecast:?}");
        assert!(forecast.low < forecast.value && forecast.value < forecast.high, "{forecast:?}");
    }

    #[test]
    fn what_is_behind_its_pace_is_off_track_and_what_is_there_is_reached() {
        let history = history(8);
        let behind = pace(&Input { weekday: 5, days_before: 5, reached: 300.0, ..input(&history[..54]) });
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

    #[test]
    fn the_interval_holds_about_95_of_100_weeks_of_noise() {
        // A fixed sequence that looks like noise: the sum of four rolls.
        let mut state = 1u64;
        let mut roll = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64 / (1u64 << 24) as f64
        };
        let days: Vec<f64> = (0..3_500).map(|_| 100.0 + 40.0 * (roll() + roll() + roll() + roll() - 2.0)).collect();
        let mut held = 0;
        let weeks: Vec<usize> = (56..3_493).step_by(7).collect();
        for start in &weeks {
            let forecast = pace(&input(&days[..*start])).forecast.expect("enough is known");
            let truth: f64 = days[*start..start + 7].iter().sum();
            held += usize::from((forecast.low..=forecast.high).contains(&truth));
        }
        let share = held as f64 / weeks.len() as f64;
        assert!((0.92..0.98).contains(&share), "{share}");
    }
}
