//! The band of usual deviations.

use super::super::robust::{quantile, tail_quantile};
use super::{BAND_HOURS, BAND_HOURS_MIN};

/// The probability that an hour exceeds the tail, and the share of the deviations that it is estimated from.
const TAIL_ODDS: f64 = 0.000_05;
const TAIL_SHARE: f64 = 0.05;
/// Standard deviations of a normal distribution below its mean that 5 % are beyond, and the share beyond one.
const SIGMAS_OF_5: f64 = 1.645;
const BEYOND_ONE_SIGMA: f64 = 0.1587;

/// How far hours usually deviate from what was expected.
#[derive(Clone, Copy)]
pub(super) struct DeviationBand {
    /// Spreads below and above, never less than that of a Poisson count.
    pub(super) spreads: [f64; 2],
    /// The quantiles of the tails below and above.
    pub(super) tails: [f64; 2],
}

impl DeviationBand {
    /// From the deviations of earlier hours; `None`: they are too few.
    pub(super) fn estimate(mut deviations: Vec<f64>, is_net: bool) -> Option<DeviationBand> {
        if deviations.len() < BAND_HOURS_MIN {
            return None;
        }
        // With fewer hours the tail is less certain; and of two tails, each may be exceeded half as often.
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
        Some(DeviationBand { spreads: [below, above], tails: [low, high] })
    }
}
