//! Why rules could not be tried on the past.

use crate::backtests::PastLogError;
use rekindle_runtime::backtest::{BacktestError, BesideError};

/// Why rules could not be tried on the past.
#[derive(Debug, thiserror::Error)]
pub enum BacktestCommandError {
    /// The events can't be read, or there is nothing to count.
    #[error(transparent)]
    Backtest(BacktestError),
    /// There is no stream to read.
    #[error(transparent)]
    Log(PastLogError),
    /// The stream can't be read to its end.
    #[error("the rules could not be tried on the stream: {0}")]
    Beside(BesideError),
    /// The result cannot be written as JSON.
    #[error("could not write JSON: {0}")]
    Json(#[source] serde_json::Error),
}
