//! Fields of a call that hold one value: a text, an id, a time.

use std::borrow::Cow;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::draft::{TypeErrors, TypedField};
use super::fields::{NestingDepth, Text};
use super::ids::RawId;
use super::ignored::IgnoredValue;
use super::times::RawTime;
use crate::time::Timestamp;

/// A value of a field that may hold null as well.
pub(super) trait ScalarValue<'a>: Sized {
    /// What the field should hold, for messages.
    const EXPECTED: &'static str;

    fn from_text(text: Text<'a>) -> Self;

    /// A whole number; `None`: the field must not hold one.
    fn from_whole(number: impl ToString) -> Option<Self>;

    /// Another number; `None`: the field must not hold one.
    fn from_fraction(number: f64) -> Option<Self>;
}

impl<'a> ScalarValue<'a> for Text<'a> {
    const EXPECTED: &'static str = "a string";

    fn from_text(text: Text<'a>) -> Self {
        text
    }
    fn from_whole(_: impl ToString) -> Option<Self> {
        None
    }
    fn from_fraction(_: f64) -> Option<Self> {
        None
    }
}

impl<'a> ScalarValue<'a> for RawId<'a> {
    const EXPECTED: &'static str = "a string or a number";

    fn from_text(text: Text<'a>) -> Self {
        RawId::Text(text)
    }
    fn from_whole(number: impl ToString) -> Option<Self> {
        Some(RawId::Text(Cow::Owned(number.to_string())))
    }
    fn from_fraction(_: f64) -> Option<Self> {
        Some(RawId::Number)
    }
}

impl<'a> ScalarValue<'a> for RawTime<'a> {
    const EXPECTED: &'static str = "a time";

    fn from_text(text: Text<'a>) -> Self {
        Timestamp::parse_client(&text).ok_or(text)
    }
    /// A whole number reads as its digits do.
    fn from_whole(number: impl ToString) -> Option<Self> {
        Some(Self::from_text(Cow::Owned(number.to_string())))
    }
    fn from_fraction(number: f64) -> Option<Self> {
        Some(Timestamp::parse_client_number(number).ok_or_else(|| Cow::Owned(number.to_string())))
    }
}

/// Reads the value of a field. What is of another type is noted, and counts as missing.
pub(super) fn read_field<'de, T: ScalarValue<'de>, A: MapAccess<'de>>(
    map: &mut A,
    field: TypedField,
    wrong_types: &mut TypeErrors,
    depth: NestingDepth,
) -> Result<Option<T>, A::Error> {
    let value = map.next_value_seed(ScalarOrNull { depth, value: PhantomData })?;
    wrong_types.record(field, value.is_some());
    Ok(value.flatten())
}

/// A value or null (`Some`), or a value of another type (`None`).
struct ScalarOrNull<T> {
    depth: NestingDepth,
    value: PhantomData<T>,
}

impl<'de, T: ScalarValue<'de>> DeserializeSeed<'de> for ScalarOrNull<T> {
    type Value = Option<Option<T>>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de, T: ScalarValue<'de>> Visitor<'de> for ScalarOrNull<T> {
    type Value = Option<Option<T>>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(T::EXPECTED)
    }
    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Some(None))
    }
    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(T::from_whole(number).map(Some))
    }
    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(T::from_whole(number).map(Some))
    }
    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(T::from_fraction(number).map(Some))
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Some(T::from_text(Cow::Owned(text.to_owned())))))
    }
    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Some(Some(T::from_text(Cow::Borrowed(text)))))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        IgnoredValue(self.depth).visit_seq(seq).map(|()| None)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        IgnoredValue(self.depth).visit_map(map).map(|()| None)
    }
}
