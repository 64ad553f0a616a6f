//! Publishing into a stream so that everything is in it once, in order, whatever happens on the way.
//!
//! A chunk of messages is sent as one *atomic batch* (nats-server 2.12 or newer): the server stores all of it or
//! nothing. Each attempt says which sequence number the stream must end at (`Nats-Expected-Last-Sequence`), and carries
//! an id of its own, which the server keeps with the messages. When an acknowledgement does not come, nobody knows
//! whether the batch is in. So before the next attempt the stream is read back from its end: a message with the id of
//! one of our attempts means that it is; else it is sent again, expecting the same end. Should the lost attempt arrive
//! late after all, it no longer finds the end it expects, and is refused. One chunk is under way at a time.
//!
//! An older server has no batches. There each message is sent on its own, all of a chunk at once, each expecting the
//! one before it to be the stream's last: if one is lost, all behind it are refused. Reading back tells how many are in,
//! and the rest is sent again. That is as exact; but a crash in between leaves a part of a chunk in the stream.
//!
//! This holds as long as nobody else publishes to the stream. When somebody does, attempts are refused until one comes
//! through in a quiet moment.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::client::PublishErrorKind;
use base64::Engine as _;
use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::json;
use thiserror::Error;

use super::encode::Outgoing;
use super::trouble::Trouble;
use crate::nats::streams::{StreamError, Wanted, ensure_stream};
use crate::nats::{Connection, Denial};

/// The most messages the server takes in a batch.
pub(super) const BATCH_MAX: usize = 1_000;

/// How long the server may take to acknowledge.
const ACK_TIMEOUT: Duration = Duration::from_secs(5);

/// How many messages are read back from the stream's end at most.
const READ_BACK_MAX: u64 = 2_000;

/// Error codes of JetStream.
const WRONG_LAST_SEQUENCE: u64 = 10_071;
const BATCHES_NOT_ALLOWED: u64 = 10_174;

/// Our own mark on messages where there are no batches.
const MARK: &str = "Rekindle-Batch";

/// Why a chunk is not in the stream yet.
#[derive(Debug, Error)]
pub(super) enum CommitError {
    /// The stream won't do.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// The server does not permit it.
    #[error("{0}")]
    Denied(Denial),
    /// No stream takes the subject.
    #[error("no stream takes in {0}: the stream is missing, or was edited")]
    NoStream(String),
    /// The server refused.
    #[error("the server refused to store messages in stream {stream}: {description}")]
    Refused {
        /// The stream.
        stream: String,
        /// What it said.
        description: String,
    },
    /// No answer came in time.
    #[error("the server does not acknowledge what is published")]
    NoAck,
    /// Somebody else writes to the stream.
    #[error("somebody else publishes to stream {0}; it must be this daemon's alone")]
    OtherWriter(String),
    /// What is in the stream could not be read back.
    #[error("could not read back the end of stream {stream}: {cause}")]
    ReadBack {
        /// The stream.
        stream: String,
        /// Why not.
        cause: crate::nats::ApiError,
    },
}

/// What the server says to a publication that asks for an answer.
#[derive(Debug, Deserialize)]
struct Ack {
    #[serde(default)]
    seq: u64,
    error: Option<AckError>,
}

#[derive(Debug, Deserialize)]
struct AckError {
    #[serde(default)]
    err_code: u64,
    #[serde(default)]
    description: String,
}

/// Publishes into one stream.
pub(super) struct Committer {
    connection: Connection,
    wanted: Wanted,
    /// The stream's last sequence number, once known.
    last: Option<u64>,
    atomic: bool,
}

/// A chunk on its way: what is tried, and under which ids.
struct Chunk<'m> {
    messages: &'m [Outgoing],
    /// Where the stream ended before the first attempt.
    base: u64,
    attempts: Vec<String>,
}

impl Committer {
    pub(super) fn new(connection: Connection, wanted: Wanted) -> Committer {
        let atomic = connection.server_is_at_least(2, 12);
        Committer { connection, wanted, last: None, atomic }
    }

    /// Whether the stream is there and as it must be; where it ends is noted.
    pub(super) async fn prepare(&mut self) -> Result<Vec<String>, CommitError> {
        let state = ensure_stream(&self.connection, &self.wanted).await?;
        self.atomic = state.info.config.allow_atomic_publish && self.connection.server_is_at_least(2, 12);
        self.last = Some(state.info.state.last_sequence);
        Ok(state.notes)
    }

    /// Whether a chunk is stored whole or not at all.
    pub(super) fn is_atomic(&self) -> bool {
        self.atomic
    }

    /// Publishes up to [`BATCH_MAX`] messages, trying until they are in. Returns whether an acknowledgement was lost, and
    /// the messages were found in the stream.
    pub(super) async fn commit(&mut self, messages: &[Outgoing], trouble: &mut Trouble) -> bool {
        let mut chunk = Chunk { messages, base: self.last.unwrap_or_default(), attempts: Vec::new() };
        loop {
            match self.attempt(&mut chunk).await {
                Ok(last) => {
                    self.last = Some(last);
                    return chunk.messages.is_empty();
                }
                Err(error) => {
                    self.last = None;
                    trouble.met(error.to_string()).await;
                }
            }
        }
    }

    /// Sends what is not in the stream yet. Returns the stream's last sequence number after it.
    async fn attempt(&mut self, chunk: &mut Chunk<'_>) -> Result<u64, CommitError> {
        let base = match self.last {
            Some(last) => last,
            None => self.find_end(chunk).await?,
        };
        if chunk.messages.is_empty() {
            return Ok(base);
        }
        chunk.base = base;
        // Unique, and of what a header may hold.
        let unique = self.connection.client.new_inbox();
        chunk.attempts.push(unique.rsplit('.').next().unwrap_or_default().to_owned());
        if self.atomic { self.send_batch(chunk).await } else { self.send_in_turn(chunk).await }
    }

    /// Reads back from the stream's end what of a chunk is in it, drops that from the chunk, and says where the stream
    /// ends.
    async fn find_end(&mut self, chunk: &mut Chunk<'_>) -> Result<u64, CommitError> {
        let was_atomic = self.atomic;
        self.prepare().await?;
        let end = self.last.unwrap_or_default();
        self.last = None;
        if chunk.attempts.is_empty() {
            return Ok(end);
        }
        let oldest = chunk.base.max(end.saturating_sub(READ_BACK_MAX));
        for sequence in (oldest + 1..=end).rev() {
            let Some(mark) = self.mark_at(sequence).await? else { continue };
            let Some((id, number)) = mark.split_once('/') else { continue };
            if chunk.attempts.iter().any(|attempt| attempt == id) {
                let stored = if was_atomic { chunk.messages.len() } else { number.parse().unwrap_or(0) };
                chunk.messages = &chunk.messages[stored.min(chunk.messages.len())..];
                chunk.attempts.clear();
                break;
            }
        }
        Ok(end)
    }

    /// The id and number in its batch that a stored message carries: `id/number`.
    async fn mark_at(&self, sequence: u64) -> Result<Option<String>, CommitError> {
        #[derive(Deserialize)]
        struct Answer {
            message: Stored,
        }
        #[derive(Deserialize)]
        struct Stored {
            #[serde(default)]
            hdrs: Option<String>,
        }
        let subject = format!("STREAM.MSG.GET.{}", self.wanted.name);
        let answer = match crate::nats::ask::<Answer>(&self.connection, &subject, &json!({ "seq": sequence })).await {
            Ok(answer) => answer,
            // Deleted, or expired already: not ours, which is a moment old.
            Err(error) if error.code() == Some(async_nats::jetstream::ErrorCode::NO_MESSAGE_FOUND) => return Ok(None),
            Err(cause) => return Err(CommitError::ReadBack { stream: self.wanted.name.clone(), cause }),
        };
        let headers = answer.message.hdrs.and_then(|hdrs| base64::engine::general_purpose::STANDARD.decode(hdrs).ok());
        let headers = String::from_utf8_lossy(&headers.unwrap_or_default()).into_owned();
        let value = |name: &str| {
            let line = headers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.map(|value| value.trim().to_owned())
        };
        Ok(value(MARK).or_else(|| Some(format!("{}/{}", value("Nats-Batch-Id")?, value("Nats-Batch-Sequence")?))))
    }

    /// One atomic batch. Returns the stream's last sequence number after it.
    async fn send_batch(&self, chunk: &Chunk<'_>) -> Result<u64, CommitError> {
        let id = chunk.attempts.last().map_or("", String::as_str);
        let mut numbered = chunk.messages.iter().zip(1..).peekable();
        while let Some((message, number)) = numbered.next() {
            let mut headers = message.headers.clone();
            headers.insert("Nats-Batch-Id", id);
            headers.insert("Nats-Batch-Sequence", number.to_string().as_str());
            if number == 1 {
                headers.insert("Nats-Expected-Last-Sequence", chunk.base.to_string().as_str());
            }
            if numbered.peek().is_some() {
                self.send(message, headers).await?;
            } else {
                headers.insert("Nats-Batch-Commit", "1");
                return self.request(message, headers).await;
            }
        }
        Ok(chunk.base)
    }

    /// Message by message, each expecting the one before it to be the last.
    async fn send_in_turn(&self, chunk: &Chunk<'_>) -> Result<u64, CommitError> {
        let id = chunk.attempts.last().map_or("", String::as_str);
        let requests = chunk.messages.iter().zip(1_u64..).map(|(message, number)| {
            let mut headers = message.headers.clone();
            headers.insert(MARK, format!("{id}/{number}").as_str());
            headers.insert("Nats-Expected-Last-Sequence", (chunk.base + number - 1).to_string().as_str());
            self.request(message, headers)
        });
        let mut last = chunk.base;
        for answer in join_all(requests).await {
            last = answer?;
        }
        Ok(last)
    }

    async fn send(&self, message: &Outgoing, headers: HeaderMap) -> Result<(), CommitError> {
        let sent =
            self.connection.client.publish_with_headers(message.subject.clone(), headers, message.payload.clone());
        sent.await.map_err(|error| self.unsent(error.kind(), &error))
    }

    fn unsent(&self, kind: PublishErrorKind, error: &dyn std::fmt::Display) -> CommitError {
        let description = match kind {
            PublishErrorKind::MaxPayloadExceeded => format!("{error}: the server's max_payload was made smaller"),
            _ => error.to_string(),
        };
        CommitError::Refused { stream: self.wanted.name.clone(), description }
    }

    async fn request(&self, message: &Outgoing, headers: HeaderMap) -> Result<u64, CommitError> {
        let Connection { client, status, .. } = &self.connection;
        let since = status.denials();
        let request =
            async_nats::Request::new().headers(headers).payload(message.payload.clone()).timeout(Some(ACK_TIMEOUT));
        let concerns = |denial: &Denial| denial.concerns_request(&message.subject);
        let answer = tokio::select! {
            answer = client.send_request(message.subject.clone(), request) => answer,
            denial = status.denied(since, concerns) => return Err(CommitError::Denied(denial)),
        };
        let answer = answer.map_err(|error| match error.kind() {
            async_nats::RequestErrorKind::NoResponders => CommitError::NoStream(message.subject.to_string()),
            _ => CommitError::NoAck,
        })?;
        let refused = |description| CommitError::Refused { stream: self.wanted.name.clone(), description };
        let ack: Ack = serde_json::from_slice(&answer.payload)
            .map_err(|error| refused(format!("its acknowledgement can't be read: {error}")))?;
        match ack.error {
            None => Ok(ack.seq),
            Some(error) if error.err_code == WRONG_LAST_SEQUENCE => {
                Err(CommitError::OtherWriter(self.wanted.name.clone()))
            }
            Some(error) if error.err_code == BATCHES_NOT_ALLOWED => {
                Err(refused("allow_atomic was turned off".to_owned()))
            }
            Some(error) => Err(refused(error.description)),
        }
    }
}
