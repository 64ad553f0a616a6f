//! Reads a usual call by one scan of its bytes; of anything unusual it says no more than that.
//!
//! What a scan accepts is sure to be JSON: every token is checked, in what the rules read and in what they do not. What it
//! leaves in the draft is what the visitors (`envelope`, `projected`, `scalar`) would leave there, so that a call becomes the
//! same event either way. They alone reject and repair; whatever might end in that, or be read in more than one way, is left
//! to them: escapes in keys and in strings that are read, exponents, surrogates, keys that come twice, values of other types
//! than usual, batches, great depth, mistakes.

#[cfg(test)]
mod mutants;
#[cfg(test)]
mod tests;
mod tokens;

use std::borrow::Cow;

use super::Decoder;
use super::draft::{CallDraft, TypedField};
use super::fields::{PathNode, ProjectedValues, Text, forget, mark_absent};
use super::ids::RawId;
use super::projected::{RetainedValue, compact};
use super::scalar::ScalarValue;
use crate::decimal::Decimal;
use crate::event::{CallType, MAX_VALUE_BYTES, Scalar};
use tokens::JsonTokens;

/// How many objects on the way to a projected path may stand inside one another.
const PATH_DEPTH_MAX: u8 = 60;

/// Reads a call into a blank draft; `false`: it is not a usual one, and the draft is of no use.
pub(super) fn read_call<'a>(decoder: &Decoder, text: &'a [u8], draft: &mut CallDraft<'a>) -> bool {
    let Ok(text) = str::from_utf8(text) else { return false };
    let scan = CallScan { text, tokens: JsonTokens(text.as_bytes()) };
    scan.call(decoder, draft).is_some()
}

/// The scan of one text. Each function takes where something begins and gives where it ends; `None`: it is unusual.
#[derive(Clone, Copy)]
struct CallScan<'a> {
    text: &'a str,
    tokens: JsonTokens<'a>,
}

/// The keys of an object that have occurred, a bit each.
#[derive(Default)]
struct SeenKeys(u64);

impl SeenKeys {
    /// `None`: it has occurred before, or is one too many to be told from others.
    #[inline(always)]
    fn insert(&mut self, number: usize) -> Option<()> {
        let bit = 1_u64.checked_shl(u32::try_from(number).ok()?)?;
        let is_new = self.0 & bit == 0;
        self.0 |= bit;
        is_new.then_some(())
    }
}

impl<'a> CallScan<'a> {
    #[inline(always)]
    fn call(self, decoder: &Decoder, draft: &mut CallDraft<'a>) -> Option<()> {
        let tokens = self.tokens;
        let mut at = tokens.blanks(0);
        if tokens.byte(at) != b'{' {
            return None;
        }
        let mut seen = SeenKeys::default();
        at = tokens.blanks(at + 1);
        loop {
            let (key_end, value) = tokens.plain_key(at)?;
            at = self.member(&self.tokens.0[at + 1..key_end], value, decoder, draft, &mut seen)?;
            at = tokens.blanks(at);
            match tokens.byte(at) {
                b',' => at = tokens.blanks(at + 1),
                b'}' => break,
                _ => return None,
            }
        }
        (tokens.blanks(at + 1) == tokens.0.len()).then_some(())
    }

    /// The value of a key of the outermost object.
    #[inline(always)]
    fn member(
        self,
        key: &'a [u8],
        at: usize,
        decoder: &Decoder,
        draft: &mut CallDraft<'a>,
        seen: &mut SeenKeys,
    ) -> Option<usize> {
        let mut field = |field: TypedField| seen.insert(field as usize);
        match key {
            b"type" => {
                field(TypedField::Type)?;
                let (call, end) = self.scalar::<Text<'a>>(at)?;
                draft.call = call.map(|text| CallType::named(&text).ok_or(text));
                Some(end)
            }
            b"event" => {
                field(TypedField::Event)?;
                let (name, end) = self.scalar::<Text<'a>>(at)?;
                draft.known = name.as_deref().and_then(|name| decoder.events.get(name)).copied();
                draft.name = name;
                Some(end)
            }
            b"userId" => {
                field(TypedField::UserId)?;
                self.scalar_into(at, &mut draft.user_id)
            }
            b"anonymousId" => {
                field(TypedField::AnonymousId)?;
                self.scalar_into(at, &mut draft.anonymous_id)
            }
            b"previousId" => {
                field(TypedField::PreviousId)?;
                self.scalar_into(at, &mut draft.previous_id)
            }
            b"messageId" => {
                field(TypedField::MessageId)?;
                self.scalar_into(at, &mut draft.message_id)
            }
            b"timestamp" => {
                field(TypedField::Timestamp)?;
                self.scalar_into(at, &mut draft.times.timestamp)
            }
            b"originalTimestamp" => {
                field(TypedField::OriginalTimestamp)?;
                self.scalar_into(at, &mut draft.times.original_timestamp)
            }
            b"sentAt" => {
                field(TypedField::SentAt)?;
                self.scalar_into(at, &mut draft.times.sent_at)
            }
            b"receivedAt" => {
                field(TypedField::ReceivedAt)?;
                self.scalar_into(at, &mut draft.times.received_at)
            }
            b"properties" => {
                field(TypedField::Properties)?;
                let is_read = decoder.reads_properties(draft);
                self.object(&decoder.properties, is_read, &mut draft.properties, at)
            }
            b"context" => {
                field(TypedField::Context)?;
                self.object(&decoder.context, !decoder.context.is_empty(), &mut draft.context, at)
            }
            b"traits" => {
                field(TypedField::Traits)?;
                self.object(&decoder.traits, !decoder.traits.is_empty(), &mut draft.traits, at)
            }
            b"name" | b"category" => {
                // Numbered behind the typed fields.
                seen.insert(TypedField::Traits as usize + key.len())?;
                match decoder.properties.child(str::from_utf8(key).ok()?) {
                    Some(node) => self.path(node, &mut draft.page, at, 1),
                    None => self.tokens.skip(at),
                }
            }
            b"batch" => None,
            _ => self.tokens.skip(at),
        }
    }

    #[inline(always)]
    fn scalar_into<T: UsualScalar<'a>>(self, at: usize, field: &mut Option<T>) -> Option<usize> {
        let (value, end) = self.scalar(at)?;
        *field = value;
        Some(end)
    }

    /// The value of a field that holds one: a string, perhaps a whole number, or null.
    #[inline(always)]
    fn scalar<T: UsualScalar<'a>>(self, at: usize) -> Option<(Option<T>, usize)> {
        match self.tokens.byte(at) {
            b'"' => {
                let end = self.tokens.plain_string(at + 1)?;
                Some((Some(T::from_text(Cow::Borrowed(self.text.get(at + 1..end)?))), end + 1))
            }
            b'0'..=b'9' => {
                let end = self.tokens.number(at)?;
                let digits = self.text.get(at..end)?;
                let is_whole = digits.len() <= WHOLE_DIGITS_MAX && digits.bytes().all(|byte| byte.is_ascii_digit());
                Some((Some(T::from_digits(digits).filter(|_| is_whole)?), end))
            }
            b'n' => Some((None, self.tokens.literal(at, b"null")?)),
            _ => None,
        }
    }

    /// An object, read or stepped over.
    #[inline(always)]
    fn object(self, paths: &PathNode, is_read: bool, sink: &mut ProjectedValues<'a>, at: usize) -> Option<usize> {
        match self.tokens.byte(at) {
            b'{' if is_read => self.members(paths, sink, at, 1),
            b'{' => self.tokens.skip_container(at),
            b'n' => self.tokens.literal(at, b"null"),
            _ => None,
        }
    }

    /// The members of an object with projected paths below it.
    fn members(self, node: &PathNode, sink: &mut ProjectedValues<'a>, at: usize, depth: u8) -> Option<usize> {
        let tokens = self.tokens;
        let mut seen = SeenKeys::default();
        let mut at = tokens.blanks(at + 1);
        if tokens.byte(at) == b'}' {
            return Some(at + 1);
        }
        if depth > PATH_DEPTH_MAX {
            return None;
        }
        loop {
            let (key_end, value) = tokens.plain_key(at)?;
            at = match node.numbered_child(&self.tokens.0[at + 1..key_end]) {
                Some((number, child)) => {
                    seen.insert(number)?;
                    self.path(child, sink, value, depth + 1)?
                }
                None => tokens.skip(value)?,
            };
            at = tokens.blanks(at);
            match tokens.byte(at) {
                b',' => at = tokens.blanks(at + 1),
                b'}' => return Some(at + 1),
                _ => return None,
            }
        }
    }

    /// The value at a projected path.
    fn path(self, node: &PathNode, sink: &mut ProjectedValues<'a>, at: usize, depth: u8) -> Option<usize> {
        let tokens = self.tokens;
        // What stands here has not been read before, but an object around it may have marked it as absent.
        forget(node, sink);
        mark_absent(node, sink, false);
        let (value, end) = match tokens.byte(at) {
            b'"' => {
                let end = tokens.plain_string(at + 1)?;
                let text = self.text.get(at + 1..end).filter(|text| text.len() + 2 <= MAX_VALUE_BYTES)?;
                (Some(Scalar::Text(Cow::Borrowed(text))), end + 1)
            }
            b'-' | b'0'..=b'9' => {
                let end = tokens.number(at)?;
                let number = self.text.get(at..end)?;
                (if node.is_kept() { Decimal::parse(number).map(Scalar::Number) } else { PRESENT }, end)
            }
            b't' => (Some(Scalar::Bool(true)), tokens.literal(at, b"true")?),
            b'f' => (Some(Scalar::Bool(false)), tokens.literal(at, b"false")?),
            b'n' => (None, tokens.literal(at, b"null")?),
            opening @ (b'{' | b'[') => {
                let end = match opening == b'{' && !node.is_empty() {
                    true => self.members(node, sink, at, depth)?,
                    false => tokens.skip_container(at)?,
                };
                if opening == b'[' && node.holds_items() {
                    sink.keep_items_at(node, self.text.get(at..)?);
                }
                let value = match node.is_kept() {
                    true => compact(self.text.get(at..end)?),
                    false => RetainedValue::Value(PRESENT),
                };
                match value {
                    RetainedValue::Value(value) => (value, end),
                    RetainedValue::TooLarge => {
                        sink.keep_none_of_oversized(node);
                        return Some(end);
                    }
                }
            }
            _ => return None,
        };
        sink.keep_at(node, value);
        Some(end)
    }
}

/// What is kept where only presence is asked for.
const PRESENT: Option<Scalar<'static>> = Some(Scalar::Bool(true));

/// The longest whole number that is read as its digits: each of them fits in 64 bits.
const WHOLE_DIGITS_MAX: usize = 18;

/// A value that is read of a usual string or whole number.
trait UsualScalar<'a>: ScalarValue<'a> {
    /// `None`: the field must not hold a number.
    fn from_digits(digits: &'a str) -> Option<Self>;
}

impl<'a> UsualScalar<'a> for Text<'a> {
    fn from_digits(_: &'a str) -> Option<Self> {
        None
    }
}

impl<'a> UsualScalar<'a> for RawId<'a> {
    fn from_digits(digits: &'a str) -> Option<Self> {
        Some(RawId::Text(Cow::Borrowed(digits)))
    }
}

impl<'a> UsualScalar<'a> for super::times::RawTime<'a> {
    fn from_digits(digits: &'a str) -> Option<Self> {
        Some(Self::from_text(Cow::Borrowed(digits)))
    }
}
