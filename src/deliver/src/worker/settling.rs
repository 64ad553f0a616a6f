//! What becomes of messages: of an answer, of a message that is given up, of one that has expired.

use std::time::{Duration, Instant};

use tracing::{error, info, warn};

use super::delivery::{Delivery, TaskDone, acknowledge, now};
use crate::answer::{AnswerVerdict, ReceiverAnswer};
use crate::client::SendError;
use crate::report::DeliveryReport;
use crate::schedule::{FailedAttempt, NextAttempt};
use crate::status::DeliveryResult;
use crate::undelivered::{self, UndeliveredMessage};

/// How long a receiver is left alone that asked for it without saying how long.
const TOO_MANY_REQUESTS_PAUSE: Duration = Duration::from_secs(1);
/// The longest that a receiver may have all requests wait.
const PAUSE_MAX: Duration = Duration::from_secs(3_600);

impl Delivery {
    pub(super) async fn settle(&mut self, done: TaskDone) {
        match done {
            TaskDone::Request { sequences, answer, took } => {
                self.requests -= 1;
                self.worker.status.requested(took);
                self.settle_request(sequences, answer).await;
            }
            TaskDone::ReadAgain { sequence, event: Some(event) } => {
                self.reads -= 1;
                self.window.restore(sequence, event);
                let Some(message) = self.window.get(sequence) else { return };
                let (due, attempts) = (message.due, message.attempts);
                self.window.postpone(sequence, due, attempts, now());
            }
            TaskDone::ReadAgain { sequence, event: None } => {
                self.reads -= 1;
                error!(
                    destination = self.worker.settings.name,
                    sequence, "the stream no longer has a message that was to be sent"
                );
                self.finish(sequence, DeliveryResult::Failed).await;
            }
            TaskDone::GivenUp { sequence, reason } => {
                if !self.report(sequence, DeliveryResult::Failed, Some(&reason)) {
                    self.finish(sequence, DeliveryResult::Failed).await;
                }
            }
            TaskDone::Reported { sequence, result } => self.finish(sequence, result).await,
        }
    }

    async fn settle_request(&mut self, sequences: Vec<u64>, answer: Result<ReceiverAnswer, SendError>) {
        let (verdict, retry_after, reason, is_outage) = match &answer {
            Ok(answer) => {
                let verdict = self.worker.rules.judge(answer, sequences.len());
                (verdict, answer.retry_after, answer.excerpt(), self.worker.rules.is_outage(answer))
            }
            Err(error @ (SendError::Private(_) | SendError::Address(_) | SendError::Client(_))) => {
                (AnswerVerdict::Failed, None, error.to_string(), false)
            }
            Err(error) => (AnswerVerdict::Retry, None, error.to_string(), true),
        };
        self.note_health(is_outage && verdict == AnswerVerdict::Retry, &reason);
        match verdict {
            AnswerVerdict::Delivered { failed } => {
                for (index, sequence) in sequences.into_iter().enumerate() {
                    match failed.contains(&index) {
                        true => self.give_up(sequence, format!("refused within a batch; {reason}")),
                        false if self.report(sequence, DeliveryResult::Delivered, None) => {}
                        false => self.finish(sequence, DeliveryResult::Delivered).await,
                    }
                }
            }
            AnswerVerdict::Retry => {
                let is_limited = answer.as_ref().is_ok_and(|answer| answer.status == 429);
                if is_limited || retry_after.is_some() {
                    self.rate.pause(Instant::now() + retry_after.unwrap_or(TOO_MANY_REQUESTS_PAUSE).min(PAUSE_MAX));
                }
                for sequence in sequences {
                    self.retry(sequence, retry_after, &reason);
                }
            }
            // One bad message must not fail the others: each is sent alone.
            AnswerVerdict::Failed if sequences.len() > 1 => {
                for sequence in sequences {
                    self.window.send_alone(sequence, now());
                }
            }
            AnswerVerdict::Failed => sequences.into_iter().for_each(|sequence| self.give_up(sequence, reason.clone())),
            AnswerVerdict::SwitchOff => {
                let destination = &self.worker.settings.name;
                error!(
                    destination,
                    "the receiver answered that it is gone ({reason}): nothing more is sent until a restart"
                );
                self.worker.status.switch_off();
                sequences.into_iter().for_each(|sequence| self.window.postpone(sequence, now(), 0, now()));
            }
        }
    }

    fn note_health(&mut self, is_outage: bool, reason: &str) {
        let destination = &self.worker.settings.name;
        if is_outage {
            if let Some(pause) = self.circuit.failed(Instant::now()) {
                warn!(
                    destination,
                    "the destination fails ({reason}): nothing is sent for {pause:?}, then one request at a time"
                );
            }
        } else if self.circuit.succeeded() {
            info!(destination, "the destination answers again");
        }
        self.worker.status.set_circuit(self.circuit.is_open());
    }

    fn retry(&mut self, sequence: u64, retry_after: Option<Duration>, reason: &str) {
        let Some(message) = self.window.get(sequence) else { return };
        let expires = message.event.as_ref().and_then(|event| event.expires);
        let attempts = message.attempts + 1;
        let failed = FailedAttempt { at: now(), attempts, retry_after, expires };
        match failed.next(fastrand::f64()) {
            NextAttempt::At(due) => {
                self.worker.status.retried();
                self.window.postpone(sequence, due, attempts, failed.at);
            }
            NextAttempt::Expired => self.settle_soon(sequence, DeliveryResult::Expired),
            NextAttempt::Exhausted => {
                self.give_up(sequence, format!("no success in {attempts} attempts; the last: {reason}"))
            }
        }
    }

    /// Has the message stored among those that could not be delivered; it is settled then.
    pub(super) fn give_up(&mut self, sequence: u64, reason: String) {
        let Some(message) = self.window.get(sequence) else { return };
        let undelivered = UndeliveredMessage {
            destination: self.worker.settings.name.clone(),
            reason,
            attempts: message.attempts + 1,
            sequence,
            time: now().to_string(),
            event: message.event.as_ref().map(|event| event.event.clone()).unwrap_or_default(),
        };
        let (connection, output) = (self.connection.clone(), self.worker.output.clone());
        self.tasks.spawn(async move {
            undelivered::publish(&connection, &output, &undelivered).await;
            TaskDone::GivenUp { sequence, reason: undelivered.reason }
        });
    }

    /// Has the log told what became of a message, if the settings say so; it is settled then.
    pub(super) fn report(&mut self, sequence: u64, result: DeliveryResult, reason: Option<&str>) -> bool {
        let event = self.window.get(sequence).and_then(|message| message.event.as_ref());
        let Some(event) = event.filter(|_| self.worker.settings.report) else { return false };
        let Some(report) = DeliveryReport::new(&self.worker.reports, event, result, reason, now()) else {
            return false;
        };
        let connection = self.connection.clone();
        self.tasks.spawn(async move {
            report.publish(&connection).await;
            TaskDone::Reported { sequence, result }
        });
        true
    }

    /// Settles a message that is not sent.
    pub(super) fn settle_soon(&mut self, sequence: u64, result: DeliveryResult) {
        if self.report(sequence, result, None) {
            return;
        }
        if let Some(message) = self.window.finish(sequence) {
            self.settled.insert(sequence);
            self.worker.status.count(result);
            tokio::spawn(async move { acknowledge(&message.acker).await });
        }
    }

    async fn finish(&mut self, sequence: u64, result: DeliveryResult) {
        if let Some(message) = self.window.finish(sequence) {
            self.settled.insert(sequence);
            self.worker.status.count(result);
            acknowledge(&message.acker).await;
        }
    }
}
