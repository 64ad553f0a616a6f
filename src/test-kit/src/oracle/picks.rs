//! Picks: what users touch, the sessions that this makes, and lists of what to offer. Everything is found by looking through plain lists.

use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan as _;
use serde_json::{Value as Json, json};
use toml::{Table, Value as Toml};

use super::calendar::OracleCalendar;
use super::evaluate::EvaluationScope;
use super::expression::OracleExpression;
use super::fields::{count, duration, path_of, position, required, string};
use super::history::OracleMatch;
use super::instance::key_text;
use super::lists::distinct;
use super::log::json_number;
use super::resolve;
use super::rules::OracleRules;
use super::tables::OracleRows;
use super::user::OracleUser;
use super::value::OracleValue;

pub(super) const ONE: u128 = 1_000_000;
const HOUR_MS: i64 = 3_600_000;
pub(super) const DAY_MS: i64 = 86_400_000;

/// The sizes that the semantics fix.
const SESSION_ITEMS_MAX: usize = 50;
const TIMES_MAX: usize = 20;
pub(super) const CANDIDATES_MAX: usize = 1_000;
const PANES: i64 = 60;

/// An entry of `[[picks]]`.
pub(crate) struct OraclePickList {
    pub(crate) id: String,
    on: Vec<usize>,
    without: Vec<usize>,
    item: Vec<String>,
    sources: Vec<OraclePickSource>,
    is_hourly: bool,
    window: i64,
    gap: i64,
    last: usize,
    pub(super) near: usize,
    pub(super) sessions: usize,
    own: usize,
    /// Index of the table with the rows of items.
    table: Option<usize>,
    filter: Option<OracleExpression>,
    pub(super) by: Vec<String>,
}

enum OraclePickSource {
    Kind(String),
    /// Index of a list above.
    List(usize),
}

/// A field of an action that bears a list.
pub(crate) struct OracleOffer {
    pub(crate) field: String,
    list: usize,
    items: usize,
}

/// What a user touched, for one list.
#[derive(Clone, Default)]
pub(crate) struct OracleTouches {
    pub(super) own: Vec<OracleTouch>,
    pub(super) had: Vec<OracleTouch>,
    pub(super) sessions: Vec<OracleSession>,
    /// Which of them is current, by when it began.
    pub(super) current: Option<(usize, usize)>,
}

#[derive(Clone)]
pub(super) struct OracleTouch {
    pub(super) item: String,
    pub(super) at: i64,
    /// When it came: its event, and which of the event's matches.
    pub(super) order: (usize, usize),
}

#[derive(Clone)]
pub(super) struct OracleSession {
    order: (usize, usize),
    first: i64,
    latest: i64,
    touched: Vec<String>,
}

/// What a taking made for one list.
#[derive(Clone, Default)]
pub(crate) struct OraclePickIndex {
    /// In the order in which they began, each with its items.
    pub(super) sessions: Vec<((usize, usize), Vec<String>)>,
    /// How many users touched an item, and how many of them keep several times of it.
    pub(super) users: BTreeMap<String, (u128, u128)>,
    /// The texts that the rows of items had then, by item and column.
    pub(super) values: BTreeMap<(String, String), Vec<String>>,
}

/// Who asks for what.
pub(super) struct OracleQuery<'q> {
    pub(super) touches: &'q OracleTouches,
    pub(super) index: &'q OraclePickIndex,
    pub(super) seeds: Vec<String>,
    /// The seed is a key, and nothing else is asked about.
    pub(super) is_key: bool,
    pub(super) now: i64,
}

#[derive(Clone)]
pub(super) struct OraclePick {
    pub(super) item: String,
    pub(super) score: u128,
    pub(super) because: String,
    /// Where it stands among those of its kind.
    pub(super) rank: (std::cmp::Reverse<u128>, std::cmp::Reverse<u128>, String),
}

impl OraclePickList {
    /// An entry of `[[picks]]`, below others.
    pub(crate) fn parse(table: &Table, names: &[String], above: &[String], row_tables: &[String]) -> OraclePickList {
        let ids = |key: &str| -> Vec<String> {
            let list = table.get(key).and_then(Toml::as_array).cloned().unwrap_or_default();
            list.iter().map(|id| id.as_str().expect("a text").to_owned()).collect()
        };
        let of_names = |key: &str| ids(key).iter().map(|id| position(names, id)).collect();
        let source = |id: String| match above.iter().position(|other| *other == id) {
            Some(list) => OraclePickSource::List(list),
            None => OraclePickSource::Kind(id),
        };
        let kinds = string(table, "kind").map_or_else(|| ids("kinds"), |kind| vec![kind]);
        let gap = string(table, "gap").filter(|gap| gap != "0s").map(|_| duration(table, "gap").expect("a duration"));
        OraclePickList {
            id: required(table, "id"),
            on: of_names("on"),
            without: of_names("without"),
            item: path_of(&required(table, "item")),
            sources: kinds.into_iter().map(source).collect(),
            is_hourly: required(table, "every") == "hour",
            window: duration(table, "window").unwrap_or(30 * DAY_MS),
            gap: if table.contains_key("gap") { gap.unwrap_or(0) } else { 30 * 60_000 },
            last: count(table, "last").unwrap_or(4),
            near: count(table, "near").unwrap_or(100),
            sessions: count(table, "sessions").unwrap_or(500),
            own: count(table, "own").unwrap_or(1_000),
            table: string(table, "table").map(|id| position(row_tables, &id)),
            filter: string(table, "where").map(|text| resolve::parse(&text, &[], &[])),
            by: ids("by"),
        }
    }

    /// When the first index is made after an instant.
    pub(crate) fn next_taking(&self, calendar: &OracleCalendar, after: i64) -> i64 {
        if self.is_hourly {
            return (after.div_euclid(HOUR_MS) + 1) * HOUR_MS;
        }
        calendar.day_start(calendar.day_of(after).saturating_add(1.day()))
    }

    fn holds(&self, at: i64, ts: i64) -> bool {
        let pane = ((self.window + PANES - 1) / PANES).max(1);
        let panes = (self.window + pane - 1) / pane;
        let (now, then) = (at.div_euclid(pane), ts.div_euclid(pane));
        now - panes < then && then <= now
    }

    /// The index of what these users touched, with what the rows of items have.
    pub(crate) fn take<'u>(
        &self,
        at: i64,
        users: impl Iterator<Item = &'u OracleTouches>,
        rows: &OracleRows,
    ) -> OraclePickIndex {
        let mut index = OraclePickIndex::default();
        for ((_, key), row) in rows.iter().filter(|((table, _), _)| Some(*table) == self.table) {
            for column in &self.by {
                let values = row.values.get(column).map(texts_of).unwrap_or_default();
                index.values.insert((key.clone(), column.clone()), values);
            }
        }
        for touches in users {
            for session in touches.sessions.iter().filter(|session| self.holds(at, session.first)) {
                let items = distinct(session.touched.iter()).into_iter().take(SESSION_ITEMS_MAX).collect();
                index.sessions.push((session.order, items));
            }
            for item in distinct(touches.own.iter().map(|touch| &touch.item)) {
                let times = times(&touches.own, &item);
                if self.holds(at, times[times.len() - 1]) {
                    let (users, several) = index.users.entry(item).or_default();
                    (*users, *several) = (*users + 1, *several + u128::from(times.len() > 1));
                }
            }
        }
        index.sessions.sort();
        index
    }
}

impl OracleOffer {
    /// `picks('for_you', 4)`; `None`: it is another term.
    pub(crate) fn parse(field: &str, text: &str, lists: &[OraclePickList]) -> Option<OracleOffer> {
        let (id, items) = text.strip_prefix("picks('")?.strip_suffix(')')?.split_once("', ")?;
        let list = lists.iter().position(|list| list.id == id).expect("there is such a list");
        Some(OracleOffer { field: field.to_owned(), list, items: items.parse().expect("a number") })
    }
}

impl OracleUser {
    /// Adds the matches of one event to what the user touched.
    pub(super) fn touch_items(&mut self, matches: &[OracleMatch], rules: &OracleRules) {
        for (ordinal, one) in matches.iter().enumerate() {
            for (list, touches) in rules.picks.iter().zip(&mut self.touches) {
                let Some(item) = key_text(&one.value(&list.item)) else { continue };
                let order = (one.arrival, ordinal);
                if list.without.contains(&one.name) {
                    touches.had.push(OracleTouch { item: item.clone(), at: one.at, order });
                    keep_last(&mut touches.had, list.own);
                }
                if list.on.contains(&one.name) {
                    touches.touch(list, item, one.at, order);
                }
            }
        }
    }

    /// Adds what a visitor touched.
    pub(super) fn merge_touches(&mut self, visitor: Vec<OracleTouches>, rules: &OracleRules) {
        for ((own, theirs), list) in self.touches.iter_mut().zip(visitor).zip(&rules.picks) {
            for (own, theirs) in [(&mut own.own, theirs.own), (&mut own.had, theirs.had)] {
                own.extend(theirs);
                own.sort_by_key(|touch| touch.order);
                keep_last(own, list.own);
            }
            let latest = |sessions: &[OracleSession], current: Option<(usize, usize)>| {
                sessions.iter().find(|session| Some(session.order) == current).map(|session| session.latest)
            };
            if latest(&theirs.sessions, theirs.current) > latest(&own.sessions, own.current) {
                own.current = theirs.current;
            }
            own.sessions.extend(theirs.sessions);
        }
    }

    /// What an action bears: the items, each with its score and why.
    pub(super) fn offered(&self, offer: &OracleOffer, key: Option<&String>, rules: &OracleRules) -> Json {
        let number = |score: u128| {
            let text = format!("{}.{:06}", score / ONE, score % ONE);
            json_number(text.trim_end_matches('0').trim_end_matches('.'))
        };
        let picks = self.picked(offer.list, offer.items, key, rules);
        let picks =
            picks.iter().map(|pick| json!({"item": pick.item, "score": number(pick.score), "because": pick.because}));
        Json::Array(picks.collect())
    }

    fn picked(&self, place: usize, items: usize, key: Option<&String>, rules: &OracleRules) -> Vec<OraclePick> {
        let (list, touches) = (&rules.picks[place], &self.touches[place]);
        let current = touches.sessions.iter().find(|session| Some(session.order) == touches.current);
        let recent = distinct(current.iter().flat_map(|session| session.touched.iter().rev()));
        let seeds = key.map_or(recent.into_iter().take(list.last).collect(), |key| vec![key.clone()]);
        let (index, is_key) = (&self.pick_indexes[place], key.is_some());
        let query = OracleQuery { touches, index, seeds, is_key, now: self.now };
        let admits = |item: &str| {
            let asked_item = list.table.map(|table| (table, item));
            let scope = EvaluationScope { asked_item, ..EvaluationScope::of_user(self, rules) };
            list.filter.as_ref().is_none_or(|filter| scope.holds(filter))
        };
        let had: BTreeSet<&String> = touches.had.iter().map(|touch| &touch.item).collect();
        let mut picks: Vec<OraclePick> = Vec::new();
        for source in &list.sources {
            let (candidates, is_seeded) = match source {
                OraclePickSource::Kind(kind) => {
                    (query.candidates(list, kind), matches!(kind.as_str(), "session" | "together" | "similar"))
                }
                OraclePickSource::List(above) => (self.picked(*above, CANDIDATES_MAX, key, rules), false),
            };
            for pick in candidates {
                let is_taken = picks.iter().any(|other| other.item == pick.item);
                let is_first = is_seeded && query.seeds.first() == Some(&pick.item);
                if !is_taken && !is_first && !had.contains(&pick.item) && admits(&pick.item) {
                    picks.push(pick);
                }
            }
        }
        picks.truncate(items);
        picks
    }
}

impl OracleTouches {
    fn touch(&mut self, list: &OraclePickList, item: String, at: i64, order: (usize, usize)) {
        self.own.push(OracleTouch { item: item.clone(), at, order });
        keep_last(&mut self.own, list.own);
        let current = self.current;
        let joined = self.sessions.iter_mut().find(|session| Some(session.order) == current);
        match joined.filter(|session| (at - session.latest).abs() <= list.gap) {
            Some(session) => {
                session.latest = session.latest.max(at);
                session.touched.push(item);
            }
            None => {
                self.sessions.push(OracleSession { order, first: at, latest: at, touched: vec![item] });
                self.current = Some(order);
            }
        }
    }
}

/// A text, a whole number as one, or the elements of an array that are such, each once.
fn texts_of(value: &Json) -> Vec<String> {
    let text = |value: &Json| match OracleValue::from_json(value) {
        OracleValue::Text(text) => Some(text),
        OracleValue::Number(number) => Some(number.written()).filter(|written| !written.contains('.')),
        _ => None,
    };
    let texts: Vec<String> = match value.as_array() {
        // As with any value: one that is too large is missing.
        Some(_) if OracleValue::from_json(value).is_missing() => Vec::new(),
        Some(elements) => elements.iter().filter_map(text).collect(),
        None => text(value).into_iter().collect(),
    };
    distinct(texts.iter())
}

/// The latest distinct times at which an item was touched, ascending.
pub(super) fn times(touches: &[OracleTouch], item: &str) -> Vec<i64> {
    let all: BTreeSet<i64> = touches.iter().filter(|touch| touch.item == item).map(|touch| touch.at).collect();
    all.iter().copied().skip(all.len().saturating_sub(TIMES_MAX)).collect()
}

/// Keeps the touches of the distinct items that were touched last.
fn keep_last(touches: &mut Vec<OracleTouch>, most: usize) {
    let last: Vec<String> = distinct(touches.iter().rev().map(|touch| &touch.item)).into_iter().take(most).collect();
    touches.retain(|touch| last.contains(&touch.item));
}
