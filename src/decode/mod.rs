//! Bytes to [`Event`]s: one JSON line in, the calls it holds out, each decoded or rejected with a reason.
//!
//! The whole line is checked for being JSON, by the rules serde_json goes by (nesting at most 127 deep, numbers within
//! the range of a double, no lone surrogates, the last of equal keys wins), whatever the rules read of it: whether an
//! event is accepted never depends on the rules. Of a valid event only what the plan's
//! [`Projection`](crate::rules::program::Projection) names is kept.
//!
//! Nothing here knows the broker's time, `--until` or the user; those checks come later.

mod fields;
mod forget;
mod rejection;
mod times;

use std::borrow::Cow;

use hashbrown::HashMap;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use strum::{FromRepr, IntoStaticStr};

use crate::event::{Call, Event, FieldId, TrackedId, TraitId};
use crate::rules::program::Projection;
use crate::time::Timestamp;
use fields::{Depth, IsArray, Object, PathNode, Sink, Skip, StringOrNull, Text};
pub use rejection::{Reason, Rejected};
use times::{TimeOrNull, Times};

/// The longest id that is accepted, in bytes.
pub const MAX_ID_BYTES: usize = 256;

/// Decodes lines for one set of rules.
#[derive(Clone, Debug)]
pub struct Decoder {
    properties: PathNode,
    /// Track events that the rules know.
    events: HashMap<String, KnownEvent, foldhash::fast::FixedState>,
    /// Whether properties are read of track events that are not among them.
    reads_of_unknown: bool,
    context: PathNode,
    traits: PathNode,
    max_event_bytes: usize,
}

/// What the rules have to do with a track event.
#[derive(Clone, Copy, Debug)]
struct KnownEvent {
    id: Option<TrackedId>,
    reads_properties: bool,
}

/// What one call came to.
pub type Decoded<'a> = Result<Event<'a>, Rejected<'a>>;

impl Decoder {
    /// A decoder that keeps what `projection` names and rejects lines longer than `max_event_bytes`.
    pub fn new(projection: &Projection, max_event_bytes: usize) -> Decoder {
        let mut decoder = Decoder {
            properties: PathNode::default(),
            events: HashMap::default(),
            reads_of_unknown: projection.property_events.is_none(),
            context: PathNode::default(),
            traits: PathNode::default(),
            max_event_bytes,
        };
        for (index, path) in projection.fields.iter().enumerate() {
            match path.split_first() {
                Some((root, rest)) if root == "context" => decoder.context.insert(rest, index),
                Some((_, rest)) => decoder.properties.insert(rest, index),
                None => {}
            }
        }
        for (event, id) in projection.tracked.iter().zip((0..).map(TrackedId)) {
            let known = KnownEvent { id: Some(id), reads_properties: decoder.reads_of_unknown };
            decoder.events.insert(event.clone(), known);
        }
        for event in projection.property_events.iter().flatten() {
            let unnamed = KnownEvent { id: None, reads_properties: false };
            decoder.events.entry(event.clone()).or_insert(unnamed).reads_properties = true;
        }
        for (index, path) in projection.traits.iter().enumerate() {
            decoder.traits.insert(path, index);
        }
        decoder
    }

    /// Decodes one line, without its newline, and appends what it holds to `out`: one call, or those of a `batch`
    /// envelope. A blank line holds nothing.
    pub fn decode<'a>(&self, line: &'a [u8], out: &mut Vec<Decoded<'a>>) {
        if line.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        if line.len() > self.max_event_bytes {
            let reason = Reason::TooLarge { bytes: line.len() as u64, limit: self.max_event_bytes as u64 };
            out.push(Err(Rejected { reason, original: line }));
            return;
        }
        let mut draft = Draft::default();
        let read = self.parse(line, 0, false, &mut draft);
        match read.and_then(|()| if draft.is_batch { Ok(None) } else { draft.finish(line).map(Some) }) {
            Ok(Some(event)) => out.push(Ok(event)),
            Ok(None) => self.open_batch(line, &draft.times, out),
            Err(reason) => out.push(Err(Rejected { reason, original: line })),
        }
    }

    /// Reads a call into a blank draft; unless it `reads_all`, without the properties that the rules don't read of such an
    /// event.
    fn parse<'a>(&self, bytes: &'a [u8], depth: u8, reads_all: bool, draft: &mut Draft<'a>) -> Result<(), Reason> {
        let text = std::str::from_utf8(bytes).map_err(|error| Reason::NotJson { detail: error.to_string() })?;
        self.parse_text(text, depth, reads_all, false, draft)
    }

    /// Reads a text's call, which `is_checked` if it was found to be sound before.
    fn parse_text<'a>(
        &self,
        text: &'a str,
        depth: u8,
        reads_all: bool,
        is_checked: bool,
        draft: &mut Draft<'a>,
    ) -> Result<(), Reason> {
        (draft.fields, draft.traits) = (Sink::of(text, is_checked), Sink::of(text, is_checked));
        let mut json = sonic_rs::Deserializer::from_str(text);
        let not_json = |error: sonic_rs::Error| Reason::NotJson { detail: first_line(&error.to_string()) };
        let envelope = Envelope { decoder: self, depth: Depth(depth), reads_all, draft };
        let is_object = envelope.deserialize(&mut json).map_err(not_json)?;
        json.end().map_err(not_json)?;
        if !is_object {
            return Err(Reason::NotAnObject);
        }
        let reads_more = draft.named_late && !reads_all;
        // A key that is written with escapes does not tell where in the text its value stands.
        let lost_a_place = draft.fields.lost_a_place() || draft.traits.lost_a_place();
        if reads_more || (lost_a_place && !is_checked) {
            *draft = Draft::default();
            return self.parse_text(text, depth, reads_all || reads_more, is_checked || lost_a_place, draft);
        }
        Ok(())
    }

    /// Whether the rules read properties of such an event, as far as is known of it by now.
    fn reads_properties(&self, draft: &Draft<'_>) -> bool {
        let (Some(call), Some(_)) = (&draft.call, &draft.name) else { return true };
        call != Call::Track.name() || draft.known.map_or(self.reads_of_unknown, |known| known.reads_properties)
    }

    /// Each call of a batch stands for itself; `sentAt` and `receivedAt` are the envelope's where the call has none.
    fn open_batch<'a>(&self, line: &'a [u8], envelope: &Times<'a>, out: &mut Vec<Decoded<'a>>) {
        let Some(items) = batch_text(line) else {
            let reason = Reason::WrongType { field: "batch" };
            out.push(Err(Rejected { reason, original: line }));
            return;
        };
        let texts = sonic_rs::to_array_iter(items).filter_map(|item| borrowed_text(&item.ok()?));
        out.extend(texts.map(|text| {
            let mut draft = Draft::default();
            let read = self.parse(text.as_bytes(), 2, false, &mut draft);
            let event = read.and_then(|()| match draft.is_batch {
                true => Err(Reason::WrongType { field: "batch" }),
                false => {
                    draft.times.take_lacking(envelope);
                    draft.finish(text.as_bytes())
                }
            });
            event.map_err(|reason| Rejected { reason, original: text.as_bytes() })
        }));
    }
}

/// The array of a line's last `batch`. The line must have been checked: sonic-rs steps over values by recursion, and
/// only the check bounds its depth.
fn batch_text(line: &[u8]) -> Option<&str> {
    let members = sonic_rs::to_object_iter(line).filter_map(Result::ok);
    let (_, batch) = members.filter(|(key, _)| key == "batch").last()?;
    borrowed_text(&batch)
}

fn borrowed_text<'a>(value: &sonic_rs::LazyValue<'a>) -> Option<&'a str> {
    match value.as_raw_cow() {
        Cow::Borrowed(text) => Some(text),
        Cow::Owned(_) => None,
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// A call as it is being read: nothing is judged before its end, since keys come in any order.
#[derive(Default)]
struct Draft<'a> {
    call: Option<Text<'a>>,
    name: Option<Text<'a>>,
    /// What the rules know of that name.
    known: Option<KnownEvent>,
    user_id: Option<Text<'a>>,
    anonymous_id: Option<Text<'a>>,
    previous_id: Option<Text<'a>>,
    message_id: Option<Text<'a>>,
    times: Times<'a>,
    fields: Sink<'a>,
    traits: Sink<'a>,
    is_batch: bool,
    wrong_types: WrongTypes,
    /// Properties were left out, for all that was known of the call.
    leaves_out: bool,
    /// And then came what it is, or what it is called: they may have to be read after all.
    named_late: bool,
}

/// Which of the typed fields have a value of a type they must not have; the last of equal keys counts.
#[derive(Clone, Copy, Default)]
struct WrongTypes(u16);

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

impl WrongTypes {
    fn note(&mut self, field: TypedField, right_type: bool) {
        self.0 = self.0 & !(1 << field as u8) | u16::from(!right_type) << field as u8;
    }

    fn first(self) -> Option<&'static str> {
        TypedField::from_repr(self.0.trailing_zeros() as u8).map(Into::into)
    }
}

impl<'a> Draft<'a> {
    /// The event it comes to; nothing is left of it.
    fn finish(&mut self, original: &'a [u8]) -> Result<Event<'a>, Reason> {
        if let Some(field) = self.wrong_types.first() {
            return Err(Reason::WrongType { field });
        }
        let found = self.call.as_deref();
        let call =
            found.and_then(Call::named).ok_or_else(|| Reason::UnknownType { found: found.map(str::to_owned) })?;
        let user_id = checked_id("userId", self.user_id.take())?;
        let own_anonymous_id = checked_id("anonymousId", self.anonymous_id.take())?;
        let previous_id = checked_id("previousId", self.previous_id.take())?;
        let anonymous_id = if call == Call::Alias { previous_id.or(own_anonymous_id) } else { own_anonymous_id };
        if user_id.is_none() && anonymous_id.is_none() {
            return Err(Reason::NoId);
        }
        let traits = if call == Call::Identify { std::mem::take(&mut self.traits) } else { Sink::default() };
        let fields = std::mem::take(&mut self.fields);
        let oversized = fields.oversized().saturating_add(traits.oversized());
        Ok(Event {
            original,
            call,
            name: self.name.take().filter(|_| call == Call::Track),
            tracked: self.known.filter(|_| call == Call::Track).and_then(|known| known.id),
            user_id,
            anonymous_id,
            message_id: self.message_id.take().filter(|id| !id.is_empty()),
            time: self.times.event_time(),
            received_at: self.times.received_at(),
            fields: fields.values.into_iter().filter_map(|(id, value)| Some((FieldId(id), value?))).collect(),
            traits: traits.values.into_iter().map(|(id, value)| (TraitId(id), value)).collect(),
            oversized,
        })
    }
}

/// An empty id is no id.
fn checked_id<'a>(field: &'static str, id: Option<Text<'a>>) -> Result<Option<Text<'a>>, Reason> {
    match id {
        Some(id) if id.len() > MAX_ID_BYTES => Err(Reason::IdTooLong { field, bytes: id.len() }),
        Some(id) if id.is_empty() => Ok(None),
        id => Ok(id),
    }
}

/// Reads the outermost value into a draft; false when it is valid JSON and no object.
struct Envelope<'d, 'f, 'a> {
    decoder: &'d Decoder,
    depth: Depth,
    /// Whether properties are read whatever the call is.
    reads_all: bool,
    draft: &'f mut Draft<'a>,
}

impl<'de> DeserializeSeed<'de> for Envelope<'_, '_, 'de> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Envelope<'_, '_, 'de> {
    type Value = bool;

    fields::ignore_scalars!(false);

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, seq: A) -> Result<bool, A::Error> {
        Skip(self.depth).visit_seq(seq).map(|()| false)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let inside = self.depth.enter()?;
        let draft = self.draft;
        while let Some(key) = map.next_key_seed(fields::Key)? {
            let wrong = &mut draft.wrong_types;
            match &*key {
                "type" | "event" => {
                    let is_type = &*key == "type";
                    let field = if is_type { TypedField::Type } else { TypedField::Event };
                    let text = read_text(&mut map, field, wrong, inside)?;
                    if is_type {
                        draft.call = text;
                    } else {
                        draft.known = text.as_deref().and_then(|name| self.decoder.events.get(name)).copied();
                        draft.name = text;
                    }
                    draft.named_late |= draft.leaves_out;
                }
                "userId" => draft.user_id = read_text(&mut map, TypedField::UserId, wrong, inside)?,
                "anonymousId" => draft.anonymous_id = read_text(&mut map, TypedField::AnonymousId, wrong, inside)?,
                "previousId" => draft.previous_id = read_text(&mut map, TypedField::PreviousId, wrong, inside)?,
                "messageId" => draft.message_id = read_text(&mut map, TypedField::MessageId, wrong, inside)?,
                "timestamp" => draft.times.timestamp = read_time(&mut map, TypedField::Timestamp, wrong, inside)?,
                "originalTimestamp" => {
                    let time = read_time(&mut map, TypedField::OriginalTimestamp, wrong, inside)?;
                    draft.times.original_timestamp = time;
                }
                "sentAt" => draft.times.sent_at = read_time(&mut map, TypedField::SentAt, wrong, inside)?,
                "receivedAt" => {
                    draft.times.received_at = read_time(&mut map, TypedField::ReceivedAt, wrong, inside)?;
                }
                "properties" => {
                    let is_read = self.reads_all || self.decoder.reads_properties(draft);
                    draft.leaves_out |= !is_read;
                    let paths = &self.decoder.properties;
                    let seed = Object { paths, is_read, sink: &mut draft.fields, depth: inside };
                    draft.wrong_types.note(TypedField::Properties, map.next_value_seed(seed)?);
                }
                "context" => {
                    let paths = &self.decoder.context;
                    let is_read = !paths.is_empty();
                    let seed = Object { paths, is_read, sink: &mut draft.fields, depth: inside };
                    wrong.note(TypedField::Context, map.next_value_seed(seed)?);
                }
                "traits" => {
                    let paths = &self.decoder.traits;
                    let is_read = !paths.is_empty();
                    let seed = Object { paths, is_read, sink: &mut draft.traits, depth: inside };
                    wrong.note(TypedField::Traits, map.next_value_seed(seed)?);
                }
                "batch" => draft.is_batch = map.next_value_seed(IsArray(inside))?,
                _ => map.next_value_seed(Skip(inside))?,
            }
        }
        Ok(true)
    }
}

fn read_text<'de, A: MapAccess<'de>>(
    map: &mut A,
    field: TypedField,
    wrong_types: &mut WrongTypes,
    depth: Depth,
) -> Result<Option<Text<'de>>, A::Error> {
    let text = map.next_value_seed(StringOrNull(depth))?;
    wrong_types.note(field, text.is_some());
    Ok(text.flatten())
}

fn read_time<'de, A: MapAccess<'de>>(
    map: &mut A,
    field: TypedField,
    wrong_types: &mut WrongTypes,
    depth: Depth,
) -> Result<Option<Result<Timestamp, Text<'de>>>, A::Error> {
    let time = map.next_value_seed(TimeOrNull(depth))?;
    wrong_types.note(field, time.is_some());
    Ok(time.flatten())
}
