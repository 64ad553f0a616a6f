//! Bytes to [`Event`]s: a line of JSON in, the calls it holds out, each decoded or rejected with a reason.
//!
//! The whole text of a call is checked for being JSON, by the rules serde_json goes by (nesting at most 127 deep, the
//! last of equal keys wins), whatever the rules read of it: whether an event is accepted never depends on the rules. What
//! browsers and scripts write beside JSON is read as `repair` has it. Of a valid event only what the plan's
//! [`Projection`](crate::rules::ruleset::Projection) names is kept.
//!
//! A batch envelope, or an array of calls, is as many calls, each judged for itself: one that is not even JSON costs the
//! others nothing as long as its brackets and quotes match (`split`).
//!
//! Nothing here knows the broker's time, `--until` or the user; those checks come later.

mod envelope;
mod fields;
mod forget;
mod ids;
mod ignored;
mod rejection;
mod repair;
mod scalar;
mod split;
mod times;

use hashbrown::HashMap;
use serde::de::DeserializeSeed;
use strum::{FromRepr, IntoStaticStr};
use xxhash_rust::xxh3::xxh3_128;

use crate::event::{CallType, Event, FieldId, TrackedId, TraitId};
use crate::rules::ruleset::Projection;
use envelope::EnvelopeVisitor;
use fields::{FieldRole, NestingDepth, PathNode, ProjectedValues, Text};
use ids::RawId;
pub use ids::{MAX_ID_BYTES, PlaceholderIds};
pub use rejection::{RejectedCall, RejectionReason};
pub(crate) use repair::repaired;
use times::CallTimes;

/// A message, or a line of a file, may hold this many times `max_event_bytes`: it may be a batch.
const EVENTS_PER_MESSAGE: usize = 16;

/// The most calls in a batch, and the most lines in a message.
const MAX_CALLS: usize = 100_000;

/// What calls take of their envelope's context may be, in all, this many times what a message may be.
const MESSAGES_LENT: usize = 4;

/// The longest messageId that is kept as it came, in bytes; of a longer one its 128-bit xxh3 is kept.
pub const MAX_MESSAGE_ID_BYTES: usize = 128;

/// Decodes lines for one set of rules.
#[derive(Clone, Debug)]
pub struct Decoder {
    /// Also of what `name` and `category` of a page or screen are, where its properties lack them.
    properties: PathNode,
    /// Track events that the rules know.
    events: HashMap<String, KnownEvent, foldhash::fast::FixedState>,
    /// Whether properties are read of track events that are not among them.
    reads_of_unknown: bool,
    context: PathNode,
    traits: PathNode,
    max_event_bytes: usize,
    placeholder_ids: PlaceholderIds,
}

/// What the rules have to do with a track event.
#[derive(Clone, Copy, Debug)]
struct KnownEvent {
    id: Option<TrackedId>,
    reads_properties: bool,
}

/// What one call came to.
pub type Decoded<'a> = Result<Event<'a>, RejectedCall<'a>>;

impl Decoder {
    /// A decoder that keeps what `projection` names and rejects calls longer than `max_event_bytes`. Ids that nobody means
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
                Some((_, rest)) => decoder.properties.insert(rest, FieldRole::Field(index)),
                None => {}
            }
        }
        (0..).zip(PAGE_FIELDS).for_each(|(number, field)| decoder.properties.watch(field, number));
        for (event, id) in projection.tracked.iter().zip((0..).map(TrackedId)) {
            let known = KnownEvent { id: Some(id), reads_properties: decoder.reads_of_unknown };
            decoder.events.insert(event.clone(), known);
        }
        for event in projection.property_events.iter().flatten() {
            let unnamed = KnownEvent { id: None, reads_properties: false };
            decoder.events.entry(event.clone()).or_insert(unnamed).reads_properties = true;
        }
        for (index, path) in (0..).zip(&projection.traits) {
            decoder.traits.insert(path, FieldRole::Trait(index));
            decoder.context.traits_of_context().insert(path, FieldRole::Trait(index));
        }
        decoder
    }

    /// These are the ids that nobody means.
    pub fn with_placeholder_ids(self, placeholder_ids: PlaceholderIds) -> Decoder {
        Decoder { placeholder_ids, ..self }
    }

    /// The longest message, or line of a file, that is looked into, in bytes: it may hold many calls.
    pub fn max_message_bytes(max_event_bytes: usize) -> usize {
        max_event_bytes.saturating_mul(EVENTS_PER_MESSAGE)
    }

    /// How a whole message is to be read.
    ///
    /// # Errors
    /// It is larger than a message may be, in bytes or in lines.
    pub fn framing(&self, message: &[u8]) -> Result<Framing, RejectionReason> {
        let limit = Decoder::max_message_bytes(self.max_event_bytes);
        if message.len() > limit {
            return Err(RejectionReason::MessageTooLarge { bytes: message.len() as u64, limit: limit as u64 });
        }
        if matches!(message, [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..]) {
            // What could be unpacked was.
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

    /// Decodes one line, without its newline, and appends what it holds to `out`: one call, or those of a `batch` envelope
    /// or an array. A blank line holds nothing.
    pub fn decode<'a>(&self, line: &'a [u8], out: &mut Vec<Decoded<'a>>) {
        let limit = Decoder::max_message_bytes(self.max_event_bytes);
        if line.len() <= limit || line.iter().all(u8::is_ascii_whitespace) {
            self.decode_document(line, out);
        } else {
            let reason = RejectionReason::MessageTooLarge { bytes: line.len() as u64, limit: limit as u64 };
            out.push(Err(RejectedCall { reason, original: line }));
        }
    }

    /// As [`decode`](Decoder::decode), of a document that may go over lines, however long it is.
    pub fn decode_document<'a>(&self, document: &'a [u8], out: &mut Vec<Decoded<'a>>) {
        let text = document.strip_prefix(split::BYTE_ORDER_MARK).unwrap_or(document);
        let Some(first) = text.iter().find(|byte| !byte.is_ascii_whitespace()) else { return };
        let first_call = out.len();
        let read = if *first == b'[' {
            self.open(text, &EnvelopeDefaults::default(), out)
        } else if text.len() > self.max_event_bytes {
            let too_large = RejectionReason::TooLarge { bytes: text.len() as u64, limit: self.max_event_bytes as u64 };
            self.open_envelope(text, too_large, out)
        } else {
            match self.read(text, None) {
                Ok(ParsedText::Event(event)) => {
                    out.push(Ok(Event { original: document, ..event }));
                    Ok(())
                }
                Ok(ParsedText::Envelope(lent)) => self.open(&text[split::batch(text).unwrap_or_default()], &lent, out),
                Err(reason @ RejectionReason::NotJson { .. }) => self.open_envelope(text, reason, out),
                Err(reason) => Err(reason),
            }
        };
        if let Err(reason) = read {
            out.truncate(first_call);
            out.push(Err(RejectedCall { reason, original: document }));
        }
    }

    /// Opens a batch of which not all is JSON, or which is larger than one call may be: what stands around the array must
    /// be JSON, and no larger than that. It is rejected for `reason` if it is no such thing.
    fn open_envelope<'a>(
        &self,
        text: &'a [u8],
        reason: RejectionReason,
        out: &mut Vec<Decoded<'a>>,
    ) -> Result<(), RejectionReason> {
        let Some(array) = split::batch(text) else { return Err(reason) };
        let around = [&text[..array.start], b"[]", &text[array.end..]].concat();
        if around.len() > self.max_event_bytes {
            return Err(reason);
        }
        match self.read(&around, None) {
            Ok(ParsedText::Envelope(lent)) => self.open(&text[array], &lent, out),
            _ => Err(reason),
        }
    }

    /// Reads the calls of an array, each for itself; they take what they lack of what the envelope lends.
    fn open<'a>(
        &self,
        array: &'a [u8],
        lent: &EnvelopeDefaults<'_>,
        out: &mut Vec<Decoded<'a>>,
    ) -> Result<(), RejectionReason> {
        let not_json =
            || RejectionReason::NotJson { detail: "an array of calls that does not end as it should".to_owned() };
        let too_many = |calls| RejectionReason::TooManyCalls { calls: calls as u64, limit: MAX_CALLS as u64 };
        let calls = split::elements(array, MAX_CALLS).ok_or_else(not_json)?.map_err(too_many)?;
        let most_lent = Decoder::max_message_bytes(self.max_event_bytes).saturating_mul(MESSAGES_LENT);
        let limit = self.max_event_bytes as u64;
        for (index, range) in calls.into_iter().enumerate() {
            let text = &array[range];
            let read = if text.len() > self.max_event_bytes {
                Err(RejectionReason::TooLarge { bytes: text.len() as u64, limit })
            } else if lent.context_bytes.saturating_mul(index + 1) > most_lent {
                Err(RejectionReason::TooMuchLent { bytes: lent.context_bytes as u64, limit: most_lent as u64 })
            } else {
                self.read(text, Some(lent))
            };
            out.push(match read {
                Ok(ParsedText::Event(event)) => Ok(Event { original: text, ..event }),
                Ok(ParsedText::Envelope(_)) => {
                    Err(RejectedCall { reason: RejectionReason::WrongType { field: "batch" }, original: text })
                }
                Err(reason) => Err(RejectedCall { reason, original: text }),
            });
        }
        Ok(())
    }

    /// Reads one call or the envelope of a batch, first as it is, then with what clients get wrong put right.
    fn read<'a>(&self, text: &'a [u8], lent: Option<&EnvelopeDefaults<'_>>) -> Result<ParsedText<'a>, RejectionReason> {
        let mut draft = CallDraft::default();
        match self.parse(text, false, &mut draft) {
            Ok(()) => draft.finish(self, text, lent),
            Err(reason @ RejectionReason::NotJson { .. }) => {
                let repaired = repair::repaired(text).ok_or(reason)?;
                let mut draft = CallDraft::default();
                self.parse(&repaired, false, &mut draft)?;
                draft.finish(self, &repaired, lent).map(ParsedText::into_owned)
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

    /// Reads a text's call, which `is_checked` if it was found to be sound before.
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
    fn reads_properties(&self, draft: &CallDraft<'_>) -> bool {
        match (&draft.call, &draft.name) {
            (Some(Ok(CallType::Track)), Some(_)) => {
                draft.known.map_or(self.reads_of_unknown, |known| known.reads_properties)
            }
            _ => true,
        }
    }
}

/// How a message is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Line by line.
    Lines,
    /// As one JSON document, over several lines.
    Document,
}

/// What a text came to.
enum ParsedText<'a> {
    Event(Event<'a>),
    /// A batch, whose calls have yet to be read.
    Envelope(EnvelopeDefaults<'a>),
}

impl ParsedText<'_> {
    fn into_owned<'o>(self) -> ParsedText<'o> {
        match self {
            ParsedText::Event(event) => ParsedText::Event(event.into_owned()),
            ParsedText::Envelope(lent) => ParsedText::Envelope(lent.into_owned()),
        }
    }
}

/// What an envelope lends to those of its calls that lack it.
#[derive(Default)]
struct EnvelopeDefaults<'a> {
    context: ProjectedValues<'a>,
    /// How long the context is, in the text.
    context_bytes: usize,
    times: CallTimes<'a>,
}

impl EnvelopeDefaults<'_> {
    fn into_owned<'o>(self) -> EnvelopeDefaults<'o> {
        EnvelopeDefaults {
            context: self.context.into_owned(),
            context_bytes: self.context_bytes,
            times: self.times.into_owned(),
        }
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// Fields of a page or screen that are properties where its properties lack them.
const PAGE_FIELDS: [&str; 2] = ["name", "category"];

/// A call as it is being read: nothing is judged before its end, since keys come in any order.
#[derive(Default)]
struct CallDraft<'a> {
    /// Which call it is, or what stands there instead.
    call: Option<Result<CallType, Text<'a>>>,
    name: Option<Text<'a>>,
    /// What the rules know of that name.
    known: Option<KnownEvent>,
    user_id: Option<RawId<'a>>,
    anonymous_id: Option<RawId<'a>>,
    previous_id: Option<RawId<'a>>,
    message_id: Option<RawId<'a>>,
    times: CallTimes<'a>,
    properties: ProjectedValues<'a>,
    context: ProjectedValues<'a>,
    traits: ProjectedValues<'a>,
    /// What a page or screen has of [`PAGE_FIELDS`] outside its properties.
    page: ProjectedValues<'a>,
    is_batch: bool,
    wrong_types: TypeErrors,
    /// Properties were left out, for all that was known of the call.
    leaves_out: bool,
    /// And then came what it is, or what it is called: they may have to be read after all.
    named_late: bool,
}

/// Which of the typed fields have a value of a type they must not have; the last of equal keys counts.
#[derive(Clone, Copy, Default)]
struct TypeErrors(u16);

/// A field whose value must be of one type, or null: in the order in which a wrong one is told.
#[derive(Clone, Copy, FromRepr, IntoStaticStr)]
#[repr(u8)]
#[strum(serialize_all = "camelCase")]
enum TypedField {
    Type,
    Event,
    UserId,
    AnonymousId,
    PreviousId,
    MessageId,
    Timestamp,
    OriginalTimestamp,
    SentAt,
    ReceivedAt,
    Properties,
    Context,
    Traits,
}

impl TypeErrors {
    fn note(&mut self, field: TypedField, right_type: bool) {
        self.0 = self.0 & !(1 << field as u8) | u16::from(!right_type) << field as u8;
    }

    fn first(self) -> Option<&'static str> {
        TypedField::from_repr(self.0.trailing_zeros() as u8).map(Into::into)
    }
}

impl<'a> CallDraft<'a> {
    /// What it comes to. `text` is what it was read from.
    fn finish(
        mut self,
        decoder: &Decoder,
        text: &'a [u8],
        lent: Option<&EnvelopeDefaults<'_>>,
    ) -> Result<ParsedText<'a>, RejectionReason> {
        if self.is_batch {
            let context_bytes = split::last_member(text, "context").map_or(0, |context| context.len());
            let lent = EnvelopeDefaults { context: self.context, context_bytes, times: self.times };
            return Ok(ParsedText::Envelope(lent));
        }
        let [user_id, own_anonymous_id, previous_id, message_id] = self.ids(text);
        if let Some(field) = self.wrong_types.first() {
            return Err(RejectionReason::WrongType { field });
        }
        let call = match self.call.take() {
            Some(Ok(call)) => call,
            None if self.name.is_some() => CallType::Track,
            found => {
                let found = found.and_then(Result::err).map(|found| found.into_owned());
                return Err(RejectionReason::UnknownType { found });
            }
        };
        let mut placeholders = 0;
        let mut known = |id: Option<Text<'a>>| {
            let is_placeholder = id.as_deref().is_some_and(|id| decoder.placeholder_ids.contains(id));
            placeholders += u8::from(is_placeholder);
            id.filter(|id| !is_placeholder && !id.is_empty())
        };
        let user_id = known(bounded("userId", user_id)?);
        let own_anonymous_id = known(bounded("anonymousId", own_anonymous_id)?);
        let previous_id = known(bounded("previousId", previous_id)?);
        let message_id = known(message_id);
        let anonymous_id = if call == CallType::Alias { previous_id.or(own_anonymous_id) } else { own_anonymous_id };
        if user_id.is_none() && anonymous_id.is_none() {
            return Err(RejectionReason::NoId { placeholders });
        }
        if matches!(call, CallType::Page | CallType::Screen) {
            self.name_page(&decoder.properties);
        }
        if let Some(lent) = lent {
            self.times.take_lacking(&lent.times);
            let has_traits = self.context.has(FieldRole::ContextTraits);
            self.context.take_lacking(&lent.context, |slot| !(has_traits && matches!(slot, FieldRole::Trait(_))));
        }
        if call == CallType::Identify {
            self.traits.take_lacking(&self.context, |slot| matches!(slot, FieldRole::Trait(_)));
        } else {
            self.traits = ProjectedValues::default();
        }
        let is_field = |slot| matches!(slot, FieldRole::Field(_));
        let oversized = [self.properties.oversized(is_field), self.context.oversized(is_field)];
        let oversized = oversized.into_iter().fold(self.traits.oversized(|_| true), u16::saturating_add);
        let mut fields = Vec::with_capacity(self.properties.values.len() + self.context.values.len());
        for (slot, value) in self.properties.values.into_iter().chain(self.context.values) {
            if let (FieldRole::Field(id), Some(value)) = (slot, value) {
                fields.push((FieldId(id), value));
            }
        }
        let of_trait = |(slot, value)| if let FieldRole::Trait(id) = slot { Some((TraitId(id), value)) } else { None };
        Ok(ParsedText::Event(Event {
            original: text,
            call,
            name: self.name.take().filter(|_| call == CallType::Track),
            tracked: self.known.filter(|_| call == CallType::Track).and_then(|known| known.id),
            user_id,
            anonymous_id,
            message_id: message_id.map(short_message_id),
            placeholder_ids: placeholders,
            time: self.times.event_time(),
            received_at: self.times.received_at(),
            fields,
            traits: self.traits.values.into_iter().filter_map(of_trait).collect(),
            oversized,
        }))
    }

    /// The ids as texts, in the order in which they are told of.
    fn ids(&mut self, text: &'a [u8]) -> [Option<Text<'a>>; 4] {
        let wrong = &mut self.wrong_types;
        let mut id = |field: TypedField, id: Option<RawId<'a>>| {
            let read = ids::text(id?, text, field.into());
            if read.is_none() {
                wrong.note(field, false);
            }
            read
        };
        [
            id(TypedField::UserId, self.user_id.take()),
            id(TypedField::AnonymousId, self.anonymous_id.take()),
            id(TypedField::PreviousId, self.previous_id.take()),
            id(TypedField::MessageId, self.message_id.take()),
        ]
    }

    /// What is read of the text.
    fn sinks(&mut self) -> [&mut ProjectedValues<'a>; 4] {
        [&mut self.properties, &mut self.context, &mut self.traits, &mut self.page]
    }

    /// Makes properties of a page's name and category where it lacks them, or has null.
    fn name_page(&mut self, properties: &PathNode) {
        for node in PAGE_FIELDS.iter().filter_map(|field| properties.child(field)) {
            if !node.has_value(&self.properties) {
                self.properties.replace_below(node, &mut self.page);
            }
        }
    }
}

/// A message's id as it is kept: of one that is too long, a hash.
fn short_message_id(id: Text<'_>) -> Text<'_> {
    if id.len() <= MAX_MESSAGE_ID_BYTES { id } else { Text::Owned(format!("xxh3-{:032x}", xxh3_128(id.as_bytes()))) }
}

fn bounded<'a>(field: &'static str, id: Option<Text<'a>>) -> Result<Option<Text<'a>>, RejectionReason> {
    match id {
        Some(id) if id.len() > MAX_ID_BYTES => Err(RejectionReason::IdTooLong { field, bytes: id.len() }),
        id => Ok(id),
    }
}
