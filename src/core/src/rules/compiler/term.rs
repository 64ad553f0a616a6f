//! Compiles terms: expressions that have a value.

use std::borrow::Cow;
use std::ops::Range;

use super::{ConditionCompiler, TermType, TypedTerm};
use crate::event::Scalar;
use crate::rules::ruleset::{Arithmetic, Term};
use crate::rules::syntax::{Expression, ExpressionKind};

impl ConditionCompiler<'_, '_, '_> {
    /// Compiles a term. `None`: it has mistakes, and each was reported.
    pub(in crate::rules) fn term(&mut self, node: &Expression) -> Option<TypedTerm> {
        match &node.kind {
            ExpressionKind::Bool(value) => Some(TypedTerm::new(Term::Constant(Scalar::Bool(*value)), TermType::Bool)),
            ExpressionKind::Number(value) => {
                Some(TypedTerm::new(Term::Constant(Scalar::Number(*value)), TermType::Number))
            }
            ExpressionKind::Text(value) => {
                Some(TypedTerm::new(Term::Constant(Scalar::Text(Cow::Owned(value.clone()))), TermType::Text))
            }
            ExpressionKind::Null => {
                let help = "test with has(traits.name) whether a value is there";
                self.fail(&node.span, "null is not a value", help)
            }
            ExpressionKind::List(_) => {
                let help = "write traits.tier in ['gold', 'silver']";
                self.fail(&node.span, "a list can only be used to the right of `in`", help)
            }
            ExpressionKind::Name(_) | ExpressionKind::Field(..) => self.path(node),
            ExpressionKind::Call(call) => self.call(call),
            ExpressionKind::Negate(inner) => self.negate(inner),
            ExpressionKind::Arithmetic(op, left, right) => self.arithmetic(*op, left, right, &node.span),
            ExpressionKind::Mistake => None,
            ExpressionKind::MethodCall(..)
            | ExpressionKind::Not(_)
            | ExpressionKind::And(_)
            | ExpressionKind::Or(_)
            | ExpressionKind::Compare(..)
            | ExpressionKind::In(..) => {
                let condition = self.condition(node)?;
                Some(TypedTerm::new(Term::Condition(Box::new(condition)), TermType::Bool))
            }
        }
    }

    fn negate(&mut self, inner: &Expression) -> Option<TypedTerm> {
        let typed = self.term(inner)?;
        match (typed.kind, typed.term) {
            (_, Term::Constant(Scalar::Number(value))) => {
                Some(TypedTerm::new(Term::Constant(Scalar::Number(value.negated())), TermType::Number))
            }
            (TermType::Number | TermType::Dynamic, term) => {
                Some(TypedTerm::new(Term::Negate(Box::new(term)), TermType::Number))
            }
            (kind, _) => {
                self.fail(&inner.span, format!("a minus needs a number, but this is {}", kind.described()), "")
            }
        }
    }

    fn arithmetic(
        &mut self,
        op: Arithmetic,
        left: &Expression,
        right: &Expression,
        span: &Range<usize>,
    ) -> Option<TypedTerm> {
        let (left_typed, right_typed) = (self.term(left), self.term(right));
        let (left_typed, right_typed) = (left_typed?, right_typed?);
        let is_numeric = |kind| matches!(kind, TermType::Number | TermType::Dynamic);
        let kind = match (left_typed.kind, right_typed.kind, op) {
            (TermType::Duration, TermType::Duration, Arithmetic::Add | Arithmetic::Subtract) => TermType::Duration,
            (a, b, _) if is_numeric(a) && is_numeric(b) => TermType::Number,
            (TermType::Duration, _, _) | (_, TermType::Duration, _) => {
                let help = "write the result out: duration('90m')";
                return self.fail(span, "durations can only be added and subtracted", help);
            }
            (a, b, _) => {
                let (node, kind) = if is_numeric(a) { (right, b) } else { (left, a) };
                let message = format!("arithmetic needs numbers, but this is {}", kind.described());
                return self.fail(&node.span, message, "");
            }
        };
        let (left, right) = (Box::new(left_typed.term), Box::new(right_typed.term));
        Some(TypedTerm::new(Term::Arithmetic { op, left, right }, kind))
    }
}
