//! Bytes for what is packed in memory: numbers of variable length (LEB128, signed ones zigzag), instants relative to one
//! that both sides know.
//!
//! Only what a [`CompactWriter`] of the same process wrote may be read.

use std::borrow::Cow;
use std::convert::Infallible;
use std::sync::Arc;

use integer_encoding::VarInt;

use crate::decimal::Decimal;
use crate::encoding::{KeySpace, ListShape, StateReader, StateWriter};
use crate::event::Scalar;
use crate::time::Timestamp;

/// What a reader is given was written by a writer.
pub(crate) const OURS: &str = "what is packed is whole";

/// Stands for a value that is null, in the place of a scalar's tag.
const NULL_TAG: u8 = 5;

/// Appends to bytes.
pub(crate) struct CompactWriter<'o> {
    pub(crate) out: &'o mut Vec<u8>,
    /// What instants are relative to.
    pub(crate) base: Timestamp,
}

impl CompactWriter<'_> {
    fn number(&mut self, number: impl VarInt) {
        let mut bytes = [0; 10];
        let length = number.encode_var(&mut bytes);
        // Copied whole: a copy of a fixed length is a few instructions, one of any length is a call.
        let end = self.out.len() + length;
        self.out.extend_from_slice(&bytes);
        self.out.truncate(end);
    }

    pub(crate) fn unsigned(&mut self, number: u64) {
        self.number(number);
    }

    pub(crate) fn signed(&mut self, number: i64) {
        self.number(number);
    }

    /// None is 0, and so 0 is 1.
    pub(crate) fn optional(&mut self, number: Option<i64>) {
        self.signed(match number {
            None => 0,
            Some(number @ 0..) => number + 1,
            Some(number) => number,
        });
    }

    /// An instant; [`Timestamp::NEVER`] is none.
    pub(crate) fn timestamp(&mut self, time: Timestamp) {
        self.optional((time != Timestamp::NEVER).then(|| time.0 - self.base.0));
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.unsigned(bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }
}

/// Takes from the front of bytes.
pub(crate) struct CompactReader<'p> {
    pub(crate) left: &'p [u8],
    pub(crate) base: Timestamp,
}

impl<'p> CompactReader<'p> {
    fn take(&mut self, count: usize) -> &'p [u8] {
        let (taken, left) = self.left.split_at(count);
        self.left = left;
        taken
    }

    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        self.take(N).try_into().expect(OURS)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.take(1)[0]
    }

    fn number<N: VarInt>(&mut self) -> N {
        let (number, length) = N::decode_var(self.left).expect(OURS);
        self.left = &self.left[length..];
        number
    }

    pub(crate) fn unsigned(&mut self) -> u64 {
        self.number()
    }

    /// A number that was written as a [`CompactWriter::unsigned`] and is of a smaller type.
    pub(crate) fn small<N: TryFrom<u64, Error: std::fmt::Debug>>(&mut self) -> N {
        N::try_from(self.unsigned()).expect(OURS)
    }

    pub(crate) fn signed(&mut self) -> i64 {
        self.number()
    }

    pub(crate) fn optional(&mut self) -> Option<i64> {
        match self.signed() {
            0 => None,
            above @ 1.. => Some(above - 1),
            number => Some(number),
        }
    }

    pub(crate) fn timestamp(&mut self) -> Timestamp {
        self.optional().map_or(Timestamp::NEVER, |after| Timestamp(self.base.0 + after))
    }

    pub(crate) fn bytes(&mut self) -> &'p [u8] {
        let length = self.small();
        self.take(length)
    }

    pub(crate) fn str(&mut self) -> &'p str {
        std::str::from_utf8(self.bytes()).expect(OURS)
    }

    /// As many as a number before them says.
    pub(crate) fn all<T>(&mut self, read: impl FnMut(&mut Self) -> T) -> Vec<T> {
        self.all_into(Vec::with_capacity, read)
    }

    /// The same, in what has room for so many and no more.
    pub(crate) fn all_into<T, C: Extend<T>>(
        &mut self,
        with_capacity: impl FnOnce(usize) -> C,
        mut read: impl FnMut(&mut Self) -> T,
    ) -> C {
        let length = self.small();
        let mut all = with_capacity(length);
        all.extend((0..length).map(|_| read(self)));
        all
    }
}

impl CompactWriter<'_> {
    /// Few numbers are as large as they may be.
    fn large(&mut self, number: i128) {
        match i64::try_from(number) {
            Ok(number) => {
                self.out.push(0);
                self.signed(number);
            }
            Err(_) => {
                self.out.push(1);
                self.out.extend_from_slice(&number.to_le_bytes());
            }
        }
    }
}

impl StateWriter for CompactWriter<'_> {
    fn count(&mut self, _name: &'static str, count: u64) {
        self.unsigned(count);
    }

    fn flag(&mut self, value: bool) {
        self.out.push(u8::from(value));
    }

    fn sum(&mut self, _name: &'static str, millionths: i128) {
        self.large(millionths);
    }

    fn decimal(&mut self, _name: &'static str, number: Decimal) {
        self.large(number.millionths());
    }

    fn time(&mut self, _name: &'static str, time: Timestamp) {
        self.timestamp(time);
    }

    fn time_near(&mut self, _name: &'static str, other: Timestamp, time: Timestamp) {
        self.signed((time - other).0);
    }

    fn hash(&mut self, _name: &'static str, hash: u64) {
        self.out.extend_from_slice(&hash.to_le_bytes());
    }

    fn position(&mut self, position: u64) {
        self.unsigned(position);
    }

    fn scalar(&mut self, _name: &'static str, value: &Scalar<'_>) {
        match value {
            Scalar::Bool(value) => self.out.push(u8::from(*value)),
            Scalar::Number(number) => {
                self.out.push(2);
                self.large(number.millionths());
            }
            Scalar::Text(text) => {
                self.out.push(3);
                self.bytes(text.as_bytes());
            }
            Scalar::Json(json) => {
                self.out.push(4);
                self.bytes(json.as_bytes());
            }
        }
    }

    fn optional_scalar(&mut self, name: &'static str, value: Option<&Scalar<'_>>) {
        match value {
            Some(value) => self.scalar(name, value),
            None => self.out.push(NULL_TAG),
        }
    }

    fn text(&mut self, _name: &'static str, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn optional_text(&mut self, _name: &'static str, text: Option<&str>) {
        self.out.push(u8::from(text.is_some()));
        if let Some(text) = text {
            self.bytes(text.as_bytes());
        }
    }

    fn id(&mut self, _name: &'static str, _keys: KeySpace, id: u16) {
        self.unsigned(id.into());
    }

    fn pane(&mut self, _name: &'static str, pane: i64) {
        self.signed(pane);
    }

    fn pane_after(&mut self, previous: Option<i64>, pane: i64) {
        self.signed(pane.wrapping_sub(previous.unwrap_or(0)));
    }

    fn tag(&mut self, tag: u8) {
        self.out.push(tag);
    }

    fn record(&mut self, _name: &'static str, _fields: u64, write: impl FnOnce(&mut Self)) {
        write(self);
    }

    fn variable_record(&mut self, fields: u64, write: impl FnOnce(&mut Self)) {
        self.unsigned(fields);
        write(self);
    }

    fn list<T>(
        &mut self,
        _name: &'static str,
        _shape: ListShape,
        items: impl ExactSizeIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        self.unsigned(items.len() as u64);
        items.for_each(|item| write(self, item));
    }

    fn map<T>(
        &mut self,
        _name: &'static str,
        _keys: KeySpace,
        entries: impl ExactSizeIterator<Item = (u16, T)> + Clone,
        mut write: impl FnMut(&mut Self, T),
    ) {
        self.unsigned(entries.len() as u64);
        for (key, entry) in entries {
            self.unsigned(key.into());
            write(self, entry);
        }
    }
}

impl CompactReader<'_> {
    fn large(&mut self) -> i128 {
        match self.byte() {
            0 => self.signed().into(),
            _ => i128::from_le_bytes(self.array()),
        }
    }

    fn scalar_of(&mut self, tag: u8) -> Scalar<'static> {
        match tag {
            0 => Scalar::Bool(false),
            1 => Scalar::Bool(true),
            2 => Scalar::Number(Decimal::from_millionths(self.large())),
            3 => Scalar::Text(Cow::Owned(self.str().to_owned())),
            _ => Scalar::Json(Cow::Owned(self.str().to_owned())),
        }
    }
}

impl StateReader for CompactReader<'_> {
    type Error = Infallible;

    fn count(&mut self, _what: &'static str) -> Result<u64, Infallible> {
        Ok(self.unsigned())
    }

    fn flag(&mut self, _what: &'static str) -> Result<bool, Infallible> {
        Ok(self.byte() == 1)
    }

    fn sum(&mut self, _what: &'static str) -> Result<i128, Infallible> {
        Ok(self.large())
    }

    fn decimal(&mut self, _what: &'static str) -> Result<Decimal, Infallible> {
        Ok(Decimal::from_millionths(self.large()))
    }

    fn time(&mut self, _what: &'static str) -> Result<Timestamp, Infallible> {
        Ok(self.timestamp())
    }

    fn time_near(&mut self, other: Timestamp, _what: &'static str) -> Result<Timestamp, Infallible> {
        Ok(Timestamp(other.0 + self.signed()))
    }

    fn hash(&mut self, _what: &'static str) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(self.array()))
    }

    fn position(&mut self, _what: &'static str) -> Result<u64, Infallible> {
        Ok(self.unsigned())
    }

    fn scalar(&mut self, _what: &'static str) -> Result<Scalar<'static>, Infallible> {
        let tag = self.byte();
        Ok(self.scalar_of(tag))
    }

    fn optional_scalar(&mut self, _what: &'static str) -> Result<Option<Scalar<'static>>, Infallible> {
        let tag = self.byte();
        Ok((tag != NULL_TAG).then(|| self.scalar_of(tag)))
    }

    fn text(&mut self, _what: &'static str) -> Result<&str, Infallible> {
        Ok(self.str())
    }

    fn optional_text(&mut self, _what: &'static str) -> Result<Option<Arc<str>>, Infallible> {
        Ok((self.byte() == 1).then(|| self.str().into()))
    }

    fn id(&mut self, _keys: KeySpace, _what: &'static str) -> Result<Option<u16>, Infallible> {
        Ok(Some(self.small()))
    }

    fn pane(&mut self, _what: &'static str) -> Result<i64, Infallible> {
        Ok(self.signed())
    }

    fn pane_after(&mut self, previous: Option<i64>, _what: &'static str) -> Result<i64, Infallible> {
        Ok(self.signed().wrapping_add(previous.unwrap_or(0)))
    }

    fn tag(&mut self, _expected: impl FnOnce() -> u8) -> u8 {
        self.byte()
    }

    fn record(&mut self, _fields: u64, _what: &'static str) -> Result<(), Infallible> {
        Ok(())
    }

    fn variable_record(&mut self, _what: &'static str) -> Result<u64, Infallible> {
        Ok(self.unsigned())
    }

    fn list<T>(
        &mut self,
        _shape: ListShape,
        _what: &'static str,
        mut read: impl FnMut(&mut Self) -> Result<T, Infallible>,
    ) -> Result<Vec<T>, Infallible> {
        Ok(self.all(|reader| {
            let Ok(item) = read(reader);
            item
        }))
    }

    fn map<T>(
        &mut self,
        _keys: KeySpace,
        _what: &'static str,
        mut read: impl FnMut(&mut Self, u16) -> Result<T, Infallible>,
    ) -> Result<Vec<T>, Infallible> {
        Ok(self.all(|reader| {
            let key = reader.small();
            let Ok(entry) = read(reader, key);
            entry
        }))
    }

    fn verify(&self, _is_sound: impl FnOnce() -> bool, _what: &'static str) -> Result<(), Infallible> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            unsigned: u64,
            signed: i64,
            optional in prop::option::of(-(1i64 << 62)..1 << 62),
            base in -(1i64 << 52)..1 << 52,
            times in prop::collection::vec(prop_oneof![Just(Timestamp::NEVER.0), -(1i64 << 52)..1 << 52], 0..9),
            text: String,
        ) {
            let mut out = vec![7];
            let mut writer = CompactWriter { out: &mut out, base: Timestamp(base) };
            writer.unsigned(unsigned);
            writer.signed(signed);
            writer.optional(optional);
            writer.unsigned(times.len() as u64);
            times.iter().for_each(|time| writer.timestamp(Timestamp(*time)));
            writer.bytes(text.as_bytes());
            let mut reader = CompactReader { left: &out, base: Timestamp(base) };
            prop_assert_eq!(reader.byte(), 7);
            prop_assert_eq!((reader.unsigned(), reader.signed(), reader.optional()), (unsigned, signed, optional));
            prop_assert_eq!(reader.all(|reader| reader.timestamp().0), times);
            prop_assert_eq!(reader.str(), text);
            prop_assert!(reader.left.is_empty());
        }
    }
}
