//! Resolves the names in an expression. Panics on what is not in the language.

use regex::Regex;

use super::syntax::{self, Syntax};
use super::value::Value;

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
    Scope { text, names, segments }.lower(&syntax::parse(text))
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
    fn lower(&self, syntax: &Syntax) -> Node {
        match syntax {
            Syntax::Literal(value) => Node::Literal(value.clone()),
            Syntax::List(items) => Node::List(items.iter().map(|item| self.lower(item)).collect()),
            Syntax::Name(_) | Syntax::Field(..) => {
                let (root, path) = self.field(syntax);
                Node::Field(root, path)
            }
            Syntax::Method(subject, name, argument) => self.method(subject, name, argument),
            Syntax::Call(name, arguments) => self.call(name, arguments),
            Syntax::Unary(sign, operand) => {
                let operand = Box::new(self.lower(operand));
                if *sign == "!" { Node::Not(operand) } else { Node::Negate(operand) }
            }
            Syntax::Binary(operator, left, right) => {
                self.operator(operator, Box::new(self.lower(left)), Box::new(self.lower(right)))
            }
        }
    }

    fn method(&self, subject: &Syntax, name: &str, argument: &Syntax) -> Node {
        let subject = Box::new(self.lower(subject));
        match name {
            "matches" => Node::Matches(subject, Regex::new(&self.string(argument)).expect("a valid pattern")),
            "startsWith" | "endsWith" | "contains" => {
                Node::Text(name.to_owned(), subject, Box::new(self.lower(argument)))
            }
            other => panic!("{}: `{other}` is not in the language", self.text),
        }
    }

    fn call(&self, function: &str, arguments: &[Syntax]) -> Node {
        let argument = |index: usize| &arguments[index];
        match function {
            "number" => Node::ToNumber(Box::new(self.lower(argument(0)))),
            "has" => {
                let (root, path) = self.field(argument(0));
                Node::Has(root, path)
            }
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
            other => panic!("{}: `{other}` is not in the language", self.text),
        }
    }

    fn operator(&self, operator: &'static str, left: Box<Node>, right: Box<Node>) -> Node {
        match operator {
            "&&" => Node::And(left, right),
            "||" => Node::Or(left, right),
            "in" => Node::In(left, right),
            "==" | "!=" | "<" | "<=" | ">" | ">=" => Node::Compare(operator, left, right),
            "+" | "-" | "*" | "/" => Node::Reckon(operator, left, right),
            _ => panic!("{}: `{operator}` is not in the language", self.text),
        }
    }

    fn field(&self, syntax: &Syntax) -> (Root, Vec<String>) {
        let path = self.path(syntax);
        let root = match path[0].as_str() {
            "properties" => Root::Properties,
            "context" => Root::Context,
            "traits" => Root::Traits,
            other => panic!("{}: `{other}` has no fields here", self.text),
        };
        (root, path[1..].to_vec())
    }

    fn name(&self, syntax: &Syntax) -> (usize, Vec<String>) {
        let path = self.path(syntax);
        let name = self.names.iter().position(|name| *name == path[0]);
        (name.unwrap_or_else(|| panic!("{}: no event is named `{}`", self.text, path[0])), path[1..].to_vec())
    }

    fn path(&self, syntax: &Syntax) -> Vec<String> {
        match syntax {
            Syntax::Name(name) => vec![name.clone()],
            Syntax::Field(target, field) => {
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

    fn string(&self, syntax: &Syntax) -> String {
        match syntax {
            Syntax::Literal(Value::Text(text)) => text.clone(),
            _ => panic!("{}: {syntax:?} should be a string literal", self.text),
        }
    }

    fn milliseconds(&self, syntax: &Syntax) -> i64 {
        parse_duration(&self.string(syntax))
    }
}
