//! Operands: names, calls, lists and brackets, with fields and methods behind them.

use std::ops::Range;

use super::{CommaRule, ConditionParser, ParsedPart};
use crate::diagnostics::shorten;
use crate::rules::syntax::expression::{Expression, ExpressionKind, FunctionCall};
use crate::rules::syntax::token::{BinaryOperator, Bracket, Precedence, RESERVED_WORDS, Token, TokenKind};

/// Functions of CEL that iterate over a list.
const COMPREHENSIONS: [&str; 6] = ["all", "exists", "exists_one", "existsOne", "filter", "map"];

impl<'s> ConditionParser<'s, '_, '_, '_, '_> {
    /// A primary expression with the fields, methods and indexes behind it.
    pub(super) fn operand(&mut self) -> ParsedPart {
        let mut operand = self.primary();
        while let Some(token) = self.peek() {
            operand = match token.kind {
                TokenKind::Dot => self.member(operand),
                TokenKind::Open(Bracket::Square) => self.index(operand),
                TokenKind::Open(Bracket::Brace) => {
                    let start = self.tokens[self.at - 1].span.start;
                    let end = self.skip_bracket().end;
                    self.problems.add(start..end, "messages (Name{…}) are not part of the language", "");
                    self.mistake(operand.extent.start..end)
                }
                _ => break,
            };
        }
        operand
    }

    /// A literal, a name, a call, a list, or an expression in brackets.
    pub(super) fn primary(&mut self) -> ParsedPart {
        let mut is_reported = false;
        while let Some(token) = self.peek() {
            match token.kind {
                // Where a value is missing between two operators, the second is skipped.
                TokenKind::Operator(operator) if operator.precedence() > Precedence::And => {}
                TokenKind::Dot | TokenKind::Colon => {}
                _ => break,
            }
            if !std::mem::replace(&mut is_reported, true) && !token.is_reported {
                self.report_missing("a value is missing before it");
            }
            self.at += 1;
        }
        let Some(token) = self.peek() else {
            if !is_reported {
                self.report_missing("a value is missing before it");
            }
            return self.mistake(self.end_of_previous()..self.end_of_previous());
        };
        match token.kind {
            TokenKind::Word => self.name_or_call(token),
            TokenKind::Number => self.number(token),
            TokenKind::Text => self.text(token),
            TokenKind::True => self.literal(token, ExpressionKind::Bool(true)),
            TokenKind::False => self.literal(token, ExpressionKind::Bool(false)),
            TokenKind::Null => self.literal(token, ExpressionKind::Null),
            TokenKind::Mistake => self.literal(token, ExpressionKind::Mistake),
            TokenKind::Bytes => {
                let message = "bytes (b'…') are not part of the language";
                self.problems.add(token.span.clone(), message, "leave out the b");
                self.literal(token, ExpressionKind::Mistake)
            }
            TokenKind::Open(Bracket::Round) => {
                let (inner, extent) = self.bracketed(|parser| parser.expression(CommaRule::Refused));
                let height = inner.height + 1;
                ParsedPart { extent, height, ..inner }
            }
            TokenKind::Open(Bracket::Square) => {
                let (items, extent) = self.bracketed(|parser| parser.items(true));
                let height = height_above(&items);
                self.part(ExpressionKind::List(expressions(items)), extent, height)
            }
            TokenKind::Open(Bracket::Brace) => {
                let extent = self.skip_bracket();
                self.problems.add(extent.clone(), "maps ({…}) are not part of the language", "");
                self.mistake(extent)
            }
            TokenKind::Not
            | TokenKind::Operator(_)
            | TokenKind::Question
            | TokenKind::Colon
            | TokenKind::Dot
            | TokenKind::Comma
            | TokenKind::Close(_) => {
                if !is_reported && !token.is_reported {
                    self.report_missing("a value is missing before it");
                }
                self.mistake(token.span.start..token.span.start)
            }
        }
    }

    pub(super) fn name_or_call(&mut self, token: &Token) -> ParsedPart {
        let word = self.text_of(token);
        let is_reserved = RESERVED_WORDS.contains(&word);
        if is_reserved {
            let help = "choose another name";
            self.problems.add(token.span.clone(), format!("{} is a reserved word", shorten(word)), help);
        }
        if !self.is_call() {
            let kind = if is_reserved { ExpressionKind::Mistake } else { ExpressionKind::Name(word.to_owned()) };
            return self.literal(token, kind);
        }
        let (name, name_span) = self.name();
        let (arguments, bracket) = self.bracketed(|parser| parser.items(false));
        let extent = token.span.start..bracket.end;
        if is_reserved {
            return self.mistake(extent);
        }
        let height = height_above(&arguments);
        let call = self.function_call(name, name_span, arguments, &extent);
        self.part(ExpressionKind::Call(call), extent, height)
    }

    /// `.field` or `.method(…)`
    pub(super) fn member(&mut self, target: ParsedPart) -> ParsedPart {
        self.at += 1;
        let Some(token) = self.peek() else {
            self.report_missing("a name is missing after the dot");
            return self.mistake(target.extent);
        };
        let extent = target.extent.start..token.span.end;
        match token.kind {
            TokenKind::Word if self.is_call() => self.method(target),
            TokenKind::Word => {
                self.at += 1;
                let field = self.text_of(token).to_owned();
                self.part(ExpressionKind::Field(Box::new(target.expression), field), extent, target.height + 1)
            }
            TokenKind::True | TokenKind::False | TokenKind::Null | TokenKind::Operator(BinaryOperator::In) => {
                self.at += 1;
                let word = self.text_of(token);
                let help = format!("a field of this name is written in brackets: ['{word}']");
                self.problems.add(token.span.clone(), format!("`{word}` is a word of the language"), help);
                self.mistake(extent)
            }
            TokenKind::Mistake => {
                self.at += 1;
                self.mistake(extent)
            }
            _ => {
                self.report_missing("a name is missing after the dot");
                self.mistake(target.extent)
            }
        }
    }

    pub(super) fn method(&mut self, receiver: ParsedPart) -> ParsedPart {
        let (name, name_span) = self.name();
        let (arguments, bracket) = self.bracketed(|parser| parser.items(false));
        if COMPREHENSIONS.contains(&name) {
            let span = name_span.start..bracket.end;
            let help = "count events with count(E, W); name filtered events in [events] with `where`";
            let message = "exists, exists_one, all, map and filter are not part of the language";
            self.problems.add(span, message, help);
            return self.mistake(receiver.extent.start..bracket.end);
        }
        let extent = receiver.extent.start..bracket.end;
        let height = height_above(&arguments).max(receiver.height + 1);
        let call = self.function_call(name, name_span, arguments, &extent);
        self.part(ExpressionKind::MethodCall(Box::new(receiver.expression), call), extent, height)
    }

    /// `target['field']`
    pub(super) fn index(&mut self, target: ParsedPart) -> ParsedPart {
        let (index, bracket) = self.bracketed(|parser| parser.expression(CommaRule::Refused));
        let extent = target.extent.start..bracket.end;
        match index.expression.kind {
            ExpressionKind::Text(field) => {
                let kind = ExpressionKind::Field(Box::new(target.expression), field);
                self.part(kind, extent, target.height.max(index.height) + 1)
            }
            ExpressionKind::Mistake => self.mistake(extent),
            ExpressionKind::Compare(_, _, right) if matches!(right.kind, ExpressionKind::Mistake) => {
                self.mistake(extent)
            }
            _ => {
                let help = "write traits['name with spaces']; elements of a list cannot be accessed by index";
                self.problems.add(extent.clone(), "only a text in quotes can be used in [ ]", help);
                self.mistake(extent)
            }
        }
    }

    /// Parses the parts of a bracket, separated by commas.
    pub(super) fn items(&mut self, allow_trailing_comma: bool) -> Vec<ParsedPart> {
        let mut items = Vec::new();
        if self.peek().is_none() {
            return items;
        }
        loop {
            items.push(self.expression(CommaRule::Separate));
            if self.peek().is_none() {
                return items;
            }
            // The next token is a comma.
            self.at += 1;
            if allow_trailing_comma && self.peek().is_none() {
                return items;
            }
        }
    }

    pub(super) fn function_call(
        &self,
        name: &str,
        name_span: Range<usize>,
        items: Vec<ParsedPart>,
        extent: &Range<usize>,
    ) -> FunctionCall {
        FunctionCall {
            name: name.to_owned(),
            name_span: self.problems.map.place(name_span),
            arguments: expressions(items),
            span: self.problems.map.place(extent.clone()),
        }
    }
}

/// Height of an expression that contains these.
pub(super) fn height_above(items: &[ParsedPart]) -> usize {
    items.iter().map(|item| item.height).max().unwrap_or(0) + 1
}

pub(super) fn expressions(items: Vec<ParsedPart>) -> Vec<Expression> {
    items.into_iter().map(|item| item.expression).collect()
}
