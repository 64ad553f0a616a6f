//! Why rules could not be tried on the past.

use rekindle_runtime::backtest::BacktestError;

/// Why rules could not be tried on the past.
#[derive(Debug, thiserror::Error)]
pub enum BacktestCommandError {
    /// The events can't be read, or there is nothing to count.
    #[error(transparent)]
    Backtest(BacktestError),
    /// The result cannot be written as JSON.
    #[error("could not write JSON: {0}")]
    Json(#[source] serde_json::Error),
}
