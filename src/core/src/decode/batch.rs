//! The calls of a batch envelope, or of an array.

use super::decoder::MAX_CALLS;
use super::fields::ProjectedValues;
use super::times::CallTimes;
use super::{Decoded, Decoder, RejectedCall, RejectionReason, split};
use crate::event::Event;

/// The context that calls take from their envelope may be, in all, this many times what a message may be.
const INHERITED_CONTEXT_MESSAGES_MAX: usize = 4;

/// What a text holds.
pub(super) enum ParsedText<'a> {
    Event(Event<'a>),
    /// A batch, whose calls have yet to be read.
    Envelope(EnvelopeDefaults<'a>),
}

impl ParsedText<'_> {
    pub(super) fn into_owned<'o>(self) -> ParsedText<'o> {
        match self {
            ParsedText::Event(event) => ParsedText::Event(event.into_owned()),
            ParsedText::Envelope(defaults) => ParsedText::Envelope(defaults.into_owned()),
        }
    }
}

/// What an envelope has for those of its calls that lack it.
#[derive(Default)]
pub(super) struct EnvelopeDefaults<'a> {
    pub(super) context: ProjectedValues<'a>,
    /// How long the context is, in the text.
    pub(super) context_bytes: usize,
    pub(super) times: CallTimes<'a>,
}

impl EnvelopeDefaults<'_> {
    pub(super) fn into_owned<'o>(self) -> EnvelopeDefaults<'o> {
        EnvelopeDefaults {
            context: self.context.into_owned(),
            context_bytes: self.context_bytes,
            times: self.times.into_owned(),
        }
    }
}

impl Decoder {
    /// Reads a batch of which not all is JSON, or which is larger than one call may be: the text around its array must be
    /// JSON, and no larger than one call may be.
    ///
    /// # Errors
    /// `reason`, if it is no such batch.
    pub(super) fn decode_unsound_batch<'a>(
        &self,
        text: &'a [u8],
        reason: RejectionReason,
        out: &mut Vec<Decoded<'a>>,
    ) -> Result<(), RejectionReason> {
        let Some(array) = split::batch(text) else { return Err(reason) };
        let around = [&text[..array.start], b"[]", &text[array.end..]].concat();
        if around.len() > self.max_event_bytes {
            return Err(reason);
        }
        match self.read(&around, None) {
            Ok(ParsedText::Envelope(defaults)) => self.decode_calls(&text[array], &defaults, out),
            _ => Err(reason),
        }
    }

    /// Reads the calls of an array, each for itself; what they lack is taken from the envelope.
    pub(super) fn decode_calls<'a>(
        &self,
        array: &'a [u8],
        defaults: &EnvelopeDefaults<'_>,
        out: &mut Vec<Decoded<'a>>,
    ) -> Result<(), RejectionReason> {
        let not_json =
            || RejectionReason::NotJson { detail: "an array of calls that does not end as it should".to_owned() };
        let too_many = |calls| RejectionReason::TooManyCalls { calls: calls as u64, limit: MAX_CALLS as u64 };
        let calls = split::elements(array, MAX_CALLS).ok_or_else(not_json)?.map_err(too_many)?;
        let inherited_max =
            Decoder::max_message_bytes(self.max_event_bytes).saturating_mul(INHERITED_CONTEXT_MESSAGES_MAX);
        let limit = self.max_event_bytes as u64;
        for (index, range) in calls.into_iter().enumerate() {
            let text = &array[range];
            let read = if text.len() > self.max_event_bytes {
                Err(RejectionReason::TooLarge { bytes: text.len() as u64, limit })
            } else if defaults.context_bytes.saturating_mul(index + 1) > inherited_max {
                Err(RejectionReason::TooMuchLent { bytes: defaults.context_bytes as u64, limit: inherited_max as u64 })
            } else {
                self.read(text, Some(defaults))
            };
            out.push(match read {
                Ok(ParsedText::Event(event)) => Ok(Event { original: text, ..event }),
                Ok(ParsedText::Envelope(_)) => {
                    Err(RejectedCall { reason: RejectionReason::WrongType { field: "batch" }, original: text })
                }
                Err(reason) => Err(RejectedCall { reason, original: text }),
            });
        }
        Ok(())
    }
}
