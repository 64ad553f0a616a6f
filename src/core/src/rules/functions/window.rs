//! Functions over a window: `count`, `sum`, `min`, `max`, `avg`, `distinct`.

use super::argument::Subject;
use crate::event::FieldId;
use crate::rules::program::{FeatureKind, Term, Window};
use crate::rules::scope::{Scope, Type, Typed};
use crate::rules::syntax::{Expression, ExpressionKind, FunctionCall};
use crate::time::Span;

/// `count(E, W)`
pub(super) fn count(scope: &mut Scope<'_, '_, '_>, call: &FunctionCall) -> Option<Typed> {
    let [argument, window] = call.arguments.as_slice() else { return scope.no_window(call) };
    let (subject, window) = (scope.subject(argument), scope.window(window));
    let subject = subject?;
    if !subject.property.is_empty() {
        let (written, event) = (subject.written(), &subject.event);
        let length = window.map_or(Span(7 * 86_400_000), |window| window.length);
        let help = format!(
            "count({event}, '{length}') counts events; sum({written}, '{length}') adds up values, distinct({written}, '{length}') counts different ones"
        );
        return scope.fail(&subject.span, "count takes an event, not a property of it", help);
    }
    let feature = scope.feature(&subject.span, subject.name, FeatureKind::WindowCount(window?))?;
    Some(Typed::new(Term::Feature(feature), Type::Number))
}

/// `sum(E.p, W)`
pub(super) fn sum(scope: &mut Scope<'_, '_, '_>, call: &FunctionCall) -> Option<Typed> {
    scope.windowed(call, FeatureKind::WindowSum)
}

/// `min(E.p, W)`
pub(super) fn min(scope: &mut Scope<'_, '_, '_>, call: &FunctionCall) -> Option<Typed> {
    scope.windowed(call, FeatureKind::WindowMin)
}

/// `max(E.p, W)`
pub(super) fn max(scope: &mut Scope<'_, '_, '_>, call: &FunctionCall) -> Option<Typed> {
    scope.windowed(call, FeatureKind::WindowMax)
}

/// `distinct(E.p, W)`
pub(super) fn distinct(scope: &mut Scope<'_, '_, '_>, call: &FunctionCall) -> Option<Typed> {
    let typed = scope.windowed(call, FeatureKind::WindowDistinct)?;
    Some(Typed { is_distinct: true, ..typed })
}

/// `avg(E.p, W)`
pub(super) fn avg(scope: &mut Scope<'_, '_, '_>, call: &FunctionCall) -> Option<Typed> {
    let (subject, field, window) = scope.windowed_property(call)?;
    let sum = scope.feature(&call.span, subject.name, FeatureKind::WindowSum(field, window))?;
    let count = scope.feature(&call.span, subject.name, FeatureKind::WindowNumericCount(field, window))?;
    Some(Typed::new(Term::Average { sum, count }, Type::Number))
}

impl Scope<'_, '_, '_> {
    fn windowed(&mut self, call: &FunctionCall, kind: fn(FieldId, Window) -> FeatureKind) -> Option<Typed> {
        let (subject, field, window) = self.windowed_property(call)?;
        let feature = self.feature(&call.span, subject.name, kind(field, window))?;
        Some(Typed::new(Term::Feature(feature), Type::Number))
    }

    fn windowed_property(&mut self, call: &FunctionCall) -> Option<(Subject, FieldId, Window)> {
        let [argument, window] = call.arguments.as_slice() else { return self.no_window(call) };
        let subject = self.property_subject(&call.name, argument);
        let window = self.window(window);
        let ((subject, field), window) = (subject?, window?);
        self.outside_arrays(&call.name, &subject)?;
        Some((subject, field, window))
    }

    fn window(&mut self, argument: &Expression) -> Option<Window> {
        match &argument.kind {
            ExpressionKind::Text(text) => self.time_literal(text, &argument.span).map(Window::new),
            ExpressionKind::Mistake => None,
            ExpressionKind::Call(call) if call.name == "duration" => {
                self.fail(&argument.span, "a window is written without duration(…)", "write just '7d'")
            }
            _ => self.fail(&argument.span, "the window must be written out in quotes", "write it like '7d'"),
        }
    }

    /// Reports a call that has not the two arguments it needs.
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
