//! Functions over a user's whole history: `total`, `last`, `since`, `idle`, `age`.

use crate::rules::program::{FeatureKind, Term};
use crate::rules::scope::{Scope, Type, Typed};
use crate::rules::syntax::FunctionCall;

/// `total(E)`, `total(E.p)`
pub(super) fn total(scope: &mut Scope<'_, '_, '_>, call: &FunctionCall) -> Option<Typed> {
    let [argument] = call.arguments.as_slice() else { return scope.wrong_arguments(call) };
    let subject = scope.subject(argument)?;
    let kind = if subject.property.is_empty() {
        FeatureKind::TotalCount
    } else {
        scope.outside_arrays("total", &subject)?;
        FeatureKind::TotalSum(scope.property_field(&subject)?)
    };
    let feature = scope.feature(&call.span, subject.name, kind)?;
    Some(Typed::new(Term::Feature(feature), Type::Number))
}

/// `last(E.p)`
pub(super) fn last(scope: &mut Scope<'_, '_, '_>, call: &FunctionCall) -> Option<Typed> {
    let [argument] = call.arguments.as_slice() else { return scope.wrong_arguments(call) };
    let (subject, field) = scope.property_subject("last", argument)?;
    let feature = scope.feature(&call.span, subject.name, FeatureKind::LastValue(field))?;
    Some(Typed::new(Term::Feature(feature), Type::Dynamic))
}

/// `since(E)`
pub(super) fn since(scope: &mut Scope<'_, '_, '_>, call: &FunctionCall) -> Option<Typed> {
    let [argument] = call.arguments.as_slice() else { return scope.wrong_arguments(call) };
    let subject = scope.subject(argument)?;
    if !subject.property.is_empty() {
        let help = format!("write since({})", subject.event);
        return scope.fail(&subject.span, "since takes an event, not a property of it", help);
    }
    let feature = scope.feature(&call.span, subject.name, FeatureKind::LatestTime)?;
    Some(Typed::new(Term::Since(feature), Type::Duration))
}

/// `idle()`
pub(super) fn idle(scope: &mut Scope<'_, '_, '_>, call: &FunctionCall) -> Option<Typed> {
    let [] = call.arguments.as_slice() else { return scope.wrong_arguments(call) };
    Some(Typed::new(Term::Idle, Type::Duration))
}

/// `age()`
pub(super) fn age(scope: &mut Scope<'_, '_, '_>, call: &FunctionCall) -> Option<Typed> {
    let [] = call.arguments.as_slice() else { return scope.wrong_arguments(call) };
    Some(Typed::new(Term::Age, Type::Duration))
}
