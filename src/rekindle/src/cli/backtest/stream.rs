//! A backtest over the live stream, which is read to where it is now.

use std::io::Write as _;
use std::time::Duration;

use super::error::BacktestCommandError;
use crate::cli::CliError;
use crate::cli::simulate::connection;
use crate::daemon::past_log::{OpenedStream, open};
use rekindle_runtime::backtest::{Backtest, BacktestLimits, BacktestProgress, BacktestReport};
use rekindle_settings::Settings;

/// How long the background tasks may take to end.
const END_TIMEOUT: Duration = Duration::from_secs(1);

/// Reads the stream of the settings, as fast as it can.
pub(super) fn over_stream(backtest: Backtest, settings: &Settings) -> Result<BacktestReport, CliError> {
    let runtime = tokio::runtime::Runtime::new().map_err(CliError::system("start the runtime"))?;
    let OpenedStream { mut records, note, .. } = runtime.block_on(async {
        let connection = connection(&settings.nats, "backtest", settings.source.batch).await?;
        let opened = open(settings, &connection, None, runtime.handle()).await;
        opened.map_err(|error| CliError::from(BacktestCommandError::Log(error)))
    })?;
    if let Some(note) = note {
        // A closed standard error is no reason to fail.
        let _ = writeln!(std::io::stderr(), "warning: {note}");
    }
    let limits = BacktestLimits { share_percent: 100, state_bytes_max: u64::MAX };
    let report = backtest.run_beside(&mut records, limits, &BacktestProgress::default());
    drop(records);
    runtime.shutdown_timeout(END_TIMEOUT);
    Ok(report.map_err(BacktestCommandError::Beside)?)
}
