//! A consistent snapshot of a partition, taken in parts while events are applied.
//!
//! Snapshots divide time into epochs. A snapshot contains the users that changed in the epoch before it (or all users): they
//! are *pending*, and [`next_part`](SnapshotTracker::next_part) clones a few of them at a time. A pending user that changes
//! before its turn is cloned just before the change (its *pre-image*). So the snapshot has every user as it was at the
//! beginning of the snapshot, and no pause is longer than one part takes.
//!
//! Changes are tracked only from the first snapshot on: without snapshots there is no cost.

use std::borrow::Cow;
use std::sync::Arc;

use super::User;
use super::user_table::UserTable;

/// Which users changed, for the snapshots of a partition.
#[derive(Debug, Default)]
pub(super) struct SnapshotTracker {
    /// How many snapshots were begun; 0: none, and changes are not tracked.
    number: u32,
    /// The slots of users changed in this epoch; a slot occurs twice when its user was replaced.
    dirty: Vec<u32>,
    /// The users removed in this epoch; they may exist again.
    removed: Vec<Arc<str>>,
    snapshot: Option<PartitionSnapshot>,
}

/// A snapshot in progress.
#[derive(Debug)]
struct PartitionSnapshot {
    pending: PendingUsers,
    /// Users that changed before their turn, as they were at the beginning of the snapshot.
    pre_images: Vec<User>,
    /// The users removed in the epoch before the snapshot.
    removed: Vec<Arc<str>>,
}

/// The users that are still to be cloned.
#[derive(Debug)]
enum PendingUsers {
    /// All users at the beginning of the snapshot, from slot `next` on.
    All { next: u32, end: u32 },
    /// The slots changed in the epoch before the snapshot.
    Dirty(Vec<u32>),
}

/// The epoch in which a user last changed, and whether the snapshot that began it has the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct SnapshotEpoch(u32);

impl SnapshotEpoch {
    /// Contained in the snapshot that began this epoch, and not changed since.
    fn contained(number: u32) -> SnapshotEpoch {
        SnapshotEpoch(number * 2)
    }

    /// Changed in this epoch.
    fn changed(number: u32) -> SnapshotEpoch {
        SnapshotEpoch(number * 2 + 1)
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
    /// Whether the snapshot that began epoch `number` still has to clone a user of this epoch.
    fn has(&self, epoch: SnapshotEpoch, number: u32) -> bool {
        match self {
            PendingUsers::All { .. } => epoch < SnapshotEpoch::contained(number),
            PendingUsers::Dirty(_) => epoch == SnapshotEpoch::changed(number - 1),
        }
    }
}

/// A part of a snapshot.
#[derive(Debug, Default)]
pub(super) struct SnapshotPart {
    pub(super) users: Vec<User>,
    pub(super) removed: Vec<Arc<str>>,
    /// How much of the allowed work it took.
    pub(super) work: usize,
}

impl SnapshotTracker {
    /// Whether changes are tracked.
    pub(super) fn is_tracking(&self) -> bool {
        self.number > 0
    }

    /// From here on changes are tracked: the users are as the last checkpoint has them.
    pub(super) fn track_changes(&mut self) {
        self.number += 1;
        self.dirty.clear();
        self.removed.clear();
        self.snapshot = None;
    }

    /// Begins a snapshot; the rest of one in progress is dropped. Returns whether it is complete: the first always is.
    pub(super) fn begin(&mut self, complete: bool, slots: u32) -> bool {
        let complete = complete || !self.is_tracking() || self.snapshot.is_some();
        self.number += 1;
        let (dirty, removed) = (std::mem::take(&mut self.dirty), std::mem::take(&mut self.removed));
        let (pending, removed) = match complete {
            true => (PendingUsers::All { next: 0, end: slots }, Vec::new()),
            false => (PendingUsers::Dirty(dirty), removed),
        };
        self.snapshot = Some(PartitionSnapshot { pending, pre_images: Vec::new(), removed });
        complete
    }

    /// A user is about to change.
    pub(super) fn touch(&mut self, slot: u32, user: &mut User) {
        let changed = SnapshotEpoch::changed(self.number);
        if !self.is_tracking() || user.snapshot_epoch == changed {
            return;
        }
        self.keep_pre_image(user);
        user.snapshot_epoch = changed;
        self.dirty.push(slot);
    }

    /// A user was inserted into a slot: the snapshot in progress does not contain it.
    pub(super) fn added(&mut self, slot: u32, user: &mut User) {
        if self.is_tracking() {
            user.snapshot_epoch = SnapshotEpoch::changed(self.number);
            self.dirty.push(slot);
        }
    }

    /// A user is being removed.
    pub(super) fn removed_user(&mut self, user: &User) {
        if self.is_tracking() {
            self.keep_pre_image(user);
            self.removed.push(Arc::clone(&user.id));
        }
    }

    fn keep_pre_image(&mut self, user: &User) {
        if let Some(snapshot) = &mut self.snapshot
            && snapshot.pending.has(user.snapshot_epoch, self.number)
        {
            snapshot.pre_images.push(user.clone());
        }
    }

    /// The next part of the snapshot, of about `work_max` users; `None`: it is complete.
    pub(super) fn next_part(&mut self, users: &mut UserTable, work_max: usize) -> Option<SnapshotPart> {
        let (number, snapshot) = (self.number, self.snapshot.as_mut()?);
        let mut part = SnapshotPart { removed: std::mem::take(&mut snapshot.removed), ..SnapshotPart::default() };
        let pre_images = snapshot.pre_images.len().min(work_max);
        part.users.extend(snapshot.pre_images.drain(snapshot.pre_images.len() - pre_images..));
        part.work = pre_images + part.removed.len();
        while part.work < work_max
            && let Some(slot) = snapshot.pending.next_slot()
        {
            part.work += 1;
            if let Some(epoch) = users.snapshot_epoch(slot)
                && snapshot.pending.has(epoch, number)
            {
                part.users.extend(users.get(slot).map(Cow::into_owned));
                users.set_snapshot_epoch(slot, SnapshotEpoch::contained(number));
            }
        }
        if part.work == 0 {
            self.snapshot = None;
            return None;
        }
        Some(part)
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
