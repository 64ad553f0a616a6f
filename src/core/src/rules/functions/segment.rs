//! `in_segment`.

use super::only_text;
use crate::diagnostics::shorten;
use crate::rules::compiler::{ConditionCompiler, ConditionContext, TermType, TypedTerm};
use crate::rules::ruleset::{Condition, SegmentId, Term};
use crate::rules::syntax::{Expression, FunctionCall};

/// The maximum number of segments of a cycle that a message lists.
const CIRCLE_SHOWN_MAX: usize = 12;

/// `in_segment('id')`
pub(super) fn in_segment(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    let help = "write in_segment('dormant')";
    let [argument] = call.arguments.as_slice() else {
        return compiler.fail(&call.span, "in_segment takes one segment's id", help);
    };
    let id = only_text(compiler, argument, "the argument must be the id of a segment in quotes", help)?;
    if let Some(key) = compiler.context.event_key() {
        let message = format!("`{key}` sees the event and the traits, not segments");
        return compiler.fail(&call.name_span, message, "use it in `when` or `if`");
    }
    let Some(&segment) = compiler.symbols.segments.get(id) else {
        let help = compiler.problems.suggest(id, compiler.symbols.segment_order.iter().map(String::as_str), "segments");
        compiler.problems.add_missing(&argument.span, format!("there is no segment {}", shorten(id)), help);
        return None;
    };
    if let ConditionContext::When(this) = compiler.context {
        if segment == this {
            let message = format!("segment `{id}` refers to itself");
            return compiler.fail(&argument.span, message, "a segment can only refer to segments above it");
        }
        if segment > this {
            return compiler.forward_reference(this, segment, argument);
        }
    }
    let condition = Condition::InSegment(SegmentId(u16::try_from(segment).ok()?));
    Some(TypedTerm::new(Term::Condition(Box::new(condition)), TermType::Bool))
}

impl ConditionCompiler<'_, '_, '_> {
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
