//! Terms that change with every millisecond, by more than a slope.

use super::{ModelQuestion, ModelScore, Term};
use crate::decimal::Decimal;
use crate::event::Scalar;
use crate::value::Arithmetic;

/// One function that moves with time, under arithmetic with what stands still: `since(order) * 2 / 3`.
///
/// Each step leads from the value so far to the next. All of them are monotone, so that the instant at which a comparison
/// of the result changes can be searched for.
#[derive(Clone, Debug)]
pub struct MovingTerm {
    /// The function; see [`Term::is_moving_function`].
    pub function: Term,
    /// What is done to it, the innermost first.
    pub steps: Vec<MovingTermStep>,
}

/// A step of a [`MovingTerm`].
#[derive(Clone, Debug)]
pub struct MovingTermStep {
    /// Which operation.
    pub op: Arithmetic,
    /// Its other side, which stands still. Never the dividend.
    pub operand: Term,
    /// Whether that is the left side.
    pub is_operand_left: bool,
}

impl MovingTerm {
    /// A term with one moving function, which is no divisor, as such. `None` for any other.
    pub fn of(term: &Term) -> Option<MovingTerm> {
        match term {
            function if function.is_moving_function() => {
                Some(MovingTerm { function: function.clone(), steps: Vec::new() })
            }
            Term::Arithmetic { op, left, right } => match (MovingTerm::of(left), MovingTerm::of(right)) {
                (Some(moving), None) => Some(moving.then(*op, right, false)),
                (None, Some(moving)) if *op != Arithmetic::Divide => Some(moving.then(*op, left, true)),
                _ => None,
            },
            // A minus is a difference to 0.
            Term::Negate(inner) => Some(MovingTerm::of(inner)?.then(
                Arithmetic::Subtract,
                &Term::Constant(Scalar::Number(Decimal::ZERO)),
                true,
            )),
            _ => None,
        }
    }

    fn then(mut self, op: Arithmetic, operand: &Term, is_operand_left: bool) -> MovingTerm {
        self.steps.push(MovingTermStep { op, operand: operand.clone(), is_operand_left });
        self
    }
}

impl Term {
    /// Whether it is a function that grows or shrinks with every millisecond: `since`, `idle`, `age`, `until`, `p_alive`.
    pub fn is_moving_function(&self) -> bool {
        matches!(
            self,
            Term::Since(_)
                | Term::Idle
                | Term::Age
                | Term::InstanceIdle
                | Term::InstanceAge
                | Term::Until(_)
                | Term::Model(ModelQuestion { score: ModelScore::PAlive, .. })
        )
    }
}
