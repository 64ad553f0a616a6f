//! Why a model cannot be fitted.

use rekindle_core::time::{Span, Timestamp};

/// Why a model cannot be fitted.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// The rules have no such event.
    #[error("there is no event `{event}` in [events] of the rules: {help}")]
    NoSuchEvent {
        /// The name.
        event: String,
        /// What to do.
        help: String,
    },
    /// The arguments make no model.
    #[error("{0}")]
    WrongModel(String),
    /// Nobody bought anything.
    #[error("there is no purchase in these events: no accepted event is `{0}`; name another one with --event")]
    NoPurchases(String),
    /// Nobody bought twice.
    #[error(
        "all {customers} customers bought once: nothing says how often customers buy, nor whether they leave. Every rate near 0 \
         fits as well as every rate with everybody leaving at once. Take events over a longer time, or a smaller --min-gap if \
         purchases that follow each other closely should count"
    )]
    OneTimeBuyers {
        /// How many customers there are.
        customers: u64,
    },
    /// The likelihood has no maximum.
    #[error(
        "the likelihood has no maximum: it still grows as {parameters} (so far r = {r:.6}, alpha = {alpha:.6}, a = {a:.6}, \
         b = {b:.6}, log-likelihood {log_likelihood:.2}). {meaning}"
    )]
    NoMaximum {
        /// Which parameters grow or shrink without end.
        parameters: String,
        /// What that says of the customers.
        meaning: &'static str,
        /// The parameters reached.
        r: f64,
        /// The same.
        alpha: f64,
        /// The same.
        a: f64,
        /// The same.
        b: f64,
        /// What was reached.
        log_likelihood: f64,
    },
    /// Spending cannot be fitted.
    #[error("what purchases are worth cannot be fitted: {0}")]
    Spending(&'static str),
    /// The held-out part is all there is.
    #[error("--holdout {holdout} leaves no purchases before {from}: take a shorter one")]
    HoldoutTooLong {
        /// The length.
        holdout: Span,
        /// When it begins.
        from: Timestamp,
    },
    /// Standard input cannot be read twice.
    #[error("--holdout reads the events twice, and standard input can be read once: name a file")]
    HoldoutOfStdin,
    /// The optimiser refused its input.
    #[error("the optimiser failed: {0}")]
    Optimiser(String),
}
