//! Compiles terms: what has a value.

use std::borrow::Cow;
use std::ops::Range;

use super::diagnostic::shorten;
use super::functions::{self, FUNCTIONS};
use super::program::{Arithmetic, Term};
use super::scope::{Place, Scope, Type, Typed};
use super::syntax::{Node, NodeKind};
use crate::event::Scalar;

/// Words that stand at the head of a path.
pub(super) const ROOTS: [&str; 3] = ["traits", "properties", "context"];

impl Scope<'_, '_, '_> {
    /// Compiles a term. `None`: it has mistakes, and each was reported.
    pub(super) fn term(&mut self, node: &Node) -> Option<Typed> {
        match &node.kind {
            NodeKind::Bool(value) => Some(Typed::new(Term::Constant(Scalar::Bool(*value)), Type::Bool)),
            NodeKind::Number(value) => Some(Typed::new(Term::Constant(Scalar::Number(*value)), Type::Number)),
            NodeKind::Text(value) => {
                Some(Typed::new(Term::Constant(Scalar::Text(Cow::Owned(value.clone()))), Type::Text))
            }
            NodeKind::Null => {
                let help = "ask with has(traits.name) whether something is there";
                self.fail(&node.span, "null is not a value", help)
            }
            NodeKind::List(_) => {
                let help = "write traits.tier in ['gold', 'silver']";
                self.fail(&node.span, "a list can only stand to the right of `in`", help)
            }
            NodeKind::Name(_) | NodeKind::Select(..) => self.path(node),
            NodeKind::Call(name, name_span, arguments) if name != "in_segment" => {
                self.call(name, name_span, arguments, &node.span)
            }
            NodeKind::Negate(inner) => self.negate(inner),
            NodeKind::Arithmetic(op, left, right) => self.arithmetic(*op, left, right, &node.span),
            NodeKind::Refused(what, help) => self.fail(&node.span, *what, *help),
            _ => {
                let condition = self.condition(node)?;
                Some(Typed::new(Term::Condition(Box::new(condition)), Type::Bool))
            }
        }
    }

    fn negate(&mut self, inner: &Node) -> Option<Typed> {
        let typed = self.term(inner)?;
        match (typed.kind, typed.term) {
            (_, Term::Constant(Scalar::Number(value))) => {
                Some(Typed::new(Term::Constant(Scalar::Number(value.negated())), Type::Number))
            }
            (Type::Number | Type::Dynamic, term) => Some(Typed::new(Term::Negate(Box::new(term)), Type::Number)),
            (kind, _) => {
                self.fail(&inner.span, format!("only a number has a minus, and this is {}", kind.described()), "")
            }
        }
    }

    fn arithmetic(&mut self, op: Arithmetic, left: &Node, right: &Node, span: &Range<usize>) -> Option<Typed> {
        let (left_typed, right_typed) = (self.term(left), self.term(right));
        let (left_typed, right_typed) = (left_typed?, right_typed?);
        let is_numeric = |kind| matches!(kind, Type::Number | Type::Dynamic);
        let kind = match (left_typed.kind, right_typed.kind, op) {
            (Type::Duration, Type::Duration, Arithmetic::Add | Arithmetic::Subtract) => Type::Duration,
            (a, b, _) if is_numeric(a) && is_numeric(b) => Type::Number,
            (Type::Duration, _, _) | (_, Type::Duration, _) => {
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
        Some(Typed::new(Term::Arithmetic { op, left, right }, kind))
    }

    /// `traits.x`, `properties.x`, `context.x`; anything else that is dotted is a mistake.
    fn path(&mut self, node: &Node) -> Option<Typed> {
        let Some((root, fields)) = functions::path(node) else {
            if let NodeKind::Select(target, _) = &node.kind {
                self.misplaced_dot(target);
            }
            return None;
        };
        if !ROOTS.contains(&root) {
            self.not_a_value(root, &fields, node);
            return None;
        }
        if fields.is_empty() {
            let help = format!("name one of them: {root}.name");
            return self.fail(&node.span, format!("`{root}` is not a value by itself"), help);
        }
        if root == "traits" {
            let id = self.world.memory.user_trait(fields);
            let id = self.within_limits(&node.span, id)?;
            return Some(Typed::new(Term::Trait(id), Type::Dynamic));
        }
        if self.place != Place::Where {
            let help = format!("name the event and take its latest: last(E.{})", fields.join("."));
            let help =
                if root == "properties" { help } else { "name such events in [events], with `where`".to_owned() };
            return self.fail(
                &node.span,
                format!("`{root}` belongs to one event, and is seen only in its `where`"),
                help,
            );
        }
        let id = self.world.memory.field(std::iter::once(root.to_owned()).chain(fields).collect());
        let id = self.within_limits(&node.span, id)?;
        Some(Typed::new(Term::Field(id), Type::Dynamic))
    }

    /// `(…).x`, `f(…).x`.
    fn misplaced_dot(&mut self, target: &Node) {
        let mut head = target;
        while let NodeKind::Select(inner, _) = &head.kind {
            head = inner;
        }
        if self.term(head).is_some() {
            self.problems.add(&head.span, "nothing can be taken out of this with a dot", "");
        }
    }

    fn not_a_value(&mut self, root: &str, fields: &[String], node: &Node) {
        let written = std::iter::once(root).chain(fields.iter().map(String::as_str)).collect::<Vec<_>>().join(".");
        let is_event = self.world.names.contains_key(root);
        if is_event && self.place == Place::Where {
            let help = format!("ask the event itself: properties.{}", fields.first().map_or("name", String::as_str));
            self.problems.add(&node.span, "`where` sees one event, and has no names of events", help);
        } else if is_event && fields.is_empty() {
            let help = format!("ask something about it: count({root}, '7d'), since({root}), total({root})");
            self.problems.add(&node.span, format!("`{root}` is an event, not a value"), help);
        } else if is_event {
            let help = format!("take the latest, last({written}), or add them up, sum({written}, '7d')");
            self.problems.add(&node.span, format!("`{written}` has many values, one per event"), help);
        } else {
            self.unknown_name(root, node);
        }
    }

    fn unknown_name(&mut self, root: &str, node: &Node) {
        let span = node.span.start..(node.span.start + root.len()).min(node.span.end);
        if let Some((_, usage)) = FUNCTIONS.iter().find(|(known, _)| *known == root) {
            self.problems.add(&span, format!("`{root}` is a function"), format!("write {usage}"));
            return;
        }
        let names = self.world.name_order.iter().map(String::as_str);
        let known = names.chain(ROOTS).chain(["true", "false"]);
        let help = match self.problems.nearest(root, known.chain(FUNCTIONS.map(|(known, _)| known))) {
            Some(name) => format!("did you mean `{name}`?"),
            None => "texts stand in quotes; events are named in [events]; a user's traits are traits.name".to_owned(),
        };
        self.problems.add_missing(&span, format!("unknown name {}", shorten(root)), help);
    }
}
