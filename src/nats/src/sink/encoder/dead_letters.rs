//! Messages of dead letters, and fitting them into the server's limit.

use async_nats::subject::Subject;
use bytes::Bytes;
use rekindle_core::action::event_id;
use rekindle_runtime::output::batch::{DeadLetter, DeadLetterSummary};
use rekindle_runtime::output::dead_letter::{self, DeadLetterOrigin, EncodedDeadLetter};
use xxhash_rust::xxh3::xxh3_128;

use super::MessageEncoder;
use crate::sink::attributes::CloudEventAttributes;
use crate::sink::message::{DeadLetterTruncation, MessageKind, OutputMessage};
use crate::sink::request_letter::RequestLetter;

/// The place of a dead letter in the log.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DeadLetterPlace {
    sequence: u64,
    line: u64,
    /// The number of dead letters before it at the same sequence and line.
    ordinal: u32,
}

/// What a dead letter needs beside its content.
#[derive(Clone, Copy)]
struct DeadLetterEnvelope<'a> {
    /// Unique among all dead letters.
    key: &'a str,
    subject: &'a Subject,
    emitter: &'a str,
    /// The largest message that the server accepts.
    max_payload: usize,
}

impl MessageEncoder {
    /// The message of a dead letter.
    pub(super) fn dead_letter(&mut self, dead_letter: &DeadLetter) -> OutputMessage {
        let DeadLetter { sequence, line, reason, original, rest } = dead_letter;
        // A line may hold several calls with the same bytes: each is a dead letter of its own.
        let last = self.last_dead_letter;
        let ordinal = if (last.sequence, last.line) == (*sequence, *line) { last.ordinal + 1 } else { 0 };
        self.last_dead_letter = DeadLetterPlace { sequence: *sequence, line: *line, ordinal };
        let original_hash = xxh3_128(original);
        let key = format!("letter\0{}\0{sequence}\0{line}\0{ordinal}\0{}\0{original_hash}", self.source, reason.code());
        let origin = DeadLetterOrigin::Message { sequence: *sequence, line: *line };
        let detail = dead_letter::detail(reason, rest.as_ref());
        let head = dead_letter::head(reason.code(), &detail, origin, rest.as_ref());
        let envelope = DeadLetterEnvelope {
            key: &key,
            subject: &self.dead_letter_subject,
            emitter: &self.emitter,
            max_payload: self.max_payload,
        };
        let mut message = envelope.message(|bytes_max| dead_letter::write(&head, original, bytes_max));
        message.truncation.rejections = rest.as_ref().map_or(0, DeadLetterSummary::count);
        message
    }
}

impl DeadLetterEnvelope<'_> {
    /// The message; `write` gives a payload of at most a number of bytes.
    fn message(self, write: impl FnOnce(usize) -> EncodedDeadLetter) -> OutputMessage {
        let id = event_id(self.key);
        let attributes = CloudEventAttributes::new(MessageKind::DeadLetter, &id, self.emitter);
        let mut message = OutputMessage {
            kind: MessageKind::DeadLetter,
            subject: self.subject.clone(),
            content_headers: attributes.headers(),
            id,
            payload: Bytes::new(),
            received: None,
            truncation: DeadLetterTruncation::default(),
        };
        let EncodedDeadLetter { bytes, is_truncated } = write(message.payload_bytes_max(self.max_payload));
        (message.payload, message.truncation.is_truncated) = (bytes.into(), is_truncated);
        message
    }
}

/// The dead letter of a call that came over HTTP and was not put into the log.
pub(in crate::sink) fn rejected_request(
    letter: &RequestLetter<'_>,
    subject: &Subject,
    emitter: &str,
    max_payload: usize,
) -> OutputMessage {
    let RequestLetter { source, reason, detail, original, rest } = letter;
    let head = dead_letter::head(reason, detail, DeadLetterOrigin::Request { source }, *rest);
    let key = format!("request\0{source}\0{reason}\0{}\0{}", xxh3_128(original), rest.is_some());
    let envelope = DeadLetterEnvelope { key: &key, subject, emitter, max_payload };
    envelope.message(|bytes_max| dead_letter::write(&head, original, bytes_max))
}

/// The dead letter of an output that the server does not accept, because it is larger than `limit`.
pub(in crate::sink) fn undeliverable_output(
    output: &OutputMessage,
    subject: &Subject,
    limit: usize,
    emitter: &str,
) -> OutputMessage {
    let detail = format!("the message has about {} bytes; the server takes {limit} at most", output.size());
    let origin = DeadLetterOrigin::Output { subject: &output.subject };
    let head = dead_letter::head("output_too_large", &detail, origin, None);
    let key = format!("output_too_large\0{}", output.id);
    let envelope = DeadLetterEnvelope { key: &key, subject, emitter, max_payload: limit };
    envelope.message(|bytes_max| dead_letter::write(&head, &output.payload, bytes_max))
}

/// Truncates the original in a dead letter until the message fits. Returns whether it fits.
pub(in crate::sink) fn truncate(dead_letter: &mut OutputMessage, max_payload: usize) -> bool {
    let bytes_max = dead_letter.payload_bytes_max(max_payload);
    if dead_letter.payload.len() > bytes_max
        && let Some(EncodedDeadLetter { bytes, is_truncated }) = dead_letter::shorten(&dead_letter.payload, bytes_max)
    {
        (dead_letter.payload, dead_letter.truncation.is_truncated) = (bytes.into(), is_truncated);
    }
    dead_letter.payload.len() <= bytes_max
}
