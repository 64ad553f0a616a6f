//! The way out: everything that is needed first, then the ownership of the outputs, then everything into them.
//!
//! Taking over ends whoever had the outputs, so it is the last step: the streams are there and take in what they should,
//! this user may read and write, the checkpoints can be used, streams and checkpoints agree, and it is this daemon's
//! [turn](rekindle_nats::sink::turn). A daemon that cannot work takes nothing from one that does.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::{error, info, warn};

use super::startup::{LogState, RulesWithText, StartupState};
use super::store_lock::StoreLock;
use super::{DaemonError, RulesReloader};
use rekindle_core::checkpoint::StreamIdentity;
use rekindle_nats::sink::{Outlet, Owner, Present, Sink, Turn, turn};
use rekindle_nats::source::rehearse;
use rekindle_nats::streams::{Wanted, created_ms, ensure_stream};
use rekindle_nats::{Connection, chance};
use rekindle_runtime::health::HealthPart;
use rekindle_runtime::live::EngineHandle;
use rekindle_runtime::output::batch::OutputItem;
use rekindle_runtime::output::committed_position::CommittedPosition;
use rekindle_runtime::pipeline::Pipeline;
use rekindle_runtime::store::CheckpointStore;
use rekindle_settings::{SourceKind, SourceSettings};

/// How long to wait before looking for something again that was missing, or somebody who was there.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// What a start needs to come by the outputs.
pub(super) struct OutputSetup {
    pub(super) connection: Connection,
    pub(super) sink: Sink,
    pub(super) beginning: StartupState,
    pub(super) source: SourceSettings,
    pub(super) source_part: HealthPart,
    pub(super) live: EngineHandle,
    pub(super) reloader: Arc<RulesReloader>,
    /// Where to say which stream the log is.
    pub(super) log: Arc<OnceLock<StreamIdentity>>,
    pub(super) presence: StoreLock,
}

/// What the source has to know.
pub(super) struct SourceStart {
    /// Behind this message; 0: where the settings say.
    pub(super) after: u64,
    /// The last message that the stream must have had.
    pub(super) needed: u64,
    /// Which stream it is; `None`: it is none.
    pub(super) log: Option<StreamIdentity>,
}

/// What taking over came to.
struct TakeoverResult {
    outlet: Outlet,
    /// What is out; `None`: outputs are in no stream.
    out: Option<CommittedPosition>,
    beginning: StartupState,
    /// For as long as this daemon is there.
    presence: JoinSet<()>,
}

/// Publishes all emissions, once the outputs are this daemon's and the engine knows what is out. `ready` is told where to
/// read from.
///
/// # Errors
/// This daemon must not go on, and why.
pub(super) async fn publish(
    opening: OutputSetup,
    mut output_items: mpsc::Receiver<OutputItem>,
    ready: tokio::sync::oneshot::Sender<SourceStart>,
) -> Result<(), DaemonError> {
    let (live, log) = (opening.live.clone(), Arc::clone(&opening.log));
    let TakeoverResult { outlet, out, beginning, presence } = tokio::select! {
        taken = opening.take_over() => taken?,
        // Nothing comes before the engine knows what is out: it has ended.
        _ = output_items.recv() => return Ok(()),
    };
    say_what_is_guaranteed(&outlet, out.is_some(), &beginning);
    let (recovery, after) = (beginning.recovery(out), beginning.start.sequence);
    let needed = recovery.last_needed();
    if needed > after {
        info!(from = after, to = needed, "going through the log again, up to where its outputs are out");
    }
    // The engine ends only after the sink has.
    let _ = live.recover(recovery).await;
    let _ = ready.send(SourceStart { after, needed, log: log.get().cloned() });
    let ended = outlet.run(output_items).await;
    drop(presence);
    Ok(ended?)
}

impl OutputSetup {
    async fn take_over(mut self) -> Result<TakeoverResult, DaemonError> {
        let log = loop {
            let log = self.streams().await;
            self.rehearse().await;
            let Some(present) = self.present().await? else { break log };
            if present.has_waited {
                // What was found out before may not be so any more.
                continue;
            }
            if self.beginning.is_outdated().await? {
                let anew = self.beginning.load().await?;
                self.begin_with(anew).await;
                continue;
            }
            // Where this is no, it is no before anything is taken from anybody.
            self.beginning.out(&present.present.known, log.as_ref())?;
            break log;
        };
        if let Some(anew) = self.beginning.claim().await? {
            self.begin_with(anew).await;
        }
        if let Some(log) = &log {
            let _ = self.log.set(log.identity.clone());
        }
        let OutputSetup { sink, beginning, presence, .. } = self;
        let owner = Owner {
            instance: beginning.instance.clone(),
            epoch: beginning.epoch,
            log: log.as_ref().map(|log| log.identity.to_string()),
            settings: Some(beginning.settings.clone()),
        };
        // Of two starts at once, the one that claimed the checkpoints first must not take the stream from the other, or neither
        // could go on. If the other claims the checkpoints after this, it takes the stream after this, too.
        let checkpoints = beginning.checkpoints.clone();
        let confirm = || confirm(checkpoints.clone());
        let decide = |known: &_| beginning.out(known, log.as_ref());
        let (outlet, out) = sink.take_over(&owner, confirm, decide).await?;
        let mut holding = JoinSet::new();
        holding.spawn(async move {
            presence.hold().await;
            std::future::pending().await
        });
        Ok(TakeoverResult { outlet, out, beginning, presence: holding })
    }

    async fn begin_with(&self, (pipeline, rules): (Pipeline, RulesWithText)) {
        let RulesWithText { text, plan } = self.beginning.in_use(rules);
        self.reloader.begin_with(text, plan.rules.version.clone());
        // The engine ends only after the sink has.
        let _ = self.live.begin_with(pipeline, self.beginning.start).await;
    }

    /// Waits until all streams are there and will do. The stream of events, if the log is one.
    async fn streams(&self) -> Option<LogState> {
        let mut log = None;
        if self.source.kind == SourceKind::JetStream {
            let mut wanted = Wanted::events(&self.source);
            // One that was read and is gone is not made anew: that would hide the loss.
            wanted.create &= self.beginning.start.sequence == 0;
            log = Some(until_it_works(&self.source_part, || self.events(&wanted)).await);
        }
        if self.sink.settings.jetstream {
            for wanted in [Wanted::outputs(&self.sink.settings), Wanted::dead_letters(&self.sink.settings)] {
                until_it_works(&self.sink.part, || prepare(&self.connection, &wanted)).await;
            }
        }
        log
    }

    async fn events(&self, wanted: &Wanted) -> Result<LogState, String> {
        let info = prepare(&self.connection, wanted).await?;
        let identity = StreamIdentity::of(&info.config.name, created_ms(&info));
        Ok(LogState { identity, last: info.state.last_sequence })
    }

    /// Waits until this user may read events and write records.
    async fn rehearse(&self) {
        if self.source.kind == SourceKind::JetStream {
            until_it_works(&self.source_part, || rehearse(&self.connection, &self.source)).await;
        }
        if self.sink.settings.jetstream {
            until_it_works(&self.sink.part, || self.sink.rehearse()).await;
        }
    }

    /// Waits until it is this daemon's turn; `None`: outputs are in no stream, which nobody owns.
    async fn present(&self) -> Result<Option<TakeoverPermit>, DaemonError> {
        if !self.sink.settings.jetstream {
            return Ok(None);
        }
        let (mut watched, mut since, mut has_waited) = (None, Instant::now(), false);
        loop {
            let present = until_it_works(&self.sink.part, || self.sink.present()).await;
            let sign = present.sign.as_ref();
            if watched != sign.map(|sign| sign.sequence) {
                (watched, since) = (sign.map(|sign| sign.sequence), Instant::now());
            }
            let (Turn::Wait(wait), Some(sign)) = (turn(self.sink.settings.takeover, sign, since.elapsed()), sign)
            else {
                return Ok(Some(TakeoverPermit { present, has_waited }));
            };
            // It was a process of this machine, and is not any more.
            if self.presence.is_held() && self.beginning.last_claimed_by(&sign.instance).await? {
                return Ok(Some(TakeoverPermit { present, has_waited }));
            }
            has_waited = true;
            let why = format!(
                "waiting for the outputs: another daemon has the stream {} (instance {}, epoch {}); this one takes over once \
                 that one has written nothing for some seconds, or ends",
                self.sink.settings.stream, sign.instance, sign.epoch
            );
            if self.sink.part.failing(why.as_str()) {
                info!("{why}");
            }
            // Several that wait for the same owner had better not come at the same moment.
            sleep(wait.min(RETRY_INTERVAL).mul_f64(0.75 + 0.5 * chance())).await;
        }
    }
}

/// It is this daemon's turn.
struct TakeoverPermit {
    present: Present,
    /// It was not at first.
    has_waited: bool,
}

/// Tries again and again, and says why it does not work.
async fn until_it_works<T, Attempt: Future<Output = Result<T, String>>>(
    part: &HealthPart,
    mut attempt: impl FnMut() -> Attempt,
) -> T {
    loop {
        match attempt().await {
            Ok(works) => return works,
            Err(why) => {
                if part.failing(why.as_str()) {
                    error!("{why}; trying again");
                }
                sleep(RETRY_INTERVAL).await;
            }
        }
    }
}

/// Makes sure that no other start has taken the checkpoints over.
async fn confirm(checkpoints: Option<CheckpointStore>) -> Result<(), DaemonError> {
    match checkpoints {
        Some(checkpoints) => Ok(checkpoints.confirm().await?),
        None => Ok(()),
    }
}

/// What is weaker than it could be is said once, and stands in `/readyz` for as long as it lasts.
fn say_what_is_guaranteed(outlet: &Outlet, is_jetstream: bool, beginning: &StartupState) {
    let mut notes = Vec::new();
    if beginning.source == SourceKind::Nats {
        notes.push("events come on plain NATS, at most once: what comes while this daemon is away is lost");
    }
    if !is_jetstream {
        notes.push(
            "outputs go out on plain NATS, at most once: what is under way when something breaks is lost, and what nobody \
             subscribes to is not kept",
        );
    } else if !outlet.is_atomic() {
        notes.push(
            "the server has no atomic batches (nats-server 2.12 has them): outputs go out once, but readers can see a part \
             of what belongs together",
        );
    }
    notes.iter().for_each(|note| warn!("{note}"));
    beginning.health.note("guarantees", notes.join("; "));
}

async fn prepare(connection: &Connection, wanted: &Wanted) -> Result<async_nats::jetstream::stream::Info, String> {
    let state = ensure_stream(connection, wanted).await.map_err(|error| error.to_string())?;
    if state.created {
        info!("created stream {}", wanted.name);
    }
    state.notes.iter().for_each(|note| info!("{note}"));
    Ok(state.info)
}
