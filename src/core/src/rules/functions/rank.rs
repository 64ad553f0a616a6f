//! Functions of ranks: `rank`, `quantile`, `ranked` (semantics §19). They are the user's, also in a condition about a key.

use super::only_text;
use crate::diagnostics::shorten;
use crate::rules::compiler::{ConditionCompiler, TermType, TypedTerm};
use crate::rules::ruleset::{RankFigure, Term};
use crate::rules::syntax::FunctionCall;

/// `rank('spend')`
pub(super) fn rank(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    compiler.figure_of_rank(call, RankFigure::Rank)
}

/// `quantile('spend')`
pub(super) fn quantile(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    compiler.figure_of_rank(call, RankFigure::Quantile)
}

/// `ranked('spend')`
pub(super) fn ranked(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    compiler.figure_of_rank(call, RankFigure::Ranked)
}

impl ConditionCompiler<'_, '_, '_> {
    fn figure_of_rank(&mut self, call: &FunctionCall, figure: RankFigure) -> Option<TypedTerm> {
        let [argument] = call.arguments.as_slice() else { return self.wrong_arguments(call) };
        let usage = format!("write {}", super::named(&call.name).map_or("", |function| function.usage));
        let id = only_text(self, argument, "the rank's id must be a literal in quotes", &usage)?;
        if let Some(rank) = self.symbols.rank(id) {
            return Some(TypedTerm::new(Term::Ranked { rank, figure }, TermType::Number));
        }
        let help = match self.symbols.rank_order.is_empty() {
            true => "define it: [[ranks]] with id = \"spend\", of = \"sum(order.total, '90d')\" and every = \"day\""
                .to_owned(),
            false => self.problems.suggest(id, self.symbols.rank_order.iter().map(String::as_str), "ranks"),
        };
        self.problems.add_missing(&argument.span, format!("there is no rank {}", shorten(id)), help);
        None
    }
}
