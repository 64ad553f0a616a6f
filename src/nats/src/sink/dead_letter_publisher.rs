//! Publishing dead letters: each at least once, and exactly once while the server remembers its id.
//!
//! A dead letter's id is a function of its place in the log, and goes out as `Nats-Msg-Id`. When an acknowledgement is missing
//! the letter is published again, and so it is when a start replays records whose outputs were not committed; the stream
//! drops the second one as long as its `duplicate_window` lasts. Nothing is lost: outputs that stand behind a dead letter are
//! committed only after the stream has acknowledged the letter.
//!
//! Deliberately absent: batches, expectations of the stream's last message, and the order of letters around a retry. Their
//! place in the log is in each of them.

use std::collections::VecDeque;

use async_nats::header::NATS_MESSAGE_ID;
use tracing::info;

use super::message::OutputMessage;
use super::publish_error::PublishError;
use super::stream_session::StreamSession;

/// Most dead letters that wait for their acknowledgements at a time.
const MAX_IN_FLIGHT: usize = 256;
/// Most bytes of them, but for one letter more.
const MAX_IN_FLIGHT_BYTES: usize = 4 << 20;

/// Publishes into the stream of dead letters.
pub(super) struct DeadLetterPublisher {
    session: StreamSession,
}

impl DeadLetterPublisher {
    pub(super) fn new(session: StreamSession) -> DeadLetterPublisher {
        DeadLetterPublisher { session }
    }

    /// Waits until the stream is there; does not yet report that it [works](StreamSession::works).
    pub(super) async fn reach(&mut self) {
        loop {
            match self.session.standing().await {
                Ok(state) => {
                    info!(stream = %self.session.stream, last = state.last, "the stream is there");
                    return;
                }
                Err(error) => self.session.wait_after(&error).await,
            }
        }
    }

    /// Publishes all the letters; returns those that the stream can never take, because they are too large, once it has
    /// acknowledged all others. Retries for as long as it takes.
    pub(super) async fn publish(&mut self, letters: &mut VecDeque<OutputMessage>) -> Vec<OutputMessage> {
        let mut too_large = Vec::new();
        while !letters.is_empty() {
            match self.attempt(letters, &mut too_large).await {
                Ok(()) => self.session.works(),
                Err(error) => {
                    self.session.failed(&error);
                    self.session.wait_after(&error).await;
                    self.session.status.retried();
                }
            }
        }
        too_large
    }

    /// Publishes some letters from the front and takes out those that are acknowledged or too large.
    async fn attempt(
        &mut self,
        letters: &mut VecDeque<OutputMessage>,
        too_large: &mut Vec<OutputMessage>,
    ) -> Result<(), PublishError> {
        let attempt = self.session.begin()?;
        let outcome = attempt.unless_cut(send(&self.session, letters, too_large)).await;
        outcome.map_err(|error| self.session.explained(error))
    }
}

async fn send(
    session: &StreamSession,
    letters: &mut VecDeque<OutputMessage>,
    too_large: &mut Vec<OutputMessage>,
) -> Result<(), PublishError> {
    let (mut sent, mut bytes) = (VecDeque::new(), 0);
    for letter in letters.iter().take(MAX_IN_FLIGHT) {
        if bytes >= MAX_IN_FLIGHT_BYTES {
            break;
        }
        bytes += letter.size();
        let mut headers = letter.headers();
        headers.insert(NATS_MESSAGE_ID, letter.id.as_str());
        sent.push_back((session.request(letter, headers).await, letter.subject.clone()));
    }
    while let Some((request, subject)) = sent.pop_front() {
        let acknowledged = match request {
            Ok(ack) => ack.await.map_err(|error| PublishError::of_publish(&error, &subject, &session.stream)),
            Err(error) => Err(error),
        };
        match acknowledged {
            Ok(ack) => {
                session.check(&ack, &subject)?;
                if ack.duplicate {
                    session.status.was_there(1);
                }
                session.status.acknowledged(letters.pop_front().iter());
            }
            Err(PublishError::TooLarge) => too_large.extend(letters.pop_front()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
