//! A compiled term with its type.

use super::motion::Motion;
use crate::rules::ruleset::Term;

/// The type of a term's value, as far as the rules determine it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rules) enum TermType {
    Number,
    Duration,
    Text,
    Bool,
    /// Known only when events arrive: a trait, a property, `last(…)`.
    Dynamic,
}

/// A compiled term.
pub(in crate::rules) struct TypedTerm {
    pub(in crate::rules) term: Term,
    pub(in crate::rules) kind: TermType,
    /// It is a plain `distinct(…)`, which is exact up to 1,000 only.
    pub(in crate::rules) is_distinct: bool,
    /// What in it changes with every millisecond.
    pub(in crate::rules) motion: Motion,
}

impl TermType {
    /// The type with its article, for messages.
    pub(in crate::rules) fn described(self) -> &'static str {
        match self {
            TermType::Number => "a number",
            TermType::Duration => "a duration",
            TermType::Text => "a text",
            TermType::Bool => "true or false",
            TermType::Dynamic => "a trait or property",
        }
    }
}

impl TypedTerm {
    pub(in crate::rules) fn new(term: Term, kind: TermType) -> TypedTerm {
        TypedTerm { term, kind, is_distinct: false, motion: Motion::default() }
    }
}
