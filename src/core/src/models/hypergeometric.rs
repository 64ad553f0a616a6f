//! Gauss's hypergeometric function.

/// Up to here its series converges fast.
const SERIES_END: f64 = 0.9;
/// The series converges fast everywhere if `c - a - b` is above this.
const FAST_DECAY: f64 = 30.0;
/// The terms of a series at most.
const TERMS_MAX: u32 = 20_000;
/// Steps towards 1 at most.
const STEPS_MAX: u32 = 4_000;
/// A sum beyond this is scaled down.
const LARGE: f64 = 1e200;
/// A term of this share of the sum is the last one.
const LAST_SHARE: f64 = f64::EPSILON / 16.0;

/// The parameters of `2F1(a, b; c; ·)`, `c` being above -1 and not 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hypergeometric {
    pub(super) a: f64,
    pub(super) b: f64,
    pub(super) c: f64,
}

/// A number as `factor · exp(log)`, so that it may be larger than a double can be.
#[derive(Clone, Copy, Debug)]
struct ScaledNumber {
    factor: f64,
    log: f64,
}

impl Hypergeometric {
    /// `exp(log_weight) · 2F1(a, b; c; w)`, for `w` from 0 to below 1. `None`: it did not converge.
    ///
    /// Near 1 the series can converge slowly. Then the function is continued from 0.9: it solves a linear differential
    /// equation of second order, whose Taylor series at a point `w` has the radius `1 - w`. Each step goes half as far.
    pub(super) fn weighted(self, w: f64, log_weight: f64) -> Option<f64> {
        let number =
            if w <= SERIES_END || self.c - self.a - self.b > FAST_DECAY { self.series(w)? } else { self.continued(w)? };
        Some(libm::exp(log_weight + number.log) * number.factor).filter(|value| value.is_finite())
    }

    /// The sum of `(a)_n (b)_n / (c)_n · w^n / n!`.
    fn series(self, w: f64) -> Option<ScaledNumber> {
        let Hypergeometric { a, b, c } = self;
        let (mut sum, mut term, mut log) = (1.0_f64, 1.0_f64, 0.0);
        for n in 0..TERMS_MAX {
            let n = f64::from(n);
            term *= (a + n) * (b + n) / ((c + n) * (n + 1.0)) * w;
            sum += term;
            if sum.abs() > LARGE {
                (sum, term, log) = (sum / LARGE, term / LARGE, log + libm::log(LARGE));
            }
            // Up to there terms may grow.
            let is_falling = n > a.abs() && n > b.abs();
            if term == 0.0 || (is_falling && term.abs() <= sum.abs() * LAST_SHARE * (1.0 - w)) {
                return Some(ScaledNumber { factor: sum, log }).filter(|number| number.factor.is_finite());
            }
        }
        None
    }

    fn continued(self, w: f64) -> Option<ScaledNumber> {
        let Hypergeometric { a, b, c } = self;
        let mut at = SERIES_END;
        let start = self.series(at)?;
        let derivative = Hypergeometric { a: a + 1.0, b: b + 1.0, c: c + 1.0 }.series(at)?;
        let (mut value, mut log) = (start.factor, start.log);
        let mut slope = a * b / c * derivative.factor * libm::exp(derivative.log - log);
        for _ in 0..STEPS_MAX {
            // The other solution of the equation falls like w^(1 - c): where it falls fast, small steps keep its terms small.
            let step = (w - at).min((1.0 - at) / 2.0).min(16.0 * at / c.max(1.0));
            (value, slope) = self.taylor_step(at, [value, slope], step)?;
            if step >= w - at {
                return Some(ScaledNumber { factor: value, log }).filter(|number| number.factor.is_finite());
            }
            at += step;
            let size = value.abs() + slope.abs();
            (value, slope, log) = (value / size, slope / size, log + libm::log(size));
        }
        None
    }

    /// Value and slope at `at + step`, from those at `at`.
    fn taylor_step(self, at: f64, [value, slope]: [f64; 2], step: f64) -> Option<(f64, f64)> {
        let Hypergeometric { a, b, c } = self;
        let (mut before, mut term) = (value, slope * step);
        let (mut sum, mut slope_sum) = (value + term, slope);
        let width = at * (1.0 - at);
        for n in 0..TERMS_MAX {
            let n = f64::from(n);
            let linear = (1.0 - 2.0 * at) * n + c - (a + b + 1.0) * at;
            // The coefficients that the equation gives, times powers of the step.
            let next = ((n + a) * (n + b) * before * step * step - linear * (n + 1.0) * term * step)
                / (width * (n + 2.0) * (n + 1.0));
            sum += next;
            slope_sum += next * (n + 2.0) / step;
            let bound = sum.abs() * LAST_SHARE;
            let size = next.abs().max(term.abs());
            if n > 8.0 && size <= bound && size * (n + 2.0) <= bound.max(slope_sum.abs() * step * LAST_SHARE) {
                return Some((sum, slope_sum));
            }
            (before, term) = (term, next);
        }
        None
    }
}
