//! Resolves the names in an expression. Panics on anything that is not part of the language.

use regex::Regex;

use super::calendar::CalendarPeriod;
use super::expression::{OracleExpression, OracleWindow, PathRoot};
use super::points::OraclePointsDirection;
use super::span::OracleSpan;
use super::syntax::{self, SyntaxNode};
use super::value::OracleValue;

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
            SyntaxNode::Field(..) if self.row(syntax).is_some() => self.row(syntax).expect("it is one"),
            SyntaxNode::Name(_) | SyntaxNode::Field(..) => {
                let (root, path) = self.field(syntax);
                OracleExpression::Field(root, path)
            }
            SyntaxNode::Method(subject, name, arguments) => self.method(subject, name, arguments),
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

    fn method(&self, subject: &SyntaxNode, name: &str, arguments: &[SyntaxNode]) -> OracleExpression {
        if matches!(subject, SyntaxNode::Name(subject) if subject == "user") {
            return OracleExpression::OfUser(Box::new(self.call(name, arguments)));
        }
        let (subject, argument) = (Box::new(self.lower(subject)), &arguments[0]);
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
            "has" if self.row(argument(0)).is_some() => OracleExpression::IsThere(Box::new(self.lower(argument(0)))),
            "has" if matches!(argument(0), SyntaxNode::Call(..)) => {
                OracleExpression::HasValue(Box::new(self.lower(argument(0))))
            }
            "has" => {
                let (root, path) = self.field(argument(0));
                OracleExpression::Has(root, path)
            }
            "duration" => {
                OracleExpression::Literal(OracleValue::Duration(OracleSpan::of_ms(self.milliseconds(argument(0)))))
            }
            "idle" => OracleExpression::Idle,
            "age" => OracleExpression::Age,
            "code" => OracleExpression::Code,
            "part" => OracleExpression::Part(Box::new([0, 1, 2].map(|index| self.lower(argument(index))))),
            "hour" => OracleExpression::Hour,
            "weekday" => OracleExpression::Weekday,
            "key" => OracleExpression::Key,
            "since" => OracleExpression::Since(self.name(argument(0)).0),
            "gap" => OracleExpression::Gap(self.name(argument(0)).0),
            "usual_gap" => OracleExpression::UsualGap(self.name(argument(0)).0),
            "streak" => OracleExpression::Streak(self.name(argument(0)).0),
            "days" => OracleExpression::Days(self.name(argument(0)).0, self.whole(argument(1))),
            "followed" => OracleExpression::Followed(
                self.name(argument(0)).0,
                self.name(argument(1)).0,
                self.milliseconds(argument(2)),
            ),
            "until" => OracleExpression::Until(Box::new(self.lower(argument(0)))),
            "anniversary" => OracleExpression::Anniversary(Box::new(self.lower(argument(0)))),
            "balance" => OracleExpression::Balance(self.string(argument(0))),
            "earned" => {
                let ledger = self.string(argument(0));
                OracleExpression::Moved(OraclePointsDirection::Earned, ledger, self.window(argument(1)))
            }
            "spent" => {
                let ledger = self.string(argument(0));
                OracleExpression::Moved(OraclePointsDirection::Spent, ledger, self.window(argument(1)))
            }
            "expiring" => OracleExpression::Expiring(self.string(argument(0)), self.milliseconds(argument(1))),
            "rank" | "quantile" | "ranked" => OracleExpression::Ranking(function.to_owned(), self.string(argument(0))),
            "consent" => OracleExpression::Consent(self.string(argument(0))),
            "p_alive" => OracleExpression::PAlive(self.string(argument(0))),
            "expected" => OracleExpression::Expected(self.string(argument(0)), self.milliseconds(argument(1))),
            "clv" => OracleExpression::LifetimeValue(self.string(argument(0)), self.milliseconds(argument(1))),
            "keys_in" => OracleExpression::KeysIn(self.segment(&self.string(argument(0)))),
            "in_segment" => OracleExpression::InSegment(self.segment(&self.string(argument(0)))),
            "total" => {
                let (name, path) = self.name(argument(0));
                OracleExpression::Total(name, path)
            }
            "first" => {
                let (name, path) = self.name(argument(0));
                OracleExpression::First(name, path)
            }
            "last" => {
                let (name, path) = self.name(argument(0));
                OracleExpression::Last(name, path)
            }
            window @ ("count" | "sum" | "min" | "max" | "avg" | "distinct") => {
                let (name, path) = self.name(argument(0));
                OracleExpression::Window(window.to_owned(), name, path, self.window(argument(1)))
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
            "item" => PathRoot::Item,
            "event" => PathRoot::Event,
            other => panic!("{}: `{other}` has no fields here", self.text),
        };
        (root, path[1..].to_vec())
    }

    /// A value of a row.
    fn row(&self, syntax: &SyntaxNode) -> Option<OracleExpression> {
        let (mut path, mut head) = (Vec::new(), syntax);
        while let SyntaxNode::Field(target, field) = head {
            path.insert(0, field.clone());
            head = target;
        }
        match head {
            SyntaxNode::Name(name) if name == "row" => {
                Some(OracleExpression::Row(None, Box::new(OracleExpression::Key), path))
            }
            SyntaxNode::Call(name, arguments) if name == "row" => {
                let table = Some(self.string(&arguments[0]));
                Some(OracleExpression::Row(table, Box::new(self.lower(&arguments[1])), path))
            }
            _ => None,
        }
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

    fn window(&self, syntax: &SyntaxNode) -> OracleWindow {
        let text = self.string(syntax);
        let period = |word: &str| match word {
            "week" => CalendarPeriod::Week,
            "month" => CalendarPeriod::Month,
            "quarter" => CalendarPeriod::Quarter,
            "year" => CalendarPeriod::Year,
            other => panic!("{}: `{other}` is no period", self.text),
        };
        match (text.as_str(), text.split_once('_')) {
            ("today", _) => OracleWindow::Calendar(CalendarPeriod::Day, 0),
            ("yesterday", _) => OracleWindow::Calendar(CalendarPeriod::Day, -1),
            (_, Some(("this", word))) => OracleWindow::Calendar(period(word), 0),
            (_, Some(("last", word))) => OracleWindow::Calendar(period(word), -1),
            _ => OracleWindow::Sliding(parse_duration(&text)),
        }
    }

    fn whole(&self, syntax: &SyntaxNode) -> i32 {
        let SyntaxNode::Literal(OracleValue::Number(number)) = syntax else {
            panic!("{}: {syntax:?} should be a whole number", self.text)
        };
        let millionths: i32 = number.millionths().parse().expect("at most 366 000 000");
        millionths / 1_000_000
    }
}
