//! Level, season and what is out of the usual, of a number counted by the hour.
//!
//! **Expected.** The *level* of an hour is the mean of the 168 hours before it. The *season* is what the same hour of the week
//! was over its own level, in the mean of up to eight weeks without the highest and the lowest; where there is little to go
//! by, it is drawn to the hour of the day times the weekday, which are learnt from many more hours: it counts for as many
//! events as it was made of, they for 30. Level times season is what is *expected*. Money is expected as so many orders
//! times what an order was worth of late: the mean of 28 days, without the tenth of them with the highest and the lowest; what
//! is left after refunds, which come at other hours than orders do, also by what the same hour of those days was off.
//!
//! **Usual.** How far an hour may be off is learnt from the 8 weeks before its day. Deviations are brought to one size by the
//! root of what was expected, as befits counts (Anscombe 1948; money counts in average orders). Below, the band is 3.7
//! spreads wide, the spread being that of the lower half of the deviations and never less than a Poisson count's, and less
//! its skew (Cornish & Fisher 1938). A few large orders make up much of what comes in, so above, the band also reaches to what
//! is exceeded once in 20,000 hours, by the largest twentieth of the deviations: the moment estimator of Dekkers, Einmahl &
//! de Haan (1989, Annals of Statistics 17), which holds for light and heavy tails alike. What can be below zero has such a
//! tail there, too.
//!
//! **An anomaly** is an hour out of its band; or one that ends a *slump*: three hours each a spread below what was
//! expected, and together below the band of three. On simulated shops that do not change, of 1 to 1,000 orders an hour, fewer than one hour
//! in 1,000 is one, and a halving at 100 orders an hour is found within three (the tests below).
//!
//! **Warm-up.** Nothing is said before there are six weeks and a day: three earlier weeks of the hour, each with a week
//! before it, and two weeks of deviations.

use serde::Serialize;

use super::robust::{quantile, tail_quantile, trimmed_mean};
use super::series::Series;

/// Hours of a week, and of a day.
const WEEK: usize = 168;
const DAY: usize = 24;
/// Weeks that the season is learnt from, at most and at least.
const WEEKS_MAX: usize = 8;
const WEEKS_MIN: usize = 3;
/// So many events the shape of days and weeks counts for beside an hour of the week's own.
const SHAPE_EVENTS: f64 = 30.0;
/// Days that the worth of an order is learnt from, and what part of them is left out at either end.
const WORTH_DAYS: usize = 28;
const WORTH_TRIMMED: f64 = 0.1;
/// Hours that the band is learnt from, at most and at least.
const BAND_HOURS: usize = 8 * WEEK;
const BAND_HOURS_MIN: usize = 2 * WEEK;
/// Hours that must be complete before one is judged.
pub const WARM_UP_HOURS: usize = WEEK * (WEEKS_MIN + 1) + BAND_HOURS_MIN + DAY;
/// Spreads from what was expected to the edge of the band.
pub const BAND: f64 = 3.7;
/// The odds that an hour exceeds the tail, and what part of the deviations tells of it.
const TAIL_ODDS: f64 = 0.000_05;
const TAIL_SHARE: f64 = 0.05;
/// Hours of a slump.
const SLUMP_HOURS: usize = 3;
/// Standard deviations of a normal distribution below its middle that 5 % are beyond; and 1 that 15.87 % are.
const SIGMAS_OF_5: f64 = 1.645;
const BEYOND_ONE_SIGMA: f64 = 0.1587;

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
    /// How far it is off, in parts of the way to the edge of the band, of which there are 3.7. Below 0: too little.
    pub deviation: f64,
    /// Whether it ends a slump: it and the two hours before were each a spread below what was expected, and together below
    /// the band of three hours.
    pub is_slump: bool,
    /// Whether it is out of the band, or ends a slump.
    pub is_anomaly: bool,
}

/// What was expected of an hour.
#[derive(Clone, Copy)]
struct Expected {
    level: f64,
    value: f64,
}

/// How far hours may be off, in deviations.
#[derive(Clone, Copy)]
struct Band {
    /// Spreads below and above, never less than a Poisson count's.
    spreads: [f64; 2],
    /// What is hardly ever exceeded below and above.
    tails: [f64; 2],
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
    let start = hours.start.max(WARM_UP_HOURS);
    if start >= hours.end {
        return Vec::new();
    }
    let history = History::new(series);
    let first = history.day_of(start).saturating_sub(BAND_HOURS);
    let expected = history.expect_all(first..hours.end);
    let deviations: Vec<Option<f64>> = (first..hours.end)
        .zip(&expected)
        .map(|(at, expected)| expected.map(|expected| history.deviation(series.values[at], expected.value)))
        .collect();
    let mut band: Option<(usize, Option<Band>)> = None;
    let mut judged = Vec::new();
    for at in start..hours.end {
        let day = history.day_of(at);
        if band.is_none_or(|(of, _)| of != day) {
            let known = &deviations[day.saturating_sub(BAND_HOURS).max(first) - first..day - first];
            band = Some((day, Band::of(known.iter().flatten().copied().collect(), series.is_net)));
        }
        let Some((_, Some(band))) = band else { continue };
        let of = |at: usize| Some((series.values[at], expected[at.checked_sub(first)?]?));
        let Some((value, known)) = of(at) else { continue };
        let last_hours: Option<Vec<_>> = (at + 1 - SLUMP_HOURS..=at).map(of).collect();
        let is_slump = last_hours.is_some_and(|hours| history.is_slump(&band, &hours));
        judged.push((at, history.read(&band, value, known, is_slump)));
    }
    judged
}

impl Band {
    /// Of the deviations of the hours before; `None`: they are too few.
    fn of(mut deviations: Vec<f64>, is_net: bool) -> Option<Band> {
        if deviations.len() < BAND_HOURS_MIN {
            return None;
        }
        // The fewer hours tell of the tail, the less is known of it; and where there are two, each may be exceeded half as often.
        let known = deviations.len() as f64 / BAND_HOURS as f64;
        let odds = TAIL_ODDS * known.min(1.0) / if is_net { 2.0 } else { 1.0 };
        let mut side = |sign: f64| {
            deviations.iter_mut().for_each(|deviation| *deviation *= sign);
            deviations.sort_by(f64::total_cmp);
            let far = quantile(&deviations, 0.05) / -SIGMAS_OF_5;
            let spread = far.max(-quantile(&deviations, BEYOND_ONE_SIGMA)).max(1.0);
            deviations.iter_mut().for_each(|deviation| *deviation *= -1.0);
            let tail = tail_quantile(&deviations, TAIL_SHARE, odds);
            deviations.iter_mut().for_each(|deviation| *deviation *= -sign);
            (spread, tail)
        };
        let [(below, low), (above, high)] = [side(1.0), side(-1.0)];
        Some(Band { spreads: [below, above], tails: [low, high] })
    }
}

/// A series with what is worked out of it once.
struct History<'s> {
    series: &'s Series,
    /// Of the events that are counted, of money of the orders: sums up to each hour.
    counts: Vec<f64>,
    /// The same of the values.
    values: Vec<f64>,
}

impl<'s> History<'s> {
    fn new(series: &'s Series) -> History<'s> {
        let values = sums(&series.values);
        let counts = series.orders.as_ref().map_or_else(|| values.clone(), |orders| sums(orders));
        History { series, counts, values }
    }

    /// Where the business day of an hour begins, or the series.
    fn day_of(&self, at: usize) -> usize {
        at.saturating_sub(usize::from(self.series.hour(at).of_day()))
    }

    /// What is to be expected of these hours.
    fn expect_all(&self, hours: std::ops::Range<usize>) -> Vec<Option<Expected>> {
        // What is given back does not come at the hours at which it is bought: an hour of the day is off by so much.
        let back = if self.series.is_net { WORTH_DAYS * DAY } else { 0 };
        let first = hours.start.saturating_sub(back);
        let mut worth = (usize::MAX, 1.0);
        let mut expected: Vec<Option<Expected>> = Vec::with_capacity(hours.end - first);
        for at in first..hours.end {
            let day = self.day_of(at);
            if worth.0 != day {
                worth = (day, self.worth(day));
            }
            expected.push(self.expect(at, worth.1));
        }
        if !self.series.is_net {
            return expected;
        }
        let off = |at: usize| {
            let rests = (1..=WORTH_DAYS).filter_map(|back| {
                let then = at.checked_sub(back * DAY)?;
                Some(self.series.values[then] - expected[then.checked_sub(first)?]?.value)
            });
            let rests: Vec<f64> = rests.collect();
            let trimmed = (rests.len() as f64 * WORTH_TRIMMED) as usize;
            if rests.len() < WORTH_DAYS / 2 { 0.0 } else { trimmed_mean(rests, trimmed).unwrap_or(0.0) }
        };
        let corrected = hours.clone().map(|at| {
            let known = expected[at - first]?;
            Some(Expected { value: (known.value + off(at)).max(0.0), ..known })
        });
        corrected.collect()
    }

    /// What is to be expected of an hour; of money, when an order is worth so much.
    fn expect(&self, at: usize, worth: f64) -> Option<Expected> {
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
            let shape = same_hours / long_level * weekday;
            // A week of nothing tells of no season.
            let own = (1..=weeks).map(|back| at - back * WEEK).filter(|then| mean(*then, WEEK) > 0.0);
            let own: Vec<f64> = own.map(|then| count(then) / mean(then, WEEK)).collect();
            let events = own.len() as f64 * long_level * shape;
            match trimmed_mean(own, 1) {
                Some(own) => (own * events + shape * SHAPE_EVENTS) / (events + SHAPE_EVENTS),
                None => shape,
            }
        } else {
            1.0
        };
        Some(Expected {
            level: (self.values[at] - self.values[at - WEEK]) / WEEK as f64,
            value: (level * season * worth).max(0.0),
        })
    }

    /// What an order was worth in the days before one that begins there; of what is counted, 1.
    fn worth(&self, day: usize) -> f64 {
        if self.series.orders.is_none() {
            return 1.0;
        }
        let of_day = |back: usize| {
            let from = day.checked_sub(back * DAY)?;
            let orders = self.counts[from + DAY] - self.counts[from];
            (orders > 0.0).then(|| (self.values[from + DAY] - self.values[from]) / orders)
        };
        let days: Vec<f64> = (1..=WORTH_DAYS).filter_map(of_day).collect();
        let trimmed = (days.len() as f64 * WORTH_TRIMMED) as usize;
        trimmed_mean(days, trimmed).unwrap_or(self.series.piece)
    }

    /// What a deviation of 1 is, of what was expected.
    fn scale(&self, expected: f64) -> f64 {
        (expected.max(self.series.piece) * self.series.piece).sqrt()
    }

    fn deviation(&self, value: f64, expected: f64) -> f64 {
        (value - expected) / self.scale(expected)
    }

    /// How far below and above what was expected is still usual.
    fn reach(&self, band: &Band, expected: f64) -> [f64; 2] {
        let scale = self.scale(expected);
        let skew = self.series.piece * (BAND * BAND - 1.0) / 6.0;
        let [below, above] = band.spreads.map(|spread| BAND * spread * scale);
        let low = below - skew;
        let low = if self.series.is_net { low.max(band.tails[0] * scale) } else { low };
        [low, (above + skew).max(band.tails[1] * scale)]
    }

    fn is_slump(&self, band: &Band, hours: &[(f64, Expected)]) -> bool {
        let is_below = |value: f64, expected: f64| self.deviation(value, expected) < -band.spreads[0];
        let value: f64 = hours.iter().map(|(value, _)| value).sum();
        let expected: f64 = hours.iter().map(|(_, expected)| expected.value).sum();
        hours.iter().all(|(value, expected)| is_below(*value, expected.value))
            && value < expected - self.reach(band, expected)[0]
    }

    fn read(&self, band: &Band, value: f64, Expected { level, value: expected }: Expected, is_slump: bool) -> Reading {
        let [below, above] = self.reach(band, expected);
        let least = expected - below;
        let low = if self.series.is_net { least } else { least.max(0.0) };
        let deviation = BAND * (value - expected) / if value < expected { below } else { above };
        let is_out = value < least || value > expected + above;
        Reading {
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

fn sums(values: &[f64]) -> Vec<f64> {
    let mut sum = 0.0;
    let running = values.iter().map(|value| {
        sum += value;
        sum
    });
    std::iter::once(0.0).chain(running).collect()
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
        Series {
            first: Hour(4 * 24),
            values: (0..weeks * WEEK).map(value).collect(),
            orders: None,
            piece: 1.0,
            is_net: false,
        }
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
        let mut series = shop(7);
        series.values.truncate(WARM_UP_HOURS);
        assert_eq!(last(&series), Trend::WarmingUp { hours: WARM_UP_HOURS, needed: WARM_UP_HOURS + 1 });
        assert!(matches!(last(&shop(7)), Trend::Ready(_)));
        let nothing = Series { first: Hour(0), values: Vec::new(), orders: None, piece: 1.0, is_net: false };
        assert!(matches!(last(&nothing), Trend::WarmingUp { hours: 0, .. }));
    }

    /// A generator of our own (SplitMix64), so that the shops are the same for good.
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self) -> f64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = self.0;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64 + f64::EPSILON
        }

        fn normal(&mut self) -> f64 {
            (-2.0 * self.roll().ln()).sqrt() * (std::f64::consts::TAU * self.roll()).cos()
        }

        /// A Poisson count; of many, about normal.
        fn count(&mut self, mean: f64) -> usize {
            if mean > 200.0 {
                return (mean + mean.sqrt() * self.normal()).round().max(0.0) as usize;
            }
            let (end, mut product, mut count) = ((-mean).exp(), self.roll(), 0);
            while product > end {
                product *= self.roll();
                count += 1;
            }
            count
        }
    }

    /// What orders are worth.
    #[derive(Clone, Copy, Debug)]
    enum Worth {
        /// Lognormal: so many e-foldings are a standard deviation.
        Lognormal(f64),
        /// Pareto, of that index: below 2 it has no variance.
        Pareto(f64),
    }

    impl Worth {
        fn roll(self, dice: &mut Dice) -> f64 {
            match self {
                Worth::Lognormal(sigma) => 40.0 * (sigma * dice.normal()).exp(),
                Worth::Pareto(index) => 20.0 * dice.roll().powf(-1.0 / index),
            }
        }
    }

    /// A shop that does not change: its orders, GMV, and revenue, one order in 20 being given back in a later hour.
    fn stationary(rate: f64, worth: Worth, with_days: bool, weeks: usize, dice: &mut Dice) -> [Series; 3] {
        let hours = weeks * WEEK;
        let shape = |at: usize| match with_days {
            false => 1.0,
            true => {
                let (hour, day) = (at % 24, at / 24 % 7);
                (if hour < 7 { 0.3 } else { 1.28 }) * if day >= 5 { 0.65 } else { 1.14 }
            }
        };
        let (mut orders, mut gmv, mut refunds) = (vec![0.0; hours], vec![0.0; hours], vec![0.0; hours]);
        for at in 0..hours {
            let count = dice.count(rate * shape(at));
            orders[at] = count as f64;
            for _ in 0..count {
                let value = worth.roll(dice);
                gmv[at] += value;
                if dice.roll() < 0.05 {
                    let back = at + (dice.roll() * 200.0) as usize;
                    refunds.get_mut(back).into_iter().for_each(|refunded| *refunded += value);
                }
            }
        }
        let piece = gmv.iter().sum::<f64>() / orders.iter().sum::<f64>();
        let revenue = gmv.iter().zip(&refunds).map(|(gmv, refunded)| gmv - refunded).collect();
        let money = |values: Vec<f64>, is_net: bool| Series {
            first: Hour(4 * 24),
            values,
            orders: Some(orders.clone()),
            piece,
            is_net,
        };
        let counted = Series { first: Hour(4 * 24), values: orders.clone(), orders: None, piece: 1.0, is_net: false };
        [counted, money(gmv, false), money(revenue, true)]
    }

    #[rstest::rstest]
    #[case::one_an_hour(1.0, 36)]
    #[case::three(3.0, 36)]
    #[case::ten(10.0, 36)]
    #[case::thirty(30.0, 24)]
    #[case::a_hundred(100.0, 16)]
    #[case::three_hundred(300.0, 12)]
    #[case::a_thousand(1_000.0, 10)]
    fn a_shop_that_does_not_change_has_fewer_than_one_anomaly_in_1000_hours(#[case] rate: f64, #[case] weeks: usize) {
        let mut dice = Dice(rate as u64);
        let (mut alarms, mut hours) = ([0; 3], 0);
        for worth in [Worth::Lognormal(0.7), Worth::Lognormal(1.2), Worth::Pareto(2.5), Worth::Pareto(1.6)] {
            for with_days in [false, true] {
                for (at, series) in stationary(rate, worth, with_days, weeks, &mut dice).iter().enumerate() {
                    let judged = judge(series, 0..series.values.len());
                    alarms[at] += judged.iter().filter(|(_, reading)| reading.is_anomaly).count();
                    hours += if at == 0 { judged.len() } else { 0 };
                }
            }
        }
        assert!(hours > 5_000, "{hours}");
        assert!(
            alarms.iter().all(|alarms| alarms * 1_000 <= hours),
            "{alarms:?} of orders, GMV, revenue in {hours} hours"
        );
    }

    #[rstest::rstest]
    #[case::of_orders(0, Worth::Lognormal(0.7), 1.0)]
    #[case::of_gmv(1, Worth::Lognormal(0.7), 0.99)]
    #[case::of_gmv_with_large_orders(1, Worth::Lognormal(1.0), 0.95)]
    #[case::of_gmv_with_a_heavy_tail(1, Worth::Pareto(2.5), 0.95)]
    #[case::of_revenue(2, Worth::Lognormal(0.7), 0.85)]
    fn a_halving_at_100_orders_an_hour_is_found_within_three(
        #[case] of: usize,
        #[case] worth: Worth,
        #[case] least: f64,
    ) {
        let (mut found, mut shops) = (0, 0);
        for seed in 0..60 {
            let mut dice = Dice(1_000 + seed);
            let weeks = 9;
            let (start, mut usual) =
                ((weeks - 1) * WEEK + 5 * seed as usize % 150, stationary(100.0, worth, false, weeks, &mut dice));
            let halved = stationary(50.0, worth, false, 1, &mut dice);
            let series = &mut usual[of];
            series.values[start..start + 3].copy_from_slice(&halved[of].values[100..103]);
            let judged = judge(series, start..start + 3);
            let is_found = judged.iter().any(|(_, reading)| reading.is_anomaly && reading.value < reading.expected);
            (found, shops) = (found + usize::from(is_found), shops + 1);
        }
        assert!(f64::from(found as u32) >= least * f64::from(shops), "{found} of {shops}");
    }

    #[test]
    fn a_slump_is_three_hours_that_are_each_usual() {
        let mut series = shop(10);
        let noon = 9 * WEEK + 24 + 12;
        for at in noon..noon + 3 {
            let reading = judge(&shop(10), at..at + 1)[0].1;
            series.values[at] = (reading.expected + 2.0 * reading.low) / 3.0;
        }
        let found: Vec<(bool, bool)> =
            judge(&series, noon..noon + 4).iter().map(|(_, reading)| (reading.is_slump, reading.is_anomaly)).collect();
        assert_eq!(found, [(false, false), (false, false), (true, true), (false, false)]);
    }
}
