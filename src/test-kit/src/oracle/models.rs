//! Who is still a customer: when users bought, and what the models say of them.
//!
//! What is to be expected is an integral over all probabilities of leaving, and is worked out as one. The semantics name a
//! hypergeometric function that equals it.

use toml::Table;

use super::evaluate::EvaluationScope;
use super::fields::{duration, number, path_of, position, required, string};
use super::history::OracleMatch;
use super::rules::OracleRules;
use super::user::OracleUser;
use super::value::OracleValue;
use crate::decoder_oracle::decimal::OracleDecimal;

/// Steps of the integral between neighbouring whole numbers.
const STEPS: i32 = 64;
/// Beyond this whole number, on both sides, there is nothing to add up.
const WIDTH: i32 = 7;

/// An entry of `[[models]]`.
pub(crate) struct OracleModel {
    pub(crate) id: String,
    /// Whether it is MBG/NBD: a user may leave after the first purchase too.
    pub(crate) is_modified: bool,
    /// Index of the name whose matches are purchases.
    pub(crate) on: usize,
    pub(crate) min_gap: i64,
    pub(crate) unit: i64,
    pub(crate) r: f64,
    pub(crate) alpha: f64,
    pub(crate) a: f64,
    pub(crate) b: f64,
    /// The path of what a purchase is worth.
    pub(crate) value: Option<Vec<String>>,
    pub(crate) spend: Option<OracleSpendModel>,
}

/// The gamma-gamma model of what a purchase is worth.
pub(crate) struct OracleSpendModel {
    pub(crate) p: f64,
    pub(crate) q: f64,
    pub(crate) gamma: f64,
}

/// A match that a model counts.
#[derive(Clone)]
pub(crate) struct OraclePurchase {
    at: i64,
    value: Option<OracleDecimal>,
}

/// What a model looks at, in its units.
struct PurchaseSummary {
    repeats: f64,
    recency: f64,
    age: f64,
}

impl OracleUser {
    /// Counts a match in every model whose purchase it is.
    pub(crate) fn count_purchase(&mut self, one: &OracleMatch, rules: &OracleRules) {
        for (model, counted) in rules.models.iter().zip(&mut self.purchases) {
            let is_soon = counted.last().is_some_and(|latest: &OraclePurchase| one.at - latest.at < model.min_gap);
            if model.on != one.name || is_soon {
                continue;
            }
            let value = match model.value.as_ref().map(|path| one.value(path)) {
                Some(OracleValue::Number(value)) => Some(value),
                _ => None,
            };
            counted.push(OraclePurchase { at: one.at, value });
        }
    }

    /// Of the user and a visitor, who had a first purchase earlier keeps its count.
    pub(crate) fn merge_purchases(&mut self, visitor: Vec<Vec<OraclePurchase>>) {
        for (own, theirs) in self.purchases.iter_mut().zip(visitor) {
            let first = |counted: &[OraclePurchase]| counted.first().map_or(i64::MAX, |purchase| purchase.at);
            if first(&theirs) < first(own) {
                *own = theirs;
            }
        }
    }
}

impl EvaluationScope<'_> {
    /// `p_alive`.
    pub(crate) fn p_alive(&self, id: &str) -> OracleValue {
        let (model, counted) = self.model(id);
        let summary = model.summary(counted, self.now);
        summary.map_or(OracleValue::Missing, |summary| OracleValue::Double(model.p_alive(&summary)))
    }

    /// `expected` within a number of milliseconds.
    pub(crate) fn expected(&self, id: &str, within: i64) -> OracleValue {
        let (model, counted) = self.model(id);
        let number = model.summary(counted, self.now).and_then(|summary| model.expected(&summary, within));
        number.map_or(OracleValue::Missing, OracleValue::double)
    }

    /// `clv` within a number of milliseconds.
    pub(crate) fn lifetime_value(&self, id: &str, within: i64) -> OracleValue {
        let (model, counted) = self.model(id);
        let value = model.summary(counted, self.now).and_then(|summary| {
            let spent = counted.iter().skip(1).filter_map(|purchase| purchase.value.as_ref());
            let spent = spent.fold(OracleDecimal::whole(0), |sum, value| sum.plus(value)).to_double();
            let OracleSpendModel { p, q, gamma } = model.spend.as_ref()?;
            let weight = p * summary.repeats + q - 1.0;
            (weight > 0.0).then_some(model.expected(&summary, within)? * p * (gamma + spent) / weight)
        });
        value.map_or(OracleValue::Missing, OracleValue::double)
    }

    fn model(&self, id: &str) -> (&OracleModel, &[OraclePurchase]) {
        let place = self.rules.models.iter().position(|model| model.id == id);
        let place = place.unwrap_or_else(|| panic!("no model `{id}`"));
        (&self.rules.models[place], &self.user.purchases[place])
    }
}

impl OracleModel {
    /// Reads an entry of `[[models]]`.
    pub(crate) fn parse(table: &Table, names: &[String]) -> OracleModel {
        let parameter = |key: &str| number(table, key).unwrap_or_else(|| panic!("`{key}` is missing in {table}"));
        let spend = || OracleSpendModel { p: parameter("p"), q: parameter("q"), gamma: parameter("gamma") };
        OracleModel {
            id: required(table, "id"),
            is_modified: match required(table, "kind").as_str() {
                "bg_nbd" => false,
                "mbg_nbd" => true,
                other => panic!("`{other}` is no model"),
            },
            on: position(names, &required(table, "on")),
            min_gap: duration(table, "min_gap").unwrap_or(12 * 3_600_000),
            unit: duration(table, "unit").expect("a model has a `unit`"),
            r: parameter("r"),
            alpha: parameter("alpha"),
            a: parameter("a"),
            b: parameter("b"),
            value: string(table, "value").map(|path| path_of(&path)),
            spend: table.contains_key("p").then(spend),
        }
    }

    fn summary(&self, counted: &[OraclePurchase], now: i64) -> Option<PurchaseSummary> {
        let (first, latest) = (counted.first()?.at, counted.last()?.at);
        let units = |length: i64| length as f64 / self.unit as f64;
        Some(PurchaseSummary {
            repeats: (counted.len() - 1) as f64,
            recency: units(latest - first),
            age: units(now - first),
        })
    }

    fn p_alive(&self, PurchaseSummary { repeats, recency, age }: &PurchaseSummary) -> f64 {
        let weight = if self.is_modified {
            self.a / (self.b + repeats)
        } else if *repeats > 0.0 {
            self.a / (self.b + repeats - 1.0)
        } else {
            0.0
        };
        1.0 / (1.0 + weight * ((self.alpha + age) / (self.alpha + recency)).powf(self.r + repeats))
    }

    /// Who is there buys at the rate λ, and leaves after each purchase with the probability p, so that within t it buys
    /// `(1 - exp(-λ p t)) / p` times. Of who is there after x purchases, λ is gamma distributed (r + x, alpha + T) and p beta
    /// distributed (a, b + x; with MBG/NBD, which asks once more, b + x + 1). Over λ that is
    /// `(1 - (1 + p t / (alpha + T))^-(r + x)) / p`; over p it is integrated here, with steps that grow doubly exponentially towards
    /// 0 and 1.
    fn expected(&self, summary: &PurchaseSummary, within: i64) -> Option<f64> {
        if self.a == 1.0 {
            return None;
        }
        let ahead = within as f64 / self.unit as f64 / (self.alpha + summary.age);
        let staying = self.b + summary.repeats + if self.is_modified { 1.0 } else { 0.0 };
        let log_density = |step: i32| {
            let at = f64::from(step) / f64::from(STEPS);
            // p = 1 / (1 + exp(-y)).
            let y = std::f64::consts::PI * at.sinh();
            let (log_leaving, log_staying) = (-softplus(-y), -softplus(y));
            (log_leaving, self.a * log_leaving + staying * log_staying + at.cosh().ln())
        };
        let points: Vec<(f64, f64)> = (-WIDTH * STEPS..=WIDTH * STEPS).map(log_density).collect();
        let highest = points.iter().map(|(_, log)| *log).fold(f64::NEG_INFINITY, f64::max);
        let (mut all, mut bought) = (0.0, 0.0);
        for (log_leaving, log) in points {
            let (leaving, weight) = (log_leaving.exp(), (log - highest).exp());
            let rate = self.r + summary.repeats;
            // Where p is so small that it is 0, nobody leaves.
            let within = match leaving > 0.0 {
                true => -(-rate * (leaving * ahead).ln_1p()).exp_m1() / leaving,
                false => rate * ahead,
            };
            all += weight;
            bought += weight * within;
        }
        Some(self.p_alive(summary) * bought / all).filter(|number| number.is_finite())
    }
}

/// `ln(1 + exp(y))`.
fn softplus(y: f64) -> f64 {
    y.max(0.0) + (-y.abs()).exp().ln_1p()
}
