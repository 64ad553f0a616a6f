//! Publishing dead letters into their own stream: all of them, in no particular order.
//!
//! Each carries an id made of its content. One whose acknowledgement was lost is sent again, and the stream, which
//! remembers ids for a while, drops it if it is there already.

use std::time::Duration;

use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use futures_util::future::join_all;

use super::commit::CommitError;
use super::encode::Outgoing;
use super::trouble::Trouble;
use crate::nats::Connection;
use crate::nats::streams::{Wanted, ensure_stream};

/// How many are under way at a time.
const UNDER_WAY: usize = 256;

/// How long the server may take to acknowledge.
const ACK_TIMEOUT: Duration = Duration::from_secs(5);

/// Publishes dead letters.
pub(super) struct Letters {
    connection: Connection,
    wanted: Wanted,
}

impl Letters {
    pub(super) fn new(connection: Connection, wanted: Wanted) -> Letters {
        Letters { connection, wanted }
    }

    /// Whether the stream is there and as it must be.
    pub(super) async fn prepare(&self) -> Result<(), CommitError> {
        ensure_stream(&self.connection, &self.wanted).await?;
        Ok(())
    }

    /// Publishes letters, trying until they are in.
    pub(super) async fn publish(&self, letters: &[Outgoing], trouble: &mut Trouble) {
        for some in letters.chunks(UNDER_WAY) {
            let mut left: Vec<&Outgoing> = some.iter().collect();
            while !left.is_empty() {
                let answers = join_all(left.iter().map(|letter| self.publish_one(letter))).await;
                let (mut failed, mut failure) = (Vec::new(), None);
                for (letter, answer) in left.into_iter().zip(answers) {
                    if let Err(error) = answer {
                        failed.push(letter);
                        failure = Some(error);
                    }
                }
                left = failed;
                if let Some(error) = failure {
                    let error = self.prepare().await.err().unwrap_or(error);
                    trouble.met(error.to_string()).await;
                }
            }
        }
    }

    async fn publish_one(&self, letter: &Outgoing) -> Result<(), CommitError> {
        let Connection { jetstream, status, .. } = &self.connection;
        let since = status.denials();
        let publish = async {
            let sent =
                jetstream.publish_with_headers(letter.subject.clone(), letter.headers.clone(), letter.payload.clone());
            tokio::time::timeout(ACK_TIMEOUT, sent.await?).await.unwrap_or(Err(PublishErrorKind::TimedOut.into()))
        };
        tokio::select! {
            answer = publish => answer.map(drop).map_err(|error| self.explain(letter, &error)),
            denial = status.denied(since, |denial| denial.concerns_request(&letter.subject)) => {
                Err(CommitError::Denied(denial))
            }
        }
    }

    fn explain(&self, letter: &Outgoing, error: &PublishError) -> CommitError {
        match error.kind() {
            PublishErrorKind::StreamNotFound => CommitError::NoStream(letter.subject.to_string()),
            PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe => CommitError::NoAck,
            _ => CommitError::Refused { stream: self.wanted.name.clone(), description: error.to_string() },
        }
    }
}
