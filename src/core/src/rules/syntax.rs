//! A condition's text as a tree: every node with its place in the file.
//!
//! The crate `cel` parses, and only parses. Its tree is turned at once into [`Node`], which has the constructs the
//! language knows, chains of `&&` and `||` flattened, and everything else as [`NodeKind::Refused`].

use std::borrow::Cow;
use std::ops::Range;

use cel::parser::{ParseError, Parser};

use super::diagnostic::{Problems, shorten};
use super::lexer::{self, Token, TokenKind};
use super::program::{Arithmetic, Comparison};
use super::source_map::SourceMap;
use super::tree::Builder;
use crate::decimal::Decimal;

/// A piece of a condition.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: NodeKind,
    /// Byte range in the file.
    pub(super) span: Range<usize>,
}

/// The constructs a condition is made of.
#[derive(Debug)]
pub(super) enum NodeKind {
    Bool(bool),
    Number(Decimal),
    Text(String),
    Null,
    List(Vec<Node>),
    Name(String),
    /// `target.field`, or `target['field']`.
    Select(Box<Node>, String),
    /// `has(…)` of a `Select`.
    Has(Box<Node>),
    /// `name(…)`; the range is the name's.
    Call(String, Range<usize>, Vec<Node>),
    /// `target.name(…)`; the range is the name's.
    Method(Box<Node>, String, Range<usize>, Vec<Node>),
    Not(Box<Node>),
    Negate(Box<Node>),
    And(Vec<Node>),
    Or(Vec<Node>),
    Compare(Comparison, Box<Node>, Box<Node>),
    Arithmetic(Arithmetic, Box<Node>, Box<Node>),
    In(Box<Node>, Box<Node>),
    /// A construct of CEL that conditions do not have: what it is, and what to do instead.
    Refused(&'static str, &'static str),
}

/// Parses a condition whose text has its places in the file given by `map`.
pub(super) fn parse(source: &str, map: &SourceMap, problems: &mut Problems<'_>) -> Option<Node> {
    let tokens = match lexer::tokens(source) {
        Ok(tokens) => tokens,
        Err(errors) => {
            for error in errors {
                problems.add(&map.place(error.span), error.message, error.help);
            }
            return None;
        }
    };
    if tokens.is_empty() {
        problems.add(
            &map.place(0..source.len()),
            "the condition is empty",
            "write what must hold, or take the key out",
        );
        return None;
    }
    match Parser::default().max_recursion_depth(1_000).parse_with_source_info(&for_parser(source, &tokens)) {
        Ok((tree, info)) => Some(Builder { source, tokens: &tokens, info: &info, map }.build(&tree)),
        Err(errors) => {
            // What follows the first error is mostly its echo.
            if let Some(error) = errors.errors.first() {
                report(error, source, &tokens, map, problems);
            }
            None
        }
    }
}

/// The condition as the parser is given it: whole numbers that may not fit in 64 bits stand as others that are as long.
/// What they are is read from the condition itself.
fn for_parser<'s>(source: &'s str, tokens: &[Token]) -> Cow<'s, str> {
    let mut text = Cow::Borrowed(source);
    for token in tokens.iter().filter(|token| token.kind == TokenKind::Number && token.span.len() > 18) {
        if source[token.span.clone()].bytes().all(|byte| byte.is_ascii_digit()) {
            let other = format!("0.{}", "0".repeat(token.span.len() - 2));
            text.to_mut().replace_range(token.span.clone(), &other);
        }
    }
    text
}

/// Says a syntax error of the parser in words for people.
fn report(error: &ParseError, source: &str, tokens: &[Token], map: &SourceMap, problems: &mut Problems<'_>) {
    let at = byte_offset(source, error.pos);
    let token = tokens.iter().find(|token| token.span.contains(&at));
    let span = token.map_or(source.len()..source.len(), |token| token.span.clone());
    let found = token.map(|token| shorten(&source[token.span.clone()]));
    let (message, help) = match found {
        _ if error.msg.contains("int literal") => {
            ("this whole number is too large".to_owned(), "written like this, it goes up to 9223372036854775807")
        }
        _ if error.msg.contains("double literal") => ("this number is too large".to_owned(), "numbers go up to 1e24"),
        _ if error.msg.contains("string literal") => (
            "this text has an escape that is none".to_owned(),
            "write \\\\ for a backslash, or r'…' for text without escapes",
        ),
        _ if error.msg.contains("has() macro") => (
            "has() asks whether a trait, a property or a context field is there".to_owned(),
            "write has(traits.name); in `where`, also has(properties.name) and has(context.name)",
        ),
        Some(word) if error.msg.contains("reserved") => (format!("{word} is a reserved word"), "name it otherwise"),
        Some(token) => (format!("{token} is not expected here"), expectation(source, tokens, at)),
        None => ("the condition ends too early".to_owned(), "something must follow"),
    };
    problems.add(&map.place(span), message, help);
}

/// What probably is missing before a token that is not expected.
fn expectation(source: &str, tokens: &[Token], at: usize) -> &'static str {
    let index = tokens.iter().position(|token| token.span.contains(&at)).unwrap_or(0);
    let is_operand =
        |token: &Token| token.kind != TokenKind::Symbol || matches!(&source[token.span.clone()], ")" | "]" | "}");
    match index.checked_sub(1).map(|before| &tokens[before]) {
        Some(before) if is_operand(before) && tokens[index].kind != TokenKind::Symbol => {
            "an operator is missing before it: &&, ||, ==, <, …"
        }
        Some(before) if !is_operand(before) => "a value is missing before it",
        None => "a value is missing before it",
        _ => "",
    }
}

/// The byte offset of the parser's (line, column), which count from 1, columns in characters.
fn byte_offset(source: &str, (line, column): (isize, isize)) -> usize {
    let (Ok(line), Ok(column)) = (usize::try_from(line - 1), usize::try_from(column - 1)) else { return source.len() };
    let start: usize = source.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = &source[start..];
    start + rest.char_indices().nth(column).map_or(rest.len(), |(offset, _)| offset)
}
