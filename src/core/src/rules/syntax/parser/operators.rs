//! Operators between operands, and signs before them.

use super::{CommaRule, ConditionParser, ParsedPart};
use crate::diagnostics::percentage_as_share;
use crate::rules::ruleset::Arithmetic;
use crate::rules::syntax::expression::{Expression, ExpressionKind};
use crate::rules::syntax::token::{BinaryOperator, Precedence, Token, TokenKind};

impl<'s> ConditionParser<'s, '_, '_, '_, '_> {
    /// Parses operands and the operators between them that bind at least as tightly as `least`.
    pub(super) fn operation(&mut self, least: Precedence) -> ParsedPart {
        let mut left = self.signed_operand();
        while let Some(Token { kind: TokenKind::Operator(operator), .. }) = self.peek() {
            if operator.precedence() < least {
                break;
            }
            if *operator == BinaryOperator::Remainder {
                left = self.remainder(left);
                continue;
            }
            self.at += 1;
            let right = self.operation(operator.precedence().next());
            left = self.binary(*operator, left, right);
        }
        left
    }

    pub(super) fn binary(&mut self, operator: BinaryOperator, left: ParsedPart, right: ParsedPart) -> ParsedPart {
        let extent = left.extent.start..right.extent.end;
        if let BinaryOperator::And | BinaryOperator::Or = operator {
            return self.chain(operator, left, right);
        }
        let height = left.height.max(right.height) + 1;
        let (left, right) = (Box::new(left.expression), Box::new(right.expression));
        let kind = match operator {
            BinaryOperator::Compare(comparison) => ExpressionKind::Compare(comparison, left, right),
            BinaryOperator::In => ExpressionKind::In(left, right),
            BinaryOperator::Arithmetic(arithmetic) => ExpressionKind::Arithmetic(arithmetic, left, right),
            BinaryOperator::Remainder | BinaryOperator::And | BinaryOperator::Or => ExpressionKind::Mistake,
        };
        self.part(kind, extent, height)
    }

    /// `&&` and `||`: all of one kind are one chain, however they are grouped.
    pub(super) fn chain(&mut self, operator: BinaryOperator, left: ParsedPart, right: ParsedPart) -> ParsedPart {
        let extent = left.extent.start..right.extent.end;
        let is_and = operator == BinaryOperator::And;
        // A chain is one level, however long it is.
        let height = left.height.max(right.height);
        let mut items = Vec::new();
        for side in [left, right] {
            match side.expression.kind {
                ExpressionKind::And(inner) if is_and => push_all(&mut items, inner),
                ExpressionKind::Or(inner) if !is_and => push_all(&mut items, inner),
                _ => items.push(side.expression),
            }
        }
        let kind = if is_and { ExpressionKind::And(items) } else { ExpressionKind::Or(items) };
        self.part(kind, extent, height)
    }

    /// `a % b`, which is not part of the language; a percentage may have been meant.
    pub(super) fn remainder(&mut self, left: ParsedPart) -> ParsedPart {
        let sign = self.at;
        self.at += 1;
        let number = self.tokens[sign - 1].clone();
        let is_remainder = self.peek().is_some_and(|next| {
            next.kind.begins_operand()
                || next.kind == TokenKind::Operator(BinaryOperator::Arithmetic(Arithmetic::Subtract))
        });
        let share = (number.kind == TokenKind::Number && !is_remainder)
            .then(|| percentage_as_share(self.text_of(&number)))
            .flatten();
        if let Some(share) = share {
            let span = number.span.start..self.tokens[sign].span.end;
            let written = self.text_of(&number);
            let help = format!("write {share} if a share is meant, {written} if not");
            self.problems.add(span.clone(), format!("`{written}%` is not a number"), help);
            return self.mistake(left.extent.start..span.end);
        }
        let right = self.operation(BinaryOperator::Remainder.precedence().next());
        let extent = left.extent.start..right.extent.end;
        self.problems.add(extent.clone(), "`%` is not part of the language", "");
        self.mistake(extent)
    }

    /// `a ? b : c`, which is not part of the language.
    pub(super) fn ternary(&mut self, condition: ParsedPart, commas: CommaRule) -> ParsedPart {
        while self.skip_to_next_part(commas).is_some() {}
        let extent = condition.extent.start..self.end_of_previous();
        self.problems.add(extent.clone(), "`? :` is not part of the language", "write (a && b) || (!a && c)");
        self.mistake(extent)
    }

    /// An operand with the signs before it.
    pub(super) fn signed_operand(&mut self) -> ParsedPart {
        let minus = TokenKind::Operator(BinaryOperator::Arithmetic(Arithmetic::Subtract));
        let Some(first) = self.peek().filter(|token| token.kind == TokenKind::Not || token.kind == minus) else {
            return self.operand();
        };
        let mut count = 0;
        while self.peek().is_some_and(|token| token.kind == first.kind) {
            self.at += 1;
            count += 1;
        }
        if !self.enter(count, &first.span) {
            return self.mistake(first.span.clone());
        }
        let operand = self.signed_operand();
        self.depth -= count;
        let extent = first.span.start..operand.extent.end;
        let height = operand.height + count;
        // Two signs cancel out.
        if count % 2 == 0 {
            return ParsedPart { extent, height, ..operand };
        }
        let kind = match operand.expression.kind {
            ExpressionKind::Number(number) if first.kind == minus => ExpressionKind::Number(number.negated()),
            _ if first.kind == minus => ExpressionKind::Negate(Box::new(operand.expression)),
            _ => ExpressionKind::Not(Box::new(operand.expression)),
        };
        self.part(kind, extent, height)
    }
}

pub(super) fn push_all(items: &mut Vec<Expression>, mut more: Vec<Expression>) {
    if items.is_empty() {
        *items = more;
    } else {
        items.append(&mut more);
    }
}
