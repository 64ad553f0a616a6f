//! Functions over all events of a user: `total`, `last`, `first`, `since`, `gap`, `usual_gap`, `days`, `streak`, `followed`,
//! `idle`, `age`.

use std::ops::Range;

use super::argument::FunctionArgument;
use super::only_text;
use crate::features::{
    DAYS_MAX, DayCount, DayStreak, FirstValue, FollowedCount, LastValue, LatestGap, LatestTime, TotalCount, TotalSum,
    UsualGap,
};
use crate::rules::compiler::{ConditionCompiler, TermType, TypedTerm};
use crate::rules::ruleset::{CalendarWindow, Feature, FeatureId, FeatureKind, FeatureSource, Term};
use crate::rules::syntax::{Expression, ExpressionKind, FunctionCall};
use crate::time::Span;

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

/// `first(E.p)`
pub(super) fn first(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    let [argument] = call.arguments.as_slice() else { return compiler.wrong_arguments(call) };
    let (subject, field) = compiler.property_subject("first", argument)?;
    let feature = compiler.feature(&call.span, subject.name, FirstValue { field })?;
    Some(TypedTerm::new(Term::Feature(feature), TermType::Dynamic))
}

/// `since(E)`
pub(super) fn since(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    let feature = compiler.of_events(call, LatestTime)?;
    Some(TypedTerm::new(Term::Since(feature), TermType::Duration))
}

/// `gap(E)`
pub(super) fn gap(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    let feature = compiler.of_events(call, LatestGap)?;
    Some(TypedTerm::new(Term::Feature(feature), TermType::Duration))
}

/// `usual_gap(E)`
pub(super) fn usual_gap(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    let feature = compiler.of_events(call, UsualGap)?;
    Some(TypedTerm::new(Term::Feature(feature), TermType::Duration))
}

/// `streak(E)`
pub(super) fn streak(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    let feature = compiler.of_events(call, DayStreak)?;
    Some(TypedTerm::new(Term::Feature(feature), TermType::Number))
}

/// `days(E, n)`
pub(super) fn days(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    let [argument, days] = call.arguments.as_slice() else { return compiler.wrong_arguments(call) };
    let (subject, days) = (compiler.event_subject(call, argument), compiler.number_of_days(days));
    let (subject, days) = (subject?, days?);
    let feature = compiler.feature(&call.span, subject.name, DayCount { days })?;
    Some(TypedTerm::new(Term::Feature(feature), TermType::Number))
}

/// `followed(A, B, W)`
pub(super) fn followed(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    let [first, second, within] = call.arguments.as_slice() else { return compiler.wrong_arguments(call) };
    let (first, second) = (compiler.event_subject(call, first), compiler.event_subject(call, second));
    let help = "write followed(view, order, '1h')";
    let within = only_text(compiler, within, "the length of time must be a literal in quotes", help)
        .and_then(|text| compiler.length_of_time(text, &call.arguments[2].span));
    let (first, second, within) = (first?, second?, within?);
    let (source, second) = (FeatureSource::Matches(first.name), Some(second.name));
    let feature = Feature {
        per: compiler.symbols.per,
        group: compiler.symbols.group,
        source,
        second,
        kind: FollowedCount { within }.into(),
    };
    let feature = compiler.add_feature(&call.span, feature)?;
    Some(TypedTerm::new(Term::Feature(feature), TermType::Number))
}

/// `idle()`
pub(super) fn idle(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    let [] = call.arguments.as_slice() else { return compiler.wrong_arguments(call) };
    let term = if compiler.symbols.per.is_some() { Term::InstanceIdle } else { Term::Idle };
    Some(TypedTerm::new(term, TermType::Duration))
}

/// `age()`
pub(super) fn age(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    let [] = call.arguments.as_slice() else { return compiler.wrong_arguments(call) };
    let term = if compiler.symbols.per.is_some() { Term::InstanceAge } else { Term::Age };
    Some(TypedTerm::new(term, TermType::Duration))
}

impl ConditionCompiler<'_, '_, '_> {
    /// A feature of the events that are the only argument.
    fn of_events(&mut self, call: &FunctionCall, kind: impl Into<FeatureKind>) -> Option<FeatureId> {
        let [argument] = call.arguments.as_slice() else { return self.wrong_arguments(call) };
        let subject = self.event_subject(call, argument)?;
        self.feature(&call.span, subject.name, kind)
    }

    /// An argument that must be an event, not a property of it.
    fn event_subject(&mut self, call: &FunctionCall, argument: &Expression) -> Option<FunctionArgument> {
        let subject = self.subject(argument)?;
        if subject.property.is_empty() {
            return Some(subject);
        }
        let message = format!("{} takes an event, not a property of it", call.name);
        let (name, event) = (&call.name, &subject.event);
        let help =
            if call.arguments.len() == 1 { format!("write {name}({event})") } else { format!("write just {event}") };
        self.fail(&subject.span, message, help)
    }

    /// A whole number of days, as the rules write it.
    fn number_of_days(&mut self, argument: &Expression) -> Option<u16> {
        let days = match &argument.kind {
            ExpressionKind::Mistake => return None,
            ExpressionKind::Number(number) => number.to_string().parse::<u16>().ok(),
            _ => None,
        };
        let days = days.filter(|days| (1..=DAYS_MAX).contains(days));
        if days.is_none() {
            let help = "write it like days(order, 30)";
            return self.fail(&argument.span, "the number of days must be a whole number from 1 to 366", help);
        }
        days
    }

    /// A length of time; a window of the calendar is none.
    pub(super) fn length_of_time(&mut self, text: &str, span: &Range<usize>) -> Option<Span> {
        if text.parse::<CalendarWindow>().is_ok() {
            let help = "write it like '1h'; windows of the calendar are for count, sum and their like";
            return self.fail(span, format!("'{text}' is no length of time"), help);
        }
        self.time_literal(text, span)
    }
}
