//! Reads a file: first as a whole (is it one, is it undamaged, what does it say of itself), then part by part, so that
//! many can work on it at once.

use std::sync::Arc;

use super::block::{CheckpointBlock, CheckpointBlockKind, blocks};
use super::budgets;
use super::decisions::{self, ForgottenDecisions};
use super::dictionary::KeyDictionary;
use super::error::CodecError;
use super::groups;
use super::growth;
use super::header::{CheckpointHeader, CheckpointKind, CheckpointTotals};
use super::picks;
use super::rank_takings;
use super::rows;
use super::segment_hours::{self, SegmentHours};
use super::uplift;
use super::user;
use super::weights;
use super::wire::CborReader;
use crate::budgets::StoredBook;
use crate::campaigns::StoredWeights;
use crate::goals::UpliftCounts;
use crate::groups::{Group, GroupMatch};
use crate::growth::Rollup;
use crate::partition::{ExecutionPlan, Output, PackedUser};
use crate::picks::PickRecord;
use crate::ranks::StoredRankTaking;
use crate::rows::{Row, RowUpdate};
use crate::rules::ruleset::{GroupId, PickListId, TableId};

/// A file all of whose checksums are right.
#[derive(Debug)]
pub struct CheckpointFile<'b> {
    head: CheckpointHeader,
    keys: CheckpointBlock<'b>,
    parts: Vec<CheckpointPart<'b>>,
    totals: CheckpointTotals,
}

/// A part of a file, to be read by itself.
#[derive(Clone, Copy, Debug)]
pub struct CheckpointPart<'b>(CheckpointBlock<'b>);

/// Reads the parts of a file under certain rules.
pub struct CheckpointReader<'p> {
    plan: &'p ExecutionPlan,
    known: KeyDictionary,
    /// The file was written under these rules.
    same_rules: bool,
}

/// What a part holds.
#[derive(Debug)]
pub enum PartContent {
    /// Users of a partition.
    Users(u16, Vec<PackedUser>),
    /// Ids of users of a partition that were removed.
    Removed(u16, Vec<Arc<str>>),
    /// Visitors with the user each is linked to.
    Links(Vec<(Arc<str>, Arc<str>)>),
    /// Visitors whose links were removed.
    Unlinked(Vec<Arc<str>>),
    /// The growth numbers; `None`: the current rules have none of them.
    Growth(Option<Box<Rollup>>),
    /// What was counted of goals.
    Uplift(UpliftCounts),
    /// The budgets.
    Budgets(StoredBook),
    /// Whose decisions are gone, of those of the files before.
    ForgottenDecisions(Vec<ForgottenDecisions>),
    /// Decisions, in their order; those of which the current rules lack something are left out.
    Decisions(Vec<Output>),
    /// Hours of segments.
    SegmentHours(Vec<SegmentHours>),
    /// Groups.
    Groups(Vec<(GroupId, Group)>),
    /// Matches that wait for groups, as they came.
    GroupMatches(Vec<GroupMatch>),
    /// What stands of picks, as it was stored.
    Picks(Vec<(PickListId, PickRecord)>),
    /// Rows of tables.
    Rows(Vec<(TableId, Arc<str>, Row)>),
    /// Rows that are gone, of those of the files before.
    RemovedRows(Vec<(TableId, Arc<str>)>),
    /// Calls that wait for rows, in the order of the log.
    RowUpdates(Vec<RowUpdate>),
    /// When ranks are taken next.
    RankTakings(Vec<StoredRankTaking>),
    /// The weights of variants that adapt.
    Weights(Vec<StoredWeights>),
}

impl<'b> CheckpointFile<'b> {
    /// Checks the bytes of a file.
    ///
    /// # Errors
    /// They are not a checkpoint, are damaged or truncated, or of another version.
    pub fn read(bytes: &'b [u8]) -> Result<CheckpointFile<'b>, CodecError> {
        let blocks = blocks(bytes)?;
        let Some((end, blocks)) = blocks.split_last().filter(|(end, _)| end.kind == CheckpointBlockKind::End) else {
            return Err(CodecError::Truncated { at: bytes.len() });
        };
        let [head, keys, parts @ ..] = blocks else {
            return Err(CodecError::Block { what: "a file without header and keys", at: end.at });
        };
        for (block, kind) in [(head, CheckpointBlockKind::Header), (keys, CheckpointBlockKind::Keys)] {
            if block.kind != kind {
                return Err(CodecError::Block { what: "a block out of order", at: block.at });
            }
        }
        let head = CheckpointHeader::read(&mut CborReader::new(&head.content()?))?;
        let totals = CheckpointTotals::read(&mut CborReader::new(&end.content()?))?;
        let (mut counted, mut has_growth) = (CheckpointTotals::default(), false);
        let (mut has_uplift, mut has_budgets) = (false, false);
        for part in parts {
            let of_delta = match part.kind {
                CheckpointBlockKind::Users => (&mut counted.users, false),
                CheckpointBlockKind::Removed => (&mut counted.removed, true),
                CheckpointBlockKind::Links => (&mut counted.links, false),
                CheckpointBlockKind::Unlinked => (&mut counted.unlinked, true),
                CheckpointBlockKind::Groups | CheckpointBlockKind::GroupMatches => continue,
                CheckpointBlockKind::Picks | CheckpointBlockKind::Rows | CheckpointBlockKind::RowUpdates => continue,
                CheckpointBlockKind::RankTakings | CheckpointBlockKind::Weights => continue,
                CheckpointBlockKind::RemovedRows if head.kind == CheckpointKind::Delta => continue,
                CheckpointBlockKind::Growth if !has_growth => {
                    has_growth = true;
                    continue;
                }
                CheckpointBlockKind::Uplift if !has_uplift => {
                    has_uplift = true;
                    continue;
                }
                CheckpointBlockKind::Budgets if !has_budgets => {
                    has_budgets = true;
                    continue;
                }
                CheckpointBlockKind::Decisions | CheckpointBlockKind::SegmentHours => continue,
                CheckpointBlockKind::ForgottenDecisions if head.kind == CheckpointKind::Delta => continue,
                CheckpointBlockKind::Growth
                | CheckpointBlockKind::Uplift
                | CheckpointBlockKind::Budgets
                | CheckpointBlockKind::ForgottenDecisions
                | CheckpointBlockKind::RemovedRows
                | CheckpointBlockKind::Header
                | CheckpointBlockKind::Keys
                | CheckpointBlockKind::End => {
                    return Err(CodecError::Block { what: "a block that must not occur there", at: part.at });
                }
            };
            if part.partition >= head.partitions || of_delta.1 && head.kind == CheckpointKind::Base {
                return Err(CodecError::Block { what: "a block that the header excludes", at: part.at });
            }
            *of_delta.0 += u64::from(part.items);
        }
        if counted != totals {
            return Err(CodecError::Block { what: "totals that differ from the content", at: end.at });
        }
        Ok(CheckpointFile { head, keys: *keys, parts: parts.iter().copied().map(CheckpointPart).collect(), totals })
    }

    /// The header.
    pub fn head(&self) -> &CheckpointHeader {
        &self.head
    }

    /// How much is in it.
    pub fn totals(&self) -> CheckpointTotals {
        self.totals
    }

    /// Its parts, in any order.
    pub fn parts(&self) -> &[CheckpointPart<'b>] {
        &self.parts
    }

    /// Prepares to read its parts for these rules. Where it was written under others, every user will be unsettled and
    /// due at the user's own clock.
    ///
    /// # Errors
    /// Its keys can't be read.
    pub fn reading<'p>(&self, plan: &'p ExecutionPlan) -> Result<CheckpointReader<'p>, CodecError> {
        let content = self.keys.content()?;
        let mut reader = CborReader::new(&content);
        let known = KeyDictionary::read(plan, &mut reader)?;
        reader.end()?;
        Ok(CheckpointReader { plan, known, same_rules: self.head.rules == plan.rules.version })
    }
}

impl CheckpointPart<'_> {
    /// Reads the part.
    ///
    /// # Errors
    /// Its content does not conform to the format.
    pub fn content(&self, reading: &CheckpointReader<'_>) -> Result<PartContent, CodecError> {
        let block = &self.0;
        let content = block.content()?;
        let mut reader = CborReader::new(&content);
        let content = match block.kind {
            CheckpointBlockKind::Users => PartContent::Users(block.partition, reading.users(block.items, &mut reader)?),
            CheckpointBlockKind::Removed => {
                PartContent::Removed(block.partition, items(block.items, || id(&mut reader, "a user who is gone"))?)
            }
            CheckpointBlockKind::Growth => {
                let Some(translation) = &reading.known.growth else { return Ok(PartContent::Growth(None)) };
                PartContent::Growth(Some(Box::new(growth::read(translation, &mut reader)?)))
            }
            CheckpointBlockKind::Uplift => PartContent::Uplift(uplift::read(&mut reader)?),
            CheckpointBlockKind::Budgets => PartContent::Budgets(budgets::read(&reading.known, &mut reader)?),
            CheckpointBlockKind::ForgottenDecisions => {
                let forgotten = items(block.items, || decisions::read_forgotten(&mut reader))?;
                PartContent::ForgottenDecisions(forgotten)
            }
            CheckpointBlockKind::Decisions => {
                let decisions = items(block.items, || decisions::read(&reading.plan.rules, &mut reader))?;
                PartContent::Decisions(decisions.into_iter().flatten().collect())
            }
            CheckpointBlockKind::SegmentHours => {
                PartContent::SegmentHours(items(block.items, || segment_hours::read(&mut reader))?)
            }
            CheckpointBlockKind::Groups => {
                let (rules, known) = (&reading.plan.rules, &reading.known);
                let mut read = items(block.items, || groups::read(rules, known, &mut reader))?;
                if !reading.same_rules {
                    read.iter_mut().flatten().for_each(|(_, group)| group.segments_due = group.profile.now);
                }
                PartContent::Groups(read.into_iter().flatten().collect())
            }
            CheckpointBlockKind::GroupMatches => {
                let read = items(block.items, || groups::read_match(&reading.known, &mut reader))?;
                PartContent::GroupMatches(read.into_iter().flatten().collect())
            }
            CheckpointBlockKind::Picks => {
                let read = items(block.items, || picks::read(&reading.known, &mut reader))?;
                PartContent::Picks(read.into_iter().flatten().collect())
            }
            CheckpointBlockKind::Rows => {
                let read = items(block.items, || rows::read(&reading.plan.rules, &reading.known, &mut reader))?;
                PartContent::Rows(read.into_iter().flatten().collect())
            }
            CheckpointBlockKind::RemovedRows => {
                let read = items(block.items, || rows::read_removed(&reading.known, &mut reader))?;
                PartContent::RemovedRows(read.into_iter().flatten().collect())
            }
            CheckpointBlockKind::RowUpdates => {
                let read = items(block.items, || rows::read_update(&reading.plan.rules, &reading.known, &mut reader))?;
                PartContent::RowUpdates(read.into_iter().flatten().collect())
            }
            CheckpointBlockKind::RankTakings => {
                let read = items(block.items, || rank_takings::read(&reading.known, &mut reader))?;
                PartContent::RankTakings(read.into_iter().flatten().collect())
            }
            CheckpointBlockKind::Weights => {
                let read = items(block.items, || weights::read(&reading.known, &mut reader))?;
                PartContent::Weights(read.into_iter().flatten().collect())
            }
            CheckpointBlockKind::Unlinked => {
                PartContent::Unlinked(items(block.items, || id(&mut reader, "a visitor"))?)
            }
            _ => PartContent::Links(items(block.items, || {
                Ok((id(&mut reader, "a visitor")?, id(&mut reader, "a visitor's user")?))
            })?),
        };
        reader.end()?;
        Ok(content)
    }
}

impl CheckpointReader<'_> {
    fn users(&self, count: u32, reader: &mut CborReader<'_>) -> Result<Vec<PackedUser>, CodecError> {
        items(count, || {
            let mut user = user::read(&self.plan.rules, &self.known, reader)?;
            if !self.same_rules {
                user.unsettled = true;
                user.segments_due = user.profile.now;
            }
            Ok(PackedUser::new(&user))
        })
    }
}

fn id(reader: &mut CborReader<'_>, what: &'static str) -> Result<Arc<str>, CodecError> {
    reader.text(what).map(Arc::from)
}

/// This number of items; no memory is reserved for items that may not be there.
fn items<T>(count: u32, mut item: impl FnMut() -> Result<T, CodecError>) -> Result<Vec<T>, CodecError> {
    let mut items = Vec::new();
    for _ in 0..count {
        items.push(item()?);
    }
    Ok(items)
}
