//! Functions of dates and of the user's local time: `until`, `anniversary`, `hour`, `weekday`.

use crate::rules::compiler::{ConditionCompiler, ConditionContext, TermType, TypedTerm};
use crate::rules::ruleset::{Condition, Term};
use crate::rules::syntax::{ExpressionKind, FunctionCall};
use crate::time::WrittenTime;

/// `until(x)`
pub(super) fn until(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    let date = compiler.date(call)?;
    Some(TypedTerm::new(Term::Until(Box::new(date)), TermType::Duration))
}

/// `anniversary(x)`
pub(super) fn anniversary(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    let date = compiler.date(call)?;
    Some(TypedTerm::new(Term::Condition(Box::new(Condition::Anniversary(date))), TermType::Bool))
}

/// `hour()`
pub(super) fn hour(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    compiler.local_time(call, Term::LocalHour)
}

/// `weekday()`
pub(super) fn weekday(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    compiler.local_time(call, Term::LocalWeekday)
}

impl ConditionCompiler<'_, '_, '_> {
    /// The argument of `until` and `anniversary`: a text of a trait or an event.
    fn date(&mut self, call: &FunctionCall) -> Option<Term> {
        let name = &call.name;
        if let Some(key) = self.context.event_key() {
            let message = format!("`{key}` sees only one event and the traits, but {name}() asks about the present");
            return self.fail(&call.name_span, message, "use it in a segment's `when` or a campaign's `if`");
        }
        let [argument] = call.arguments.as_slice() else { return self.wrong_arguments(call) };
        let help = format!("write {name}(traits.name), {name}(last(order.name)) or {name}(first(order.name))");
        if let ExpressionKind::Text(text) = &argument.kind {
            let message = match WrittenTime::parse(text) {
                Some(_) => format!("{name}(…) asks about a date of a trait or an event, not one written out"),
                None => format!("'{text}' is no date, and {name}(…) asks about one of a trait or an event"),
            };
            return self.fail(&argument.span, message, help);
        }
        let typed = self.term(argument)?;
        if typed.kind == TermType::Dynamic {
            return Some(typed.term);
        }
        let message = format!("{name}(…) needs a date of a trait or an event, but this is {}", typed.kind.described());
        self.fail(&argument.span, message, help)
    }

    fn local_time(&mut self, call: &FunctionCall, term: Term) -> Option<TypedTerm> {
        let name = &call.name;
        let key = match self.context {
            ConditionContext::When(_) => Some("when"),
            ConditionContext::Taking(key) => Some(key),
            other => other.event_key(),
        };
        if let Some(key) = key {
            let message = format!("{name}() is asked when a campaign is decided, not in `{key}`");
            let help = format!("use it in a campaign's `if` or `payload_from`: if = \"{name}() < 5\"");
            return self.fail(&call.name_span, message, help);
        }
        if !call.arguments.is_empty() {
            return self.wrong_arguments(call);
        }
        self.symbols.reads_local_time = true;
        Some(TypedTerm::new(term, TermType::Number))
    }
}
