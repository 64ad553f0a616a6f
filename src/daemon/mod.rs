//! The daemon's life: from settings that hold together to the last message published.
//!
//! 1. `rekindle run` reads everything that the settings name and finds every mistake, then binds the HTTP address.
//! 2. [`Daemon::open`] starts the engine.
//! 3. [`Daemon::run`] connects, reads and publishes, for as long as nobody says stop. Whatever is missing meanwhile (a
//!    server, a stream, a permission) is said in the log and in `/readyz`, and tried again.
//! 4. On the first signal nothing more is taken in; what was taken in is finished and published, within a deadline. On the
//!    second it ends at once.

mod begin;
mod outputs;
mod reload;
mod scrape;
mod signals;

pub use reload::{ReloadError, Reloader, RulesInUse};
pub use scrape::Scrapes;
pub use signals::{Signals, hang_up};

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tracing::info;

use begin::Beginning;

use crate::config::{Config, SourceKind};
use crate::health::{Health, Part};
use crate::live::{self, Ends, Live, Start};

use crate::nats::{Access, Connection};
use crate::partition::Plan;
use crate::pipeline::{Options, Pipeline};
use crate::sink::emission::Emission;
use crate::sink::nats::{Ended, Sink, SinkStatus};
use crate::source::message::Batch;
use crate::source::nats::{NatsSource, SourceStatus};

/// A daemon that could not start, or not finish.
#[derive(Debug, Error)]
pub enum DaemonError {
    /// A thread can't be started.
    #[error("could not start the engine's threads: {0}")]
    Threads(String),
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
    /// The second signal.
    #[error("ended at once by the second signal: what was taken in may not have been published")]
    Interrupted,
    /// The engine's thread died.
    #[error("the engine stopped unexpectedly; this is a mistake in Rekindle, please report it with the log")]
    EngineDied,
}

/// What the daemon's parts say of themselves, for metrics and health. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Instruments {
    /// The engine.
    pub live: Live,
    /// What does not work.
    pub health: Health,
    /// What was published.
    pub sink: Arc<SinkStatus>,
    /// What was read, and over which connection, once there is one.
    pub connected: watch::Receiver<Option<Connected>>,
    /// Reloads of the rules.
    pub reloader: Arc<Reloader>,
    /// When the daemon started.
    pub started: Instant,
}

/// What there is once there is a connection.
#[derive(Clone, Debug)]
pub struct Connected {
    /// The connection.
    pub connection: Connection,
    /// What was read.
    pub source: Arc<SourceStatus>,
}

/// A daemon that is ready to run.
pub struct Daemon {
    config: Config,
    access: Access,
    ends: Ends,
    instruments: Instruments,
    connected: watch::Sender<Option<Connected>>,
    parts: Parts,
}

/// The parts that speak in health. They are failing until they work, from the first moment that anyone can ask.
struct Parts {
    nats: Part,
    source: Part,
    sink: Part,
}

/// The tasks that move messages.
struct Moving {
    source: JoinHandle<()>,
    sink: JoinHandle<Result<(), DaemonError>>,
    stop_source: watch::Sender<bool>,
}

impl Daemon {
    /// Starts the engine. `rules` is the text that was compiled to `plan`, `path` its file.
    ///
    /// # Errors
    /// The system refuses to start threads.
    pub fn open(
        config: Config,
        access: Access,
        options: Options,
        path: PathBuf,
        text: String,
        plan: Arc<Plan>,
    ) -> Result<Daemon, DaemonError> {
        let threads = |error: &dyn std::fmt::Display| DaemonError::Threads(error.to_string());
        let pipeline = Pipeline::new(Arc::clone(&plan), options).map_err(|error| threads(&error))?;
        let ends = live::start(pipeline, Start::default(), tokio::runtime::Handle::current())
            .map_err(|error| threads(&error))?;
        let (connected, is_connected) = watch::channel(None);
        let instruments = Instruments {
            live: ends.live.clone(),
            health: Health::default(),
            sink: Arc::default(),
            connected: is_connected,
            reloader: Arc::new(Reloader::new(ends.live.clone(), path, text, plan.rules.version.clone())),
            started: Instant::now(),
        };
        let health = &instruments.health;
        let parts = Parts { nats: health.part("nats"), source: health.part("source"), sink: health.part("sink") };
        Ok(Daemon { config, access, ends, instruments, connected, parts })
    }

    /// What its parts say of themselves.
    pub fn instruments(&self) -> Instruments {
        self.instruments.clone()
    }

    /// Reads, decides and publishes until a signal comes, then finishes.
    ///
    /// # Errors
    /// Not all that was taken in could be finished.
    pub async fn run(self, mut signals: Signals) -> Result<(), DaemonError> {
        let Daemon { config, access, ends, instruments, connected, parts } = self;
        let Ends { batches, emissions, thread, .. } = ends;
        let health = instruments.health.clone();
        let connecting = access.connect(config.source.batch, parts.nats);
        let connection = tokio::select! {
            connection = connecting => connection,
            () = signals.stop() => {
                info!("stopping; nothing had been taken in");
                return Ok(());
            }
        };
        let parts = (parts.source, parts.sink);
        let mut moving = start_moving(&config, &connection, &instruments, &connected, parts, batches, emissions);
        let mut engine = tokio::task::spawn_blocking(move || thread.join().is_ok());
        tokio::select! {
            () = signals.stop() => {}
            ended = &mut moving.sink => {
                // It does not end by itself while there is a source, save where it must not go on.
                ended.map_err(|_| DaemonError::EngineDied)??;
                return Err(DaemonError::EngineDied);
            }
            _ = &mut engine => return Err(DaemonError::EngineDied),
        }
        let stopping = health.part("daemon");
        stopping.failing("stopping");
        let deadline = Duration::from_millis(u64::try_from(config.shutdown.deadline.0).unwrap_or(0));
        info!("stopping: nothing more is taken in; finishing within {deadline:?} (a second signal ends at once)");
        let finish = async {
            let _ = moving.stop_source.send(true);
            let _ = moving.source.await;
            let engine_ended = engine.await.unwrap_or(false);
            let published = moving.sink.await.unwrap_or(Err(DaemonError::EngineDied));
            let _ = connection.client.flush().await;
            published.and(if engine_ended { Ok(()) } else { Err(DaemonError::EngineDied) })
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

/// Why it is not ready, apart from that it is stopping.
fn reasons(health: &Health) -> String {
    let failing = health.failing();
    let reasons = failing.iter().filter(|(part, _)| *part != "daemon").map(|(part, why)| format!("{part}: {why}"));
    let reasons: Vec<String> = reasons.collect();
    if reasons.is_empty() { "there was more to do than time".to_owned() } else { reasons.join("; ") }
}

fn start_moving(
    config: &Config,
    connection: &Connection,
    instruments: &Instruments,
    connected: &watch::Sender<Option<Connected>>,
    (source_part, sink_part): (Part, Part),
    batches: mpsc::Sender<Batch>,
    emissions: mpsc::Receiver<Emission>,
) -> Moving {
    let source = NatsSource::new(connection.clone(), config.source.clone(), batches, source_part);
    let sink = Sink {
        settings: config.output.clone(),
        context: connection.jetstream.clone(),
        source: origin(config),
        part: sink_part,
        status: Arc::clone(&instruments.sink),
        connection: Arc::clone(&connection.status),
    };
    let _ = connected.send(Some(Connected { connection: connection.clone(), source: source.status() }));
    let beginning = Beginning {
        start: Start::default(),
        changes: VecDeque::new(),
        instance: instance(),
        epoch: 0,
        source: config.source.kind,
        health: instruments.health.clone(),
    };
    let (stop_source, stop) = watch::channel(false);
    let (ready, is_ready) = oneshot::channel();
    let live = instruments.live.clone();
    Moving {
        source: tokio::spawn(read_once_ready(source, is_ready, stop)),
        sink: tokio::spawn(outputs::publish(connection.clone(), sink, beginning, live, emissions, ready)),
        stop_source,
    }
}

/// Reads once it is known what of the log is out; the log must have all of that.
async fn read_once_ready(source: NatsSource, is_ready: oneshot::Receiver<u64>, mut stop: watch::Receiver<bool>) {
    let needed = tokio::select! {
        needed = is_ready => needed,
        _ = stop.wait_for(|stop| *stop) => return,
    };
    if let Ok(needed) = needed {
        source.needing(needed).run(stop).await;
    }
}

/// A name that no other start of a daemon has.
fn instance() -> String {
    nuid::next().to_string()
}

/// What the sequence numbers of dead letters count in: the stream, or for plain NATS, this run.
fn origin(config: &Config) -> String {
    match config.source.kind {
        SourceKind::JetStream => config.source.stream.clone(),
        SourceKind::Nats => format!("run of {}", jiff::Timestamp::now()),
    }
}
