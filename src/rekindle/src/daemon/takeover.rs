//! Takes over the outputs: everything a daemon needs must work first, and then it becomes their owner.
//!
//! Taking over ends the former owner, so it is the last step: the streams exist and fit, this user may read and write,
//! the checkpoint is usable, streams and checkpoint agree, and it is this daemon's
//! [turn](rekindle_nats::sink::takeover_decision). A daemon that cannot work takes nothing from one that can.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::{error, info, warn};

use super::start_position::{LogState, StartDecision};
use super::startup::{RulesWithText, StartPipeline, StartupState};
use super::store_lock::StoreLock;
use super::{DaemonError, Instruments};
use rekindle_core::checkpoint::StreamIdentity;
use rekindle_nats::sink::{
    CommittedOutputs, CurrentOwner, NatsSink, OutputOwner, OwnedSink, TakeoverDecision, takeover_decision,
};
use rekindle_nats::source::check_permission;
use rekindle_nats::streams::{StreamError, StreamRequirements, created_ms, ensure_stream};
use rekindle_nats::{NatsConnection, random_fraction};
use rekindle_runtime::health::HealthPart;
use rekindle_runtime::output::committed_position::CommittedPosition;
use rekindle_settings::{SourceKind, SourceSettings};

/// How long to wait before asking again for something that is missing, or for the owner's latest record.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// What a start needs to take over the outputs.
pub(super) struct OutputSetup {
    pub(super) connection: NatsConnection,
    pub(super) sink: NatsSink,
    pub(super) startup: StartupState,
    pub(super) source: SourceSettings,
    pub(super) source_part: HealthPart,
    pub(super) instruments: Instruments,
    pub(super) store_lock: StoreLock,
}

/// The outputs are this daemon's.
pub(super) struct TakeoverResult {
    pub(super) outlet: OwnedSink,
    /// The committed position; `None`: outputs are in no stream.
    pub(super) committed: Option<CommittedPosition>,
    pub(super) startup: StartupState,
    /// The stream that is the log; `None`: events come on plain NATS.
    pub(super) log: Option<StreamIdentity>,
    /// Keeps the lock on the store until it is dropped.
    pub(super) store_lock: JoinSet<()>,
}

impl OutputSetup {
    /// Waits until everything is there and it is this daemon's turn, then takes over the checkpoints and the output stream.
    ///
    /// # Errors
    /// This daemon must not run, and why.
    pub(super) async fn take_over(mut self) -> Result<TakeoverResult, DaemonError> {
        let log = loop {
            let log = self.streams().await;
            self.check_permissions().await;
            let Some(permit) = self.permit().await? else { break log };
            if permit.has_waited {
                // What was verified before the wait may have changed.
                continue;
            }
            if self.startup.is_outdated().await? {
                let newer = self.startup.load().await?;
                self.start_with(newer).await;
                continue;
            }
            // A start that is refused is refused before anything is taken from another daemon.
            self.startup.decide(&permit.owner.recovery, log.as_ref())?;
            break log;
        };
        if let Some(newer) = self.startup.claim().await? {
            self.start_with(newer).await;
        }
        let OutputSetup { sink, startup, store_lock, .. } = self;
        let owner = OutputOwner {
            instance: startup.instance.clone(),
            epoch: startup.epoch,
            log: log.as_ref().map(|log| log.identity.to_string()),
            settings: Some(startup.settings.clone()),
        };
        // Of two starts at once, the one that claimed the checkpoints first must not take the stream from the other, or neither
        // could continue. If the other claims the checkpoints after this, it takes the stream after this, too.
        let confirm = || startup.confirm_claim();
        let decide = |recovery: &_| -> Result<_, DaemonError> {
            let StartDecision { ordinal, committed, warnings } = startup.decide(recovery, log.as_ref())?;
            warnings.iter().for_each(|warning| warn!("{warning}"));
            Ok(CommittedOutputs { ordinal, position: committed })
        };
        let (outlet, committed) = sink.take_over(&owner, confirm, decide).await?;
        let mut locking = JoinSet::new();
        locking.spawn(async move {
            store_lock.acquire().await;
            std::future::pending().await
        });
        report_guarantees(&outlet, committed.is_some(), &startup);
        Ok(TakeoverResult { outlet, committed, startup, log: log.map(|log| log.identity), store_lock: locking })
    }

    /// Gives the engine another pipeline than the one it was started with.
    async fn start_with(&self, StartPipeline { pipeline, rules }: StartPipeline) {
        let RulesWithText { text, plan } = self.startup.rules_after_replay(rules);
        self.instruments.reloader.start_with(text, plan.rules.version.clone());
        // The engine ends only after the sink.
        let _ = self.instruments.live.replace_pipeline(pipeline, self.startup.restored).await;
    }

    /// Waits until all streams exist and fit. The log's, if events come from a stream.
    async fn streams(&self) -> Option<LogState> {
        let mut log = None;
        if self.source.kind == SourceKind::JetStream {
            let mut wanted = StreamRequirements::events(&self.source);
            // A stream that was read and is gone is not created again: that would hide the loss.
            wanted.create &= self.startup.restored.sequence == 0;
            log = Some(until_it_works(&self.source_part, || self.events(&wanted)).await);
        }
        if self.sink.settings.jetstream {
            for wanted in [
                StreamRequirements::outputs(&self.sink.settings),
                StreamRequirements::dead_letters(&self.sink.settings),
            ] {
                until_it_works(&self.sink.part, || prepare(&self.connection, &wanted)).await;
            }
        }
        log
    }

    async fn events(&self, wanted: &StreamRequirements) -> Result<LogState, StreamError> {
        let info = prepare(&self.connection, wanted).await?;
        let identity = StreamIdentity::of(&info.config.name, created_ms(&info));
        Ok(LogState { identity, last: info.state.last_sequence })
    }

    /// Waits until this user may read events and write records.
    async fn check_permissions(&self) {
        if self.source.kind == SourceKind::JetStream {
            until_it_works(&self.source_part, || check_permission(&self.connection, &self.source)).await;
        }
        if self.sink.settings.jetstream {
            until_it_works(&self.sink.part, || self.sink.check_permission()).await;
        }
    }

    /// Waits until it is this daemon's turn; `None`: outputs are in no stream, which nobody owns.
    async fn permit(&self) -> Result<Option<TakeoverPermit>, DaemonError> {
        if !self.sink.settings.jetstream {
            return Ok(None);
        }
        let (mut watched, mut since, mut has_waited) = (None, Instant::now(), false);
        loop {
            let owner = until_it_works(&self.sink.part, || self.sink.current_owner()).await;
            let heartbeat = owner.heartbeat.as_ref();
            if watched != heartbeat.map(|heartbeat| heartbeat.sequence) {
                (watched, since) = (heartbeat.map(|heartbeat| heartbeat.sequence), Instant::now());
            }
            let (TakeoverDecision::Wait(wait), Some(heartbeat)) =
                (takeover_decision(self.sink.settings.takeover, heartbeat, since.elapsed()), heartbeat)
            else {
                return Ok(Some(TakeoverPermit { owner, has_waited }));
            };
            // The owner was a process of this machine, and has ended.
            if self.store_lock.try_acquire() && self.startup.last_claimed_by(&heartbeat.instance).await? {
                return Ok(Some(TakeoverPermit { owner, has_waited }));
            }
            has_waited = true;
            let why = format!(
                "waiting for the outputs: another daemon owns the stream {} (instance {}, epoch {}); this one takes over when \
                 the owner has written nothing for some seconds, or ends",
                self.sink.settings.stream, heartbeat.instance, heartbeat.epoch
            );
            if self.sink.part.failing(why.as_str()) {
                info!("{why}");
            }
            // Spreads the attempts of several daemons that wait for the same owner.
            sleep(wait.min(RETRY_INTERVAL).mul_f64(0.75 + 0.5 * random_fraction())).await;
        }
    }
}

/// It is this daemon's turn to take over.
struct TakeoverPermit {
    owner: CurrentOwner,
    /// It was not at once.
    has_waited: bool,
}

/// Retries until it works; the reason for a failure is logged once and shown in `/readyz`.
async fn until_it_works<T, E: std::error::Error, Attempt: Future<Output = Result<T, E>>>(
    part: &HealthPart,
    mut attempt: impl FnMut() -> Attempt,
) -> T {
    loop {
        match attempt().await {
            Ok(works) => return works,
            Err(error) => {
                let why = error.to_string();
                if part.failing(why.as_str()) {
                    error!("{why}; retrying");
                }
                sleep(RETRY_INTERVAL).await;
            }
        }
    }
}

/// Reports guarantees that are weaker than they could be: once in the log, and in `/readyz` all the time.
fn report_guarantees(outlet: &OwnedSink, is_jetstream: bool, startup: &StartupState) {
    let mut notes = Vec::new();
    if startup.inputs.source == SourceKind::Nats {
        notes.push("events come on plain NATS, at most once: those that arrive while this daemon is down are lost");
    }
    if !is_jetstream {
        notes.push(
            "outputs are published on plain NATS, at most once: those in flight during a failure are lost, and those without a \
             subscriber are not stored",
        );
    } else if !outlet.is_atomic() {
        notes.push(
            "the server has no atomic batches (nats-server 2.12 has them): outputs are published once, but readers can see a \
             part of a commit",
        );
    }
    notes.iter().for_each(|note| warn!("{note}"));
    startup.inputs.health.note("guarantees", notes.join("; "));
}

async fn prepare(
    connection: &NatsConnection,
    wanted: &StreamRequirements,
) -> Result<async_nats::jetstream::stream::Info, StreamError> {
    let state = ensure_stream(connection, wanted).await?;
    if state.created {
        info!("created stream {}", wanted.name);
    }
    state.notes.iter().for_each(|note| info!("{note}"));
    Ok(state.info)
}
