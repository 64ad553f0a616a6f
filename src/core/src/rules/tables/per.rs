//! `[per.K]`: state for each value of a key.

use toml::de::DeValue;

use super::RulesReader;
use super::known_tables::KnownTables;
use crate::document::{TomlSection, in_file_order, kind_of};
use crate::rules::ruleset::{PerKey, TableId};

/// Keys of a `[per.K]`.
pub(in crate::rules) const PER_KEYS: [&str; 4] = ["key", "ttl", "max", "table"];

impl<'t> RulesReader<'t> {
    /// Reads `[per.K]`. The names of events are known.
    pub(super) fn pers(&mut self, root: &TomlSection<'t>) -> Vec<PerKey> {
        let Some((table, _)) = root.table("per", &mut self.problems) else { return Vec::new() };
        let entries = in_file_order(table);
        if let Some((_, span, _)) = entries.get(usize::from(u16::MAX)) {
            self.problems.add(span, "there are more than 65,535 keys in [per]", "");
            return Vec::new();
        }
        let mut pers = Vec::with_capacity(entries.len());
        for (id, span, value) in entries {
            self.check_id("key in [per]", id, &span);
            self.symbols.per_order.push(id.to_owned());
            self.symbols.per_tables.push(None);
            let DeValue::Table(table) = value.get_ref() else {
                let message = format!("a key in [per] is a table, but this is {}", kind_of(value.get_ref()));
                self.problems.add(&value.span(), message, "write [per.cart] with key = \"cart_id\" and ttl = \"30d\"");
                continue;
            };
            let section = TomlSection::open(format!("[per.{id}]"), span, table, &PER_KEYS, &mut self.problems);
            pers.extend(self.per(id, &section));
        }
        pers
    }

    /// The table of rows that `table` of a section names.
    pub(super) fn row_table_of(&mut self, section: &TomlSection<'t>) -> Option<TableId> {
        let ids: Vec<String> = self.symbols.tables.iter().map(|shape| shape.id.clone()).collect();
        let example = "[tables.products] with event = \"Product Updated\", key = \"product_id\" and keep = [\"price\"]";
        let known = KnownTables { name: "tables", ids: &ids, plural: "tables", example };
        known.find(section, "table", &mut self.problems).map(TableId)
    }

    fn per(&mut self, id: &str, section: &TomlSection<'t>) -> Option<PerKey> {
        section.need("ttl", "\"30d\"", &mut self.problems);
        let key = section.needed_string("key", "\"cart_id\"", &mut self.problems);
        let ttl = section.duration("ttl", &mut self.problems);
        let max = section.integer("max", 1..=PerKey::MAX_INSTANCES, &mut self.problems);
        let table = self.row_table_of(section);
        if let Some(last) = self.symbols.per_tables.last_mut() {
            *last = table;
        }
        let key = key?;
        let (path, fields) = self.key_fields(&key)?;
        let max = max.and_then(|max| u16::try_from(max).ok()).unwrap_or(PerKey::DEFAULT_INSTANCES);
        Some(PerKey { id: id.to_owned(), key: path.join("."), ttl: ttl?, table, max, fields })
    }
}
