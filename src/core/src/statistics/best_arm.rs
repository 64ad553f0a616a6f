//! The probability that an arm has the largest mean, where what is known of each mean is a normal distribution of its own.
//!
//! `P(i) = ∫ f_i(x) Π F_j(x) dx` over all j but i, with densities f and distribution functions F. All arms are integrated at
//! once, by Gauss-Legendre quadrature between points that follow each arm's own scale: so a mean that is known a thousand times
//! better than another costs no accuracy. The error is far below 1e-10; nothing depends on the machine but basic arithmetic.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// What is known of the mean of an arm: a normal distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormalMean {
    /// Its mean.
    pub mean: f64,
    /// Its standard deviation, above 0.
    pub deviation: f64,
}

/// Where panels end, in deviations of each arm from its mean. Beyond the last an arm adds less than 1e-18.
const ENDS: [f64; 15] = [-9.0, -7.0, -5.5, -4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.5, 7.0, 9.0];

/// How many points a panel is asked at.
const POINTS: usize = 16;

/// The probability, for each arm, that its mean is the largest.
pub fn probabilities_of_best(arms: &[NormalMean]) -> Vec<f64> {
    let mut ends: Vec<f64> = arms.iter().flat_map(|arm| ENDS.map(|end| arm.mean + end * arm.deviation)).collect();
    ends.sort_by(f64::total_cmp);
    let rule = gauss_legendre();
    let mut probabilities = vec![0.0; arms.len()];
    let mut below = vec![0.0; arms.len()];
    for panel in ends.windows(2) {
        let (middle, half) = ((panel[0] + panel[1]) / 2.0, (panel[1] - panel[0]) / 2.0);
        if half <= 0.0 {
            continue;
        }
        for (place, weight) in rule {
            let x = middle + half * place;
            for (below, arm) in below.iter_mut().zip(arms) {
                *below = distribution((x - arm.mean) / arm.deviation);
            }
            for (i, (probability, arm)) in probabilities.iter_mut().zip(arms).enumerate() {
                let others = below.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, below)| below).product::<f64>();
                let density = density((x - arm.mean) / arm.deviation) / arm.deviation;
                *probability += half * weight * density * others;
            }
        }
    }
    probabilities
}

/// The density of the standard normal distribution.
fn density(z: f64) -> f64 {
    libm::exp(-z * z / 2.0) / libm::sqrt(2.0 * PI)
}

/// Its distribution function.
fn distribution(z: f64) -> f64 {
    libm::erfc(-z * FRAC_1_SQRT_2) / 2.0
}

/// The points of Gauss-Legendre quadrature between -1 and 1, with their weights: the zeros of a Legendre polynomial.
fn gauss_legendre() -> [(f64, f64); POINTS] {
    let degree = POINTS as f64;
    let mut rule = [(0.0, 0.0); POINTS];
    for (at, point) in rule.iter_mut().enumerate() {
        let mut x = libm::cos(PI * (at as f64 + 0.75) / (degree + 0.5));
        let mut slope = 1.0;
        // Newton's method converges from there within a few steps.
        for _ in 0..8 {
            let (mut before, mut value) = (1.0, x);
            for n in 2..=POINTS {
                let n = n as f64;
                (before, value) = (value, ((2.0 * n - 1.0) * x * value - (n - 1.0) * before) / n);
            }
            slope = degree * (x * value - before) / (x * x - 1.0);
            x -= value / slope;
        }
        *point = (x, 2.0 / ((1.0 - x * x) * slope * slope));
    }
    rule
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arm(reached: u32, users: u32) -> NormalMean {
        let (reached, users) = (f64::from(reached), f64::from(users));
        let mean = (reached + 1.0) / (users + 2.0);
        NormalMean { mean, deviation: libm::sqrt(mean * (1.0 - mean) / (users + 3.0)) }
    }

    #[test]
    fn of_two_arms_the_difference_is_normal() {
        for (a, b) in
            [((10, 100), (12, 100)), ((0, 100), (40_000, 1_000_000)), ((99, 100), (5, 1_000)), ((1, 150), (1, 150))]
        {
            let (a, b) = (arm(a.0, a.1), arm(b.0, b.1));
            let expected =
                distribution((a.mean - b.mean) / libm::sqrt(a.deviation * a.deviation + b.deviation * b.deviation));
            let found = probabilities_of_best(&[a, b]);
            assert!((found[0] - expected).abs() < 1e-12, "{found:?}, not {expected}");
            assert!((found[0] + found[1] - 1.0).abs() < 1e-12, "{found:?}");
        }
    }

    #[test]
    fn equal_arms_are_equally_probable_and_all_sum_up_to_one() {
        for count in 2..=32 {
            let found = probabilities_of_best(&vec![arm(30, 200); count]);
            for probability in &found {
                assert!((probability - 1.0 / count as f64).abs() < 1e-12, "{count}: {found:?}");
            }
        }
        let unlike: Vec<NormalMean> =
            [(0, 100), (3, 200), (20_000, 1_000_000), (21, 1_000), (100, 100), (7, 333)].map(|(k, n)| arm(k, n)).into();
        let found = probabilities_of_best(&unlike);
        assert!((found.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{found:?}");
        assert!(found.iter().all(|probability| (-1e-15..=1.0 + 1e-12).contains(probability)), "{found:?}");
    }

    /// The same integral by a rule without any of the above, on a grid so fine that it is as good.
    #[test]
    fn of_three_arms_a_fine_grid_says_the_same() {
        let arms = [arm(30, 200), arm(800, 5_000), arm(12, 100)];
        let found = probabilities_of_best(&arms);
        for (i, own) in arms.iter().enumerate() {
            let step = 1e-3;
            let at = |k: i32| {
                let z = f64::from(k) * step;
                let x = own.mean + z * own.deviation;
                let others = arms.iter().enumerate().filter(|(j, _)| *j != i);
                density(z) * others.map(|(_, arm)| distribution((x - arm.mean) / arm.deviation)).product::<f64>()
            };
            let expected = (-9_000..=9_000).map(at).sum::<f64>() * step;
            assert!((found[i] - expected).abs() < 1e-11, "{}, not {expected}", found[i]);
        }
    }
}
