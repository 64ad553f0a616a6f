//! Compiles the tree of a condition: its names are resolved, its types are checked.
//!
//! `condition`, `comparison` and `text_test` compile what is true or false; `term` and `path` what has a value, with the
//! functions in [`super::functions`]; `motion` holds what changes with every millisecond to comparisons. What they refer to is in `symbols`; what the compiled rules remember, each thing once,
//! in `feature_registry`.

mod comparison;
mod condition;
mod feature_registry;
mod motion;
mod path;
mod symbols;
mod term;
mod text_test;
mod typed_term;

use std::ops::Range;

pub(super) use feature_registry::IdSpaceExhausted;
pub(super) use motion::Motion;
pub(super) use path::ROOTS;
pub(super) use symbols::{MatchShape, SymbolTable, TableShape};
pub(super) use typed_term::{TermType, TypedTerm};

use super::ruleset::{Feature, FeatureId, FeatureKind, FeatureSource, NameId, TableId};
use crate::diagnostics::Diagnostics;
use crate::event::ArrayId;

/// Where a condition is written, which decides what it can refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConditionContext {
    /// `where` of an event name: the event, an element of its array and the traits, no history.
    Where(Option<ArrayId>),
    /// A term of `let` of an event name, which sees the same.
    Let(Option<ArrayId>),
    /// `gone` of a table: the call that is a row, and no user.
    Row,
    /// `where` of picks: the row of an item, and no user.
    OfItem(TableId),
    /// `when` of the segment with this index: history, and the segments above.
    When(usize),
    /// `if`, `payload_from` and `price` of a campaign: history, every segment, and the match that triggers it.
    Campaign(TriggeringMatch),
    /// `let` and `to_user` of a notice: the history of a group, and its segments.
    Notice,
    /// What each user is asked at a taking, by the key that says so: `of` of a rank, and `where` and `let` of what it tells.
    Taking(&'static str),
    /// A term about one match, in a table that names it: what it settles, what it is worth.
    OfMatch(MatchTermContext),
}

/// What a term about one match can refer to, beside the match (`event.x`) and the traits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MatchTermContext {
    /// The match.
    pub(super) of: TriggeringMatch,
    /// The key that the term is the value of.
    pub(super) key: &'static str,
    /// `code()`, the code of a coupon.
    pub(super) has_code: bool,
}

/// What `event.x` refers to in the terms of a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TriggeringMatch {
    /// Nothing: no match triggers the campaign.
    None,
    /// A match of this name.
    Of(NameId),
    /// It is not known, because `on` has a mistake.
    Unknown,
}

impl ConditionContext {
    /// The key whose value it is, where it sees one event only.
    pub(super) fn event_key(self) -> Option<&'static str> {
        match self {
            ConditionContext::Where(_) | ConditionContext::OfItem(_) => Some("where"),
            ConditionContext::Let(_) => Some("let"),
            ConditionContext::Row => Some("gone"),
            ConditionContext::OfMatch(context) => Some(context.key),
            ConditionContext::When(_)
            | ConditionContext::Campaign(_)
            | ConditionContext::Notice
            | ConditionContext::Taking(_) => None,
        }
    }
}

/// Compiles the conditions of one context.
pub(super) struct ConditionCompiler<'w, 'p, 't> {
    pub(super) symbols: &'w mut SymbolTable,
    pub(super) problems: &'p mut Diagnostics<'t>,
    pub(super) context: ConditionContext,
}

impl ConditionCompiler<'_, '_, '_> {
    /// Reports a mistake. Always `None`: there is no compiled form.
    pub(super) fn fail<T>(
        &mut self,
        span: &Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Option<T> {
        self.problems.add(span, message, help);
        None
    }

    pub(super) fn feature(
        &mut self,
        span: &Range<usize>,
        name: NameId,
        kind: impl Into<FeatureKind>,
    ) -> Option<FeatureId> {
        self.add_feature(
            span,
            Feature {
                per: self.symbols.per,
                group: self.symbols.group,
                source: FeatureSource::Matches(name),
                second: None,
                kind: kind.into(),
            },
        )
    }

    pub(super) fn add_feature(&mut self, span: &Range<usize>, feature: Feature) -> Option<FeatureId> {
        let id = self.symbols.registry.feature(feature);
        self.within_limits(span, id)
    }

    /// Unwraps an id; that there are too many is reported once per file.
    pub(super) fn within_limits<T>(&mut self, span: &Range<usize>, id: Result<T, IdSpaceExhausted>) -> Option<T> {
        match id {
            Ok(id) => Some(id),
            Err(IdSpaceExhausted { what }) => {
                if !self.symbols.is_overflow_reported {
                    self.symbols.is_overflow_reported = true;
                    self.problems.add(span, format!("these rules read more than 65,536 different {what}"), "");
                }
                None
            }
        }
    }
}
