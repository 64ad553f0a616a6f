//! Compiles terms: expressions that have a value.

use std::borrow::Cow;
use std::ops::Range;

use super::{ConditionCompiler, TermType, TypedTerm};
use crate::event::Scalar;
use crate::rules::functions;
use crate::rules::ruleset::{Arithmetic, Term};
use crate::rules::syntax::{Expression, ExpressionKind, FunctionCall};

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
            ExpressionKind::MethodCall(receiver, call) if is_user(receiver) => self.user_call(receiver, call),
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

    /// `user.f(…)`, in a condition about a key.
    fn user_call(&mut self, receiver: &Expression, call: &FunctionCall) -> Option<TypedTerm> {
        let Some(per) = self.symbols.per else {
            let help = format!("write {} without `user.`", call.name);
            return self.fail(&receiver.span, "`user.` belongs to conditions about a key: segments with `per`", help);
        };
        if functions::named(&call.name).is_some_and(|function| !function.is_of_matches()) {
            let help = format!("write {} without `user.`", call.name);
            return self.fail(&receiver.span, format!("{} does not ask about matches", call.name), help);
        }
        (self.symbols.per, self.symbols.is_user_part) = (None, true);
        let typed = self.call(call);
        (self.symbols.per, self.symbols.is_user_part) = (Some(per), false);
        typed
    }

    fn negate(&mut self, inner: &Expression) -> Option<TypedTerm> {
        let typed = self.term(inner)?;
        match (typed.kind, typed.term) {
            (_, Term::Constant(Scalar::Number(value))) => {
                Some(TypedTerm::new(Term::Constant(Scalar::Number(value.negated())), TermType::Number))
            }
            (TermType::Number | TermType::Dynamic, term) => {
                let negated = TypedTerm::new(Term::Negate(Box::new(term)), TermType::Number);
                Some(TypedTerm { motion: typed.motion.bent(), ..negated })
            }
            (kind, _) => {
                let help = if kind == TermType::Duration { "multiply it: … * -1" } else { "" };
                self.fail(&inner.span, format!("a minus needs a number, but this is {}", kind.described()), help)
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
        let kind = self.arithmetic_type(op, (left_typed.kind, left), (right_typed.kind, right), span)?;
        let motion = self.motion_of(op, left_typed.motion, right_typed.motion)?;
        let (left, right) = (Box::new(left_typed.term), Box::new(right_typed.term));
        Some(TypedTerm { motion, ..TypedTerm::new(Term::Arithmetic { op, left, right }, kind) })
    }

    /// The type of `left op right`, where such types can be worked with.
    fn arithmetic_type(
        &mut self,
        op: Arithmetic,
        (left, left_node): (TermType, &Expression),
        (right, right_node): (TermType, &Expression),
        span: &Range<usize>,
    ) -> Option<TermType> {
        use Arithmetic::{Add, Divide, Multiply, Subtract};
        use TermType::{Duration, Number};
        let is_numeric = |kind| matches!(kind, Number | TermType::Dynamic);
        match (left, right, op) {
            (Duration, Duration, Add | Subtract) => Some(Duration),
            (Duration, Duration, Divide) => Some(Number),
            (Duration, Duration, Multiply) => {
                let help = "multiply one of them by a number: … * 1.5";
                self.fail(span, "two durations cannot be multiplied", help)
            }
            (a, b, _) if is_numeric(a) && is_numeric(b) => Some(Number),
            (Duration, number, Multiply | Divide) | (number, Duration, Multiply) if is_numeric(number) => {
                Some(Duration)
            }
            (number, Duration, Divide) if is_numeric(number) => {
                let help = "divide the duration by the number, or by another duration: … / duration('1d')";
                self.fail(span, "a number cannot be divided by a duration", help)
            }
            (number, Duration, _) if is_numeric(number) => self.number_and_duration(left_node, span),
            (Duration, number, _) if is_numeric(number) => self.number_and_duration(right_node, span),
            (a, b, _) => {
                let is_sound = |kind| is_numeric(kind) || kind == Duration;
                let (node, kind) = if is_sound(a) { (right_node, b) } else { (left_node, a) };
                self.fail(&node.span, format!("arithmetic needs numbers, but this is {}", kind.described()), "")
            }
        }
    }

    /// A number, or what may be one, added to or subtracted from a duration.
    fn number_and_duration<T>(&mut self, number: &Expression, span: &Range<usize>) -> Option<T> {
        let help = match &number.kind {
            ExpressionKind::Number(value) => {
                format!("give {value} a unit: duration('{value}m'), duration('{value}d')")
            }
            _ => "make it a duration: … * duration('1d')".to_owned(),
        };
        self.fail(span, "a duration and a number cannot be added or subtracted", help)
    }
}

/// Whether a function stands behind `user.`.
pub(super) fn is_user(receiver: &Expression) -> bool {
    matches!(&receiver.kind, ExpressionKind::Name(name) if name == "user")
}
