//! The way out: the streams first, then everything into them.

use std::time::Duration;

use tokio::sync::mpsc;
use tracing::{error, info};

use crate::nats::Connection;
use crate::nats::streams::{Wanted, ensure_stream};
use crate::sink::emission::Emission;
use crate::sink::nats::{Sink, run};

/// How long to wait before looking for a stream again.
const AGAIN: Duration = Duration::from_secs(1);

/// Publishes all emissions, once the streams are there.
pub(super) async fn publish(connection: Connection, sink: Sink, emissions: mpsc::Receiver<Emission>) {
    if sink.settings.jetstream {
        for wanted in [Wanted::outputs(&sink.settings), Wanted::dead_letters(&sink.settings)] {
            while let Err(why) = prepare(&connection, &wanted).await {
                if sink.part.failing(why.as_str()) {
                    error!("{why}; trying again");
                }
                // Nothing to publish, and nothing will come: no reason to wait for a stream.
                if emissions.is_closed() && emissions.is_empty() {
                    return;
                }
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
    run(sink, emissions).await;
}

async fn prepare(connection: &Connection, wanted: &Wanted) -> Result<(), String> {
    let state = ensure_stream(connection, wanted).await.map_err(|error| error.to_string())?;
    if state.created {
        info!("created stream {}", wanted.name);
    }
    state.notes.iter().for_each(|note| info!("{note}"));
    Ok(())
}
