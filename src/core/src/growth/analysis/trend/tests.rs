//! Simulated shops of known behaviour.

use super::*;
use crate::growth::analysis::HourlyMetric;
use crate::growth::calendar::Hour;

fn last(series: &HourlySeries) -> HourTrend {
    recent(HourlyMetric::Events, series).0
}

/// Weeks with nights, weekends and a growing level; wobbling by a fixed rule, as much as counts do.
fn shop(weeks: usize) -> HourlySeries {
    let value = |at: usize| {
        let (hour, day) = (at % 24, at / 24 % 7);
        let shape = if hour < 7 { 5.0 } else { 40.0 + hour as f64 } * if day >= 5 { 0.5 } else { 1.0 };
        let growth = 1.0 + at as f64 / (WEEK as f64 * 20.0);
        let wobble = (((at * 7_919) % 13) as f64 - 6.0) / 4.0;
        (shape * growth + wobble * (shape * growth).sqrt()).max(0.0).round()
    };
    HourlySeries {
        first: Hour(4 * 24),
        values: (0..weeks * WEEK).map(value).collect(),
        orders: None,
        piece: 1.0,
        is_net: false,
    }
}

#[test]
fn usual_hours_are_expected_and_no_anomalies() {
    let series = shop(10);
    let assessed = assess(&series, 0..series.values.len());
    assert_eq!(assessed[0].0, WARM_UP_HOURS);
    let mut off = 0.0;
    for (at, hour) in &assessed {
        let value = series.values[*at];
        let is_in_band = hour.low <= value && value <= hour.high;
        assert!(is_in_band && !hour.is_anomaly, "{at} {hour:?}");
        off += (hour.expected - value).abs() / hour.expected.max(1.0).sqrt();
    }
    let off = off / assessed.len() as f64;
    assert!(off < 1.2, "an hour is off by {off} of what counts vary by");
}

#[test]
fn hour_without_orders_at_noon_is_an_anomaly_and_the_next_is_not() {
    let mut series = shop(10);
    let noon = 9 * WEEK + 24 + 12;
    series.values[noon] = 0.0;
    let assessed = assess(&series, noon..noon + 2);
    assert!(assessed[0].1.is_anomaly && assessed[0].1.deviation < -BAND, "{:?}", assessed[0]);
    assert!(!assessed[1].1.is_anomaly, "{:?}", assessed[1]);
    // The week after it is not expected to be empty.
    let later = assess(&shop(10), noon..noon + 1)[0].1.expected;
    assert!(later > 40.0);
}

#[test]
fn too_short_a_series_is_warming_up() {
    let mut series = shop(7);
    series.values.truncate(WARM_UP_HOURS);
    assert_eq!(last(&series), HourTrend::WarmingUp { hours: WARM_UP_HOURS, needed: WARM_UP_HOURS + 1 });
    assert!(matches!(last(&shop(7)), HourTrend::Ready(_)));
    let nothing = HourlySeries { first: Hour(0), values: Vec::new(), orders: None, piece: 1.0, is_net: false };
    assert!(matches!(last(&nothing), HourTrend::WarmingUp { hours: 0, .. }));
}

/// A generator of our own (SplitMix64), so that the shops never change.
struct RandomNumbers(u64);

impl RandomNumbers {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64 + f64::EPSILON
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// A Poisson count; normally distributed for large means.
    fn count(&mut self, mean: f64) -> usize {
        if mean > 200.0 {
            return (mean + mean.sqrt() * self.normal()).round().max(0.0) as usize;
        }
        let (end, mut product, mut count) = ((-mean).exp(), self.uniform(), 0);
        while product > end {
            product *= self.uniform();
            count += 1;
        }
        count
    }
}

/// The distribution of order values.
#[derive(Clone, Copy, Debug)]
enum OrderValue {
    /// Lognormal, with this standard deviation of the logarithm.
    Lognormal(f64),
    /// Pareto, of that index: below 2 it has no variance.
    Pareto(f64),
}

impl OrderValue {
    fn sample(self, random: &mut RandomNumbers) -> f64 {
        match self {
            OrderValue::Lognormal(sigma) => 40.0 * (sigma * random.normal()).exp(),
            OrderValue::Pareto(index) => 20.0 * random.uniform().powf(-1.0 / index),
        }
    }
}

/// A shop that does not change: its orders, GMV, and revenue, one order in 20 being given back in a later hour.
fn stationary(
    rate: f64,
    order_value: OrderValue,
    with_days: bool,
    weeks: usize,
    random: &mut RandomNumbers,
) -> [HourlySeries; 3] {
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
        let count = random.count(rate * shape(at));
        orders[at] = count as f64;
        for _ in 0..count {
            let value = order_value.sample(random);
            gmv[at] += value;
            if random.uniform() < 0.05 {
                let back = at + (random.uniform() * 200.0) as usize;
                refunds.get_mut(back).into_iter().for_each(|refunded| *refunded += value);
            }
        }
    }
    let piece = gmv.iter().sum::<f64>() / orders.iter().sum::<f64>();
    let revenue = gmv.iter().zip(&refunds).map(|(gmv, refunded)| gmv - refunded).collect();
    let money = |values: Vec<f64>, is_net: bool| HourlySeries {
        first: Hour(4 * 24),
        values,
        orders: Some(orders.clone()),
        piece,
        is_net,
    };
    let counted = HourlySeries { first: Hour(4 * 24), values: orders.clone(), orders: None, piece: 1.0, is_net: false };
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
fn unchanging_shop_has_fewer_than_one_anomaly_in_1000_hours(#[case] rate: f64, #[case] weeks: usize) {
    let mut random = RandomNumbers(rate as u64);
    let (mut alarms, mut hours) = ([0; 3], 0);
    for order_value in
        [OrderValue::Lognormal(0.7), OrderValue::Lognormal(1.2), OrderValue::Pareto(2.5), OrderValue::Pareto(1.6)]
    {
        for with_days in [false, true] {
            for (at, series) in stationary(rate, order_value, with_days, weeks, &mut random).iter().enumerate() {
                let assessed = assess(series, 0..series.values.len());
                alarms[at] += assessed.iter().filter(|(_, hour)| hour.is_anomaly).count();
                hours += if at == 0 { assessed.len() } else { 0 };
            }
        }
    }
    assert!(hours > 5_000, "{hours}");
    assert!(alarms.iter().all(|alarms| alarms * 1_000 <= hours), "{alarms:?} of orders, GMV, revenue in {hours} hours");
}

#[rstest::rstest]
#[case::of_orders(0, OrderValue::Lognormal(0.7), 1.0)]
#[case::of_gmv(1, OrderValue::Lognormal(0.7), 0.99)]
#[case::of_gmv_with_large_orders(1, OrderValue::Lognormal(1.0), 0.95)]
#[case::of_gmv_with_a_heavy_tail(1, OrderValue::Pareto(2.5), 0.95)]
#[case::of_revenue(2, OrderValue::Lognormal(0.7), 0.85)]
fn halving_at_100_orders_an_hour_is_found_within_three(
    #[case] of: usize,
    #[case] order_value: OrderValue,
    #[case] least: f64,
) {
    let (mut found, mut shops) = (0, 0);
    for seed in 0..60 {
        let mut random = RandomNumbers(1_000 + seed);
        let weeks = 9;
        let (start, mut usual) =
            ((weeks - 1) * WEEK + 5 * seed as usize % 150, stationary(100.0, order_value, false, weeks, &mut random));
        let halved = stationary(50.0, order_value, false, 1, &mut random);
        let series = &mut usual[of];
        series.values[start..start + 3].copy_from_slice(&halved[of].values[100..103]);
        let assessed = assess(series, start..start + 3);
        let is_found = assessed.iter().any(|(_, hour)| hour.is_anomaly && hour.value < hour.expected);
        (found, shops) = (found + usize::from(is_found), shops + 1);
    }
    assert!(f64::from(found as u32) >= least * f64::from(shops), "{found} of {shops}");
}

#[test]
fn slump_is_three_hours_that_are_each_usual() {
    let mut series = shop(10);
    let noon = 9 * WEEK + 24 + 12;
    for at in noon..noon + 3 {
        let hour = assess(&shop(10), at..at + 1)[0].1;
        series.values[at] = (hour.expected + 2.0 * hour.low) / 3.0;
    }
    let found: Vec<(bool, bool)> =
        assess(&series, noon..noon + 4).iter().map(|(_, hour)| (hour.is_slump, hour.is_anomaly)).collect();
    assert_eq!(found, [(false, false), (false, false), (true, true), (false, false)]);
}

#[test]
fn unusual_hours_are_those_of_the_last_fourteen_days_that_are_anomalies() {
    let mut series = shop(10);
    let (early, late) = (10 * WEEK - 15 * 24 + 12, 9 * WEEK + 24 + 12);
    series.values[early] = 0.0;
    series.values[late] = 500.0;
    let (_, found) = recent(HourlyMetric::Orders, &series);
    assert_eq!((found.known_hours, found.assessed_hours), (10 * WEEK, 14 * 24));
    let hours: Vec<_> = found.hours.iter().map(|hour| (hour.hour, hour.assessment.value)).collect();
    assert_eq!(hours, [(series.hour(late), 500.0)], "the hour of fifteen days ago is not listed");
    let assessment = found.hours[0].assessment;
    assert!(assessment.value > assessment.high && assessment.deviation > BAND, "{assessment:?}");

    series.values.truncate(WARM_UP_HOURS);
    let (_, early) = recent(HourlyMetric::Orders, &series);
    assert_eq!((early.assessed_hours, early.needed_hours, early.known_hours), (0, WARM_UP_HOURS + 1, WARM_UP_HOURS));
    assert!(early.hours.is_empty() && early.unusual == 0);
}

#[test]
fn of_many_unusual_hours_those_furthest_out_are_listed_latest_first() {
    let mut series = shop(10);
    let first = 10 * WEEK - 13 * 24;
    for at in 0..120 {
        series.values[first + at] = 2_000.0 + at as f64;
    }
    let (_, found) = recent(HourlyMetric::Orders, &series);
    assert!(found.unusual > 50 && found.hours.len() == 50, "{} of {}", found.hours.len(), found.unusual);
    assert!(found.hours.windows(2).all(|pair| pair[0].hour > pair[1].hour), "latest first");
}
