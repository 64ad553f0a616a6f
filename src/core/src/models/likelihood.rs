//! How probable purchases are under a model: what fitting makes as large as possible.
//!
//! Customers with equal histories are one [`HistoryCount`]. What depends on the number of purchases alone is computed once
//! for each number.

use super::{ModelKind, PurchaseHistory, PurchaseModel, SpendModel};

/// Customers with the same history.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HistoryCount {
    /// Their history.
    pub history: PurchaseHistory,
    /// How many there are.
    pub customers: u64,
}

/// What a customer spent on purchases after the first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpendHistory {
    /// How many purchases these were; at least 1.
    pub repeats: u64,
    /// What they were worth together; above 0.
    pub spent: f64,
}

/// The logarithm of the likelihood of histories, which are ascending by `repeats`.
pub fn of_purchases(model: &PurchaseModel, histories: &[HistoryCount]) -> f64 {
    let mut sum = 0.0;
    let mut of_count = None;
    for HistoryCount { history, customers } in histories {
        let shared = match of_count {
            Some((repeats, shared)) if repeats == history.repeats => shared,
            _ => CountTerms::new(model, history.repeats),
        };
        of_count = Some((history.repeats, shared));
        sum += shared.log_likelihood(model, history) * *customers as f64;
    }
    sum
}

/// The logarithm of the likelihood of what customers spent.
pub fn of_spending(model: &SpendModel, histories: &[SpendHistory]) -> f64 {
    let SpendModel { p, q, gamma } = *model;
    let constant = q * libm::log(gamma) - libm::lgamma(q);
    let mut of_count = None;
    let mut sum = 0.0;
    for SpendHistory { repeats, spent } in histories {
        let shape = p * *repeats as f64;
        let logs = match of_count {
            Some((known, logs)) if known == *repeats => logs,
            _ => libm::lgamma(shape + q) - libm::lgamma(shape),
        };
        of_count = Some((*repeats, logs));
        sum += logs + constant + (shape - 1.0) * libm::log(*spent) - (shape + q) * libm::log(gamma + *spent)
            + libm::log(*repeats as f64);
    }
    sum
}

/// What customers with equally many purchases share.
#[derive(Clone, Copy)]
struct CountTerms {
    constant: f64,
    /// The logarithm of the odds of leaving after the latest purchase, silence apart; `None`: nobody could.
    leaving: Option<f64>,
    /// The exponent of the times.
    exponent: f64,
}

impl CountTerms {
    fn new(model: &PurchaseModel, repeats: u64) -> CountTerms {
        let PurchaseModel { r, alpha, a, b, .. } = *model;
        let x = repeats as f64;
        let (stays, leaving) = match model.kind {
            ModelKind::BgNbd => (x, (repeats > 0).then_some(b + x - 1.0)),
            ModelKind::MbgNbd => (x + 1.0, Some(b + x)),
        };
        let rates = log_rising(r, x) + r * libm::log(alpha);
        let stayed = log_rising(b, stays) - log_rising(a + b, stays);
        CountTerms {
            constant: rates + stayed,
            leaving: leaving.map(|chances| libm::log(a) - libm::log(chances)),
            exponent: r + x,
        }
    }

    fn log_likelihood(&self, model: &PurchaseModel, history: &PurchaseHistory) -> f64 {
        let alive = -self.exponent * libm::log(model.alpha + history.age);
        let Some(leaving) = self.leaving else { return self.constant + alive };
        let gone = leaving - self.exponent * libm::log(model.alpha + history.recency);
        self.constant + alive.max(gone) + libm::log1p(libm::exp(-(alive - gone).abs()))
    }
}

/// The logarithm of `value · (value + 1) · … · (value + n - 1)`.
///
/// For few factors, of which the logarithms are added up: the difference of two gamma functions of large values has lost its
/// digits.
fn log_rising(value: f64, n: f64) -> f64 {
    if n > 32.0 && value < 1e4 {
        return libm::lgamma(value + n) - libm::lgamma(value);
    }
    if n > 1024.0 {
        return stirling(value + n) - stirling(value);
    }
    let mut sum = 0.0;
    let mut k = 0.0;
    while k < n {
        sum += libm::log(value + k);
        k += 1.0;
    }
    sum
}

/// The logarithm of the gamma function of a large value.
fn stirling(value: f64) -> f64 {
    (value - 0.5) * libm::log(value) - value + 1.0 / (12.0 * value)
}
