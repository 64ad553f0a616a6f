//! Functions over a window: `count`, `sum`, `min`, `max`, `avg`, `distinct`.

use std::ops::Range;

use strum::VariantNames;

use super::argument::FunctionArgument;
use crate::diagnostics::{join_quoted, nearest, shorten};
use crate::event::FieldId;
use crate::features::{
    PeriodDistinct, WindowCount, WindowDistinct, WindowMax, WindowMin, WindowNumericCount, WindowSum,
};
use crate::rules::compiler::{ConditionCompiler, TermType, TypedTerm};
use crate::rules::ruleset::{CalendarWindow, FeatureKind, Term, Window};
use crate::rules::syntax::{Expression, ExpressionKind, FunctionCall};

/// `count(E, W)`
pub(super) fn count(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    let [argument, window] = call.arguments.as_slice() else { return compiler.no_window(call) };
    let (subject, window) = (compiler.subject(argument), compiler.window(window));
    let subject = subject?;
    if !subject.property.is_empty() {
        let (written, event) = (subject.written(), &subject.event);
        let length = window.map_or_else(|| "7d".to_owned(), |window| window.to_string());
        let help = format!(
            "count({event}, '{length}') counts events; sum({written}, '{length}') adds up values, distinct({written}, '{length}') counts different ones"
        );
        return compiler.fail(&subject.span, "count takes an event, not a property of it", help);
    }
    let feature = compiler.feature(&subject.span, subject.name, WindowCount { window: window? })?;
    Some(TypedTerm::new(Term::Feature(feature), TermType::Number))
}

/// `sum(E.p, W)`
pub(super) fn sum(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    compiler.windowed(call, |field, window| WindowSum { field, window }.into())
}

/// `min(E.p, W)`
pub(super) fn min(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    compiler.windowed(call, |field, window| WindowMin { field, window }.into())
}

/// `max(E.p, W)`
pub(super) fn max(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    compiler.windowed(call, |field, window| WindowMax { field, window }.into())
}

/// `distinct(E.p, W)`
pub(super) fn distinct(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    let typed = compiler.windowed(call, |field, window| match window {
        Window::Calendar(window) if window.is_previous() => PeriodDistinct { field, window }.into(),
        window => WindowDistinct { field, window }.into(),
    })?;
    Some(TypedTerm { is_distinct: true, ..typed })
}

/// `avg(E.p, W)`
pub(super) fn avg(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    let (subject, field, window) = compiler.windowed_property(call)?;
    let sum = compiler.feature(&call.span, subject.name, WindowSum { field, window })?;
    let count = compiler.feature(&call.span, subject.name, WindowNumericCount { field, window })?;
    Some(TypedTerm::new(Term::Average { sum, count }, TermType::Number))
}

impl ConditionCompiler<'_, '_, '_> {
    fn windowed(&mut self, call: &FunctionCall, kind: fn(FieldId, Window) -> FeatureKind) -> Option<TypedTerm> {
        let (subject, field, window) = self.windowed_property(call)?;
        let feature = self.feature(&call.span, subject.name, kind(field, window))?;
        Some(TypedTerm::new(Term::Feature(feature), TermType::Number))
    }

    fn windowed_property(&mut self, call: &FunctionCall) -> Option<(FunctionArgument, FieldId, Window)> {
        let [argument, window] = call.arguments.as_slice() else { return self.no_window(call) };
        let subject = self.property_subject(&call.name, argument);
        let window = self.window(window);
        let ((subject, field), window) = (subject?, window?);
        self.outside_arrays(&call.name, &subject)?;
        Some((subject, field, window))
    }

    pub(super) fn window(&mut self, argument: &Expression) -> Option<Window> {
        match &argument.kind {
            ExpressionKind::Text(text) => match text.parse::<CalendarWindow>() {
                Ok(window) => Some(window.into()),
                Err(_) if text.starts_with(|first: char| first.is_ascii_alphabetic()) => {
                    self.misspelt_period(text, &argument.span)
                }
                Err(_) => self.time_literal(text, &argument.span).map(Window::new),
            },
            ExpressionKind::Name(name) if name.parse::<CalendarWindow>().is_ok() => {
                self.fail(&argument.span, "the window must be a literal in quotes", format!("write '{name}'"))
            }
            ExpressionKind::Mistake => None,
            ExpressionKind::Call(call) if call.name == "duration" => {
                self.fail(&argument.span, "a window is written without duration(…)", "write just '7d'")
            }
            _ => self.fail(&argument.span, "the window must be a literal in quotes", "write it like '7d'"),
        }
    }

    fn misspelt_period<T>(&mut self, text: &str, span: &Range<usize>) -> Option<T> {
        let help = match nearest(text, CalendarWindow::VARIANTS.iter().copied()) {
            Some(known) => format!("did you mean '{known}'?"),
            None => format!("write a length like '7d', or one of {}", join_quoted(CalendarWindow::VARIANTS)),
        };
        self.fail(span, format!("there is no window {}", shorten(text)), help)
    }

    /// Reports a call without the two arguments that it needs.
    fn no_window<T>(&mut self, call: &FunctionCall) -> Option<T> {
        let [subject] = call.arguments.as_slice() else { return self.wrong_arguments(call) };
        let name = &call.name;
        let written = subject.as_path().map_or("E".to_owned(), |path| path.written());
        let over_all = if matches!(name.as_str(), "count" | "sum") {
            format!("; over all time: total({written})")
        } else {
            String::new()
        };
        let help = format!("write {name}({written}, '7d'){over_all}");
        self.fail(&call.span, format!("{name} needs a window"), help)
    }
}
