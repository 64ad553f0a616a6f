//! Functions over all events of a user: `total`, `last`, `since`, `idle`, `age`.

use crate::features::{LastValue, LatestTime, TotalCount, TotalSum};
use crate::rules::compiler::{ConditionCompiler, TermType, TypedTerm};
use crate::rules::ruleset::{FeatureKind, Term};
use crate::rules::syntax::FunctionCall;

/// `total(E)`, `total(E.p)`
pub(super) fn total(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    let [argument] = call.arguments.as_slice() else { return compiler.wrong_arguments(call) };
    let subject = compiler.subject(argument)?;
    let kind = if subject.property.is_empty() {
        FeatureKind::from(TotalCount)
    } else {
        compiler.outside_arrays("total", &subject)?;
        TotalSum { field: compiler.property_field(&subject)? }.into()
    };
    let feature = compiler.feature(&call.span, subject.name, kind)?;
    Some(TypedTerm::new(Term::Feature(feature), TermType::Number))
}

/// `last(E.p)`
pub(super) fn last(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    let [argument] = call.arguments.as_slice() else { return compiler.wrong_arguments(call) };
    let (subject, field) = compiler.property_subject("last", argument)?;
    let feature = compiler.feature(&call.span, subject.name, LastValue { field })?;
    Some(TypedTerm::new(Term::Feature(feature), TermType::Dynamic))
}

/// `since(E)`
pub(super) fn since(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    let [argument] = call.arguments.as_slice() else { return compiler.wrong_arguments(call) };
    let subject = compiler.subject(argument)?;
    if !subject.property.is_empty() {
        let help = format!("write since({})", subject.event);
        return compiler.fail(&subject.span, "since takes an event, not a property of it", help);
    }
    let feature = compiler.feature(&call.span, subject.name, LatestTime)?;
    Some(TypedTerm::new(Term::Since(feature), TermType::Duration))
}

/// `idle()`
pub(super) fn idle(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    let [] = call.arguments.as_slice() else { return compiler.wrong_arguments(call) };
    Some(TypedTerm::new(Term::Idle, TermType::Duration))
}

/// `age()`
pub(super) fn age(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    let [] = call.arguments.as_slice() else { return compiler.wrong_arguments(call) };
    Some(TypedTerm::new(Term::Age, TermType::Duration))
}
