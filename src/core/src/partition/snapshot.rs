//! A consistent cut through a partition, taken piece by piece while events go on.
//!
//! Time is divided into rounds by the cuts. What is written at a cut is what was changed in the round before it (or
//! everybody): those users are *pending*, and [`capture`](SnapshotTracker::capture) clones them a few at a time. Whoever is
//! changed before it was their turn is cloned just before the change. So every user is captured as it was at the cut,
//! and no pause is longer than a piece takes.
//!
//! Nothing is noted before the first cut: who never cuts pays nothing.

use std::borrow::Cow;
use std::sync::Arc;

use super::User;
use super::user_table::UserTable;

/// What has to be noted to cut a partition.
#[derive(Debug, Default)]
pub(super) struct SnapshotTracker {
    /// How many cuts were begun; 0: nobody ever cut, and nothing is noted.
    round: u32,
    /// The slots of users changed in this round; a slot may stand here twice when its user was replaced.
    dirty: Vec<u32>,
    /// Who was taken out in this round; may be back since.
    removed: Vec<Arc<str>>,
    cut: Option<PartitionSnapshot>,
}

/// A cut that is under way.
#[derive(Debug)]
struct PartitionSnapshot {
    pending: PendingUsers,
    /// Users that were changed before it was their turn, as they were at the cut.
    images: Vec<User>,
    /// Who was taken out in the round before the cut.
    removed: Vec<Arc<str>>,
}

/// Whose turn is still to come.
#[derive(Debug)]
enum PendingUsers {
    /// Everybody there was at the cut, from slot `next` on.
    All { next: u32, end: u32 },
    /// The slots changed in the round before the cut.
    Dirty(Vec<u32>),
}

/// In which round a user was last changed, and whether the cut that began it has the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct SnapshotEpoch(u32);

impl SnapshotEpoch {
    /// Captured by the cut that began this round, and not changed since.
    fn captured(round: u32) -> SnapshotEpoch {
        SnapshotEpoch(round * 2)
    }

    /// Changed in this round.
    fn changed(round: u32) -> SnapshotEpoch {
        SnapshotEpoch(round * 2 + 1)
    }

    /// As a number.
    pub(super) fn to_bits(self) -> u32 {
        self.0
    }

    /// The number back.
    pub(super) fn from_bits(bits: u32) -> SnapshotEpoch {
        SnapshotEpoch(bits)
    }
}

impl PendingUsers {
    /// Whether the cut that began `round` has yet to take in a user with this mark.
    fn has(&self, mark: SnapshotEpoch, round: u32) -> bool {
        match self {
            PendingUsers::All { .. } => mark < SnapshotEpoch::captured(round),
            PendingUsers::Dirty(_) => mark == SnapshotEpoch::changed(round - 1),
        }
    }
}

/// What one piece of a cut is made of.
#[derive(Debug, Default)]
pub(super) struct SnapshotPart {
    pub(super) users: Vec<User>,
    pub(super) removed: Vec<Arc<str>>,
    /// How much of the work that was allowed it took.
    pub(super) work: usize,
}

impl SnapshotTracker {
    /// Whether changes are noted.
    pub(super) fn is_noting(&self) -> bool {
        self.round > 0
    }

    /// From here on changes are noted: the users there are stand as the last checkpoint has them.
    pub(super) fn note_from_here(&mut self) {
        self.round += 1;
        self.dirty.clear();
        self.removed.clear();
        self.cut = None;
    }

    /// Begins a cut; of one that is still under way the rest is given up. Whether it is whole: the first always is.
    pub(super) fn begin(&mut self, whole: bool, slots: u32) -> bool {
        let whole = whole || !self.is_noting() || self.cut.is_some();
        self.round += 1;
        let (dirty, removed) = (std::mem::take(&mut self.dirty), std::mem::take(&mut self.removed));
        let (pending, removed) = match whole {
            true => (PendingUsers::All { next: 0, end: slots }, Vec::new()),
            false => (PendingUsers::Dirty(dirty), removed),
        };
        self.cut = Some(PartitionSnapshot { pending, images: Vec::new(), removed });
        whole
    }

    /// A user is about to change.
    pub(super) fn touch(&mut self, slot: u32, user: &mut User) {
        let changed = SnapshotEpoch::changed(self.round);
        if !self.is_noting() || user.mark == changed {
            return;
        }
        self.keep_image(user);
        user.mark = changed;
        self.dirty.push(slot);
    }

    /// A user was just put into a slot: nobody the cut under way has to take in.
    pub(super) fn added(&mut self, slot: u32, user: &mut User) {
        if self.is_noting() {
            user.mark = SnapshotEpoch::changed(self.round);
            self.dirty.push(slot);
        }
    }

    /// A user is being taken out.
    pub(super) fn taken_out(&mut self, user: &User) {
        if self.is_noting() {
            self.keep_image(user);
            self.removed.push(Arc::clone(&user.id));
        }
    }

    fn keep_image(&mut self, user: &User) {
        if let Some(cut) = &mut self.cut
            && cut.pending.has(user.mark, self.round)
        {
            cut.images.push(user.clone());
        }
    }

    /// The next piece of the cut, of about so many users; with `None` nothing is left of it.
    pub(super) fn capture(&mut self, users: &mut UserTable, most: usize) -> Option<SnapshotPart> {
        let (round, cut) = (self.round, self.cut.as_mut()?);
        let mut piece = SnapshotPart { removed: std::mem::take(&mut cut.removed), ..SnapshotPart::default() };
        let images = cut.images.len().min(most);
        piece.users.extend(cut.images.drain(cut.images.len() - images..));
        piece.work = images + piece.removed.len();
        while piece.work < most
            && let Some(slot) = cut.pending.next_slot()
        {
            piece.work += 1;
            if let Some(mark) = users.mark(slot)
                && cut.pending.has(mark, round)
            {
                piece.users.extend(users.get(slot).map(Cow::into_owned));
                users.set_mark(slot, SnapshotEpoch::captured(round));
            }
        }
        if piece.work == 0 {
            self.cut = None;
            return None;
        }
        Some(piece)
    }
}

impl PendingUsers {
    fn next_slot(&mut self) -> Option<u32> {
        match self {
            PendingUsers::All { next, end } => (next < end).then(|| {
                *next += 1;
                *next - 1
            }),
            PendingUsers::Dirty(slots) => slots.pop(),
        }
    }
}
