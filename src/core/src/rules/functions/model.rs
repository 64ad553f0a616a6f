//! Functions of models: `p_alive`, `expected`, `clv`.

use super::only_text;
use crate::diagnostics::shorten;
use crate::rules::compiler::{ConditionCompiler, ConditionContext, TermType, TypedTerm};
use crate::rules::ruleset::{CustomerModel, ModelId, ModelQuestion, ModelScore, Term};
use crate::rules::syntax::{Expression, ExpressionKind, FunctionCall};
use crate::time::Span;

/// `p_alive('id')`
pub(super) fn p_alive(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    let [id] = call.arguments.as_slice() else { return compiler.wrong_arguments(call) };
    let model = compiler.model_argument(call, id)?;
    Some(question(model, ModelScore::PAlive))
}

/// `expected('id', '90d')`
pub(super) fn expected(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    let (model, within) = compiler.model_ahead(call)?;
    Some(question(model, ModelScore::Expected(within)))
}

/// `clv('id', '365d')`
pub(super) fn clv(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    let (model, within) = compiler.model_ahead(call)?;
    if model.known.spending.is_none() {
        let message = format!("model `{}` does not know what purchases are worth", model.known.id);
        let help = "add `value`, `p`, `q` and `gamma` to it: `rekindle fit --value` prints them";
        return compiler.fail(&call.arguments[0].span, message, help);
    }
    Some(question(model, ModelScore::Value(within)))
}

/// A model that a call names.
struct ModelArgument {
    id: ModelId,
    known: CustomerModel,
}

fn question(model: ModelArgument, score: ModelScore) -> TypedTerm {
    let question = ModelQuestion { model: model.id, feature: model.known.feature, score };
    TypedTerm::new(Term::Model(question), TermType::Number)
}

impl ConditionCompiler<'_, '_, '_> {
    fn model_argument(&mut self, call: &FunctionCall, argument: &Expression) -> Option<ModelArgument> {
        let name = &call.name;
        let help = format!("write {name}('buying'{})", if name == "p_alive" { "" } else { ", '90d'" });
        let id = only_text(self, argument, "a model is named by its id in quotes", &help)?;
        let Some(index) = self.symbols.models.iter().position(|(other, _)| other == id) else {
            let help = match self.symbols.models.is_empty() {
                true => "define it: [[models]], as `rekindle fit` prints it".to_owned(),
                false => {
                    let models = self.symbols.models.iter().map(|(id, _)| id.as_str());
                    self.problems.suggest(id, models, "models")
                }
            };
            self.problems.add_missing(&argument.span, format!("there is no model {}", shorten(id)), help);
            return None;
        };
        // One with a mistake of its own was reported.
        let known = self.symbols.models[index].1.clone()?;
        Some(ModelArgument { id: ModelId(u16::try_from(index).ok()?), known })
    }

    /// The arguments of what is asked when a campaign is decided: a model, and how far to look ahead.
    fn model_ahead(&mut self, call: &FunctionCall) -> Option<(ModelArgument, Span)> {
        let name = &call.name;
        if let ConditionContext::When(_) = self.context {
            let message = format!("{name}() is asked when a campaign is decided, not in `when`");
            let help = "use it in a campaign's `if` or `payload_from`; in `when`, compare p_alive('…')";
            return self.fail(&call.name_span, message, help);
        }
        let [id, within] = call.arguments.as_slice() else { return self.wrong_arguments(call) };
        let model = self.model_argument(call, id);
        let within = match &within.kind {
            ExpressionKind::Text(text) => self.length_of_time(text, &within.span),
            ExpressionKind::Mistake => None,
            _ => {
                let help = format!("write {name}('buying', '90d')");
                self.fail(&within.span, "the time to come must be a literal in quotes", help)
            }
        };
        Some((model?, within?))
    }
}
