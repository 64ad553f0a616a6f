//! Picks: what users touch, the sessions that this makes, and lists of what to offer. Everything is found by looking through plain lists.

use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan as _;
use serde_json::{Value as Json, json};
use toml::{Table, Value as Toml};

use super::calendar::OracleCalendar;
use super::fields::{count, duration, path_of, position, required, string};
use super::history::OracleMatch;
use super::instance::key_text;
use super::lists::{distinct, first_largest, half_even};
use super::log::json_number;
use super::rules::OracleRules;
use super::user::OracleUser;

const ONE: u128 = 1_000_000;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 86_400_000;

/// The sizes that the semantics fix.
const SESSION_ITEMS_MAX: usize = 50;
const TIMES_MAX: usize = 20;
const CANDIDATES_MAX: usize = 1_000;
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
    near: usize,
    sessions: usize,
    own: usize,
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
    own: Vec<OracleTouch>,
    had: Vec<OracleTouch>,
    sessions: Vec<OracleSession>,
    /// Which of them is current, by when it began.
    current: Option<(usize, usize)>,
}

#[derive(Clone)]
struct OracleTouch {
    item: String,
    at: i64,
    /// When it came: its event, and which of the event's matches.
    order: (usize, usize),
}

#[derive(Clone)]
struct OracleSession {
    order: (usize, usize),
    first: i64,
    latest: i64,
    touched: Vec<String>,
}

/// What a taking made for one list.
#[derive(Clone, Default)]
pub(crate) struct OraclePickIndex {
    /// In the order in which they began, each with its items.
    sessions: Vec<((usize, usize), Vec<String>)>,
    /// How many users touched an item, and how many of them keep several times of it.
    users: BTreeMap<String, (u128, u128)>,
}

/// Who asks for what.
struct OracleQuery<'q> {
    touches: &'q OracleTouches,
    index: &'q OraclePickIndex,
    seeds: Vec<String>,
    now: i64,
}

#[derive(Clone)]
struct OraclePick {
    item: String,
    score: u128,
    because: String,
    /// Where it stands among those of its kind.
    rank: (std::cmp::Reverse<u128>, std::cmp::Reverse<u128>, String),
}

impl OraclePickList {
    /// An entry of `[[picks]]`, below others.
    pub(crate) fn parse(table: &Table, names: &[String], above: &[String]) -> OraclePickList {
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

    /// The index of what these users touched.
    pub(crate) fn take<'u>(&self, at: i64, users: impl Iterator<Item = &'u OracleTouches>) -> OraclePickIndex {
        let mut index = OraclePickIndex::default();
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
        let query = OracleQuery { touches, index: &self.pick_indexes[place], seeds, now: self.now };
        let had: BTreeSet<&String> = touches.had.iter().map(|touch| &touch.item).collect();
        let mut picks: Vec<OraclePick> = Vec::new();
        for source in &list.sources {
            let (candidates, is_seeded) = match source {
                OraclePickSource::Kind(kind) => {
                    (query.candidates(list, kind), matches!(kind.as_str(), "session" | "together"))
                }
                OraclePickSource::List(above) => (self.picked(*above, CANDIDATES_MAX, key, rules), false),
            };
            for pick in candidates {
                let is_taken = picks.iter().any(|other| other.item == pick.item);
                let is_first = is_seeded && query.seeds.first() == Some(&pick.item);
                if !is_taken && !is_first && !had.contains(&pick.item) {
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

impl OracleQuery<'_> {
    /// The items of a kind, the best first.
    fn candidates(&self, list: &OraclePickList, kind: &str) -> Vec<OraclePick> {
        let of_sessions = self.index.sessions.iter().flat_map(|(_, items)| items);
        let own = self.touches.own.iter().map(|touch| &touch.item);
        let items: BTreeSet<&String> = self.index.users.keys().chain(of_sessions).chain(own).collect();
        let scored = |item: &String| {
            let (score, seed) = match kind {
                "session" => self.session(list, item)?,
                "together" => self.together(list, item)?,
                "popular" => (self.users(item).0 * ONE, None),
                "again" => (self.again(item)?, None),
                other => panic!("`{other}` is no kind of picks"),
            };
            let because = seed.map_or_else(|| kind.to_owned(), |seed| format!("{kind}:{seed}"));
            let rank = (std::cmp::Reverse(score), std::cmp::Reverse(self.users(item).0), item.clone());
            (score > 0).then(|| OraclePick { item: item.clone(), score, because, rank })
        };
        let mut picks: Vec<OraclePick> = items.into_iter().filter_map(scored).collect();
        picks.sort_by(|a, b| a.rank.cmp(&b.rank));
        picks.truncate(CANDIDATES_MAX);
        picks
    }

    fn users(&self, item: &String) -> (u128, u128) {
        self.index.users.get(item).copied().unwrap_or_default()
    }

    /// The places of the sessions with an item.
    fn having(&self, item: &String) -> Vec<usize> {
        let sessions = self.index.sessions.iter().enumerate();
        sessions.filter(|(_, (_, items))| items.contains(item)).map(|(place, _)| place).collect()
    }

    /// Those of them that began last.
    fn latest(&self, list: &OraclePickList, item: &String) -> Vec<usize> {
        let all = self.having(item);
        all[all.len().saturating_sub(list.sessions)..].to_vec()
    }

    fn session(&self, list: &OraclePickList, item: &String) -> Option<(u128, Option<String>)> {
        let seeds = self.seeds.len();
        let latest: Vec<Vec<usize>> = self.seeds.iter().map(|seed| self.latest(list, seed)).collect();
        let mut near: Vec<(usize, usize, usize)> = Vec::new();
        for (place, (order, _)) in self.index.sessions.iter().enumerate() {
            let of: Vec<usize> = (1..=seeds).filter(|p| latest[p - 1].contains(&place)).collect();
            if let Some(least) = of.first()
                && Some(*order) != self.touches.current
            {
                near.push((of.iter().map(|p| seeds - p + 1).sum(), place, *least));
            }
        }
        near.sort_by_key(|(a, place, _)| std::cmp::Reverse((*a, *place)));
        near.truncate(list.near);
        near.retain(|(_, place, _)| self.index.sessions[*place].1.contains(item));
        if near.is_empty() {
            return None;
        }
        let by_seed =
            |p: usize| near.iter().filter(|(_, _, least)| *least == p).map(|(a, _, _)| (a * (10 - p)) as u128).sum();
        let sums: Vec<u128> = (1..=seeds).map(by_seed).collect();
        let all: usize = self.index.sessions.iter().map(|(_, items)| items.len()).sum();
        let rarity = ((all as f64 / self.having(item).len() as f64).ln() * 1e6).round_ties_even();
        let score = half_even(rarity as u128 * sums.iter().sum::<u128>(), 10 * seeds as u128);
        Some((score, Some(self.seeds[first_largest(&sums)].clone())))
    }

    fn together(&self, list: &OraclePickList, item: &String) -> Option<(u128, Option<String>)> {
        let term = |(seed, p): (&String, u128)| {
            let those = self.latest(list, seed);
            let both = those.iter().filter(|place| self.index.sessions[**place].1.contains(item)).count() as u128;
            if seed == item || both == 0 {
                return 0;
            }
            let below = p * p * those.len() as u128 * (self.having(item).len() as u128 + 10);
            (ONE * ONE * both * both / below).isqrt()
        };
        let terms: Vec<u128> = self.seeds.iter().zip(1..).map(term).collect();
        let score = terms.iter().sum();
        (score > 0).then(|| (score, Some(self.seeds[first_largest(&terms)].clone())))
    }

    fn again(&self, item: &str) -> Option<u128> {
        let times = times(&self.touches.own, item);
        let (first, last) = (*times.first()?, *times.last()?);
        let age = |at: i64| u128::try_from(self.now - at).unwrap_or(0);
        let half = 60 * DAY_MS as u128;
        let recency: u128 = times.iter().map(|at| half_even(half * ONE, half + age(*at))).sum();
        let (k, (users, several)) = (times.len() as u128, self.users(&item.to_owned()));
        let weighted = if k == 1 {
            recency
        } else {
            let usual = (last - first) as u128 / (k - 1);
            let q = half_even(age(last) * ONE, usual);
            let late = if q > 0 { half_even(3 * ONE * ONE, q) } else { ONE };
            let d = ONE.min(ONE / 2 + q).min(late);
            half_even(recency * half_even(5 * ONE + k * d, 5 + k), ONE)
        };
        Some(half_even(weighted * (several + 1), users + 4))
    }
}

/// The latest distinct times at which an item was touched, ascending.
fn times(touches: &[OracleTouch], item: &str) -> Vec<i64> {
    let all: BTreeSet<i64> = touches.iter().filter(|touch| touch.item == item).map(|touch| touch.at).collect();
    all.iter().copied().skip(all.len().saturating_sub(TIMES_MAX)).collect()
}

/// Keeps the touches of the distinct items that were touched last.
fn keep_last(touches: &mut Vec<OracleTouch>, most: usize) {
    let last: Vec<String> = distinct(touches.iter().rev().map(|touch| &touch.item)).into_iter().take(most).collect();
    touches.retain(|touch| last.contains(&touch.item));
}
