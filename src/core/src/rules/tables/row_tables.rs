//! `[tables.T]`: rows of a table, such as products.

use toml::Spanned;
use toml::de::DeValue;

use super::{RulesReader, condition_in};
use crate::diagnostics::shorten;
use crate::document::{TomlSection, in_file_order, kind_of};
use crate::rules::compiler::{ConditionContext, TableShape};
use crate::rules::ruleset::{RowTable, TableColumn};

/// Keys of a `[tables.T]`.
pub(in crate::rules) const TABLE_KEYS: [&str; 5] = ["event", "key", "keep", "gone", "max"];

impl<'t> RulesReader<'t> {
    /// Reads `[tables.T]`, which names of events and keys refer to.
    pub(super) fn row_tables(&mut self, root: &TomlSection<'t>) -> Vec<RowTable> {
        let Some((table, _)) = root.table("tables", &mut self.problems) else { return Vec::new() };
        let entries = in_file_order(table);
        if let Some((_, span, _)) = entries.get(usize::from(u16::MAX)) {
            self.problems.add(span, "there are more than 65,535 tables in [tables]", "");
            return Vec::new();
        }
        let mut tables = Vec::with_capacity(entries.len());
        for (id, span, value) in entries {
            self.check_id("table in [tables]", id, &span);
            self.symbols.tables.push(TableShape { id: id.to_owned(), ..TableShape::default() });
            let DeValue::Table(table) = value.get_ref() else {
                let message = format!("a table in [tables] is a table, but this is {}", kind_of(value.get_ref()));
                let help = "write [tables.products] with event = \"Product Updated\", key = \"product_id\" and keep = [\"price\"]";
                self.problems.add(&value.span(), message, help);
                continue;
            };
            let section = TomlSection::open(format!("[tables.{id}]"), span, table, &TABLE_KEYS, &mut self.problems);
            tables.extend(self.row_table(id, &section));
        }
        tables
    }

    fn row_table(&mut self, id: &str, section: &TomlSection<'t>) -> Option<RowTable> {
        let event = section.needed_string("event", "\"Product Updated\"", &mut self.problems);
        if let Some(event) = &event {
            self.row_event(id, event);
        }
        let key = section.needed_string("key", "\"product_id\"", &mut self.problems);
        let key = key.and_then(|key| self.row_property(&key, "`key` names a property of the rows"));
        section.need("keep", "[\"price\", \"in_stock\"]", &mut self.problems);
        let columns = self.columns(section);
        let max = section.integer("max", 1..=i64::from(RowTable::MAX_ROWS), &mut self.problems);
        let gone = section
            .string("gone", &mut self.problems)
            .map(|text| condition_in(self.file, &text, ConditionContext::Row, &mut self.symbols, &mut self.problems));
        let gone = gone.map_or(Some(None), |gone| gone.map(Some));
        let key = key?;
        Some(RowTable {
            id: id.to_owned(),
            event: (*event?.get_ref()).to_owned(),
            tracked: None,
            key: key.name,
            key_field: key.field,
            columns: columns?,
            gone: gone?,
            max: max.and_then(|max| u32::try_from(max).ok()).unwrap_or(RowTable::MAX_ROWS),
        })
    }

    /// Notes whose rows the calls of an event are.
    fn row_event(&mut self, id: &str, event: &Spanned<&str>) {
        let text = *event.get_ref();
        if text.is_empty() {
            let help = "write the name that the shop sends, like \"Product Updated\"";
            self.problems.add(&event.span(), "this event has no name", help);
        }
        if let Some(other) = self.symbols.table_of_event(text).map(str::to_owned) {
            let message = format!("the calls of {} are rows of [tables.{other}] already", shorten(text));
            self.problems.add(&event.span(), message, "let each table have an event of its own");
        }
        if let Some(shape) = self.symbols.tables.iter_mut().find(|shape| shape.id == id) {
            shape.event = text.to_owned();
        }
    }

    /// Refuses a name for an event whose calls are rows.
    pub(super) fn refuse_row_event(&mut self, event: &str, span: &std::ops::Range<usize>) {
        if let Some(table) = self.symbols.table_of_event(event).map(str::to_owned) {
            let message = format!("{} cannot have a name: its calls are rows of [tables.{table}]", shorten(event));
            let help = "rows are no user's events; read them as row.price, or row('products', …).price";
            self.problems.add(span, message, help);
        }
    }

    /// `keep`.
    fn columns(&mut self, section: &TomlSection<'t>) -> Option<Vec<TableColumn>> {
        let texts = section.strings("keep", &mut self.problems)?;
        if texts.is_empty() {
            let help = "write what conditions read: keep = [\"price\", \"in_stock\"]";
            self.problems.add(&section.place(), format!("{} keeps nothing", section.title), help);
            return None;
        }
        if let Some(text) = texts.get(RowTable::MAX_COLUMNS) {
            let message = format!("a table keeps at most {} properties", RowTable::MAX_COLUMNS);
            self.problems.add(&text.span(), message, "leave out what no condition reads");
            return None;
        }
        let mut columns: Vec<TableColumn> = Vec::with_capacity(texts.len());
        let mut is_sound = true;
        for text in &texts {
            if columns.iter().any(|column| column.name == *text.get_ref()) {
                let message = format!("{} is kept twice", shorten(text.get_ref()));
                self.problems.add(&text.span(), message, "leave one of them out");
                is_sound = false;
            }
            match self.row_property(text, "`keep` names properties of the rows") {
                Some(column) => columns.push(column),
                None => is_sound = false,
            }
        }
        if let Some(shape) = self.symbols.tables.last_mut() {
            shape.columns = columns.iter().map(|column| column.name.clone()).collect();
        }
        is_sound.then_some(columns)
    }

    fn row_property(&mut self, text: &Spanned<&str>, message: &str) -> Option<TableColumn> {
        let path: Vec<String> = text.get_ref().split('.').map(str::to_owned).collect();
        if path.iter().any(String::is_empty) || path[0] == "properties" {
            let help = "write the path below the properties: \"product_id\", \"stock.count\"";
            self.problems.add(&text.span(), message, help);
            return None;
        }
        let field = self.symbols.registry.field(std::iter::once("properties".to_owned()).chain(path).collect());
        let Ok(field) = field else {
            self.problems.add(&text.span(), "these rules read more than 65,536 different properties", "");
            return None;
        };
        Some(TableColumn { name: (*text.get_ref()).to_owned(), field })
    }
}
