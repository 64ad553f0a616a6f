//! Compiles conditions: what is true or false.

use std::borrow::Cow;
use std::ops::Range;

use regex::{Regex, RegexBuilder};

use super::diagnostic::{join_quoted, nearest, shorten};
use super::functions;
use super::program::{Comparison, Condition, SegmentId, Term, TextTest};
use super::scope::{Place, Scope, Type, Typed};
use super::syntax::{Node, NodeKind};
use crate::event::Scalar;
use crate::time::Span;

/// The most that a compiled pattern of `matches` may take, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;
/// Up to here `distinct` counts exactly; beyond, it reads this.
const DISTINCT_EXACT: f64 = 1000.0;

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

    fn compare(&mut self, op: Comparison, left: &Node, right: &Node, span: &Range<usize>) -> Option<Condition> {
        if let Some(other) = [(left, right), (right, left)].iter().find(|(side, _)| matches!(side.kind, NodeKind::Null))
        {
            self.term(other.1);
            let help = "ask with has(traits.name) whether something is there, with !has(…) whether it is not";
            return self.fail(span, "nothing can be compared with null", help);
        }
        if matches!(left.kind, NodeKind::Compare(..)) && !is_condition(right) {
            let help = "write both comparisons out: 1 < x && x < 5";
            return self.fail(span, "comparisons do not chain", help);
        }
        let (left_typed, right_typed) = (self.term(left), self.term(right));
        let (left_typed, right_typed) = (left_typed?, right_typed?);
        self.check_types(op, (&left_typed, left), (&right_typed, right), span)?;
        self.check_distinct(op, &left_typed, &right_typed, span)?;
        Some(Condition::Compare { op, left: left_typed.term, right: right_typed.term })
    }

    fn check_types(
        &mut self,
        op: Comparison,
        (left, left_node): (&Typed, &Node),
        (right, right_node): (&Typed, &Node),
        span: &Range<usize>,
    ) -> Option<()> {
        let ordering = !matches!(op, Comparison::Equal | Comparison::NotEqual);
        match (left.kind, right.kind) {
            (Type::Bool, Type::Bool | Type::Dynamic) | (Type::Dynamic, Type::Bool) if ordering => {
                self.fail(span, "true and false have no order", "compare them with == or !=")
            }
            (Type::Duration, Type::Duration) => Some(()),
            (Type::Duration, kind) => self.duration_beside(kind, right_node),
            (kind, Type::Duration) => self.duration_beside(kind, left_node),
            (a, b) if a == b || a == Type::Dynamic || b == Type::Dynamic => Some(()),
            (a, b) => {
                let message = format!("{} is compared with {}", a.described(), b.described());
                let help = match (&left_node.kind, &right_node.kind) {
                    (NodeKind::Text(text), _) | (_, NodeKind::Text(text)) if text.parse::<f64>().is_ok() => {
                        format!("a number stands without quotes: {text}")
                    }
                    _ => "they are never equal".to_owned(),
                };
                self.fail(span, message, help)
            }
        }
    }

    /// A duration compared with what is none: the mistake is on the other side.
    fn duration_beside(&mut self, kind: Type, node: &Node) -> Option<()> {
        let message = format!("a duration is compared with {}", kind.described());
        let help = match &node.kind {
            NodeKind::Text(text) if Span::parse(text).is_ok() => format!("write duration('{text}')"),
            NodeKind::Integer(number) if *number >= 0 => {
                format!("say {number} of what: duration('{number}m'), duration('{number}d')")
            }
            _ if kind == Type::Dynamic => "no trait or property is a duration; write duration('30m')".to_owned(),
            _ => "write the time as duration('30m')".to_owned(),
        };
        self.fail(&node.span, message, help)
    }

    fn check_distinct(&mut self, op: Comparison, left: &Typed, right: &Typed, span: &Range<usize>) -> Option<()> {
        let (literal, op) = match (left.is_distinct, right.is_distinct) {
            (true, false) => (&right.term, op),
            (false, true) => (&left.term, mirrored(op)),
            _ => return Some(()),
        };
        let limit = match literal {
            Term::Integer(number) => *number as f64,
            Term::Constant(Scalar::Number(number)) => *number,
            _ => return Some(()),
        };
        // At 1,000 itself these two would tell 1,000 from 1,001.
        let at_the_edge = limit == DISTINCT_EXACT && matches!(op, Comparison::Greater | Comparison::LessOrEqual);
        if limit > DISTINCT_EXACT || at_the_edge {
            let help = "compare it with at most 1000, as in distinct(…) >= 1000";
            return self.fail(span, "distinct(…) counts exactly up to 1,000, and reads 1,000 beyond", help);
        }
        Some(())
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
            _ => Some(Term::Constant(Scalar::List(scalars))),
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

    fn text_test(
        &mut self,
        subject: &Node,
        name: &str,
        name_span: &Range<usize>,
        arguments: &[Node],
        span: &Range<usize>,
    ) -> Option<Condition> {
        let test = match name {
            "startsWith" => Some(TextTest::StartsWith),
            "endsWith" => Some(TextTest::EndsWith),
            "contains" => Some(TextTest::Contains),
            "matches" => None,
            _ => return self.unknown_method(name, name_span),
        };
        let subject = self.text(subject);
        let [argument] = arguments else {
            return self.fail(span, format!("{name} takes one text"), format!("write traits.email.{name}('…')"));
        };
        match test {
            Some(test) => {
                let argument = self.text(argument);
                Some(Condition::Text { test, subject: subject?, argument: argument? })
            }
            None => {
                let pattern = self.pattern(argument);
                Some(Condition::Matches { subject: subject?, pattern: pattern? })
            }
        }
    }

    fn unknown_method<T>(&mut self, name: &str, span: &Range<usize>) -> Option<T> {
        let help = if let Some((_, usage)) = functions::FUNCTIONS.iter().find(|(known, _)| *known == name) {
            format!("write {usage}")
        } else if let Some(known) = nearest(name, functions::METHODS) {
            format!("did you mean `{known}`?")
        } else {
            format!("texts have {}", join_quoted(&functions::METHODS))
        };
        self.fail(span, format!("nothing has a function {} after a dot", shorten(name)), help)
    }

    /// A term that can be a text.
    fn text(&mut self, node: &Node) -> Option<Term> {
        let typed = self.term(node)?;
        match typed.kind {
            Type::Text | Type::Dynamic => Some(typed.term),
            kind => self.fail(&node.span, format!("a text is needed here, and this is {}", kind.described()), ""),
        }
    }

    fn pattern(&mut self, node: &Node) -> Option<Regex> {
        let NodeKind::Text(pattern) = &node.kind else {
            return self.fail(&node.span, "the pattern of matches must be written out", "write matches('^vip-')");
        };
        match RegexBuilder::new(pattern).size_limit(PATTERN_BYTES_MAX).build() {
            Ok(regex) => Some(regex),
            Err(regex::Error::CompiledTooBig(_)) => {
                self.fail(&node.span, "this pattern grows too large", "use smaller repetitions")
            }
            Err(error) => {
                // The last line says what is wrong; those before draw the pattern once more.
                let text = error.to_string();
                let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
                self.fail(&node.span, format!("this is not a regular expression: {reason}"), "")
            }
        }
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
            let help = super::diagnostic::suggest(id, self.world.segment_order.iter().map(String::as_str), "segments");
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
                let path = path.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(" → ");
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
        NodeKind::Integer(value) => Some((Scalar::Number(*value as f64), Type::Number)),
        NodeKind::Double(value) => Some((Scalar::Number(*value), Type::Number)),
        NodeKind::Text(value) => Some((Scalar::Text(Cow::Owned(value.clone())), Type::Text)),
        NodeKind::Negate(inner) => match literal(inner)? {
            (Scalar::Number(value), kind) => Some((Scalar::Number(-value), kind)),
            _ => None,
        },
        _ => None,
    }
}

fn is_condition(node: &Node) -> bool {
    use NodeKind::{And, Bool, Compare, Has, In, Method, Not, Or};
    matches!(node.kind, Bool(_) | Not(_) | And(_) | Or(_) | Compare(..) | In(..) | Has(_) | Method(..))
        || matches!(&node.kind, NodeKind::Call(name, ..) if name == "in_segment")
}

/// The comparison with its sides exchanged.
fn mirrored(op: Comparison) -> Comparison {
    match op {
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        same => same,
    }
}
