//! Publishing to NATS what was decided: encode, gather, publish, and tell how it goes.
//!
//! With JetStream every message is acknowledged by the server that stores it before the next are taken, in order, and
//! stored once ([`publish`] says how). Nothing is ever dropped: while the server is away, refuses, or has no room, the
//! sink tries again for as long as it takes, says why in its part of [`Health`](crate::health::Health), and takes in
//! nothing more, so that whoever feeds it waits too. Without JetStream messages are published at most once.
//!
//! What the server could never take, because it is too large, becomes a dead letter and does not hold up the rest.
//!
//! # What it needs permission for
//! To publish on its subjects and, with JetStream, on `$JS.API.STREAM.INFO.<stream>` and `$JS.API.STREAM.MSG.GET.<stream>`
//! of both streams; to subscribe to `_INBOX.>`.
//!
//! # What it deliberately does not do
//! It neither connects nor creates streams, and it keeps nothing on disk: what was not acknowledged when the process ends
//! comes again from the log. It does not stop by itself: it ends when its input does; dropping it at any moment is safe.

mod encode;
mod message;
mod plain;
mod publish;
mod refusal;
mod status;
mod stream;
mod subjects;

use std::collections::VecDeque;
use std::sync::Arc;

use async_nats::jetstream::Context;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tracing::error;

use crate::config::Output as Settings;
use crate::health::Part;
use crate::sink::emission::Emission;
use encode::{Chunk, Encoder};
pub use message::Kind;
use message::Message;
use plain::PlainPublisher;
use publish::{BATCH, Publisher};
pub use status::{SinkFigures, SinkStatus};

/// How many encoded chunks may wait for the publisher.
const CHUNKS_AHEAD: usize = 2;

/// What the sink works with.
pub struct Sink {
    /// `[output]`
    pub settings: Settings,
    /// JetStream over the connection that is published on; its domain or prefix is used as it is.
    pub context: Context,
    /// What the sequence numbers of dead letters count in: the name of the source's stream; for plain NATS, something
    /// that is new at every start.
    pub source: String,
    /// The sink's voice in what works and what does not.
    pub part: Part,
    /// Where it counts.
    pub status: Arc<SinkStatus>,
    /// What happens on the connection: a missing permission is told there, not in an answer.
    pub connection: Arc<crate::nats::Status>,
}

/// Publishes everything that comes, until nothing more can; returns when all of it is acknowledged.
pub async fn run(sink: Sink, mut emissions: mpsc::Receiver<Emission>) {
    let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
    let mut encoder = Encoder::new(&sink.settings, sink.source.clone());
    let client = sink.context.client();
    let publishing = Outlet::new(sink, encoder.dead().clone()).publish_all(receiver);
    let encoding = async move {
        while let Some(emission) = emissions.recv().await {
            let mut work = match encoder.begin(emission, || publish::unique(&client)) {
                Ok(work) => work,
                Err(chunk) => {
                    let _ = sender.send(chunk).await;
                    continue;
                }
            };
            while let Some(chunk) = encoder.next_chunk(&mut work) {
                let _ = sender.send(chunk).await;
            }
        }
    };
    tokio::join!(encoding, publishing);
}

/// Gathers chunks and publishes them.
struct Outlet {
    way: Way,
    settings: Settings,
    context: Context,
    dead: async_nats::Subject,
    status: Arc<SinkStatus>,
    outputs: VecDeque<Message>,
    letters: VecDeque<Message>,
}

/// How messages go out.
enum Way {
    JetStream { outputs: Box<Publisher>, letters: Box<Publisher> },
    Plain(PlainPublisher),
}

impl Outlet {
    fn new(sink: Sink, dead: async_nats::Subject) -> Outlet {
        let Sink { settings, context, part, status, connection, .. } = sink;
        let way = if settings.jetstream {
            let publisher = |stream: &str| {
                let (part, status) = (part.clone(), Arc::clone(&status));
                Box::new(Publisher::new(context.clone(), stream, part, status, Arc::clone(&connection)))
            };
            Way::JetStream { outputs: publisher(&settings.stream), letters: publisher(&settings.dead_stream) }
        } else {
            Way::Plain(PlainPublisher::new(context.client(), part, Arc::clone(&status)))
        };
        Outlet { way, settings, context, dead, status, outputs: VecDeque::new(), letters: VecDeque::new() }
    }

    async fn publish_all(mut self, mut chunks: mpsc::Receiver<Chunk>) {
        match &mut self.way {
            Way::JetStream { outputs, letters } => {
                outputs.reach().await;
                letters.reach().await;
                outputs.works();
            }
            Way::Plain(plain) => plain.reach().await,
        }
        while self.gather(&mut chunks).await {
            self.publish_some().await;
        }
    }

    /// Takes in what is ready, and waits for something if there is nothing. Returns whether there is anything to
    /// publish: if not, there never will be.
    async fn gather(&mut self, chunks: &mut mpsc::Receiver<Chunk>) -> bool {
        if self.outputs.is_empty() && self.letters.is_empty() {
            let Some(chunk) = chunks.recv().await else { return false };
            self.add(chunk);
        }
        let linger = u64::try_from(self.settings.linger.0).unwrap_or(0);
        let until = Instant::now() + std::time::Duration::from_millis(linger);
        while self.outputs.len() < BATCH && self.letters.len() < BATCH {
            match chunks.try_recv() {
                Ok(chunk) => self.add(chunk),
                Err(mpsc::error::TryRecvError::Disconnected) => break,
                Err(mpsc::error::TryRecvError::Empty) if linger == 0 => break,
                Err(mpsc::error::TryRecvError::Empty) => match timeout_at(until, chunks.recv()).await {
                    Ok(Some(chunk)) => self.add(chunk),
                    Ok(None) | Err(_) => break,
                },
            }
        }
        true
    }

    fn add(&mut self, chunk: Chunk) {
        let limit = self.context.client().max_payload();
        for output in chunk.outputs {
            if output.size() > limit { self.give_up(&output, limit) } else { self.outputs.push_back(output) }
        }
        for letter in chunk.letters {
            self.add_letter(letter, limit);
        }
    }

    fn add_letter(&mut self, mut letter: Message, limit: usize) {
        if encode::shorten(&mut letter, limit) {
            self.letters.push_back(letter);
        } else {
            error!(limit, "a dead letter is larger than the server takes, even without its original: it is lost");
        }
    }

    /// Makes a dead letter of what is too large for the server.
    fn give_up(&mut self, output: &Message, limit: usize) {
        self.status.too_large();
        error!(
            subject = %output.subject,
            bytes = output.size(),
            limit,
            "an output is larger than the server takes: it goes to the dead letters"
        );
        self.add_letter(encode::too_large(output, &self.dead, limit), limit);
    }

    async fn publish_some(&mut self) {
        match &mut self.way {
            Way::Plain(plain) => {
                plain.publish(&mut self.outputs).await;
                plain.publish(&mut self.letters).await;
            }
            Way::JetStream { outputs, letters } => {
                let (mut too_large, mut too_large_letters) = (Vec::new(), Vec::new());
                outputs.publish(&mut self.outputs, &mut too_large).await;
                letters.publish(&mut self.letters, &mut too_large_letters).await;
                for output in too_large {
                    // The stream's own limit, or a server's that the connection has come to since.
                    let limit = output.size() - 1;
                    self.give_up(&output, limit);
                }
                for letter in too_large_letters {
                    let limit = letter.size() / 2;
                    self.add_letter(letter, limit);
                }
            }
        }
    }
}
