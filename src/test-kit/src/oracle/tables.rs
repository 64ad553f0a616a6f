//! Tables: rows that calls of the log bring, and that users see as they were when the beat began.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use toml::Value as Toml;

use super::OracleState;
use super::evaluate::{EvaluationScope, ScopedCall};
use super::expression::OracleExpression;
use super::fields::{count, path_of, required, string};
use super::instance::key_text;
use super::log::{OracleCall, OracleCallType};
use super::resolve;
use super::rules::OracleRules;
use super::user::OracleUser;
use super::value::OracleValue;

/// How many rows a table has that says nothing else.
const ROWS_MAX: usize = 1_000_000;

/// An entry of `[tables]`.
pub(crate) struct OracleTable {
    pub(crate) id: String,
    pub(crate) event: String,
    /// The path of the key in a call.
    key: Vec<String>,
    /// The paths of what is kept, as they are written.
    keep: Vec<String>,
    gone: Option<OracleExpression>,
    max: usize,
}

/// What is known of one key.
#[derive(Clone, Debug)]
pub(crate) struct OracleRow {
    latest: i64,
    /// By path; a null is a value.
    pub(super) values: BTreeMap<String, Json>,
}

/// By index of the entry of `[tables]`, and key.
pub(crate) type OracleRows = BTreeMap<(usize, String), OracleRow>;

/// A call that waits for the end of a beat.
pub(crate) struct OracleRowCall {
    pub(crate) beat: i64,
    table: usize,
    key: String,
    at: i64,
    is_gone: bool,
    values: BTreeMap<String, Json>,
}

/// Rows of which other things can be read than before, with the latest time of the calls of the beat.
pub(crate) type ChangedRows = BTreeMap<(usize, String), i64>;

impl OracleTable {
    pub(super) fn parse(id: &str, entry: &Toml) -> OracleTable {
        let table = entry.as_table().expect("an entry of [tables] is a table");
        let keep = table["keep"].as_array().expect("`keep` is a list");
        OracleTable {
            id: id.to_owned(),
            event: required(table, "event"),
            key: path_of(&required(table, "key")),
            keep: keep.iter().map(|path| path.as_str().expect("a path").to_owned()).collect(),
            gone: string(table, "gone").map(|text| resolve::parse(&text, &[], &[])),
            max: count(table, "max").unwrap_or(ROWS_MAX),
        }
    }

    /// The key of a call; `None`: it has none that can be one.
    pub(super) fn key_of(&self, properties: &Json) -> Option<String> {
        key_text(&OracleValue::at_path(properties, &self.key))
    }
}

impl OracleRow {
    /// What can be read of it.
    fn readable(&self) -> Vec<(String, String)> {
        let shown = |(path, json): (&String, &Json)| match OracleValue::from_json(json) {
            OracleValue::Missing => None,
            OracleValue::Number(number) => Some((path.clone(), format!("number {}", number.written()))),
            _ => Some((path.clone(), format!("other {json}"))),
        };
        self.values.iter().filter_map(shown).collect()
    }
}

impl OracleRules {
    /// The table of which a call is a row.
    pub(super) fn table_of(&self, call: &OracleCall) -> Option<usize> {
        let event = call.event.as_ref().filter(|_| call.kind == OracleCallType::Track)?;
        self.tables.iter().position(|table| table.event == *event)
    }
}

impl OracleState<'_> {
    /// Keeps a row for the end of the beat.
    pub(super) fn keep_row(&mut self, table: usize, call: &OracleCall) {
        let definition = &self.rules.tables[table];
        let key = definition.key_of(&call.properties).expect("others are rejected");
        let nobody = OracleUser::new("", self.rules);
        let seen = ScopedCall { properties: &call.properties, context: &call.context, item: None };
        let scope = EvaluationScope { call: Some(seen), ..EvaluationScope::of_user(&nobody, self.rules) };
        let is_gone = definition.gone.as_ref().is_some_and(|gone| scope.holds(gone));
        let there = |path: &String| {
            let found = path_of(path).iter().try_fold(&call.properties, |json, key| json.as_object()?.get(key));
            found.map(|json| (path.clone(), json.clone()))
        };
        let values = definition.keep.iter().filter_map(there).collect();
        let beat = self.beat();
        self.rows_waiting.push(OracleRowCall { beat, table, key, at: call.at, is_gone, values });
    }

    /// Takes the rows of the beats that have ended, in the order of the log.
    pub(super) fn take_rows(&mut self, last: i64) -> ChangedRows {
        let (now, later): (Vec<_>, Vec<_>) = self.rows_waiting.drain(..).partition(|call| call.beat <= last);
        self.rows_waiting = later;
        let mut rows = self.rules.rows.borrow_mut();
        let before = rows.clone();
        let mut latest: ChangedRows = BTreeMap::new();
        for OracleRowCall { table, key, at, is_gone, values, .. } in now {
            let place = (table, key);
            let known = rows.get(&place).map(|row| row.latest);
            let rows_of_table = rows.keys().filter(|(other, _)| *other == table).count();
            if known.is_none() && !is_gone && rows_of_table >= self.rules.tables[table].max {
                continue;
            }
            let seen = latest.entry(place.clone()).or_insert(at);
            *seen = (*seen).max(at);
            if is_gone && known.is_none_or(|known| at >= known) {
                rows.remove(&place);
                continue;
            }
            let row = rows.entry(place).or_insert_with(|| OracleRow { latest: at, values: BTreeMap::new() });
            let is_old = at < row.latest;
            row.latest = row.latest.max(at);
            for (path, value) in values {
                if !(is_old && row.values.contains_key(&path)) {
                    row.values.insert(path, value);
                }
            }
        }
        let readable =
            |rows: &OracleRows, place: &(usize, String)| rows.get(place).map(OracleRow::readable).unwrap_or_default();
        latest.retain(|place, _| readable(&before, place) != readable(&rows, place));
        latest
    }
}

impl OracleUser {
    /// The latest time of the changed rows with the keys that the user has; `None`: it has none of them.
    pub(super) fn concerned_by(&self, changed: &ChangedRows, rules: &OracleRules) -> Option<i64> {
        let tables = |(per, key): &(usize, String)| Some((rules.pers[*per].table?, key.clone()));
        let places: BTreeSet<(usize, String)> = self.instances.keys().filter_map(tables).collect();
        places.iter().filter_map(|place| changed.get(place).copied()).max()
    }
}

impl EvaluationScope<'_> {
    /// `row.x`, of the key that is asked about, and `row(TABLE, KEY).x`.
    pub(crate) fn row(&self, table: Option<&str>, key: &OracleExpression, path: &[String]) -> OracleValue {
        let table = match table {
            Some(id) => self.rules.tables.iter().position(|table| table.id == id),
            None if self.asked_item.is_some() => self.asked_item.map(|(table, _)| table),
            None => self.instance.and_then(|(_, instance)| self.rules.pers[instance.per].table),
        };
        let Some(place) = table.zip(key_text(&self.value(key))) else { return OracleValue::Missing };
        let rows = self.rules.rows.borrow();
        let value = rows.get(&place).and_then(|row| row.values.get(&path.join(".")));
        value.map_or(OracleValue::Missing, OracleValue::from_json)
    }
}
