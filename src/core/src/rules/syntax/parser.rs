//! Builds the tree of a condition from its tokens: a Pratt parser.
//!
//! An operator takes what stands left of it, and on its right all that binds tighter. Each bracket is parsed within the
//! bounds of its pair, so a mistake inside ends at the closing bracket at the latest. After a token that cannot stand
//! where it is, parsing goes on behind the next `&&`, `||` or comma of the same bracket.

use std::ops::Range;

use super::ConditionProblems;
use super::expression::{Expression, ExpressionKind, FunctionCall};
use super::lexer::{NESTING_MAX, SPLIT_HELP};
use super::literal::{self, InvalidEscape, NumberError};
use super::token::{BinaryOperator, Bracket, Precedence, RESERVED_WORDS, Token, TokenKind};
use crate::diagnostics::{percentage_as_share, shorten};
use crate::rules::program::{Arithmetic, Comparison};
use crate::time::Span;

/// Functions of CEL that go through a list.
const COMPREHENSIONS: [&str; 6] = ["all", "exists", "exists_one", "existsOne", "filter", "map"];

/// Parses a condition of one token or more. `None`: it is nested too deeply.
pub(super) fn parse(
    source: &str,
    tokens: &[Token],
    problems: &mut ConditionProblems<'_, '_, '_>,
) -> Option<Expression> {
    let mut parser =
        ConditionParser { source, tokens, at: 0, end: tokens.len(), depth: 0, is_too_deep: false, problems };
    let parsed = parser.whole(CommaRule::Refused);
    (!parser.is_too_deep).then_some(parsed.expression)
}

struct ConditionParser<'s, 'c, 'm, 'p, 't> {
    source: &'s str,
    tokens: &'s [Token],
    /// Index of the next token.
    at: usize,
    /// Index of the token that ends the innermost bracket.
    end: usize,
    /// How many brackets and signs are open.
    depth: usize,
    /// The limit on nesting was reached and reported; no token is looked at any more.
    is_too_deep: bool,
    problems: &'c mut ConditionProblems<'m, 'p, 't>,
}

/// An expression with what the parser needs to know to build on it.
struct ParsedPart {
    expression: Expression,
    /// Byte range in the condition, brackets around it included.
    extent: Range<usize>,
    /// Height of its tree; a bracket counts too.
    height: usize,
}

/// Whether commas separate what is parsed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CommaRule {
    Separate,
    Refused,
}

impl<'s> ConditionParser<'s, '_, '_, '_, '_> {
    /// Parses everything up to the end of the innermost bracket or, where commas separate, to the next comma.
    fn whole(&mut self, commas: CommaRule) -> ParsedPart {
        let mut whole = self.operation(Precedence::Or);
        while let Some(token) =
            self.peek().filter(|token| !(commas == CommaRule::Separate && token.kind == TokenKind::Comma))
        {
            if token.kind == TokenKind::Question {
                return self.ternary(whole, commas);
            }
            // Only after a mistake can one of these follow.
            if let TokenKind::Operator(operator @ (BinaryOperator::And | BinaryOperator::Or)) = token.kind {
                self.at += 1;
                let right = self.operation(operator.precedence().next());
                whole = self.binary(operator, whole, right);
                continue;
            }
            if !token.is_reported {
                self.report_unexpected(self.at);
            }
            match commas {
                CommaRule::Separate => whole.expression.kind = ExpressionKind::Mistake,
                CommaRule::Refused => leave_open(&mut whole.expression),
            }
            let Some(operator) = self.skip_to_next_part(commas) else { break };
            let right = self.operation(operator.precedence().next());
            whole = self.binary(operator, whole, right);
        }
        whole
    }

    /// Parses operands and the operators between them that bind at least as tightly as `least`.
    fn operation(&mut self, least: Precedence) -> ParsedPart {
        let mut left = self.prefixed();
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

    fn binary(&mut self, operator: BinaryOperator, left: ParsedPart, right: ParsedPart) -> ParsedPart {
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
        self.parsed(kind, extent, height)
    }

    /// `&&` and `||`: however they were grouped, those of one kind are one chain.
    fn chain(&mut self, operator: BinaryOperator, left: ParsedPart, right: ParsedPart) -> ParsedPart {
        let extent = left.extent.start..right.extent.end;
        let is_and = operator == BinaryOperator::And;
        // The chain itself does not count: however long it is, it is one level.
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
        self.parsed(kind, extent, height)
    }

    /// `a % b`, which is not of the language; perhaps a percentage was meant.
    fn remainder(&mut self, left: ParsedPart) -> ParsedPart {
        let sign = self.at;
        self.at += 1;
        let number = self.tokens[sign - 1].clone();
        let is_remainder = self.peek().is_some_and(|next| {
            next.kind.begins_operand()
                || next.kind == TokenKind::Operator(BinaryOperator::Arithmetic(Arithmetic::Subtract))
        });
        let share = (number.kind == TokenKind::Number && !is_remainder)
            .then(|| percentage_as_share(self.written(&number)))
            .flatten();
        if let Some(share) = share {
            let span = number.span.start..self.tokens[sign].span.end;
            let written = self.written(&number);
            let help = format!("write {share} if a share is meant, {written} if not");
            self.problems.add(span.clone(), format!("`{written}%` is not a number"), help);
            return self.mistake(left.extent.start..span.end);
        }
        let right = self.operation(BinaryOperator::Remainder.precedence().next());
        let extent = left.extent.start..right.extent.end;
        self.problems.add(extent.clone(), "`%` is not part of the language", "");
        self.mistake(extent)
    }

    /// `a ? b : c`, which is not of the language.
    fn ternary(&mut self, condition: ParsedPart, commas: CommaRule) -> ParsedPart {
        while self.skip_to_next_part(commas).is_some() {}
        let extent = condition.extent.start..self.end_of_previous();
        self.problems.add(extent.clone(), "`? :` is not part of the language", "write (a && b) || (!a && c)");
        self.mistake(extent)
    }

    /// An operand behind its signs.
    fn prefixed(&mut self) -> ParsedPart {
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
        let operand = self.prefixed();
        self.depth -= count;
        let extent = first.span.start..operand.extent.end;
        let height = operand.height + count;
        // Two of them cancel out.
        if count % 2 == 0 {
            return ParsedPart { extent, height, ..operand };
        }
        let kind = match operand.expression.kind {
            ExpressionKind::Number(number) if first.kind == minus => ExpressionKind::Number(number.negated()),
            _ if first.kind == minus => ExpressionKind::Negate(Box::new(operand.expression)),
            _ => ExpressionKind::Not(Box::new(operand.expression)),
        };
        self.parsed(kind, extent, height)
    }

    /// A value, with the fields and methods taken of it.
    fn operand(&mut self) -> ParsedPart {
        let mut operand = self.value();
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

    /// `.field` or `.method(…)`
    fn member(&mut self, target: ParsedPart) -> ParsedPart {
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
                let field = self.written(token).to_owned();
                self.parsed(ExpressionKind::Field(Box::new(target.expression), field), extent, target.height + 1)
            }
            TokenKind::True | TokenKind::False | TokenKind::Null | TokenKind::Operator(BinaryOperator::In) => {
                self.at += 1;
                let word = self.written(token);
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

    fn method(&mut self, receiver: ParsedPart) -> ParsedPart {
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
        self.parsed(ExpressionKind::MethodCall(Box::new(receiver.expression), call), extent, height)
    }

    /// `target['field']`
    fn index(&mut self, target: ParsedPart) -> ParsedPart {
        let (index, bracket) = self.bracketed(|parser| parser.whole(CommaRule::Refused));
        let extent = target.extent.start..bracket.end;
        match index.expression.kind {
            ExpressionKind::Text(field) => {
                let kind = ExpressionKind::Field(Box::new(target.expression), field);
                self.parsed(kind, extent, target.height.max(index.height) + 1)
            }
            ExpressionKind::Mistake => self.mistake(extent),
            ExpressionKind::Compare(_, _, right) if matches!(right.kind, ExpressionKind::Mistake) => {
                self.mistake(extent)
            }
            _ => {
                let help = "write traits['name with spaces']; an element of a list cannot be asked for by its index";
                self.problems.add(extent.clone(), "only a text in quotes can stand in [ ]", help);
                self.mistake(extent)
            }
        }
    }

    /// A literal, a name, a call, or something in brackets.
    fn value(&mut self) -> ParsedPart {
        let mut is_reported = false;
        while let Some(token) = self.peek() {
            match token.kind {
                // Where a value is missing between two operators, the second is passed over.
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
                let (inner, extent) = self.bracketed(|parser| parser.whole(CommaRule::Refused));
                let height = inner.height + 1;
                ParsedPart { extent, height, ..inner }
            }
            TokenKind::Open(Bracket::Square) => {
                let (items, extent) = self.bracketed(|parser| parser.items(true));
                let height = height_above(&items);
                self.parsed(ExpressionKind::List(expressions(items)), extent, height)
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

    fn name_or_call(&mut self, token: &Token) -> ParsedPart {
        let word = self.written(token);
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
        self.parsed(ExpressionKind::Call(call), extent, height)
    }

    fn function_call(
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

    fn number(&mut self, token: &Token) -> ParsedPart {
        let written = self.written(token);
        if Span::parse(written).is_ok() {
            self.report_unquoted_duration(token);
            return self.literal(token, ExpressionKind::Mistake);
        }
        let error = match literal::number(written) {
            Ok(number) => return self.literal(token, ExpressionKind::Number(number)),
            Err(error) => error,
        };
        let (message, help) = match error {
            NumberError::Unsigned => {
                ("unsigned numbers (5u) are not part of the language".to_owned(), "leave out the u")
            }
            NumberError::HexadecimalTooLarge => {
                ("this whole number is too large".to_owned(), "written like this, it goes up to 0x7fffffffffffffff")
            }
            NumberError::TooLarge => ("this number is too large".to_owned(), "numbers go up to 1e24"),
            NumberError::Malformed => (
                format!("{} is not a number", shorten(written)),
                "a name begins with a letter, a text stands in quotes",
            ),
        };
        self.problems.add(token.span.clone(), message, help);
        self.literal(token, ExpressionKind::Mistake)
    }

    /// `30d` where `'30d'` or `duration('30d')` is meant.
    fn report_unquoted_duration(&mut self, token: &Token) {
        let written = self.written(token);
        let before = |distance: usize| self.at.checked_sub(distance).and_then(|index| self.tokens.get(index));
        let is_argument = match before(1).map(|token| token.kind) {
            Some(TokenKind::Comma) => true,
            Some(TokenKind::Open(Bracket::Round)) => {
                before(2).is_some_and(|function| self.written(function) == "duration")
            }
            _ => false,
        };
        let help = if is_argument { format!("write '{written}'") } else { format!("write duration('{written}')") };
        let message = format!("`{written}` is a duration, and stands without quotes");
        self.problems.add(token.span.clone(), message, help);
    }

    fn text(&mut self, token: &Token) -> ParsedPart {
        let kind = match literal::text(self.written(token)) {
            Ok(text) => ExpressionKind::Text(text),
            Err(InvalidEscape(range)) => {
                let span = token.span.start + range.start..token.span.start + range.end;
                let message = format!("{} is no escape sequence", shorten(&self.source[span.clone()]));
                let help = "write \\\\ for a backslash, or r'…' for text without escapes";
                self.problems.add(span, message, help);
                ExpressionKind::Mistake
            }
        };
        self.literal(token, kind)
    }

    /// What one token stands for.
    fn literal(&mut self, token: &Token, kind: ExpressionKind) -> ParsedPart {
        self.at += 1;
        self.parsed(kind, token.span.clone(), 1)
    }

    /// Parses what commas separate; whether one may stand at the end.
    fn items(&mut self, allow_trailing_comma: bool) -> Vec<ParsedPart> {
        let mut items = Vec::new();
        if self.peek().is_none() {
            return items;
        }
        loop {
            items.push(self.whole(CommaRule::Separate));
            if self.peek().is_none() {
                return items;
            }
            // It is a comma.
            self.at += 1;
            if allow_trailing_comma && self.peek().is_none() {
                return items;
            }
        }
    }

    /// Parses the content of the bracket that stands next, and yields it with the extent of the bracket.
    fn bracketed<T>(&mut self, content: impl FnOnce(&mut Self) -> T) -> (T, Range<usize>) {
        let (open, end) = (self.at, self.bracket_end());
        let outer = std::mem::replace(&mut self.end, end);
        self.at += 1;
        let is_entered = self.enter(1, &self.tokens[open].span.clone());
        let content = content(self);
        self.depth -= usize::from(is_entered);
        self.end = outer;
        self.leave_bracket(open, end);
        (content, self.tokens[open].span.start..self.end_of_previous())
    }

    /// Passes over the bracket that stands next, and yields its extent.
    fn skip_bracket(&mut self) -> Range<usize> {
        let open = self.at;
        let end = self.bracket_end();
        self.leave_bracket(open, end);
        self.tokens[open].span.start..self.end_of_previous()
    }

    /// Index of the token that ends the bracket that stands next.
    fn bracket_end(&self) -> usize {
        self.tokens[self.at].partner.unwrap_or(self.end)
    }

    fn leave_bracket(&mut self, open: usize, end: usize) {
        let is_closed = self.tokens.get(end).is_some_and(|token| token.partner == Some(open));
        self.at = if is_closed { end + 1 } else { end };
    }

    /// Goes so many levels down; false if that is too deep.
    fn enter(&mut self, levels: usize, span: &Range<usize>) -> bool {
        if self.depth + levels > NESTING_MAX {
            self.report_depth(span.clone());
            return false;
        }
        self.depth += levels;
        true
    }

    /// Passes over tokens up to the next `&&` or `||` of this bracket, which is taken too, or else to the end of what is
    /// parsed.
    fn skip_to_next_part(&mut self, commas: CommaRule) -> Option<BinaryOperator> {
        while let Some(token) = self.peek() {
            match token.kind {
                TokenKind::Comma if commas == CommaRule::Separate => return None,
                TokenKind::Operator(operator @ (BinaryOperator::And | BinaryOperator::Or)) => {
                    self.at += 1;
                    return Some(operator);
                }
                TokenKind::Open(_) => {
                    self.skip_bracket();
                }
                _ => self.at += 1,
            }
        }
        None
    }

    /// The next token of the innermost bracket.
    fn peek(&self) -> Option<&'s Token> {
        if self.is_too_deep || self.at >= self.end { None } else { self.tokens.get(self.at) }
    }

    /// Whether a call's bracket follows the next token.
    fn is_call(&self) -> bool {
        self.at + 1 < self.end && self.tokens[self.at + 1].kind == TokenKind::Open(Bracket::Round)
    }

    /// Takes the next token as a name, with its place in the condition.
    fn name(&mut self) -> (&'s str, Range<usize>) {
        let token = &self.tokens[self.at];
        self.at += 1;
        (&self.source[token.span.clone()], token.span.clone())
    }

    fn written(&self, token: &Token) -> &'s str {
        &self.source[token.span.clone()]
    }

    /// Byte offset at which the token before the next one ends.
    fn end_of_previous(&self) -> usize {
        self.at.checked_sub(1).and_then(|index| self.tokens.get(index)).map_or(0, |token| token.span.end)
    }

    fn parsed(&mut self, kind: ExpressionKind, extent: Range<usize>, height: usize) -> ParsedPart {
        if height > NESTING_MAX {
            self.report_depth(extent.clone());
            return self.mistake(extent);
        }
        let span = self.problems.map.place(extent.clone());
        ParsedPart { expression: Expression { kind, span }, extent, height }
    }

    fn mistake(&self, extent: Range<usize>) -> ParsedPart {
        let span = self.problems.map.place(extent.clone());
        ParsedPart { expression: Expression { kind: ExpressionKind::Mistake, span }, extent, height: 1 }
    }

    fn report_depth(&mut self, span: Range<usize>) {
        if !std::mem::replace(&mut self.is_too_deep, true) {
            let message = format!(
                "this condition nests too deep: {NESTING_MAX} operators and brackets within one another are the most"
            );
            self.problems.add(span, message, SPLIT_HELP);
        }
    }

    /// Reports that something must stand where the next token is, or the innermost bracket ends.
    fn report_missing(&mut self, help: &str) {
        if self.is_too_deep {
            return;
        }
        match self.tokens.get(self.at) {
            Some(token) => {
                let message = format!("{} is not expected here", shorten(self.written(token)));
                self.problems.add(token.span.clone(), message, help);
            }
            None => {
                let end = self.source.len();
                self.problems.add(end..end, "the condition ends too early", "something must follow");
            }
        }
    }

    /// Reports a token that cannot stand where it is.
    fn report_unexpected(&mut self, index: usize) {
        let token = &self.tokens[index];
        let is_after_operand = index.checked_sub(1).is_some_and(|before| self.tokens[before].kind.ends_operand());
        let help = match token.kind {
            kind if is_after_operand && kind.begins_operand() && !matches!(kind, TokenKind::Open(_)) => {
                "an operator is missing before it: &&, ||, ==, <, …"
            }
            _ if !is_after_operand => "a value is missing before it",
            _ => "",
        };
        let message = format!("{} is not expected here", shorten(self.written(token)));
        self.problems.add(token.span.clone(), message, help);
    }
}

/// Makes the last part of an expression one that is compared with a mistake: its names are checked, but not whether it
/// is a condition, since what would decide that could not be parsed.
fn leave_open(expression: &mut Expression) {
    if let ExpressionKind::And(items) | ExpressionKind::Or(items) = &mut expression.kind {
        if let Some(last) = items.last_mut() {
            leave_open(last);
        }
        return;
    }
    let span = expression.span.clone();
    let kind = std::mem::replace(&mut expression.kind, ExpressionKind::Mistake);
    let left = Box::new(Expression { kind, span: span.clone() });
    let right = Box::new(Expression { kind: ExpressionKind::Mistake, span });
    expression.kind = ExpressionKind::Compare(Comparison::Equal, left, right);
}

fn push_all(items: &mut Vec<Expression>, mut more: Vec<Expression>) {
    if items.is_empty() {
        *items = more;
    } else {
        items.append(&mut more);
    }
}

/// Height of what encloses these.
fn height_above(items: &[ParsedPart]) -> usize {
    items.iter().map(|item| item.height).max().unwrap_or(0) + 1
}

fn expressions(items: Vec<ParsedPart>) -> Vec<Expression> {
    items.into_iter().map(|item| item.expression).collect()
}
