//! The log for somebody who reads it beside the daemon's engine: the stream from its beginning to where it was when it was opened.
//!
//! It reads by a consumer of its own, so the daemon's source does not notice it, and no faster than what is read is used.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};

use super::ConnectedBroker;
use crate::backtests::{PastLog, PastLogError, PastLogs};
use rekindle_core::identity::LinksSnapshot;
use rekindle_nats::NatsConnection;
use rekindle_nats::source::{NatsSource, SourceStatus};
use rekindle_nats::streams::stream_contents;
use rekindle_runtime::backtest::{BacktestLog, LogPiece};
use rekindle_runtime::health::Health;
use rekindle_runtime::history::HistoryRecord;
use rekindle_runtime::live::EngineHandle;
use rekindle_runtime::log::{LogRecord, RecordBatch};
use rekindle_settings::{Settings, SourceKind};

/// How long the broker may be away before it is given up.
const BROKER_AWAY_MAX: Duration = Duration::from_secs(60);
/// How long the stream may yield nothing.
const NOTHING_MAX: Duration = Duration::from_secs(60);
/// How long one look for records may take.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// Batches that may wait to be used.
const BATCHES: usize = 2;

/// Opens the daemon's log.
pub(crate) struct StreamLogs {
    settings: Settings,
    live: EngineHandle,
    connected: watch::Receiver<Option<ConnectedBroker>>,
    /// The daemon's: requests for it come from that of the web server, which has few threads.
    runtime: Handle,
}

impl StreamLogs {
    /// To be called on the runtime that is to read.
    pub(super) fn new(
        settings: Settings,
        live: EngineHandle,
        connected: watch::Receiver<Option<ConnectedBroker>>,
    ) -> StreamLogs {
        StreamLogs { settings, live, connected, runtime: Handle::current() }
    }

    async fn opened(&self) -> Result<PastLog, PastLogError> {
        let unavailable = |why: &dyn std::fmt::Display| PastLogError::Unavailable(why.to_string());
        let Some(broker) = self.connected.borrow().clone() else {
            return Err(unavailable(&"there is no connection to NATS"));
        };
        let through = self.live.sequence();
        let opened = open(&self.settings, &broker.connection, Some(through), &self.runtime).await?;
        let OpenedStream { records, first, note } = opened;
        // What is left of the log does not say whose visitors these were.
        let links = match first > 1 {
            true => Some(self.live.begin_past().await.map_err(|busy| unavailable(&busy))?.links),
            false => None::<LinksSnapshot>,
        };
        Ok(PastLog { records: Box::new(records), links, note })
    }
}

impl PastLogs for StreamLogs {
    fn open(&self) -> BoxFuture<'_, Result<PastLog, PastLogError>> {
        self.opened().boxed()
    }
}

/// A stream that is open.
pub(crate) struct OpenedStream {
    pub(crate) records: StreamLog,
    /// The first message that the stream still has.
    pub(crate) first: u64,
    /// What it lacks.
    pub(crate) note: Option<String>,
}

/// Opens the stream of the settings up to a message, or to the last that it has now.
pub(crate) async fn open(
    settings: &Settings,
    connection: &NatsConnection,
    through: Option<u64>,
    runtime: &Handle,
) -> Result<OpenedStream, PastLogError> {
    if settings.source.kind != SourceKind::JetStream {
        return Err(PastLogError::NoLog);
    }
    let contents = stream_contents(connection, &settings.source.stream).await;
    let contents = contents.map_err(|error| PastLogError::Unavailable(error.to_string()))?;
    let (batches, received) = mpsc::channel(BATCHES);
    let health = Health::default();
    let source = super::source(settings, connection, batches, health.part("log")).from_beginning();
    let source = source.created_at(contents.created_ms);
    let note = match contents.first > 1 && contents.last > 0 {
        true => Some(format!("events before {} are no longer in the log", begins(&source, contents.first).await)),
        false => None,
    };
    let (stop, stopped) = watch::channel(false);
    let status = source.status();
    let log_failure = log_failure(Arc::clone(&status), health);
    runtime.spawn(NatsSource::run(source, stopped));
    let records = StreamLog {
        received,
        status,
        log_failure,
        first: contents.first,
        through: through.unwrap_or(contents.last),
        read: 0,
        waiting_since: None,
        runtime: runtime.clone(),
        _stop: stop,
    };
    Ok(OpenedStream { records, first: contents.first, note })
}

/// When the first message that the stream still has came in.
async fn begins(source: &NatsSource, first: u64) -> String {
    match source.record(first).await {
        Ok(Some(record)) => record.received.to_string(),
        Ok(None) | Err(_) => format!("message {first}"),
    }
}

/// A stream from its beginning up to a message.
pub(crate) struct StreamLog {
    received: mpsc::Receiver<RecordBatch>,
    status: Arc<SourceStatus>,
    log_failure: LogFailure,
    /// The first message that the stream had when it was opened.
    first: u64,
    /// The last one to be read.
    through: u64,
    /// The last one that was read; 0: none yet.
    read: u64,
    /// Since when nothing has come.
    waiting_since: Option<Instant>,
    runtime: Handle,
    /// The source ends when it is dropped.
    _stop: watch::Sender<bool>,
}

impl StreamLog {
    fn is_at_end(&self) -> bool {
        // The last messages before `through` may have been deleted: then nothing is left behind the one that was read.
        let has_no_more = self.read > 0 && self.read >= self.status.sequence() && self.status.pending() == 0;
        self.read >= self.through || self.first > self.through || has_no_more
    }

    fn progress(&self) -> f64 {
        let (read, all) = (self.read.saturating_sub(self.first - 1), self.through.saturating_sub(self.first - 1));
        if all == 0 { 1.0 } else { (read as f64 / all as f64).min(1.0) }
    }

    fn taken(&mut self, batch: RecordBatch) -> LogPiece {
        let through = self.through;
        self.waiting_since = None;
        self.read = batch.last().map_or(self.read, |record| record.sequence);
        let records = batch.into_iter().take_while(|record| record.sequence <= through);
        let record = |LogRecord { received, kind, lines, .. }| HistoryRecord { kind, lines, received: Some(received) };
        LogPiece::Records { records: records.map(record).collect(), progress: self.progress() }
    }
}

impl BacktestLog for StreamLog {
    fn next(&mut self) -> Result<LogPiece, String> {
        if let Some(why) = (self.log_failure)() {
            return Err(why);
        }
        if self.is_at_end() {
            return Ok(LogPiece::End);
        }
        // A timer is made on the runtime only.
        let received = async { tokio::time::timeout(LOOK_INTERVAL, self.received.recv()).await };
        match self.runtime.block_on(received) {
            Ok(Some(batch)) => Ok(self.taken(batch)),
            Ok(None) => Err("its source has ended".to_owned()),
            Err(_) => match self.waiting_since.get_or_insert_with(Instant::now).elapsed() > NOTHING_MAX {
                true => Err(format!("the stream has yielded nothing for {} s", NOTHING_MAX.as_secs())),
                false => Ok(LogPiece::NothingYet),
            },
        }
    }
}

/// Says what keeps the log from being read completely, if anything does.
pub(super) type LogFailure = Box<dyn Fn() -> Option<String> + Send>;

/// What keeps the log from being read completely: messages that are gone, or a broker that is away for too long.
pub(super) fn log_failure(status: Arc<SourceStatus>, health: Health) -> LogFailure {
    let failing_since: Mutex<Option<Instant>> = Mutex::new(None);
    Box::new(move || {
        let missing = status.missing();
        if missing > 0 {
            return Some(format!("{missing} of its messages were removed from the stream before they were read"));
        }
        let mut since = failing_since.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((_, why)) = health.failing().into_iter().next() else {
            *since = None;
            return None;
        };
        let began = *since.get_or_insert_with(Instant::now);
        (began.elapsed() >= BROKER_AWAY_MAX).then_some(why)
    })
}
