//! Turns the parser's tree into [`Node`]s, and finds the extent of each from the tokens.
//!
//! The parser keeps one token per node: the bracket of a call, the dot of a selection, the operator of a chain. The rest
//! of a node's extent is that of its parts, and of the brackets that pair.

use std::ops::Range;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, SourceInfo, operators};

use super::lexer::{Token, TokenKind};
use super::program::{Arithmetic, Comparison};
use super::source_map::SourceMap;
use super::syntax::{Node, NodeKind};
use crate::decimal::Decimal;

/// Turns the parser's tree into nodes. Each step also yields the node's byte range in the condition.
pub(super) struct Builder<'s> {
    pub(super) source: &'s str,
    pub(super) tokens: &'s [Token],
    pub(super) info: &'s SourceInfo,
    pub(super) map: &'s SourceMap,
}

type Built = (Node, Range<usize>);

impl Builder<'_> {
    /// The whole tree.
    pub(super) fn build(&self, tree: &IdedExpr) -> Node {
        self.node(tree).0
    }

    fn node(&self, tree: &IdedExpr) -> Built {
        let token = self.token_of(tree.id);
        match &tree.expr {
            Expr::Literal(literal) => self.literal(literal, token),
            Expr::Ident(name) => self.built(NodeKind::Name(name.clone()), self.span_of(token)),
            Expr::Select(select) => {
                let (operand, inner) = self.node(&select.operand);
                // The token is the dot; for has(), it is the bracket of has.
                let end = if select.test { self.partner_end(token) } else { self.span_of(token + 1).end };
                if !select.test {
                    return self.built(NodeKind::Select(Box::new(operand), select.field.clone()), inner.start..end);
                }
                let argument_end = self.span_of(self.partner(token).saturating_sub(1)).end;
                let argument = NodeKind::Select(Box::new(operand), select.field.clone());
                let argument = self.built(argument, inner.start..argument_end).0;
                self.built(NodeKind::Has(Box::new(argument)), self.name_before(token).start..end)
            }
            Expr::List(list) => {
                let items = list.elements.iter().map(|item| self.node(item).0).collect();
                self.built(NodeKind::List(items), self.span_of(token).start..self.partner_end(token))
            }
            Expr::Call(call) => self.call(call, token),
            Expr::Map(_) => self.refused(token, "maps ({…}) are not part of the language", ""),
            Expr::Struct(_) => self.refused(token, "messages (Name{…}) are not part of the language", ""),
            Expr::Comprehension(_) => self.refused(
                token,
                "exists, exists_one, all, map and filter are not part of the language",
                "count events with count(E, W); name filtered events in [events] with `where`",
            ),
            Expr::Unspecified => self.refused(token, "this is not a condition", ""),
        }
    }

    fn literal(&self, literal: &LiteralValue, token: usize) -> Built {
        let mut span = self.span_of(token);
        let negative = match literal {
            LiteralValue::Int(int) => *int.inner() < 0,
            LiteralValue::Double(double) => double.inner().is_sign_negative(),
            _ => false,
        };
        // The parser takes the sign into the number but not into its place.
        if negative && token > 0 {
            span.start = self.span_of(token - 1).start;
        }
        let kind = match literal {
            LiteralValue::Boolean(value) => NodeKind::Bool(*value.inner()),
            LiteralValue::Int(value) => self.number(token, negative, Some(*value.inner())),
            LiteralValue::Double(_) => self.number(token, negative, None),
            LiteralValue::String(value) => NodeKind::Text(value.inner().to_owned()),
            LiteralValue::Null => NodeKind::Null,
            LiteralValue::UInt(_) => {
                NodeKind::Refused("unsigned numbers (5u) are not part of the language", "leave out the u")
            }
            LiteralValue::Bytes(_) => NodeKind::Refused("bytes (b'…') are not part of the language", "leave out the b"),
        };
        self.built(kind, span)
    }

    /// A number by its digits, of which the parser may have kept too few; `otherwise` where it is not written in tens.
    fn number(&self, token: usize, negative: bool, otherwise: Option<i64>) -> NodeKind {
        let digits = &self.source[self.span_of(token)];
        let number = match otherwise {
            Some(number) if !digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(Decimal::from(number)),
            _ => Decimal::parse(digits).map(|number| if negative { number.negated() } else { number }),
        };
        match number {
            Some(number) => NodeKind::Number(number),
            None => NodeKind::Refused("this number is too large", "numbers go up to 1e24"),
        }
    }

    fn call(&self, call: &CallExpr, token: usize) -> Built {
        if let Some(target) = &call.target {
            let (target, inner) = self.node(target);
            let name_span = self.name_before(token);
            let span = inner.start..self.partner_end(token);
            let kind = NodeKind::Method(
                Box::new(target),
                call.func_name.clone(),
                self.map.place(name_span),
                self.arguments(call),
            );
            return self.built(kind, span);
        }
        match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::LOGICAL_AND, _) => self.chain(call, NodeKind::And),
            (operators::LOGICAL_OR, _) => self.chain(call, NodeKind::Or),
            (operators::LOGICAL_NOT, [operand]) => self.prefixed(operand, token, NodeKind::Not),
            (operators::NEGATE, [operand]) => self.prefixed(operand, token, NodeKind::Negate),
            (operators::INDEX, [target, index]) => self.index(target, index, token),
            (operators::CONDITIONAL, [first, .., last]) => {
                let span = self.node(first).1.start..self.node(last).1.end;
                self.built(NodeKind::Refused("`? :` is not part of the language", "write (a && b) || (!a && c)"), span)
            }
            (name, [left, right]) if name.starts_with('_') && name.ends_with('_') || name == operators::IN => {
                self.binary(name, left, right)
            }
            (name, _) => {
                let name_span = self.name_before(token);
                let span = name_span.start..self.partner_end(token);
                let kind = NodeKind::Call(name.to_owned(), self.map.place(name_span), self.arguments(call));
                self.built(kind, span)
            }
        }
    }

    fn arguments(&self, call: &CallExpr) -> Vec<Node> {
        call.args.iter().map(|argument| self.node(argument).0).collect()
    }

    fn chain(&self, call: &CallExpr, kind: fn(Vec<Node>) -> NodeKind) -> Built {
        let mut built = Vec::new();
        self.flatten(call, &mut built);
        let start = built.iter().map(|(_, span)| span.start).min().unwrap_or(0);
        let end = built.iter().map(|(_, span)| span.end).max().unwrap_or(start);
        self.built(kind(built.into_iter().map(|(node, _)| node).collect()), start..end)
    }

    /// The parser balances a chain into a tree; this is the chain again.
    fn flatten(&self, call: &CallExpr, built: &mut Vec<Built>) {
        for argument in &call.args {
            match &argument.expr {
                Expr::Call(inner) if inner.target.is_none() && inner.func_name == call.func_name => {
                    self.flatten(inner, built);
                }
                _ => built.push(self.node(argument)),
            }
        }
    }

    fn prefixed(&self, operand: &IdedExpr, token: usize, kind: fn(Box<Node>) -> NodeKind) -> Built {
        let (node, inner) = self.node(operand);
        let span = self.span_of(token).start..inner.end.max(self.partner_end(token + 1));
        self.built(kind(Box::new(node)), span)
    }

    fn index(&self, target: &IdedExpr, index: &IdedExpr, token: usize) -> Built {
        let (node, inner) = self.node(target);
        let span = inner.start..self.partner_end(token);
        let kind = match &index.expr {
            Expr::Literal(LiteralValue::String(field)) => NodeKind::Select(Box::new(node), field.inner().to_owned()),
            _ => NodeKind::Refused(
                "only a text in quotes can stand in [ ]",
                "write traits['name with spaces']; a place in a list cannot be asked for",
            ),
        };
        self.built(kind, span)
    }

    fn binary(&self, name: &str, left: &IdedExpr, right: &IdedExpr) -> Built {
        let ((left, left_span), (right, right_span)) = (self.node(left), self.node(right));
        let (left, right) = (Box::new(left), Box::new(right));
        let kind = match name {
            operators::ADD => NodeKind::Arithmetic(Arithmetic::Add, left, right),
            operators::SUBSTRACT => NodeKind::Arithmetic(Arithmetic::Subtract, left, right),
            operators::MULTIPLY => NodeKind::Arithmetic(Arithmetic::Multiply, left, right),
            operators::DIVIDE => NodeKind::Arithmetic(Arithmetic::Divide, left, right),
            operators::EQUALS => NodeKind::Compare(Comparison::Equal, left, right),
            operators::NOT_EQUALS => NodeKind::Compare(Comparison::NotEqual, left, right),
            operators::LESS => NodeKind::Compare(Comparison::Less, left, right),
            operators::LESS_EQUALS => NodeKind::Compare(Comparison::LessOrEqual, left, right),
            operators::GREATER => NodeKind::Compare(Comparison::Greater, left, right),
            operators::GREATER_EQUALS => NodeKind::Compare(Comparison::GreaterOrEqual, left, right),
            operators::IN => NodeKind::In(left, right),
            operators::MODULO => NodeKind::Refused("`%` is not part of the language", ""),
            _ => NodeKind::Refused("this operator is not part of the language", ""),
        };
        self.built(kind, left_span.start..right_span.end)
    }

    fn refused(&self, token: usize, what: &'static str, help: &'static str) -> Built {
        let start = self.name_before(token).start;
        self.built(NodeKind::Refused(what, help), start..self.partner_end(token))
    }

    fn built(&self, kind: NodeKind, span: Range<usize>) -> Built {
        (Node { kind, span: self.map.place(span.clone()) }, span)
    }

    /// Index of the token that the parser keeps for a node.
    fn token_of(&self, id: u64) -> usize {
        let start = self.info.offset_for(id).map_or(0, |(start, _)| start as usize);
        self.tokens.partition_point(|token| token.span.end <= start)
    }

    fn span_of(&self, token: usize) -> Range<usize> {
        self.tokens.get(token).map_or(self.source.len()..self.source.len(), |token| token.span.clone())
    }

    fn partner(&self, token: usize) -> usize {
        self.tokens.get(token).and_then(|token| token.partner).filter(|partner| *partner > token).unwrap_or(token)
    }

    /// End of the bracket pair that opens at `token`; for other tokens, at most the token's own end.
    fn partner_end(&self, token: usize) -> usize {
        match self.tokens.get(token) {
            Some(found) if found.partner.is_some_and(|partner| partner > token) => {
                self.span_of(self.partner(token)).end
            }
            Some(found) if found.kind != TokenKind::Symbol => found.span.end,
            Some(found) => found.span.start,
            None => self.source.len(),
        }
    }

    /// The word in front of an opening bracket; the bracket itself where there is none.
    fn name_before(&self, token: usize) -> Range<usize> {
        match token.checked_sub(1).map(|before| &self.tokens[before]) {
            Some(before) if before.kind == TokenKind::Word => before.span.clone(),
            _ => self.span_of(token),
        }
    }
}
