//! What is nearest to change a segment: what lacks, or what could end it, in a sentence.

use super::numbers::grouped;
use super::outlook::{SegmentOutlook, SufficientEvents};
use crate::decimal::Decimal;
use crate::engine::evaluate::EvaluationContext;
use crate::engine::explained_condition::ConditionExplanation;
use crate::features::FeatureKind;
use crate::rules::notation;
use crate::rules::ruleset::{Condition, FeatureSource, Ruleset, Term, TransitionKind};
use crate::time::{Span, Timestamp};
use crate::value::{Comparison, Value};

/// The conditions that would have to change, all of them, for a segment to change: the fewest that do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearestChange {
    /// Each of them.
    pub clauses: Vec<ClauseDistance>,
    /// All that is known of it, in a sentence.
    pub sentence: String,
}

/// How far a condition is from changing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClauseDistance {
    /// The condition, as the rules write it.
    pub text: String,
    /// Whether it holds.
    pub holds: bool,
    /// How far it is: `2 of 3 view within 30m`, `41m too early`.
    pub distance: String,
    /// When time alone changes it at the earliest; `None`: it does not.
    pub until: Option<Timestamp>,
}

impl NearestChange {
    pub(super) fn new(
        scope: &EvaluationContext<'_>,
        condition: &Condition,
        explained: &ConditionExplanation,
        next: Option<&SegmentOutlook>,
        sufficient: &[SufficientEvents],
    ) -> NearestChange {
        let mut leaves = Vec::new();
        each_leaf(condition, explained, &mut |leaf, of| leaves.push((leaf, of)));
        let clauses = explained.deciding().into_iter().filter_map(|deciding| {
            let (leaf, _) = leaves.iter().find(|(_, of)| std::ptr::eq(*of, deciding))?;
            Some(ClauseDistance {
                text: deciding.text.clone(),
                holds: deciding.holds,
                distance: distance(scope, leaf, deciding),
                until: deciding.until,
            })
        });
        let clauses: Vec<ClauseDistance> = clauses.collect();
        let sentence = sentence(&clauses, explained.holds, next, sufficient);
        NearestChange { clauses, sentence }
    }
}

/// Calls `see` with each condition without parts and its explanation.
fn each_leaf<'c, 'e>(
    condition: &'c Condition,
    explained: &'e ConditionExplanation,
    see: &mut dyn FnMut(&'c Condition, &'e ConditionExplanation),
) {
    let parts: &[Condition] = match condition {
        Condition::Not(inner) => std::slice::from_ref(&**inner),
        Condition::All(parts) | Condition::Any(parts) => parts,
        leaf => return see(leaf, explained),
    };
    parts.iter().zip(&explained.parts).for_each(|(part, explained)| each_leaf(part, explained, see));
}

fn sentence(
    clauses: &[ClauseDistance],
    is_in: bool,
    next: Option<&SegmentOutlook>,
    sufficient: &[SufficientEvents],
) -> String {
    let mut parts: Vec<String> = Vec::new();
    if !is_in || (next.is_none() && sufficient.is_empty()) {
        parts.extend(clauses.iter().map(|clause| clause.distance.clone()));
    }
    parts.push(match next {
        Some(SegmentOutlook { at, change: TransitionKind::Enter }) => format!("enters at {at} if nothing happens"),
        Some(SegmentOutlook { at, change: TransitionKind::Exit }) => format!("leaves at {at} if nothing happens"),
        None => "stays so for 400 days if nothing happens".to_owned(),
    });
    let effect = if is_in { "would end it" } else { "would be enough" };
    let mut counts: Vec<usize> = sufficient.iter().map(|events| events.count).collect();
    counts.sort_unstable();
    counts.dedup();
    for count in counts {
        let of_count = sufficient.iter().filter(|events| events.count == count);
        let names = one_of(&of_count.map(|events| format!("`{}`", events.name)).collect::<Vec<_>>());
        parts.push(match count {
            1 => format!("one {names} {effect}"),
            count => format!("{count} {names} at once {effect}"),
        });
    }
    parts.join("; ")
}

/// `a, b or 3 others`
fn one_of(names: &[String]) -> String {
    const NAMED_MAX: usize = 3;
    let (named, others) = names.split_at(names.len().min(NAMED_MAX));
    match (named, others.len()) {
        ([], _) => String::new(),
        ([only], 0) => only.clone(),
        ([first @ .., last], 0) => format!("{} or {last}", first.join(", ")),
        (named, 1) => format!("{} or {}", named.join(", "), others[0]),
        (named, others) => format!("{} or any of {others} others", named.join(", ")),
    }
}

/// In its two largest units: `12d15h`.
fn about(span: i64) -> String {
    let unit = match span.unsigned_abs() {
        86_400_000.. => 3_600_000,
        3_600_000.. => 60_000,
        60_000.. => 1_000,
        _ => 1,
    };
    Span(span / unit * unit).to_string()
}

fn distance(scope: &EvaluationContext<'_>, leaf: &Condition, explained: &ConditionExplanation) -> String {
    let shown = explained.operands.iter().map(|operand| format!("{} is {}", operand.text, operand.shown));
    let shown = Some(shown.collect::<Vec<_>>().join(", ")).filter(|shown| !shown.is_empty());
    let plain = || match (explained.holds, &shown) {
        (true, _) => format!("{} holds", explained.text),
        (false, Some(shown)) => format!("{} does not hold: {shown}", explained.text),
        (false, None) => format!("{} does not hold", explained.text),
    };
    match leaf {
        Condition::Compare { op, left, right } => compared(scope, explained.holds, *op, left, right)
            .or_else(|| compared(scope, explained.holds, op.mirrored(), right, left))
            .unwrap_or_else(plain),
        Condition::InSegment(segment) => {
            let id = &scope.rules.segments[usize::from(segment.0)].id;
            if explained.holds { format!("in segment {id}") } else { format!("not in segment {id}") }
        }
        Condition::Has(term) if !explained.holds => format!("{} is missing", notation::term(scope.rules, term)),
        _ => plain(),
    }
}

/// A term compared with what is written in the rules.
fn compared(scope: &EvaluationContext<'_>, holds: bool, op: Comparison, term: &Term, limit: &Term) -> Option<String> {
    if !matches!(limit, Term::Constant(_) | Term::Duration(_)) {
        return None;
    }
    let (value, limit) = (scope.value(term), scope.value(limit));
    let text = notation::term(scope.rules, term);
    let counted = counted(scope.rules, term);
    let event = event_of(scope.rules, term);
    let is_floor = matches!(op, Comparison::GreaterOrEqual | Comparison::Greater);
    let is_ceiling = matches!(op, Comparison::LessOrEqual | Comparison::Less);
    match (value, limit) {
        (Value::Missing, _) => Some(format!("{text} is missing")),
        (Value::Forever, _) => Some(match event {
            Some(event) if !holds => format!("there was no `{event}` yet"),
            _ => format!("{text} has no end"),
        }),
        (Value::Span(value), Value::Span(limit)) if !holds && is_floor => {
            Some(format!("{} too early ({text} is {} of {})", about(limit - value), about(value), Span(limit)))
        }
        (Value::Span(value), Value::Span(limit)) if !holds && is_ceiling => {
            let over = about(value - limit);
            Some(format!("{over} too late ({text} is {}, and {} is the limit)", about(value), Span(limit)))
        }
        (Value::Number(value), Value::Number(limit)) => {
            let number = |of: Decimal| grouped(&of);
            Some(match (&counted, holds) {
                (Some(what), false) if is_floor => {
                    let more = if op == Comparison::Greater { "more than " } else { "" };
                    format!("{} of {more}{} {what}", number(value), number(limit))
                }
                (Some(what), false) if is_ceiling => {
                    format!("{} {what}, too many by the limit of {}", number(value), number(limit))
                }
                (Some(what), false) if op == Comparison::Equal && limit == Decimal::ZERO => {
                    format!("{} {what}, where none may be", number(value))
                }
                (Some(what), false) if op == Comparison::Equal => {
                    format!("{} {what}, and {} is asked for", number(value), number(limit))
                }
                (Some(what), _) => format!("{} {what}", number(value)),
                (None, false) if is_floor => {
                    let missing = limit.minus(value).map(number)?;
                    format!("{text} is {} of {}, {missing} too little", number(value), number(limit))
                }
                (None, false) if is_ceiling => {
                    let excess = value.minus(limit).map(number)?;
                    format!("{text} is {}, {excess} too much for the limit of {}", number(value), number(limit))
                }
                (None, false) => format!("{text} is {}, and {} is asked for", number(value), number(limit)),
                (None, true) => format!("{text} is {}", number(value)),
            })
        }
        (value, limit) if !holds && op == Comparison::Equal => {
            Some(format!("{text} is {}, and {} is asked for", value.to_json(), limit.to_json()))
        }
        _ => None,
    }
}

/// What a term counts: `` `view` within 30m ``.
fn counted(rules: &Ruleset, term: &Term) -> Option<String> {
    let Term::Feature(id) = term else { return None };
    let feature = &rules.features[usize::from(id.0)];
    let FeatureSource::Matches(name) = feature.source else { return None };
    let name = &rules.names[usize::from(name.0)].id;
    let window = feature.kind.window().map(|window| window.to_string());
    match feature.kind {
        FeatureKind::WindowCount(_) => {
            let window = window?;
            let is_length = window.starts_with(|first: char| first.is_ascii_digit());
            Some(if is_length { format!("`{name}` within {window}") } else { format!("`{name}` in {window}") })
        }
        FeatureKind::TotalCount(_) => Some(format!("`{name}`")),
        _ => None,
    }
}

/// The event whose time a term asks for.
fn event_of<'r>(rules: &'r Ruleset, term: &Term) -> Option<&'r str> {
    let Term::Since(id) = term else { return None };
    let FeatureSource::Matches(name) = rules.features[usize::from(id.0)].source else { return None };
    Some(&rules.names[usize::from(name.0)].id)
}
