//! Weights of variants that adapt: by what the journal says of their goals, each gets the probability that it is the best.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use toml::Table;

use super::OracleState;
use super::fields::{number, position, required};
use super::log::print_time;
use super::ranks::OracleInterval;

/// How many mature exposures each variant needs.
const EXPOSURES_MIN: usize = 100;

/// How fine the integral is, in standard deviations, and how far it reaches.
const STEP: f64 = 0.0005;
const REACH: f64 = 9.0;

/// `adapt` of a campaign.
pub(crate) struct OracleAdaptation {
    /// Index of the goal.
    goal: usize,
    pub(crate) every: OracleInterval,
    floor: f64,
}

/// The weights that stand in thousandths, of campaigns whose weights have adapted.
pub(crate) type OracleWeights = BTreeMap<usize, Vec<u64>>;

impl OracleState<'_> {
    /// Works out the weights of which an instant is one, where the takings before were at another.
    pub(super) fn adapt(&mut self, taken: i64, at: i64) {
        let rules = self.rules;
        for (place, campaign) in rules.campaigns.iter().enumerate() {
            let Some(adapt) = campaign.adapt.as_ref().filter(|adapt| adapt.every.first_after(taken, rules) == at)
            else {
                continue;
            };
            let known: Vec<(usize, usize)> = campaign
                .variants
                .iter()
                .map(|(id, _)| self.outcomes(&campaign.id, &rules.goals[adapt.goal].id, id))
                .collect();
            if known.iter().any(|(users, _)| *users < EXPOSURES_MIN) {
                continue;
            }
            let rest = 1.0 - known.len() as f64 * adapt.floor;
            let weights: Vec<u64> = (0..known.len())
                .map(|own| to_thousandths(adapt.floor + rest * probability_of_best(&known, own)))
                .collect();
            let standing: Vec<u64> = match self.weights.get(&place) {
                Some(weights) => {
                    let sum: u64 = weights.iter().sum();
                    weights.iter().map(|weight| half_to_even(weight * 1_000, sum)).collect()
                }
                None => {
                    let sum: f64 = campaign.variants.iter().map(|(_, weight)| weight).sum();
                    campaign.variants.iter().map(|(_, weight)| to_thousandths(weight / sum)).collect()
                }
            };
            if weights != standing {
                let told: BTreeMap<&String, f64> = campaign
                    .variants
                    .iter()
                    .map(|(id, _)| id)
                    .zip(weights.iter().map(|it| *it as f64 / 1_000.0))
                    .collect();
                self.journal
                    .push(json!({"kind": "weights", "campaign": campaign.id, "weights": told, "at": print_time(at)}));
                self.weights.insert(place, weights);
            }
        }
        self.users.values_mut().for_each(|user| user.weights = self.weights.clone());
    }

    /// How many exposures of a variant are mature, and how many of them reached the goal.
    fn outcomes(&self, campaign: &str, goal: &str, variant: &str) -> (usize, usize) {
        let is_it = |line: &&Json| {
            line["kind"] == "outcome"
                && line["campaign"] == campaign
                && line["goal"] == goal
                && line["group"] == "sent"
                && line["variant"] == variant
        };
        let outcomes: Vec<&Json> = self.journal.iter().filter(is_it).collect();
        (outcomes.len(), outcomes.iter().filter(|line| line["count"] != 0).count())
    }
}

/// The probability that of several normal numbers this one is the largest.
fn probability_of_best(known: &[(usize, usize)], own: usize) -> f64 {
    let normals: Vec<(f64, f64)> = known
        .iter()
        .map(|(users, reached)| {
            let mean = (*reached as f64 + 1.0) / (*users as f64 + 2.0);
            (mean, (mean * (1.0 - mean) / (*users as f64 + 3.0)).sqrt())
        })
        .collect();
    let (mean, deviation) = normals[own];
    let steps = (REACH / STEP) as i32;
    let height = |step: i32| {
        let z = f64::from(step) * STEP;
        let x = mean + z * deviation;
        let others = normals.iter().enumerate().filter(|(place, _)| *place != own);
        let below: f64 = others.map(|(_, (mean, deviation))| below((x - mean) / deviation)).product();
        (-z * z / 2.0).exp() * below
    };
    let sum: f64 = (-steps..=steps).map(height).sum();
    sum * STEP / (2.0 * std::f64::consts::PI).sqrt()
}

/// The share of a standard normal distribution below a number.
fn below(z: f64) -> f64 {
    libm::erfc(-z / std::f64::consts::SQRT_2) / 2.0
}

fn to_thousandths(share: f64) -> u64 {
    half_to_even((share * 1e9).round_ties_even() as u64, 1_000_000)
}

fn half_to_even(dividend: u64, divisor: u64) -> u64 {
    let (whole, rest) = (dividend / divisor, dividend % divisor);
    match (2 * rest).cmp(&divisor) {
        std::cmp::Ordering::Less => whole,
        std::cmp::Ordering::Greater => whole + 1,
        std::cmp::Ordering::Equal => whole + whole % 2,
    }
}

/// `adapt` of a campaign, if it has one.
pub(super) fn adaptation(table: &Table, goals: &[String]) -> Option<OracleAdaptation> {
    let adapt = table.get("adapt")?.as_table().expect("`adapt` is a table");
    Some(OracleAdaptation {
        goal: position(goals, &required(adapt, "goal")),
        every: OracleInterval::parse(&required(adapt, "every")),
        floor: number(adapt, "floor").unwrap_or(0.0),
    })
}
