//! The difference of two means, with an interval that holds at all times at once.
//!
//! The asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (arXiv 2103.06476, equation 9), with the
//! parameter that makes it narrowest at [`TUNED_FOR`] observations (equation 161 there).

/// The chance that the interval ever misses the truth, as the groups grow without end.
pub const ALPHA: f64 = 0.05;

/// How many observations the interval is narrowest at.
const TUNED_FOR: f64 = 5_000.0;

/// What was observed of a group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroupEstimate {
    /// How many observations.
    pub n: u64,
    /// Their mean.
    pub mean: f64,
    /// The variance of one of them.
    pub variance: f64,
}

/// A difference of two means, and between which bounds the true one lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DifferenceInterval {
    /// The mean of the treated less that of the control.
    pub difference: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl GroupEstimate {
    /// Of `n` observations, `reached` of which are 1 and the others 0; `None`: there are none.
    pub fn of_share(n: u64, reached: u64) -> Option<GroupEstimate> {
        let mean = reached as f64 / n as f64;
        (n > 0).then_some(GroupEstimate { n, mean, variance: mean * (1.0 - mean) })
    }
}

impl DifferenceInterval {
    /// Of two groups with at least one observation each.
    pub fn new(treated: GroupEstimate, control: GroupEstimate) -> DifferenceInterval {
        let difference = treated.mean - control.mean;
        let variance = treated.variance / treated.n as f64 + control.variance / control.n as f64;
        let n = (treated.n + control.n) as f64;
        let spread = n * rho_squared() + 1.0;
        let boundary = 2.0 * spread / (n * n * rho_squared()) * libm::log(spread.sqrt() / ALPHA);
        let half = variance.sqrt() * n.sqrt() * boundary.sqrt();
        DifferenceInterval { difference, low: difference - half, high: difference + half }
    }

    /// All of it, times a positive factor.
    pub fn times(&self, factor: f64) -> DifferenceInterval {
        let DifferenceInterval { difference, low, high } = *self;
        DifferenceInterval { difference: difference * factor, low: low * factor, high: high * factor }
    }

    /// 1 if the true difference is above 0, -1 if it is below; 0: it may be either.
    pub fn sign(&self) -> i8 {
        i8::from(self.low > 0.0) - i8::from(self.high < 0.0)
    }
}

/// The square of the parameter `r` of the semantics, §15.
fn rho_squared() -> f64 {
    let ln_alpha = libm::log(ALPHA);
    (-2.0 * ln_alpha + libm::log(1.0 - 2.0 * ln_alpha)) / TUNED_FOR
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Users and how many of them reached the goal.
    fn share(reached: u64, n: u64) -> GroupEstimate {
        GroupEstimate::of_share(n, reached).expect("somebody")
    }

    /// Users, and the sum and the sum of squares of what they are worth.
    fn values(n: u64, sum: f64, sum_squares: f64) -> GroupEstimate {
        let count = n as f64;
        GroupEstimate { n, mean: sum / count, variance: (sum_squares - sum * sum / count) / (count - 1.0) }
    }

    fn assert_close(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{found} is not {expected}");
    }

    /// Computed by gbstats 0.8.0 of PyPI: `SequentialTwoSidedTTest` with `difference_type = "absolute"`, `alpha = 0.05`.
    #[test]
    fn intervals_are_those_of_another_library() {
        let cases = [
            (share(500, 3_000), share(400, 3_000), [0.005367177959679545, 0.06129948870698711]),
            (share(267, 21_307), share(122, 21_306), [0.0038394371866489886, 0.0097705758525824]),
            (share(1, 250_000), share(9, 1_000), [-0.019346394563470884, 0.001354394563470888]),
            (
                values(21_387, 23_038.11, 4_911_325.125),
                values(21_306, 13_908.33, 2_870_049.75),
                [0.004650832755182299, 0.8441735991180109],
            ),
            (values(100, -50.5, 1_000.25), values(150, 75.25, 2_222.062_5), [-3.096785521029191, 1.0834521876958574]),
            (
                values(1_000_000, 123_456_789.5, 98_765_432_109.75),
                values(200, 20_000.5, 9_999_999.5),
                [-28.39753863760663, 75.30611763760663],
            ),
        ];
        for (treated, control, [low, high]) in cases {
            let interval = DifferenceInterval::new(treated, control);
            assert_close(interval.low, low);
            assert_close(interval.high, high);
            assert_close(interval.difference, (low + high) / 2.0);
        }
    }

    #[test]
    fn where_nobody_differs_there_is_no_width_and_no_conclusion() {
        let interval = DifferenceInterval::new(share(0, 100), share(0, 100));
        assert_eq!((interval.low, interval.high, interval.sign()), (0.0, 0.0, 0));
        assert_eq!(GroupEstimate::of_share(0, 0), None);
    }
}
