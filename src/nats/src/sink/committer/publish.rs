//! Publishing a commit: as an atomic batch, or one message at a time.

use std::collections::VecDeque;

use async_nats::Client;
use async_nats::header::{
    HeaderMap, NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL, NATS_BATCH_ID, NATS_BATCH_SEQUENCE,
    NATS_EXPECTED_LAST_MESSAGE_ID, NATS_EXPECTED_LAST_SEQUENCE, NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, NATS_MESSAGE_ID,
};
use rekindle_runtime::output::committed_position::{CommittedPosition, ProgressRecord};

use super::{CommitError, Committer};
use crate::jetstream_api::JetStreamError;
use crate::sink::commit_batch::CommitBatch;
use crate::sink::message::{DeadLetterTruncation, MessageKind, OutputMessage};
use crate::sink::publish_error::PublishError;
use crate::sink::records::{self, RECORD, RecordPlacement};
use crate::sink::stream_session::PublishAttempt;

/// The header with an output's place among all outputs of the stream, from 1.
pub const ORDINAL: &str = "Rekindle-Ordinal";
/// The header with an output's id, which is the same whenever the same log is read.
pub const ID: &str = "Rekindle-Id";

/// The most messages in flight that are published one by one.
const IN_FLIGHT_MAX: usize = 256;

impl Committer {
    /// Publishes all of it as an atomic batch; a record alone is an ordinary message.
    pub(super) async fn publish_batch(
        &mut self,
        batch: &mut CommitBatch,
        id: &str,
        attempt: PublishAttempt,
    ) -> Result<(), PublishError> {
        let count = batch.len();
        let sequence = attempt.run(self.send_batch(batch, id)).await?;
        self.record_stored(batch, count, sequence);
        self.view.fence = sequence;
        Ok(())
    }

    /// Returns the sequence of its last message, the record.
    async fn send_batch(&self, batch: &CommitBatch, id: &str) -> Result<u64, PublishError> {
        let count = batch.len();
        let client = &self.session.connection.client;
        for (place, (message, mut headers)) in (1..).zip(self.outputs(batch)) {
            headers.insert(NATS_BATCH_ID, id);
            headers.insert(NATS_BATCH_SEQUENCE, (place as usize).to_string());
            let sent = client.publish_with_headers(message.subject.clone(), headers, message.payload.clone()).await;
            sent.map_err(PublishError::of_batch_message)?;
        }
        let is_contended = self.commits <= self.verify_fence_until;
        let fence = if is_contended { self.verified_fence().await? } else { self.view.fence };
        let record = self.record_message(fence, count as u64, batch.committed().clone());
        let mut headers = HeaderMap::new();
        headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, fence.to_string());
        if count > 0 {
            headers.insert(NATS_BATCH_ID, id);
            headers.insert(NATS_BATCH_SEQUENCE, (count + 1).to_string());
            headers.insert(NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL);
        }
        Ok(self.session.publish(&record, headers).await?.sequence)
    }

    /// The last message on the subject of records now, if no message behind the fence is a record.
    async fn verified_fence(&self) -> Result<u64, PublishError> {
        let stream = &self.session.stream;
        let api = |error: JetStreamError| PublishError::of_api(error, stream);
        let last = self.session.connection.last_message(stream, &self.progress_subject).await.map_err(api)?;
        let last = last.map_or(0, |last| last.sequence);
        let inspected_to = self.view.fence.max(self.view.own_last);
        match self.records().last_between(inspected_to, last).await.map_err(api)? {
            None => Ok(last.max(self.view.fence)),
            // Its writer is found out before anything is sent again.
            Some(_) => Err(PublishError::UnexpectedSequence),
        }
    }

    /// Publishes the next outputs one by one, all of them in flight at once, each expecting the one before it. Returns whether
    /// the whole batch is stored.
    pub(super) async fn publish_one_by_one(
        &mut self,
        batch: &mut CommitBatch,
        id: &str,
        attempt: PublishAttempt,
    ) -> Result<bool, CommitError> {
        let (mut stored, mut last) = (0, self.view.last);
        let sending = async {
            let mut in_flight = VecDeque::new();
            let positions = (0..).zip(batch.positions());
            for ((message, mut headers), (index, committed)) in self.outputs(batch).zip(positions).take(IN_FLIGHT_MAX) {
                let placement = RecordPlacement::At(self.view.last + index + 1);
                headers.insert(RECORD, self.record(placement, index + 1, committed));
                headers.insert(NATS_MESSAGE_ID, format!("{id}.{index}"));
                match index.checked_sub(1) {
                    None => headers.insert(NATS_EXPECTED_LAST_SEQUENCE, self.view.last.to_string()),
                    Some(previous) => headers.insert(NATS_EXPECTED_LAST_MESSAGE_ID, format!("{id}.{previous}")),
                }
                in_flight.push_back((self.session.send(message, headers).await, &message.subject));
            }
            while let Some((pending, subject)) = in_flight.pop_front() {
                let ack = self.session.acknowledgement(pending?, subject).await?;
                (stored, last) = (stored + 1, ack.sequence);
            }
            Ok(())
        };
        let sent = attempt.run(sending).await;
        if stored > 0 {
            self.record_stored(batch, stored, last);
        }
        sent?;
        Ok(batch.len() == 0)
    }

    /// The outputs of a commit with their headers.
    fn outputs<'b>(&self, batch: &'b CommitBatch) -> impl Iterator<Item = (&'b OutputMessage, HeaderMap)> + use<'b> {
        batch.messages().zip(self.ordinal + 1..).map(|(message, ordinal)| {
            let mut headers = message.headers();
            headers.insert(ORDINAL, ordinal.to_string());
            headers.insert(ID, message.id.as_str());
            (message, headers)
        })
    }

    /// The record of a commit in progress after `outputs` more outputs.
    fn record(&self, placement: RecordPlacement, outputs: u64, committed: CommittedPosition) -> String {
        let progress = ProgressRecord {
            epoch: self.owner.epoch,
            instance: self.owner.instance.clone(),
            log: self.owner.log.clone(),
            settings: self.owner.settings.clone(),
            commit: self.commits,
            ordinal: self.ordinal + outputs,
            since_ms: self.owned_since.map(|since| since.0),
            released: self.session.status.is_releasing(),
            committed,
        };
        records::encode(placement, progress)
    }

    /// That record as a message, the first on its subject behind message `after`.
    pub(super) fn record_message(&self, after: u64, outputs: u64, committed: CommittedPosition) -> OutputMessage {
        OutputMessage {
            kind: MessageKind::Progress,
            subject: self.progress_subject.clone(),
            id: String::new(),
            content_headers: Vec::new(),
            payload: self.record(RecordPlacement::After(after), outputs, committed).into(),
            received: None,
            truncation: DeadLetterTruncation::default(),
        }
    }
}

/// An id that no other attempt has: the last token of an inbox.
pub(super) fn unique_id(client: &Client) -> String {
    client.new_inbox().rsplit('.').next().unwrap_or_default().to_owned()
}
