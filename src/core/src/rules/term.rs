//! Compiles terms: what has a value.

use std::borrow::Cow;
use std::ops::Range;

use super::compiler::{ConditionCompiler, ConditionContext, TermType, TypedTerm};
use super::functions;
use super::program::{Arithmetic, Term};
use super::syntax::{DottedPath, Expression, ExpressionKind};
use crate::diagnostics::shorten;
use crate::event::Scalar;

/// Words that stand at the head of a path.
pub(super) const ROOTS: [&str; 3] = ["traits", "properties", "context"];

impl ConditionCompiler<'_, '_, '_> {
    /// Compiles a term. `None`: it has mistakes, and each was reported.
    pub(super) fn term(&mut self, node: &Expression) -> Option<TypedTerm> {
        match &node.kind {
            ExpressionKind::Bool(value) => Some(TypedTerm::new(Term::Constant(Scalar::Bool(*value)), TermType::Bool)),
            ExpressionKind::Number(value) => {
                Some(TypedTerm::new(Term::Constant(Scalar::Number(*value)), TermType::Number))
            }
            ExpressionKind::Text(value) => {
                Some(TypedTerm::new(Term::Constant(Scalar::Text(Cow::Owned(value.clone()))), TermType::Text))
            }
            ExpressionKind::Null => {
                let help = "ask with has(traits.name) whether something is there";
                self.fail(&node.span, "null is not a value", help)
            }
            ExpressionKind::List(_) => {
                let help = "write traits.tier in ['gold', 'silver']";
                self.fail(&node.span, "a list can only stand to the right of `in`", help)
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
                self.fail(&inner.span, format!("only a number has a minus, and this is {}", kind.described()), "")
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
                let help = "durations can be added and subtracted; write the result out: duration('90m')";
                return self.fail(span, "durations have no such arithmetic", help);
            }
            (a, b, _) => {
                let (node, kind) = if is_numeric(a) { (right, b) } else { (left, a) };
                let message = format!("arithmetic needs numbers, and this is {}", kind.described());
                return self.fail(&node.span, message, "");
            }
        };
        let (left, right) = (Box::new(left_typed.term), Box::new(right_typed.term));
        Some(TypedTerm::new(Term::Arithmetic { op, left, right }, kind))
    }

    /// `traits.x`, `properties.x`, `context.x`; anything else that is dotted is a mistake.
    fn path(&mut self, node: &Expression) -> Option<TypedTerm> {
        let Some(path) = node.as_path() else {
            if let ExpressionKind::Field(target, _) = &node.kind {
                self.misplaced_dot(target);
            }
            return None;
        };
        let root = path.root;
        if !ROOTS.contains(&root) {
            self.not_a_value(&path, node);
            return None;
        }
        if path.fields.is_empty() {
            let help = format!("name one of them: {root}.name");
            return self.fail(&node.span, format!("`{root}` is not a value by itself"), help);
        }
        if root == "traits" {
            let id = self.symbols.memory.user_trait(path.fields);
            let id = self.within_limits(&node.span, id)?;
            return Some(TypedTerm::new(Term::Trait(id), TermType::Dynamic));
        }
        if self.context != ConditionContext::Where {
            let help = if root == "properties" {
                format!("name the event and take its latest: last(E.{})", path.fields.join("."))
            } else {
                "name such events in [events], with `where`".to_owned()
            };
            let message = format!("`{root}` belongs to one event, and is seen only in its `where`");
            return self.fail(&node.span, message, help);
        }
        let id = self.symbols.memory.field(std::iter::once(root.to_owned()).chain(path.fields).collect());
        let id = self.within_limits(&node.span, id)?;
        Some(TypedTerm::new(Term::Field(id), TermType::Dynamic))
    }

    /// `(…).x`, `f(…).x`.
    fn misplaced_dot(&mut self, target: &Expression) {
        let mut head = target;
        while let ExpressionKind::Field(inner, _) = &head.kind {
            head = inner;
        }
        if self.term(head).is_some() {
            self.problems.add(&head.span, "nothing can be taken out of this with a dot", "");
        }
    }

    fn not_a_value(&mut self, path: &DottedPath<'_>, node: &Expression) {
        let (root, written) = (path.root, path.written());
        let is_event = self.symbols.names.contains_key(root);
        if is_event && self.context == ConditionContext::Where {
            let help =
                format!("ask the event itself: properties.{}", path.fields.first().map_or("name", String::as_str));
            self.problems.add(&node.span, "`where` sees one event, and has no names of events", help);
        } else if is_event && path.fields.is_empty() {
            let help = format!("ask something about it: count({root}, '7d'), since({root}), total({root})");
            self.problems.add(&node.span, format!("`{root}` is an event, not a value"), help);
        } else if is_event {
            let help = format!("take the latest, last({written}), or add them up, sum({written}, '7d')");
            self.problems.add(&node.span, format!("`{written}` has many values, one per event"), help);
        } else {
            self.unknown_name(path);
        }
    }

    fn unknown_name(&mut self, path: &DottedPath<'_>) {
        let root = path.root;
        if let Some(function) = functions::named(root) {
            let help = format!("write {}", function.usage);
            self.problems.add(&path.root_span, format!("`{root}` is a function"), help);
            return;
        }
        let names = self.symbols.name_order.iter().map(String::as_str);
        let known = names.chain(ROOTS).chain(["true", "false"]);
        let help = match self.problems.nearest(root, known.chain(functions::names())) {
            Some(name) => format!("did you mean `{name}`?"),
            None => "texts stand in quotes; events are named in [events]; a user's traits are traits.name".to_owned(),
        };
        self.problems.add_missing(&path.root_span, format!("unknown name {}", shorten(root)), help);
    }
}
