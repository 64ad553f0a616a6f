//! How much a partition holds, and the bytes that it takes.

use super::Partition;
use crate::picks::TouchTable;

impl Partition {
    /// How many users there are.
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many timers are pending; a user may have several, of which all but one are stale.
    pub fn pending_timers(&self) -> usize {
        self.timers.len()
    }

    /// How many slots for users there are, occupied or not.
    pub fn slots(&self) -> usize {
        self.users.slots() as usize
    }

    /// The bytes that the users in some slots take outside of the slots themselves, and how many slots those are: `most`,
    /// or fewer at the end.
    pub fn heap_bytes_of(&self, first_slot: usize, most: usize) -> (u64, usize) {
        self.users.heap_bytes_of(first_slot, most)
    }

    /// The bytes of the slots, the indexes, the timers, and what is counted of all users' touches.
    pub fn heap_bytes_beside_users(&self) -> u64 {
        let touches: usize = self.steps.pick_tables.iter().map(TouchTable::heap_bytes).sum();
        (self.users.heap_bytes_beside() + self.timers.heap_bytes() + self.keys.heap_bytes() + touches) as u64
    }
}
