//! Who is still a customer: models of when people buy, and of how much they spend (semantics §16).
//!
//! A customer buys at a rate of its own until it leaves, which it may do after any purchase. [`PurchaseModel`] says how
//! probable it is that a customer with a given [`PurchaseHistory`] has not left, and how many purchases are to be expected;
//! [`SpendModel`] says what one of them is worth. [`likelihood`] is what `rekindle fit` makes as large as possible.
//!
//! These are doubles. Logarithms, exponentials and powers are those of the crate `libm`, not of the system's library, and
//! sums have one order, so that every machine computes the same bytes.
//!
//! | source | of |
//! |---|---|
//! | Fader, Hardie, Lee: "Counting Your Customers" the Easy Way (Marketing Science 2005) | BG/NBD |
//! | Batislam, Denizel, Filiztekin: Empirical validation and comparison of models for customer base analysis (2007) | MBG/NBD |
//! | Fader, Hardie: The Gamma-Gamma Model of Monetary Value (2013) | what a purchase is worth |

mod hypergeometric;
pub mod likelihood;
#[cfg(test)]
mod tests;

use hypergeometric::Hypergeometric;

/// When a customer bought, in units of the model's time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PurchaseHistory {
    /// Purchases after the first.
    pub repeats: u64,
    /// From the first purchase to the latest.
    pub recency: f64,
    /// From the first purchase to now; at least `recency`.
    pub age: f64,
}

/// When a customer may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum ModelKind {
    /// After each purchase but the first.
    BgNbd,
    /// After each purchase.
    MbgNbd,
}

/// A model of purchases: rates are gamma distributed over customers (`r`, `alpha`), the probabilities of leaving after a
/// purchase beta distributed (`a`, `b`). All four are above 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PurchaseModel {
    /// When a customer may leave.
    pub kind: ModelKind,
    /// The shape of the rates.
    pub r: f64,
    /// The scale of the rates, in units of time.
    pub alpha: f64,
    /// The weight of leaving.
    pub a: f64,
    /// The weight of staying.
    pub b: f64,
}

/// A model of what purchases are worth: gamma distributed for a customer (`p`), with a scale that is itself gamma
/// distributed over customers (`q`, `gamma`). All three are above 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpendModel {
    /// The shape for one customer.
    pub p: f64,
    /// The shape over customers.
    pub q: f64,
    /// The scale over customers.
    pub gamma: f64,
}

impl ModelKind {
    /// As the rules write it: `bg_nbd`.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

impl PurchaseModel {
    /// The probability that the customer has not left, 0 to 1. It falls as `age` grows.
    pub fn p_alive(&self, history: PurchaseHistory) -> f64 {
        1.0 / (1.0 + self.odds_of_having_left(history))
    }

    /// The age at which `p_alive` becomes so small, about: it is only as exact as doubles are. `None`: it never does.
    pub fn age_at(&self, history: PurchaseHistory, p_alive: f64) -> Option<f64> {
        let x = history.repeats as f64;
        let odds = 1.0 / p_alive - 1.0;
        let silence = libm::pow(odds * self.chances(history.repeats)? / self.a, 1.0 / (self.r + x));
        Some(silence * (self.alpha + history.recency) - self.alpha).filter(|age| age.is_finite())
    }

    /// Leaving after the latest purchase, against having stayed and not bought since.
    fn odds_of_having_left(&self, history: PurchaseHistory) -> f64 {
        let Some(chances) = self.chances(history.repeats) else { return 0.0 };
        let x = history.repeats as f64;
        let silence = (self.alpha + history.age) / (self.alpha + history.recency);
        self.a / chances * libm::pow(silence, self.r + x)
    }

    /// The weight of having stayed each time but the latest; `None`: nobody can have left.
    fn chances(&self, repeats: u64) -> Option<f64> {
        let x = repeats as f64;
        match self.kind {
            ModelKind::BgNbd => (repeats > 0).then_some(self.b + x - 1.0),
            ModelKind::MbgNbd => Some(self.b + x),
        }
    }

    /// The purchases to be expected within `time` from now. `None`: there is no such number (`a` is 1), or only one beyond
    /// what doubles can tell.
    pub fn expected(&self, history: PurchaseHistory, time: f64) -> Option<f64> {
        let x = history.repeats as f64;
        let s = match self.kind {
            ModelKind::BgNbd => 1.0,
            ModelKind::MbgNbd => 0.0,
        };
        let (PurchaseModel { r, alpha, a, b, .. }, ahead) = (*self, self.alpha + history.age + time);
        let (log_z, w) = (libm::log((alpha + history.age) / ahead), time / ahead);
        // `z^(r+x) · 2F1(r+x, b+x+1-s; c; w)` is the same number as `z^(a-1) · 2F1(a+b-s-r, a-1; c; w)` (Euler's
        // transformation). The second neither overflows nor cancels where a customer bought often, which the first does; where
        // customers hardly differ in their rates, the first is the better one.
        let c = a + b + x - s;
        let other = a + b - s - r;
        let (function, power) = if a > x + r + 1.0 || (other < -8.0 && other * -4.0 > c) {
            (Hypergeometric { a: r + x, b: b + x + 1.0 - s, c }, r + x)
        } else {
            (Hypergeometric { a: other, b: a - 1.0, c }, a - 1.0)
        };
        let bought = c / (a - 1.0) * (1.0 - function.weighted(w, power * log_z)?);
        Some(self.p_alive(history) * bought).filter(|number| number.is_finite())
    }
}

impl SpendModel {
    /// What a purchase of a customer is worth on average, who spent `spent` on `repeats` purchases. `None`: there is no such
    /// number.
    pub fn mean(&self, repeats: u64, spent: f64) -> Option<f64> {
        let weight = self.p * repeats as f64 + self.q - 1.0;
        // Below 0, the mean over all customers is infinite.
        (weight > 0.0).then(|| self.p * (self.gamma + spent) / weight).filter(|number| number.is_finite())
    }
}
