//! What a backtest keeps of each person while it runs: little, and only of those to whom something happened.
//!
//! Persons are known by 128 bits of a hash of their ids, so that ids are not kept twice.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::names::RulesSide;

/// How many people of each kind are named.
pub(super) const SAMPLED_PEOPLE: usize = 5;

/// What is known of a person.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PersonRecord {
    /// By rule set: how many messages went out to the person.
    pub(super) messages: [u32; 2],
    /// Something differed within what is counted.
    pub(super) differs: bool,
    /// Something that the person notices differed: what differs afterwards need not have come so.
    pub(super) noticed: bool,
}

/// All people to whom a message went out, or for whom something differed.
#[derive(Debug, Default)]
pub(super) struct PersonTable {
    people: HashMap<u128, PersonRecord, foldhash::fast::FixedState>,
}

impl PersonTable {
    pub(super) fn person(&mut self, id: &str) -> &mut PersonRecord {
        self.people.entry(xxh3_128(id.as_bytes())).or_default()
    }

    /// A visitor is a user from now on, by one rule set: the user has got what the visitor got, and noticed what the visitor noticed.
    pub(super) fn merge(&mut self, side: RulesSide, visitor: &str, user: &str) {
        let Some(record) = self.people.get_mut(&xxh3_128(visitor.as_bytes())) else { return };
        let messages = std::mem::take(&mut record.messages[side as usize]);
        let noticed = record.noticed;
        if messages > 0 || noticed {
            let person = self.person(user);
            person.messages[side as usize] = person.messages[side as usize].saturating_add(messages);
            person.noticed |= noticed;
        }
    }

    /// How many people got how many messages, by a rule set; only those who got some.
    pub(super) fn messages(&self, side: RulesSide) -> BTreeMap<u32, u64> {
        let mut counts = BTreeMap::new();
        for messages in self.people.values().map(|person| person.messages[side as usize]).filter(|count| *count > 0) {
            *counts.entry(messages).or_default() += 1;
        }
        counts
    }

    /// About how many bytes it takes.
    pub(super) fn bytes(&self) -> u64 {
        (self.people.capacity() * size_of::<(u128, PersonRecord)>()) as u64
    }

    /// How many people there are of whom something is true.
    pub(super) fn count(&self, is_true: impl Fn(&PersonRecord) -> bool) -> u64 {
        self.people.values().filter(|person| is_true(person)).count() as u64
    }
}

/// Some of many people, chosen by a hash of their ids, whatever the order in which they come: each with what came first.
#[derive(Clone, Debug)]
pub(super) struct PeopleSample<T> {
    chosen: BTreeMap<(u64, String), T>,
}

impl<T> Default for PeopleSample<T> {
    fn default() -> Self {
        PeopleSample { chosen: BTreeMap::new() }
    }
}

impl<T> PeopleSample<T> {
    pub(super) fn add(&mut self, user: &str, what: impl FnOnce() -> T) {
        let hash = xxh3_64(user.as_bytes());
        let is_full = self.chosen.len() >= SAMPLED_PEOPLE;
        if is_full && self.chosen.last_key_value().is_some_and(|((last, _), _)| hash > *last) {
            return;
        }
        self.chosen.entry((hash, user.to_owned())).or_insert_with(what);
        if self.chosen.len() > SAMPLED_PEOPLE {
            self.chosen.pop_last();
        }
    }

    pub(super) fn into_people(self) -> impl Iterator<Item = (String, T)> {
        self.chosen.into_iter().map(|((_, user), what)| (user, what))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.chosen.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sample_is_the_same_in_any_order() {
        let users: Vec<String> = (0..100).map(|number| format!("u{number}")).collect();
        let sample = |users: &mut dyn Iterator<Item = &String>| {
            let mut sample = PeopleSample::default();
            users.for_each(|user| sample.add(user, || user.clone()));
            sample.into_people().collect::<Vec<_>>()
        };
        let forwards = sample(&mut users.iter());
        assert_eq!(forwards.len(), SAMPLED_PEOPLE);
        assert_eq!(forwards, sample(&mut users.iter().rev()));
    }

    #[test]
    fn visitor_takes_messages_and_what_it_noticed_along() {
        let mut people = PersonTable::default();
        *people.person("anon") = PersonRecord { messages: [2, 1], differs: true, noticed: true };
        people.merge(RulesSide::New, "anon", "u");
        people.merge(RulesSide::Old, "anon", "u");
        assert_eq!((people.person("u").messages, people.person("u").noticed), ([2, 1], true));
        assert_eq!(people.messages(RulesSide::New), BTreeMap::from([(2, 1)]));
    }
}
