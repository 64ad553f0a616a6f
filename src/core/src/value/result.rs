//! What evaluation yields: a value or a truth at one instant, and until when it stays so.

use super::Value;
use crate::time::Timestamp;

/// Whether a condition holds, and up to when (exclusive) it will if no event comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConditionResult {
    /// Whether it holds now.
    pub holds: bool,
    /// The first instant at which that can change by time alone; [`Timestamp::NEVER`] if it can't.
    pub until: Timestamp,
}

/// A term's value, and how time changes it.
pub(crate) struct TermResult<'a> {
    pub(crate) value: Value<'a>,
    /// Milliseconds it grows by each millisecond; 0 unless the value is a duration.
    pub(crate) slope: i64,
    /// The first instant at which it can change otherwise.
    pub(crate) until: Timestamp,
}

impl<'a> TermResult<'a> {
    /// A value that time does not change.
    pub(crate) fn constant(value: Value<'a>) -> TermResult<'a> {
        TermResult { value, slope: 0, until: Timestamp::NEVER }
    }

    /// The duration from an instant until `now`.
    pub(crate) fn elapsed(since: Timestamp, now: Timestamp) -> TermResult<'a> {
        TermResult { slope: 1, ..TermResult::constant(Value::Span((now - since).0)) }
    }
}
