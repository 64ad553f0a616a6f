//! The times that stand in a call, and what they say of when it happened.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::fields::{Depth, Skip, Text};
use crate::event::EventTime;
use crate::time::Timestamp;

/// A time as it stands in a call, or what stands there instead.
type Written<'a> = Result<Timestamp, Text<'a>>;

/// The times of a call, or of a batch envelope. Null is not there.
#[derive(Default)]
pub(super) struct Times<'a> {
    pub(super) timestamp: Option<Written<'a>>,
    pub(super) original_timestamp: Option<Written<'a>>,
    pub(super) sent_at: Option<Written<'a>>,
    pub(super) received_at: Option<Written<'a>>,
}

impl<'a> Times<'a> {
    /// Takes from the envelope of a batch what a call of it lacks.
    pub(super) fn take_lacking(&mut self, envelope: &Times<'_>) {
        let lacking = |own: &mut Option<Written<'a>>, theirs: &Option<Written<'_>>| {
            if usable(own).is_none() {
                *own = theirs.clone().map(owned);
            }
        };
        lacking(&mut self.sent_at, &envelope.sent_at);
        lacking(&mut self.received_at, &envelope.received_at);
    }

    /// The same, owning their texts.
    pub(super) fn into_owned<'o>(self) -> Times<'o> {
        Times {
            timestamp: self.timestamp.map(owned),
            original_timestamp: self.original_timestamp.map(owned),
            sent_at: self.sent_at.map(owned),
            received_at: self.received_at.map(owned),
        }
    }

    /// When the call was received, as it says itself.
    pub(super) fn received_at(&self) -> Option<Timestamp> {
        usable(&self.received_at)
    }

    /// When it happened; of a time that cannot be used nothing is left here.
    pub(super) fn event_time(&mut self) -> EventTime<'a> {
        let (timestamp, original) = (usable(&self.timestamp), usable(&self.original_timestamp));
        match (timestamp, original) {
            (Some(at), Some(_)) => EventTime::Corrected(at),
            (Some(at), None) | (None, Some(at)) => EventTime::Claimed { at, sent_at: usable(&self.sent_at) },
            (None, None) => {
                let fields = [("timestamp", &mut self.timestamp), ("originalTimestamp", &mut self.original_timestamp)];
                let mut unusable = fields.into_iter().filter_map(|(field, time)| Some((field, time.take()?.err()?)));
                EventTime::Missing { unusable: unusable.next() }
            }
        }
    }
}

fn owned<'o>(written: Written<'_>) -> Written<'o> {
    written.map_err(|text| Text::Owned(text.into_owned()))
}

fn usable(written: &Option<Written<'_>>) -> Option<Timestamp> {
    written.as_ref()?.as_ref().ok().copied()
}

/// A text or a number that is a time, or is none; null (`Some(None)`); or a value of another type (`None`).
pub(super) struct TimeOrNull(pub(super) Depth);

impl<'de> DeserializeSeed<'de> for TimeOrNull {
    type Value = Option<Option<Written<'de>>>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TimeOrNull {
    type Value = Option<Option<Written<'de>>>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a time")
    }
    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Some(None))
    }
    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(Some(text_of(number))))
    }
    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(Some(text_of(number))))
    }
    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        let time = Timestamp::parse_client_number(number);
        Ok(Some(Some(time.ok_or_else(|| Text::Owned(number.to_string())))))
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Some(Timestamp::parse_client(text).ok_or_else(|| Text::Owned(text.to_owned())))))
    }
    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Some(Some(Timestamp::parse_client(text).ok_or(Text::Borrowed(text)))))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        Skip(self.0).visit_seq(seq).map(|()| None)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Skip(self.0).visit_map(map).map(|()| None)
    }
}

/// A whole number reads as its digits do.
fn text_of<'a>(number: impl ToString) -> Written<'a> {
    let text = number.to_string();
    Timestamp::parse_client(&text).ok_or(Text::Owned(text))
}
