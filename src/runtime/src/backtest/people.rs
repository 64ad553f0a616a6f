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
#[derive(Debug, Default)]
pub(super) struct PersonRecord {
    /// By rule set: how many messages went out to the person.
    pub(super) messages: [u32; 2],
    /// Something differed.
    pub(super) differs: bool,
    /// Something that the person notices differed: what differs afterwards need not have come so.
    pub(super) noticed: bool,
    /// By rule set: the segments the person is in, with the number of keys, or 1.
    pub(super) memberships: [Vec<(u16, u32)>; 2],
}

/// All people to whom something happened.
#[derive(Debug, Default)]
pub(super) struct PersonTable {
    people: HashMap<u128, PersonRecord, foldhash::fast::FixedState>,
    /// By rule set: how many people who are forgotten since got how many messages.
    forgotten: [BTreeMap<u32, u64>; 2],
    /// How many of them differed, and got more and fewer messages by the new rules.
    forgotten_changes: PersonChanges,
}

/// How many people a change of rules concerns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PersonChanges {
    pub(super) differing: u64,
    pub(super) more_messages: u64,
    pub(super) fewer_messages: u64,
}

impl PersonTable {
    pub(super) fn person(&mut self, id: &str) -> &mut PersonRecord {
        self.people.entry(xxh3_128(id.as_bytes())).or_default()
    }

    pub(super) fn known(&self, id: &str) -> Option<&PersonRecord> {
        self.people.get(&xxh3_128(id.as_bytes()))
    }

    /// A visitor is a user from now on, by one rule set: returns the segments that the visitor vanishes from.
    pub(super) fn merge(&mut self, side: RulesSide, visitor: &str, user: &str) -> Vec<(u16, u32)> {
        let Some(record) = self.people.get_mut(&xxh3_128(visitor.as_bytes())) else { return Vec::new() };
        let at = side as usize;
        let vanished = std::mem::take(&mut record.memberships[at]);
        let messages = std::mem::take(&mut record.messages[at]);
        let (differs, noticed) = (record.differs, record.noticed);
        if messages > 0 || differs {
            let person = self.person(user);
            person.messages[at] = person.messages[at].saturating_add(messages);
            person.differs |= differs;
            person.noticed |= noticed;
        }
        vanished
    }

    /// Nothing is known of a person any more, by one rule set: returns the segments that the person vanishes from. Who is in no
    /// segment by the other one either is a new person afterwards.
    pub(super) fn remove(&mut self, side: RulesSide, id: &str) -> Vec<(u16, u32)> {
        let key = xxh3_128(id.as_bytes());
        let Some(record) = self.people.get_mut(&key) else { return Vec::new() };
        let at = side as usize;
        let vanished = std::mem::take(&mut record.memberships[at]);
        if record.memberships.iter().all(Vec::is_empty) {
            let record = self.people.remove(&key).unwrap_or_default();
            self.forgotten_changes.add(&record);
            for (counts, messages) in self.forgotten.iter_mut().zip(record.messages) {
                if messages > 0 {
                    *counts.entry(messages).or_default() += 1;
                }
            }
        }
        vanished
    }

    /// How many people got how many messages, by a rule set; only those who got some.
    pub(super) fn messages(&self, side: RulesSide) -> BTreeMap<u32, u64> {
        let mut counts = self.forgotten[side as usize].clone();
        for person in self.people.values().filter(|person| person.messages[side as usize] > 0) {
            *counts.entry(person.messages[side as usize]).or_default() += 1;
        }
        counts
    }

    /// Whom the change of rules concerns.
    pub(super) fn changes(&self) -> PersonChanges {
        let mut changes = self.forgotten_changes;
        self.people.values().for_each(|person| changes.add(person));
        changes
    }
}

impl PersonChanges {
    fn add(&mut self, person: &PersonRecord) {
        self.differing += u64::from(person.differs);
        self.more_messages += u64::from(person.messages[0] > person.messages[1]);
        self.fewer_messages += u64::from(person.messages[0] < person.messages[1]);
    }
}

impl PersonRecord {
    /// Enters a segment, by a rule set; or a further key does.
    pub(super) fn enter(&mut self, side: RulesSide, segment: u16) {
        let memberships = &mut self.memberships[side as usize];
        match memberships.iter_mut().find(|(other, _)| *other == segment) {
            Some((_, keys)) => *keys += 1,
            None => memberships.push((segment, 1)),
        }
    }

    /// Leaves it.
    pub(super) fn leave(&mut self, side: RulesSide, segment: u16) {
        let memberships = &mut self.memberships[side as usize];
        if let Some(at) = memberships.iter().position(|(other, _)| *other == segment) {
            memberships[at].1 -= 1;
            if memberships[at].1 == 0 {
                memberships.swap_remove(at);
            }
        }
    }

    pub(super) fn is_in(&self, side: RulesSide, segment: u16) -> bool {
        self.memberships[side as usize].iter().any(|(other, _)| *other == segment)
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
    fn visitor_takes_messages_and_mark_along_but_no_memberships() {
        let mut people = PersonTable::default();
        people.person("anon").enter(RulesSide::New, 3);
        people.person("anon").messages = [2, 1];
        people.person("anon").noticed = true;
        people.person("anon").differs = true;
        assert_eq!(people.merge(RulesSide::New, "anon", "u"), [(3, 1)]);
        assert_eq!(people.merge(RulesSide::Old, "anon", "u"), []);
        let user = people.known("u").unwrap();
        assert_eq!((user.messages, user.noticed, user.is_in(RulesSide::New, 3)), ([2, 1], true, false));
        assert_eq!(people.messages(RulesSide::New), BTreeMap::from([(2, 1)]));
    }
}
