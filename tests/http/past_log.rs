//! What was fed to the API's engine, as the log on which rules are tried.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rekindle::backtests::{Backtests, PastLog, PastLogError, PastLogs};
use rekindle_runtime::backtest::{BacktestLimits, BacktestLog, LogPiece};
use rekindle_runtime::history::HistoryRecord;
use rekindle_runtime::live::EngineHandle;
use rekindle_runtime::log::LogRecord;
use rekindle_runtime::pipeline::PipelineOptions;

/// The records so far.
#[derive(Default)]
pub(crate) struct FedLog {
    records: Mutex<Vec<HistoryRecord>>,
    /// Whether nothing is handed out for now.
    pub(crate) is_held: AtomicBool,
    /// Why the log can't be opened.
    pub(crate) closed: Mutex<Option<PastLogError>>,
    /// Why it can't be read.
    pub(crate) broken: Mutex<Option<String>>,
}

/// For each who tries rules.
pub(crate) struct SharedFedLog(pub(crate) Arc<FedLog>);

struct FedRecords {
    log: Arc<FedLog>,
    left: Vec<HistoryRecord>,
}

impl FedLog {
    pub(crate) fn add(&self, records: &[LogRecord]) {
        let record = |LogRecord { kind, lines, received, .. }: &LogRecord| HistoryRecord {
            kind: *kind,
            lines: lines.clone(),
            received: Some(*received),
        };
        self.records.lock().expect("not poisoned").extend(records.iter().map(record));
    }
}

impl PastLogs for SharedFedLog {
    fn open(&self) -> BoxFuture<'_, Result<PastLog, PastLogError>> {
        if let Some(why) = self.0.closed.lock().expect("not poisoned").clone() {
            return std::future::ready(Err(why)).boxed();
        }
        let left = self.0.records.lock().expect("not poisoned").clone();
        let records = Box::new(FedRecords { log: Arc::clone(&self.0), left });
        std::future::ready(Ok(PastLog { records, links: None, note: Some("it is a test".to_owned()) })).boxed()
    }
}

impl BacktestLog for FedRecords {
    fn next(&mut self) -> Result<LogPiece, String> {
        if self.log.is_held.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
            return Ok(LogPiece::NothingYet);
        }
        if let Some(why) = self.log.broken.lock().expect("not poisoned").clone() {
            return Err(why);
        }
        match std::mem::take(&mut self.left) {
            left if left.is_empty() => Ok(LogPiece::End),
            records => Ok(LogPiece::Records { records, progress: 1.0 }),
        }
    }
}

/// Tries rules on it.
pub(crate) fn backtests(live: &EngineHandle, options: PipelineOptions, log: &Arc<FedLog>) -> Arc<Backtests> {
    let limits = BacktestLimits { share_percent: 100, state_bytes_max: 1 << 30 };
    Arc::new(Backtests::new(live.clone(), options, limits, Arc::new(SharedFedLog(Arc::clone(log)))))
}
