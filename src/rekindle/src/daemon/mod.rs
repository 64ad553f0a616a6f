//! The daemon's life: from settings that hold together to the last message published.
//!
//! 1. `rekindle run` reads everything that the settings name and finds every mistake, then binds the HTTP address.
//! 2. [`Daemon::open`] reads the newest checkpoint and starts the engine with it.
//! 3. [`Daemon::run`] connects, and waits until everything is there that it needs, and until it is its turn; only then it takes
//!    the checkpoints and the stream of outputs over, goes through the log up to where its outputs are out, and then reads,
//!    decides and publishes, for as long as nobody says stop; a checkpoint is written every so often. Whatever is missing
//!    meanwhile (a server, a stream, a permission) is said in the log, again and again, and in `/readyz`, and tried again.
//! 4. On the first signal nothing more is taken in; what was taken in is finished and published, and a last checkpoint
//!    written, within a deadline. On the second it ends at once.

mod checkpointer;
mod forget;
mod missing_names;
mod reload;
mod repeated_warning;
mod scrape;
mod signals;
mod startup;
mod store_lock;
mod takeover;

pub use forget::ForgetPublisher;
use missing_names::MissingNamesMonitor;
pub use missing_names::MissingNamesStatus;
pub use reload::{ActiveRules, ReloadCounts, ReloadError, ReloadOutcome, RulesReloader};
pub use scrape::ScrapeHandler;
pub use signals::{Signals, hang_up};

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tracing::{info, warn};

pub use checkpointer::CheckpointStatus;
use checkpointer::Checkpointer;
use startup::{RulesWithText, StartupState};
use takeover::{OutputSetup, SourceStart};

use rekindle_core::checkpoint::StreamIdentity;
use rekindle_runtime::health::{Health, HealthPart};
use rekindle_runtime::live::{self, EngineEndpoints, EngineHandle};
use rekindle_settings::{Settings, SourceKind};

use rekindle_core::partition::ExecutionPlan;
use rekindle_nats::sink::{Ended, Sink, SinkStatus};
use rekindle_nats::source::{NatsSource, SourceStatus};
use rekindle_nats::{Access, Connection};
use rekindle_runtime::log::RecordBatch;
use rekindle_runtime::output::batch::OutputItem;
use rekindle_runtime::pipeline::{PipelineOptions, RestoreError};
use rekindle_runtime::store::{CheckpointStore, StoreError};

/// How often it is looked whether what the rules read knows all it should.
const RULES_LOOKED_AT: Duration = Duration::from_secs(10);

/// How long the sink may take to say why nobody takes what the engine emits.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A daemon that could not start, or not finish.
#[derive(Debug, Error)]
pub enum DaemonError {
    /// A thread can't be started.
    #[error("could not start the engine's threads: {0}")]
    Threads(String),
    /// The workers can't be started.
    #[error("could not start the worker threads: {0}")]
    Workers(#[from] rayon::ThreadPoolBuildError),
    /// What was taken in could not be finished in time.
    #[error(
        "stopped after {deadline_ms} ms with work unfinished ({why}): what came of messages up to {reached} is published; the \
         next start goes on behind that by itself; raise [shutdown] deadline to let it finish"
    )]
    Unfinished {
        /// The deadline.
        deadline_ms: u64,
        /// What was in the way.
        why: String,
        /// Everything that came of the source's messages up to this one is published.
        reached: u64,
    },
    /// It must not go on publishing.
    #[error(transparent)]
    Ended(#[from] Ended),
    /// The checkpoints can't be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// They were written by a program that is not this one.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// Rules that were in force once can't be used any more.
    #[error(
        "the rules {version}, which the log has to be gone through again with, can't be used by this program ({why}): let \
         the version that wrote the checkpoints end with SIGTERM, which leaves nothing to go through, or begin anew with \
         --from-start"
    )]
    KeptRules {
        /// Their fingerprint.
        version: String,
        /// What is wrong with them.
        why: String,
    },
    /// The log is not the one of the checkpoints.
    #[error(
        "the log is stream {expected}, and what was published came of {found}: its numbers mean something else; restore that \
         stream, or begin anew with --from-start"
    )]
    OtherLog {
        /// The stream that it was.
        found: String,
        /// The stream there is.
        expected: String,
    },
    /// The broker has lost outputs that a checkpoint counts.
    #[error(
        "the stream of outputs holds {ordinal} outputs, and {expected} were out when checkpoint {number} was written: the \
         broker has lost some; begin anew with --from-start: what was lost is computed again and sent"
    )]
    OutputsLost {
        /// How many are in the stream.
        ordinal: u64,
        /// The checkpoint.
        number: u64,
        /// How many were out then.
        expected: u64,
    },
    /// It is not known what went out after the checkpoint.
    #[error(
        "the stream of outputs has no progress record any more (purged, older than the stream keeps messages, or written by a \
         version of this program before records bore their place) and ends with message {stream_last}; when checkpoint {number} was written it ended with {expected}. Whether outputs went out \
         since can't be told: go on with --accept-repeats, and some may go out twice (with the same ids)"
    )]
    ProgressGone {
        /// The checkpoint.
        number: u64,
        /// The stream's last message then.
        expected: u64,
        /// The stream's last message now.
        stream_last: u64,
    },
    /// What is out past the checkpoint was decided with other settings.
    #[error(
        "outputs that no checkpoint has yet were decided with other settings under [engine] ({found}; now {expected}), and \
         could not be told from those to come: start once more with the old ones and stop with SIGTERM, which leaves a \
         checkpoint, then change them; or go on with --accept-repeats, and some may go out twice, or not at all"
    )]
    OtherSettings {
        /// The settings then.
        found: String,
        /// The settings now.
        expected: String,
    },
    /// What is out was computed by a daemon whose checkpoints are not here.
    #[error(
        "the stream of outputs holds {ordinal} outputs, of messages up to {sequence}, and there are no checkpoints of them \
         where [checkpoint] store says: put them there, or read the log from its beginning with --from-start (what is out \
         is not sent again)"
    )]
    NoCheckpoints {
        /// How many outputs.
        ordinal: u64,
        /// Up to which message of the source.
        sequence: u64,
    },
    /// The second signal.
    #[error("ended at once by the second signal: what was taken in may not have been published")]
    Interrupted,
    /// The engine's thread died.
    #[error("the engine stopped unexpectedly; this is a mistake in Rekindle, please report it with the log")]
    EngineDied,
}

impl DaemonError {
    /// Another daemon goes on in this one's place.
    pub fn is_taken_over(&self) -> bool {
        matches!(self, DaemonError::Ended(Ended::TakenOver { .. }) | DaemonError::Store(StoreError::Fenced { .. }))
    }
}

/// What the daemon's parts say of themselves, for metrics and health. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Instruments {
    /// The engine.
    pub live: EngineHandle,
    /// What does not work.
    pub health: Health,
    /// What was published.
    pub sink: Arc<SinkStatus>,
    /// What was read, and over which connection, once there is one.
    pub connected: watch::Receiver<Option<ConnectedBroker>>,
    /// Reloads of the rules.
    pub reloader: Arc<RulesReloader>,
    /// What the rules wait for in vain.
    pub awaited: Arc<MissingNamesStatus>,
    /// Requests to forget a user.
    pub forgetter: Arc<ForgetPublisher>,
    /// The checkpoints.
    pub checkpoints: Arc<CheckpointStatus>,
    /// When the daemon started.
    pub started: Instant,
}

/// What there is once there is a connection.
#[derive(Clone, Debug)]
pub struct ConnectedBroker {
    /// The connection.
    pub connection: Connection,
    /// What was read.
    pub source: Arc<SourceStatus>,
}

/// A daemon that is ready to run.
pub struct Daemon {
    config: Settings,
    access: Access,
    ends: EngineEndpoints,
    instruments: Instruments,
    connected: watch::Sender<Option<ConnectedBroker>>,
    parts: HealthParts,
    beginning: StartupState,
    /// The fingerprint of the rules in the file.
    configured: String,
}

/// What the operator says of a start that would otherwise be refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StartOptions {
    /// Forget the checkpoints and read the log from where `[source] start` says; what is known to be out stays at home.
    pub from_start: bool,
    /// Go on from the checkpoint though it is not known what went out after it.
    pub accept_repeats: bool,
}

/// The parts that speak in health. They are failing until they work, from the first moment that anyone can ask.
struct HealthParts {
    nats: HealthPart,
    source: HealthPart,
    sink: HealthPart,
}

/// The tasks that move messages.
struct MessageTasks {
    source: JoinHandle<()>,
    sink: JoinHandle<Result<(), DaemonError>>,
    checkpoints: JoinHandle<Result<(), DaemonError>>,
    checkpointer: Option<Checkpointer>,
    /// Why the source can't go on, if it can't.
    refused: oneshot::Receiver<DaemonError>,
    status: Arc<SinkStatus>,
    stop: watch::Sender<bool>,
    /// Keeps the engine going after the source has ended.
    batches: mpsc::Sender<RecordBatch>,
}

impl Daemon {
    /// Reads the newest checkpoint and starts the engine with it. `configured` are the rules in the file
    /// `path`.
    ///
    /// # Errors
    /// The checkpoints can't be used, or the system refuses to start threads.
    pub async fn open(
        config: Settings,
        access: Access,
        options: PipelineOptions,
        conditions: StartOptions,
        path: PathBuf,
        configured: (String, Arc<ExecutionPlan>),
    ) -> Result<Daemon, DaemonError> {
        let health = Health::default();
        let parts = HealthParts { nats: health.part("nats"), source: health.part("source"), sink: health.part("sink") };
        let checkpoints = CheckpointStore::open(&config.checkpoint)?;
        if checkpoints.is_none() {
            let note =
                "no checkpoints are kept ([checkpoint] store is empty): a start reads the log from its beginning";
            warn!("{note}");
            health.note("checkpoint", note);
        }
        let (text, plan) = configured;
        let configured = plan.rules.version.clone();
        let (pipeline, rules, beginning) = startup::begin(
            checkpoints.clone(),
            options,
            config.source.kind,
            conditions,
            health.clone(),
            RulesWithText { plan, text },
        )
        .await?;
        let ends = live::start(pipeline, beginning.start, tokio::runtime::Handle::current())
            .map_err(|error| DaemonError::Threads(error.to_string()))?;
        let (connected, is_connected) = watch::channel(None);
        // What is in force once everything known is gone through.
        let RulesWithText { text, plan } = beginning.in_use(rules);
        let in_use = ActiveRules { path, text, version: plan.rules.version.clone(), since: scrape::wall_clock() };
        let reloader = RulesReloader::new(ends.live.clone(), health.clone(), checkpoints, in_use);
        let instruments = Instruments {
            live: ends.live.clone(),
            health,
            sink: Arc::default(),
            connected: is_connected.clone(),
            forgetter: Arc::new(ForgetPublisher::new(config.source.clone(), is_connected)),
            reloader: Arc::new(reloader),
            awaited: Arc::default(),
            checkpoints: Arc::default(),
            started: Instant::now(),
        };
        Ok(Daemon { config, access, ends, instruments, connected, parts, beginning, configured })
    }

    /// What its parts say of themselves.
    pub fn instruments(&self) -> Instruments {
        self.instruments.clone()
    }

    /// Reads, decides and publishes until a signal comes, then finishes.
    ///
    /// # Errors
    /// It must not go on, or not all that was taken in could be finished.
    pub async fn run(self, mut signals: Signals) -> Result<(), DaemonError> {
        let Daemon { config, access, ends, instruments, connected, parts, beginning, configured } = self;
        let EngineEndpoints { batches, output_items, thread, .. } = ends;
        let health = instruments.health.clone();
        // It ends with this.
        let mut reminding = tokio::task::JoinSet::new();
        reminding.spawn(repeated_warning::remind(health.clone()));
        let connecting = access.connect(config.source.batch, parts.nats);
        let connection = tokio::select! {
            connection = connecting => connection,
            () = signals.stop() => {
                info!("stopping; nothing had been taken in");
                return Ok(());
            }
        };
        let (live, reloader) = (instruments.live.clone(), Arc::clone(&instruments.reloader));
        tokio::spawn(async move {
            live.recovered().await;
            if live.stats().plan.rules.version != configured {
                info!(
                    "the rules file is not what was in force: it takes effect now that everything known is gone through"
                );
                // The log tells what came of it.
                let _ = reloader.reload(false).await;
            }
        });
        let awaited = MissingNamesMonitor {
            live: instruments.live.clone(),
            health: health.clone(),
            status: Arc::clone(&instruments.awaited),
            after: Duration::from_millis(u64::try_from(config.engine.unseen_after.0).unwrap_or(0)),
        };
        tokio::spawn(awaited.run());
        let reloader = Arc::clone(&instruments.reloader);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(RULES_LOOKED_AT).await;
                reloader.renew_note();
            }
        });
        let parts = (parts.source, parts.sink);
        let mut moving =
            start_moving(&config, &connection, &instruments, &connected, parts, batches, output_items, beginning);
        let mut engine = tokio::task::spawn_blocking(move || thread.join().is_ok());
        tokio::select! {
            () = signals.stop() => {}
            // None of these ends by itself while there is a source, save where it must not go on.
            ended = &mut moving.sink => return Err(why(ended)),
            ended = &mut moving.checkpoints => return Err(why(ended)),
            Ok(refused) = &mut moving.refused => return Err(refused),
            _ = &mut engine => {
                // It ends, too, when nobody takes what it emits any more: then the sink has ended, and says why.
                let ended = tokio::time::timeout(LAST_WORDS, &mut moving.sink).await;
                return Err(ended.map_or(DaemonError::EngineDied, why));
            }
        }
        let stopping = health.part("daemon");
        stopping.failing("stopping");
        let deadline = Duration::from_millis(u64::try_from(config.shutdown.deadline.0).unwrap_or(0));
        info!("stopping: nothing more is taken in; finishing within {deadline:?} (a second signal ends at once)");
        let finish = async {
            moving.finish_all().await?;
            let is_well = engine.await.unwrap_or(false);
            moving.sink.await.unwrap_or(Err(DaemonError::EngineDied))?;
            let _ = connection.client.flush().await;
            if is_well { Ok(()) } else { Err(DaemonError::EngineDied) }
        };
        tokio::select! {
            finished = tokio::time::timeout(deadline, finish) => match finished {
                Ok(finished) => {
                    finished?;
                    info!("everything taken in was decided and published");
                    Ok(())
                }
                Err(_) => Err(DaemonError::Unfinished {
                    deadline_ms: deadline.as_millis().try_into().unwrap_or(u64::MAX),
                    why: reasons(&health),
                    reached: instruments.sink.figures().reached,
                }),
            },
            () = signals.stop() => Err(DaemonError::Interrupted),
        }
    }
}

impl MessageTasks {
    /// Ends the source, lets the engine do all of what it was given, and writes a last checkpoint, so that the next start
    /// has nothing to go through.
    async fn finish_all(&mut self) -> Result<(), DaemonError> {
        let _ = self.stop.send(true);
        let _ = (&mut self.source).await;
        (&mut self.checkpoints).await.unwrap_or(Err(DaemonError::EngineDied))?;
        // Room for as many as can wait: none does any more.
        drop(self.batches.reserve_many(live::BATCH_QUEUE_CAPACITY).await);
        self.status.leave();
        if let Some(checkpointer) = &self.checkpointer {
            checkpointer.write().await?;
        }
        // The engine ends with the last who could give it something.
        let (closed, _) = mpsc::channel(1);
        self.batches = closed;
        Ok(())
    }
}

/// Why a task ended that should not have.
fn why(ended: Result<Result<(), DaemonError>, tokio::task::JoinError>) -> DaemonError {
    match ended {
        Ok(Err(error)) => error,
        Ok(Ok(())) | Err(_) => DaemonError::EngineDied,
    }
}

/// Why it is not ready, apart from that it is stopping.
fn reasons(health: &Health) -> String {
    let failing = health.failing();
    let reasons = failing.iter().filter(|(part, _)| *part != "daemon").map(|(part, why)| format!("{part}: {why}"));
    let reasons: Vec<String> = reasons.collect();
    if reasons.is_empty() { "there was more to do than time".to_owned() } else { reasons.join("; ") }
}

#[expect(clippy::too_many_arguments, reason = "each is used up here")]
fn start_moving(
    config: &Settings,
    connection: &Connection,
    instruments: &Instruments,
    connected: &watch::Sender<Option<ConnectedBroker>>,
    (source_part, sink_part): (HealthPart, HealthPart),
    batches: mpsc::Sender<RecordBatch>,
    output_items: mpsc::Receiver<OutputItem>,
    beginning: StartupState,
) -> MessageTasks {
    let source = NatsSource::new(connection.clone(), config.source.clone(), batches.clone(), source_part.clone());
    let limits = PipelineOptions { max_event_bytes: config.engine.max_event_bytes, ..PipelineOptions::default() };
    let source = source.unpacking_at_most(limits.max_message_bytes());
    let sink = Sink {
        settings: config.output.clone(),
        context: connection.jetstream.clone(),
        source: origin(config),
        part: sink_part,
        status: Arc::clone(&instruments.sink),
        connection: Arc::clone(&connection.status),
    };
    let _ = connected.send(Some(ConnectedBroker { connection: connection.clone(), source: source.status() }));
    let (stop, stopped) = watch::channel(false);
    let (ready, is_ready) = oneshot::channel();
    let (live, log) = (instruments.live.clone(), Arc::default());
    let checkpointer = beginning.checkpoints.clone().map(|checkpoints| Checkpointer {
        checkpoints,
        live: live.clone(),
        log: Arc::clone(&log),
        interval: Duration::from_millis(u64::try_from(config.checkpoint.interval.0).unwrap_or(10_000)),
        status: Arc::clone(&instruments.checkpoints),
        health: instruments.health.clone(),
    });
    let writing = {
        let (checkpointer, mut stopped) = (checkpointer.clone(), stopped.clone());
        async move {
            match checkpointer {
                Some(checkpointer) => checkpointer.run(stopped).await,
                None => {
                    let _ = stopped.wait_for(|stop| *stop).await;
                    Ok(())
                }
            }
        }
    };
    let opening = OutputSetup {
        connection: connection.clone(),
        sink,
        beginning,
        source: config.source.clone(),
        source_part,
        live,
        reloader: Arc::clone(&instruments.reloader),
        log,
        presence: store_lock::StoreLock::of(&config.checkpoint),
    };
    let (refuse, refused) = oneshot::channel();
    MessageTasks {
        source: tokio::spawn(read_once_ready(source, is_ready, stopped, refuse)),
        sink: tokio::spawn(takeover::publish(opening, output_items, ready)),
        checkpoints: tokio::spawn(writing),
        checkpointer,
        refused,
        status: Arc::clone(&instruments.sink),
        stop,
        batches,
    }
}

/// Reads once it is known what of the log is out; the log must have all of that, and be the stream that it was.
async fn read_once_ready(
    mut source: NatsSource,
    is_ready: oneshot::Receiver<SourceStart>,
    mut stop: watch::Receiver<bool>,
    refuse: oneshot::Sender<DaemonError>,
) {
    let from = tokio::select! {
        from = is_ready => from,
        _ = stop.wait_for(|stop| *stop) => return,
    };
    let Ok(SourceStart { after, needed, log }) = from else { return };
    if after > 0 {
        source = source.after(after);
    }
    let Some(log) = log else { return source.needing(needed).run(stop).await };
    let status = source.status();
    tokio::select! {
        () = source.needing(needed).created_at(log.created_ms).run(stop) => {}
        created_ms = status.other_stream() => {
            let expected = StreamIdentity::of(&log.name, created_ms).to_string();
            let _ = refuse.send(DaemonError::OtherLog { found: log.to_string(), expected });
        }
    }
}

/// What the sequence numbers of dead letters count in: the stream, or for plain NATS, this run.
fn origin(config: &Settings) -> String {
    match config.source.kind {
        SourceKind::JetStream => config.source.stream.clone(),
        SourceKind::Nats => format!("run of {}", jiff::Timestamp::now()),
    }
}
