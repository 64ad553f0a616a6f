//! The sink: encodes the engine's outputs, gathers them into commit batches, commits them, and reports its state.
//!
//! With JetStream outputs are [committed](committer) together with their committed position: in order, each once, whatever
//! happens to this process, to the server and to the connection, and by one daemon only. Dead letters are published into a
//! stream of their own before the outputs behind them: each at least once, with an id that is the same when it is published
//! again. Nothing is ever dropped: while the server is away, refuses, or has no room, the sink retries for as long as it
//! takes, reports the reason in its part of [`Health`](rekindle_runtime::health::Health), and accepts nothing more, so that
//! its caller waits too. Without JetStream messages are published at most once.
//!
//! An output that the server can never accept, because it is too large, becomes a dead letter and does not delay the rest.
//!
//! | file | |
//! |---|---|
//! | `encoder`, `subjects`, `attributes`, `message` | from outputs to messages |
//! | `owned`, `chunk_queue`, `commit_batch` | what is published next, and what is committed together |
//! | `committer`, `records` | the commit protocol, and the progress records in the stream |
//! | `dead_letter_publisher`, `core_nats` | publishing without commits |
//! | `request_letter` | dead letters of what came over HTTP, for others to publish |
//! | `stream_session`, `stream_state`, `publish_error` | attempts on one stream, retries, and the report to operators |
//! | `takeover` | when a start may take over from the owner |
//!
//! # Permissions
//! To publish on its subjects and, with JetStream, on `$JS.API.STREAM.INFO.<stream>` and `$JS.API.STREAM.MSG.GET.<stream>`
//! of both streams; to subscribe to `_INBOX.>`.
//!
//! # Deliberately absent
//! Connecting, creating streams, and anything on disk: what was not committed when the process ends is computed again from
//! the log. The sink ends by itself only where it must not continue; dropping it is safe at any moment.

mod attributes;
mod chunk_queue;
mod commit_batch;
mod committer;
mod core_nats;
mod dead_letter_publisher;
mod encoder;
mod message;
mod owned;
mod publish_error;
mod records;
mod request_letter;
mod status;
mod stream_session;
mod stream_state;
mod subjects;
mod takeover;

use std::sync::Arc;

use crate::NatsConnection;
use committer::Committer;
pub use committer::{CommittedOutputs, CommitterClosed, ID, ORDINAL, OutputOwner, OutputRecovery};
use core_nats::CoreNatsPublisher;
use dead_letter_publisher::DeadLetterPublisher;
pub use message::MessageKind;
pub use owned::OwnedSink;
use owned::Transport;
use rekindle_runtime::health::HealthPart;
use rekindle_runtime::output::committed_position::CommittedPosition;
use rekindle_settings::OutputSettings;
pub use request_letter::{LetterMessage, RequestLetter};
pub use status::{SinkFigures, SinkStatus};
use stream_session::StreamSession;
pub use takeover::{
    CurrentOwner, HEARTBEAT_INTERVAL, OWNER_TIMEOUT, OWNERSHIP_MIN, OwnerHeartbeat, RELEASE_DELAY, SinkError,
    TakeoverDecision, takeover_decision,
};

/// A sink that does not own the output stream yet.
pub struct NatsSink {
    /// `[output]`
    pub settings: OutputSettings,
    /// The connection on which it publishes; the domain or prefix of its JetStream context is used as it is.
    pub connection: NatsConnection,
    /// The namespace of the sequence numbers in dead letters: the name of the source's stream; for plain NATS, a name that is
    /// new at every start.
    pub source: String,
    /// Its part of health.
    pub part: HealthPart,
    /// Its counters.
    pub status: Arc<SinkStatus>,
}

impl NatsSink {
    /// Makes this daemon the owner of the output stream; the former owner ends. `decide` says, given what is found in the
    /// stream, what is published, or why this daemon must not continue. `confirm` is called after the stream was inspected and
    /// before it is claimed: whether everything else that belongs to it is still this daemon's. Without JetStream there is
    /// nothing to own, and neither is called. Returns the committed position that `decide` gave, if it was called.
    ///
    /// # Errors
    /// Those of `confirm` and `decide`.
    pub async fn take_over<E, Confirmed: Future<Output = Result<(), E>>>(
        self,
        owner: &OutputOwner,
        confirm: impl FnMut() -> Confirmed,
        decide: impl FnMut(&OutputRecovery) -> Result<CommittedOutputs, E>,
    ) -> Result<(OwnedSink, Option<CommittedPosition>), E> {
        if !self.settings.jetstream {
            let client = self.connection.client.clone();
            let publisher = CoreNatsPublisher::new(client, self.part.clone(), Arc::clone(&self.status));
            return Ok((OwnedSink::new(self, Transport::CoreNats(publisher), CommittedPosition::default()), None));
        }
        let (committer, committed) = self.committer().take_over(owner, confirm, decide).await?;
        let dead_letters = DeadLetterPublisher::new(self.session(&self.settings.dead_stream));
        let transport = Transport::JetStream { committer: Box::new(committer), dead_letters: Box::new(dead_letters) };
        Ok((OwnedSink::new(self, transport, committed.clone()), Some(committed)))
    }

    fn committer(&self) -> Committer {
        let batch_from = usize::from(self.settings.batch_from);
        Committer::unowned(self.session(&self.settings.stream), &self.settings.prefix, batch_from)
    }

    fn session(&self, stream: &str) -> StreamSession {
        StreamSession::new(self.connection.clone(), stream, self.part.clone(), Arc::clone(&self.status))
    }
}
