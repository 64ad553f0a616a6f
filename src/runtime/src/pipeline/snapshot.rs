//! A consistent cut through a pipeline, between two batches, taken down piece by piece while it goes on.

use super::Pipeline;
use rekindle_core::growth::Rollup;
use rekindle_core::growth::calendar::Day;
use rekindle_core::identity::LinksSnapshot;
use rekindle_core::partition::SnapshotUsers;
use rekindle_core::time::Timestamp;

/// A cut that has begun: everything that is taken down at once.
#[derive(Debug)]
pub struct SnapshotHeader {
    /// How many events were accepted up to the cut.
    pub position: u64,
    /// The latest time read up to the cut.
    pub latest_read: Timestamp,
    /// What was due at or before it has fired, for everyone.
    pub fired: Timestamp,
    /// How many users and visitors were forgotten up to the cut.
    pub forgotten: u64,
    /// How often other rules had taken effect, and the latest time that had been read when they did last.
    pub rules_changes: (u64, Timestamp),
    /// How many partitions there are.
    pub partitions: u16,
    /// Everybody is captured, not only who changed since the last cut.
    pub is_whole: bool,
    /// Links made and taken back since the last cut; in a whole cut, all there are.
    pub links: LinksSnapshot,
    /// The growth numbers' counts, with the business day of the watermark; `None`: there are none.
    pub growth: Option<(Box<Rollup>, Day)>,
}

/// How far cutting has come.
#[derive(Debug, Default)]
pub(super) struct SnapshotProgress {
    /// The next partition to take down; `None`: no cut is under way.
    partition: Option<usize>,
    /// Pieces taken down in a hurry.
    ahead: Vec<SnapshotUsers>,
    /// What changed is known since the last cut (or since the state was read from a checkpoint).
    knows_changes: bool,
}

impl SnapshotProgress {
    /// The next cut must have everybody.
    pub(super) fn lose_changes(&mut self) {
        self.knows_changes = false;
    }

    /// The state is that of a checkpoint: the next cut may have only what changes from here on.
    pub(super) fn know_changes(&mut self) {
        self.knows_changes = true;
    }
}

impl Pipeline {
    /// Begins a cut here. From now on [`capture`](Pipeline::capture) gives users as they are at this moment, whatever is
    /// fed meanwhile: everybody if the cut is `whole`, else those that changed since the last cut began.
    ///
    /// The first cut is whole whatever is asked for, and so is one after a change of the rules, after a restore into
    /// another number of partitions, and one that begins before the last was captured to its end.
    pub fn begin_snapshot(&mut self, whole: bool) -> SnapshotHeader {
        let whole = whole || !self.cutting.knows_changes || self.is_cutting();
        for partition in &mut self.partitions {
            partition.begin_snapshot(whole);
        }
        self.cutting = SnapshotProgress { partition: Some(0), ahead: Vec::new(), knows_changes: true };
        SnapshotHeader {
            position: self.position,
            latest_read: self.latest_read,
            fired: self.fired.max(Timestamp::MIN),
            forgotten: self.forgotten_count,
            rules_changes: self.rules_changes,
            partitions: u16::try_from(self.partitions.len()).unwrap_or(u16::MAX),
            is_whole: whole,
            links: self.links.cut(whole),
            growth: self.growth_cut(),
        }
    }

    /// The next pieces of the cut: about `most` users or fewer, cloned now. `None`: everything is captured, or no cut is
    /// under way.
    pub fn snapshot_part(&mut self, most: usize) -> Option<Vec<SnapshotUsers>> {
        if !self.cutting.ahead.is_empty() {
            return Some(std::mem::take(&mut self.cutting.ahead));
        }
        let (mut pieces, mut left) = (Vec::new(), most.max(1));
        while let Some(at) = self.cutting.partition
            && left > 0
        {
            let Some(partition) = self.partitions.get_mut(at) else {
                self.cutting.partition = None;
                break;
            };
            match partition.snapshot_part(u16::try_from(at).unwrap_or(u16::MAX), left) {
                Some((piece, work)) => {
                    left = left.saturating_sub(work);
                    pieces.push(piece);
                }
                None => self.cutting.partition = Some(at + 1),
            }
        }
        (!pieces.is_empty()).then_some(pieces)
    }

    /// The growth numbers' counts now.
    pub(super) fn growth_cut(&self) -> Option<(Box<Rollup>, Day)> {
        let growth = self.plan.growth.as_ref()?;
        self.rollup.clone().map(|rollup| (rollup, growth.today(self.watermark())))
    }

    /// Whether a cut is under way: there may be more to [`capture`](Pipeline::capture).
    pub fn is_cutting(&self) -> bool {
        self.cutting.partition.is_some() || !self.cutting.ahead.is_empty()
    }

    /// Takes down at once what is left of a cut: something is about to change that pieces cannot be taken around.
    pub(super) fn snapshot_rest(&mut self) {
        let mut all = Vec::new();
        while let Some(pieces) = self.snapshot_part(usize::MAX) {
            all.extend(pieces);
        }
        self.cutting.ahead = all;
    }
}
