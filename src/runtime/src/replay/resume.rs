//! Finds the commit from which a replay is resumed: the newest one that is intact.
//!
//! A commit of a replay with other arguments is an error; a damaged commit is skipped. Nothing is changed here.

use std::fs;
use std::path::Path;

use super::commit::{ReplayArguments, ReplayCommit};
use super::error::{CommitDamage, ReplayError, SkippedCommit};
use super::progress::{PART_SUFFIX, commit_name, commit_number, failed, is_part, state_name, state_number};
use crate::pipeline::RestoredPipeline;
use crate::store::{Folder, ObjectStorage};
use rekindle_core::partition::ExecutionPlan;

/// The commits in a folder.
pub(super) struct CommitSearch {
    /// The newest usable one; `None`: the folder is new.
    pub(super) commit: Option<FoundCommit>,
    /// Newer ones, which cannot be used.
    pub(super) skipped: Vec<SkippedCommit>,
    /// The number of the next commit.
    pub(super) next: u64,
}

/// A commit with the state that it refers to.
pub(super) struct FoundCommit {
    pub(super) number: u64,
    pub(super) commit: ReplayCommit,
    pub(super) restored: Option<RestoredPipeline>,
}

/// Why a commit is not used.
enum ResumeError {
    /// It is damaged; the one before may be intact.
    Damaged(SkippedCommit),
    /// It belongs to another replay.
    Refused(ReplayError),
}

/// Finds the newest usable commit.
pub(super) fn find_commit(
    folder: &Folder,
    path: &Path,
    arguments: &ReplayArguments,
    plan: &ExecutionPlan,
) -> Result<CommitSearch, ReplayError> {
    let names = folder.list().map_err(|error| failed(path, "list the files", error))?;
    let mut numbers: Vec<u64> = names.iter().filter_map(|name| commit_number(name)).collect();
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    let next = numbers.first().map_or(0, |newest| newest + 1);
    let mut skipped = Vec::new();
    for number in numbers {
        match load(folder, path, number, arguments, plan) {
            Ok(commit) => return Ok(CommitSearch { commit: Some(commit), skipped, next }),
            Err(ResumeError::Refused(error)) => return Err(error),
            Err(ResumeError::Damaged(commit)) => skipped.push(commit),
        }
    }
    if let Some(file) = names.into_iter().find(|name| is_part(name) || state_number(name).is_some())
        && skipped.is_empty()
    {
        skipped.push(SkippedCommit { file, damage: CommitDamage::NoCommit });
    }
    if !skipped.is_empty() {
        return Err(ReplayError::NoneUsable { folder: path.display().to_string(), skipped });
    }
    Ok(CommitSearch { commit: None, skipped, next })
}

fn load(
    folder: &Folder,
    path: &Path,
    number: u64,
    arguments: &ReplayArguments,
    plan: &ExecutionPlan,
) -> Result<FoundCommit, ResumeError> {
    let damaged = |file: &str, damage| ResumeError::Damaged(SkippedCommit { file: file.to_owned(), damage });
    let read = |name: &str| folder.read(name).map_err(|error| damaged(name, CommitDamage::Unreadable(error)));
    let name = commit_name(number);
    let commit = ReplayCommit::decode(&read(&name)?).map_err(|error| damaged(&name, CommitDamage::Commit(error)))?;
    let differences = commit.arguments.differences(arguments);
    if !differences.is_empty() {
        return Err(ResumeError::Refused(ReplayError::OtherReplay { folder: path.display().to_string(), differences }));
    }
    if !commit.is_finished {
        for (result, bytes) in commit.lengths.by_name() {
            let part = format!("{result}{PART_SUFFIX}");
            let found = fs::metadata(path.join(&part)).map_or(0, |meta| meta.len());
            if found < bytes {
                return Err(damaged(&part, CommitDamage::ShortResult { found, committed: bytes }));
            }
        }
    }
    let Some(state) = commit.state else { return Ok(FoundCommit { number, commit, restored: None }) };
    let name = state_name(number);
    let bytes = read(&name)?;
    if (bytes.len() as u64, crc32c::crc32c(&bytes)) != (state.bytes, state.crc32c) {
        return Err(damaged(&name, CommitDamage::OtherState));
    }
    let restored =
        RestoredPipeline::read(plan, &[&bytes]).map_err(|(_, error)| damaged(&name, CommitDamage::State(error)))?;
    Ok(FoundCommit { number, commit, restored: Some(restored) })
}
