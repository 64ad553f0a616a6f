//! What changes with every millisecond, and where that may stand (semantics §10).
//!
//! The instant at which a segment changes is worked out beforehand. So that this stays cheap, `since`, `idle`, `age`,
//! `until` and `p_alive` stand in comparisons only, and a comparison in a `when` has either just durations added and subtracted, or one
//! such function under any arithmetic with what stands still. Elsewhere everything is asked at one instant, and nothing is
//! refused.

use std::ops::Range;

use super::{ConditionCompiler, ConditionContext, TypedTerm};
use crate::rules::ruleset::{Arithmetic, MovingTerm, Term};

/// The moving functions of a term.
#[derive(Clone, Debug, Default)]
pub(in crate::rules) struct Motion {
    /// Where they are written; byte ranges in the file.
    functions: Vec<Range<usize>>,
    /// Whether more is done to them than adding and subtracting durations.
    is_bent: bool,
}

impl Motion {
    /// That of one function.
    pub(in crate::rules) fn of_function(span: &Range<usize>) -> Motion {
        Motion { functions: vec![span.clone()], is_bent: false }
    }

    /// Whether there are any.
    pub(in crate::rules) fn is_any(&self) -> bool {
        !self.functions.is_empty()
    }

    /// That of a term on which an operation was done.
    pub(in crate::rules) fn bent(mut self) -> Motion {
        self.is_bent = !self.functions.is_empty();
        self
    }

    /// That of two terms together.
    fn and(mut self, other: Motion) -> Motion {
        self.functions.extend(other.functions);
        self.is_bent |= other.is_bent;
        self
    }
}

impl ConditionCompiler<'_, '_, '_> {
    /// The motion of `left op right`. `None`: it has a mistake, which was reported.
    pub(super) fn motion_of(&mut self, op: Arithmetic, left: Motion, right: Motion) -> Option<Motion> {
        if let (Arithmetic::Divide, Some(divisor)) = (op, right.functions.first())
            && self.works_out_changes()
        {
            let help = "multiply the other side of the comparison by it instead: for duration('1d') / since(order) > 2 write since(order) * 2 < duration('1d')";
            return self.fail(divisor, "what moves with time cannot be a divisor in `when`", help);
        }
        let both = left.and(right);
        Some(if matches!(op, Arithmetic::Multiply | Arithmetic::Divide) { both.bent() } else { both })
    }

    /// The two sides of a comparison, in a form of which the next change can be worked out. `None`: there is none, which was
    /// reported.
    pub(super) fn comparable_sides(
        &mut self,
        left: TypedTerm,
        right: TypedTerm,
        span: &Range<usize>,
    ) -> Option<(Term, Term)> {
        let motion = left.motion.and(right.motion);
        if !motion.is_bent || !self.works_out_changes() {
            return Some((left.term, right.term));
        }
        if motion.functions.len() > 1 {
            let message =
                "two functions that move with time stand in one comparison with more than + and - of durations";
            let help = "compare one of them at a time, as in since(a) * 2 > duration('3d') && since(b) < duration('1d'); or only add and subtract: since(a) - since(b) > duration('1d')";
            return self.fail(span, message, help);
        }
        let side = |term: Term| match MovingTerm::of(&term) {
            Some(moving) if !moving.steps.is_empty() || matches!(moving.function, Term::Model(_)) => {
                Term::Moving(Box::new(moving))
            }
            _ => term,
        };
        Some((side(left.term), side(right.term)))
    }

    /// Refuses what moves with time outside a comparison.
    pub(super) fn stands_still(&mut self, typed: &TypedTerm) -> Option<()> {
        match typed.motion.functions.first() {
            Some(function) if self.works_out_changes() => {
                let help = "compare it: … >= duration('30m'), … / duration('1d') < 7";
                self.fail(function, "what moves with time can only be compared in `when`", help)
            }
            _ => Some(()),
        }
    }

    /// Whether the instants at which a condition changes are worked out.
    fn works_out_changes(&self) -> bool {
        matches!(self.context, ConditionContext::When(_))
    }
}
