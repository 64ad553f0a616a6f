//! Snapshots: a consistent state of all partitions between two batches, copied in parts while processing goes on.
//!
//! What a snapshot contains is fixed when it begins, whatever is applied before its last part is taken: a partition copies a
//! user that is about to change first. It is kept in memory; storing it is the checkpoint store's task.

use std::sync::Arc;

use super::Pipeline;
use rekindle_core::checkpoint::{KnownPast, StoredShared};
use rekindle_core::goals::UpliftCounts;
use rekindle_core::growth::Rollup;
use rekindle_core::growth::calendar::Day;
use rekindle_core::identity::LinksSnapshot;
use rekindle_core::partition::SnapshotUsers;
use rekindle_core::secret::SecretFingerprint;
use rekindle_core::time::Timestamp;

/// The part of a snapshot that is taken when it begins: everything but the users.
#[derive(Debug)]
pub struct SnapshotHeader {
    /// The number of events accepted before the snapshot.
    pub position: u64,
    /// The greatest time read.
    pub latest_read: Timestamp,
    /// All timers due at or before it have fired.
    pub fired: Timestamp,
    /// The number of forgotten users and visitors.
    pub forgotten: u64,
    /// The number of rules changes, and the greatest time read at the last one.
    pub rules_changes: (u64, Timestamp),
    /// How far back the state knows the log.
    pub known: KnownPast,
    /// The fingerprint of the secret that draws depend on.
    pub secret: SecretFingerprint,
    /// The number of partitions.
    pub partitions: u16,
    /// It has all users, not only those changed since the last snapshot.
    pub is_full: bool,
    /// Links that were made or removed since the last snapshot; in a full one, all links.
    pub links: LinksSnapshot,
    /// The rollup of the growth numbers, with the business day of the watermark; `None`: there is none.
    pub growth: Option<(Box<Rollup>, Day)>,
    /// The counts of goals.
    pub uplift: Arc<UpliftCounts>,
    /// What users share.
    pub shared: StoredShared,
}

/// How far a snapshot has been taken.
#[derive(Debug, Default)]
pub(super) struct SnapshotProgress {
    /// The next partition to copy; `None`: no snapshot is being taken.
    partition: Option<usize>,
    /// Parts that had to be taken at once.
    taken: Vec<SnapshotUsers>,
    /// The partitions know what has changed since the last snapshot, or since the restore.
    tracks_changes: bool,
}

impl SnapshotProgress {
    /// The next snapshot must be full.
    pub(super) fn lose_changes(&mut self) {
        self.tracks_changes = false;
    }

    /// The state is that of a checkpoint: the next snapshot may have only what changes from here on.
    pub(super) fn track_changes(&mut self) {
        self.tracks_changes = true;
    }
}

impl Pipeline {
    /// Begins a snapshot here. From now on [`snapshot_part`](Pipeline::snapshot_part) returns users as they are at this
    /// moment: all of them if the snapshot is `full`, otherwise those changed since the last snapshot began.
    ///
    /// It is full in any case if it is the first, the first after a rules change or a restore into another number of
    /// partitions, or if it begins before the last one was taken completely.
    pub fn begin_snapshot(&mut self, full: bool) -> SnapshotHeader {
        let full = full || !self.snapshot.tracks_changes || self.is_taking_snapshot();
        for partition in &mut self.partitions {
            partition.begin_snapshot(full);
        }
        let rules = &self.plan.rules;
        self.snapshot = SnapshotProgress { partition: Some(0), taken: Vec::new(), tracks_changes: true };
        SnapshotHeader {
            position: self.position,
            latest_read: self.latest_read,
            fired: self.fired().max(Timestamp::MIN),
            forgotten: self.forgotten_count,
            rules_changes: self.rules_changes,
            known: self.known.clone(),
            secret: self.options.secret.fingerprint(),
            partitions: u16::try_from(self.partitions.len()).unwrap_or(u16::MAX),
            is_full: full,
            links: self.links.snapshot(full),
            growth: self.growth_snapshot(),
            uplift: self.uplift(),
            shared: self.shared.as_mut().map(|shared| shared.begin_snapshot(rules, full)).unwrap_or_default(),
        }
    }

    /// The next parts of the snapshot: copies of about `max_users` users. `None`: it is complete, or none is being taken.
    pub fn snapshot_part(&mut self, max_users: usize) -> Option<Vec<SnapshotUsers>> {
        if !self.snapshot.taken.is_empty() {
            return Some(std::mem::take(&mut self.snapshot.taken));
        }
        let (mut parts, mut left) = (Vec::new(), max_users.max(1));
        while let Some(at) = self.snapshot.partition
            && left > 0
        {
            let Some(partition) = self.partitions.get_mut(at) else {
                self.snapshot.partition = None;
                break;
            };
            match partition.snapshot_part(u16::try_from(at).unwrap_or(u16::MAX), left) {
                Some((part, work)) => {
                    left = left.saturating_sub(work);
                    parts.push(part);
                }
                None => self.snapshot.partition = Some(at + 1),
            }
        }
        (!parts.is_empty()).then_some(parts)
    }

    /// Whether a snapshot is being taken: there may be another [part](Pipeline::snapshot_part).
    pub fn is_taking_snapshot(&self) -> bool {
        self.snapshot.partition.is_some() || !self.snapshot.taken.is_empty()
    }

    /// Takes the rest of a snapshot at once, because all users are about to change.
    pub(super) fn take_rest_of_snapshot(&mut self) {
        let mut all = Vec::new();
        while let Some(parts) = self.snapshot_part(usize::MAX) {
            all.extend(parts);
        }
        self.snapshot.taken = all;
    }
}
