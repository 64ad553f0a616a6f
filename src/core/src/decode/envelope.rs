//! Reads the outermost object of a call or a batch.

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};

use super::Decoder;
use super::draft::{CallDraft, TypedField};
use super::fields::{NestingDepth, Text};
use super::ignored::{ArrayProbe, IgnoredValue, ObjectKey, ignore_scalars};
use super::projected::{ProjectedObject, ProjectedPath};
use super::scalar::read_field;
use crate::event::CallType;

/// Reads the outermost value into a draft; false when it is valid JSON and no object.
pub(super) struct EnvelopeVisitor<'d, 'f, 'a> {
    pub(super) decoder: &'d Decoder,
    pub(super) depth: NestingDepth,
    /// Whether properties are read whatever the call is.
    pub(super) reads_all: bool,
    pub(super) draft: &'f mut CallDraft<'a>,
}

impl<'de> DeserializeSeed<'de> for EnvelopeVisitor<'_, '_, 'de> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for EnvelopeVisitor<'_, '_, 'de> {
    type Value = bool;

    ignore_scalars!(false);

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, seq: A) -> Result<bool, A::Error> {
        IgnoredValue(self.depth).visit_seq(seq).map(|()| false)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let inside = self.depth.enter()?;
        let draft = self.draft;
        while let Some(key) = map.next_key_seed(ObjectKey)? {
            let wrong = &mut draft.wrong_types;
            match &*key {
                "type" | "event" => {
                    let is_type = &*key == "type";
                    let field = if is_type { TypedField::Type } else { TypedField::Event };
                    let text: Option<Text<'_>> = read_field(&mut map, field, wrong, inside)?;
                    if is_type {
                        draft.call = text.map(|text| CallType::named(&text).ok_or(text));
                    } else {
                        draft.known = text.as_deref().and_then(|name| self.decoder.events.get(name)).copied();
                        draft.name = text;
                    }
                    draft.named_late |= draft.leaves_out;
                }
                "userId" => draft.user_id = read_field(&mut map, TypedField::UserId, wrong, inside)?,
                "anonymousId" => draft.anonymous_id = read_field(&mut map, TypedField::AnonymousId, wrong, inside)?,
                "previousId" => draft.previous_id = read_field(&mut map, TypedField::PreviousId, wrong, inside)?,
                "messageId" => draft.message_id = read_field(&mut map, TypedField::MessageId, wrong, inside)?,
                "timestamp" => draft.times.timestamp = read_field(&mut map, TypedField::Timestamp, wrong, inside)?,
                "originalTimestamp" => {
                    let time = read_field(&mut map, TypedField::OriginalTimestamp, wrong, inside)?;
                    draft.times.original_timestamp = time;
                }
                "sentAt" => draft.times.sent_at = read_field(&mut map, TypedField::SentAt, wrong, inside)?,
                "receivedAt" => {
                    draft.times.received_at = read_field(&mut map, TypedField::ReceivedAt, wrong, inside)?;
                }
                "properties" => {
                    let is_read = self.reads_all || self.decoder.reads_properties(draft);
                    draft.leaves_out |= !is_read;
                    let paths = &self.decoder.properties;
                    let seed = ProjectedObject { paths, is_read, sink: &mut draft.properties, depth: inside };
                    draft.wrong_types.record(TypedField::Properties, map.next_value_seed(seed)?);
                }
                "context" => {
                    let paths = &self.decoder.context;
                    let is_read = !paths.is_empty();
                    let seed = ProjectedObject { paths, is_read, sink: &mut draft.context, depth: inside };
                    wrong.record(TypedField::Context, map.next_value_seed(seed)?);
                }
                "traits" => {
                    let paths = &self.decoder.traits;
                    let is_read = !paths.is_empty();
                    let seed = ProjectedObject { paths, is_read, sink: &mut draft.traits, depth: inside };
                    wrong.record(TypedField::Traits, map.next_value_seed(seed)?);
                }
                "name" | "category" => match self.decoder.properties.child(&key) {
                    Some(node) => map.next_value_seed(ProjectedPath::new(node, &mut draft.page, inside, key))?,
                    None => map.next_value_seed(IgnoredValue(inside))?,
                },
                "batch" => draft.is_batch = map.next_value_seed(ArrayProbe(inside))?,
                _ => map.next_value_seed(IgnoredValue(inside))?,
            }
        }
        Ok(true)
    }
}
