//! Reads tables: every mistake at its place.

use std::collections::BTreeMap;
use std::ops::Range;

use rekindle_core::diagnostics::{Diagnostic, Diagnostics, join_quoted, suggest};
use rekindle_core::document::{self, TomlSection};
use rekindle_core::event::CallType;
use toml::de::{DeTable, DeValue};

use super::{ArrayMapping, CallMapping, FieldSource, MappingCondition, MappingTable, MappingZone, ObjectMapping};

/// The keys of a table.
pub const TABLE_KEYS: [&str; 6] = ["name", "key", "list", "group", "time_zone", "calls"];
/// The keys of a call in it.
pub const CALL_KEYS: [&str; 14] = [
    "when",
    "type",
    "event",
    "row_key",
    "names",
    "user_id",
    "anonymous_id",
    "previous_id",
    "message_id",
    "timestamp",
    "sent_at",
    "properties",
    "traits",
    "context",
];
const OBJECT_KEYS: [&str; 4] = ["all", "except", "fields", "arrays"];
const SOURCE_HELP: &str =
    "write it like \"customer.id\", \"total as number | price as number\", \"'fixed'\" or \"order-{id}\"";

impl MappingTable {
    /// Reads a file that is a table.
    ///
    /// # Errors
    /// Every mistake in it; never empty.
    pub fn parse(text: &str) -> Result<MappingTable, Vec<Diagnostic>> {
        let mut problems = Diagnostics::new(text);
        let document = document::parse(text, &mut problems);
        let section = TomlSection::open("the mapping", 0..0, document.get_ref(), &TABLE_KEYS, &mut problems);
        let table = MappingTable::read(&section, &mut problems);
        if problems.is_empty() { Ok(table) } else { Err(problems.into_sorted()) }
    }

    /// Reads a table of a larger file.
    pub fn read(section: &TomlSection<'_>, problems: &mut Diagnostics<'_>) -> MappingTable {
        let mut table = MappingTable::default();
        if let Some(name) = section.string("name", problems) {
            let is_good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
            if name.get_ref().is_empty() || name.get_ref().len() > 64 || !name.get_ref().bytes().all(is_good) {
                let help = "1 to 64 small letters, digits, _ and -: it is part of a path";
                problems.add(&name.span(), "this is not the name of a mapping", help);
            }
            table.name = (*name.get_ref()).to_owned();
        }
        table.key = source(section, "key", problems);
        let lists = section.strings("list", problems).unwrap_or_default();
        table.list = lists.into_iter().map(|list| list.into_inner().to_owned()).collect();
        let group = section.strings("group", problems).unwrap_or_default();
        table.group = group.iter().filter_map(|text| parsed(text.get_ref(), &text.span(), problems)).collect();
        if let Some(zone) = section.string("time_zone", problems) {
            match MappingZone::named(zone.get_ref()) {
                Ok(read) => table.time_zone = Some(read),
                Err(why) => problems.add(&zone.span(), why, ""),
            }
        }
        for (call, span) in section.tables("calls", problems) {
            table.calls.push(CallMapping::read(call, span, problems));
        }
        if table.calls.is_empty() {
            let help = "add [[calls]] with a type and what its fields are";
            problems.add_missing(&section.place(), "this mapping makes no calls", help);
        }
        table
    }
}

impl CallMapping {
    fn read(table: &DeTable<'_>, span: Range<usize>, problems: &mut Diagnostics<'_>) -> CallMapping {
        let section = TomlSection::open("[[calls]]", span, table, &CALL_KEYS, problems);
        let conditions = section.tables("when", problems);
        let when = conditions.into_iter().filter_map(|(table, span)| condition(table, span, problems)).collect();
        let names = strings(&section, "names", problems);
        let mut call = CallMapping {
            when,
            call_type: call_type(&section, problems).unwrap_or_default(),
            event: source(&section, "event", problems),
            row_key: section.string("row_key", problems).map(|key| key.into_inner().to_owned()).unwrap_or_default(),
            names: names.into_iter().map(|(name, (text, _))| (name, text)).collect(),
            user_id: source(&section, "user_id", problems),
            anonymous_id: source(&section, "anonymous_id", problems),
            previous_id: source(&section, "previous_id", problems),
            message_id: source(&section, "message_id", problems),
            timestamp: source(&section, "timestamp", problems),
            sent_at: source(&section, "sent_at", problems),
            ..CallMapping::default()
        };
        let objects =
            [("properties", &mut call.properties), ("traits", &mut call.traits), ("context", &mut call.context)];
        for (key, place) in objects {
            *place = section.table(key, problems).map(|table| object(key, table, problems));
        }
        let has_id = ["user_id", "anonymous_id", "previous_id"].iter().any(|key| section.get(key).is_some());
        let is_row = call.call_type == "row";
        if is_row && call.event.as_ref().is_none_or(|event| event.as_fixed().is_none()) {
            let help = "write it in quotation marks, as [tables.T] has it: event = \"'Product Updated'\"";
            problems.add_missing(&section.place(), "the event of a row must be a fixed name", help);
        }
        if is_row && call.row_key.is_empty() {
            let help = "add row_key = \"…\", the property that is the `key` of [tables.T]";
            problems.add_missing(&section.place(), "this row says nothing of what its key is", help);
        }
        if !is_row && let Some(key) = section.get("row_key") {
            problems.add(&key.span(), "only a call of the type row has a `row_key`", "");
        }
        if !has_id && !is_row && call.call_type != "none" && !call.call_type.is_empty() {
            let help = "add user_id = \"…\" or anonymous_id = \"…\"";
            problems.add_missing(&section.place(), "this call says nothing of whose it is", help);
        }
        if call.call_type == "track" && section.get("event").is_none() {
            let help = "add event = \"…\", the field that says it, or a fixed name: event = \"'Order Completed'\"";
            problems.add_missing(&section.place(), "this call says nothing of what happened", help);
        }
        call
    }
}

fn call_type(section: &TomlSection<'_>, problems: &mut Diagnostics<'_>) -> Option<String> {
    let Some(text) = section.string("type", problems) else {
        if section.get("type").is_none() {
            problems.add_missing(&section.place(), "this call has no `type`", "add type = \"track\"");
        }
        return None;
    };
    let names: Vec<&str> = CallType::ALL.into_iter().map(CallType::name).chain(["row", "none"]).collect();
    if !names.contains(text.get_ref()) {
        let message = format!("`type` must be one of {}", join_quoted(&names));
        problems.add(&text.span(), message, suggest(text.get_ref(), names.iter().copied(), "types"));
        return None;
    }
    Some((*text.get_ref()).to_owned())
}

fn condition(table: &DeTable<'_>, span: Range<usize>, problems: &mut Diagnostics<'_>) -> Option<MappingCondition> {
    let section = TomlSection::open("a condition", span, table, &["field", "is"], problems);
    if section.get("field").is_none() {
        problems.add_missing(&section.place(), "a condition needs a `field`", "write it like { field = \"status\" }");
    }
    let is = section.strings("is", problems).unwrap_or_default();
    let is = is.into_iter().map(|text| text.into_inner().to_owned()).collect();
    Some(MappingCondition { field: source(&section, "field", problems)?, is })
}

fn object(key: &str, (table, span): (&DeTable<'_>, Range<usize>), problems: &mut Diagnostics<'_>) -> ObjectMapping {
    let section = TomlSection::open(format!("`{key}`"), span, table, &OBJECT_KEYS, problems);
    let except = section.strings("except", problems).unwrap_or_default();
    let mut read = ObjectMapping {
        all: source(&section, "all", problems),
        except: except.into_iter().map(|name| name.into_inner().to_owned()).collect(),
        fields: fields(&section, problems),
        arrays: BTreeMap::new(),
    };
    let Some((arrays, span)) = section.table("arrays", problems) else { return read };
    let arrays_section = TomlSection::of_any_keys("`arrays`", span, arrays);
    for (name, _) in arrays {
        let Some((table, span)) = arrays_section.table(name.get_ref(), problems) else { continue };
        let title = format!("the array `{}`", name.get_ref());
        let array = TomlSection::open(title, span, table, &["each", "fields"], problems);
        if array.get("each").is_none() {
            problems.add_missing(&array.place(), "an array needs `each`", "name the list: each = \"line_items\"");
        }
        let each = source(&array, "each", problems);
        let fields = fields(&array, problems);
        read.arrays.extend(each.map(|each| (name.get_ref().to_string(), ArrayMapping { each, fields })));
    }
    read
}

fn fields(section: &TomlSection<'_>, problems: &mut Diagnostics<'_>) -> BTreeMap<String, FieldSource> {
    let texts = strings(section, "fields", problems).into_iter();
    texts.filter_map(|(name, (text, span))| Some((name, parsed(&text, &span, problems)?))).collect()
}

/// The strings of a table, with their places.
fn strings(
    section: &TomlSection<'_>,
    key: &str,
    problems: &mut Diagnostics<'_>,
) -> BTreeMap<String, (String, Range<usize>)> {
    let mut strings = BTreeMap::new();
    let Some((table, _)) = section.table(key, problems) else { return strings };
    for (name, value) in table {
        match value.get_ref() {
            DeValue::String(text) => {
                strings.insert(name.get_ref().to_string(), (text.to_string(), value.span()));
            }
            _ => problems.add(&value.span(), format!("each of `{key}` must be a string"), SOURCE_HELP),
        }
    }
    strings
}

fn source(section: &TomlSection<'_>, key: &str, problems: &mut Diagnostics<'_>) -> Option<FieldSource> {
    let text = section.string(key, problems)?;
    parsed(text.get_ref(), &text.span(), problems)
}

fn parsed(text: &str, span: &Range<usize>, problems: &mut Diagnostics<'_>) -> Option<FieldSource> {
    match FieldSource::parse(text) {
        Ok(source) => Some(source),
        Err(why) => {
            problems.add(span, why, SOURCE_HELP);
            None
        }
    }
}
