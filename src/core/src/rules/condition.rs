//! Compiles conditions: what is true or false.

use std::borrow::Cow;
use std::ops::Range;

use super::diagnostic::shorten;
use super::functions;
use super::program::{Condition, SegmentId, Term};
use super::scope::{Place, Scope, Type, Typed};
use super::syntax::{Node, NodeKind};
use crate::event::Scalar;

/// Of a circle of segments no more are named.
const CIRCLE_SHOWN_MAX: usize = 12;

impl Scope<'_, '_, '_> {
    /// Compiles a condition. `None`: it has mistakes, and each was reported.
    pub(super) fn condition(&mut self, node: &Node) -> Option<Condition> {
        match &node.kind {
            NodeKind::Bool(value) => Some(Condition::Constant(*value)),
            NodeKind::Not(inner) => Some(Condition::Not(Box::new(self.condition(inner)?))),
            NodeKind::And(items) => self.conditions(items).map(Condition::All),
            NodeKind::Or(items) => self.conditions(items).map(Condition::Any),
            NodeKind::Compare(op, left, right) => self.compare(*op, left, right, &node.span),
            NodeKind::In(item, list) => self.membership(item, list),
            NodeKind::Has(argument) => self.presence(argument),
            NodeKind::Call(name, name_span, arguments) if name == "in_segment" => {
                self.in_segment(name_span, arguments, &node.span)
            }
            NodeKind::Method(subject, name, name_span, arguments) => {
                self.text_test(subject, name, name_span, arguments, &node.span)
            }
            _ => {
                let typed = self.term(node)?;
                self.truth_of(typed, node)
            }
        }
    }

    fn conditions(&mut self, items: &[Node]) -> Option<Vec<Condition>> {
        // Each is compiled even after one failed, so that all mistakes are found.
        let compiled: Vec<Option<Condition>> = items.iter().map(|item| self.condition(item)).collect();
        compiled.into_iter().collect()
    }

    fn truth_of(&mut self, typed: Typed, node: &Node) -> Option<Condition> {
        match (typed.kind, typed.term) {
            (_, Term::Condition(condition)) => Some(*condition),
            (Type::Dynamic, term) => Some(Condition::IsTrue(term)),
            (kind, _) => {
                let help = match kind {
                    Type::Number => "compare it with something: … > 0",
                    Type::Duration => "compare it with a duration: … > duration('30m')",
                    _ => "compare it with something: … == 'text'",
                };
                self.fail(&node.span, format!("this is {}, not a condition", kind.described()), help)
            }
        }
    }

    fn membership(&mut self, item: &Node, list: &Node) -> Option<Condition> {
        let item_typed = self.term(item);
        let list_term = match &list.kind {
            NodeKind::List(items) => self.literal_list(items, item_typed.as_ref().map(|typed| typed.kind), &list.span),
            _ => {
                let typed = self.term(list)?;
                if typed.kind != Type::Dynamic {
                    let help = "write the list out: traits.tier in ['gold', 'silver']";
                    let message = format!("to the right of `in` stands a list, and this is {}", typed.kind.described());
                    return self.fail(&list.span, message, help);
                }
                Some(typed.term)
            }
        };
        let (item_typed, list) = (item_typed?, list_term?);
        if item_typed.kind == Type::Duration {
            return self.fail(&item.span, "a duration is in no list", "compare it: … >= duration('30m')");
        }
        Some(Condition::In { item: item_typed.term, list })
    }

    fn literal_list(&mut self, items: &[Node], wanted: Option<Type>, span: &Range<usize>) -> Option<Term> {
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
                None => {
                    let help = "compare with it instead: a == b || …";
                    self.problems.add(&item.span, "a list has only texts, numbers, true and false, written out", help);
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
            Some(kind @ (Type::Number | Type::Text | Type::Bool)) if !kinds.contains(&kind) => {
                let message = format!("{} is looked for in a list that has none", kind.described());
                self.fail(span, message, "")
            }
            _ => Some(Term::List(scalars)),
        }
    }

    fn presence(&mut self, argument: &Node) -> Option<Condition> {
        let root = functions::path(argument).map(|(root, _)| root);
        let is_event = root.is_some_and(|root| self.world.names.contains_key(root));
        if is_event && self.place != Place::Where {
            let help = "whether there was such an event: total(E) > 0; its latest value: last(E.p) == …";
            return self.fail(&argument.span, "has() asks about traits, not about events of the past", help);
        }
        let typed = self.term(argument)?;
        Some(Condition::Has(typed.term))
    }

    fn in_segment(&mut self, name_span: &Range<usize>, arguments: &[Node], span: &Range<usize>) -> Option<Condition> {
        let [argument] = arguments else {
            return self.fail(span, "in_segment takes one segment's id", "write in_segment('dormant')");
        };
        let NodeKind::Text(id) = &argument.kind else {
            return self.fail(
                &argument.span,
                "the segment must be named by its id in quotes",
                "write in_segment('dormant')",
            );
        };
        if self.place == Place::Where {
            return self.fail(
                name_span,
                "`where` sees the event and the traits, not segments",
                "ask in `when` or `if`",
            );
        }
        let Some(&segment) = self.world.segments.get(id) else {
            let help = self.problems.suggest(id, self.world.segment_order.iter().map(String::as_str), "segments");
            self.problems.add_missing(&argument.span, format!("there is no segment {}", shorten(id)), help);
            return None;
        };
        if let Place::When(this) = self.place {
            if segment == this {
                return self.fail(
                    &argument.span,
                    format!("segment `{id}` asks for itself"),
                    "a segment sees only those above it",
                );
            }
            if segment > this {
                return self.forward(this, segment, argument);
            }
        }
        u16::try_from(segment).ok().map(|index| Condition::InSegment(SegmentId(index)))
    }

    fn forward(&mut self, this: usize, segment: usize, argument: &Node) -> Option<Condition> {
        let id = &self.world.segment_order[segment];
        let (message, help) = match self.world.cycle(this, segment) {
            Some(path) => {
                let mut shown: Vec<String> = path.iter().map(|id| format!("`{id}`")).collect();
                if shown.len() > CIRCLE_SHOWN_MAX {
                    shown.splice(CIRCLE_SHOWN_MAX - 2..shown.len() - 1, ["…".to_owned()]);
                }
                let path = shown.join(" → ");
                (
                    format!("these segments ask for each other in a circle: {path}"),
                    "take one of the in_segment out".to_owned(),
                )
            }
            None => {
                let this = &self.world.segment_order[this];
                (format!("segment `{id}` is defined below `{this}`"), format!("move `{id}` above `{this}`"))
            }
        };
        self.fail(&argument.span, message, help)
    }
}

/// A text, number or boolean written out.
fn literal(node: &Node) -> Option<(Scalar<'static>, Type)> {
    match &node.kind {
        NodeKind::Bool(value) => Some((Scalar::Bool(*value), Type::Bool)),
        NodeKind::Number(value) => Some((Scalar::Number(*value), Type::Number)),
        NodeKind::Text(value) => Some((Scalar::Text(Cow::Owned(value.clone())), Type::Text)),
        NodeKind::Negate(inner) => match literal(inner)? {
            (Scalar::Number(value), kind) => Some((Scalar::Number(value.negated()), kind)),
            _ => None,
        },
        _ => None,
    }
}
