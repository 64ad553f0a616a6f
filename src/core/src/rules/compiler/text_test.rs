//! Compiles tests on texts: `startsWith`, `endsWith`, `contains`, `matches`.

use regex::{Regex, RegexBuilder};

use super::{ConditionCompiler, TermType};
use crate::diagnostics::{join_quoted, nearest, shorten};
use crate::rules::functions;
use crate::rules::ruleset::{Condition, Term, TextTest};
use crate::rules::syntax::{Expression, ExpressionKind, FunctionCall};

/// The most that a compiled pattern of `matches` may take, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;

impl ConditionCompiler<'_, '_, '_> {
    pub(super) fn text_test(&mut self, subject: &Expression, call: &FunctionCall) -> Option<Condition> {
        let name = call.name.as_str();
        let test = match name {
            "startsWith" => Some(TextTest::StartsWith),
            "endsWith" => Some(TextTest::EndsWith),
            "contains" => Some(TextTest::Contains),
            "matches" => None,
            _ => return self.unknown_method(call),
        };
        let subject = self.text(subject);
        let [argument] = call.arguments.as_slice() else {
            return self.fail(&call.span, format!("{name} takes one text"), format!("write traits.email.{name}('…')"));
        };
        match test {
            Some(test) => {
                let argument = self.text(argument);
                Some(Condition::Text { test, subject: subject?, argument: argument? })
            }
            None => {
                let pattern = self.pattern(argument);
                Some(Condition::Matches { subject: subject?, pattern: pattern? })
            }
        }
    }

    fn unknown_method<T>(&mut self, call: &FunctionCall) -> Option<T> {
        let name = call.name.as_str();
        let help = if let Some(function) = functions::named(name) {
            format!("write {}", function.usage)
        } else if let Some(known) = nearest(name, functions::METHODS) {
            format!("did you mean `{known}`?")
        } else {
            format!("texts have {}", join_quoted(&functions::METHODS))
        };
        self.fail(&call.name_span, format!("there is no function {} after a dot", shorten(name)), help)
    }

    /// A term that can be a text.
    fn text(&mut self, node: &Expression) -> Option<Term> {
        let typed = self.term(node)?;
        match typed.kind {
            TermType::Text | TermType::Dynamic => Some(typed.term),
            kind => self.fail(&node.span, format!("a text is needed here, but this is {}", kind.described()), ""),
        }
    }

    fn pattern(&mut self, node: &Expression) -> Option<Regex> {
        let ExpressionKind::Text(pattern) = &node.kind else {
            if matches!(node.kind, ExpressionKind::Mistake) {
                return None;
            }
            return self.fail(
                &node.span,
                "the pattern of matches must be a literal in quotes",
                "write matches('^vip-')",
            );
        };
        match RegexBuilder::new(pattern).size_limit(PATTERN_BYTES_MAX).build() {
            Ok(regex) => Some(regex),
            Err(regex::Error::CompiledTooBig(_)) => {
                self.fail(&node.span, "this pattern is too large", "use smaller repetitions")
            }
            Err(error) => {
                // The last line says what is wrong; those before draw the pattern once more.
                let text = error.to_string();
                let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
                self.fail(&node.span, format!("this is not a regular expression: {reason}"), "")
            }
        }
    }
}
