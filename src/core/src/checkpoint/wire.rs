//! CBOR in memory: a writer that cannot fail, a reader whose errors say what was to be read, and where.

use std::convert::Infallible;

use minicbor::data::Type;
use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::{Encoder, Error as EncodeError};

use super::error::CodecError;
use crate::decimal::Decimal;
use crate::event::Scalar;
use crate::time::{Span, Timestamp};

/// Writes CBOR to memory.
pub(super) struct CborWriter(Encoder<Vec<u8>>);

impl CborWriter {
    pub(super) fn new() -> CborWriter {
        CborWriter(Encoder::new(Vec::new()))
    }

    /// How many bytes there are so far.
    pub(super) fn len(&self) -> usize {
        self.0.writer().len()
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0.into_writer()
    }

    pub(super) fn array(&mut self, len: u64) {
        done(self.0.array(len));
    }

    pub(super) fn map_header(&mut self, len: usize) {
        done(self.0.map(len as u64));
    }

    pub(super) fn u64(&mut self, number: u64) {
        done(self.0.u64(number));
    }

    pub(super) fn i64(&mut self, number: i64) {
        done(self.0.i64(number));
    }

    pub(super) fn i128(&mut self, number: i128) {
        done(self.0.i128(number));
    }

    pub(super) fn bool(&mut self, value: bool) {
        done(self.0.bool(value));
    }

    pub(super) fn str(&mut self, text: &str) {
        done(self.0.str(text));
    }

    pub(super) fn timestamp(&mut self, time: Timestamp) {
        self.i64(time.0);
    }

    pub(super) fn f64(&mut self, number: f64) {
        done(self.0.f64(number));
    }

    pub(super) fn null(&mut self) {
        done(self.0.null());
    }

    pub(super) fn optional_str(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.str(text),
            None => self.null(),
        }
    }

    pub(super) fn optional_timestamp(&mut self, time: Option<Timestamp>) {
        match time {
            Some(time) => self.timestamp(time),
            None => self.null(),
        }
    }

    /// A number is its millionths, an array or an object the bytes of its JSON.
    pub(super) fn any_scalar(&mut self, value: &Scalar<'_>) {
        match value {
            Scalar::Bool(value) => self.bool(*value),
            Scalar::Number(number) => self.i128(number.millionths()),
            Scalar::Text(text) => self.str(text),
            Scalar::Json(json) => done(self.0.bytes(json.as_bytes())),
        }
    }
}

fn done(written: Result<&mut Encoder<Vec<u8>>, EncodeError<Infallible>>) {
    written.expect("writing to memory cannot fail");
}

/// Reads CBOR. Lengths are believed only as far as there are bytes: nothing is reserved ahead.
pub(super) struct CborReader<'b>(Decoder<'b>);

impl<'b> CborReader<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> CborReader<'b> {
        CborReader(Decoder::new(bytes))
    }

    fn read<T>(
        &mut self,
        what: &'static str,
        read: impl FnOnce(&mut Decoder<'b>) -> Result<T, DecodeError>,
    ) -> Result<T, CodecError> {
        let at = self.0.position();
        read(&mut self.0).map_err(|source| CodecError::Malformed { what, at, source })
    }

    /// The error of a value that can be read, but cannot be.
    pub(super) fn wrong(&self, what: &'static str) -> CodecError {
        CodecError::Value { what, at: self.0.position() }
    }

    /// How many elements an array has.
    pub(super) fn array(&mut self, what: &'static str) -> Result<u64, CodecError> {
        self.read(what, Decoder::array)?.ok_or_else(|| self.wrong("an array without a length"))
    }

    /// An array of exactly `len` elements.
    pub(super) fn array_of(&mut self, len: u64, what: &'static str) -> Result<(), CodecError> {
        if self.array(what)? == len { Ok(()) } else { Err(self.wrong("an array of another length")) }
    }

    /// How many entries a map has.
    pub(super) fn map(&mut self, what: &'static str) -> Result<u64, CodecError> {
        self.read(what, Decoder::map)?.ok_or_else(|| self.wrong("a map without a length"))
    }

    pub(super) fn u64(&mut self, what: &'static str) -> Result<u64, CodecError> {
        self.read(what, Decoder::u64)
    }

    pub(super) fn u16(&mut self, what: &'static str) -> Result<u16, CodecError> {
        self.read(what, Decoder::u16)
    }

    pub(super) fn u32(&mut self, what: &'static str) -> Result<u32, CodecError> {
        self.read(what, Decoder::u32)
    }

    pub(super) fn i64(&mut self, what: &'static str) -> Result<i64, CodecError> {
        self.read(what, Decoder::i64)
    }

    pub(super) fn i128(&mut self, what: &'static str) -> Result<i128, CodecError> {
        self.read(what, Decoder::i128)
    }

    pub(super) fn bool(&mut self, what: &'static str) -> Result<bool, CodecError> {
        self.read(what, Decoder::bool)
    }

    pub(super) fn text(&mut self, what: &'static str) -> Result<&'b str, CodecError> {
        self.read(what, Decoder::str)
    }

    /// Whether null is next, which is read then.
    pub(super) fn is_null(&mut self, what: &'static str) -> Result<bool, CodecError> {
        let is_null = self.read(what, |decoder| decoder.datatype())? == Type::Null;
        if is_null {
            self.read(what, Decoder::null)?;
        }
        Ok(is_null)
    }

    /// Whether a text is next.
    pub(super) fn is_text(&mut self, what: &'static str) -> Result<bool, CodecError> {
        Ok(self.read(what, |decoder| decoder.datatype())? == Type::String)
    }

    /// An instant between [`Timestamp::MIN`] and [`Timestamp::NEVER`]: the engine's arithmetic cannot overflow on it.
    pub(super) fn time(&mut self, what: &'static str) -> Result<Timestamp, CodecError> {
        let time = Timestamp(self.i64(what)?);
        if (Timestamp::MIN..=Timestamp::NEVER).contains(&time) {
            Ok(time)
        } else {
            Err(self.wrong("a time out of range"))
        }
    }

    pub(super) fn optional_time(&mut self, what: &'static str) -> Result<Option<Timestamp>, CodecError> {
        if self.is_null(what)? { Ok(None) } else { self.time(what).map(Some) }
    }

    /// A length of time, in the range of instants.
    pub(super) fn span(&mut self, what: &'static str) -> Result<Span, CodecError> {
        self.time(what).map(|time| Span(time.0))
    }

    pub(super) fn optional_text(&mut self, what: &'static str) -> Result<Option<&'b str>, CodecError> {
        if self.is_null(what)? { Ok(None) } else { self.text(what).map(Some) }
    }

    pub(super) fn f64(&mut self, what: &'static str) -> Result<f64, CodecError> {
        self.read(what, Decoder::f64)
    }

    /// A number of events: so small that adding many such never overflows.
    pub(super) fn count(&mut self, what: &'static str) -> Result<u64, CodecError> {
        let count = self.u64(what)?;
        if count < 1 << 53 { Ok(count) } else { Err(self.wrong("a count out of range")) }
    }

    /// The first format has numbers as doubles, of arrays only their texts, numbers, true and false, and of objects only
    /// that they were there: of such a value that is all there is.
    pub(super) fn scalar(&mut self, what: &'static str) -> Result<Scalar<'static>, CodecError> {
        Ok(match self.read(what, |decoder| decoder.datatype())? {
            Type::Bool => Scalar::Bool(self.bool(what)?),
            Type::F64 => Scalar::Number(self.double(what)?),
            Type::Bytes => Scalar::Json(self.json(what)?.into()),
            Type::Array => Scalar::Json(self.first_format_list(what)?.into()),
            Type::Map if self.map(what)? == 0 => Scalar::Json("{}".into()),
            Type::Map => return Err(self.wrong("an object with entries")),
            Type::String => Scalar::Text(self.text(what)?.to_owned().into()),
            _ => Scalar::Number(self.decimal(what)?),
        })
    }

    /// A number of an event, or one that a `let` worked out.
    pub(super) fn decimal(&mut self, what: &'static str) -> Result<Decimal, CodecError> {
        let number = Decimal::from_millionths(self.i128(what)?);
        if number.is_in_range() { Ok(number) } else { Err(self.wrong("a number out of range")) }
    }

    /// A double as the first format has it; one that no decimal is near counts as the nearest.
    fn double(&mut self, what: &'static str) -> Result<Decimal, CodecError> {
        let double = self.f64(what)?;
        let nearest = if double < 0.0 { Decimal::GIVEN_MAX.negated() } else { Decimal::GIVEN_MAX };
        Ok(Decimal::parse(&double.to_string()).unwrap_or(nearest))
    }

    fn json(&mut self, what: &'static str) -> Result<String, CodecError> {
        let bytes = self.read(what, Decoder::bytes)?;
        let json = std::str::from_utf8(bytes)
            .ok()
            .filter(|json| json.starts_with(['[', '{']) && crate::json::JsonText::from_text(json).is_some());
        json.map(str::to_owned).ok_or_else(|| self.wrong("an array or object that is no JSON"))
    }

    /// Lists held no lists there, so reading one never goes deep.
    fn first_format_list(&mut self, what: &'static str) -> Result<String, CodecError> {
        let mut items = Vec::new();
        for _ in 0..self.array(what)? {
            items.push(match self.read(what, |decoder| decoder.datatype())? {
                Type::Bool => self.bool(what)?.to_string(),
                Type::F64 => self.double(what)?.to_string(),
                _ => crate::json::JsonText::of(self.text(what)?).to_string(),
            });
        }
        Ok(format!("[{}]", items.join(",")))
    }

    pub(super) fn skip(&mut self, what: &'static str) -> Result<(), CodecError> {
        self.read(what, Decoder::skip)
    }

    /// Nothing may follow.
    pub(super) fn end(&self) -> Result<(), CodecError> {
        if self.0.position() == self.0.input().len() { Ok(()) } else { Err(self.wrong("more than was to be read")) }
    }
}
