//! Publishes dead letters: each at least once, and exactly once within the stream's `duplicate_window`.
//!
//! The id of a dead letter is a function of its place in the log, and is published as `Nats-Msg-Id`. After a missing
//! acknowledgement the dead letter is published again, and so it is when a start replays records whose outputs were not
//! committed; within its `duplicate_window` the stream drops the second one. Nothing is lost: outputs behind a dead letter
//! are committed only after the stream has acknowledged it.
//!
//! Deliberately absent: batches, expectations of the stream's last message, and the order of dead letters around a retry.
//! Each of them names its place in the log.

use std::collections::VecDeque;

use async_nats::header::NATS_MESSAGE_ID;
use tracing::info;

use super::message::OutputMessage;
use super::publish_error::PublishError;
use super::stream_session::StreamSession;

/// The most dead letters in flight.
const IN_FLIGHT_MAX: usize = 256;
/// The most bytes of them, plus one dead letter.
const IN_FLIGHT_BYTES_MAX: usize = 4 << 20;

/// Publishes into the stream of dead letters.
pub(super) struct DeadLetterPublisher {
    session: StreamSession,
}

impl DeadLetterPublisher {
    pub(super) fn new(session: StreamSession) -> DeadLetterPublisher {
        DeadLetterPublisher { session }
    }

    /// Waits until the stream exists; does not report yet that publishing [works](StreamSession::report_working).
    pub(super) async fn wait_for_stream(&mut self) {
        loop {
            match self.session.stream_state().await {
                Ok(state) => {
                    info!(stream = %self.session.stream, last = state.last_sequence, "the stream is there");
                    return;
                }
                Err(error) => self.retry_after(&error).await,
            }
        }
    }

    /// Publishes all the dead letters; returns those that the stream can never accept, because they are too large, once it
    /// has acknowledged all others. Retries for as long as it takes.
    pub(super) async fn publish(&mut self, dead_letters: &mut VecDeque<OutputMessage>) -> Vec<OutputMessage> {
        let mut too_large = Vec::new();
        while !dead_letters.is_empty() {
            match self.attempt(dead_letters, &mut too_large).await {
                Ok(()) => self.session.report_working(),
                Err(error) => {
                    self.retry_after(&error).await;
                    self.session.status.retried();
                }
            }
        }
        too_large
    }

    async fn retry_after(&mut self, error: &PublishError) {
        self.session.record_failure(error);
        self.session.wait_after(error).await;
    }

    /// Publishes some dead letters from the front, and removes those that are acknowledged or too large.
    async fn attempt(
        &self,
        dead_letters: &mut VecDeque<OutputMessage>,
        too_large: &mut Vec<OutputMessage>,
    ) -> Result<(), PublishError> {
        let attempt = self.session.begin_attempt()?;
        attempt.run(self.publish_some(dead_letters, too_large)).await
    }

    async fn publish_some(
        &self,
        dead_letters: &mut VecDeque<OutputMessage>,
        too_large: &mut Vec<OutputMessage>,
    ) -> Result<(), PublishError> {
        let (mut in_flight, mut bytes) = (VecDeque::new(), 0);
        for dead_letter in dead_letters.iter().take(IN_FLIGHT_MAX) {
            if bytes >= IN_FLIGHT_BYTES_MAX {
                break;
            }
            bytes += dead_letter.size();
            let mut headers = dead_letter.headers();
            headers.insert(NATS_MESSAGE_ID, dead_letter.id.as_str());
            in_flight.push_back((self.session.send(dead_letter, headers).await, dead_letter.subject.clone()));
        }
        while let Some((pending, subject)) = in_flight.pop_front() {
            let acknowledged = match pending {
                Ok(pending) => self.session.acknowledgement(pending, &subject).await,
                Err(error) => Err(error),
            };
            match acknowledged {
                Ok(ack) => {
                    if ack.duplicate {
                        self.session.status.already_stored(1);
                    }
                    self.session.status.acknowledged(dead_letters.pop_front().iter());
                }
                Err(PublishError::TooLarge) => too_large.extend(dead_letters.pop_front()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
