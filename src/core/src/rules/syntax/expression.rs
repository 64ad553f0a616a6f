//! The syntax tree of a condition.

use std::ops::Range;

use crate::decimal::Decimal;
use crate::rules::ruleset::{Arithmetic, Comparison};

/// An expression as it is written in the rules.
#[derive(Debug)]
pub(in crate::rules) struct Expression {
    pub(in crate::rules) kind: ExpressionKind,
    /// Byte range in the file, without brackets around it.
    pub(in crate::rules) span: Range<usize>,
}

/// The kinds of expressions.
#[derive(Debug)]
pub(in crate::rules) enum ExpressionKind {
    Bool(bool),
    Number(Decimal),
    Text(String),
    Null,
    List(Vec<Expression>),
    Name(String),
    /// `target.field`, or `target['field']`.
    Field(Box<Expression>, String),
    /// `name(…)`
    Call(FunctionCall),
    /// `receiver.name(…)`
    MethodCall(Box<Expression>, FunctionCall),
    Not(Box<Expression>),
    Negate(Box<Expression>),
    /// `a && b && …`; two or more, none of them an `And` itself.
    And(Vec<Expression>),
    /// `a || b || …`; two or more, none of them an `Or` itself.
    Or(Vec<Expression>),
    Compare(Comparison, Box<Expression>, Box<Expression>),
    Arithmetic(Arithmetic, Box<Expression>, Box<Expression>),
    In(Box<Expression>, Box<Expression>),
    /// Something that is not part of the language. It was reported.
    Mistake,
}

/// A function or method with its arguments.
#[derive(Debug)]
pub(in crate::rules) struct FunctionCall {
    pub(in crate::rules) name: String,
    /// Byte range of the name in the file.
    pub(in crate::rules) name_span: Range<usize>,
    pub(in crate::rules) arguments: Vec<Expression>,
    /// Byte range of the whole call in the file, the receiver of a method included.
    pub(in crate::rules) span: Range<usize>,
}

/// A name and the fields behind it.
pub(in crate::rules) struct DottedPath<'e> {
    pub(in crate::rules) root: &'e str,
    /// Byte range of the root in the file.
    pub(in crate::rules) root_span: Range<usize>,
    pub(in crate::rules) fields: Vec<String>,
}

impl DottedPath<'_> {
    /// The path, written with dots.
    pub(in crate::rules) fn written(&self) -> String {
        std::iter::once(self.root).chain(self.fields.iter().map(String::as_str)).collect::<Vec<_>>().join(".")
    }
}

impl Expression {
    /// The dotted path, like `order.total`. `None`: it is another kind of expression.
    pub(in crate::rules) fn as_path(&self) -> Option<DottedPath<'_>> {
        let mut fields = Vec::new();
        let mut head = self;
        while let ExpressionKind::Field(target, field) = &head.kind {
            fields.push(field.clone());
            head = target;
        }
        let ExpressionKind::Name(root) = &head.kind else { return None };
        fields.reverse();
        Some(DottedPath { root, root_span: head.span.clone(), fields })
    }

    /// Its direct subexpressions.
    pub(in crate::rules) fn children(&self) -> Vec<&Expression> {
        match &self.kind {
            ExpressionKind::Bool(_)
            | ExpressionKind::Number(_)
            | ExpressionKind::Text(_)
            | ExpressionKind::Null
            | ExpressionKind::Name(_)
            | ExpressionKind::Mistake => Vec::new(),
            ExpressionKind::List(items) | ExpressionKind::And(items) | ExpressionKind::Or(items) => {
                items.iter().collect()
            }
            ExpressionKind::Field(inner, _) | ExpressionKind::Not(inner) | ExpressionKind::Negate(inner) => vec![inner],
            ExpressionKind::Call(call) => call.arguments.iter().collect(),
            ExpressionKind::MethodCall(receiver, call) => {
                std::iter::once(receiver.as_ref()).chain(&call.arguments).collect()
            }
            ExpressionKind::Compare(_, left, right)
            | ExpressionKind::Arithmetic(_, left, right)
            | ExpressionKind::In(left, right) => vec![left, right],
        }
    }
}
