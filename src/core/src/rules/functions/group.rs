//! Functions of groups: `part` (semantics §17).

use crate::rules::compiler::{ConditionCompiler, ConditionContext, TermType, TypedTerm};
use crate::rules::ruleset::Term;
use crate::rules::syntax::{Expression, FunctionCall};

/// `part(total, n, k)`
pub(super) fn part(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    let [total, parts, part] = call.arguments.as_slice() else { return compiler.wrong_arguments(call) };
    if compiler.context != ConditionContext::Notice {
        let help = "use it in `let` of a name with `of`: cut = { of = \"bargain\", …, let = { cut = \"part(100, 5, total(help))\" } }";
        return compiler.fail(&call.name_span, "part() is what one of a group gets, in what the group tells", help);
    }
    let [total, parts, part] = [total, parts, part].map(|argument| compiler.number_of_part(argument));
    let (total, parts, part) = (Box::new(total?), Box::new(parts?), Box::new(part?));
    Some(TypedTerm::new(Term::Part { total, parts, part }, TermType::Number))
}

impl ConditionCompiler<'_, '_, '_> {
    fn number_of_part(&mut self, argument: &Expression) -> Option<Term> {
        let typed = self.term(argument)?;
        match typed.kind {
            TermType::Number | TermType::Dynamic => Some(typed.term),
            kind => {
                let message = format!("part(…) needs numbers, but this is {}", kind.described());
                self.fail(&argument.span, message, "write part(100, 5, total(join))")
            }
        }
    }
}
