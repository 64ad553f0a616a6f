//! The way out: the streams first, then their ownership, then everything into them.

use std::time::Duration;

use tokio::sync::mpsc;
use tracing::{error, info, warn};

use super::DaemonError;
use super::begin::{Beginning, LogNow};
use crate::checkpoint::StreamIdentity;
use crate::config::SourceKind;
use crate::live::Live;
use crate::nats::Connection;
use crate::nats::streams::{Wanted, created_ms, ensure_stream, look_up};
use crate::sink::emission::Emission;
use crate::sink::nats::{Outlet, Owner, Sink};
use crate::store::Checkpoints;

/// How long to wait before looking for a stream again.
const AGAIN: Duration = Duration::from_secs(1);

/// Publishes all emissions: once the streams are there, they are this daemon's, and the engine knows what is out.
/// `ready` is told the last message that the source must have.
///
/// # Errors
/// This daemon must not go on, and why.
pub(super) async fn publish(
    connection: Connection,
    sink: Sink,
    beginning: Beginning,
    source_stream: Option<String>,
    live: Live,
    mut emissions: mpsc::Receiver<Emission>,
    ready: tokio::sync::oneshot::Sender<u64>,
) -> Result<(), DaemonError> {
    if sink.settings.jetstream {
        for wanted in [Wanted::outputs(&sink.settings), Wanted::dead_letters(&sink.settings)] {
            while let Err(why) = prepare(&connection, &wanted).await {
                if sink.part.failing(why.as_str()) {
                    error!("{why}; trying again");
                }
                // Nothing to publish, and nothing will come: no reason to wait for a stream.
                if emissions.is_closed() && emissions.is_empty() {
                    return Ok(());
                }
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
    let log = log_now(&connection, source_stream.as_deref()).await;
    let (instance, epoch) = (beginning.instance.clone(), beginning.epoch);
    let log_name = log.as_ref().map(|log| log.identity.to_string());
    let owner = Owner { instance, epoch, log: log_name, settings: Some(beginning.settings.clone()) };
    // Of two starts at once, the one that claimed the checkpoints first must not take the stream from the other, or neither
    // could go on. If the other claims the checkpoints after this, it takes the stream after this, too.
    let checkpoints = beginning.checkpoints.clone();
    let confirm = || confirm(checkpoints.clone());
    let decide = |known: &_| beginning.out(known, log.as_ref());
    let (outlet, out) = tokio::select! {
        taken = sink.take_over(&owner, confirm, decide) => taken?,
        // Nothing comes before the engine knows what is out: it has ended.
        _ = emissions.recv() => return Ok(()),
    };
    say_what_is_guaranteed(&outlet, out.is_some(), &beginning);
    let recovery = beginning.recovery(out);
    let needed = recovery.last_needed();
    if needed > beginning.start.sequence {
        info!(
            from = beginning.start.sequence,
            to = needed,
            "going through the log again, up to where its outputs are out"
        );
    }
    // The engine ends only after the sink has.
    let _ = live.recover(recovery).await;
    let _ = ready.send(needed);
    Ok(outlet.run(emissions).await?)
}

/// The stream that the log is, if it is there.
async fn log_now(connection: &Connection, stream: Option<&str>) -> Option<LogNow> {
    let info = look_up(connection, stream?).await.ok()?;
    let identity = StreamIdentity::of(&info.config.name, created_ms(&info));
    Some(LogNow { identity, last: info.state.last_sequence })
}

/// Makes sure that no other start has taken the checkpoints over.
async fn confirm(checkpoints: Option<Checkpoints>) -> Result<(), DaemonError> {
    match checkpoints {
        Some(checkpoints) => Ok(checkpoints.confirm().await?),
        None => Ok(()),
    }
}

/// What is weaker than it could be is said once, and stands in `/readyz` for as long as it lasts.
fn say_what_is_guaranteed(outlet: &Outlet, is_jetstream: bool, beginning: &Beginning) {
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

async fn prepare(connection: &Connection, wanted: &Wanted) -> Result<(), String> {
    let state = ensure_stream(connection, wanted).await.map_err(|error| error.to_string())?;
    if state.created {
        info!("created stream {}", wanted.name);
    }
    state.notes.iter().for_each(|note| info!("{note}"));
    Ok(())
}
