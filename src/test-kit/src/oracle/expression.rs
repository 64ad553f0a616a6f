//! Resolves the names in an expression. Panics on anything that is not part of the language.

use regex::Regex;

use super::syntax::{self, SyntaxNode};
use super::value::OracleValue;

/// Where a path of fields starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PathRoot {
    Properties,
    Context,
    Traits,
}

/// An expression.
#[derive(Clone, Debug)]
pub(crate) enum OracleExpression {
    Literal(OracleValue),
    List(Vec<OracleExpression>),
    Not(Box<OracleExpression>),
    And(Box<OracleExpression>, Box<OracleExpression>),
    Or(Box<OracleExpression>, Box<OracleExpression>),
    Compare(&'static str, Box<OracleExpression>, Box<OracleExpression>),
    Arithmetic(&'static str, Box<OracleExpression>, Box<OracleExpression>),
    Negate(Box<OracleExpression>),
    /// `number(x)`.
    ToNumber(Box<OracleExpression>),
    In(Box<OracleExpression>, Box<OracleExpression>),
    Text(String, Box<OracleExpression>, Box<OracleExpression>),
    Matches(Box<OracleExpression>, Regex),
    Field(PathRoot, Vec<String>),
    Has(PathRoot, Vec<String>),
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
pub(crate) fn parse(text: &str, names: &[String], segments: &[String]) -> OracleExpression {
    NameResolver { text, names, segments }.lower(&syntax::parse(text))
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

struct NameResolver<'a> {
    text: &'a str,
    names: &'a [String],
    segments: &'a [String],
}

impl NameResolver<'_> {
    fn lower(&self, syntax: &SyntaxNode) -> OracleExpression {
        match syntax {
            SyntaxNode::Literal(value) => OracleExpression::Literal(value.clone()),
            SyntaxNode::List(items) => OracleExpression::List(items.iter().map(|item| self.lower(item)).collect()),
            SyntaxNode::Name(_) | SyntaxNode::Field(..) => {
                let (root, path) = self.field(syntax);
                OracleExpression::Field(root, path)
            }
            SyntaxNode::Method(subject, name, argument) => self.method(subject, name, argument),
            SyntaxNode::Call(name, arguments) => self.call(name, arguments),
            SyntaxNode::Unary(sign, operand) => {
                let operand = Box::new(self.lower(operand));
                if *sign == "!" { OracleExpression::Not(operand) } else { OracleExpression::Negate(operand) }
            }
            SyntaxNode::Binary(operator, left, right) => {
                self.operator(operator, Box::new(self.lower(left)), Box::new(self.lower(right)))
            }
        }
    }

    fn method(&self, subject: &SyntaxNode, name: &str, argument: &SyntaxNode) -> OracleExpression {
        let subject = Box::new(self.lower(subject));
        match name {
            "matches" => {
                OracleExpression::Matches(subject, Regex::new(&self.string(argument)).expect("a valid pattern"))
            }
            "startsWith" | "endsWith" | "contains" => {
                OracleExpression::Text(name.to_owned(), subject, Box::new(self.lower(argument)))
            }
            other => panic!("{}: `{other}` is not in the language", self.text),
        }
    }

    fn call(&self, function: &str, arguments: &[SyntaxNode]) -> OracleExpression {
        let argument = |index: usize| &arguments[index];
        match function {
            "number" => OracleExpression::ToNumber(Box::new(self.lower(argument(0)))),
            "has" => {
                let (root, path) = self.field(argument(0));
                OracleExpression::Has(root, path)
            }
            "duration" => OracleExpression::Literal(OracleValue::Duration(self.milliseconds(argument(0)) as f64)),
            "idle" => OracleExpression::Idle,
            "age" => OracleExpression::Age,
            "since" => OracleExpression::Since(self.name(argument(0)).0),
            "in_segment" => OracleExpression::InSegment(self.segment(&self.string(argument(0)))),
            "total" => {
                let (name, path) = self.name(argument(0));
                OracleExpression::Total(name, path)
            }
            "last" => {
                let (name, path) = self.name(argument(0));
                OracleExpression::Last(name, path)
            }
            window @ ("count" | "sum" | "min" | "max" | "avg" | "distinct") => {
                let (name, path) = self.name(argument(0));
                OracleExpression::Window(window.to_owned(), name, path, self.milliseconds(argument(1)))
            }
            other => panic!("{}: `{other}` is not in the language", self.text),
        }
    }

    fn operator(
        &self,
        operator: &'static str,
        left: Box<OracleExpression>,
        right: Box<OracleExpression>,
    ) -> OracleExpression {
        match operator {
            "&&" => OracleExpression::And(left, right),
            "||" => OracleExpression::Or(left, right),
            "in" => OracleExpression::In(left, right),
            "==" | "!=" | "<" | "<=" | ">" | ">=" => OracleExpression::Compare(operator, left, right),
            "+" | "-" | "*" | "/" => OracleExpression::Arithmetic(operator, left, right),
            _ => panic!("{}: `{operator}` is not in the language", self.text),
        }
    }

    fn field(&self, syntax: &SyntaxNode) -> (PathRoot, Vec<String>) {
        let path = self.path(syntax);
        let root = match path[0].as_str() {
            "properties" => PathRoot::Properties,
            "context" => PathRoot::Context,
            "traits" => PathRoot::Traits,
            other => panic!("{}: `{other}` has no fields here", self.text),
        };
        (root, path[1..].to_vec())
    }

    fn name(&self, syntax: &SyntaxNode) -> (usize, Vec<String>) {
        let path = self.path(syntax);
        let name = self.names.iter().position(|name| *name == path[0]);
        (name.unwrap_or_else(|| panic!("{}: no event is named `{}`", self.text, path[0])), path[1..].to_vec())
    }

    fn path(&self, syntax: &SyntaxNode) -> Vec<String> {
        match syntax {
            SyntaxNode::Name(name) => vec![name.clone()],
            SyntaxNode::Field(target, field) => {
                let mut path = self.path(target);
                path.push(field.clone());
                path
            }
            _ => panic!("{}: {syntax:?} is no path of names", self.text),
        }
    }

    fn segment(&self, id: &str) -> usize {
        let place = self.segments.iter().position(|segment| segment == id);
        place.unwrap_or_else(|| panic!("{}: no segment `{id}` above this place", self.text))
    }

    fn string(&self, syntax: &SyntaxNode) -> String {
        match syntax {
            SyntaxNode::Literal(OracleValue::Text(text)) => text.clone(),
            _ => panic!("{}: {syntax:?} should be a string literal", self.text),
        }
    }

    fn milliseconds(&self, syntax: &SyntaxNode) -> i64 {
        parse_duration(&self.string(syntax))
    }
}
