//! Packed users one behind another in chunks of memory, instead of each in an allocation of its own: none is rounded up,
//! and its location takes 8 bytes.
//!
//! A user that is unpacked leaves a gap. When the gaps are more than a sixth of the live bytes, the chunk with the fewest
//! live bytes is cleaned: its live users move to the chunk being filled, and the chunk can be filled again
//! (Rosenblum, Ousterhout, *The design and implementation of a log-structured file system*, 1992). No more
//! than a few chunks are cleaned whenever one is full.

use std::num::NonZeroU32;

use super::user_table::UserSlot;
use crate::compact::{CompactReader, CompactWriter};
use crate::time::Timestamp;

/// The capacity of a chunk in bytes; a larger user has a chunk of its own.
const CHUNK: usize = 16 << 10;
/// Gaps may take this share (one in …) of the live bytes.
const GAPS: usize = 6;
/// The greatest number of chunks cleaned when one is full.
const CLEANED_AT_ONCE: usize = 8;
/// The header of each entry: its slot, and its length.
const HEAD_MAX: usize = 14;

/// The location of a packed user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PackedUserLocation {
    /// The chunk's index and 1.
    chunk: NonZeroU32,
    at: u32,
}

/// All chunks.
#[derive(Debug, Default)]
pub(super) struct PackedUserStore {
    chunks: Vec<UserChunk>,
    /// The empty ones.
    vacant: Vec<u32>,
    /// The one being filled.
    open: usize,
    /// Live bytes, without gaps.
    live: usize,
    /// The same with gaps.
    filled: usize,
}

#[derive(Debug, Default)]
struct UserChunk {
    /// Entries: slot (4 bytes), length, packed user.
    bytes: Vec<u8>,
    /// How many of them are live.
    live: usize,
}

/// One packed user in a chunk.
struct ChunkEntry<'c> {
    owner: u32,
    packed: &'c [u8],
    /// Where the next one begins.
    end: usize,
}

fn entry(bytes: &[u8], at: usize) -> ChunkEntry<'_> {
    let mut reader = CompactReader { left: &bytes[at..], base: Timestamp(0) };
    let owner = u32::from_le_bytes(reader.array());
    let packed = reader.bytes();
    ChunkEntry { owner, packed, end: bytes.len() - reader.left.len() }
}

impl PackedUserLocation {
    fn new(chunk: usize, at: usize) -> PackedUserLocation {
        let chunk = u32::try_from(chunk + 1).ok().and_then(NonZeroU32::new);
        let at = u32::try_from(at).ok();
        let (chunk, at) = chunk.zip(at).expect("a partition's packed users take fewer than 2^32 chunks");
        PackedUserLocation { chunk, at }
    }

    fn chunk(self) -> usize {
        self.chunk.get() as usize - 1
    }
}

impl PackedUserStore {
    /// The packed user at a location.
    pub(super) fn get(&self, place: PackedUserLocation) -> &[u8] {
        entry(&self.chunks[place.chunk()].bytes, place.at as usize).packed
    }

    /// The first byte at a location.
    pub(super) fn first_byte(&self, place: PackedUserLocation) -> u8 {
        self.chunks[place.chunk()].bytes[place.at as usize]
    }

    /// The same, to be changed in place.
    pub(super) fn get_mut(&mut self, place: PackedUserLocation) -> &mut [u8] {
        let bytes = &mut self.chunks[place.chunk()].bytes;
        let ChunkEntry { packed, end, .. } = entry(bytes, place.at as usize);
        let start = end - packed.len();
        &mut bytes[start..end]
    }

    /// The bytes it takes.
    pub(super) fn size(&self, place: PackedUserLocation) -> usize {
        entry(&self.chunks[place.chunk()].bytes, place.at as usize).end - place.at as usize
    }

    /// Adds the packed user of a slot.
    pub(super) fn put(&mut self, slots: &mut [UserSlot], slot: u32, packed: &[u8]) {
        let fits = self.chunks.get(self.open).is_some_and(|open| open.bytes.len() + packed.len() + HEAD_MAX <= CHUNK);
        if !fits {
            self.open_another(packed.len() + HEAD_MAX);
            for _ in 0..CLEANED_AT_ONCE {
                if (self.filled - self.live) * GAPS > self.live {
                    self.clean_one(slots);
                }
            }
        }
        self.append(slots, slot, packed);
    }

    /// Frees a location: no slot refers to it any more.
    pub(super) fn free(&mut self, place: PackedUserLocation) {
        let size = self.size(place);
        self.chunks[place.chunk()].live -= size;
        self.live -= size;
    }

    fn append(&mut self, slots: &mut [UserSlot], slot: u32, packed: &[u8]) {
        let open = &mut self.chunks[self.open];
        let at = open.bytes.len();
        open.bytes.extend_from_slice(&slot.to_le_bytes());
        CompactWriter { out: &mut open.bytes, base: Timestamp(0) }.bytes(packed);
        let size = open.bytes.len() - at;
        open.live += size;
        self.live += size;
        self.filled += size;
        slots[slot as usize] = UserSlot::Packed(PackedUserLocation::new(self.open, at));
    }

    /// Continues with an empty chunk that has room for `room` bytes.
    fn open_another(&mut self, room: usize) {
        self.open = self.vacant.pop().map_or(self.chunks.len(), |vacant| vacant as usize);
        if self.open == self.chunks.len() {
            self.chunks.push(UserChunk::default());
        }
        let bytes = &mut self.chunks[self.open].bytes;
        bytes.reserve_exact(room.max(CHUNK));
    }

    /// Empties the chunk with the fewest live bytes.
    fn clean_one(&mut self, slots: &mut [UserSlot]) {
        let others =
            self.chunks.iter().enumerate().filter(|(index, chunk)| *index != self.open && !chunk.bytes.is_empty());
        let Some((emptiest, _)) = others.min_by_key(|(_, chunk)| chunk.live) else { return };
        let UserChunk { mut bytes, mut live } = std::mem::take(&mut self.chunks[emptiest]);
        self.filled -= bytes.len();
        self.live -= live;
        let mut at = 0;
        while live > 0 {
            let ChunkEntry { owner, packed, end } = entry(&bytes, at);
            if slots[owner as usize] == UserSlot::Packed(PackedUserLocation::new(emptiest, at)) {
                live -= end - at;
                let open = &self.chunks[self.open].bytes;
                if open.len() + (end - at) > open.capacity() {
                    self.open_another(end - at);
                }
                self.append(slots, owner, packed);
            }
            at = end;
        }
        // One is filled again soon; the memory of further ones is freed.
        if self.vacant.is_empty() {
            bytes.clear();
            bytes.shrink_to(CHUNK);
            self.chunks[emptiest].bytes = bytes;
        }
        self.vacant.push(u32::try_from(emptiest).expect("chunks are counted in 32 bits"));
    }

    /// The bytes it takes on the heap, without those of the users.
    pub(super) fn heap_bytes_beside(&self) -> usize {
        let chunks: usize = self.chunks.iter().map(|chunk| chunk.bytes.capacity()).sum();
        chunks - self.live + self.chunks.capacity() * size_of::<UserChunk>() + self.vacant.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Some slots are filled and freed at random, each with bytes of its own.
        #[test]
        fn what_stands_in_chunks_stays_what_it_is(
            steps in prop::collection::vec((0u32..40, prop_oneof![9 => 0usize..900, 1 => 10_000usize..40_000]), 1..400),
        ) {
            let (mut chunks, mut slots) = (PackedUserStore::default(), vec![UserSlot::Resident(0); 40]);
            let mut expected: Vec<Option<Vec<u8>>> = vec![None; 40];
            for (step, (slot, length)) in steps.into_iter().enumerate() {
                match (slots[slot as usize], &mut expected[slot as usize]) {
                    (UserSlot::Packed(place), held) => {
                        slots[slot as usize] = UserSlot::Resident(0);
                        chunks.free(place);
                        *held = None;
                    }
                    (UserSlot::Resident(_), held) => {
                        let packed = vec![step as u8; length];
                        chunks.put(&mut slots, slot, &packed);
                        *held = Some(packed);
                    }
                }
                let mut live = 0;
                for (slot, held) in slots.iter().zip(&expected) {
                    match slot {
                        UserSlot::Packed(place) => {
                            prop_assert_eq!(Some(&*chunks.get_mut(*place)), held.as_deref());
                            prop_assert_eq!(Some(chunks.get(*place)), held.as_deref());
                            live += chunks.size(*place);
                        }
                        UserSlot::Resident(_) => prop_assert!(held.is_none()),
                    }
                }
                prop_assert_eq!(live, chunks.live);
            }
        }
    }

    #[test]
    fn a_slot_takes_eight_bytes() {
        assert_eq!(size_of::<UserSlot>(), 8);
    }

    #[test]
    fn gaps_do_not_add_up() {
        let (mut chunks, mut slots) = (PackedUserStore::default(), vec![UserSlot::Resident(0); 1_000]);
        for round in 0..50_u32 {
            for slot in 0..1_000 {
                if let UserSlot::Packed(place) = slots[slot as usize] {
                    if (slot * 7 + round) % 3 == 0 {
                        continue;
                    }
                    slots[slot as usize] = UserSlot::Resident(0);
                    chunks.free(place);
                }
                chunks.put(&mut slots, slot, &vec![1; 50 + (slot as usize + round as usize) % 50]);
            }
        }
        let beside = chunks.heap_bytes_beside();
        assert!(beside < chunks.live / 2 + 3 * CHUNK, "{beside} bytes beside {} that stand", chunks.live);
    }
}
