//! Packed bytes as a format of the state encoding: reading, which cannot fail.

use std::borrow::Cow;
use std::convert::Infallible;
use std::sync::Arc;

use super::{CompactReader, NULL_TAG, OURS};
use crate::decimal::Decimal;
use crate::encoding::{KeySpace, ListShape, RuleReference, StateReader};
use crate::event::Scalar;
use crate::time::Timestamp;

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

    fn reference(&mut self, _keys: KeySpace, _what: &'static str) -> Result<RuleReference, Infallible> {
        Ok(match self.unsigned().checked_sub(1) {
            None => RuleReference::Gone(self.str().into()),
            Some(id) => RuleReference::Current(u16::try_from(id).expect(OURS)),
        })
    }

    fn choice(&mut self, _count: u8, _what: &'static str) -> Result<u8, Infallible> {
        Ok(self.byte())
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
