//! `in_segment`.

use super::only_text;
use crate::rules::diagnostic::shorten;
use crate::rules::program::{Condition, SegmentId, Term};
use crate::rules::scope::{Place, Scope, Type, Typed};
use crate::rules::syntax::{Expression, FunctionCall};

/// Of a circle of segments no more are named.
const CIRCLE_SHOWN_MAX: usize = 12;

/// `in_segment('id')`
pub(super) fn in_segment(scope: &mut Scope<'_, '_, '_>, call: &FunctionCall) -> Option<Typed> {
    let help = "write in_segment('dormant')";
    let [argument] = call.arguments.as_slice() else {
        return scope.fail(&call.span, "in_segment takes one segment's id", help);
    };
    let id = only_text(scope, argument, "the segment must be named by its id in quotes", help)?;
    if scope.place == Place::Where {
        let message = "`where` sees the event and the traits, not segments";
        return scope.fail(&call.name_span, message, "use it in `when` or `if`");
    }
    let Some(&segment) = scope.world.segments.get(id) else {
        let help = scope.problems.suggest(id, scope.world.segment_order.iter().map(String::as_str), "segments");
        scope.problems.add_missing(&argument.span, format!("there is no segment {}", shorten(id)), help);
        return None;
    };
    if let Place::When(this) = scope.place {
        if segment == this {
            let message = format!("segment `{id}` asks for itself");
            return scope.fail(&argument.span, message, "a segment sees only those above it");
        }
        if segment > this {
            return scope.forward_reference(this, segment, argument);
        }
    }
    let condition = Condition::InSegment(SegmentId(u16::try_from(segment).ok()?));
    Some(Typed::new(Term::Condition(Box::new(condition)), Type::Bool))
}

impl Scope<'_, '_, '_> {
    /// Reports that one segment refers to another that is defined below it.
    fn forward_reference<T>(&mut self, this: usize, segment: usize, argument: &Expression) -> Option<T> {
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
                    "remove one of the in_segment calls".to_owned(),
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
