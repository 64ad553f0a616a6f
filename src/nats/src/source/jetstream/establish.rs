//! Creating a consumer at the position, after checking that the stream is still the one that was read.

use std::sync::Arc;

use rekindle_core::time::Timestamp;
use tracing::error;

use super::JetStreamReader;
use crate::retry::{self, RetryState};
use crate::source::StopSignal;
use crate::source::consumer::{ConsumerRequest, PullConsumer};
use crate::source::start_position::{StartPositionError, filters, resolve};
use crate::streams::{StreamError, created_ms, ensure_stream};

impl JetStreamReader {
    /// Retries until there is a consumer; `None` when the source is stopped. `fruitless`: how many consumers in a row have
    /// ended without a message.
    pub(super) async fn establish(&mut self, stop: &mut StopSignal, fruitless: u32) -> Option<PullConsumer> {
        let mut retries = RetryState::after_failures(retry::CONSUMER, fruitless);
        let status = Arc::clone(&self.source.connection.status);
        loop {
            if retries.failures() > 0 {
                tokio::select! {
                    () = stop.wait() => return None,
                    () = tokio::time::sleep(retries.delay()) => {}
                }
            }
            tokio::select! {
                biased;
                () = stop.wait() => return None,
                _ = status.up() => {}
            }
            let connection_number = status.link().borrow().number;
            let attempt = tokio::select! {
                biased;
                () = stop.wait() => return None,
                // A server in an orderly shutdown announces it and then ends: a request made meanwhile is never answered.
                () = status.lost(connection_number) => continue,
                attempt = self.try_establish() => attempt,
            };
            match attempt {
                Ok(consumer) => return Some(consumer),
                Err(error) => {
                    let why = error.to_string();
                    if self.source.part.failing(why.clone()) {
                        error!("{why}; retrying");
                    }
                    retries.record_failure();
                }
            }
        }
    }

    async fn try_establish(&mut self) -> Result<PullConsumer, StartPositionError> {
        self.denials_before = self.source.connection.status.denials();
        self.connection_number = self.source.connection.status.link().borrow().number;
        // A stream that was read and is gone is not created again: that would hide the loss. Nor is it safe, for
        // nats-server 2.15.1 may create it with the messages that it is about to delete.
        self.wanted.create &= self.position.next.is_none();
        let stream = match ensure_stream(&self.source.connection, &self.wanted).await {
            Err(StreamError::Missing(_)) if self.position.next.is_some() => {
                let (stream, last) = (self.stream().to_owned(), self.position.last_read());
                return Err(StartPositionError::Gone { stream, last });
            }
            stream => stream?,
        };
        let is_same = self.check_created(created_ms(&stream.info));
        let start = resolve(&self.source.settings, self.position.next, self.source.needed, &stream)?;
        is_same?;
        self.position.next = Some(start);
        let filters = filters(&self.wanted, &stream);
        let request =
            ConsumerRequest { stream: self.stream(), start, filters: &filters, batch: self.source.settings.batch };
        let created = PullConsumer::create(&self.source.connection, request).await;
        let (consumer, pending) =
            created.map_err(|source| StartPositionError::Consumer { stream: self.stream().to_owned(), source })?;
        // The consumer may be of a stream that was created since: a stream that is the same now was the same before.
        let found = self.source.connection.stream_info(self.stream()).await;
        let found = found.map_err(|source| StreamError::Api {
            stream: self.stream().to_owned(),
            attempt: "look up",
            source,
        })?;
        self.check_created(created_ms(&found.info))?;
        self.position.consumer_created(start, filters.is_empty());
        self.pending = pending;
        self.source.status.set_pending(pending);
        self.ticker.forget();
        self.ticks_fail = false;
        self.is_alive = false;
        self.notes = stream.notes;
        Ok(consumer)
    }

    /// Checks that it is the stream that was read until now; any stream is, if none was read.
    fn check_created(&mut self, found: i64) -> Result<(), StartPositionError> {
        let expected = *self.created_ms.get_or_insert(found);
        if expected == found {
            return Ok(());
        }
        self.source.status.found_other_stream(found);
        let (stream, last) = (self.stream().to_owned(), self.position.last_read());
        Err(StartPositionError::OtherStream { stream, last, expected: Timestamp(expected), found: Timestamp(found) })
    }
}
