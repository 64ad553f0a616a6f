//! CEL text to a small tree with every name resolved. Panics on what is not in the language.

use cel::common::ast::{CallExpr, Expr, LiteralValue};
use regex::Regex;

use super::value::{Value, number_or_none};
use crate::decoder_oracle::decimal::Decimal;

/// Where a path of fields starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    Properties,
    Context,
    Traits,
}

/// An expression.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    Literal(Value),
    List(Vec<Node>),
    Not(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Compare(&'static str, Box<Node>, Box<Node>),
    Reckon(&'static str, Box<Node>, Box<Node>),
    Negate(Box<Node>),
    /// `number(x)`.
    ToNumber(Box<Node>),
    In(Box<Node>, Box<Node>),
    Text(String, Box<Node>, Box<Node>),
    Matches(Box<Node>, Regex),
    Field(Root, Vec<String>),
    Has(Root, Vec<String>),
    /// `count`, `sum`, `min`, `max`, `avg`, `distinct` of a name's property (no path for `count`) over milliseconds.
    Window(String, usize, Vec<String>, i64),
    /// `total`; of events where the path is empty.
    Total(usize, Vec<String>),
    Last(usize, Vec<String>),
    Since(usize),
    Idle,
    Age,
    InSegment(usize),
}

/// Parses an expression; `names` and `segments` are the ids it may use.
pub(crate) fn parse(text: &str, names: &[String], segments: &[String]) -> Node {
    let parsed = cel::parser::Parser::new().parse(text).unwrap_or_else(|errors| panic!("{text}: {errors}"));
    Scope { text, names, segments }.lower(&parsed.expr)
}

/// A duration literal in milliseconds: `30m`, `1h30m`.
pub(crate) fn parse_duration(text: &str) -> i64 {
    let part = Regex::new("([0-9]+)(ms|s|m|h|d|w)").expect("the pattern is fixed and valid");
    let mut length = 0;
    let mut total = 0;
    for found in part.captures_iter(text) {
        length += found[0].len();
        let unit = match &found[2] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => 7 * 86_400_000,
        };
        total += found[1].parse::<i64>().expect("a number of at most 18 digits") * unit;
    }
    assert!(!text.is_empty() && length == text.len(), "`{text}` is no duration");
    total
}

struct Scope<'a> {
    text: &'a str,
    names: &'a [String],
    segments: &'a [String],
}

impl Scope<'_> {
    fn lower(&self, expr: &Expr) -> Node {
        match expr {
            Expr::Literal(literal) => Node::Literal(self.literal(literal)),
            Expr::List(list) => Node::List(list.elements.iter().map(|item| self.lower(&item.expr)).collect()),
            Expr::Select(select) => {
                let (root, path) = self.field(expr);
                if select.test { Node::Has(root, path) } else { Node::Field(root, path) }
            }
            Expr::Call(call) => self.call(call),
            _ => panic!("{}: {expr:?} is not in the language", self.text),
        }
    }

    fn literal(&self, literal: &LiteralValue) -> Value {
        match literal {
            LiteralValue::Boolean(value) => Value::Bool(*value.inner()),
            LiteralValue::Int(value) => number_or_none(Decimal::parse(&value.inner().to_string())),
            LiteralValue::Double(value) => number_or_none(Decimal::parse(&value.inner().to_string())),
            LiteralValue::String(text) => Value::Text(text.inner().to_owned()),
            _ => panic!("{}: {literal:?} is not in the language", self.text),
        }
    }

    fn call(&self, call: &CallExpr) -> Node {
        if let Some(subject) = &call.target {
            let (subject, argument) = (Box::new(self.lower(&subject.expr)), &call.args[0].expr);
            return match call.func_name.as_str() {
                "matches" => Node::Matches(subject, Regex::new(&self.string(argument)).expect("a valid pattern")),
                test @ ("startsWith" | "endsWith" | "contains") => {
                    Node::Text(test.to_owned(), subject, Box::new(self.lower(argument)))
                }
                other => panic!("{}: `{other}` is not in the language", self.text),
            };
        }
        let argument = |index: usize| &call.args[index].expr;
        let lowered = |index: usize| Box::new(self.lower(argument(index)));
        match call.func_name.as_str() {
            "!_" => Node::Not(lowered(0)),
            "-_" => Node::Negate(lowered(0)),
            "_&&_" => Node::And(lowered(0), lowered(1)),
            "_||_" => Node::Or(lowered(0), lowered(1)),
            "@in" => Node::In(lowered(0), lowered(1)),
            "number" => Node::ToNumber(lowered(0)),
            "duration" => Node::Literal(Value::Duration(self.milliseconds(argument(0)) as f64)),
            "idle" => Node::Idle,
            "age" => Node::Age,
            "since" => Node::Since(self.name(argument(0)).0),
            "in_segment" => Node::InSegment(self.segment(&self.string(argument(0)))),
            "total" => {
                let (name, path) = self.name(argument(0));
                Node::Total(name, path)
            }
            "last" => {
                let (name, path) = self.name(argument(0));
                Node::Last(name, path)
            }
            window @ ("count" | "sum" | "min" | "max" | "avg" | "distinct") => {
                let (name, path) = self.name(argument(0));
                Node::Window(window.to_owned(), name, path, self.milliseconds(argument(1)))
            }
            operator => self.operator(operator, lowered(0), lowered(1)),
        }
    }

    fn operator(&self, operator: &str, left: Box<Node>, right: Box<Node>) -> Node {
        let comparisons = ["==", "!=", "<", "<=", ">", ">="];
        let bare = operator.trim_matches('_');
        if let Some(comparison) = comparisons.into_iter().find(|symbol| *symbol == bare) {
            return Node::Compare(comparison, left, right);
        }
        match ["+", "-", "*", "/"].into_iter().find(|symbol| *symbol == bare) {
            Some(symbol) => Node::Reckon(symbol, left, right),
            None => panic!("{}: `{operator}` is not in the language", self.text),
        }
    }

    fn field(&self, expr: &Expr) -> (Root, Vec<String>) {
        let path = self.path(expr);
        let root = match path[0].as_str() {
            "properties" => Root::Properties,
            "context" => Root::Context,
            "traits" => Root::Traits,
            other => panic!("{}: `{other}` has no fields here", self.text),
        };
        (root, path[1..].to_vec())
    }

    fn name(&self, expr: &Expr) -> (usize, Vec<String>) {
        let path = self.path(expr);
        let name = self.names.iter().position(|name| *name == path[0]);
        (name.unwrap_or_else(|| panic!("{}: no event is named `{}`", self.text, path[0])), path[1..].to_vec())
    }

    fn path(&self, expr: &Expr) -> Vec<String> {
        match expr {
            Expr::Ident(name) => vec![name.clone()],
            Expr::Select(select) => {
                let mut path = self.path(&select.operand.expr);
                path.push(select.field.clone());
                path
            }
            _ => panic!("{}: {expr:?} is no path of names", self.text),
        }
    }

    fn segment(&self, id: &str) -> usize {
        let place = self.segments.iter().position(|segment| segment == id);
        place.unwrap_or_else(|| panic!("{}: no segment `{id}` above this place", self.text))
    }

    fn string(&self, expr: &Expr) -> String {
        match expr {
            Expr::Literal(LiteralValue::String(text)) => text.inner().to_owned(),
            _ => panic!("{}: {expr:?} should be a string literal", self.text),
        }
    }

    fn milliseconds(&self, expr: &Expr) -> i64 {
        parse_duration(&self.string(expr))
    }
}
