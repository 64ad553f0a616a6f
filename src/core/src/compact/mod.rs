//! The bytes of what is packed in memory: numbers of variable length (LEB128, signed ones zigzag), instants relative to a base
//! that writer and reader share.
//!
//! Only what a [`CompactWriter`] of the same process wrote may be read.

mod state_reader;
mod state_writer;

use integer_encoding::VarInt;

use crate::time::Timestamp;

/// Why reading cannot fail: a writer of this process wrote the bytes.
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

    /// Most are small.
    pub(crate) fn unsigned(&mut self, number: u64) {
        match u8::try_from(number) {
            Ok(byte @ 0..0x80) => self.out.push(byte),
            _ => self.number(number),
        }
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

    /// What is written, as [`bytes`](CompactWriter::bytes) that are read as one.
    pub(crate) fn sized(&mut self, write: impl FnOnce(&mut CompactWriter<'_>)) {
        let start = self.out.len();
        write(self);
        let end = self.out.len();
        self.unsigned((end - start) as u64);
        let prefix = self.out.len() - end;
        self.out[start..].rotate_right(prefix);
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
        match self.left {
            [byte @ 0..0x80, left @ ..] => {
                self.left = left;
                u64::from(*byte)
            }
            _ => self.number(),
        }
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

    /// As [`all`](CompactReader::all), into a collection with exactly this capacity.
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
