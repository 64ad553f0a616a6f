//! Publishing what was decided.
//!
//! [`Sink::run`] takes emissions until there are no more, turns them into messages ([`encode`]) and publishes these in
//! order. Into streams ([`commit`]) nothing is lost and nothing comes twice while the daemon lives: what can't be
//! published is tried again, for ever, and meanwhile the emissions pile up in their channel, which is bounded, so the
//! engine waits, and the source. Without streams (`jetstream = false`) a message is handed to the server once, and gone
//! if nobody listens.
//!
//! Deliberately absent: what is known across a restart. A daemon that starts again publishes again what it decides again;
//! an action's id is the same then.

mod commit;
pub mod encode;
mod letters;
mod status;
mod trouble;

pub use status::SinkStatus;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tracing::{error, info, warn};

use self::commit::{BATCH_MAX, Committer};
use self::encode::{Encoder, Outgoing};
use self::letters::Letters;
use self::trouble::Trouble;
use super::emission::Emission;
use crate::config::Output as Settings;
use crate::health::Part;
use crate::nats::Connection;
use crate::nats::streams::Wanted;

/// How many encoded emissions may wait for the one that is being published.
const ENCODED_AHEAD: usize = 2;

/// Messages on their way out, in order.
struct Encoded {
    outputs: Vec<Outgoing>,
    letters: Vec<Outgoing>,
}

/// The live sink.
pub struct Sink {
    /// The connection.
    pub connection: Connection,
    /// `[output]`.
    pub settings: Settings,
    /// The sink's voice in the daemon's health.
    pub part: Part,
    /// What it has done.
    pub status: Arc<SinkStatus>,
}

impl Sink {
    /// Publishes until the emissions end, and returns when all of them are out. Dropping the future ends it at once.
    pub async fn run(self, emissions: mpsc::Receiver<Emission>) {
        let (sender, encoded) = mpsc::channel(ENCODED_AHEAD);
        let encoding = encode_all(self.encoder(), emissions, sender, Arc::clone(&self.status));
        if self.settings.jetstream {
            tokio::join!(encoding, self.to_streams(encoded));
        } else {
            tokio::join!(encoding, self.at_most_once(encoded));
        }
    }

    fn encoder(&self) -> Encoder {
        Encoder::new(&self.settings, self.connection.client.server_info().max_payload)
    }

    fn trouble(&self) -> Trouble {
        Trouble::new(self.part.clone(), Arc::clone(&self.status))
    }

    async fn to_streams(&self, mut encoded: mpsc::Receiver<Encoded>) {
        let mut outputs = Committer::new(self.connection.clone(), Wanted::outputs(&self.settings));
        let mut letters = Letters::new(self.connection.clone(), Wanted::dead_letters(&self.settings));
        let mut trouble = self.trouble();
        loop {
            match outputs.prepare().await {
                Ok(notes) => notes.iter().for_each(|note| info!("{note}")),
                Err(error) => {
                    trouble.met(error.to_string()).await;
                    continue;
                }
            }
            match letters.prepare().await {
                Ok(()) => break,
                Err(error) => trouble.met(error.to_string()).await,
            }
        }
        if !outputs.is_atomic() {
            warn!(
                "the server is older than 2.12 and has no atomic batches: a crash may leave part of a batch published"
            );
        }
        trouble.over();
        let mut waiting: VecDeque<Outgoing> = VecDeque::new();
        loop {
            if !self.gather(&mut waiting, &mut encoded, &mut letters, &mut trouble).await {
                break;
            }
            let chunk: Vec<Outgoing> = waiting.drain(..waiting.len().min(BATCH_MAX)).collect();
            if outputs.commit(&chunk, &mut trouble).await {
                self.status.found_in_stream();
            }
            trouble.over();
            self.status.done(&chunk);
        }
    }

    /// Waits for outputs, and takes along what else there is, up to a batch. False: there will be none any more.
    async fn gather(
        &self,
        waiting: &mut VecDeque<Outgoing>,
        encoded: &mut mpsc::Receiver<Encoded>,
        letters: &mut Letters,
        trouble: &mut Trouble,
    ) -> bool {
        let linger = Duration::from_millis(u64::try_from(self.settings.linger.0).unwrap_or(0));
        let mut patience = None;
        while waiting.len() < BATCH_MAX {
            let next = if waiting.is_empty() {
                encoded.recv().await
            } else if let Ok(next) = encoded.try_recv() {
                Some(next)
            } else if linger.is_zero() {
                None
            } else {
                let until = *patience.get_or_insert_with(|| tokio::time::Instant::now() + linger);
                tokio::time::timeout_at(until, encoded.recv()).await.unwrap_or(None)
            };
            let Some(next) = next else { break };
            waiting.extend(next.outputs);
            if !next.letters.is_empty() {
                letters.publish(&next.letters, trouble).await;
                trouble.over();
                self.status.done(&next.letters);
            }
        }
        !waiting.is_empty()
    }

    async fn at_most_once(&self, mut encoded: mpsc::Receiver<Encoded>) {
        let client = &self.connection.client;
        let mut trouble = self.trouble();
        trouble.over();
        while let Some(next) = encoded.recv().await {
            let messages = [next.outputs, next.letters].concat();
            let mut failure = None;
            for message in &messages {
                let (subject, headers) = (message.subject.clone(), message.headers.clone());
                let sent = client.publish_with_headers(subject, headers, message.payload.clone()).await;
                failure = failure.or(sent.err().map(|error| error.to_string()));
            }
            let failure = failure.or(client.flush().await.err().map(|error| error.to_string()));
            match failure {
                None => trouble.over(),
                Some(error) => trouble.met(format!("could not publish: {error}")).await,
            }
            self.status.done(&messages);
        }
    }
}

/// Encodes while other messages are being published.
async fn encode_all(
    mut encoder: Encoder,
    mut emissions: mpsc::Receiver<Emission>,
    sender: mpsc::Sender<Encoded>,
    status: Arc<SinkStatus>,
) {
    while let Some(emission) = emissions.recv().await {
        let encode::Encoded { outputs, letters, oversized } = encoder.encode(&emission);
        if oversized > 0 {
            status.too_large(oversized);
            error!("{oversized} outputs are larger than the server takes (max_payload); they went to the dead letters");
        }
        if !(outputs.is_empty() && letters.is_empty()) && sender.send(Encoded { outputs, letters }).await.is_err() {
            return;
        }
    }
}
