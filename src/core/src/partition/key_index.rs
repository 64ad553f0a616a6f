//! Which users have an instance of a key that may have a row (semantics §18): when the row changes, they are found by it.
//!
//! Only for a `[per.K]` with `table`. An entry is a hash of the key and the user's slot, 16 bytes in a B-tree; whether the user really
//! has such an instance is asked when it is found.

use std::collections::BTreeSet;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::User;
use crate::rules::ruleset::{PerId, Ruleset};

/// What an entry takes on the heap, with what a B-tree leaves empty.
const ENTRY_BYTES: usize = 26;

/// The users by key.
#[derive(Debug, Default)]
pub(super) struct KeyIndex {
    /// By `[per.K]`: its instances are indexed.
    is_indexed: Vec<bool>,
    entries: BTreeSet<(u64, u32)>,
}

/// That a user got an instance of a key, or lost it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyEntryChange {
    hash: u64,
    is_added: bool,
}

impl KeyEntryChange {
    /// Of a key.
    pub(super) fn new(per: PerId, key: &str, is_added: bool) -> KeyEntryChange {
        KeyEntryChange { hash: hash_of(per, key.as_bytes()), is_added }
    }
}

impl KeyIndex {
    /// Without users.
    pub(super) fn new(rules: &Ruleset) -> KeyIndex {
        KeyIndex { is_indexed: rules.pers.iter().map(|per| per.table.is_some()).collect(), entries: BTreeSet::new() }
    }

    /// Adds the instances of the user in a slot, all at once.
    pub(super) fn add_all(&mut self, slot: u32, user: &User) {
        let KeyIndex { is_indexed, entries } = self;
        entries.extend(hashes(is_indexed, user).map(|hash| (hash, slot)));
    }

    /// Removes them, all at once.
    pub(super) fn remove_all(&mut self, slot: u32, user: &User) {
        let KeyIndex { is_indexed, entries } = self;
        hashes(is_indexed, user).for_each(|hash| _ = entries.remove(&(hash, slot)));
    }

    /// Removes all.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    /// Follows what changed of the user in a slot, in that order.
    pub(super) fn follow(&mut self, slot: u32, changes: &mut Vec<KeyEntryChange>) {
        for KeyEntryChange { hash, is_added } in changes.drain(..) {
            let entry = (hash, slot);
            _ = if is_added { self.entries.insert(entry) } else { self.entries.remove(&entry) };
        }
    }

    /// The slots of the users who may have an instance of a key, ascending.
    pub(super) fn slots(&self, per: PerId, key: &str) -> impl Iterator<Item = u32> {
        let hash = hash_of(per, key.as_bytes());
        self.entries.range((hash, 0)..=(hash, u32::MAX)).map(|(_, slot)| *slot)
    }

    /// The bytes on the heap, about.
    pub(super) fn heap_bytes(&self) -> usize {
        self.entries.len() * ENTRY_BYTES + self.is_indexed.capacity()
    }
}

fn hashes<'u>(is_indexed: &[bool], user: &'u User) -> impl Iterator<Item = u64> + use<'u> {
    let indexed: Vec<PerId> =
        (0..).map(PerId).zip(is_indexed).filter(|(_, indexed)| **indexed).map(|(per, _)| per).collect();
    indexed.into_iter().flat_map(|per| user.profile.keys.keys_of(per).map(move |key| hash_of(per, key)))
}

fn hash_of(per: PerId, key: &[u8]) -> u64 {
    xxh3_64_with_seed(key, per.0.into())
}
