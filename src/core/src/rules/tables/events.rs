//! `[events]`: names for events.

use std::ops::Range;

use toml::de::DeValue;

use super::{RulesReader, condition_in};
use crate::diagnostics::{join_quoted, shorten, suggest};
use crate::document::{TomlSection, TomlValue, in_file_order, kind_of};
use crate::event::CallType;
use crate::rules::compiler::ConditionContext;
use crate::rules::compiler::ROOTS;
use crate::rules::functions;
use crate::rules::products;
use crate::rules::ruleset::{EventName, NameId};
use crate::rules::syntax::RESERVED_WORDS;

/// Keys of an event written as a table.
pub(in crate::rules) const EVENT_KEYS: [&str; 3] = ["event", "type", "where"];
/// Values of `type`.
pub(in crate::rules) const EVENT_TYPES: [&str; 3] = ["track", "page", "screen"];

/// Words that cannot name an event, besides functions and the reserved words of CEL.
const TAKEN_WORDS: [&str; 7] = ["true", "false", "null", "in", "and", "or", "not"];

impl<'t> RulesReader<'t> {
    /// Reads `[events]`. All names are known before the first `where` is compiled.
    pub(super) fn events(&mut self, root: &TomlSection<'t>) -> Vec<EventName> {
        let Some((table, _)) = root.table("events", &mut self.problems) else { return Vec::new() };
        let entries = in_file_order(table);
        for (index, (id, span, _)) in entries.iter().enumerate() {
            self.check_event_id(id, span);
            let Ok(number) = u16::try_from(index) else {
                self.problems.add(span, "there are more than 65,536 names of events", "");
                return Vec::new();
            };
            self.symbols.names.insert((*id).to_owned(), NameId(number));
            self.symbols.name_order.push((*id).to_owned());
        }
        let mut names = Vec::with_capacity(entries.len());
        for (number, (id, span, value)) in (0..).map(NameId).zip(entries) {
            let name = self.event(id, span, value);
            if name.as_ref().is_some_and(products::has_array) {
                self.symbols.product_arrays.insert(number);
            }
            names.extend(name);
        }
        names
    }

    fn check_event_id(&mut self, id: &str, span: &Range<usize>) {
        let is_identifier = id.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let is_taken =
            TAKEN_WORDS.iter().chain(&RESERVED_WORDS).chain(&ROOTS).any(|word| word.eq_ignore_ascii_case(id))
                || functions::named(id).is_some();
        if is_taken {
            let help = format!("use another name, like `{id}_event`");
            self.problems.add(span, format!("`{id}` is a word of the language and cannot name an event"), help);
        } else if !is_identifier {
            let message = format!("{} cannot name an event in a condition", shorten(id));
            self.problems.add(span, message, "use the letters a to z, digits and _, and begin with a letter or _");
        }
    }

    fn event(&mut self, id: &str, span: Range<usize>, value: &'t TomlValue<'t>) -> Option<EventName> {
        match value.get_ref() {
            DeValue::String(event) => {
                self.check_event(event, &value.span());
                let event = Some(event.clone().into_owned());
                Some(EventName { id: id.to_owned(), call: CallType::Track, event, filter: None })
            }
            DeValue::Table(table) => {
                let section = TomlSection::open(format!("event `{id}`"), span, table, &EVENT_KEYS, &mut self.problems);
                self.event_table(id, &section)
            }
            other => {
                let message = format!("an event is defined by a string or a table, but this is {}", kind_of(other));
                self.problems.add(&value.span(), message, "write view = \"Product Viewed\"");
                None
            }
        }
    }

    fn event_table(&mut self, id: &str, section: &TomlSection<'t>) -> Option<EventName> {
        let call = self.event_type(section);
        let event = match call {
            Some(CallType::Page | CallType::Screen) => {
                if let Some(event) = section.get("event") {
                    let help = "a page's name is properties.name: where = \"properties.name == 'Home'\"";
                    self.problems.add(&event.span(), "only track calls have an `event`", help);
                }
                None
            }
            // Without one, every call of the type.
            Some(_) if section.get("type").is_some() => section.string("event", &mut self.problems),
            Some(_) => section.needed_string("event", "\"Product Viewed\"", &mut self.problems),
            None => None,
        };
        if let Some(event) = &event {
            self.check_event(event.get_ref(), &event.span());
        }
        let filter = section
            .string("where", &mut self.problems)
            .map(|text| condition_in(self.file, &text, ConditionContext::Where, &mut self.symbols, &mut self.problems));
        let filter = match filter {
            Some(None) => return None,
            Some(filter) => filter,
            None => None,
        };
        let event = event.map(|event| (*event.get_ref()).to_owned());
        Some(EventName { id: id.to_owned(), call: call?, event, filter })
    }

    fn event_type(&mut self, section: &TomlSection<'t>) -> Option<CallType> {
        if section.get("type").is_none() {
            return Some(CallType::Track);
        }
        let text = section.string("type", &mut self.problems)?;
        match *text.get_ref() {
            "track" => Some(CallType::Track),
            "page" => Some(CallType::Page),
            "screen" => Some(CallType::Screen),
            other => {
                let message =
                    format!("an event's type is one of {}, not {}", join_quoted(&EVENT_TYPES), shorten(other));
                self.problems.add(&text.span(), message, suggest(other, EVENT_TYPES, "types"));
                None
            }
        }
    }

    fn check_event(&mut self, event: &str, span: &Range<usize>) {
        if event.is_empty() {
            self.problems.add(
                span,
                "this event has no name",
                "write the name that the site sends, like \"Product Viewed\"",
            );
        }
    }
}
