//! What the log says of one user: an index of the stream by user, and the user's own records read from the stream.
//!
//! The index is built on the first request, by a reader of its own beside the engine, and caught up on later ones; until somebody asks
//! it costs nothing. Requests are answered one after the other.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc, watch};

use super::ConnectedBroker;
use crate::api::{HistoryRequests, HistoryUnavailable, LoggedStory, StoryRequest};
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::time::{Clock, Timestamp};
use rekindle_nats::source::NatsSource;
use rekindle_nats::streams::{StreamContents, stream_contents};
use rekindle_runtime::health::Health;
use rekindle_runtime::history::{HistoryRecord, OwnRecords, StreamIndex, UserReplay};
use rekindle_runtime::live::EngineHandle;
use rekindle_runtime::pipeline::PipelineOptions;
use rekindle_settings::{CheckpointLocation, Settings, SourceKind};

/// How long a request waits for the index.
const INDEX_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the stream may yield nothing while it is indexed.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Batches that may wait to be indexed.
const BATCHES: usize = 2;

/// Reads the history of users from the stream.
pub struct StreamHistory {
    settings: Settings,
    options: PipelineOptions,
    live: EngineHandle,
    connected: watch::Receiver<Option<ConnectedBroker>>,
    /// `None`: nobody has asked yet.
    index: Arc<Mutex<Option<StreamIndex>>>,
    /// How far the stream is indexed.
    indexed: Arc<AtomicU64>,
}

/// What a request needs, while it has the index.
struct HeldIndex {
    index: OwnedMutexGuard<Option<StreamIndex>>,
    contents: StreamContents,
}

impl StreamHistory {
    pub(super) fn new(
        settings: Settings,
        options: PipelineOptions,
        live: EngineHandle,
        connected: watch::Receiver<Option<ConnectedBroker>>,
    ) -> StreamHistory {
        StreamHistory { settings, options, live, connected, index: Arc::default(), indexed: Arc::default() }
    }

    async fn told(&self, request: StoryRequest) -> Result<LoggedStory, HistoryUnavailable> {
        if self.settings.source.kind != SourceKind::JetStream {
            return Err(HistoryUnavailable::NoLog);
        }
        let Some(broker) = self.connected.borrow().clone() else {
            return Err(HistoryUnavailable::Failed("there is no connection to NATS".to_owned()));
        };
        let held = self.caught_up(&broker).await?;
        let (contents, first) = (held.contents, held.index.as_ref().map_or(0, StreamIndex::first));
        let own = self.own_records(held, &broker, &request).await?;
        let plan = request.rules.clone().unwrap_or_else(|| Arc::clone(&self.live.stats().plan));
        let mut notes = notes(&plan, request.rules.is_some());
        if contents.first > 1 || first > 1 || own.removed() > 0 {
            let begins = self.begins(&broker, contents.first.max(first)).await;
            notes.insert(0, format!("events before {begins} are no longer in the log"));
        }
        let end = request.until.or_else(|| Some(self.live.stats().watermark).filter(|now| *now > Timestamp::MIN));
        let (options, replayed) = (self.options.clone(), Arc::clone(&plan));
        let replay = tokio::task::spawn_blocking(move || {
            let mut replay = UserReplay::new(replayed, &options, request.until, &request.user)?;
            if request.with_items {
                replay = replay.with_items();
            }
            own.into_records().for_each(|(_, latest_read, record)| replay.feed(latest_read, &record));
            Ok::<_, rekindle_runtime::history::HistoryError>(replay.finish(end))
        });
        let story = replay.await.map_err(failed)?.map_err(failed)?;
        Ok(LoggedStory { plan, story, notes })
    }

    /// When the first message that the stream still has came in.
    async fn begins(&self, broker: &ConnectedBroker, first: u64) -> String {
        match self.source(broker).0.record(first).await {
            Ok(Some(record)) => record.received.to_string(),
            Ok(None) | Err(_) => format!("message {first}"),
        }
    }

    fn source(&self, broker: &ConnectedBroker) -> (NatsSource, mpsc::Receiver<rekindle_runtime::log::RecordBatch>) {
        let (batches, received) = mpsc::channel(BATCHES);
        let part = Health::default().part("history");
        (super::source(&self.settings, &broker.connection, batches, part).from_beginning(), received)
    }

    /// The index, with all that the engine was handed.
    async fn caught_up(&self, broker: &ConnectedBroker) -> Result<HeldIndex, HistoryUnavailable> {
        let last = broker.source.sequence();
        let indexing = || HistoryUnavailable::Indexing { read: self.indexed.load(Ordering::Relaxed), last };
        let locked = tokio::time::timeout(INDEX_TIMEOUT, Arc::clone(&self.index).lock_owned()).await;
        let mut index = locked.map_err(|_| indexing())?;
        let contents = stream_contents(&broker.connection, &self.settings.source.stream).await.map_err(failed)?;
        if index.as_ref().is_none_or(|index| index.created_ms() != contents.created_ms) {
            let (folder, stream) = (self.folder(), self.settings.source.stream.clone());
            let options = self.options.clone();
            let opening = move || StreamIndex::open(&folder, &stream, contents.created_ms, &options);
            *index = Some(tokio::task::spawn_blocking(opening).await.map_err(failed)?.map_err(failed)?);
        }
        if index.as_ref().is_some_and(|index| index.covered() >= last) {
            return Ok(HeldIndex { index, contents });
        }
        let (source, received) = self.source(broker);
        let source = source.created_at(contents.created_ms);
        let source = match index.as_ref().map_or(0, StreamIndex::covered) {
            0 => source,
            covered => source.after(covered),
        };
        let catching_up = tokio::spawn(catch_up(index, source, received, last, Arc::clone(&self.indexed)));
        match tokio::time::timeout(INDEX_TIMEOUT, catching_up).await {
            Ok(done) => Ok(HeldIndex { index: done.map_err(failed)?.map_err(HistoryUnavailable::Failed)?, contents }),
            // It goes on.
            Err(_) => Err(indexing()),
        }
    }

    /// Where the index is: with the checkpoints, if they are in a folder.
    fn folder(&self) -> PathBuf {
        match &self.settings.checkpoint.store {
            CheckpointLocation::Folder(folder) => folder.join("history-index"),
            _ => std::env::temp_dir().join(format!("rekindle-history-index-{}", std::process::id())),
        }
    }

    async fn own_records(
        &self,
        HeldIndex { index, .. }: HeldIndex,
        broker: &ConnectedBroker,
        StoryRequest { user, until, .. }: &StoryRequest,
    ) -> Result<OwnRecords, HistoryUnavailable> {
        let links_end = index.as_ref().is_some_and(StreamIndex::has_forgets);
        let mut own = OwnRecords::new(user, &self.options, *until, links_end);
        let (source, _) = self.source(broker);
        let (mut index, until) = (index, *until);
        loop {
            let looked_up = tokio::task::spawn_blocking(move || {
                let wanted = match index.as_mut() {
                    Some(index) => index.wanted(&mut own, until),
                    None => Ok(Vec::new()),
                };
                (wanted, own, index)
            });
            let wanted;
            (wanted, own, index) = looked_up.await.map_err(failed)?;
            let wanted = match wanted {
                // It is built again by the next request.
                Err(error @ rekindle_runtime::history::HistoryError::Damaged { .. }) => {
                    *index = None;
                    let _ = std::fs::remove_dir_all(self.folder());
                    return Err(failed(error));
                }
                wanted => wanted.map_err(failed)?,
            };
            if wanted.is_empty() {
                return Ok(own);
            }
            let sequences: Vec<u64> = wanted.iter().map(|place| place.0).collect();
            let records = source.records(&sequences).await.map_err(failed)?;
            for (place, record) in wanted.into_iter().zip(records) {
                // By the log's clock, what came in later was not known then.
                let is_known = |received: Timestamp| {
                    self.options.clock == Clock::Events || until.is_none_or(|until| received <= until)
                };
                match record {
                    Some(record) if is_known(record.received) => {
                        let (kind, lines, received) = (record.kind, record.lines, Some(record.received));
                        own.add(place, HistoryRecord { kind, lines, received }).map_err(failed)?;
                    }
                    Some(_) => own.add_later(place),
                    None => own.add_removed(place),
                }
            }
        }
    }
}

/// Reads the stream up to a message, at half the speed that it could.
async fn catch_up(
    mut index: OwnedMutexGuard<Option<StreamIndex>>,
    source: NatsSource,
    mut received: mpsc::Receiver<rekindle_runtime::log::RecordBatch>,
    last: u64,
    indexed: Arc<AtomicU64>,
) -> Result<OwnedMutexGuard<Option<StreamIndex>>, String> {
    let (stop, stopped) = watch::channel(false);
    let reading = tokio::spawn(source.run(stopped));
    let result = async move {
        while index.as_ref().is_some_and(|index| index.covered() < last) {
            let batch = tokio::time::timeout(READ_TIMEOUT, received.recv()).await;
            let Ok(Some(batch)) = batch else { return Err("the stream yields nothing".to_owned()) };
            let began = Instant::now();
            let added = tokio::task::spawn_blocking(move || {
                let added = index.as_mut().map_or(Ok(()), |index| index.add(&batch));
                (added, index)
            });
            let added_to;
            (added_to, index) = added.await.map_err(|error| error.to_string())?;
            added_to.map_err(|error| error.to_string())?;
            indexed.store(index.as_ref().map_or(0, StreamIndex::covered), Ordering::Relaxed);
            tokio::time::sleep(began.elapsed()).await;
        }
        // Few entries are read again sooner than they are written each time.
        let written = tokio::task::spawn_blocking(move || {
            let large = index.as_mut().filter(|index| index.covered() >= last && index.has_many_unwritten());
            (large.map_or(Ok(()), StreamIndex::write), index)
        });
        let (written, index) = written.await.map_err(|error| error.to_string())?;
        written.map_err(|error| error.to_string())?;
        Ok(index)
    };
    let result = result.await;
    let _ = stop.send(true);
    reading.abort();
    result
}

fn failed(error: impl std::fmt::Display) -> HistoryUnavailable {
    HistoryUnavailable::Failed(error.to_string())
}

/// What the user's own events do not tell.
fn notes(plan: &ExecutionPlan, is_tried: bool) -> Vec<String> {
    let rules = &plan.rules;
    let mut notes = vec![match is_tried {
        false => format!("as the rules in force now (version {}) judge the user's events", rules.version),
        true => "as the rules that were asked about judge the user's events, as if they had been in force all along"
            .to_owned(),
    }];
    if !rules.budgets.is_empty() {
        let alone = "what budgets allowed is not known from these events alone: told as if nobody else had asked";
        notes.push(alone.to_owned());
    }
    if !(rules.groups.is_empty() && rules.tables.is_empty() && rules.ranks.is_empty()) {
        let others = "what others brought about is not known from these events alone: groups, rows of tables and ranks are left out";
        notes.push(others.to_owned());
    }
    notes
}

impl HistoryRequests for StreamHistory {
    fn story(&self, request: StoryRequest) -> BoxFuture<'_, Result<LoggedStory, HistoryUnavailable>> {
        self.told(request).boxed()
    }
}
