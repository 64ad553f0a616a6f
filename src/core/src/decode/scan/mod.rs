//! Reads a usual call by one scan of its bytes; of anything unusual it says no more than that.
//!
//! What a scan accepts is sure to be JSON: every token is checked, in what the rules read and in what they do not. What it
//! leaves in the draft is what the visitors (`envelope`, `projected`, `scalar`) would leave there, so that a call becomes the
//! same event either way. They alone reject and repair; whatever might end in that, or be read in more than one way, is left
//! to them: escapes in keys and in strings that are read, exponents, surrogates, keys that come twice, values of other types
//! than usual, batches, great depth, mistakes.

mod elements;
#[cfg(test)]
mod mutants;
#[cfg(test)]
mod tests;
mod tokens;

use std::borrow::Cow;

use super::Decoder;
use super::draft::CallDraft;
use super::fields::{ProjectedValues, RetainedValue, Text, forget, mark_absent};
use super::ids::RawId;
use super::paths::PathNode;
use super::projected::compact;
use super::scalar::ScalarValue;
use crate::decimal::Decimal;
use crate::event::{CallType, MAX_VALUE_BYTES, Scalar};
use tokens::{
    Following, after_blanks, after_number, after_plain_string, following, plain_key, short_number, skip, skip_container,
};

/// How many objects on the way to a projected path may stand inside one another.
const PATH_DEPTH_MAX: u8 = 60;

/// The depth of a value whose path has one key.
const OUTERMOST_PATH_DEPTH: u8 = 2;

/// Reads a call into a blank draft; `false`: it is not a usual one, and the draft is of no use.
pub(super) fn read_call<'a>(decoder: &Decoder, text: &'a [u8], draft: &mut CallDraft<'a>) -> bool {
    let Ok(text) = str::from_utf8(text) else { return false };
    let scanned = match tokens::is_plain(text.as_bytes()) {
        true => CallScan::<true>(text).call(decoder, draft),
        false => CallScan::<false>(text).call(decoder, draft),
    };
    scanned.is_some()
}

/// The scan of one text, which may be plain. As of [`tokens`], each function takes the text from something on and gives what is
/// behind it; `None`: it is unusual.
#[derive(Clone, Copy)]
struct CallScan<'a, const IS_PLAIN: bool>(&'a str);

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

/// The keys of a call that mean something.
#[derive(Clone, Copy)]
enum CallKey {
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
    Name,
    Category,
    Batch,
}

impl CallKey {
    #[inline(always)]
    fn of(key: &[u8]) -> Option<CallKey> {
        // By length first: so no key is compared with more than three.
        let is = |name: &[u8], known: CallKey| (key == name).then_some(known);
        match key.len() {
            4 => is(b"type", CallKey::Type).or_else(|| is(b"name", CallKey::Name)),
            5 => is(b"event", CallKey::Event).or_else(|| is(b"batch", CallKey::Batch)),
            6 => is(b"userId", CallKey::UserId)
                .or_else(|| is(b"traits", CallKey::Traits))
                .or_else(|| is(b"sentAt", CallKey::SentAt)),
            7 => is(b"context", CallKey::Context),
            8 => is(b"category", CallKey::Category),
            9 => is(b"messageId", CallKey::MessageId).or_else(|| is(b"timestamp", CallKey::Timestamp)),
            10 => is(b"properties", CallKey::Properties)
                .or_else(|| is(b"receivedAt", CallKey::ReceivedAt))
                .or_else(|| is(b"previousId", CallKey::PreviousId)),
            11 => is(b"anonymousId", CallKey::AnonymousId),
            17 => is(b"originalTimestamp", CallKey::OriginalTimestamp),
            _ => None,
        }
    }
}

impl<'a, const IS_PLAIN: bool> CallScan<'a, IS_PLAIN> {
    fn call(self, decoder: &Decoder, draft: &mut CallDraft<'a>) -> Option<()> {
        let mut rest = after_blanks(after_blanks(self.0.as_bytes()).strip_prefix(b"{")?);
        let mut seen = SeenKeys::default();
        loop {
            let (key, value) = plain_key::<IS_PLAIN>(rest)?;
            match following::<b'}'>(self.member(key.key, value, decoder, draft, &mut seen)?)? {
                Following::Another(member) => rest = member,
                Following::Closing(behind) => return after_blanks(behind).is_empty().then_some(()),
            }
        }
    }

    /// The text that begins with some bytes of it, and ends before others.
    #[inline(always)]
    fn text(self, from: &[u8], to: &[u8]) -> Option<&'a str> {
        let text = self.0;
        text.get(text.len() - from.len()..text.len() - to.len())
    }

    /// The inside of a string without escapes, from behind its opening quote, and what is behind it.
    #[inline(always)]
    fn string<'t>(self, string: &'t [u8]) -> Option<(&'a str, &'t [u8])> {
        let behind = after_plain_string::<IS_PLAIN>(string)?;
        let text = self.0;
        Some((text.get(text.len() - string.len()..text.len() - behind.len() - 1)?, behind))
    }

    /// The value of a key of the outermost object.
    #[inline(always)]
    fn member<'t>(
        self,
        key: &[u8],
        value: &'t [u8],
        decoder: &Decoder,
        draft: &mut CallDraft<'a>,
        seen: &mut SeenKeys,
    ) -> Option<&'t [u8]> {
        let Some(key) = CallKey::of(key) else { return skip::<IS_PLAIN>(value) };
        seen.insert(key as usize)?;
        match key {
            CallKey::Type => {
                let (call, behind) = self.scalar::<Text<'a>>(value)?;
                draft.call = call.map(|text| CallType::named(&text).ok_or(text));
                Some(behind)
            }
            CallKey::Event => {
                let (name, behind) = self.scalar::<Text<'a>>(value)?;
                draft.known = name.as_deref().and_then(|name| decoder.events.get(name)).copied();
                draft.name = name;
                Some(behind)
            }
            CallKey::UserId => self.scalar_into(value, &mut draft.user_id),
            CallKey::AnonymousId => self.scalar_into(value, &mut draft.anonymous_id),
            CallKey::PreviousId => self.scalar_into(value, &mut draft.previous_id),
            CallKey::MessageId => self.scalar_into(value, &mut draft.message_id),
            CallKey::Timestamp => self.scalar_into(value, &mut draft.times.timestamp),
            CallKey::OriginalTimestamp => self.scalar_into(value, &mut draft.times.original_timestamp),
            CallKey::SentAt => self.scalar_into(value, &mut draft.times.sent_at),
            CallKey::ReceivedAt => self.scalar_into(value, &mut draft.times.received_at),
            CallKey::Properties => {
                let is_read = decoder.reads_properties(draft);
                self.object(&decoder.properties, is_read, &mut draft.properties, value)
            }
            CallKey::Context => self.object(&decoder.context, !decoder.context.is_empty(), &mut draft.context, value),
            CallKey::Traits => self.object(&decoder.traits, !decoder.traits.is_empty(), &mut draft.traits, value),
            CallKey::Name => self.page_field("name", decoder, draft, value),
            CallKey::Category => self.page_field("category", decoder, draft, value),
            CallKey::Batch => None,
        }
    }

    fn page_field<'t>(
        self,
        key: &str,
        decoder: &Decoder,
        draft: &mut CallDraft<'a>,
        value: &'t [u8],
    ) -> Option<&'t [u8]> {
        match decoder.properties.child(key) {
            Some(node) => self.path(node, &mut draft.page, value, OUTERMOST_PATH_DEPTH),
            None => skip::<IS_PLAIN>(value),
        }
    }

    #[inline(always)]
    fn scalar_into<'t, T: UsualScalar<'a>>(self, value: &'t [u8], field: &mut Option<T>) -> Option<&'t [u8]> {
        let (value, behind) = self.scalar(value)?;
        *field = value;
        Some(behind)
    }

    /// The value of a field that holds one: a string, perhaps a whole number, or null.
    #[inline(always)]
    fn scalar<'t, T: UsualScalar<'a>>(self, value: &'t [u8]) -> Option<(Option<T>, &'t [u8])> {
        match value {
            [b'"', string @ ..] => {
                let (text, behind) = self.string(string)?;
                Some((Some(T::from_text(Cow::Borrowed(text))), behind))
            }
            [b'0'..=b'9', ..] => {
                let behind = after_number(value)?;
                let digits = self.text(value, behind)?;
                let is_whole = digits.len() <= WHOLE_DIGITS_MAX && digits.bytes().all(|byte| byte.is_ascii_digit());
                Some((Some(T::from_digits(digits).filter(|_| is_whole)?), behind))
            }
            [b'n', b'u', b'l', b'l', behind @ ..] => Some((None, behind)),
            _ => None,
        }
    }

    /// An object, read or stepped over.
    #[inline(always)]
    fn object<'t>(
        self,
        paths: &PathNode,
        is_read: bool,
        sink: &mut ProjectedValues<'a>,
        value: &'t [u8],
    ) -> Option<&'t [u8]> {
        match value {
            [b'{', inside @ ..] if is_read => self.members(paths, sink, inside, 1),
            [b'{', ..] => skip_container::<IS_PLAIN>(value),
            [b'n', b'u', b'l', b'l', behind @ ..] => Some(behind),
            _ => None,
        }
    }

    /// The members of an object with projected paths below it, from behind its opening bracket.
    fn members<'t>(
        self,
        node: &PathNode,
        sink: &mut ProjectedValues<'a>,
        inside: &'t [u8],
        depth: u8,
    ) -> Option<&'t [u8]> {
        let mut seen = SeenKeys::default();
        let mut rest = after_blanks(inside);
        if let [b'}', behind @ ..] = rest {
            return Some(behind);
        }
        if depth > PATH_DEPTH_MAX {
            return None;
        }
        loop {
            let (key, value) = plain_key::<IS_PLAIN>(rest)?;
            let behind = match node.numbered_child(key) {
                Some((number, child)) => {
                    seen.insert(number)?;
                    self.path(child, sink, value, depth + 1)?
                }
                None => skip::<IS_PLAIN>(value)?,
            };
            match following::<b'}'>(behind)? {
                Following::Another(member) => rest = member,
                Following::Closing(behind) => return Some(behind),
            }
        }
    }

    /// The value at a projected path.
    fn path<'t>(self, node: &PathNode, sink: &mut ProjectedValues<'a>, value: &'t [u8], depth: u8) -> Option<&'t [u8]> {
        // What stands here has not been read before, but an object around it, if that is read as well, has marked it as absent.
        if depth > OUTERMOST_PATH_DEPTH {
            forget(node, sink);
        }
        mark_absent(node, sink, false);
        let behind = match value {
            [b'{', inside @ ..] if !node.is_empty() => self.members(node, sink, inside, depth)?,
            [b'[', ..] if node.items().is_some() => self.array(node, sink, value, depth)?,
            _ => return self.leaf(node, value, |kept| sink.keep_at(node, kept)),
        };
        sink.keep_at(node, self.compacted(node, value, behind)?);
        Some(behind)
    }

    /// A value of which nothing is read by a path below it.
    #[inline(always)]
    fn leaf<'t>(self, node: &PathNode, value: &'t [u8], keep: impl FnOnce(RetainedValue<'a>)) -> Option<&'t [u8]> {
        match value {
            [b'"', string @ ..] => {
                let (text, behind) = self.kept_string(string)?;
                keep(RetainedValue::Scalar(text));
                Some(behind)
            }
            [b'-' | b'0'..=b'9', ..] => {
                if let Some((number, behind)) = short_number(value) {
                    keep(RetainedValue::Scalar(Scalar::Number(number)));
                    return Some(behind);
                }
                let behind = after_number(value)?;
                keep(self.long_number(node, value, behind)?);
                Some(behind)
            }
            [b't', b'r', b'u', b'e', behind @ ..] => {
                keep(RetainedValue::Scalar(Scalar::Bool(true)));
                Some(behind)
            }
            [b'f', b'a', b'l', b's', b'e', behind @ ..] => {
                keep(RetainedValue::Scalar(Scalar::Bool(false)));
                Some(behind)
            }
            [b'n', b'u', b'l', b'l', behind @ ..] => {
                keep(RetainedValue::Absent);
                Some(behind)
            }
            [b'{' | b'[', ..] => {
                let behind = skip_container::<IS_PLAIN>(value)?;
                keep(self.compacted(node, value, behind)?);
                Some(behind)
            }
            _ => None,
        }
    }

    /// A string that is not larger than values may be, as [`string`](CallScan::string) has it.
    #[inline(always)]
    fn kept_string<'t>(self, string: &'t [u8]) -> Option<(Scalar<'a>, &'t [u8])> {
        let (text, behind) = self.string(string)?;
        (text.len() + 2 <= MAX_VALUE_BYTES).then_some((Scalar::Text(Cow::Borrowed(text)), behind))
    }

    #[inline(never)]
    fn long_number(self, node: &PathNode, value: &[u8], behind: &[u8]) -> Option<RetainedValue<'a>> {
        Some(match (node.is_kept(), Decimal::parse(self.text(value, behind)?)) {
            (true, Some(number)) => RetainedValue::Scalar(Scalar::Number(number)),
            (true, None) => RetainedValue::Absent,
            (false, _) => PRESENT,
        })
    }

    /// What is kept of an array or object.
    #[inline(never)]
    fn compacted(self, node: &PathNode, value: &[u8], behind: &[u8]) -> Option<RetainedValue<'a>> {
        Some(match node.is_kept() {
            true => compact(self.text(value, behind)?),
            false => PRESENT,
        })
    }
}

/// What is kept where only presence is asked for.
const PRESENT: RetainedValue<'static> = RetainedValue::Scalar(Scalar::Bool(true));

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
