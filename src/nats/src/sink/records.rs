//! Progress records in the stream: their form, and the search for the newest.
//!
//! A client that may publish anything can make the server write into the stream, by a reply subject: acknowledgements, responses
//! of JetStream, and copies of what a consumer delivers, headers and all. So a message is a record only if it has the form of
//! one and names its own [`RecordPlacement`], which no copy does. Everything else on these subjects is foreign, and is skipped.
//!
//! # The search
//! A record is a message of its own, or is in the header of an output. Outputs with records in their headers follow one another,
//! and the record before them, without a foreign message between them (the [committer](super::committer) ensures that). So behind a
//! record that is a message, the last of them is found by bisection, however many foreign messages follow. Foreign messages
//! on the subject of records are read once, backwards, many at a time.

use futures_util::future::try_join_all;
use rekindle_core::time::Timestamp;
use rekindle_runtime::output::committed_position::ProgressRecord;
use serde::{Deserialize, Serialize};

use crate::NatsConnection;
use crate::jetstream_api::{JetStreamError, StoredMessage};

/// The header with the progress record of an output that is published on its own.
pub(super) const RECORD: &str = "Rekindle-Progress";

/// How many messages are requested at a time when the stream is read backwards.
const READ_BACK_MESSAGES: u64 = 64;

/// Where in the stream a record belongs: known before it is written, and ensured by the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RecordPlacement {
    /// In the header of the message with this sequence.
    At(u64),
    /// A message of its own: the first of its subject behind this sequence; 0: the first of all.
    After(u64),
}

/// A record as it is encoded.
#[derive(Serialize, Deserialize)]
struct EncodedRecord {
    place: RecordPlacement,
    #[serde(flatten)]
    progress: ProgressRecord,
}

/// A record that is where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct VerifiedRecord {
    pub(super) progress: ProgressRecord,
    /// The message that it is, or whose header it is in.
    pub(super) sequence: u64,
    /// When the server stored it, by its clock.
    pub(super) time: Option<Timestamp>,
}

/// The result of a search for records.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RecordSearch {
    /// The last message on the subject of records, of any writer; 0: there is none.
    pub(super) fence: u64,
    /// All messages up to this one were inspected.
    pub(super) inspected_to: u64,
    /// The newest record; `None`: there is none behind the messages that had been inspected before.
    pub(super) record: Option<VerifiedRecord>,
}

/// A stream that holds records.
pub(super) struct RecordStream<'c> {
    pub(super) connection: &'c NatsConnection,
    pub(super) stream: &'c str,
    /// The subject of records that are messages of their own.
    pub(super) progress_subject: &'c str,
    /// Every subject of outputs and records.
    pub(super) all_subjects: &'c str,
}

/// A record as text.
pub(super) fn encode(place: RecordPlacement, progress: ProgressRecord) -> String {
    serde_json::to_string(&EncodedRecord { place, progress }).expect("a record can be written")
}

impl RecordStream<'_> {
    /// The newest record behind message `inspected_to`. Directly behind that message there are records in headers, or there are
    /// none before the next record that is a message.
    pub(super) async fn newest(&self, inspected_to: u64) -> Result<RecordSearch, JetStreamError> {
        // The fence first: a later takeover is behind it.
        let on_progress = self.connection.last_message(self.stream, self.progress_subject).await?;
        let fence = on_progress.as_ref().map_or(0, |found| found.sequence);
        let last = self.connection.last_message(self.stream, self.all_subjects).await?;
        let end = last.as_ref().map_or(0, |found| found.sequence).max(fence).max(inspected_to);
        let newest = |record| Ok(RecordSearch { fence, inspected_to: end, record });
        if let Some(record) = last.as_ref().filter(|last| last.sequence > inspected_to).and_then(in_header) {
            return newest(Some(record));
        }
        let Some(on_progress) = on_progress.filter(|found| found.sequence > inspected_to) else {
            return newest(self.last_of_run(inspected_to, end).await?);
        };
        if let Some(record) = self.verified(&on_progress).await? {
            let later = self.last_of_run(fence, end).await?;
            return newest(later.or(Some(record)));
        }
        newest(self.last_between(inspected_to, fence - 1).await?)
    }

    /// The last record behind message `after`, up to message `to`.
    pub(super) async fn last_between(&self, after: u64, to: u64) -> Result<Option<VerifiedRecord>, JetStreamError> {
        let mut to = to;
        while to > after {
            let from = to.saturating_sub(READ_BACK_MESSAGES - 1).max(after + 1);
            let messages = (from..=to).map(|sequence| self.connection.message(self.stream, sequence));
            for found in try_join_all(messages).await?.into_iter().flatten().rev() {
                if let Some(record) = self.verified(&found).await? {
                    return Ok(Some(record));
                }
            }
            let Some(below) = from.checked_sub(1) else { break };
            // There may be nothing any more below: the stream discards its oldest messages.
            let first = self.connection.first_message(self.stream, ">", 1).await?;
            to = if first.map_or(u64::MAX, |first| first.sequence) > below { after } else { below };
        }
        Ok(None)
    }

    /// The last of the records in headers that follow one another from behind `start`; behind them, up to `end`, there is none.
    async fn last_of_run(&self, start: u64, end: u64) -> Result<Option<VerifiedRecord>, JetStreamError> {
        let (mut in_run, mut beyond, mut newest) = (start, end + 1, None);
        let mut step = Some(1);
        while in_run + 1 < beyond {
            let at = match step {
                Some(step) => (in_run + step).min(beyond - 1),
                None => in_run + (beyond - in_run) / 2,
            };
            let found = self.connection.first_message(self.stream, ">", at).await?;
            match found.as_ref().filter(|found| found.sequence < beyond).and_then(in_header) {
                Some(record) => {
                    in_run = record.sequence;
                    newest = Some(record);
                    step = step.map(|step| step * 2);
                }
                None => (beyond, step) = (at, None),
            }
        }
        Ok(newest)
    }

    /// The record that a message is or has in its header, if it is where it was written.
    async fn verified(&self, found: &StoredMessage) -> Result<Option<VerifiedRecord>, JetStreamError> {
        if let Some(record) = in_header(found) {
            return Ok(Some(record));
        }
        let Some((RecordPlacement::After(before), record)) = as_message(found, self.progress_subject) else {
            return Ok(None);
        };
        if before >= found.sequence {
            return Ok(None);
        }
        let first = self.connection.first_message(self.stream, self.progress_subject, before + 1).await?;
        Ok(first.is_some_and(|first| first.sequence == found.sequence).then_some(record))
    }
}

/// The record in a message's header, if it is where it was written.
fn in_header(found: &StoredMessage) -> Option<VerifiedRecord> {
    let (place, record) = parse(found.header(RECORD)?.as_bytes(), found)?;
    (place == RecordPlacement::At(found.sequence)).then_some(record)
}

/// The record that a message is, and the place that it names.
fn as_message(found: &StoredMessage, progress_subject: &str) -> Option<(RecordPlacement, VerifiedRecord)> {
    parse(&found.payload, found).filter(|_| found.subject == progress_subject)
}

fn parse(text: &[u8], found: &StoredMessage) -> Option<(RecordPlacement, VerifiedRecord)> {
    let EncodedRecord { place, progress } = serde_json::from_slice(text).ok()?;
    Some((place, VerifiedRecord { progress, sequence: found.sequence, time: found.time }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(sequence: u64, headers: &str, payload: &str) -> StoredMessage {
        let (subject, payload) = ("rekindle.progress".to_owned(), payload.as_bytes().to_vec());
        StoredMessage { sequence, subject, time: None, headers: headers.to_owned(), payload }
    }

    fn progress() -> ProgressRecord {
        serde_json::from_str(
            r#"{"epoch":1,"instance":"i","commit":2,"ordinal":3,"sequence":4,"position":5,"watermark_ms":6,"rules":"r","generation":0}"#,
        )
        .expect("a record")
    }

    #[test]
    fn a_record_in_a_header_counts_only_where_it_was_written() {
        let headers =
            format!("NATS/1.0\r\nRekindle-Ordinal: 3\r\n{RECORD}: {}\r\n", encode(RecordPlacement::At(9), progress()));
        let record = in_header(&found(9, &headers, "")).expect("it is where it was written");
        assert_eq!((record.progress, record.sequence), (progress(), 9));
        assert_eq!(in_header(&found(10, &headers, "")), None, "a copy of it is elsewhere");
    }

    #[test]
    fn a_message_without_the_form_of_a_record_is_none() {
        let whole = encode(RecordPlacement::After(7), progress());
        assert!(as_message(&found(9, "", &whole), "rekindle.progress").is_some());
        assert_eq!(as_message(&found(9, "", &whole), "rekindle.actions.a.b"), None);
        for text in ["", "{", "null", r#"{"stream":"EVENTS","seq":7}"#, &whole.replace("place", "x"), &whole[1..]] {
            assert_eq!(as_message(&found(9, "", text), "rekindle.progress"), None, "{text}");
            assert_eq!(in_header(&found(9, &format!("NATS/1.0\r\n{RECORD}: {text}"), "")), None, "{text}");
        }
    }
}
