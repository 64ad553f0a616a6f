//! The decoder: a line or a document in, its calls out.

use hashbrown::HashMap;
use serde::de::DeserializeSeed;

use super::batch::{EnvelopeDefaults, ParsedText};
use super::draft::{CallDraft, PAGE_FIELDS};
use super::envelope::EnvelopeVisitor;
use super::fields::{FieldRole, NestingDepth, ProjectedValues};
use super::items::ItemReader;
use super::paths::PathNode;
use super::{Decoded, PlaceholderIds, RejectedCall, RejectionReason, first_line, repair, scan, split};
use crate::event::{ArrayId, CallType, Event, TrackedId};
use crate::rules::ruleset::Projection;

/// A message, or a line of a file, may hold this many times `max_event_bytes`: it may be a batch.
const EVENTS_PER_MESSAGE: usize = 16;

/// The most calls in a batch, and the most lines in a message.
pub(super) const MAX_CALLS: usize = 100_000;

/// Decodes lines for one set of rules.
#[derive(Clone, Debug)]
pub struct Decoder {
    /// Also the roles of a page's or screen's `name` and `category`, where its properties lack them.
    pub(super) properties: PathNode,
    /// Track events that the rules know.
    pub(super) events: HashMap<String, KnownEvent, foldhash::fast::FixedState>,
    /// Whether properties are read of track events that are not among them.
    reads_of_unknown: bool,
    pub(super) context: PathNode,
    pub(super) traits: PathNode,
    pub(super) max_event_bytes: usize,
    pub(super) placeholder_ids: PlaceholderIds,
}

/// What the rules have to do with a track event.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownEvent {
    pub(super) id: Option<TrackedId>,
    pub(super) reads_properties: bool,
    /// Its calls are rows of a table: nobody need be meant, and what is null is told.
    pub(super) is_row: bool,
}

/// How a message is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Line by line.
    Lines,
    /// As one JSON document, over several lines.
    Document,
}

impl Decoder {
    /// A decoder that keeps what `projection` names and rejects calls longer than `max_event_bytes`. Placeholder ids
    /// are the usual ones.
    pub fn new(projection: &Projection, max_event_bytes: usize) -> Decoder {
        let mut decoder = Decoder {
            properties: PathNode::default(),
            events: HashMap::default(),
            reads_of_unknown: projection.property_events.is_none(),
            context: PathNode::default(),
            traits: PathNode::default(),
            max_event_bytes,
            placeholder_ids: PlaceholderIds::default(),
        };
        for (index, path) in (0..).zip(&projection.fields) {
            match path.split_first() {
                Some((root, rest)) if root == "context" => decoder.context.insert(rest, FieldRole::Field(index)),
                Some((root, rest)) if root == "properties" => decoder.properties.insert(rest, FieldRole::Field(index)),
                // A value of a match, which is no part of the event.
                Some(_) | None => {}
            }
        }
        for (index, array) in (0..).zip(&projection.arrays) {
            decoder.properties.insert_array(&array.path, ItemReader::new(ArrayId(index), array));
        }
        (0..).zip(PAGE_FIELDS).for_each(|(number, field)| decoder.properties.watch(field, number));
        for (event, id) in projection.tracked.iter().zip((0..).map(TrackedId)) {
            let known = KnownEvent {
                id: Some(id),
                reads_properties: decoder.reads_of_unknown,
                is_row: projection.row_events.contains(event),
            };
            decoder.events.insert(event.clone(), known);
        }
        for event in projection.property_events.iter().flatten() {
            let unnamed = KnownEvent { id: None, reads_properties: false, is_row: false };
            decoder.events.entry(event.clone()).or_insert(unnamed).reads_properties = true;
        }
        for (index, path) in (0..).zip(&projection.traits) {
            decoder.traits.insert(path, FieldRole::Trait(index));
            decoder.context.traits_of_context().insert(path, FieldRole::Trait(index));
        }
        decoder
    }

    /// With these placeholder ids in place of the usual ones.
    pub fn with_placeholder_ids(self, placeholder_ids: PlaceholderIds) -> Decoder {
        Decoder { placeholder_ids, ..self }
    }

    /// The longest message, or line of a file, that is decoded, in bytes: it may hold many calls.
    pub fn max_message_bytes(max_event_bytes: usize) -> usize {
        max_event_bytes.saturating_mul(EVENTS_PER_MESSAGE)
    }

    /// How a message is divided.
    ///
    /// # Errors
    /// It is larger than a message may be, in bytes or in lines.
    pub fn framing(&self, message: &[u8]) -> Result<Framing, RejectionReason> {
        let limit = Decoder::max_message_bytes(self.max_event_bytes);
        if message.len() > limit {
            return Err(RejectionReason::MessageTooLarge { bytes: message.len() as u64, limit: limit as u64 });
        }
        if matches!(message, [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..]) {
            // Compressed bodies that could be decompressed have been.
            let detail = format!("a body packed with gzip or zstd that is damaged, or holds more than {limit} bytes");
            return Err(RejectionReason::NotJson { detail });
        }
        let lines = memchr::memchr_iter(b'\n', message).count();
        if lines > 0 && split::is_one_value(message) {
            return Ok(Framing::Document);
        }
        match lines > MAX_CALLS {
            true => Err(RejectionReason::TooManyCalls { calls: lines as u64, limit: MAX_CALLS as u64 }),
            false => Ok(Framing::Lines),
        }
    }

    /// Decodes one line, without its newline, and appends its calls to `out`: one, or those of a `batch` envelope or an
    /// array. A blank line has none.
    pub fn decode<'a>(&self, line: &'a [u8], out: &mut Vec<Decoded<'a>>) {
        let limit = Decoder::max_message_bytes(self.max_event_bytes);
        if line.len() <= limit || line.iter().all(u8::is_ascii_whitespace) {
            self.decode_document(line, out);
        } else {
            let reason = RejectionReason::MessageTooLarge { bytes: line.len() as u64, limit: limit as u64 };
            out.push(Err(RejectedCall { reason, original: line }));
        }
    }

    /// As [`decode`](Decoder::decode), of a document of one or more lines, however long it is.
    pub fn decode_document<'a>(&self, document: &'a [u8], out: &mut Vec<Decoded<'a>>) {
        let text = document.strip_prefix(split::BYTE_ORDER_MARK).unwrap_or(document);
        let Some(first) = text.iter().find(|byte| !byte.is_ascii_whitespace()) else { return };
        let first_call = out.len();
        let read = if *first == b'[' {
            self.decode_calls(text, &EnvelopeDefaults::default(), out)
        } else if text.len() > self.max_event_bytes {
            let too_large = RejectionReason::TooLarge { bytes: text.len() as u64, limit: self.max_event_bytes as u64 };
            self.decode_unsound_batch(text, too_large, out)
        } else {
            match self.read(text, None) {
                Ok(ParsedText::Event(event)) => {
                    out.push(Ok(Event { original: document, ..event }));
                    Ok(())
                }
                Ok(ParsedText::Envelope(defaults)) => {
                    self.decode_calls(&text[split::batch(text).unwrap_or_default()], &defaults, out)
                }
                Err(reason @ RejectionReason::NotJson { .. }) => self.decode_unsound_batch(text, reason, out),
                Err(reason) => Err(reason),
            }
        };
        if let Err(reason) = read {
            out.truncate(first_call);
            out.push(Err(RejectedCall { reason, original: document }));
        }
    }

    /// Reads one call or the envelope of a batch; what is not JSON is repaired and read again.
    pub(super) fn read<'a>(
        &self,
        text: &'a [u8],
        defaults: Option<&EnvelopeDefaults<'_>>,
    ) -> Result<ParsedText<'a>, RejectionReason> {
        let mut draft = CallDraft::default();
        match scan::read_call(self, text, &mut draft) {
            true => draft.finish(self, text, defaults),
            false => self.read_unusual(text, defaults),
        }
    }

    /// The same, whatever a call looks like.
    pub(super) fn read_unusual<'a>(
        &self,
        text: &'a [u8],
        defaults: Option<&EnvelopeDefaults<'_>>,
    ) -> Result<ParsedText<'a>, RejectionReason> {
        let mut draft = CallDraft::default();
        match self.parse(text, false, &mut draft) {
            Ok(()) => draft.finish(self, text, defaults),
            Err(reason @ RejectionReason::NotJson { .. }) => {
                let repaired = repair::repaired(text).ok_or(reason)?;
                let mut draft = CallDraft::default();
                self.parse(&repaired, false, &mut draft)?;
                draft.finish(self, &repaired, defaults).map(ParsedText::into_owned)
            }
            Err(reason) => Err(reason),
        }
    }

    /// Reads a call into a blank draft; unless it `reads_all`, without the properties that the rules don't read of such an
    /// event.
    fn parse<'a>(&self, bytes: &'a [u8], reads_all: bool, draft: &mut CallDraft<'a>) -> Result<(), RejectionReason> {
        let text =
            std::str::from_utf8(bytes).map_err(|error| RejectionReason::NotJson { detail: error.to_string() })?;
        self.parse_text(text, reads_all, false, draft)
    }

    /// Reads the call of a text; `is_checked` if the text is known to be JSON.
    fn parse_text<'a>(
        &self,
        text: &'a str,
        reads_all: bool,
        is_checked: bool,
        draft: &mut CallDraft<'a>,
    ) -> Result<(), RejectionReason> {
        draft.sinks().into_iter().for_each(|sink| *sink = ProjectedValues::of(text, is_checked));
        let mut json = sonic_rs::Deserializer::from_str(text);
        let not_json = |error: sonic_rs::Error| RejectionReason::NotJson { detail: first_line(&error.to_string()) };
        let envelope = EnvelopeVisitor { decoder: self, depth: NestingDepth(0), reads_all, draft };
        let is_object = envelope.deserialize(&mut json).map_err(not_json)?;
        json.end().map_err(not_json)?;
        if !is_object {
            return Err(RejectionReason::NotAnObject);
        }
        let reads_more = draft.named_late && !reads_all;
        // A key that is written with escapes does not tell where in the text its value stands.
        let lost_a_place = draft.sinks().iter().any(|sink| sink.lost_a_place());
        if reads_more || (lost_a_place && !is_checked) {
            *draft = CallDraft::default();
            return self.parse_text(text, reads_all || reads_more, is_checked || lost_a_place, draft);
        }
        Ok(())
    }

    /// Whether the rules read properties of such an event, as far as is known of it by now.
    pub(super) fn reads_properties(&self, draft: &CallDraft<'_>) -> bool {
        match (&draft.call, &draft.name) {
            (Some(Ok(CallType::Track)), Some(_)) => {
                draft.known.map_or(self.reads_of_unknown, |known| known.reads_properties)
            }
            _ => true,
        }
    }
}
