//! Functions of segments and keys: `in_segment`, `keys_in`, `key`.

use super::only_text;
use crate::diagnostics::shorten;
use crate::rules::compiler::{ConditionCompiler, ConditionContext, MatchTermContext, TermType, TypedTerm};
use crate::rules::ruleset::{Condition, GroupId, PerId, SegmentId, Term};
use crate::rules::syntax::{Expression, FunctionCall};

/// The maximum number of segments of a cycle that a message lists.
const CIRCLE_SHOWN_MAX: usize = 12;

/// `in_segment('id')`
pub(super) fn in_segment(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    let (segment, argument) = compiler.segment_argument(call)?;
    let of = compiler.symbols.segment_pers.get(usize::from(segment.0)).copied().flatten();
    compiler.segment_of_same_group(segment, argument)?;
    if let Some(of) = of.filter(|of| compiler.symbols.per != Some(*of)) {
        let (id, per) = (compiler.symbols.segment_order[usize::from(segment.0)].clone(), compiler.per_id(of));
        let message = format!("segment `{id}` is about the keys of [per.{per}], not about users");
        let help = match compiler.symbols.per.is_some() || compiler.symbols.is_user_part {
            true => "a segment can read segments of its own `per`, and those of users".to_owned(),
            false => format!("count its keys: keys_in('{id}') >= 1"),
        };
        return compiler.fail(&argument.span, message, help);
    }
    let condition = Condition::InSegment(segment);
    Some(TypedTerm::new(Term::Condition(Box::new(condition)), TermType::Bool))
}

/// `keys_in('id')`
pub(super) fn keys_in(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    if compiler.symbols.per.is_some() || compiler.symbols.is_user_part {
        let message = "keys_in counts the keys of a user, and this condition is about one key";
        return compiler.fail(&call.name_span, message, "use in_segment('…') for this key, or a segment without `per`");
    }
    let (segment, argument) = compiler.segment_argument(call)?;
    compiler.segment_of_same_group(segment, argument)?;
    if compiler.symbols.segment_pers.get(usize::from(segment.0)).copied().flatten().is_none() {
        let id = compiler.symbols.segment_order[usize::from(segment.0)].clone();
        let help = format!("for the user itself, write in_segment('{id}')");
        return compiler.fail(&argument.span, format!("segment `{id}` has no `per`, and so no keys"), help);
    }
    Some(TypedTerm::new(Term::KeysIn(segment), TermType::Number))
}

/// `key()`
pub(super) fn key(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    let [] = call.arguments.as_slice() else { return compiler.wrong_arguments(call) };
    if compiler.symbols.per.is_none() && compiler.symbols.group.is_none() {
        let help = "use it in a segment with `per`, or in a campaign on such a segment";
        return compiler.fail(&call.span, "key() is the key of a [per.…], and there is none here", help);
    }
    Some(TypedTerm::new(Term::Key, TermType::Text))
}

/// `code()`
pub(super) fn code(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    let [] = call.arguments.as_slice() else { return compiler.wrong_arguments(call) };
    match compiler.context {
        ConditionContext::OfMatch(MatchTermContext { has_code: true, .. }) => {
            Some(TypedTerm::new(Term::CouponCode, TermType::Text))
        }
        _ => {
            let help = "it is for `settle` of a campaign with a coupon: when = \"event.coupon == code()\"";
            compiler.fail(&call.span, "code() is the code of a coupon, and there is none here", help)
        }
    }
}

impl ConditionCompiler<'_, '_, '_> {
    /// The only argument of a call: a segment, above the one that is being compiled.
    fn segment_argument<'c>(&mut self, call: &'c FunctionCall) -> Option<(SegmentId, &'c Expression)> {
        let name = call.name.as_str();
        let help = format!("write {name}('dormant')");
        let [argument] = call.arguments.as_slice() else {
            return self.fail(&call.span, format!("{name} takes one segment's id"), help);
        };
        let id = only_text(self, argument, "the argument must be the id of a segment in quotes", &help)?;
        if let Some(key) = self.context.event_key() {
            let message = format!("`{key}` sees the event and the traits, not segments");
            return self.fail(&call.name_span, message, "use it in `when` or `if`");
        }
        let Some(&segment) = self.symbols.segments.get(id) else {
            let help = self.problems.suggest(id, self.symbols.segment_order.iter().map(String::as_str), "segments");
            self.problems.add_missing(&argument.span, format!("there is no segment {}", shorten(id)), help);
            return None;
        };
        if let ConditionContext::When(this) = self.context {
            if segment == this {
                let message = format!("segment `{id}` refers to itself");
                return self.fail(&argument.span, message, "a segment can only refer to segments above it");
            }
            if segment > this {
                return self.forward_reference(this, segment, argument);
            }
        }
        Some((SegmentId(u16::try_from(segment).ok()?), argument))
    }

    /// Refuses a segment of groups where users are asked about, and any other where a group is.
    fn segment_of_same_group(&mut self, segment: SegmentId, argument: &Expression) -> Option<()> {
        let of = self.symbols.segment_groups.get(usize::from(segment.0)).copied().flatten();
        let asked = self.symbols.group;
        if of == asked {
            return Some(());
        }
        let id = self.symbols.segment_order[usize::from(segment.0)].clone();
        let group_id = |group: GroupId| self.symbols.group_order[usize::from(group.0)].clone();
        let (message, help) = match (of, asked) {
            (Some(of), None) => (
                format!("segment `{id}` is about the groups of [groups.{}], not about users", group_id(of)),
                "let the group tell its users: a name of [events] with `of`, `on` and `to`".to_owned(),
            ),
            (_, Some(asked)) => (
                format!("segment `{id}` is not about the groups of [groups.{}]", group_id(asked)),
                format!("a group's segment can read segments with the same `of`: of = \"{}\"", group_id(asked)),
            ),
            (None, None) => return Some(()),
        };
        self.fail(&argument.span, message, help)
    }

    fn per_id(&self, per: PerId) -> &str {
        &self.symbols.per_order[usize::from(per.0)]
    }

    /// Reports that one segment refers to another that is defined below it.
    fn forward_reference<T>(&mut self, this: usize, segment: usize, argument: &Expression) -> Option<T> {
        let id = &self.symbols.segment_order[segment];
        let (message, help) = match self.symbols.cycle(this, segment) {
            Some(path) => {
                let mut shown: Vec<String> = path.iter().map(|id| format!("`{id}`")).collect();
                if shown.len() > CIRCLE_SHOWN_MAX {
                    shown.splice(CIRCLE_SHOWN_MAX - 2..shown.len() - 1, ["…".to_owned()]);
                }
                let path = shown.join(" → ");
                (
                    format!("these segments refer to each other in a circle: {path}"),
                    "remove one of the in_segment calls".to_owned(),
                )
            }
            None => {
                let this = &self.symbols.segment_order[this];
                (format!("segment `{id}` is defined below `{this}`"), format!("move `{id}` above `{this}`"))
            }
        };
        self.fail(&argument.span, message, help)
    }
}
