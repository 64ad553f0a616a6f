//! `[events]`: names for events.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use super::{RulesReader, condition_in, expression_in};
use crate::diagnostics::{join_quoted, shorten, suggest};
use crate::document::{TomlSection, TomlValue, in_file_order, kind_of};
use crate::event::{ArrayId, CallType};
use crate::rules::compiler::{ConditionCompiler, ConditionContext, MatchShape, ROOTS, TermType};
use crate::rules::functions;
use crate::rules::products;
use crate::rules::ruleset::{EventName, LetTerm, NameId, Term};
use crate::rules::syntax::RESERVED_WORDS;

/// Keys of an event written as a table.
pub(in crate::rules) const EVENT_KEYS: [&str; 10] =
    ["event", "type", "each", "where", "let", "of", "on", "to", "to_user", "rank"];
/// Values of `type`.
pub(in crate::rules) const EVENT_TYPES: [&str; 3] = ["track", "page", "screen"];

/// Words that cannot name an event, besides functions and the reserved words of CEL.
const TAKEN_WORDS: [&str; 7] = ["true", "false", "null", "in", "and", "or", "not"];

/// A name whose matches have just what their event has.
fn event_name(id: &str, call: CallType, event: Option<String>) -> EventName {
    EventName {
        id: id.to_owned(),
        call,
        event,
        each: None,
        filter: None,
        lets: Vec::new(),
        notice: None,
        rank: None,
        values: Vec::new(),
    }
}

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
        for (number, (.., value)) in (0..).map(NameId).zip(&entries) {
            if matches!(value.get_ref(), DeValue::Table(table) if table.contains_key("of") || table.contains_key("rank"))
            {
                self.symbols.notice_names.insert(number);
            }
        }
        let mut names = Vec::with_capacity(entries.len());
        for (number, (id, span, value)) in (0..).map(NameId).zip(entries) {
            let name = self.event(number, id, span, value);
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

    fn event(&mut self, number: NameId, id: &str, span: Range<usize>, value: &'t TomlValue<'t>) -> Option<EventName> {
        match value.get_ref() {
            DeValue::String(event) => {
                self.check_event(event, &value.span());
                self.refuse_row_event(event, &value.span());
                let event = Some(event.clone().into_owned());
                Some(event_name(id, CallType::Track, event))
            }
            DeValue::Table(table) => {
                let section = TomlSection::open(format!("event `{id}`"), span, table, &EVENT_KEYS, &mut self.problems);
                if self.is_rank_notice(&section) {
                    return self.rank_notice_shape(number, section).map(|()| event_name(id, CallType::Track, None));
                }
                if self.is_notice(&section) {
                    return self.notice_shape(number, section).map(|()| event_name(id, CallType::Track, None));
                }
                self.event_table(number, id, &section)
            }
            other => {
                let message = format!("an event is defined by a string or a table, but this is {}", kind_of(other));
                self.problems.add(&value.span(), message, "write view = \"Product Viewed\"");
                None
            }
        }
    }

    fn event_table(&mut self, number: NameId, id: &str, section: &TomlSection<'t>) -> Option<EventName> {
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
            self.refuse_row_event(event.get_ref(), &event.span());
        }
        let each = self.each(section);
        let array = each.flatten();
        let context = ConditionContext::Where(array);
        let filter = section
            .string("where", &mut self.problems)
            .map(|text| condition_in(self.file, &text, context, &mut self.symbols, &mut self.problems));
        let lets = self.let_terms(section, ConditionContext::Let(array));
        if array.is_some() || !lets.is_empty() {
            // Also those with mistakes, so that using them is not a second mistake.
            let lets = lets.iter().map(|(name, _)| name.clone()).collect();
            self.symbols.match_shapes.insert(number, MatchShape { each: array, lets });
        }
        let lets: Option<Vec<LetTerm>> =
            lets.into_iter().map(|(name, term)| Some(LetTerm { name, term: term? })).collect();
        let filter = filter.map_or(Some(None), |filter| filter.map(Some));
        let event = event.map(|event| (*event.get_ref()).to_owned());
        each?;
        Some(EventName { each: array, filter: filter?, lets: lets?, ..event_name(id, call?, event) })
    }

    /// `each`. The outer `None`: it has a mistake, which was reported.
    fn each(&mut self, section: &TomlSection<'t>) -> Option<Option<ArrayId>> {
        if section.get("each").is_none() {
            return Some(None);
        }
        let text = section.string("each", &mut self.problems)?;
        let path: Vec<String> = text.get_ref().split('.').map(str::to_owned).collect();
        if path.iter().any(String::is_empty) || path[0] == "properties" {
            let help = "write the path below the properties: each = \"products\", each = \"cart.lines\"";
            self.problems.add(&text.span(), "`each` names an array of the event's properties", help);
            return None;
        }
        let array = self.symbols.registry.array(path);
        if array.is_err() {
            self.problems.add(&text.span(), "these rules read more than 65,536 different arrays", "");
        }
        array.ok().map(Some)
    }

    /// `let`: each name with its term, or `None` where that has a mistake, which was reported.
    pub(super) fn let_terms(
        &mut self,
        section: &TomlSection<'t>,
        context: ConditionContext,
    ) -> Vec<(String, Option<Term>)> {
        let Some((table, _)) = section.table("let", &mut self.problems) else { return Vec::new() };
        let mut lets = Vec::new();
        for (name, span, value) in in_file_order(table) {
            let is_identifier = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if !is_identifier {
                let message = format!("{} cannot name a value of `let`", shorten(name));
                let help = "use the letters a to z, digits and _, and begin with a letter or _";
                self.problems.add(&span, message, help);
            }
            let term = match value.get_ref() {
                DeValue::String(text) => {
                    let text = Spanned::new(value.span(), text.as_ref());
                    self.let_term(&text, context)
                }
                other => {
                    let message = format!("a value of `let` is a term in quotes, but this is {}", kind_of(other));
                    let help = "write let = { net = \"properties.total - properties.shipping\" }";
                    self.problems.add(&value.span(), message, help);
                    None
                }
            };
            lets.push((name.to_owned(), term));
        }
        lets
    }

    fn let_term(&mut self, text: &Spanned<&str>, context: ConditionContext) -> Option<Term> {
        let node = expression_in(self.file, text, &mut self.problems)?;
        let mut compiler = ConditionCompiler { symbols: &mut self.symbols, problems: &mut self.problems, context };
        let typed = compiler.term(&node)?;
        if typed.kind == TermType::Duration {
            let help = "a value of `let` is a number, a text, true or false";
            return compiler.fail(&node.span, "a duration cannot be a value of `let`", help);
        }
        Some(typed.term)
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
