//! Compiles the functions of the language: what is remembered of events, and durations.

use std::ops::Range;

use super::diagnostic::{join_quoted, nearest, shorten};
use super::document;
use super::products;
use super::program::{FeatureKind, NameId, Term, Window};
use super::scope::{Place, Scope, Type, Typed};
use super::syntax::{Node, NodeKind};
use crate::event::FieldId;
use crate::time::Span;

/// Every function, with an example of its use.
pub(super) const FUNCTIONS: [(&str, &str); 15] = [
    ("count", "count(order, '7d')"),
    ("sum", "sum(order.total, '7d')"),
    ("min", "min(order.total, '7d')"),
    ("max", "max(order.total, '7d')"),
    ("avg", "avg(order.total, '7d')"),
    ("distinct", "distinct(view.category, '7d')"),
    ("total", "total(order) or total(order.total)"),
    ("last", "last(order.total)"),
    ("since", "since(order)"),
    ("idle", "idle()"),
    ("age", "age()"),
    ("in_segment", "in_segment('dormant')"),
    ("duration", "duration('45m')"),
    ("has", "has(traits.email)"),
    ("number", "number(last(order.total)) or number(properties.total)"),
];

/// Functions that stand after a dot behind a text.
pub(super) const METHODS: [&str; 4] = ["startsWith", "endsWith", "contains", "matches"];

/// An event, or a property of it, as a function's argument.
struct Subject {
    event: String,
    name: NameId,
    property: Vec<String>,
    span: Range<usize>,
}

impl Subject {
    fn written(&self) -> String {
        std::iter::once(&self.event).chain(&self.property).map(String::as_str).collect::<Vec<_>>().join(".")
    }
}

/// A dotted path as its first word and the rest.
pub(super) fn path(node: &Node) -> Option<(&str, Vec<String>)> {
    match &node.kind {
        NodeKind::Name(name) => Some((name, Vec::new())),
        NodeKind::Select(target, field) => {
            let (root, mut fields) = path(target)?;
            fields.push(field.clone());
            Some((root, fields))
        }
        _ => None,
    }
}

impl Scope<'_, '_, '_> {
    /// Compiles a call that has a value.
    pub(super) fn call(
        &mut self,
        name: &str,
        name_span: &Range<usize>,
        arguments: &[Node],
        span: &Range<usize>,
    ) -> Option<Typed> {
        if !FUNCTIONS.iter().any(|(known, _)| *known == name) {
            return self.unknown_function(name, name_span);
        }
        if self.place == Place::Where && !matches!(name, "duration" | "has" | "number") {
            let message = format!("`where` sees one event and the traits, and {name}() looks at the user's past");
            return self.fail(name_span, message, "ask in a segment's `when` or a campaign's `if`");
        }
        match (name, arguments) {
            ("idle", []) => Some(Typed::new(Term::Idle, Type::Duration)),
            ("age", []) => Some(Typed::new(Term::Age, Type::Duration)),
            ("duration", [literal]) => self.duration(literal),
            ("count", [subject, window]) => self.count(subject, window),
            ("sum" | "min" | "max" | "avg" | "distinct", [subject, window]) => {
                self.windowed(name, subject, window, span)
            }
            ("total", [subject]) => self.total(subject, span),
            ("last", [subject]) => self.last(subject, span),
            ("since", [subject]) => self.since(subject, span),
            ("number", [term]) => self.number(term),
            _ => self.wrong_arguments(name, arguments, span),
        }
    }

    fn unknown_function<T>(&mut self, name: &str, span: &Range<usize>) -> Option<T> {
        let help = if METHODS.contains(&name) {
            format!("it stands after a dot: traits.email.{name}('…')")
        } else {
            let known = FUNCTIONS.map(|(known, _)| known);
            match nearest(name, known) {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("the functions are {}", join_quoted(&known)),
            }
        };
        self.fail(span, format!("there is no function {}", shorten(name)), help)
    }

    fn wrong_arguments<T>(&mut self, name: &str, arguments: &[Node], span: &Range<usize>) -> Option<T> {
        if let ("count" | "sum" | "min" | "max" | "avg" | "distinct", [subject]) = (name, arguments) {
            let written = path(subject).map_or("E".to_owned(), |(root, fields)| {
                std::iter::once(root).chain(fields.iter().map(String::as_str)).collect::<Vec<_>>().join(".")
            });
            let over_all = if matches!(name, "count" | "sum") {
                format!("; over all time: total({written})")
            } else {
                String::new()
            };
            let help = format!("write {name}({written}, '7d'){over_all}");
            return self.fail(span, format!("{name} needs a window"), help);
        }
        let usage = FUNCTIONS.iter().find(|(known, _)| *known == name).map_or("", |(_, usage)| usage);
        self.fail(span, format!("{name} is not used like this"), format!("write {usage}"))
    }

    fn duration(&mut self, literal: &Node) -> Option<Typed> {
        let NodeKind::Text(text) = &literal.kind else {
            let help = "write duration('45m')";
            return self.fail(&literal.span, "the duration must be written out in quotes", help);
        };
        // Unlike a window, a duration that something is compared with may be nothing at all.
        match Span::parse(text) {
            Ok(span) if span.0 == 0 => Some(Typed::new(Term::Duration(span), Type::Duration)),
            _ => {
                let span = self.time_literal(text, &literal.span)?;
                Some(Typed::new(Term::Duration(span), Type::Duration))
            }
        }
    }

    fn time_literal(&mut self, text: &str, span: &Range<usize>) -> Option<Span> {
        match document::duration(text) {
            Ok(length) => Some(length),
            Err((message, help)) => self.fail(span, message, help),
        }
    }

    fn window(&mut self, node: &Node) -> Option<Window> {
        match &node.kind {
            NodeKind::Text(text) => self.time_literal(text, &node.span).map(Window::new),
            NodeKind::Call(name, ..) if name == "duration" => {
                self.fail(&node.span, "a window is written without duration(…)", "write just '7d'")
            }
            _ => self.fail(&node.span, "the window must be written out in quotes", "write it like '7d'"),
        }
    }

    fn count(&mut self, subject: &Node, window: &Node) -> Option<Typed> {
        let (subject, window) = (self.subject(subject), self.window(window));
        let subject = subject?;
        if !subject.property.is_empty() {
            let (written, event) = (subject.written(), &subject.event);
            let length = window.map_or(Span(7 * 86_400_000), |window| window.length);
            let help = format!(
                "count({event}, '{length}') counts events; sum({written}, '{length}') adds up values, distinct({written}, '{length}') counts different ones"
            );
            return self.fail(&subject.span, "count takes an event, not a property of it", help);
        }
        let span = subject.span.clone();
        let feature = self.feature(&span, subject.name, FeatureKind::WindowCount(window?))?;
        Some(Typed::new(Term::Feature(feature), Type::Number))
    }

    fn windowed(&mut self, function: &str, subject: &Node, window: &Node, span: &Range<usize>) -> Option<Typed> {
        let subject = self.property_subject(function, subject);
        let window = self.window(window);
        let ((subject, field), window) = (subject?, window?);
        self.outside_arrays(function, &subject)?;
        let kind = match function {
            "sum" | "avg" => FeatureKind::WindowSum(field, window),
            "min" => FeatureKind::WindowMin(field, window),
            "max" => FeatureKind::WindowMax(field, window),
            _ => FeatureKind::WindowDistinct(field, window),
        };
        let feature = self.feature(span, subject.name, kind)?;
        if function == "avg" {
            let count = self.feature(span, subject.name, FeatureKind::WindowNumericCount(field, window))?;
            return Some(Typed::new(Term::Average { sum: feature, count }, Type::Number));
        }
        let is_distinct = function == "distinct";
        Some(Typed { term: Term::Feature(feature), kind: Type::Number, is_distinct })
    }

    fn total(&mut self, subject: &Node, span: &Range<usize>) -> Option<Typed> {
        let subject = self.subject(subject)?;
        let kind = if subject.property.is_empty() {
            FeatureKind::TotalCount
        } else {
            self.outside_arrays("total", &subject)?;
            FeatureKind::TotalSum(self.property_field(&subject)?)
        };
        let feature = self.feature(span, subject.name, kind)?;
        Some(Typed::new(Term::Feature(feature), Type::Number))
    }

    /// Of what is an array, or lies inside one, there is nothing to add up or to count.
    fn outside_arrays(&mut self, function: &str, subject: &Subject) -> Option<()> {
        let is_array = subject.property.first().is_some_and(|first| first == products::PRODUCTS)
            && self.world.product_arrays.contains(&subject.name);
        if !is_array {
            return Some(());
        }
        let array = format!("{}.{}", subject.event, products::PRODUCTS);
        let message = format!("{function} finds nothing in `{array}`, which is an array");
        self.fail(&subject.span, message, products::each(products::PRODUCTS))
    }

    fn last(&mut self, subject: &Node, span: &Range<usize>) -> Option<Typed> {
        let (subject, field) = self.property_subject("last", subject)?;
        let feature = self.feature(span, subject.name, FeatureKind::LastValue(field))?;
        Some(Typed::new(Term::Feature(feature), Type::Dynamic))
    }

    /// `number(x)`. What is a number in any case may stand there too.
    fn number(&mut self, node: &Node) -> Option<Typed> {
        if let NodeKind::Name(_) | NodeKind::Select(..) = &node.kind
            && let Some((root, fields)) = path(node)
            && self.place != Place::Where
            && self.world.names.contains_key(root)
        {
            let written = std::iter::once(root).chain(fields.iter().map(String::as_str)).collect::<Vec<_>>().join(".");
            let help = format!("number(last({written})) reads the latest of them; in `where`, number(properties.…)");
            return self.fail(&node.span, format!("`{written}` has many values, one per event"), help);
        }
        let typed = self.term(node)?;
        match typed.kind {
            Type::Number | Type::Text | Type::Dynamic => {
                Some(Typed::new(Term::Number(Box::new(typed.term)), Type::Number))
            }
            kind => self.fail(&node.span, format!("number reads a text, and this is {}", kind.described()), ""),
        }
    }

    fn since(&mut self, subject: &Node, span: &Range<usize>) -> Option<Typed> {
        let subject = self.subject(subject)?;
        if !subject.property.is_empty() {
            let help = format!("write since({})", subject.event);
            return self.fail(&subject.span, "since takes an event, not a property of it", help);
        }
        let feature = self.feature(span, subject.name, FeatureKind::LatestTime)?;
        Some(Typed::new(Term::Since(feature), Type::Duration))
    }

    /// A subject that must be a property.
    fn property_subject(&mut self, function: &str, node: &Node) -> Option<(Subject, FieldId)> {
        let subject = self.subject(node)?;
        if subject.property.is_empty() {
            let event = &subject.event;
            let help = match function {
                "sum" | "distinct" => {
                    format!("name the property: {function}({event}.price, '7d'); to count events, count({event}, '7d')")
                }
                "last" => {
                    format!("name the property: last({event}.price); for the time since the last one, since({event})")
                }
                _ => format!("name the property: {function}({event}.price, '7d')"),
            };
            return self.fail(&subject.span, format!("{function} needs a property of `{event}`"), help);
        }
        let field = self.property_field(&subject)?;
        Some((subject, field))
    }

    fn property_field(&mut self, subject: &Subject) -> Option<FieldId> {
        let path = std::iter::once("properties".to_owned()).chain(subject.property.iter().cloned()).collect();
        let id = self.world.memory.field(path);
        self.within_limits(&subject.span, id)
    }

    /// The event, or property of an event, that a function is about.
    fn subject(&mut self, node: &Node) -> Option<Subject> {
        let Some((root, property)) = path(node) else {
            if let NodeKind::Refused(what, help) = &node.kind {
                return self.fail(&node.span, *what, *help);
            }
            let help = match &node.kind {
                NodeKind::Text(text) if self.world.names.contains_key(text) => format!("write {text} without quotes"),
                _ => "write an event's name, or event.property".to_owned(),
            };
            return self.fail(&node.span, "an event of [events] must stand here", help);
        };
        let Some(&name) = self.world.names.get(root) else {
            self.unknown_event(root, node);
            return None;
        };
        Some(Subject { event: root.to_owned(), name, property, span: node.span.clone() })
    }

    fn unknown_event(&mut self, root: &str, node: &Node) {
        let span = node.span.start..(node.span.start + root.len()).min(node.span.end);
        if matches!(root, "traits" | "properties" | "context") {
            self.problems.add(&span, format!("`{root}` is not an event"), "functions look at the events of [events]");
        } else {
            let names = self.world.name_order.iter().map(String::as_str);
            let help = self.problems.suggest(root, names, "events");
            self.problems.add_missing(&span, format!("there is no event {} in [events]", shorten(root)), help);
        }
    }
}
