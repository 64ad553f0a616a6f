//! Functions of given values: `duration`, `number`, `has`.

use std::ops::Range;

use super::only_text;
use crate::document;
use crate::rules::compiler::{ConditionCompiler, TermType, TypedTerm};
use crate::rules::ruleset::{Condition, Term};
use crate::rules::syntax::{ExpressionKind, FunctionCall};
use crate::time::Span;

/// Functions whose values may be missing, and can be tested for.
const RANK_FUNCTIONS: [&str; 3] = ["rank", "quantile", "ranked"];

/// `duration('45m')`
pub(super) fn duration(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    let [argument] = call.arguments.as_slice() else { return compiler.wrong_arguments(call) };
    let message = "the duration must be a literal in quotes";
    let text = only_text(compiler, argument, message, "write duration('45m')")?;
    // Unlike a window, a duration that something is compared with may be zero.
    let span = match Span::parse(text) {
        Ok(span) if span.0 == 0 => span,
        _ => compiler.time_literal(text, &argument.span)?,
    };
    Some(TypedTerm::new(Term::Duration(span), TermType::Duration))
}

/// `number(x)`. The argument can be a number too.
pub(super) fn number(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    let [argument] = call.arguments.as_slice() else { return compiler.wrong_arguments(call) };
    if let Some(path) = argument.as_path()
        && compiler.context.event_key().is_none()
        && compiler.triggering_match(path.root).is_none()
        && compiler.symbols.names.contains_key(path.root)
    {
        let written = path.written();
        let help = format!("number(last({written})) reads the latest of them; in `where`, number(properties.…)");
        return compiler.fail(&argument.span, format!("`{written}` has many values, one per event"), help);
    }
    let typed = compiler.term(argument)?;
    match typed.kind {
        // So that what moves with time is one function under arithmetic.
        TermType::Number if typed.motion.is_any() => Some(typed),
        TermType::Number | TermType::Text | TermType::Dynamic => {
            Some(TypedTerm::new(Term::Number(Box::new(typed.term)), TermType::Number))
        }
        kind => compiler.fail(&argument.span, format!("number(…) needs a text, but this is {}", kind.described()), ""),
    }
}

/// `has(traits.x)`, `has(rank('spend'))`; in `where` also `has(properties.x)` and `has(context.x)`.
pub(super) fn has(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    let [argument] = call.arguments.as_slice() else { return compiler.wrong_arguments(call) };
    match &argument.kind {
        ExpressionKind::Field(..) => {}
        ExpressionKind::Call(call) if RANK_FUNCTIONS.contains(&call.name.as_str()) => {}
        ExpressionKind::Mistake => return None,
        _ => {
            let message = "has(…) tests whether a trait, a property or a context field is there";
            let help = "write has(traits.name); in `where`, also has(properties.name) and has(context.name); in a campaign on an \
                        event, has(event.name)";
            return compiler.fail(&argument.span, message, help);
        }
    }
    let is_event = argument.as_path().is_some_and(|path| {
        compiler.symbols.names.contains_key(path.root) && compiler.triggering_match(path.root).is_none()
    });
    if is_event && compiler.context.event_key().is_none() {
        let help = "test for such an event with total(E) > 0, for its latest value with last(E.p) == …";
        return compiler.fail(&argument.span, "has(…) cannot test past events", help);
    }
    let typed = compiler.term(argument)?;
    Some(TypedTerm::new(Term::Condition(Box::new(Condition::Has(typed.term))), TermType::Bool))
}

impl ConditionCompiler<'_, '_, '_> {
    /// A length of time above zero, as the rules write it.
    pub(super) fn time_literal(&mut self, text: &str, span: &Range<usize>) -> Option<Span> {
        match document::duration(text) {
            Ok(length) => Some(length),
            Err(advice) => self.fail(span, advice.message, advice.help),
        }
    }
}
