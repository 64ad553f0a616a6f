//! `[groups.G]`: what several users do together.

use toml::Spanned;
use toml::de::DeValue;

use super::RulesReader;
use super::known_tables::KnownTables;
use crate::document::{TomlSection, in_file_order, kind_of};
use crate::event::FieldId;
use crate::rules::ruleset::{GroupId, GroupKind, NameId};

/// Keys of a `[groups.G]`.
pub(in crate::rules) const GROUP_KEYS: [&str; 2] = ["key", "ttl"];

impl<'t> RulesReader<'t> {
    /// The ids of `[groups.G]` and their keys, which names of events with `of` refer to.
    pub(super) fn group_ids(&mut self, root: &TomlSection<'t>) {
        let Some(DeValue::Table(table)) = root.get("groups").map(Spanned::get_ref) else { return };
        for (id, _, value) in in_file_order(table) {
            let key = match value.get_ref() {
                DeValue::Table(group) => match group.get("key").map(Spanned::get_ref) {
                    Some(DeValue::String(key)) => key.as_ref(),
                    _ => "",
                },
                _ => "",
            };
            self.symbols.group_order.push(id.to_owned());
            self.symbols.group_keys.push(key.to_owned());
        }
    }

    /// Reads `[groups.G]`. The names of events are known.
    pub(super) fn groups(&mut self, root: &TomlSection<'t>) -> Vec<GroupKind> {
        let Some((table, _)) = root.table("groups", &mut self.problems) else { return Vec::new() };
        let entries = in_file_order(table);
        if let Some((_, span, _)) = entries.get(usize::from(u16::MAX)) {
            self.problems.add(span, "there are more than 65,535 groups in [groups]", "");
            return Vec::new();
        }
        let mut groups = Vec::with_capacity(entries.len());
        for (id, span, value) in entries {
            self.check_id("group in [groups]", id, &span);
            let DeValue::Table(table) = value.get_ref() else {
                let message = format!("a group in [groups] is a table, but this is {}", kind_of(value.get_ref()));
                let help = "write [groups.team] with key = \"group_id\" and ttl = \"30d\"";
                self.problems.add(&value.span(), message, help);
                continue;
            };
            let section = TomlSection::open(format!("[groups.{id}]"), span, table, &GROUP_KEYS, &mut self.problems);
            groups.extend(self.group(id, &section));
        }
        groups
    }

    fn group(&mut self, id: &str, section: &TomlSection<'t>) -> Option<GroupKind> {
        section.need("ttl", "\"30d\"", &mut self.problems);
        let key = section.needed_string("key", "\"group_id\"", &mut self.problems);
        let ttl = section.duration("ttl", &mut self.problems);
        let key = key?;
        let (path, fields) = self.key_fields(&key)?;
        Some(GroupKind { id: id.to_owned(), key: path.join("."), ttl: ttl?, fields })
    }

    /// The path of a `key`, and by name the field that has the key of a match.
    pub(super) fn key_fields(&mut self, key: &Spanned<&str>) -> Option<(Vec<String>, Vec<FieldId>)> {
        let path: Vec<String> = key.get_ref().split('.').map(str::to_owned).collect();
        if path.iter().any(String::is_empty) || path[0] == "properties" {
            let help = "write the path below the properties: key = \"cart_id\"";
            self.problems.add(&key.span(), "`key` names a property of the matches", help);
            return None;
        }
        let names = self.symbols.name_order.clone();
        let fields: Result<Vec<FieldId>, _> =
            (0..).map(NameId).zip(&names).map(|(name, event)| self.symbols.value_field(name, event, &path)).collect();
        let Ok(fields) = fields else {
            self.problems.add(&key.span(), "these rules read more than 65,536 different properties", "");
            return None;
        };
        Some((path, fields))
    }

    /// The `[groups.G]` that `of` names; `None`: there is no `of`, or a mistake in it, which is reported.
    pub(super) fn of_group(&mut self, section: &TomlSection<'t>) -> Option<GroupId> {
        let example = "[groups.team] with key = \"group_id\" and ttl = \"30d\"";
        let known = KnownTables { name: "groups", ids: &self.symbols.group_order, plural: "groups", example };
        known.find(section, "of", &mut self.problems).map(GroupId)
    }
}
