//! Progress records in the stream: how one tells that it stands where it was written, and finding the newest.
//!
//! A client that may publish anything can make the server write into the stream, by a reply subject: acknowledgements, answers of
//! JetStream, and copies of what a consumer delivers, headers and all. So a record is only what has its form and bears its
//! own [`RecordPlacement`], which no copy has. Everything else on these subjects is somebody else's, and is stepped over.
//!
//! # How the newest is found
//! A record is a message of its own, or stands in the header of an output. Outputs with records in their headers follow
//! one another, and the record before them, without anything between (the [committer](super::commit) sees to that). So
//! behind a record that is a message the last of them is found by halving, however much of others' stands behind it. What
//! others have on the subject of records is gone through once, backwards, many messages at a time.

use async_nats::jetstream::context::Context;
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::publish_error::PublishError;
use super::stream_state::{self, StreamMessage};
use rekindle_core::time::Timestamp;
use rekindle_runtime::output::committed_position::ProgressRecord;

/// The header with the progress record of an output that is published on its own.
pub(super) const RECORD: &str = "Rekindle-Progress";

/// How many messages are asked for at a time, going backwards.
const WINDOW: u64 = 64;

/// Where in the stream a record belongs: known before it is written, and seen to by the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RecordPlacement {
    /// In the header of the message with this sequence.
    At(u64),
    /// A message of its own: the first of its subject behind this sequence; 0: the first of all.
    After(u64),
}

/// A record as it is written.
#[derive(Serialize, Deserialize)]
struct EncodedRecord {
    place: RecordPlacement,
    #[serde(flatten)]
    progress: ProgressRecord,
}

/// A record that stands where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct VerifiedRecord {
    pub(super) progress: ProgressRecord,
    /// The message that it is, or stands in.
    pub(super) sequence: u64,
    /// When the server took it in, by its clock.
    pub(super) time: Option<Timestamp>,
}

/// What a look at the stream found of records.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RecordSearch {
    /// The last message of the subject of records, of any writer; 0: there is none.
    pub(super) fence: u64,
    /// Up to this message everything was looked at.
    pub(super) seen: u64,
    /// The newest record; `None`: there is none behind what had been seen before.
    pub(super) record: Option<VerifiedRecord>,
}

/// The stream, as one that holds records.
pub(super) struct RecordStream<'c> {
    pub(super) context: &'c Context,
    pub(super) stream: &'c str,
    /// The subject of records that are messages of their own.
    pub(super) progress: &'c str,
    /// Every subject of outputs and records.
    pub(super) all: &'c str,
}

/// A record as text.
pub(super) fn write(place: RecordPlacement, progress: ProgressRecord) -> String {
    serde_json::to_string(&EncodedRecord { place, progress }).expect("a record can be written")
}

impl RecordStream<'_> {
    /// The newest record behind message `seen`; behind `seen` either records in headers follow at once, or none does before
    /// the next that is a message.
    pub(super) async fn newest(&self, seen: u64) -> Result<RecordSearch, PublishError> {
        // The fence first: a later takeover is behind it.
        let on_progress = stream_state::last_of(self.context, self.stream, self.progress).await?;
        let fence = on_progress.as_ref().map_or(0, |found| found.sequence);
        let last = stream_state::last_of(self.context, self.stream, self.all).await?;
        let end = last.as_ref().map_or(0, |found| found.sequence).max(fence).max(seen);
        let newest = |record| Ok(RecordSearch { fence, seen: end, record });
        if let Some(record) = last.as_ref().filter(|last| last.sequence > seen).and_then(in_header) {
            return newest(Some(record));
        }
        let Some(on_progress) = on_progress.filter(|found| found.sequence > seen) else {
            return newest(self.last_of_run(seen, end).await?);
        };
        if let Some(record) = self.own(&on_progress).await? {
            let later = self.last_of_run(fence, end).await?;
            return newest(later.or(Some(record)));
        }
        newest(self.last_between(seen, fence - 1).await?)
    }

    /// The last record of messages behind `after`, up to `to`.
    pub(super) async fn last_between(&self, after: u64, to: u64) -> Result<Option<VerifiedRecord>, PublishError> {
        let mut to = to;
        while to > after {
            let from = to.saturating_sub(WINDOW - 1).max(after + 1);
            let messages = (from..=to).map(|sequence| stream_state::at(self.context, self.stream, sequence));
            for found in try_join_all(messages).await?.into_iter().flatten().rev() {
                if let Some(record) = self.own(&found).await? {
                    return Ok(Some(record));
                }
            }
            let Some(below) = from.checked_sub(1) else { break };
            // Far below there may be nothing any more: the stream forgets its oldest messages.
            let first = stream_state::next_of(self.context, self.stream, ">", 1)
                .await?
                .map_or(u64::MAX, |first| first.sequence);
            to = if first > below { after } else { below };
        }
        Ok(None)
    }

    /// The last of the records in headers that follow one another from behind `start`; behind them, up to `end`, there is
    /// none.
    async fn last_of_run(&self, start: u64, end: u64) -> Result<Option<VerifiedRecord>, PublishError> {
        let (mut own, mut beyond, mut newest) = (start, end + 1, None);
        let mut step = Some(1);
        while own + 1 < beyond {
            let at = match step {
                Some(step) => (own + step).min(beyond - 1),
                None => own + (beyond - own) / 2,
            };
            let found = stream_state::next_of(self.context, self.stream, ">", at).await?;
            match found.as_ref().filter(|found| found.sequence < beyond).and_then(in_header) {
                Some(record) => {
                    own = record.sequence;
                    newest = Some(record);
                    step = step.map(|step| step * 2);
                }
                None => (beyond, step) = (at, None),
            }
        }
        Ok(newest)
    }

    /// The record that a message is or bears, if that stands where it was written.
    async fn own(&self, found: &StreamMessage) -> Result<Option<VerifiedRecord>, PublishError> {
        if let Some(record) = in_header(found) {
            return Ok(Some(record));
        }
        let Some((RecordPlacement::After(before), record)) = as_message(found, self.progress) else { return Ok(None) };
        if before >= found.sequence {
            return Ok(None);
        }
        let first = stream_state::next_of(self.context, self.stream, self.progress, before + 1).await?;
        Ok(first.is_some_and(|first| first.sequence == found.sequence).then_some(record))
    }
}

/// The record in a message's header, if it stands where it was written.
fn in_header(found: &StreamMessage) -> Option<VerifiedRecord> {
    let (place, record) = parse(stream_state::value(&found.headers, RECORD)?.as_bytes(), found)?;
    (place == RecordPlacement::At(found.sequence)).then_some(record)
}

/// The record that a message is, and where it says it belongs.
fn as_message(found: &StreamMessage, progress: &str) -> Option<(RecordPlacement, VerifiedRecord)> {
    parse(&found.payload, found).filter(|_| found.subject == progress)
}

fn parse(text: &[u8], found: &StreamMessage) -> Option<(RecordPlacement, VerifiedRecord)> {
    let EncodedRecord { place, progress } = serde_json::from_slice(text).ok()?;
    Some((place, VerifiedRecord { progress, sequence: found.sequence, time: found.time }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(sequence: u64, headers: &str, payload: &str) -> StreamMessage {
        let (subject, payload) = ("rekindle.progress".to_owned(), payload.as_bytes().to_vec());
        StreamMessage { sequence, subject, time: None, headers: headers.to_owned(), payload }
    }

    fn progress() -> ProgressRecord {
        serde_json::from_str(
            r#"{"epoch":1,"instance":"i","commit":2,"ordinal":3,"sequence":4,"position":5,"watermark_ms":6,"rules":"r","generation":0}"#,
        )
        .expect("a record")
    }

    #[test]
    fn a_record_in_a_header_is_one_only_where_it_was_written() {
        let headers =
            format!("NATS/1.0\r\nRekindle-Ordinal: 3\r\n{RECORD}: {}\r\n", write(RecordPlacement::At(9), progress()));
        let record = in_header(&found(9, &headers, "")).expect("it is where it was written");
        assert_eq!((record.progress, record.sequence), (progress(), 9));
        assert_eq!(in_header(&found(10, &headers, "")), None, "a copy of it is elsewhere");
    }

    #[test]
    fn what_has_not_the_form_of_a_record_is_none() {
        let whole = write(RecordPlacement::After(7), progress());
        assert!(as_message(&found(9, "", &whole), "rekindle.progress").is_some());
        assert_eq!(as_message(&found(9, "", &whole), "rekindle.actions.a.b"), None);
        for text in ["", "{", "null", r#"{"stream":"EVENTS","seq":7}"#, &whole.replace("place", "x"), &whole[1..]] {
            assert_eq!(as_message(&found(9, "", text), "rekindle.progress"), None, "{text}");
            assert_eq!(in_header(&found(9, &format!("NATS/1.0\r\n{RECORD}: {text}"), "")), None, "{text}");
        }
    }
}
