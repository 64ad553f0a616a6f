//! Reads the fields of a rules file. Panics on mistakes.

use toml::de::DeTable;
use toml::{Table, Value as Toml};

use super::resolve::parse_duration;

pub(super) fn path_of(dotted: &str) -> Vec<String> {
    dotted.split('.').map(str::to_owned).collect()
}

pub(super) fn position(ids: &[String], id: &str) -> usize {
    ids.iter().position(|other| other == id).unwrap_or_else(|| panic!("`{id}` is not defined"))
}

/// The keys of a table in the order of the file.
pub(super) fn file_order(text: &str, section: &str) -> Vec<String> {
    let file = DeTable::parse(text).expect("it was parsed before");
    let entries = file.get_ref().get(section).and_then(|entry| entry.get_ref().as_table());
    let mut keys: Vec<(usize, String)> = entries
        .into_iter()
        .flat_map(|table| table.keys())
        .map(|key| (key.span().start, key.get_ref().to_string()))
        .collect();
    keys.sort();
    keys.into_iter().map(|(_, key)| key).collect()
}

pub(super) fn tables<'t>(file: &'t Table, key: &str) -> Vec<&'t Table> {
    let items = file.get(key).and_then(Toml::as_array).map_or(&[][..], Vec::as_slice);
    items.iter().filter_map(Toml::as_table).collect()
}

pub(super) fn string(table: &Table, key: &str) -> Option<String> {
    table.get(key).and_then(Toml::as_str).map(str::to_owned)
}

pub(super) fn required(table: &Table, key: &str) -> String {
    string(table, key).unwrap_or_else(|| panic!("`{key}` is missing in {table}"))
}

pub(super) fn duration(table: &Table, key: &str) -> Option<i64> {
    string(table, key).map(|text| parse_duration(&text))
}

pub(super) fn count(table: &Table, key: &str) -> Option<usize> {
    table.get(key).and_then(Toml::as_integer).map(|count| usize::try_from(count).expect("counts are not negative"))
}

pub(super) fn number(table: &Table, key: &str) -> Option<f64> {
    let value = table.get(key)?;
    value.as_float().or_else(|| value.as_integer().map(|integer| integer as f64))
}

/// `22:00-08:00` in minutes of the day.
pub(super) fn quiet_hours(text: &str) -> (i64, i64) {
    let minutes = |clock: &str| {
        let (hour, minute) = clock.split_once(':').expect("a clock time is hh:mm");
        hour.parse::<i64>().expect("hours are a number") * 60 + minute.parse::<i64>().expect("minutes are a number")
    };
    let (start, end) = text.split_once('-').expect("quiet hours are hh:mm-hh:mm");
    (minutes(start), minutes(end))
}

/// A list of texts.
pub(super) fn strings(table: &Table, key: &str) -> Option<Vec<String>> {
    let list = table.get(key)?.as_array().expect("a list");
    Some(list.iter().map(|text| text.as_str().expect("a text").to_owned()).collect())
}
