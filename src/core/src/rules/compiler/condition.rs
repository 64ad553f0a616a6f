//! Compiles conditions: expressions that are true or false.

use std::borrow::Cow;
use std::ops::Range;

use super::term::is_user;
use super::{ConditionCompiler, TermType, TypedTerm};
use crate::event::Scalar;
use crate::rules::ruleset::{Condition, Term};
use crate::rules::syntax::{Expression, ExpressionKind};

impl ConditionCompiler<'_, '_, '_> {
    /// Compiles a condition. `None`: it has mistakes, and each was reported.
    pub(in crate::rules) fn condition(&mut self, node: &Expression) -> Option<Condition> {
        match &node.kind {
            ExpressionKind::Bool(value) => Some(Condition::Constant(*value)),
            ExpressionKind::Not(inner) => Some(Condition::Not(Box::new(self.condition(inner)?))),
            ExpressionKind::And(items) => self.conditions(items).map(Condition::All),
            ExpressionKind::Or(items) => self.conditions(items).map(Condition::Any),
            ExpressionKind::Compare(op, left, right) => self.compare(*op, left, right, &node.span),
            ExpressionKind::In(item, list) => self.membership(item, list),
            ExpressionKind::MethodCall(subject, call) if !is_user(subject) => self.text_test(subject, call),
            ExpressionKind::MethodCall(..)
            | ExpressionKind::Number(_)
            | ExpressionKind::Text(_)
            | ExpressionKind::Null
            | ExpressionKind::List(_)
            | ExpressionKind::Name(_)
            | ExpressionKind::Field(..)
            | ExpressionKind::Call(_)
            | ExpressionKind::Negate(_)
            | ExpressionKind::Arithmetic(..)
            | ExpressionKind::Mistake => {
                let typed = self.term(node)?;
                self.truth_of(typed, node)
            }
        }
    }

    fn conditions(&mut self, items: &[Expression]) -> Option<Vec<Condition>> {
        // Each is compiled even after one failed, so that all mistakes are found.
        let compiled: Vec<Option<Condition>> = items.iter().map(|item| self.condition(item)).collect();
        compiled.into_iter().collect()
    }

    fn truth_of(&mut self, typed: TypedTerm, node: &Expression) -> Option<Condition> {
        match (typed.kind, typed.term) {
            (_, Term::Condition(condition)) => Some(*condition),
            (TermType::Dynamic | TermType::Bool, term) => Some(Condition::IsTrue(term)),
            (kind, _) => {
                let help = match kind {
                    TermType::Number => "compare it with something: … > 0",
                    TermType::Duration => "compare it with a duration: … > duration('30m')",
                    _ => "compare it with something: … == 'text'",
                };
                self.fail(&node.span, format!("this is {}, not a condition", kind.described()), help)
            }
        }
    }

    fn membership(&mut self, item: &Expression, list: &Expression) -> Option<Condition> {
        let item_typed = self.term(item);
        let list_term = match &list.kind {
            ExpressionKind::List(items) => {
                self.literal_list(items, item_typed.as_ref().map(|typed| typed.kind), &list.span)
            }
            _ => {
                let typed = self.term(list)?;
                if typed.kind != TermType::Dynamic {
                    let help = "write the list out: traits.tier in ['gold', 'silver']";
                    let message = format!("`in` needs a list on its right, but this is {}", typed.kind.described());
                    return self.fail(&list.span, message, help);
                }
                Some(typed.term)
            }
        };
        let (item_typed, list) = (item_typed?, list_term?);
        self.stands_still(&item_typed)?;
        if item_typed.kind == TermType::Duration {
            return self.fail(
                &item.span,
                "a duration cannot be looked up in a list",
                "compare it: … >= duration('30m')",
            );
        }
        Some(Condition::In { item: item_typed.term, list })
    }

    fn literal_list(&mut self, items: &[Expression], wanted: Option<TermType>, span: &Range<usize>) -> Option<Term> {
        let mut scalars = Vec::with_capacity(items.len());
        let mut kinds = Vec::with_capacity(items.len());
        let mut sound = true;
        for item in items {
            let literal = literal(item);
            sound &= literal.is_some();
            match literal {
                Some((scalar, kind)) => {
                    scalars.push(scalar);
                    kinds.push(kind);
                }
                None if matches!(item.kind, ExpressionKind::Mistake) => {}
                None => {
                    let help = "compare with it instead: a == b || …";
                    self.problems.add(
                        &item.span,
                        "a list can only contain texts, numbers, true and false, written out",
                        help,
                    );
                }
            }
        }
        if !sound {
            return None;
        }
        if items.is_empty() {
            return self.fail(span, "the list is empty, so nothing is in it", "write its values: ['gold', 'silver']");
        }
        match wanted {
            Some(kind @ (TermType::Number | TermType::Text | TermType::Bool)) if !kinds.contains(&kind) => {
                let message = format!("{} is looked for in a list that has none", kind.described());
                self.fail(span, message, "")
            }
            _ => Some(Term::List(scalars)),
        }
    }
}

/// A text, number or boolean written out.
fn literal(node: &Expression) -> Option<(Scalar<'static>, TermType)> {
    match &node.kind {
        ExpressionKind::Bool(value) => Some((Scalar::Bool(*value), TermType::Bool)),
        ExpressionKind::Number(value) => Some((Scalar::Number(*value), TermType::Number)),
        ExpressionKind::Text(value) => Some((Scalar::Text(Cow::Owned(value.clone())), TermType::Text)),
        ExpressionKind::Negate(inner) => match literal(inner)? {
            (Scalar::Number(value), kind) => Some((Scalar::Number(value.negated()), kind)),
            _ => None,
        },
        _ => None,
    }
}
