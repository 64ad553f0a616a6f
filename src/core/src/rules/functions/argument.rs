//! The argument that most functions share: an event of `[events]`, or a property of it.

use std::ops::Range;

use crate::diagnostics::shorten;
use crate::event::FieldId;
use crate::rules::compiler::ConditionCompiler;
use crate::rules::compiler::ROOTS;
use crate::rules::products;
use crate::rules::ruleset::NameId;
use crate::rules::syntax::{DottedPath, Expression, ExpressionKind};

/// An event, or a property of it, as a function's argument.
pub(super) struct FunctionArgument {
    pub(super) event: String,
    pub(super) name: NameId,
    pub(super) property: Vec<String>,
    /// Byte range in the file.
    pub(super) span: Range<usize>,
}

impl FunctionArgument {
    /// `order.total`, as the rules write it.
    pub(super) fn written(&self) -> String {
        std::iter::once(&self.event).chain(&self.property).map(String::as_str).collect::<Vec<_>>().join(".")
    }
}

impl ConditionCompiler<'_, '_, '_> {
    /// The event, or property of an event, of a function.
    pub(super) fn subject(&mut self, argument: &Expression) -> Option<FunctionArgument> {
        let Some(path) = argument.as_path() else {
            let help = match &argument.kind {
                ExpressionKind::Mistake => return None,
                ExpressionKind::Text(text) if self.symbols.names.contains_key(text) => {
                    format!("write {text} without quotes")
                }
                _ => "write an event's name, or event.property".to_owned(),
            };
            return self.fail(&argument.span, "a name of [events] is expected here", help);
        };
        let Some(&name) = self.symbols.names.get(path.root) else {
            self.unknown_event(&path);
            return None;
        };
        Some(FunctionArgument { event: path.root.to_owned(), name, property: path.fields, span: argument.span.clone() })
    }

    /// An argument that must be a property.
    pub(super) fn property_subject(
        &mut self,
        function: &str,
        argument: &Expression,
    ) -> Option<(FunctionArgument, FieldId)> {
        let subject = self.subject(argument)?;
        if subject.property.is_empty() {
            let event = &subject.event;
            let help = match function {
                "sum" | "distinct" => {
                    format!("name the property: {function}({event}.price, '7d'); to count events, count({event}, '7d')")
                }
                "last" => {
                    format!("name the property: last({event}.price); for the time since the last one, since({event})")
                }
                "first" => {
                    format!("name the property: first({event}.price); for the time since the first event, age()")
                }
                _ => format!("name the property: {function}({event}.price, '7d')"),
            };
            return self.fail(&subject.span, format!("{function} needs a property of `{event}`"), help);
        }
        let field = self.property_field(&subject)?;
        Some((subject, field))
    }

    /// The projected field of a property.
    pub(super) fn property_field(&mut self, subject: &FunctionArgument) -> Option<FieldId> {
        let id = self.symbols.value_field(subject.name, &subject.event, &subject.property);
        self.within_limits(&subject.span, id)
    }

    /// What `event.x` reads where a match of this name triggers a campaign: the same as `NAME.x`.
    pub(in crate::rules) fn property_of_match(
        &mut self,
        name: NameId,
        property: Vec<String>,
        span: Range<usize>,
    ) -> Option<FieldId> {
        let event = self.symbols.name_order.get(usize::from(name.0)).cloned().unwrap_or_default();
        self.property_field(&FunctionArgument { event, name, property, span })
    }

    /// Refuses arrays and their elements.
    pub(super) fn outside_arrays(&mut self, function: &str, subject: &FunctionArgument) -> Option<()> {
        let is_array = subject.property.first().is_some_and(|first| first == products::PRODUCTS)
            && self.symbols.product_arrays.contains(&subject.name);
        if !is_array {
            return Some(());
        }
        let array = format!("{}.{}", subject.event, products::PRODUCTS);
        let message = format!("{function} finds nothing in `{array}`, which is an array");
        self.fail(&subject.span, message, products::ARRAY_HELP)
    }

    fn unknown_event(&mut self, path: &DottedPath<'_>) {
        let root = path.root;
        if ROOTS.contains(&root) {
            let help = "functions take names of [events]";
            self.problems.add(&path.root_span, format!("`{root}` is not an event"), help);
        } else {
            let names = self.symbols.name_order.iter().map(String::as_str);
            let help = self.problems.suggest(root, names, "events");
            let message = format!("there is no event {} in [events]", shorten(root));
            self.problems.add_missing(&path.root_span, message, help);
        }
    }
}
