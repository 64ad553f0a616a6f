//! What happened to a user, or to one key of a user: every event, every match of a name.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::value::OracleValue;

/// A match of an event, or of an element of one of its arrays, with a name.
#[derive(Clone, Debug)]
pub(crate) struct OracleMatch {
    /// When its event happened, UTC milliseconds.
    pub(crate) at: i64,
    /// The event's place in the log; matches of one event share it.
    pub(crate) arrival: usize,
    /// Index of the name.
    pub(crate) name: usize,
    pub(crate) properties: Json,
    /// The element of the array, with `each`.
    pub(crate) item: Option<Json>,
    /// What `let` gives names to.
    pub(crate) lets: Vec<(String, OracleValue)>,
    /// The latest time of each name when this match came; set as it comes.
    latest_before: Vec<(usize, i64)>,
}

impl OracleMatch {
    /// A match that has not come yet.
    pub(crate) fn new(at: i64, arrival: usize, name: usize, properties: Json) -> OracleMatch {
        OracleMatch { at, arrival, name, properties, item: None, lets: Vec::new(), latest_before: Vec::new() }
    }

    /// `E.p`: what `let` says, else the element's, else the event's.
    pub(crate) fn value(&self, path: &[String]) -> OracleValue {
        if let [name] = path
            && let Some((_, value)) = self.lets.iter().find(|(own, _)| own == name)
        {
            return value.clone();
        }
        let own = self.item.as_ref().map_or(OracleValue::Missing, |item| OracleValue::at_path(item, path));
        if own.is_missing() { OracleValue::at_path(&self.properties, path) } else { own }
    }

    /// Whether it came at most so long after the latest match of a name that was then known.
    pub(crate) fn follows(&self, name: usize, within_ms: i64) -> bool {
        let latest = self.latest_before.iter().find(|(other, _)| *other == name);
        latest.is_some_and(|(_, latest)| (0..=within_ms).contains(&(self.at - latest)))
    }
}

/// Everything that happened, in the order of its arrival.
#[derive(Clone, Debug, Default)]
pub(crate) struct OracleHistory {
    /// The times that `idle` and `age` look at: of a user's events, of a key's matches.
    pub(crate) times: Vec<i64>,
    pub(crate) matches: Vec<OracleMatch>,
}

impl OracleHistory {
    pub(crate) fn add(&mut self, mut one: OracleMatch) {
        let names: BTreeSet<usize> = self.matches.iter().map(|other| other.name).collect();
        let latest = |name: usize| self.named(name).map(|other| other.at).max();
        one.latest_before = names.into_iter().filter_map(|name| Some((name, latest(name)?))).collect();
        self.matches.push(one);
    }

    pub(crate) fn named(&self, name: usize) -> impl Iterator<Item = &OracleMatch> {
        self.matches.iter().filter(move |one| one.name == name)
    }

    /// The times of the events that matched a name, ascending; several matches of one event are one.
    pub(crate) fn event_times(&self, name: usize) -> Vec<i64> {
        let events: BTreeSet<(i64, usize)> = self.named(name).map(|one| (one.at, one.arrival)).collect();
        events.into_iter().map(|(at, _)| at).collect()
    }

    /// Unites it with a visitor's, which at equal times counts as the earlier arrival.
    pub(crate) fn merge(&mut self, mut visitor: OracleHistory) {
        visitor.times.append(&mut self.times);
        visitor.matches.append(&mut self.matches);
        *self = visitor;
    }
}
