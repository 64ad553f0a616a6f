//! What a condition may refer to: events, segments, and where it stands.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::feature_registry::{FeatureRegistry, IdSpaceExhausted};
use super::program::{Feature, FeatureId, FeatureKind, NameId, Term};
use crate::diagnostics::Diagnostics;

/// Where a condition stands, which decides what it sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConditionContext {
    /// `where` of an event name: the event and the traits, no history.
    Where,
    /// `when` of the segment with this index: history, and the segments above.
    When(usize),
    /// `if` and `payload_from` of a campaign: history and every segment.
    Campaign,
}

/// The names of a rules file and what its conditions remember, while it is compiled.
#[derive(Default)]
pub(super) struct SymbolTable {
    /// `[events]`, broken ones included, so that their use is no second mistake.
    pub(super) names: HashMap<String, NameId>,
    /// Those of them whose events have their products in an array.
    pub(super) product_arrays: HashSet<NameId>,
    /// Event names in file order.
    pub(super) name_order: Vec<String>,
    /// Segments by id, broken ones included; of two with the same id, the first.
    pub(super) segments: HashMap<String, usize>,
    /// Segment ids in file order.
    pub(super) segment_order: Vec<String>,
    /// Where each segment starts in the file.
    pub(super) segment_places: Vec<usize>,
    /// Which segments each segment's `when` names.
    pub(super) segment_uses: Vec<Vec<usize>>,
    pub(super) memory: FeatureRegistry,
    overflow_reported: bool,
    /// How many segments were gone through in search of circles.
    circle_steps: Cell<usize>,
}

/// So many segments are gone through in search of circles; beyond that they are not told from segments further down.
const CIRCLE_STEPS_MAX: usize = 200_000;

/// Compiles the conditions of one place.
pub(super) struct ConditionCompiler<'w, 'p, 't> {
    pub(super) symbols: &'w mut SymbolTable,
    pub(super) problems: &'p mut Diagnostics<'t>,
    pub(super) context: ConditionContext,
}

/// What kind of value a term has, as far as the text tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TermType {
    Number,
    Duration,
    Text,
    Bool,
    /// Known only when the events come: a trait, a property, `last(…)`.
    Dynamic,
}

/// A compiled term.
pub(super) struct TypedTerm {
    pub(super) term: Term,
    pub(super) kind: TermType,
    /// It is a plain `distinct(…)`, which is exact up to 1,000 only.
    pub(super) is_distinct: bool,
}

impl TermType {
    /// The type with its article, for messages.
    pub(super) fn described(self) -> &'static str {
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
    pub(super) fn new(term: Term, kind: TermType) -> TypedTerm {
        TypedTerm { term, kind, is_distinct: false }
    }
}

impl ConditionCompiler<'_, '_, '_> {
    /// Reports a mistake; the `None` stands for the piece it makes unusable.
    pub(super) fn fail<T>(
        &mut self,
        span: &Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Option<T> {
        self.problems.add(span, message, help);
        None
    }

    pub(super) fn feature(&mut self, span: &Range<usize>, name: NameId, kind: FeatureKind) -> Option<FeatureId> {
        let id = self.symbols.memory.feature(name, kind);
        self.within_limits(span, id)
    }

    /// Passes an id on; that there are too many is said once.
    pub(super) fn within_limits<T>(&mut self, span: &Range<usize>, id: Result<T, IdSpaceExhausted>) -> Option<T> {
        match id {
            Ok(id) => Some(id),
            Err(IdSpaceExhausted { what }) => {
                if !self.symbols.overflow_reported {
                    self.symbols.overflow_reported = true;
                    self.problems.add(span, format!("these rules read more than 65,536 different {what}"), "");
                }
                None
            }
        }
    }
}

impl SymbolTable {
    /// A cycle that starts with segment `from` asking for segment `to`: the ids along it, `from` first and last.
    pub(super) fn cycle(&self, from: usize, to: usize) -> Option<Vec<&str>> {
        let mut came_from: HashMap<usize, usize> = HashMap::new();
        let mut queue = std::collections::VecDeque::from([to]);
        while let Some(at) = queue.pop_front() {
            if self.circle_steps.get() >= CIRCLE_STEPS_MAX {
                return None;
            }
            self.circle_steps.set(self.circle_steps.get() + 1);
            if at == from {
                let mut path = vec![self.segment_order[from].as_str()];
                let mut step = from;
                while step != to {
                    step = came_from[&step];
                    path.push(&self.segment_order[step]);
                }
                path.push(&self.segment_order[from]);
                path.reverse();
                return Some(path);
            }
            for &next in &self.segment_uses[at] {
                if next != to && !came_from.contains_key(&next) {
                    came_from.insert(next, at);
                    queue.push_back(next);
                }
            }
        }
        None
    }

    /// The compiled features and projection.
    pub(super) fn into_parts(self) -> (Vec<Feature>, super::program::Projection) {
        self.memory.into_parts()
    }
}
