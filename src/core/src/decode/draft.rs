//! A call while it is read, and the event that it becomes.

use strum::{FromRepr, IntoStaticStr};
use thin_vec::ThinVec;
use xxhash_rust::xxh3::xxh3_128;

use super::batch::{EnvelopeDefaults, ParsedText};
use super::decoder::KnownEvent;
use super::fields::{FieldRole, ProjectedValues, RetainedValue, Text};
use super::ids::{self, RawId};
use super::paths::PathNode;
use super::times::CallTimes;
use super::{Decoder, MAX_ID_BYTES, RejectionReason, split};
use crate::event::{CallType, Event, FieldId, TraitId};

/// The longest messageId that is kept as it came, in bytes; of a longer one its 128-bit xxh3 is kept.
pub const MAX_MESSAGE_ID_BYTES: usize = 128;

/// Fields of a page or screen that are properties where its properties lack them.
pub(super) const PAGE_FIELDS: [&str; 2] = ["name", "category"];

/// A call while it is read: nothing is rejected before its end, since keys come in any order.
#[derive(Default)]
pub(super) struct CallDraft<'a> {
    /// Which call it is, or what stands there instead.
    pub(super) call: Option<Result<CallType, Text<'a>>>,
    pub(super) name: Option<Text<'a>>,
    /// The rules' event of that name.
    pub(super) known: Option<KnownEvent>,
    pub(super) user_id: Option<RawId<'a>>,
    pub(super) anonymous_id: Option<RawId<'a>>,
    pub(super) previous_id: Option<RawId<'a>>,
    pub(super) message_id: Option<RawId<'a>>,
    pub(super) times: CallTimes<'a>,
    pub(super) properties: ProjectedValues<'a>,
    pub(super) context: ProjectedValues<'a>,
    pub(super) traits: ProjectedValues<'a>,
    /// What a page or screen has of [`PAGE_FIELDS`] outside its properties.
    pub(super) page: ProjectedValues<'a>,
    pub(super) is_batch: bool,
    pub(super) wrong_types: TypeErrors,
    /// Properties were skipped: as far as the call was known then, the rules do not read them.
    pub(super) leaves_out: bool,
    /// Its type or name came after that: the properties may have to be read after all.
    pub(super) named_late: bool,
}

/// Which of the typed fields have a value of a type they must not have; the last of equal keys counts.
#[derive(Clone, Copy, Default)]
pub(super) struct TypeErrors(u16);

/// A field whose value must be of one type, or null: in the order in which a wrong one is reported.
#[derive(Clone, Copy, FromRepr, IntoStaticStr)]
#[repr(u8)]
#[strum(serialize_all = "camelCase")]
pub(super) enum TypedField {
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
    pub(super) fn record(&mut self, field: TypedField, right_type: bool) {
        self.0 = self.0 & !(1 << field as u8) | u16::from(!right_type) << field as u8;
    }

    fn first(self) -> Option<&'static str> {
        TypedField::from_repr(self.0.trailing_zeros() as u8).map(Into::into)
    }
}

impl<'a> CallDraft<'a> {
    /// The event, or the envelope of a batch, taken out of the draft; `text` is what it was read from, `defaults` are those of its envelope.
    pub(super) fn finish(
        &mut self,
        decoder: &Decoder,
        text: &'a [u8],
        defaults: Option<&EnvelopeDefaults<'_>>,
    ) -> Result<ParsedText<'a>, RejectionReason> {
        if self.is_batch {
            let context_bytes = split::last_member(text, "context").map_or(0, |context| context.len());
            let context = std::mem::take(&mut self.context);
            let defaults = EnvelopeDefaults { context, context_bytes, times: std::mem::take(&mut self.times) };
            return Ok(ParsedText::Envelope(defaults));
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
        let is_row = call == CallType::Track && self.known.is_some_and(|known| known.is_row);
        if user_id.is_none() && anonymous_id.is_none() && !is_row {
            return Err(RejectionReason::NoId { placeholders });
        }
        if matches!(call, CallType::Page | CallType::Screen) {
            self.name_page(&decoder.properties);
        }
        if let Some(defaults) = defaults {
            self.times.take_lacking(&defaults.times);
            let has_traits = self.context.has(FieldRole::ContextTraits);
            self.context.take_lacking(&defaults.context, |slot| !(has_traits && matches!(slot, FieldRole::Trait(_))));
        }
        let is_field = |slot| matches!(slot, FieldRole::Field(_));
        let mut oversized = self.properties.oversized(is_field).saturating_add(self.context.oversized(is_field));
        let mut traits = Vec::new();
        if call == CallType::Identify {
            self.traits.take_lacking(&self.context, |slot| matches!(slot, FieldRole::Trait(_)));
            oversized = oversized.saturating_add(self.traits.oversized(|_| true));
            traits.extend(self.traits.values.drain(..).filter_map(|(slot, value)| match slot {
                FieldRole::Trait(id) => Some((TraitId(id), value.scalar())),
                _ => None,
            }));
        }
        let mut fields = Vec::with_capacity(self.properties.values.len() + self.context.values.len());
        let (mut arrays, mut nulls) = (ThinVec::new(), ThinVec::new());
        for (slot, value) in self.properties.values.drain(..).chain(self.context.values.drain(..)) {
            match (slot, value) {
                (FieldRole::Field(id), RetainedValue::Scalar(value)) => fields.push((FieldId(id), value)),
                (FieldRole::Array(_), RetainedValue::Items(items)) => {
                    oversized = oversized.saturating_add(items.oversized);
                    arrays.push(items);
                }
                (FieldRole::Field(id), RetainedValue::Absent | RetainedValue::TooLarge) if is_row => {
                    nulls.push(FieldId(id))
                }
                _ => {}
            }
        }
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
            arrays,
            traits,
            nulls,
            oversized,
        }))
    }

    /// The ids as texts, in the order in which mistakes in them are reported.
    fn ids(&mut self, text: &'a [u8]) -> [Option<Text<'a>>; 4] {
        let wrong = &mut self.wrong_types;
        let mut id = |field: TypedField, id: Option<RawId<'a>>| {
            let read = ids::text(id?, text, field.into());
            if read.is_none() {
                wrong.record(field, false);
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

    /// All that projected values are read into.
    pub(super) fn sinks(&mut self) -> [&mut ProjectedValues<'a>; 4] {
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
