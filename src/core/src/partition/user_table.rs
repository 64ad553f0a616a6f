//! The users of a partition, each in a slot: resident while something happens to them, packed into a few bytes otherwise.
//!
//! A user that changes is unpacked. When there are many resident users, another one is packed for it, chosen by the clock
//! (second chance) algorithm: the hand goes round, and skips once each user with an event since it last passed (Corbató,
//! *A paging experiment with the Multics system*, 1968).
//!
//! A large user is not packed: that would cost as much again with each event, however small.
//! Whether a user is packed affects only memory and processing time.

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

/// The number of resident users from which on one is packed for each that becomes resident, by default.
pub(super) const RESIDENT_USERS_MIN: usize = 64;
/// One user in this many is resident, where that is more.
const RESIDENT_SHARE: usize = 96;
/// A user that takes more packed bytes than this stays resident.
const LARGE_USER_BYTES: usize = 32 * 1024;
/// Stands in a vacant slot for an index of a resident user.
const VACANT: u32 = u32::MAX;

/// Users by slot and by id.
#[derive(Debug)]
pub(super) struct UserTable {
    /// The number of resident users from which on one is packed.
    resident_min: usize,
    slots: Vec<UserSlot>,
    chunks: PackedUserStore,
    vacant: Vec<u32>,
    by_id: HashTable<u32>,
    /// The large ones first.
    residents: Vec<ResidentUser>,
    /// How many of those are large.
    large: usize,
    /// The position of the clock's hand, which skips the large ones.
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
    /// The index among the resident users, or [`VACANT`].
    Resident(u32),
}

#[derive(Debug)]
struct ResidentUser {
    user: User,
    slot: u32,
    /// Had an event since the hand last passed.
    is_used: bool,
}

impl UserTable {
    /// Without users; `resident_min` (at least 1) are resident before one is packed.
    pub(super) fn new(resident_min: usize) -> UserTable {
        UserTable {
            resident_min: resident_min.max(1),
            slots: Vec::new(),
            chunks: PackedUserStore::default(),
            vacant: Vec::new(),
            by_id: HashTable::new(),
            residents: Vec::new(),
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
        UserTable::new(self.resident_min)
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

    /// Touches the state of users whose events are about to be applied. With many users most state is not in the processor's
    /// caches: one after the other, each would cost three cache misses in sequence; this way they overlap.
    pub(super) fn warm<'i>(&mut self, ids: impl Iterator<Item = &'i str>) {
        let mut found = std::mem::take(&mut self.found);
        found.clear();
        // Ids are not compared: a user with a similar hash is touched in vain.
        found.extend(ids.filter_map(|id| self.by_id.find(IdHasher::default().hash_one(id), |_| true)));
        self.warm_slots(&found);
        self.found = found;
    }

    /// The same for the users in some slots.
    pub(super) fn warm_slots(&self, slots: &[u32]) {
        let first_bytes = slots.iter().map(|slot| match self.slots[*slot as usize] {
            UserSlot::Packed(place) => self.chunks.first_byte(place),
            UserSlot::Resident(place) => {
                self.residents.get(place as usize).map_or(0, |resident| u8::from(resident.is_used))
            }
        });
        std::hint::black_box(first_bytes.fold(0, |all, byte| all ^ byte));
    }

    /// A user, as it stands; read only.
    pub(super) fn get(&self, slot: u32) -> Option<Cow<'_, User>> {
        match self.slots.get(slot as usize)? {
            UserSlot::Packed(place) => Some(Cow::Owned(packed::unpack(self.chunks.get(*place)))),
            UserSlot::Resident(place) => {
                self.residents.get(*place as usize).map(|resident| Cow::Borrowed(&resident.user))
            }
        }
    }

    /// A user to change that is likely to change again soon: it becomes resident.
    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut User> {
        let place = match *self.slots.get(slot as usize)? {
            UserSlot::Packed(place) => {
                let user = self.take_out(slot, place);
                self.make_resident(user, slot)
            }
            UserSlot::Resident(VACANT) => return None,
            UserSlot::Resident(place)
                if (place as usize) < self.large && !is_large(&self.residents[place as usize].user) =>
            {
                self.repack_later(place)
            }
            UserSlot::Resident(place) => place,
        };
        let resident = &mut self.residents[place as usize];
        resident.is_used = true;
        Some(&mut resident.user)
    }

    /// Changes a user in place: a packed one is packed again afterwards. `None`: the slot is vacant.
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
            UserSlot::Resident(place) => Some(change(&mut self.residents[place as usize].user)),
        }
    }

    /// Every user, in no particular order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Cow<'_, User>> {
        (0..self.slots()).filter_map(|slot| self.get(slot))
    }

    /// The snapshot epoch in which the user in a slot was last changed.
    pub(super) fn snapshot_epoch(&self, slot: u32) -> Option<SnapshotEpoch> {
        match self.slots.get(slot as usize)? {
            UserSlot::Packed(place) => Some(packed::snapshot_epoch(self.chunks.get(*place))),
            UserSlot::Resident(place) => {
                self.residents.get(*place as usize).map(|resident| resident.user.snapshot_epoch)
            }
        }
    }

    /// Changes that.
    pub(super) fn set_snapshot_epoch(&mut self, slot: u32, snapshot_epoch: SnapshotEpoch) {
        match self.slots[slot as usize] {
            UserSlot::Packed(place) => packed::set_snapshot_epoch(self.chunks.get_mut(place), snapshot_epoch),
            UserSlot::Resident(place) => {
                if let Some(resident) = self.residents.get_mut(place as usize) {
                    resident.user.snapshot_epoch = snapshot_epoch;
                }
            }
        }
    }

    /// The earliest timer of the user in a slot.
    pub(super) fn armed(&self, slot: u32) -> Option<Timestamp> {
        match self.slots.get(slot as usize)? {
            UserSlot::Packed(place) => Some(packed::armed(self.chunks.get(*place))),
            UserSlot::Resident(place) => self.residents.get(*place as usize).map(|resident| resident.user.armed),
        }
    }

    /// The time of the latest event of the user in a slot.
    pub(super) fn latest_event(&self, slot: u32) -> Option<Timestamp> {
        match self.slots.get(slot as usize)? {
            UserSlot::Packed(place) => Some(packed::latest(self.chunks.get(*place))),
            UserSlot::Resident(place) => {
                self.residents.get(*place as usize).map(|resident| resident.user.profile.latest)
            }
        }
    }

    /// Inserts a user with a new id; returns the slot.
    pub(super) fn insert(&mut self, user: User) -> u32 {
        let hash = IdHasher::default().hash_one(&*user.id);
        let slot = self.vacant.pop().unwrap_or_else(|| {
            self.slots.push(UserSlot::Resident(VACANT));
            u32::try_from(self.slots.len() - 1)
                .ok()
                .filter(|slot| *slot != VACANT)
                .expect("a partition holds fewer than 2^32 users")
        });
        self.make_resident(user, slot);
        let UserTable { slots, chunks, residents, by_id, .. } = self;
        by_id.insert_unique(hash, slot, |slot| IdHasher::default().hash_one(id_of(slots, chunks, residents, *slot)));
        slot
    }

    /// Takes the user with this id out.
    pub(super) fn remove(&mut self, id: &str) -> Option<User> {
        let hash = IdHasher::default().hash_one(id);
        let (slots, chunks, residents) = (&self.slots, &self.chunks, &self.residents);
        let entry = self.by_id.find_entry(hash, |slot| id_of(slots, chunks, residents, *slot) == id).ok()?;
        let (slot, _) = entry.remove();
        self.vacant.push(slot);
        match self.slots[slot as usize] {
            UserSlot::Packed(place) => Some(self.take_out(slot, place)),
            UserSlot::Resident(mut place) => {
                if (place as usize) < self.large {
                    place = self.repack_later(place);
                }
                self.slots[slot as usize] = UserSlot::Resident(VACANT);
                let resident = self.residents.swap_remove(place as usize);
                if let Some(moved) = self.residents.get(place as usize) {
                    self.slots[moved.slot as usize] = UserSlot::Resident(place);
                }
                Some(resident.user)
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
            UserSlot::Resident(place) => {
                self.residents.get(*place as usize).map_or(0, |resident| resident.user.heap_bytes())
            }
        };
        (slots.iter().map(|slot| bytes(slot) as u64).sum(), slots.len())
    }

    /// The bytes of the slots, the index, the resident users' entries, and the gaps between packed users.
    pub(super) fn heap_bytes_beside(&self) -> usize {
        self.slots.capacity() * size_of::<UserSlot>()
            + self.chunks.heap_bytes_beside()
            + self.vacant.capacity() * size_of::<u32>()
            + self.by_id.allocation_size()
            + self.residents.capacity() * size_of::<ResidentUser>()
            + self.scratch.capacity()
            + self.found.capacity() * size_of::<u32>()
    }

    /// The id of the user in a slot; empty: nobody is.
    pub(super) fn id_of(&self, slot: u32) -> &str {
        id_of(&self.slots, &self.chunks, &self.residents, slot)
    }

    /// Unpacks the user of a slot, which is vacant from now on.
    fn take_out(&mut self, slot: u32, place: PackedUserLocation) -> User {
        let user = packed::unpack(self.chunks.get(place));
        self.slots[slot as usize] = UserSlot::Resident(VACANT);
        self.chunks.free(place);
        user
    }

    /// Makes a user resident, in the place of another one if there are many; returns the index.
    fn make_resident(&mut self, user: User, slot: u32) -> u32 {
        let resident = ResidentUser { user, slot, is_used: false };
        let is_full = self.residents.len() - self.large >= self.resident_min.max(self.slots.len() / RESIDENT_SHARE);
        let place = if let Some(place) = is_full.then(|| self.pack_next()).flatten() {
            let before = std::mem::replace(&mut self.residents[place], resident);
            #[cfg(test)]
            {
                self.packed_bytes += self.scratch.len();
            }
            self.chunks.put(&mut self.slots, before.slot, &self.scratch);
            place
        } else {
            self.residents.push(resident);
            self.residents.len() - 1
        };
        let place = u32::try_from(place).expect("fewer users are resident than there are");
        self.slots[slot as usize] = UserSlot::Resident(place);
        place
    }

    /// Packs the resident user whose place is taken next into `scratch`; `None`: all are large.
    fn pack_next(&mut self) -> Option<usize> {
        while self.large < self.residents.len() {
            self.hand = if self.hand + 1 < self.residents.len() { self.hand + 1 } else { self.large };
            self.hand = self.hand.max(self.large);
            let resident = &mut self.residents[self.hand];
            if std::mem::take(&mut resident.is_used) {
                continue;
            }
            // Most users are small: the length of what is packed anyway says so, without adding up their sizes.
            if resident.user.profile.dedup().heap_bytes() <= LARGE_USER_BYTES {
                self.scratch.clear();
                packed::pack(&resident.user, &mut self.scratch);
                if self.scratch.len() <= LARGE_USER_BYTES {
                    return Some(self.hand);
                }
            }
            self.swap(self.hand, self.large);
            self.large += 1;
        }
        None
    }

    /// Moves a user that is not large any more to those that may be packed; returns its index.
    fn repack_later(&mut self, place: u32) -> u32 {
        self.large -= 1;
        self.swap(place as usize, self.large);
        u32::try_from(self.large).expect("fewer users are resident than there are")
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.residents.swap(a, b);
        for place in [a, b] {
            let residents = u32::try_from(place).expect("fewer users are resident than there are");
            self.slots[self.residents[place].slot as usize] = UserSlot::Resident(residents);
        }
    }
}

/// Whether a large user stays one. It becomes large by its packed bytes, which are fewer: so it does not alternate.
fn is_large(user: &User) -> bool {
    user.heap_bytes() > LARGE_USER_BYTES
}

/// The id of the user in a slot; empty where there is none.
fn id_of<'u>(slots: &[UserSlot], chunks: &'u PackedUserStore, residents: &'u [ResidentUser], slot: u32) -> &'u str {
    match slots[slot as usize] {
        UserSlot::Packed(place) => packed::id(chunks.get(place)),
        UserSlot::Resident(place) => residents.get(place as usize).map_or("", |resident| &resident.user.id),
    }
}

#[cfg(test)]
mod tests;
