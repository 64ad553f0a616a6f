//! The users of a partition, each in a slot: at hand while something happens to them, packed into a few bytes otherwise.
//!
//! Who is touched is unpacked; of those at hand one is packed for it when there are many, found by the clock (second
//! chance) rule: the hand goes round, and passes over once whoever had an event since it last came by (Corbató, *A paging
//! experiment with the Multics system*, 1968).
//!
//! A large user is not packed: that would cost as much again with each event, however small.
//! Whether a user is packed shows nowhere but in memory and time taken.

use std::borrow::Cow;
use std::hash::BuildHasher;

use hashbrown::HashTable;

use super::packed;
use super::packed_users::{PackedUserLocation, PackedUserStore};
use super::snapshot::SnapshotEpoch;
use super::user::User;
use crate::time::Timestamp;

/// Hashes ids in memory; nothing that leaves the process depends on it.
type IdHasher = foldhash::fast::FixedState;

/// So many users are at hand before one is packed, unless it is said.
pub(super) const AT_HAND: usize = 64;
/// Of this many users one is at hand, where that is more.
const AT_HAND_SHARE: usize = 64;
/// A user who takes more bytes than this is not packed.
const LARGE: usize = 32 * 1024;
/// What a vacant slot says instead of a place among those at hand.
const VACANT: u32 = u32::MAX;

/// Users by slot and by id.
#[derive(Debug)]
pub(super) struct UserTable {
    /// So many are at hand before one is packed.
    at_hand_min: usize,
    slots: Vec<UserSlot>,
    chunks: PackedUserStore,
    vacant: Vec<u32>,
    by_id: HashTable<u32>,
    /// The large ones first.
    at_hand: Vec<ResidentUser>,
    /// How many of those are large.
    large: usize,
    /// Where the clock's hand stands, which passes over the large ones.
    hand: usize,
    /// How many bytes were packed.
    #[cfg(test)]
    packed_bytes: usize,
    /// Kept to spare allocations.
    scratch: Vec<u8>,
    /// Likewise.
    found: Vec<u32>,
}

/// Where a user is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UserSlot {
    Packed(PackedUserLocation),
    /// The place among those at hand, or [`VACANT`].
    Resident(u32),
}

#[derive(Debug)]
struct ResidentUser {
    user: User,
    slot: u32,
    /// Had an event since the hand came by.
    is_used: bool,
}

impl UserTable {
    /// None yet; `at_hand_min` (at least 1) are at hand before one is packed.
    pub(super) fn new(at_hand_min: usize) -> UserTable {
        UserTable {
            at_hand_min: at_hand_min.max(1),
            slots: Vec::new(),
            chunks: PackedUserStore::default(),
            vacant: Vec::new(),
            by_id: HashTable::new(),
            at_hand: Vec::new(),
            large: 0,
            hand: 0,
            #[cfg(test)]
            packed_bytes: 0,
            scratch: Vec::new(),
            found: Vec::new(),
        }
    }

    /// The same without users.
    pub(super) fn emptied(&self) -> UserTable {
        UserTable::new(self.at_hand_min)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.vacant.len()
    }

    /// How many slots there are, taken or not.
    pub(super) fn slots(&self) -> u32 {
        u32::try_from(self.slots.len()).unwrap_or(u32::MAX)
    }

    /// The slot of the user with this id.
    pub(super) fn find(&self, id: &str) -> Option<u32> {
        let hash = IdHasher::default().hash_one(id);
        self.by_id.find(hash, |slot| self.id_of(*slot) == id).copied()
    }

    /// Reads a little of the state of users of whom events are about to be taken in. Of many users most state is far from
    /// the processor: one after the other each would be waited for, three times over; this way many are on their way at once.
    pub(super) fn warm<'i>(&mut self, ids: impl Iterator<Item = &'i str>) {
        let mut found = std::mem::take(&mut self.found);
        found.clear();
        // Whoever has another id and a hash that looks alike is read in vain.
        found.extend(ids.filter_map(|id| self.by_id.find(IdHasher::default().hash_one(id), |_| true)));
        let first_bytes = found.iter().map(|slot| match self.slots[*slot as usize] {
            UserSlot::Packed(place) => self.chunks.first_byte(place),
            UserSlot::Resident(place) => self.at_hand.get(place as usize).map_or(0, |held| u8::from(held.is_used)),
        });
        std::hint::black_box(first_bytes.fold(0, |all, byte| all ^ byte));
        self.found = found;
    }

    /// A user, as it stands; read only.
    pub(super) fn get(&self, slot: u32) -> Option<Cow<'_, User>> {
        match self.slots.get(slot as usize)? {
            UserSlot::Packed(place) => Some(Cow::Owned(packed::unpack(self.chunks.get(*place)))),
            UserSlot::Resident(place) => self.at_hand.get(*place as usize).map(|held| Cow::Borrowed(&held.user)),
        }
    }

    /// A user to change who is likely to be changed again soon: from now on at hand.
    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut User> {
        let place = match *self.slots.get(slot as usize)? {
            UserSlot::Packed(place) => {
                let user = self.take_out(slot, place);
                self.hold(user, slot)
            }
            UserSlot::Resident(VACANT) => return None,
            UserSlot::Resident(place)
                if (place as usize) < self.large && !is_large(&self.at_hand[place as usize].user) =>
            {
                self.small_again(place)
            }
            UserSlot::Resident(place) => place,
        };
        let held = &mut self.at_hand[place as usize];
        held.is_used = true;
        Some(&mut held.user)
    }

    /// Changes a user where it is: who was packed is again afterwards. `None`: the slot is vacant.
    pub(super) fn change<R>(&mut self, slot: u32, change: impl FnOnce(&mut User) -> R) -> Option<R> {
        match *self.slots.get(slot as usize)? {
            UserSlot::Packed(place) => {
                let mut user = packed::unpack(self.chunks.get(place));
                let changed = change(&mut user);
                self.scratch.clear();
                packed::pack(&user, &mut self.scratch);
                let before = self.chunks.get_mut(place);
                if before.len() == self.scratch.len() {
                    before.copy_from_slice(&self.scratch);
                } else {
                    self.slots[slot as usize] = UserSlot::Resident(VACANT);
                    self.chunks.free(place);
                    self.chunks.put(&mut self.slots, slot, &self.scratch);
                }
                Some(changed)
            }
            UserSlot::Resident(VACANT) => None,
            UserSlot::Resident(place) => Some(change(&mut self.at_hand[place as usize].user)),
        }
    }

    /// Every user, in no particular order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Cow<'_, User>> {
        (0..self.slots()).filter_map(|slot| self.get(slot))
    }

    /// When the user in a slot was last changed, in rounds of cuts.
    pub(super) fn mark(&self, slot: u32) -> Option<SnapshotEpoch> {
        match self.slots.get(slot as usize)? {
            UserSlot::Packed(place) => Some(packed::mark(self.chunks.get(*place))),
            UserSlot::Resident(place) => self.at_hand.get(*place as usize).map(|held| held.user.mark),
        }
    }

    /// Changes that.
    pub(super) fn set_mark(&mut self, slot: u32, mark: SnapshotEpoch) {
        match self.slots[slot as usize] {
            UserSlot::Packed(place) => packed::set_mark(self.chunks.get_mut(place), mark),
            UserSlot::Resident(place) => {
                if let Some(held) = self.at_hand.get_mut(place as usize) {
                    held.user.mark = mark;
                }
            }
        }
    }

    /// The soonest wake-up that stands in the timers for the user in a slot.
    pub(super) fn armed(&self, slot: u32) -> Option<Timestamp> {
        match self.slots.get(slot as usize)? {
            UserSlot::Packed(place) => Some(packed::armed(self.chunks.get(*place))),
            UserSlot::Resident(place) => self.at_hand.get(*place as usize).map(|held| held.user.armed),
        }
    }

    /// The time of the latest event of the user in a slot.
    pub(super) fn latest_event(&self, slot: u32) -> Option<Timestamp> {
        match self.slots.get(slot as usize)? {
            UserSlot::Packed(place) => Some(packed::latest(self.chunks.get(*place))),
            UserSlot::Resident(place) => self.at_hand.get(*place as usize).map(|held| held.user.profile.latest),
        }
    }

    /// Puts a user in whose id no other has; returns the slot.
    pub(super) fn insert(&mut self, user: User) -> u32 {
        let hash = IdHasher::default().hash_one(&*user.id);
        let slot = self.vacant.pop().unwrap_or_else(|| {
            self.slots.push(UserSlot::Resident(VACANT));
            u32::try_from(self.slots.len() - 1)
                .ok()
                .filter(|slot| *slot != VACANT)
                .expect("a partition holds fewer than 2^32 users")
        });
        self.hold(user, slot);
        let UserTable { slots, chunks, at_hand, by_id, .. } = self;
        by_id.insert_unique(hash, slot, |slot| IdHasher::default().hash_one(id_of(slots, chunks, at_hand, *slot)));
        slot
    }

    /// Takes the user with this id out.
    pub(super) fn remove(&mut self, id: &str) -> Option<User> {
        let hash = IdHasher::default().hash_one(id);
        let (slots, chunks, at_hand) = (&self.slots, &self.chunks, &self.at_hand);
        let entry = self.by_id.find_entry(hash, |slot| id_of(slots, chunks, at_hand, *slot) == id).ok()?;
        let (slot, _) = entry.remove();
        self.vacant.push(slot);
        match self.slots[slot as usize] {
            UserSlot::Packed(place) => Some(self.take_out(slot, place)),
            UserSlot::Resident(mut place) => {
                if (place as usize) < self.large {
                    place = self.small_again(place);
                }
                self.slots[slot as usize] = UserSlot::Resident(VACANT);
                let held = self.at_hand.swap_remove(place as usize);
                if let Some(moved) = self.at_hand.get(place as usize) {
                    self.slots[moved.slot as usize] = UserSlot::Resident(place);
                }
                Some(held.user)
            }
        }
    }

    /// The bytes that the users in some slots take outside of the slots themselves, and how many slots those are: `most`,
    /// or fewer at the end.
    pub(super) fn heap_bytes_of(&self, first_slot: usize, most: usize) -> (u64, usize) {
        let slots = &self.slots[first_slot.min(self.slots.len())..];
        let slots = &slots[..most.min(slots.len())];
        let bytes = |slot: &UserSlot| match slot {
            UserSlot::Packed(place) => self.chunks.size(*place),
            UserSlot::Resident(place) => self.at_hand.get(*place as usize).map_or(0, |held| held.user.heap_bytes()),
        };
        (slots.iter().map(|slot| bytes(slot) as u64).sum(), slots.len())
    }

    /// The bytes of the slots, the index, the places of those at hand, and the gaps between those who are packed.
    pub(super) fn heap_bytes_beside(&self) -> usize {
        self.slots.capacity() * size_of::<UserSlot>()
            + self.chunks.heap_bytes_beside()
            + self.vacant.capacity() * size_of::<u32>()
            + self.by_id.allocation_size()
            + self.at_hand.capacity() * size_of::<ResidentUser>()
            + self.scratch.capacity()
            + self.found.capacity() * size_of::<u32>()
    }

    fn id_of(&self, slot: u32) -> &str {
        id_of(&self.slots, &self.chunks, &self.at_hand, slot)
    }

    /// Unpacks the user of a slot, which is vacant from now on.
    fn take_out(&mut self, slot: u32, place: PackedUserLocation) -> User {
        let user = packed::unpack(self.chunks.get(place));
        self.slots[slot as usize] = UserSlot::Resident(VACANT);
        self.chunks.free(place);
        user
    }

    /// Puts a user among those at hand, in the place of another if there are many; returns the place.
    fn hold(&mut self, user: User, slot: u32) -> u32 {
        let held = ResidentUser { user, slot, is_used: false };
        let is_full = self.at_hand.len() - self.large >= self.at_hand_min.max(self.slots.len() / AT_HAND_SHARE);
        let place = if let Some(place) = is_full.then(|| self.next_to_pack()).flatten() {
            let before = std::mem::replace(&mut self.at_hand[place], held);
            self.scratch.clear();
            packed::pack(&before.user, &mut self.scratch);
            #[cfg(test)]
            {
                self.packed_bytes += self.scratch.len();
            }
            self.chunks.put(&mut self.slots, before.slot, &self.scratch);
            place
        } else {
            self.at_hand.push(held);
            self.at_hand.len() - 1
        };
        let place = u32::try_from(place).expect("fewer are at hand than there are");
        self.slots[slot as usize] = UserSlot::Resident(place);
        place
    }

    /// Whose place is taken next; `None`: all at hand are large.
    fn next_to_pack(&mut self) -> Option<usize> {
        while self.large < self.at_hand.len() {
            self.hand = if self.hand + 1 < self.at_hand.len() { self.hand + 1 } else { self.large };
            self.hand = self.hand.max(self.large);
            let held = &mut self.at_hand[self.hand];
            if std::mem::take(&mut held.is_used) {
                continue;
            }
            if !is_large(&held.user) {
                return Some(self.hand);
            }
            self.swap(self.hand, self.large);
            self.large += 1;
        }
        None
    }

    /// Counts a large user among the others again; returns where it stands now.
    fn small_again(&mut self, place: u32) -> u32 {
        self.large -= 1;
        self.swap(place as usize, self.large);
        u32::try_from(self.large).expect("fewer are at hand than there are")
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.at_hand.swap(a, b);
        for place in [a, b] {
            let at_hand = u32::try_from(place).expect("fewer are at hand than there are");
            self.slots[self.at_hand[place].slot as usize] = UserSlot::Resident(at_hand);
        }
    }
}

fn is_large(user: &User) -> bool {
    user.heap_bytes() > LARGE
}

/// The id of the user in a slot; empty where there is none.
fn id_of<'u>(slots: &[UserSlot], chunks: &'u PackedUserStore, at_hand: &'u [ResidentUser], slot: u32) -> &'u str {
    match slots[slot as usize] {
        UserSlot::Packed(place) => packed::id(chunks.get(place)),
        UserSlot::Resident(place) => at_hand.get(place as usize).map_or("", |held| &held.user.id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: usize, messages: usize) -> User {
        let mut user = User::new(format!("u{id}").into(), Timestamp(0));
        let seen = (0..messages as u64).map(|hash| (hash, Timestamp(0)));
        user.profile.restore(Vec::new(), seen.collect());
        user
    }

    /// Of many users one at hand was packed for each that was touched: a large one as a whole, for each small event.
    #[test]
    fn a_large_user_is_not_packed_however_many_others_there_are() {
        let mut users = UserTable::new(1);
        for id in 0..400 {
            users.insert(user(id, if id % 40 == 0 { 20_000 } else { 2 }));
        }
        for round in 0..20 {
            for id in 0..400 {
                let slot = users.find(&format!("u{id}")).expect("it was put in");
                let held = users.get_mut(slot).expect("it is there");
                assert_eq!(&*held.id, format!("u{id}"), "round {round}");
                held.profile.now = Timestamp(round);
            }
        }
        assert_eq!((users.large, users.len()), (10, 400));
        assert!(users.packed_bytes < 21 * 400 * 100, "{} bytes were packed", users.packed_bytes);
        // Some become small again, some go, and everybody is where it was.
        for id in (0..400).step_by(80) {
            let slot = users.find(&format!("u{id}")).expect("it was put in");
            users.get_mut(slot).expect("it is there").profile.restore(Vec::new(), [].into_iter().collect());
            users.get_mut(slot).expect("it is there");
        }
        assert_eq!(users.large, 5);
        for id in (0..400).step_by(3) {
            assert_eq!(users.remove(&format!("u{id}")).map(|user| user.id.to_string()), Some(format!("u{id}")));
        }
        for id in 0..400 {
            let found = users.find(&format!("u{id}"));
            assert_eq!(found.is_some(), id % 3 != 0, "{id}");
            let held = found.and_then(|slot| users.get(slot)).map(|user| user.profile.seen().len());
            let messages = if id % 80 == 0 {
                0
            } else if id % 40 == 0 {
                20_000
            } else {
                2
            };
            assert!(held.is_none_or(|held| held == messages), "{id}: {held:?}");
        }
        assert_eq!(users.large, (0..400).filter(|id| id % 40 == 0 && id % 80 != 0 && id % 3 != 0).count());
    }
}
