//! What an index needs to know of a record: the ids of its calls, and how far it moves time.
//!
//! Rules have no say in it: whether a call is accepted, and who it is about, depends on none.

use super::entry::{IndexEntry, number_of};
use crate::log::{LogRecord, NOT_MAPPED, RecordKind};
use crate::pipeline::{PipelineOptions, resolve_time};
use rekindle_core::decode::{Decoded, Decoder, Framing};
use rekindle_core::rules;
use rekindle_core::time::{Clock, Timestamp};

/// Who a call is about, and when it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CallIds {
    pub(super) user: Option<String>,
    pub(super) anonymous: Option<String>,
    pub(super) at: Timestamp,
}

/// A record, as it is scanned.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScannedRecord<'r> {
    pub(super) kind: RecordKind,
    pub(super) lines: &'r [u8],
    /// When the broker received it; `None`: it is a line of a file.
    pub(super) received: Option<Timestamp>,
}

impl<'r> From<&'r LogRecord> for ScannedRecord<'r> {
    fn from(record: &'r LogRecord) -> ScannedRecord<'r> {
        ScannedRecord { kind: record.kind, lines: &record.lines, received: Some(record.received) }
    }
}

/// Goes through a log, and makes the entries of its index.
pub struct LogScanner {
    decoder: Decoder,
    options: PipelineOptions,
    /// The greatest time read.
    pub(super) latest_read: Timestamp,
    /// Accepted events.
    pub(super) events: u64,
    /// Rejected calls.
    pub(super) rejected: u64,
    /// Requests to forget.
    pub(super) forgets: u64,
}

impl LogScanner {
    /// A scanner of a log that is read with these options, after a part of it whose greatest time is `latest_read`.
    pub fn new(options: &PipelineOptions, latest_read: Timestamp) -> LogScanner {
        let rules = rules::compile("").unwrap_or_else(|_| unreachable!("no rules are no mistake"));
        let options = PipelineOptions { until: None, ..options.clone() };
        LogScanner { decoder: options.decoder(&rules), options, latest_read, events: 0, rejected: 0, forgets: 0 }
    }

    /// Appends the entries of a record, each id once, and moves time by it.
    pub(super) fn scan(&mut self, place: u64, record: ScannedRecord<'_>, entries: &mut Vec<IndexEntry>) {
        let (first, latest_read) = (entries.len(), self.latest_read);
        let mut add = |id: &str, links: bool, forgets: bool| {
            let id = number_of(id);
            match entries[first..].iter_mut().find(|entry| entry.id == id) {
                Some(entry) => (entry.links, entry.forgets) = (entry.links | links, entry.forgets | forgets),
                None => entries.push(IndexEntry { id, place, links, forgets, latest_read }),
            }
        };
        if record.kind == RecordKind::Forget {
            for id in forgotten(&self.decoder, record.lines) {
                self.forgets += 1;
                add(&id, false, true);
            }
        }
        let (mut calls, mut read) = (Vec::new(), self.latest_read);
        self.rejected += self.decoder_calls(record, &mut calls);
        for CallIds { user, anonymous, at } in calls {
            self.events += 1;
            read = read.max(at);
            let links = user.is_some() && anonymous.is_some();
            user.iter().for_each(|id| add(id, links, false));
            anonymous.iter().for_each(|id| add(id, links, false));
        }
        let received = record.received.filter(|_| record.kind != RecordKind::Audit);
        if let (Clock::Log, Some(received)) = (self.options.clock, received) {
            read = read.max(received);
        }
        self.latest_read = read;
    }

    /// Who the accepted calls of a record are about.
    pub(super) fn calls(&self, record: ScannedRecord<'_>) -> Vec<CallIds> {
        let mut calls = Vec::new();
        self.decoder_calls(record, &mut calls);
        calls
    }

    /// When the accepted calls of a record happened.
    pub(super) fn times(&self, record: ScannedRecord<'_>) -> Vec<Timestamp> {
        let mut times = Vec::new();
        decode(&self.decoder, record, |decoded| {
            let resolved =
                decoded.as_ref().ok().and_then(|event| resolve_time(&self.options, event, record.received).ok());
            times.extend(resolved.map(|resolved| resolved.at));
        });
        times
    }

    /// Appends who they are about; returns how many were rejected.
    fn decoder_calls(&self, record: ScannedRecord<'_>, calls: &mut Vec<CallIds>) -> u64 {
        let mut rejected = 0;
        decode(&self.decoder, record, |decoded| {
            let accepted = decoded.as_ref().ok().and_then(|event| {
                let resolved = resolve_time(&self.options, event, record.received).ok()?;
                let text = |id: &Option<std::borrow::Cow<'_, str>>| id.as_deref().map(str::to_owned);
                Some(CallIds { user: text(&event.user_id), anonymous: text(&event.anonymous_id), at: resolved.at })
            });
            match accepted {
                Some(call) => calls.push(call),
                None => rejected += 1,
            }
        });
        rejected
    }
}

/// The ids that a record requests to forget.
pub(super) fn forgotten(decoder: &Decoder, lines: &[u8]) -> Vec<String> {
    let lines = lines.split(|byte| *byte == b'\n');
    lines.filter_map(|line| decoder.decode_forget(line)?.ok()).collect()
}

/// Hands on the calls of a record, as a pipeline decodes them.
pub(super) fn decode<'r>(decoder: &Decoder, record: ScannedRecord<'r>, mut take: impl FnMut(&Decoded<'r>)) {
    let mut calls = Vec::new();
    match record.kind {
        RecordKind::Tick | RecordKind::Forget | RecordKind::Audit => {}
        RecordKind::Mapped if record.lines.starts_with(&[NOT_MAPPED, NOT_MAPPED]) => {}
        RecordKind::Mapped => {
            let lines = record.lines.split(|byte| *byte == b'\n');
            lines.filter(|line| line.first() != Some(&NOT_MAPPED)).for_each(|line| decoder.decode(line, &mut calls));
        }
        RecordKind::Events if record.received.is_none() => decoder.decode(record.lines, &mut calls),
        RecordKind::Events => match decoder.framing(record.lines) {
            Ok(Framing::Lines) => {
                record.lines.split(|byte| *byte == b'\n').for_each(|line| decoder.decode(line, &mut calls));
            }
            Ok(Framing::Document) => decoder.decode_document(record.lines, &mut calls),
            Err(_) => {}
        },
    }
    calls.iter().for_each(&mut take);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_a_change_is_about_nobody_and_its_time_does_not_count() {
        let mut scanner = LogScanner::new(&PipelineOptions::default(), Timestamp::MIN);
        let lines = br#"{"type":"track","event":"View","userId":"u","timestamp":"2026-03-02T10:00:00Z"}"#;
        let record = |kind| ScannedRecord { kind, lines, received: Some(Timestamp(1_800_000_000_000)) };
        let mut entries = Vec::new();
        scanner.scan(1, record(RecordKind::Audit), &mut entries);
        assert!(entries.is_empty() && scanner.latest_read == Timestamp::MIN && scanner.rejected == 0);
        scanner.scan(2, record(RecordKind::Events), &mut entries);
        assert!(entries.len() == 1 && scanner.latest_read > Timestamp::MIN, "as an event it is");
    }
}
