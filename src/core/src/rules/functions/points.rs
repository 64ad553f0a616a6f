//! Functions of points: `balance`, `earned`, `spent`, `expiring` (semantics §14). They are the user's, also in a condition
//! about a key.

use super::only_text;
use crate::diagnostics::shorten;
use crate::features::{PointsEarned, PointsSpent};
use crate::rules::compiler::{ConditionCompiler, TermType, TypedTerm};
use crate::rules::ruleset::{Feature, FeatureKind, FeatureSource, LedgerId, Term, Window};
use crate::rules::syntax::{Expression, FunctionCall};

/// `balance('points')`
pub(super) fn balance(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    let [ledger] = call.arguments.as_slice() else { return compiler.wrong_arguments(call) };
    let ledger = compiler.ledger(call, ledger)?;
    Some(TypedTerm::new(Term::Balance(ledger), TermType::Number))
}

/// `earned('points', W)`
pub(super) fn earned(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    compiler.points_in_window(call, |window| PointsEarned { window }.into())
}

/// `spent('points', W)`
pub(super) fn spent(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    compiler.points_in_window(call, |window| PointsSpent { window }.into())
}

/// `expiring('points', '30d')`
pub(super) fn expiring(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    let [ledger, within] = call.arguments.as_slice() else { return compiler.wrong_arguments(call) };
    let ledger = compiler.ledger(call, ledger);
    let help = "write expiring('points', '30d')";
    let within = only_text(compiler, within, "the length of time must be a literal in quotes", help)
        .and_then(|text| compiler.length_of_time(text, &call.arguments[1].span));
    Some(TypedTerm::new(Term::Expiring { ledger: ledger?, within: within? }, TermType::Number))
}

impl ConditionCompiler<'_, '_, '_> {
    fn points_in_window(&mut self, call: &FunctionCall, kind: fn(Window) -> FeatureKind) -> Option<TypedTerm> {
        let [ledger, window] = call.arguments.as_slice() else { return self.wrong_arguments(call) };
        let (ledger, window) = (self.ledger(call, ledger), self.window(window));
        let (ledger, window) = (ledger?, window?);
        let (source, kind) = (FeatureSource::Points(ledger), kind(window));
        let feature = Feature { per: None, group: None, source, second: None, kind };
        let feature = self.add_feature(&call.span, feature)?;
        Some(TypedTerm::new(Term::Feature(feature), TermType::Number))
    }

    fn ledger(&mut self, call: &FunctionCall, argument: &Expression) -> Option<LedgerId> {
        let message = "the ledger's id must be a literal in quotes";
        let usage = format!("write {}", super::named(&call.name).map_or("", |function| function.usage));
        let id = only_text(self, argument, message, &usage)?;
        if let Some(ledger) = self.symbols.ledger(id) {
            return Some(ledger);
        }
        let help = match self.symbols.ledger_order.is_empty() {
            true => {
                "define it: [[ledgers]] with id = \"points\" and earn = [{ on = \"order\", amount = \"event.total\" }]"
                    .to_owned()
            }
            false => self.problems.suggest(id, self.symbols.ledger_order.iter().map(String::as_str), "ledgers"),
        };
        self.problems.add_missing(&argument.span, format!("there is no ledger {}", shorten(id)), help);
        None
    }
}
