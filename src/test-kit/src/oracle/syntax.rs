//! Parses an expression by recursive descent, one function for each level of the grammar. It shares nothing
//! with the engine's parser, and panics on mistakes.

use regex::Regex;

use super::value::{OracleValue, number_or_none};
use crate::decoder_oracle::decimal::OracleDecimal;

/// An expression whose names are not resolved yet.
#[derive(Clone, Debug)]
pub(crate) enum SyntaxNode {
    Literal(OracleValue),
    List(Vec<SyntaxNode>),
    Name(String),
    Field(Box<SyntaxNode>, String),
    Call(String, Vec<SyntaxNode>),
    Method(Box<SyntaxNode>, String, Vec<SyntaxNode>),
    Unary(&'static str, Box<SyntaxNode>),
    Binary(&'static str, Box<SyntaxNode>, Box<SyntaxNode>),
}

/// The operators by precedence, loosest first; those of equal precedence group from the left.
const LEVELS: [&[&str]; 5] = [&["||"], &["&&"], &["==", "!=", "<=", ">=", "<", ">", "in"], &["+", "-"], &["*", "/"]];

/// Parses a whole expression.
pub(crate) fn parse(text: &str) -> SyntaxNode {
    let token = Regex::new(concat!(
        r#"^(?:\s|//[^\n]*)*(?:(?P<text>[rR]?(?:'''(?s:.*?)'''|"""(?s:.*?)"""|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"))|"#,
        r"(?P<other>[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?|[A-Za-z_][A-Za-z0-9_]*|&&|\|\||[=!<>]=|[-+*/<>!.,()\[\]]))"
    ))
    .expect("the pattern is fixed and valid");
    let mut rest = text;
    let mut tokens = Vec::new();
    while let Some(found) = token.captures(rest) {
        tokens.push(found.name("text").or_else(|| found.name("other")).expect("one of the two is there").as_str());
        rest = &rest[found[0].len()..];
    }
    let blank = Regex::new(r"^(?:\s|//[^\n]*)*$").expect("the pattern is fixed and valid");
    assert!(blank.is_match(rest), "{text}: `{rest}` is not in the language");
    let mut parser = TokenReader { text, tokens, at: 0 };
    let syntax = parser.level(0);
    assert_eq!(parser.at, parser.tokens.len(), "{text}: something follows its end");
    syntax
}

struct TokenReader<'a> {
    text: &'a str,
    tokens: Vec<&'a str>,
    at: usize,
}

impl<'a> TokenReader<'a> {
    fn peek(&self) -> &'a str {
        self.tokens.get(self.at).copied().unwrap_or_default()
    }

    fn next(&mut self) -> &'a str {
        self.at += 1;
        self.tokens.get(self.at - 1).unwrap_or_else(|| panic!("{}: it ends too early", self.text))
    }

    fn take(&mut self, token: &str) -> bool {
        let is_next = self.peek() == token;
        self.at += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, token: &str) {
        assert!(self.take(token), "{}: `{token}` should stand where `{}` is", self.text, self.peek());
    }

    fn level(&mut self, level: usize) -> SyntaxNode {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.level(level + 1);
        while let Some(operator) = operators.iter().find(|operator| self.peek() == **operator) {
            self.at += 1;
            let right = self.level(level + 1);
            left = SyntaxNode::Binary(operator, Box::new(left), Box::new(right));
        }
        left
    }

    fn unary(&mut self) -> SyntaxNode {
        for sign in ["!", "-"] {
            if self.take(sign) {
                return SyntaxNode::Unary(sign, Box::new(self.unary()));
            }
        }
        self.member()
    }

    fn member(&mut self) -> SyntaxNode {
        let mut target = self.primary();
        loop {
            if self.take("[") {
                let SyntaxNode::Literal(OracleValue::Text(field)) = self.primary() else {
                    panic!("{}: only a text may be an index", self.text)
                };
                self.expect("]");
                target = SyntaxNode::Field(Box::new(target), field);
            } else if self.take(".") {
                let name = self.next().to_owned();
                target = if self.take("(") {
                    SyntaxNode::Method(Box::new(target), name, self.items(")"))
                } else {
                    SyntaxNode::Field(Box::new(target), name)
                };
            } else {
                return target;
            }
        }
    }

    fn primary(&mut self) -> SyntaxNode {
        let token = self.next();
        let first = token.chars().next().unwrap_or_default();
        match token {
            "(" => {
                let inner = self.level(0);
                self.expect(")");
                inner
            }
            "[" => SyntaxNode::List(self.items("]")),
            "true" | "false" => SyntaxNode::Literal(OracleValue::Bool(token == "true")),
            _ if token.contains(['\'', '"']) => SyntaxNode::Literal(OracleValue::Text(self.unquoted(token))),
            _ if first.is_ascii_digit() || first == '.' => {
                SyntaxNode::Literal(number_or_none(OracleDecimal::parse(token)))
            }
            _ if first.is_ascii_alphabetic() || first == '_' => {
                if self.take("(") {
                    SyntaxNode::Call(token.to_owned(), self.items(")"))
                } else {
                    SyntaxNode::Name(token.to_owned())
                }
            }
            _ => panic!("{}: `{token}` is no value", self.text),
        }
    }

    fn items(&mut self, end: &str) -> Vec<SyntaxNode> {
        let mut items = Vec::new();
        while !self.take(end) {
            items.push(self.level(0));
            if !self.take(",") {
                self.expect(end);
                break;
            }
        }
        items
    }

    fn unquoted(&self, literal: &str) -> String {
        let body = literal.trim_start_matches(['r', 'R']);
        let quotes = if body.len() >= 6 && (body.starts_with("'''") || body.starts_with("\"\"\"")) { 3 } else { 1 };
        let content = &body[quotes..body.len() - quotes];
        if body.len() < literal.len() {
            return content.to_owned();
        }
        let mut chars = content.chars();
        let mut text = String::new();
        while let Some(c) = chars.next() {
            if c != '\\' {
                text.push(c);
                continue;
            }
            text.push(match chars.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('r') => '\r',
                Some(c @ ('\\' | '\'' | '"')) => c,
                other => panic!("{}: the oracle has not the escape {other:?}", self.text),
            });
        }
        text
    }
}
