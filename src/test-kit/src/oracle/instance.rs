//! State per key: the instances of a user, when they begin and when they are forgotten.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use toml::Value as Toml;

use super::fields::{count, duration, path_of, position, required, string};
use super::history::{OracleHistory, OracleMatch};
use super::log::print_time;
use super::rules::OracleRules;
use super::user::OracleUser;
use super::value::OracleValue;

/// The longest text that is a key.
const KEY_BYTES_MAX: usize = 256;

/// An entry of `[per]`.
pub(crate) struct OraclePer {
    /// The path of the key in a match.
    pub(crate) key: Vec<String>,
    pub(crate) ttl: i64,
    pub(crate) max: usize,
    /// Index of the entry of `[tables]`.
    pub(crate) table: Option<usize>,
}

/// What a user has for one value of a key.
#[derive(Clone)]
pub(crate) struct OracleInstance {
    /// Index of the entry of `[per]`.
    pub(crate) per: usize,
    pub(crate) history: OracleHistory,
    /// By segment.
    pub(crate) member_of: Vec<bool>,
    /// How often campaigns fired in its life.
    pub(crate) fired: BTreeMap<usize, usize>,
}

impl OracleInstance {
    fn new(per: usize, rules: &OracleRules) -> OracleInstance {
        OracleInstance {
            per,
            history: OracleHistory::default(),
            member_of: vec![false; rules.segments.len()],
            fired: BTreeMap::new(),
        }
    }

    /// The time of its latest match.
    fn latest(&self) -> i64 {
        self.history.times.iter().copied().max().expect("an instance begins with a match")
    }
}

impl OracleUser {
    /// The keys of an entry of `[per]` in order, or those in a segment of it.
    pub(crate) fn keys(&self, per: usize) -> impl Iterator<Item = (&String, &OracleInstance)> {
        self.instances.iter().filter(move |((own, _), _)| *own == per).map(|((_, key), instance)| (key, instance))
    }

    /// When the first of the instances goes.
    pub(crate) fn next_forgetting(&self, rules: &OracleRules) -> Option<i64> {
        self.instances.iter().map(|((per, _), instance)| instance.latest() + rules.pers[*per].ttl).min()
    }

    /// Removes the instances whose time is over.
    pub(crate) fn forget_keys(&mut self, rules: &OracleRules, journal: &mut Vec<Json>) {
        let is_over = |per: usize, instance: &OracleInstance| instance.latest() + rules.pers[per].ttl <= self.now;
        let over: Vec<(usize, String)> = self
            .instances
            .iter()
            .filter(|((per, _), instance)| is_over(*per, instance))
            .map(|(place, _)| place.clone())
            .collect();
        for place in over {
            self.remove_key(place, "ttl", rules, journal);
        }
    }

    /// Removes the oldest instances of a `[per]`, until `more` can join without exceeding `max`.
    pub(crate) fn make_room(&mut self, per: usize, more: usize, rules: &OracleRules, journal: &mut Vec<Json>) {
        while self.keys(per).count() + more > rules.pers[per].max {
            let oldest = self.keys(per).min_by_key(|(key, instance)| (instance.latest(), *key));
            let Some((key, _)) = oldest else { break };
            self.remove_key((per, key.clone()), "max", rules, journal);
        }
    }

    /// Adds a match to the instance of every key that it bears.
    pub(crate) fn touch_keys(&mut self, one: &OracleMatch, rules: &OracleRules, journal: &mut Vec<Json>) {
        for (index, per) in rules.pers.iter().enumerate() {
            let Some(key) = key_text(&one.value(&per.key)) else { continue };
            let place = (index, key);
            if !self.instances.contains_key(&place) {
                if one.at + per.ttl <= self.now {
                    continue;
                }
                self.make_room(index, 1, rules, journal);
            }
            let instance = self.instances.entry(place).or_insert_with(|| OracleInstance::new(index, rules));
            instance.history.times.push(one.at);
            instance.history.add(one.clone());
        }
    }

    /// Unites the instances with those of a visitor, whose memberships vanish.
    pub(crate) fn merge_keys(&mut self, visitor: BTreeMap<(usize, String), OracleInstance>, rules: &OracleRules) {
        for (place, theirs) in visitor {
            let per = place.0;
            let own = self.instances.entry(place).or_insert_with(|| OracleInstance::new(per, rules));
            own.history.merge(theirs.history);
            for (campaign, count) in theirs.fired {
                *own.fired.entry(campaign).or_default() += count;
            }
        }
    }

    fn remove_key(&mut self, place: (usize, String), cause: &str, rules: &OracleRules, journal: &mut Vec<Json>) {
        let Some(instance) = self.instances.remove(&place) else { return };
        for (segment, _) in rules.segments.iter().zip(instance.member_of).filter(|(_, inside)| *inside) {
            journal.push(json!({
                "kind": "transition", "user": self.id, "segment": segment.id, "change": "exit",
                "at": print_time(self.now), "key": place.1, "cause": cause,
            }));
        }
    }
}

/// A text of 1 to 256 bytes, or a whole number within 64 bits, with a sign or without.
pub(crate) fn key_text(value: &OracleValue) -> Option<String> {
    match value {
        OracleValue::Text(text) => (1..=KEY_BYTES_MAX).contains(&text.len()).then(|| text.clone()),
        OracleValue::Number(number) => {
            let millionths: i128 = number.millionths().parse().ok()?;
            let whole = (millionths % 1_000_000 == 0).then_some(millionths / 1_000_000)?;
            (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&whole).then(|| whole.to_string())
        }
        _ => None,
    }
}

/// An entry of `[per]`.
pub(super) fn per(entry: &Toml, tables: &[String]) -> OraclePer {
    let table = entry.as_table().expect("an entry of [per] is a table");
    OraclePer {
        key: path_of(&required(table, "key")),
        ttl: duration(table, "ttl").expect("a [per] has a `ttl`"),
        max: count(table, "max").unwrap_or(20),
        table: string(table, "table").map(|id| position(tables, &id)),
    }
}
