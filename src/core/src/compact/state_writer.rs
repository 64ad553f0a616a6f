//! Packed bytes as a format of the state encoding: writing.

use super::{CompactWriter, NULL_TAG};
use crate::decimal::Decimal;
use crate::encoding::{KeySpace, ListShape, RuleReference, StateWriter};
use crate::event::Scalar;
use crate::time::Timestamp;

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

    /// 0 stands for a text that follows.
    fn reference(&mut self, _name: &'static str, _keys: KeySpace, reference: &RuleReference) {
        match reference {
            RuleReference::Current(id) => self.unsigned(u64::from(*id) + 1),
            RuleReference::Gone(id) => {
                self.unsigned(0);
                self.bytes(id.as_bytes());
            }
        }
    }

    fn choice(&mut self, _name: &'static str, _words: &[&'static str], place: u8) {
        self.out.push(place);
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
