//! Writes a file, a few users at a time.

use std::borrow::Borrow;
use std::sync::Arc;

use super::block::{BlockSummary, CheckpointBlockKind, CheckpointBlockWriter, PREAMBLE};
use super::budgets;
use super::decisions::{self, ForgottenDecisions};
use super::dictionary;
use super::error::CodecError;
use super::groups;
use super::growth;
use super::header::{CheckpointHeader, CheckpointTotals};
use super::picks;
use super::rank_takings;
use super::rows;
use super::segment_hours::{self, SegmentHours};
use super::shared::StoredShared;
use super::uplift;
use super::user;
use super::weights;
use super::wire::CborWriter;
use crate::budgets::StoredBook;
use crate::campaigns::StoredWeights;
use crate::goals::UpliftCounts;
use crate::groups::StoredGroups;
use crate::growth::StoredRollup;
use crate::identity::LinksSnapshot;
use crate::partition::{ExecutionPlan, Output, SnapshotUsers, User};
use crate::picks::StoredPicks;
use crate::ranks::StoredRankTaking;
use crate::rows::StoredRows;
use crate::rules::ruleset::Ruleset;

/// A block is closed once its content has this many bytes: large enough to be packed well, small enough to be worked on
/// by many at once.
const CONTENT_BYTES: usize = 256 * 1024;

/// A file in the making. What is finished of it is to be fetched with [`take`](CheckpointEncoder::take) now and then.
pub struct CheckpointEncoder {
    blocks: CheckpointBlockWriter,
    /// The content of the block that is open.
    content: CborWriter,
    /// The open block, with the number of items so far.
    open: BlockSummary,
    totals: CheckpointTotals,
    out: Vec<u8>,
}

impl CheckpointEncoder {
    /// Begins a file, of state under these rules.
    ///
    /// # Errors
    /// The rules' keys are larger than a block can be.
    pub fn new(plan: &ExecutionPlan, head: &CheckpointHeader) -> Result<CheckpointEncoder, CodecError> {
        let mut encoder = CheckpointEncoder {
            blocks: CheckpointBlockWriter::new(),
            content: CborWriter::new(),
            open: BlockSummary { kind: CheckpointBlockKind::Header, partition: 0, items: 1 },
            totals: CheckpointTotals::default(),
            out: PREAMBLE.to_vec(),
        };
        head.write(&mut encoder.content);
        encoder.turn_to(CheckpointBlockKind::Keys, 0)?;
        dictionary::write(plan, &mut encoder.content);
        encoder.open.items = 1;
        encoder.close()?;
        Ok(encoder)
    }

    /// Adds a part of a snapshot.
    ///
    /// # Errors
    /// A user's state is larger than a block can be.
    pub fn snapshot(&mut self, part: &SnapshotUsers) -> Result<(), CodecError> {
        self.users(part.partition, &part.users)?;
        self.totals.removed += part.removed.len() as u64;
        self.texts(CheckpointBlockKind::Removed, part.partition, part.removed.iter().map(|id| [&**id]))
    }

    /// Adds users of a partition.
    ///
    /// # Errors
    /// A user's state is larger than a block can be.
    pub fn users(
        &mut self,
        partition: u16,
        users: impl IntoIterator<Item = impl Borrow<User>>,
    ) -> Result<(), CodecError> {
        for user in users {
            self.turn_to(CheckpointBlockKind::Users, partition)?;
            user::write(user.borrow(), &mut self.content);
            self.totals.users += 1;
            self.open.items += 1;
        }
        Ok(())
    }

    /// Adds links, and visitors whose links are gone.
    ///
    /// # Errors
    /// An id is larger than a block can be.
    pub fn links(&mut self, links: &LinksSnapshot) -> Result<(), CodecError> {
        self.totals.unlinked += links.unlinked.len() as u64;
        self.texts(CheckpointBlockKind::Unlinked, 0, links.unlinked.iter().map(|visitor: &Arc<str>| [&**visitor]))?;
        let before = self.totals.links;
        let mut count = 0;
        let pairs = links.iter().map(|(visitor, user)| [visitor, user]).inspect(|_| count += 1);
        self.texts(CheckpointBlockKind::Links, 0, pairs)?;
        self.totals.links = before + count;
        Ok(())
    }

    /// Adds the growth numbers, once.
    ///
    /// # Errors
    /// They are larger than a block can be.
    pub fn growth(&mut self, rollup: &StoredRollup) -> Result<(), CodecError> {
        self.turn_to(CheckpointBlockKind::Growth, 0)?;
        growth::write(rollup, &mut self.content);
        self.open.items = 1;
        self.close()
    }

    /// Adds what was counted of goals, once.
    ///
    /// # Errors
    /// It is larger than a block can be.
    pub fn uplift(&mut self, counts: &UpliftCounts) -> Result<(), CodecError> {
        self.turn_to(CheckpointBlockKind::Uplift, 0)?;
        uplift::write(counts, &mut self.content);
        self.open.items = 1;
        self.close()
    }

    /// Adds the budgets, once.
    ///
    /// # Errors
    /// They are larger than a block can be.
    pub fn budgets(&mut self, book: &StoredBook) -> Result<(), CodecError> {
        self.turn_to(CheckpointBlockKind::Budgets, 0)?;
        budgets::write(book, &mut self.content);
        self.open.items = 1;
        self.close()
    }

    /// Adds whose decisions are gone, of those of the files before.
    ///
    /// # Errors
    /// An id is larger than a block can be.
    pub fn forgotten_decisions(&mut self, forgotten: &[ForgottenDecisions]) -> Result<(), CodecError> {
        for of_user in forgotten {
            self.turn_to(CheckpointBlockKind::ForgottenDecisions, 0)?;
            decisions::write_forgotten(of_user, &mut self.content);
            self.open.items += 1;
        }
        Ok(())
    }

    /// Adds a decision, with the rules that made it. What is no decision is left out.
    ///
    /// # Errors
    /// It is larger than a block can be.
    pub fn decision(&mut self, rules: &Ruleset, output: &Output) -> Result<(), CodecError> {
        self.turn_to(CheckpointBlockKind::Decisions, 0)?;
        if decisions::write(rules, output, &mut self.content) {
            self.open.items += 1;
        }
        Ok(())
    }

    /// Adds hours of segments.
    ///
    /// # Errors
    /// They are larger than a block can be.
    pub fn segment_hours(&mut self, hours: &[SegmentHours]) -> Result<(), CodecError> {
        for of_segment in hours {
            self.turn_to(CheckpointBlockKind::SegmentHours, 0)?;
            segment_hours::write(of_segment, &mut self.content);
            self.open.items += 1;
        }
        Ok(())
    }

    /// Adds what users share, once.
    ///
    /// # Errors
    /// Part of it is larger than a block can be.
    pub fn shared(&mut self, rules: &Ruleset, shared: &StoredShared) -> Result<(), CodecError> {
        if let Some(book) = &shared.budgets {
            self.budgets(book)?;
        }
        self.groups(&shared.groups)?;
        shared.picks.iter().try_for_each(|stored| self.picks(stored))?;
        self.rows(rules, &shared.rows)?;
        self.rank_takings(&shared.ranks)?;
        self.weights(&shared.weights)
    }

    /// Adds the weights of variants that adapt.
    ///
    /// # Errors
    /// They are larger than a block can be.
    pub fn weights(&mut self, all: &[StoredWeights]) -> Result<(), CodecError> {
        for stored in all {
            self.turn_to(CheckpointBlockKind::Weights, 0)?;
            weights::write(stored, &mut self.content);
            self.open.items += 1;
        }
        Ok(())
    }

    /// Adds when ranks are taken next.
    ///
    /// # Errors
    /// They are larger than a block can be.
    pub fn rank_takings(&mut self, takings: &[StoredRankTaking]) -> Result<(), CodecError> {
        for taking in takings {
            self.turn_to(CheckpointBlockKind::RankTakings, 0)?;
            rank_takings::write(taking, &mut self.content);
            self.open.items += 1;
        }
        Ok(())
    }

    /// Adds what stands of picks, for one list.
    ///
    /// # Errors
    /// An item is larger than a block can be.
    pub fn picks(&mut self, stored: &StoredPicks) -> Result<(), CodecError> {
        for record in stored.records() {
            self.turn_to(CheckpointBlockKind::Picks, 0)?;
            picks::write(stored.list, &record, &mut self.content);
            self.open.items += 1;
        }
        Ok(())
    }

    /// Adds rows of tables, or those that changed, and the calls that wait for the end of their beat.
    ///
    /// # Errors
    /// A row is larger than a block can be.
    pub fn rows(&mut self, rules: &Ruleset, stored: &StoredRows) -> Result<(), CodecError> {
        let all = || {
            let mut all: Vec<_> = stored.rows.iter().map(|(table, key, _)| (table, Arc::clone(key))).collect();
            all.sort_unstable();
            all
        };
        for (table, key) in stored.changed.clone().unwrap_or_else(all) {
            match stored.rows.row(table, &key) {
                Some(row) => {
                    self.turn_to(CheckpointBlockKind::Rows, 0)?;
                    rows::write(rules, (table, &key, row), &mut self.content);
                }
                None => {
                    self.turn_to(CheckpointBlockKind::RemovedRows, 0)?;
                    rows::write_removed((table, &key), &mut self.content);
                }
            }
            self.open.items += 1;
        }
        for update in &stored.waiting {
            self.turn_to(CheckpointBlockKind::RowUpdates, 0)?;
            rows::write_update(rules, update, &mut self.content);
            self.open.items += 1;
        }
        Ok(())
    }

    /// Adds groups, and the matches that wait for them.
    ///
    /// # Errors
    /// A group is larger than a block can be.
    pub fn groups(&mut self, stored: &StoredGroups) -> Result<(), CodecError> {
        for (id, group) in &stored.groups {
            self.turn_to(CheckpointBlockKind::Groups, 0)?;
            groups::write(*id, group, &mut self.content);
            self.open.items += 1;
        }
        for matched in &stored.waiting {
            self.turn_to(CheckpointBlockKind::GroupMatches, 0)?;
            groups::write_match(matched, &mut self.content);
            self.open.items += 1;
        }
        Ok(())
    }

    fn texts<'t, const N: usize>(
        &mut self,
        kind: CheckpointBlockKind,
        partition: u16,
        items: impl Iterator<Item = [&'t str; N]>,
    ) -> Result<(), CodecError> {
        for item in items {
            self.turn_to(kind, partition)?;
            item.iter().for_each(|text| self.content.str(text));
            self.open.items += 1;
        }
        Ok(())
    }

    /// The bytes that are finished since this was last asked.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Ends the file: its last bytes, and how much is in it.
    ///
    /// # Errors
    /// A user's state is larger than a block can be.
    pub fn finish(mut self) -> Result<(Vec<u8>, CheckpointTotals), CodecError> {
        self.turn_to(CheckpointBlockKind::End, 0)?;
        self.totals.write(&mut self.content);
        self.open.items = 1;
        self.close()?;
        Ok((self.out, self.totals))
    }

    /// Closes the open block where it holds something else, or is full.
    fn turn_to(&mut self, kind: CheckpointBlockKind, partition: u16) -> Result<(), CodecError> {
        if (self.open.kind, self.open.partition) != (kind, partition) || self.content.len() >= CONTENT_BYTES {
            self.close()?;
            self.open = BlockSummary { kind, partition, items: 0 };
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), CodecError> {
        if self.open.items > 0 {
            let content = std::mem::replace(&mut self.content, CborWriter::new()).into_bytes();
            self.blocks.write(self.open, &content, &mut self.out)?;
            self.open.items = 0;
        }
        Ok(())
    }
}
