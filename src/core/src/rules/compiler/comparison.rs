//! Compiles comparisons: which values can be compared with which.

use std::ops::Range;

use super::{ConditionCompiler, TermType, TypedTerm};
use crate::decimal::Decimal;
use crate::event::Scalar;
use crate::rules::ruleset::{Comparison, Condition, Term};
use crate::rules::syntax::{Expression, ExpressionKind};
use crate::time::Span;

/// Up to here `distinct` counts exactly; beyond, it reads this.
const DISTINCT_EXACT: Decimal = Decimal::from_millionths(1_000_000_000);

impl ConditionCompiler<'_, '_, '_> {
    pub(super) fn compare(
        &mut self,
        op: Comparison,
        left: &Expression,
        right: &Expression,
        span: &Range<usize>,
    ) -> Option<Condition> {
        if let Some(other) =
            [(left, right), (right, left)].iter().find(|(side, _)| matches!(side.kind, ExpressionKind::Null))
        {
            self.term(other.1);
            let help =
                "test with has(traits.name) whether a value is there, with !has(traits.name) whether it is missing";
            return self.fail(span, "a value cannot be compared with null", help);
        }
        if matches!(left.kind, ExpressionKind::Compare(..)) && !is_condition(right) {
            let help = "write both comparisons out: 1 < x && x < 5";
            return self.fail(span, "comparisons cannot be chained", help);
        }
        let (left_typed, right_typed) = (self.term(left), self.term(right));
        let (left_typed, right_typed) = (left_typed?, right_typed?);
        self.check_types(op, (&left_typed, left), (&right_typed, right), span)?;
        self.check_distinct(op, &left_typed, &right_typed, span)?;
        let (left, right) = self.comparable_sides(left_typed, right_typed, span)?;
        Some(Condition::Compare { op, left, right })
    }

    fn check_types(
        &mut self,
        op: Comparison,
        (left, left_node): (&TypedTerm, &Expression),
        (right, right_node): (&TypedTerm, &Expression),
        span: &Range<usize>,
    ) -> Option<()> {
        let ordering = !matches!(op, Comparison::Equal | Comparison::NotEqual);
        match (left.kind, right.kind) {
            (TermType::Bool, TermType::Bool | TermType::Dynamic) | (TermType::Dynamic, TermType::Bool) if ordering => {
                self.fail(span, "true and false have no order", "compare them with == or !=")
            }
            (TermType::Duration, TermType::Duration) => Some(()),
            (TermType::Duration, kind) => self.duration_beside(kind, right_node),
            (kind, TermType::Duration) => self.duration_beside(kind, left_node),
            (a, b) if a == b || a == TermType::Dynamic || b == TermType::Dynamic => Some(()),
            (a, b) => {
                let message = format!("{} is compared with {}", a.described(), b.described());
                let help = match (&left_node.kind, &right_node.kind) {
                    (ExpressionKind::Text(text), _) | (_, ExpressionKind::Text(text))
                        if text.parse::<f64>().is_ok() =>
                    {
                        format!("numbers are written without quotes: {text}")
                    }
                    _ => "they are never equal".to_owned(),
                };
                self.fail(span, message, help)
            }
        }
    }

    /// A duration compared with what is none: the mistake is on the other side.
    fn duration_beside(&mut self, kind: TermType, node: &Expression) -> Option<()> {
        let message = format!("a duration is compared with {}", kind.described());
        let help = match &node.kind {
            ExpressionKind::Text(text) if Span::parse(text).is_ok() => format!("write duration('{text}')"),
            ExpressionKind::Number(number) if *number >= Decimal::ZERO && is_whole(*number) => {
                format!("give {number} a unit: duration('{number}m'), duration('{number}d')")
            }
            _ if kind == TermType::Dynamic => "no trait or property is a duration; write duration('30m')".to_owned(),
            _ => "write the time as duration('30m')".to_owned(),
        };
        self.fail(&node.span, message, help)
    }

    fn check_distinct(
        &mut self,
        op: Comparison,
        left: &TypedTerm,
        right: &TypedTerm,
        span: &Range<usize>,
    ) -> Option<()> {
        let (literal, op) = match (left.is_distinct, right.is_distinct) {
            (true, false) => (&right.term, op),
            (false, true) => (&left.term, mirrored(op)),
            _ => return Some(()),
        };
        let Term::Constant(Scalar::Number(limit)) = *literal else { return Some(()) };
        // At 1,000 itself these two would tell 1,000 from 1,001.
        let at_the_edge = limit == DISTINCT_EXACT && matches!(op, Comparison::Greater | Comparison::LessOrEqual);
        if limit > DISTINCT_EXACT || at_the_edge {
            let help = "compare it with at most 1000, as in distinct(…) >= 1000";
            return self.fail(span, "distinct(…) is exact up to 1,000 only; above that it is 1,000", help);
        }
        Some(())
    }
}

fn is_whole(number: Decimal) -> bool {
    number.millionths() % 1_000_000 == 0
}

fn is_condition(node: &Expression) -> bool {
    use ExpressionKind::{And, Bool, Call, Compare, In, MethodCall, Mistake, Not, Or};
    match &node.kind {
        Bool(_) | Not(_) | And(_) | Or(_) | Compare(..) | In(..) | MethodCall(..) | Mistake => true,
        Call(call) => matches!(call.name.as_str(), "has" | "in_segment" | "consent"),
        _ => false,
    }
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
