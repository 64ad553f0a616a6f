//! `consent('marketing')`: what the user consents to (semantics §21). It is the user's, also in a condition about a key.

use super::only_text;
use crate::rules::compiler::{ConditionCompiler, TermType, TypedTerm};
use crate::rules::ruleset::{Term, purpose_mistake};
use crate::rules::syntax::FunctionCall;

/// `consent('marketing')`
pub(super) fn consent(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    let [argument] = call.arguments.as_slice() else { return compiler.wrong_arguments(call) };
    let message = "what is consented to must be a literal in quotes";
    let name = only_text(compiler, argument, message, "write consent('marketing')")?;
    if let Some(mistake) = purpose_mistake(name) {
        let help = "write the key that calls have in context.consent.categoryPreferences: consent('marketing')";
        return compiler.fail(&argument.span, mistake, help);
    }
    let purpose = compiler.symbols.purpose(name);
    let purpose = compiler.within_limits(&argument.span, purpose)?;
    Some(TypedTerm::new(Term::Consent(purpose), TermType::Bool))
}
