//! Inspecting an output stream, and claiming it for a daemon.

use async_nats::header::{HeaderMap, NATS_EXPECTED_LAST_SEQUENCE, NATS_EXPECTED_LAST_SUBJECT_SEQUENCE};
use rekindle_core::time::Timestamp;
use rekindle_runtime::output::committed_position::{CommittedPosition, ProgressRecord};
use std::time::Instant;
use tracing::info;

use super::{Committer, IMMEDIATE_RETRIES_MAX, StreamView};
use crate::sink::publish_error::PublishError;
use crate::sink::records::{RecordSearch, VerifiedRecord};

/// Behind a stream's last sequence by more than it can grow meanwhile: an expectation that cannot hold.
const IMPOSSIBLE_DISTANCE: u64 = 1 << 32;

/// Who takes an output stream over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputOwner {
    /// A name that no other start of a daemon has.
    pub instance: String,
    /// Its epoch, at least.
    pub epoch: u64,
    /// The log of which its outputs are: the stream's name and when it was created; `None`: not known, or it is no stream.
    pub log: Option<String>,
    /// The settings on which the outputs of a log depend.
    pub settings: Option<String>,
}

/// What a start finds in the output stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputRecovery {
    /// The newest progress record; `None`: there is none, or none any more.
    pub progress: Option<ProgressRecord>,
    /// The sequence of the stream's last message; 0: it never had any.
    pub stream_last: u64,
}

/// What a start takes for published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOutputs {
    /// The number of published outputs: the next one has the ordinal after this.
    pub ordinal: u64,
    /// Up to where all outputs are published.
    pub position: CommittedPosition,
}

/// The output stream, inspected without writing.
#[derive(Debug)]
pub(in crate::sink) struct StreamInspection {
    pub(in crate::sink) recovery: OutputRecovery,
    pub(in crate::sink) newest: Option<VerifiedRecord>,
    /// The server's clock then; `None`: the server did not report it.
    pub(in crate::sink) server_time: Option<Timestamp>,
}

impl Committer {
    /// Inspects the stream and claims it for `owner`, with the owner's epoch, or one more than the last where that is higher.
    /// `decide` says what is published, or why this daemon must not continue; `confirm` is called after the inspection and
    /// before the claim. Retries for as long as it takes.
    pub(in crate::sink) async fn take_over<E, Confirmed: Future<Output = Result<(), E>>>(
        mut self,
        owner: &OutputOwner,
        mut confirm: impl FnMut() -> Confirmed,
        mut decide: impl FnMut(&OutputRecovery) -> Result<CommittedOutputs, E>,
    ) -> Result<(Committer, CommittedPosition), E> {
        self.owner = owner.clone();
        loop {
            let error = match self.inspect().await {
                Ok(StreamInspection { recovery, .. }) => {
                    // Not before: a start that confirmed, then inspected, could take the stream from one that is to continue.
                    confirm().await?;
                    let CommittedOutputs { ordinal, position } = decide(&recovery)?;
                    self.ordinal = ordinal;
                    self.owner.epoch = owner.epoch.max(recovery.progress.map_or(0, |progress| progress.epoch) + 1);
                    match self.claim(position.clone()).await {
                        Ok(()) => return Ok((self, position)),
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            self.session.record_failure(&error);
            if !error.is_unexpected_sequence() || self.session.failures() > IMMEDIATE_RETRIES_MAX {
                self.session.wait_after(&error).await;
            }
        }
    }

    /// Asks for the state of the stream and its newest record.
    pub(in crate::sink) async fn inspect(&mut self) -> Result<StreamInspection, PublishError> {
        let state = self.session.stream_state().await?;
        let RecordSearch { fence, record, .. } = self.newest_record(0).await?;
        self.view = StreamView {
            last: state.last_sequence,
            fence,
            created_ns: state.created_ns,
            is_atomic: state.is_atomic,
            max_message_bytes: state.max_message_bytes,
            ..self.view
        };
        let progress = record.as_ref().map(|record| record.progress.clone());
        let recovery = OutputRecovery { progress, stream_last: state.last_sequence };
        Ok(StreamInspection { recovery, newest: record, server_time: state.server_time })
    }

    /// Publishes a record with an expectation that cannot hold: nothing is stored, but the server says whether it may be.
    pub(in crate::sink) async fn check_permission(&mut self) -> Result<(), PublishError> {
        let impossible = self.session.stream_state().await?.last_sequence + IMPOSSIBLE_DISTANCE;
        let message = self.record_message(impossible, 0, CommittedPosition::default());
        let mut headers = HeaderMap::new();
        headers.insert(NATS_EXPECTED_LAST_SEQUENCE, impossible.to_string());
        let attempt = self.session.begin_attempt()?;
        match attempt.run(self.session.publish(&message, headers)).await {
            Ok(_) | Err(PublishError::UnexpectedSequence) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The newest record, if it is behind message `inspected_to`.
    pub(super) async fn newest_record(&self, inspected_to: u64) -> Result<RecordSearch, PublishError> {
        let found = self.records().newest(inspected_to).await;
        found.map_err(|error| PublishError::of_api(error, &self.session.stream))
    }

    async fn claim(&mut self, committed: CommittedPosition) -> Result<(), PublishError> {
        let message = self.record_message(self.view.fence, 0, committed.clone());
        let mut headers = HeaderMap::new();
        headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, self.view.fence.to_string());
        headers.insert(NATS_EXPECTED_LAST_SEQUENCE, self.view.last.to_string());
        let attempt = self.session.begin_attempt()?;
        let sequence = attempt.run(self.session.publish(&message, headers)).await?.sequence;
        self.view =
            StreamView { last: sequence, own_last: sequence, fence: sequence, inspected_to: sequence, ..self.view };
        (self.committed, self.written_at) = (committed, Instant::now());
        // Only informs other daemons: without it they use the time of the record that they inspect.
        let claim = self.session.connection.message(&self.session.stream, sequence).await;
        self.owned_since = claim.ok().flatten().and_then(|claim| claim.time);
        info!(
            stream = %self.session.stream,
            epoch = self.owner.epoch,
            ordinal = self.ordinal,
            "this daemon owns the output stream"
        );
        Ok(())
    }
}
