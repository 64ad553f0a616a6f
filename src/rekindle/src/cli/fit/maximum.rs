//! The parameters of the greatest likelihood, by the method of Nelder and Mead on the logarithms of the parameters.
//!
//! The search begins at several points, on histories that are rounded, so that there are few; the best of what it finds is
//! where the search on the histories themselves begins, until a further search from there finds nothing better. Nothing is random.

use argmin::core::{CostFunction, Error, Executor, State};
use argmin::solver::neldermead::NelderMead;

use super::FitError;
use rekindle_core::models::likelihood::{self, HistoryCount, SpendHistory};
use rekindle_core::models::{ModelKind, PurchaseHistory, PurchaseModel, SpendModel};

/// How far parameters go from the scale of the data, as a logarithm: a factor of about three million.
const LOG_BOUND: f64 = 15.0;
/// A parameter so close to its bound has run away.
const LOG_MARGIN: f64 = 1.0;
const ITERATIONS_MAX: u64 = 2_000;
/// Further searches on the histories themselves.
const RESTARTS_MAX: u32 = 8;
/// Of the average customer: a search ends where its points differ by less.
const LOG_LIKELIHOOD_TOLERANCE: f64 = 1e-12;
/// A restart that finds less than that ends the fit.
const LEAST_GAIN: f64 = 1e-10;
/// Into how many parts ages are divided in the first search.
const ROUGH_PARTS: f64 = 48.0;

/// A fitted model of purchases.
#[derive(Clone, Copy, Debug)]
pub(super) struct FittedPurchases {
    pub(super) model: PurchaseModel,
    pub(super) log_likelihood: f64,
    /// Steps of the search, of all beginnings together.
    pub(super) iterations: u64,
}

/// A fitted model of spending.
#[derive(Clone, Copy, Debug)]
pub(super) struct FittedSpending {
    pub(super) model: SpendModel,
    pub(super) log_likelihood: f64,
    /// Those who bought again, and spent something.
    pub(super) customers: u64,
}

/// Fits a model of purchases to histories, ascending by `repeats`.
pub(super) fn of_purchases(kind: ModelKind, histories: &[HistoryCount]) -> Result<FittedPurchases, FitError> {
    let customers: u64 = histories.iter().map(|group| group.customers).sum();
    if histories.iter().all(|group| group.history.repeats == 0) {
        return Err(FitError::OneTimeBuyers { customers });
    }
    let ages: f64 = histories.iter().map(|group| group.history.age * group.customers as f64).sum();
    // Everything is measured in the mean age: the search does not depend on the unit.
    let scale = (ages / customers as f64).max(f64::MIN_POSITIVE);
    let model = |logs: &[f64]| {
        let [r, alpha, a, b] = [0, 1, 2, 3].map(|at| logs[at].exp());
        PurchaseModel { kind, r, alpha: alpha * scale, a, b }
    };
    let cost = |histories: &[HistoryCount], logs: &[f64]| {
        -likelihood::of_purchases(&model(logs), histories) / customers as f64
    };
    let rough = rounded(histories);
    let starts = [[1.0, 1.0, 1.0, 1.0], [0.3, 0.15, 0.8, 2.5], [3.0, 1.0, 0.2, 4.0], [0.5, 0.05, 3.0, 3.0]];
    let starts = starts.map(|start| start.map(f64::ln).to_vec());
    let mut search = Search::default();
    let rough_best = search.best_of(&starts, 1.0, &|logs: &[f64]| cost(&rough, logs))?;
    let best = search.refine(rough_best, &|logs: &[f64]| cost(histories, logs))?;
    let fitted = model(&best.logs);
    let log_likelihood = -best.cost * customers as f64;
    match runaway(&best.logs, ["r", "alpha", "a", "b"]) {
        None => Ok(FittedPurchases { model: fitted, log_likelihood, iterations: search.iterations }),
        Some(parameters) => {
            let PurchaseModel { r, alpha, a, b, .. } = fitted;
            Err(FitError::NoMaximum { parameters, meaning: meaning(&best.logs), r, alpha, a, b, log_likelihood })
        }
    }
}

/// Fits a model of spending.
pub(super) fn of_spending(histories: &[SpendHistory]) -> Result<FittedSpending, FitError> {
    if histories.len() < 2 {
        return Err(FitError::Spending("fewer than two customers bought again and spent something"));
    }
    let customers = histories.len() as f64;
    let mean = histories.iter().map(|it| it.spent / it.repeats as f64).sum::<f64>() / customers;
    let model = |logs: &[f64]| SpendModel { p: logs[0].exp(), q: logs[1].exp(), gamma: logs[2].exp() * mean };
    let cost = |logs: &[f64]| -likelihood::of_spending(&model(logs), histories) / customers;
    let starts =
        [[6.0, 4.0, 0.5], [1.0, 1.0, 1.0], [2.0, 10.0, 5.0]].map(|start: [f64; 3]| start.map(f64::ln).to_vec());
    let mut search = Search::default();
    let first = search.best_of(&starts, 1.0, &cost)?;
    let best = search.refine(first, &cost)?;
    if runaway(&best.logs, ["p", "q", "gamma"]).is_some() {
        return Err(FitError::Spending(
            "the likelihood has no maximum; customers spend either all alike, or without any regularity",
        ));
    }
    let log_likelihood = -best.cost * customers;
    Ok(FittedSpending { model: model(&best.logs), log_likelihood, customers: histories.len() as u64 })
}

/// Histories with ages and recencies of a grid, and large numbers of purchases of another, so that many are equal.
fn rounded(histories: &[HistoryCount]) -> Vec<HistoryCount> {
    let oldest = histories.iter().map(|group| group.history.age).fold(0.0, f64::max);
    let width = (oldest / ROUGH_PARTS).max(f64::MIN_POSITIVE);
    let repeats = |x: u64| if x < 16 { x } else { x - x % (x / 8) };
    let of_grid = |time: f64| (time / width).round() * width;
    let mut rough: Vec<HistoryCount> = histories
        .iter()
        .map(|HistoryCount { history, customers }| {
            let history = PurchaseHistory {
                repeats: repeats(history.repeats),
                recency: of_grid(history.recency),
                age: of_grid(history.age),
            };
            HistoryCount { history, customers: *customers }
        })
        .collect();
    rough.sort_by(|a, b| {
        let (a, b) = (a.history, b.history);
        a.repeats.cmp(&b.repeats).then(a.recency.total_cmp(&b.recency)).then(a.age.total_cmp(&b.age))
    });
    rough.dedup_by(|next, first| {
        let is_equal = next.history == first.history;
        if is_equal {
            first.customers += next.customers;
        }
        is_equal
    });
    rough
}

/// Which parameters are at a bound: `r grows and a falls`.
fn runaway<const N: usize>(logs: &[f64], names: [&str; N]) -> Option<String> {
    let at_bound = names.iter().zip(logs).filter(|(_, log)| log.abs() > LOG_BOUND - LOG_MARGIN);
    let told: Vec<String> =
        at_bound.map(|(name, log)| format!("{name} {}", if *log > 0.0 { "grows" } else { "falls to 0" })).collect();
    (!told.is_empty()).then(|| told.join(" and "))
}

/// What a parameter at its bound says of the customers.
fn meaning(logs: &[f64]) -> &'static str {
    let (low, high) = (-LOG_BOUND + LOG_MARGIN, LOG_BOUND - LOG_MARGIN);
    let [r, alpha, a, b] = [logs[0], logs[1], logs[2], logs[3]];
    if a - b < low {
        "Nothing in these purchases says that customers leave. Ask since(…) for how long somebody has been away, or take events over \
         a longer time"
    } else if b < low {
        "Nearly everybody who may leave does so at once. With bg_nbd, try mbg_nbd; or take events over a longer time"
    } else if a > high || b > high {
        "All customers are as ready to leave after a purchase: they do not differ enough to tell their shares apart"
    } else if r > high || alpha > high {
        "All customers buy at the same rate: they do not differ enough to tell how rates are spread"
    } else {
        "There are too few purchases after the first ones to tell how often customers buy"
    }
}

/// A point of the search, and what it costs: less is better.
#[derive(Clone, Debug)]
struct SearchPoint {
    logs: Vec<f64>,
    cost: f64,
}

#[derive(Debug, Default)]
struct Search {
    iterations: u64,
}

/// What is made as small as possible.
struct BoundedCost<'c>(&'c dyn Fn(&[f64]) -> f64);

impl CostFunction for BoundedCost<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    /// Beyond the bounds, the cost of the bound and more.
    fn cost(&self, logs: &Vec<f64>) -> Result<f64, Error> {
        let within: Vec<f64> = logs.iter().map(|log| log.clamp(-LOG_BOUND, LOG_BOUND)).collect();
        let beyond: f64 = logs.iter().zip(&within).map(|(log, within)| (log - within).powi(2)).sum();
        let cost = (self.0)(&within) + beyond;
        // Where there is no number, it is worse than everywhere.
        Ok(if cost.is_finite() { cost } else { 1e300 })
    }
}

impl Search {
    fn best_of(
        &mut self,
        starts: &[Vec<f64>],
        width: f64,
        cost: &dyn Fn(&[f64]) -> f64,
    ) -> Result<SearchPoint, FitError> {
        let mut best: Option<SearchPoint> = None;
        for start in starts {
            let found = self.from(start, width, cost)?;
            if best.as_ref().is_none_or(|best| found.cost < best.cost) {
                best = Some(found);
            }
        }
        best.ok_or_else(|| FitError::Optimiser("there is nowhere to begin".to_owned()))
    }

    /// Searches on from a point until that finds nothing better.
    fn refine(&mut self, from: SearchPoint, cost: &dyn Fn(&[f64]) -> f64) -> Result<SearchPoint, FitError> {
        let mut best = self.from(&from.logs, 0.1, cost)?;
        for _ in 0..RESTARTS_MAX {
            let found = self.from(&best.logs, 0.03, cost)?;
            let gain = best.cost - found.cost;
            if gain > 0.0 {
                best = found;
            }
            if gain < LEAST_GAIN {
                break;
            }
        }
        Ok(best)
    }

    /// One search, from a simplex of this width.
    fn from(&mut self, start: &[f64], width: f64, cost: &dyn Fn(&[f64]) -> f64) -> Result<SearchPoint, FitError> {
        let failed = |error: Error| FitError::Optimiser(error.to_string());
        let corner = |at: usize| {
            let mut corner = start.to_vec();
            corner[at] += width;
            corner
        };
        let simplex = std::iter::once(start.to_vec()).chain((0..start.len()).map(corner)).collect();
        let solver = NelderMead::new(simplex).with_sd_tolerance(LOG_LIKELIHOOD_TOLERANCE).map_err(failed)?;
        let run = Executor::new(BoundedCost(cost), solver)
            .configure(|state| state.max_iters(ITERATIONS_MAX))
            .timer(false)
            .run()
            .map_err(failed)?;
        self.iterations += run.state().get_iter();
        let logs = run.state().get_best_param().cloned().unwrap_or_else(|| start.to_vec());
        Ok(SearchPoint { logs, cost: run.state().get_best_cost() })
    }
}
