//! The words every room shares: what came in, from whom, carrying which values.

use std::borrow::Cow;

use thin_vec::ThinVec;

use crate::decimal::Decimal;
use crate::time::Timestamp;

/// The largest value that is kept, in bytes of JSON without blanks between its tokens; a larger one counts as missing.
pub const MAX_VALUE_BYTES: usize = 8 * 1024;

/// Which of Segment's calls an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CallType {
    /// `track`: something the user did, named by `event`.
    Track,
    /// `identify`: who the user is; carries traits.
    Identify,
    /// `alias`: a new `userId` for a `previousId`.
    Alias,
    /// `page`: a page was seen.
    Page,
    /// `screen`: an app's screen was seen.
    Screen,
    /// `group`: the user belongs to a group. An event that matches no name.
    Group,
}

/// A value that a property, a trait or a context field has. Null is the same as missing and never occurs here.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar<'a> {
    /// `true` or `false`.
    Bool(bool),
    /// A number of at most 10^24 in size.
    Number(Decimal),
    /// A string.
    Text(Cow<'a, str>),
    /// An array or an object: its JSON as it came, without blanks between tokens. It is unlike everything it is compared with.
    Json(Cow<'a, str>),
}

/// What stands where an id should, of which nobody is meant, unless the settings say otherwise: in any case.
pub const PLACEHOLDER_IDS: [&str; 12] = [
    "undefined",
    "null",
    "[object Object]",
    "NaN",
    "none",
    "nil",
    "0",
    "guest",
    "anonymous",
    "unknown",
    "true",
    "false",
];

/// One of the properties or context fields that the rules read (an index into the plan's projection).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldId(pub u16);

/// One of the traits that the rules read (an index into the plan's projection).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraitId(pub u16);

/// One of the track events that the rules name (an index into the plan's projection).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackedId(pub u16);

/// One of the arrays of objects that the rules read element by element (an index into the plan's projection).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArrayId(pub u16);

/// One of the values that the rules read of an array's elements (an index into the array's projection).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemFieldId(pub u16);

/// When an event happened, as far as the event itself says (semantics §2). What cannot be read, or lies before 1990 or
/// after 2100, is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventTime<'a> {
    /// `timestamp` beside an `originalTimestamp`: somebody has set it right already.
    Corrected(Timestamp),
    /// By the client's clock, be it right or wrong.
    Claimed {
        /// `timestamp`, or else `originalTimestamp`.
        at: Timestamp,
        /// `sentAt`, which tells by the broker's time how wrong that clock is.
        sent_at: Option<Timestamp>,
    },
    /// Neither.
    Missing {
        /// The field that has something else than a time, and what that is.
        unusable: Option<(&'static str, Cow<'a, str>)>,
    },
}

/// One call, decoded: only what the engine and the rules read.
#[derive(Clone, Debug, PartialEq)]
pub struct Event<'a> {
    /// The bytes it was decoded from: a line, or a call's part of a batch envelope.
    pub original: &'a [u8],
    /// Which call.
    pub call: CallType,
    /// `event`: the name of what happened (track only).
    pub name: Option<Cow<'a, str>>,
    /// Which of the track events that the rules name; `None`: none of them.
    pub tracked: Option<TrackedId>,
    /// `userId`.
    pub user_id: Option<Cow<'a, str>>,
    /// `anonymousId`; for `alias`, `previousId` where there is one.
    pub anonymous_id: Option<Cow<'a, str>>,
    /// `messageId`.
    pub message_id: Option<Cow<'a, str>>,
    /// How many of its ids are such as nobody means: they are taken for missing.
    pub placeholder_ids: u8,
    /// When it happened.
    pub time: EventTime<'a>,
    /// `receivedAt`: the broker's time, in a file.
    pub received_at: Option<Timestamp>,
    /// The projected properties and context fields that are there, by field.
    pub fields: Vec<(FieldId, Scalar<'a>)>,
    /// The projected arrays that are there, each once; apart, since few events have any.
    pub arrays: ThinVec<ItemArray<'a>>,
    /// The projected traits of an `identify`, by trait; `None`: null, which takes the trait away.
    pub traits: Vec<(TraitId, Option<Scalar<'a>>)>,
    /// The projected properties and context fields of a table's row that are null; of other calls none is told.
    pub nulls: ThinVec<FieldId>,
    /// How many of its projected values were larger than [`MAX_VALUE_BYTES`], and so count as missing; with those of its arrays.
    pub oversized: u16,
}

/// Longer texts are not keys.
pub const MAX_KEY_BYTES: usize = 256;

/// How many elements of an array are read, from its first on.
pub const MAX_ITEMS: usize = 1_000;

/// The number of elements that most arrays have at most.
const ITEMS_EXPECTED: usize = 8;

/// For how many values there is room beforehand, at most.
const VALUES_EXPECTED_MAX: usize = 16;

/// The elements of an array that are objects, in the array's order, with their projected values.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemArray<'a> {
    /// Which array.
    pub array: ArrayId,
    /// Where the values of each element end.
    ends: ThinVec<u32>,
    /// The values of all elements, one element after the other.
    values: Vec<(ItemFieldId, Scalar<'a>)>,
    /// How many values were larger than [`MAX_VALUE_BYTES`], and so count as missing.
    pub oversized: u16,
}

impl<'a> ItemArray<'a> {
    /// An array without elements.
    pub fn new(array: ArrayId) -> ItemArray<'a> {
        ItemArray { array, ends: ThinVec::new(), values: Vec::new(), oversized: 0 }
    }

    /// Makes room for a first few elements with this number of values each.
    pub(crate) fn reserve(&mut self, fields: usize) {
        self.ends.reserve(ITEMS_EXPECTED);
        self.values.reserve((fields * ITEMS_EXPECTED).min(VALUES_EXPECTED_MAX));
    }

    /// Adds a value of the element that ends next.
    #[inline]
    pub(crate) fn push_value(&mut self, field: ItemFieldId, value: Scalar<'a>) {
        self.values.push((field, value));
    }

    /// Ends an element: its values are those since the one before.
    #[inline]
    pub(crate) fn end_item(&mut self) {
        self.ends.push(u32::try_from(self.values.len()).unwrap_or(u32::MAX));
    }

    /// The elements, each as its values.
    pub fn items(&self) -> impl Iterator<Item = &[(ItemFieldId, Scalar<'a>)]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.values[start as usize..*end as usize])
    }

    /// The same, owning its texts.
    pub(crate) fn into_owned<'o>(self) -> ItemArray<'o> {
        let values = self.values.into_iter().map(|(id, value)| (id, value.into_owned())).collect();
        ItemArray { array: self.array, ends: self.ends, values, oversized: self.oversized }
    }
}

/// The value an event has in a field.
pub fn field_value<'f, 'a>(fields: &'f [(FieldId, Scalar<'a>)], id: FieldId) -> Option<&'f Scalar<'a>> {
    fields.iter().find(|(other, _)| *other == id).map(|(_, value)| value)
}

impl CallType {
    /// All of them; a call's place here is `call as usize`.
    pub const ALL: [CallType; 6] =
        [CallType::Track, CallType::Identify, CallType::Alias, CallType::Page, CallType::Screen, CallType::Group];

    /// Its `type` on the wire.
    pub fn name(self) -> &'static str {
        match self {
            CallType::Track => "track",
            CallType::Identify => "identify",
            CallType::Alias => "alias",
            CallType::Page => "page",
            CallType::Screen => "screen",
            CallType::Group => "group",
        }
    }

    /// The call of that `type`, in any case.
    pub fn named(name: &str) -> Option<CallType> {
        CallType::ALL.into_iter().find(|call| call.name().eq_ignore_ascii_case(name))
    }
}

impl<'a> Event<'a> {
    /// The elements of an array that are objects; none where there is no such array.
    pub fn items(&self, array: ArrayId) -> impl Iterator<Item = &[(ItemFieldId, Scalar<'a>)]> {
        self.arrays.iter().filter(move |found| found.array == array).flat_map(ItemArray::items)
    }
}

impl Event<'_> {
    /// A call of nobody, without any property.
    pub fn blank() -> Event<'static> {
        Event {
            original: &[],
            call: CallType::Track,
            name: None,
            tracked: None,
            user_id: None,
            anonymous_id: None,
            message_id: None,
            placeholder_ids: 0,
            time: EventTime::Missing { unusable: None },
            received_at: None,
            fields: Vec::new(),
            arrays: ThinVec::new(),
            traits: Vec::new(),
            nulls: ThinVec::new(),
            oversized: 0,
        }
    }

    /// The same event, owning its texts. Its original is elsewhere, and empty here.
    pub fn into_owned<'o>(self) -> Event<'o> {
        let own = |text: Option<Cow<'_, str>>| text.map(|text| Cow::Owned(text.into_owned()));
        Event {
            original: &[],
            call: self.call,
            name: own(self.name),
            tracked: self.tracked,
            user_id: own(self.user_id),
            anonymous_id: own(self.anonymous_id),
            message_id: own(self.message_id),
            placeholder_ids: self.placeholder_ids,
            time: self.time.into_owned(),
            received_at: self.received_at,
            fields: self.fields.into_iter().map(|(id, value)| (id, value.into_owned())).collect(),
            arrays: self.arrays.into_iter().map(ItemArray::into_owned).collect(),
            traits: self.traits.into_iter().map(|(id, value)| (id, value.map(Scalar::into_owned))).collect(),
            nulls: self.nulls,
            oversized: self.oversized,
        }
    }
}

impl EventTime<'_> {
    /// The same, owning its text.
    pub fn into_owned<'o>(self) -> EventTime<'o> {
        match self {
            EventTime::Corrected(at) => EventTime::Corrected(at),
            EventTime::Claimed { at, sent_at } => EventTime::Claimed { at, sent_at },
            EventTime::Missing { unusable } => {
                EventTime::Missing { unusable: unusable.map(|(field, text)| (field, Cow::Owned(text.into_owned()))) }
            }
        }
    }

    /// The event's time where the broker's is `received`, which it may lie beyond; `None`: it has none.
    pub fn resolve(&self, received: Option<Timestamp>) -> Option<Timestamp> {
        match (self, received) {
            (EventTime::Claimed { at, sent_at: Some(sent_at) }, Some(received)) => Some(received - (*sent_at - *at)),
            (EventTime::Corrected(at) | EventTime::Claimed { at, .. }, _) => Some(*at),
            (EventTime::Missing { .. }, received) => received,
        }
    }
}

impl Scalar<'_> {
    /// The key that it is, of a `[per.K]`, a group or a row: a text of 1 to 256 bytes, or a whole number within 64 bits, as its
    /// decimal text.
    pub fn as_key(&self) -> Option<Cow<'_, str>> {
        match self {
            Scalar::Text(text) => {
                Some(Cow::Borrowed(text.as_ref())).filter(|text| (1..=MAX_KEY_BYTES).contains(&text.len()))
            }
            Scalar::Number(number) => number.whole_within_64_bits().map(|whole| Cow::Owned(whole.to_string())),
            Scalar::Bool(_) | Scalar::Json(_) => None,
        }
    }

    /// The bytes it takes beside its own place, if it owns its text.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Scalar::Bool(_) | Scalar::Number(_) => 0,
            Scalar::Text(text) | Scalar::Json(text) => text.len(),
        }
    }

    /// The same value, owning its text.
    pub fn into_owned(self) -> Scalar<'static> {
        match self {
            Scalar::Bool(b) => Scalar::Bool(b),
            Scalar::Number(n) => Scalar::Number(n),
            Scalar::Text(t) => Scalar::Text(Cow::Owned(t.into_owned())),
            Scalar::Json(json) => Scalar::Json(Cow::Owned(json.into_owned())),
        }
    }

    /// The same value, with its text borrowed from this one.
    pub fn borrowed(&self) -> Scalar<'_> {
        match self {
            Scalar::Bool(b) => Scalar::Bool(*b),
            Scalar::Number(n) => Scalar::Number(*n),
            Scalar::Text(t) => Scalar::Text(Cow::Borrowed(t)),
            Scalar::Json(json) => Scalar::Json(Cow::Borrowed(json)),
        }
    }
}
