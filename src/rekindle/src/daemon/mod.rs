//! The daemon's life, in order:
//!
//! 1. `rekindle run` reads everything that the settings name and collects every mistake, before an address is bound.
//! 2. [`Daemon::open`] restores the newest checkpoint and starts the engine with it.
//! 3. [`Daemon::run`] connects to NATS, and waits until everything it needs exists and no other daemon owns the outputs. Only
//!    then it takes over the checkpoints and the output stream, replays the log up to the committed position, and then reads,
//!    decides and publishes until it is stopped; a checkpoint is written at intervals. What is missing meanwhile (a server, a
//!    stream, a permission) is retried, logged repeatedly, and shown in `/readyz`.
//! 4. On the first signal it reads nothing more, processes and publishes what was read, and writes a last checkpoint, within a
//!    deadline. On the second it ends at once.

mod audit;
mod checkpointer;
mod collectors;
mod control;
mod error;
mod from_log;
mod history;
mod instruments;
mod missing_names;
pub(crate) mod past_log;
mod reload;
mod repeated_warning;
mod rules_text;
mod signals;
mod start_position;
mod startup;
mod store_lock;
mod takeover;
mod tasks;
mod update;
mod user_requests;

pub use audit::AuditTrail;
pub use error::DaemonError;
pub use history::StreamHistory;
pub use instruments::{ConnectedBroker, Instruments};
pub use missing_names::MissingNamesStatus;
pub use reload::RulesReloader;
pub(crate) use repeated_warning::warn_repeatedly;
pub use signals::{Signals, hang_up};
pub use start_position::StartConflict;
pub use user_requests::UserRequestPublisher;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{info, warn};

use from_log::FromLogReloads;
use missing_names::MissingNamesMonitor;
use past_log::StreamLogs;
use startup::{RulesWithText, StartInputs, StartPipeline, StartupState};
use store_lock::StoreLock;
use takeover::{OutputSetup, TakeoverResult};
use tasks::MessageTasks;

use crate::backtests::{Backtests, backtest_limits};
use crate::metrics::{CheckpointMetrics, MetricsRegistry};
use crate::reload::ActiveRules;
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::time::{Span, Timestamp};
use rekindle_nats::sink::NatsSink;
use rekindle_nats::source::NatsSource;
use rekindle_nats::{NatsAccess, NatsConnection};
use rekindle_runtime::health::{Health, HealthPart};
use rekindle_runtime::live::{self, EngineEndpoints};
use rekindle_runtime::pipeline::PipelineOptions;
use rekindle_runtime::store::CheckpointStore;
use rekindle_settings::{Settings, SourceKind};

/// How often the note about the rules in `/readyz` is brought up to date.
const RULES_NOTE_INTERVAL: Duration = Duration::from_secs(10);

/// How long a daemon that ends tries to put the last records of changes into the log.
const LAST_RECORDS_TIMEOUT: Duration = Duration::from_secs(2);

/// Everything that is read and checked before a daemon starts.
pub struct DaemonInputs {
    /// The settings.
    pub settings: Settings,
    /// How to reach NATS.
    pub access: NatsAccess,
    /// How the pipeline computes.
    pub pipeline: PipelineOptions,
    /// What the operator accepts at this start.
    pub options: StartOptions,
    /// The rules file.
    pub rules_path: PathBuf,
    /// Its text.
    pub rules_text: String,
    /// Its rules.
    pub plan: Arc<ExecutionPlan>,
}

/// What the operator accepts: a start that needs it is refused otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StartOptions {
    /// Ignore the checkpoints and read the log from where `[source] start` says; published outputs are not published again.
    pub from_start: bool,
    /// Continue from the checkpoint though it is unknown what was published after it.
    pub accept_repeats: bool,
}

/// A daemon that is ready to run.
pub struct Daemon {
    settings: Settings,
    access: NatsAccess,
    endpoints: EngineEndpoints,
    instruments: Instruments,
    metrics: Arc<MetricsRegistry>,
    connected: watch::Sender<Option<ConnectedBroker>>,
    parts: HealthParts,
    startup: StartupState,
    /// The fingerprint of the rules in the rules file.
    configured: String,
}

/// The parts that report to health. They count as failing from the start until they work.
struct HealthParts {
    nats: HealthPart,
    source: HealthPart,
    sink: HealthPart,
}

impl Daemon {
    /// Restores the newest checkpoint and starts the engine with it.
    ///
    /// # Errors
    /// The checkpoints can't be used, or the system refuses to start threads.
    pub async fn open(inputs: DaemonInputs) -> Result<Daemon, DaemonError> {
        let DaemonInputs { settings, access, pipeline: options, options: start, rules_path, rules_text, plan } = inputs;
        let health = Health::default();
        let parts = HealthParts { nats: health.part("nats"), source: health.part("source"), sink: health.part("sink") };
        let checkpoints = CheckpointStore::open(&settings.checkpoint)?;
        if checkpoints.is_none() {
            let note = "no checkpoints are written ([checkpoint] store is empty): every start replays the log from its beginning";
            warn!("{note}");
            health.note("checkpoint", note);
        }
        let configured = plan.rules.version.clone();
        let pipeline_options = options.clone();
        let inputs = StartInputs {
            checkpoints: checkpoints.clone(),
            pipeline: options,
            source: settings.source.kind,
            options: start,
            health: health.clone(),
            configured: RulesWithText { plan, text: rules_text },
        };
        let (StartPipeline { pipeline, rules }, startup) = StartupState::read(inputs).await?;
        let runtime = tokio::runtime::Handle::current();
        let endpoints = live::start(pipeline, startup.restored, runtime).map_err(DaemonError::Threads)?;
        let RulesWithText { text, plan } = startup.rules_after_replay(rules);
        let version = plan.rules.version.clone();
        let by = reload::BY_START.to_owned();
        let active = ActiveRules { path: rules_path, text, version, since: wall_clock(), by };
        let (connected, is_connected) = watch::channel(None);
        let metrics = Arc::new(MetricsRegistry::default());
        let audit = Arc::new(AuditTrail::new(settings.source.clone(), is_connected.clone(), health.clone()));
        let reloader = Arc::new_cyclic(|reloader| {
            let from_log =
                FromLogReloads::new(reloader.clone(), settings.clone(), pipeline_options.clone(), is_connected.clone());
            let (live, audit) = (endpoints.live.clone(), Arc::clone(&audit));
            RulesReloader::new(live, health.clone(), checkpoints, active, &metrics, from_log, audit)
        });
        let instruments = Instruments {
            live: endpoints.live.clone(),
            reloader,
            health,
            sink: Arc::default(),
            connected: is_connected.clone(),
            requests: Arc::new(UserRequestPublisher::new(
                settings.source.clone(),
                &settings.collect.subject,
                is_connected.clone(),
            )),
            audit,
            history: Arc::new(StreamHistory::new(
                settings.clone(),
                pipeline_options.clone(),
                endpoints.live.clone(),
                is_connected.clone(),
            )),
            backtests: Arc::new(Backtests::new(
                endpoints.live.clone(),
                pipeline_options,
                backtest_limits(&settings.engine),
                Arc::new(StreamLogs::new(settings.clone(), endpoints.live.clone(), is_connected)),
            )),
            missing_names: Arc::default(),
            checkpoints: Arc::new(CheckpointMetrics::register(&metrics)),
            started: Instant::now(),
        };
        collectors::register(&metrics, instruments.clone());
        Ok(Daemon { settings, access, endpoints, instruments, metrics, connected, parts, startup, configured })
    }

    /// Handles to the parts of the daemon.
    pub fn instruments(&self) -> Instruments {
        self.instruments.clone()
    }

    /// The metrics of all parts.
    pub fn metrics(&self) -> Arc<MetricsRegistry> {
        Arc::clone(&self.metrics)
    }

    /// Connects, takes over, reads, decides and publishes until a signal comes, then drains.
    ///
    /// # Errors
    /// It must not run, or not everything that was read could be processed and published in time.
    pub async fn run(self, mut signals: Signals) -> Result<(), DaemonError> {
        let Daemon { settings, access, endpoints, instruments, connected, parts, startup, configured, .. } = self;
        let EngineEndpoints { batches, output_items, thread, .. } = endpoints;
        let mut engine = tokio::task::spawn_blocking(move || thread.join().is_ok());
        // The tasks end when this function returns.
        let _monitors = start_monitors(&instruments, &settings, configured);

        // Connect, and take over the outputs. Until then nothing is read, so there is nothing to drain.
        let starting = async {
            let connection = access.connect(settings.source.batch, parts.nats).await;
            let source = source(&settings, &connection, batches.clone(), parts.source.clone());
            let _ = connected.send(Some(ConnectedBroker { connection: connection.clone(), source: source.status() }));
            let setup = OutputSetup {
                sink: sink(&settings, &connection, &instruments, parts.sink),
                connection: connection.clone(),
                startup,
                source: settings.source.clone(),
                source_part: parts.source,
                instruments: instruments.clone(),
                store_lock: StoreLock::of(&settings.checkpoint),
            };
            setup.take_over().await.map(|takeover| (connection, source, takeover))
        };
        let (connection, source, takeover) = tokio::select! {
            started = starting => started?,
            () = signals.stop() => {
                info!("stopped before any event was read");
                return Ok(());
            }
            _ = &mut engine => return Err(DaemonError::EngineDied),
        };

        // Recover: the engine replays the log up to the committed position without publishing its outputs again.
        let TakeoverResult { outlet, committed, startup, log, store_lock } = takeover;
        let (recovery, restored) = (startup.recovery(committed), startup.restored.sequence);
        let (replay_to, reads_after) = (recovery.last_needed(), recovery.reads_after(restored));
        if replay_to > restored {
            info!(
                from = restored,
                to = replay_to,
                "replaying the log from sequence {restored}; the outputs of messages up to {replay_to} are already published"
            );
        }
        // The engine ends only after the sink.
        let _ = instruments.live.recover(recovery).await;

        // Run: read, decide, publish and write checkpoints until a signal comes.
        let mut tasks = MessageTasks::start(tasks::TaskInputs {
            source: source.after(reads_after).needing(replay_to),
            log,
            outlet,
            output_items,
            batches,
            checkpoints: startup.inputs.checkpoints,
            interval: duration(settings.checkpoint.interval),
            instruments: instruments.clone(),
            store_lock,
        });
        tokio::select! {
            () = signals.stop() => {}
            ended = tasks.failed(&mut engine) => return Err(ended),
        }

        // Drain.
        instruments.health.part("daemon").failing("stopping");
        let deadline = duration(settings.shutdown.deadline);
        info!("stopping: no more events are read; draining within {deadline:?} (a second signal ends at once)");
        let drain = async {
            tasks.drain(engine).await?;
            let _ = tokio::time::timeout(LAST_RECORDS_TIMEOUT, instruments.audit.publish_waiting()).await;
            let _ = connection.client.flush().await;
            Ok(())
        };
        tokio::select! {
            drained = tokio::time::timeout(deadline, drain) => match drained {
                Ok(drained) => drained.inspect(|()| info!("everything that was read is processed and published")),
                Err(_) => Err(DaemonError::Unfinished {
                    deadline_ms: deadline.as_millis().try_into().unwrap_or(u64::MAX),
                    why: unfinished_reasons(&instruments.health),
                    committed: instruments.sink.figures().committed_sequence,
                }),
            },
            () = signals.stop() => Err(DaemonError::Interrupted),
        }
    }
}

/// Starts the tasks that watch the others: repeated warnings, the rules file after a replay, missing names, the rules note.
fn start_monitors(instruments: &Instruments, settings: &Settings, configured: String) -> JoinSet<()> {
    let mut monitors = JoinSet::new();
    monitors.spawn(repeated_warning::warn_repeatedly(instruments.health.clone()));
    let (live, reloader) = (instruments.live.clone(), Arc::clone(&instruments.reloader));
    monitors.spawn(async move {
        live.recovered().await;
        reloader.keep_version().await;
        if reloader.was_reading_log(&configured).await {
            info!("the log was being read for a reload when the daemon ended: it is read again");
            let _ = reloader.reload_from_log(false, reload::BY_START).await;
        } else if live.stats().plan.rules.version != configured {
            info!("the rules file differs from the rules in force: it takes effect now that the replay is complete");
            reloader.reload_recorded(reload::BY_START).await;
        }
    });
    let audit = Arc::clone(&instruments.audit);
    monitors.spawn(async move { audit.run().await });
    let missing_names = MissingNamesMonitor {
        live: instruments.live.clone(),
        health: instruments.health.clone(),
        status: Arc::clone(&instruments.missing_names),
        after: duration(settings.engine.unseen_after),
    };
    monitors.spawn(missing_names.run());
    let reloader = Arc::clone(&instruments.reloader);
    monitors.spawn(async move {
        loop {
            tokio::time::sleep(RULES_NOTE_INTERVAL).await;
            reloader.renew_note();
        }
    });
    monitors
}

fn source(
    settings: &Settings,
    connection: &NatsConnection,
    batches: tokio::sync::mpsc::Sender<rekindle_runtime::log::RecordBatch>,
    part: HealthPart,
) -> NatsSource {
    let limits = PipelineOptions { max_event_bytes: settings.engine.max_event_bytes, ..PipelineOptions::default() };
    let source = NatsSource::new(connection.clone(), settings.source.clone(), batches, part);
    source.unpacking_at_most(limits.max_message_bytes()).mapping(settings.source_mappings())
}

fn sink(settings: &Settings, connection: &NatsConnection, instruments: &Instruments, part: HealthPart) -> NatsSink {
    NatsSink {
        settings: settings.output.clone(),
        connection: connection.clone(),
        source: origin(settings),
        part,
        status: Arc::clone(&instruments.sink),
    }
}

/// What the sequence numbers of dead letters refer to: the stream, or for plain NATS, this run.
fn origin(settings: &Settings) -> String {
    match settings.source.kind {
        SourceKind::JetStream => settings.source.stream.clone(),
        SourceKind::Nats => format!("run of {}", jiff::Timestamp::now()),
    }
}

/// The wall clock of this machine.
pub(crate) fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A span of the settings, which is never negative.
fn duration(span: Span) -> Duration {
    Duration::from_millis(u64::try_from(span.0).unwrap_or(0))
}

/// The failing parts and their reasons, other than that the daemon is stopping.
fn unfinished_reasons(health: &Health) -> String {
    let failing = health.failing();
    let reasons = failing.iter().filter(|(part, _)| *part != "daemon").map(|(part, why)| format!("{part}: {why}"));
    let reasons: Vec<String> = reasons.collect();
    if reasons.is_empty() { "the time was too short".to_owned() } else { reasons.join("; ") }
}
