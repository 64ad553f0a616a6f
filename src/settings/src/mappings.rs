//! `[[mappings]]`: how messages, requests and files that are not calls become calls.

use rekindle_core::diagnostics::suggest;
use rekindle_core::document::TomlSection;
use rekindle_mapping::{MappingTable, builtin, value_hash};
use toml::de::DeValue;

use super::keys::{SettingKey, SettingKind};
use super::reader::SettingsReader;
use super::subject::{check_subject, overlap};
use super::{Settings, SourceSettings};

/// Keys of `[[mappings]]`.
pub(super) const KEYS: [SettingKey; 6] = [
    ("name", SettingKind::Text),
    ("key", SettingKind::Text),
    ("list", SettingKind::List),
    ("group", SettingKind::List),
    ("time_zone", SettingKind::Text),
    ("calls", SettingKind::TomlSection),
];

/// Reads one, unlike those before it.
pub(super) fn read(
    section: &TomlSection<'_>,
    before: &[MappingTable],
    reader: &mut SettingsReader<'_>,
) -> MappingTable {
    let table = MappingTable::read(section, &mut reader.problems);
    let place = section.get("name").map_or_else(|| section.place(), toml::Spanned::span);
    if section.get("name").is_none() {
        let help = "name it like \"till\": the path /v1/map/till takes what it maps";
        reader.problems.add_missing(&place, "this [[mappings]] has no `name`", help);
    } else if before.iter().any(|other| other.name == table.name) {
        let message = format!("there are two mappings named `{}`", table.name);
        reader.problems.add(&place, message, "give each a name of its own");
    } else if builtin::text(&table.name).is_some() {
        let message = format!("`{}` is the name of a mapping that is built in", table.name);
        reader.problems.add(&place, message, "give yours another name");
    }
    table
}

/// Reads `[source.mappings]`: patterns of subjects, and the names of mappings.
pub(super) fn read_subjects(source: &mut SourceSettings, section: &TomlSection<'_>, reader: &mut SettingsReader<'_>) {
    let Some((table, _)) = section.table("mappings", &mut reader.problems) else { return };
    for (pattern, name) in table {
        let (text, span) = (pattern.get_ref().as_ref(), pattern.span());
        if let Err(why) = check_subject(text, true) {
            reader.problems.add(&span, format!("`{text}` {why}"), "write it like \"events.till.>\" = \"till\"");
            continue;
        }
        if !source.subjects.iter().any(|subject| overlap(subject, text)) {
            let message = format!("no events are read from `{text}`");
            reader.problems.add(&span, message, "[source] subjects must take it in");
        }
        if let Some(other) = source.mappings.keys().find(|other| overlap(other, text)) {
            let message = format!("messages could match `{text}` and `{other}`");
            reader.problems.add(&span, message, "only one mapping can be that of a message");
        }
        match name.get_ref() {
            DeValue::String(name) => {
                source.mappings.insert(text.to_owned(), name.to_string());
            }
            _ => reader.problems.add(&name.span(), "this must be the name of a mapping", ""),
        }
    }
}

/// Reports names in `[source.mappings]` that no mapping has.
pub(super) fn check_names(settings: &Settings, root: &TomlSection<'_>, reader: &mut SettingsReader<'_>) {
    let known = settings.mappings.iter().map(|mapping| mapping.name.as_str());
    let table = root.get("source").and_then(|source| source.get_ref().get("mappings"));
    for (pattern, name) in &settings.source.mappings {
        if known.clone().any(|known| known == name) {
            continue;
        }
        let place = table.and_then(|table| table.get_ref().get(pattern.as_str())).map_or(0..0, toml::Spanned::span);
        let help = suggest(name, known.clone(), "mappings");
        let help = if help.is_empty() { format!("add [[mappings]] with name = \"{name}\"") } else { help };
        reader.problems.add(&place, format!("there is no mapping `{name}`"), help);
    }
}

impl Settings {
    /// The mappings of the log's messages, by patterns of subjects.
    pub fn source_mappings(&self) -> Vec<(String, MappingTable)> {
        let named = |name: &String| self.mappings.iter().find(|mapping| mapping.name == *name).cloned();
        let all = self.source.mappings.iter();
        all.filter_map(|(pattern, name)| Some((pattern.clone(), named(name)?))).collect()
    }

    /// What tells these mappings from others, under which the same log gives other events; empty: there are none.
    pub fn mappings_fingerprint(&self) -> String {
        let mappings = self.source_mappings();
        if mappings.is_empty() {
            return String::new();
        }
        serde_json::to_value(&mappings).map(|value| value_hash(&value)).unwrap_or_default()
    }
}
