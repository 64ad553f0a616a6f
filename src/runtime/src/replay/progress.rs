//! The progress of a resumable replay, kept in a folder.
//!
//! ```text
//! lock                    locked by the replay that is running
//! journal.part            results that are being written; also actions.part, rejects.part
//! 000000000007.state      the pipeline between two blocks, as a checkpoint
//! 000000000007.json       the commit: how far the events were read, how long the parts are, which outputs wait
//! ```
//!
//! **What it promises.** A commit is valid when its file has its name; everything that it refers to is durable by then. A
//! process that dies at any moment leaves the commit before. The last two commits are kept, each complete by itself, so if
//! the newest is damaged the one before is used. If there are commits and none can be used, that is an error, not a fresh
//! start.
//!
//! **What it does not do.** It does not verify the contents of committed results, only their lengths. How a commit is found
//! and read is in `resume`.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::commit::{ReplayArguments, ReplayCommit, ResultLengths, StateFile};
use super::error::{ReplayError, SkippedCommit};
use super::input_position::ResumedInput;
use super::resume::{self, FoundCommit};
use super::writer::WaitingOutput;
use crate::files::source::FileItem;
use crate::pipeline::{Pipeline, PipelineTotals, RestoredPipeline};
use crate::store::{Folder, ObjectError, ObjectStorage, finished_name};
use rekindle_core::partition::ExecutionPlan;

/// How the names of commits end.
const COMMIT_SUFFIX: &str = ".json";

/// How the names of states end.
const STATE_SUFFIX: &str = ".state";

/// How the names of unfinished results end.
pub(super) const PART_SUFFIX: &str = ".part";

/// The time between two commits is at least this many times what the last one took, so that commits take a tenth of the
/// time at most, however short the interval.
const INTERVAL_PER_COST: u32 = 9;

/// The progress of a replay, in a folder that it has locked.
pub(super) struct ReplayProgress {
    path: PathBuf,
    folder: Folder,
    /// Holds the lock.
    _lock: File,
    interval: Duration,
    commit: ReplayCommit,
    /// The number of the last commit.
    number: u64,
    /// The number of the next one.
    next: u64,
    input: ResumedInput,
    /// What earlier runs counted.
    totals_before: PipelineTotals,
    /// How long earlier runs took.
    took_before: Duration,
    started: Instant,
    due: Instant,
}

/// The progress that was found in a folder.
pub(super) struct FoundProgress {
    pub(super) progress: ReplayProgress,
    /// The state to continue from; `None`: the replay starts from the beginning, or is finished.
    pub(super) restored: Option<RestoredPipeline>,
    /// Newer commits, which cannot be used.
    pub(super) skipped: Vec<SkippedCommit>,
}

impl ReplayProgress {
    /// Locks a folder, which is created if it is missing, and finds the last commit there; if there is none, writes the
    /// first.
    pub(super) fn open(
        path: &Path,
        interval: Duration,
        arguments: ReplayArguments,
        plan: &ExecutionPlan,
    ) -> Result<FoundProgress, ReplayError> {
        let folder = Folder::open(path).map_err(|error| failed(path, "keep progress", ObjectError::Disk(error)))?;
        let lock = lock(path)?;
        let found = resume::find_commit(&folder, path, &arguments, plan)?;
        let is_new = found.commit.is_none();
        let FoundCommit { number, commit, restored } = found.commit.unwrap_or_else(|| FoundCommit {
            number: 0,
            commit: ReplayCommit::first(arguments),
            restored: None,
        });
        let now = Instant::now();
        let mut progress = ReplayProgress {
            path: path.to_owned(),
            folder,
            _lock: lock,
            interval,
            input: ResumedInput::after(commit.read.clone()),
            totals_before: commit.totals.clone(),
            took_before: Duration::from_millis(commit.took_ms),
            commit,
            number,
            next: found.next,
            started: now,
            due: now + interval,
        };
        if is_new {
            progress.write(progress.commit.clone())?;
        }
        Ok(FoundProgress { progress, restored, skipped: found.skipped })
    }

    /// The last commit.
    pub(super) fn last_commit(&self) -> &ReplayCommit {
        &self.commit
    }

    /// The folder's path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file in which a result is written.
    pub(super) fn part(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}{PART_SUFFIX}"))
    }

    /// Reads the next item of the events; returns the part of it that was not processed before the last commit.
    pub(super) fn take(&mut self, item: FileItem) -> Result<Option<FileItem>, ReplayError> {
        self.input.take(item).map_err(|_| self.other_events("their contents differ"))
    }

    /// Verifies that the events were as long as before.
    pub(super) fn ended(&self) -> Result<(), ReplayError> {
        if self.input.is_skipping() { Err(self.other_events("they end earlier")) } else { Ok(()) }
    }

    /// Whether it is time for a commit.
    pub(super) fn is_due(&self) -> bool {
        Instant::now() >= self.due
    }

    /// Commits that everything read so far is processed, and that its results are in the first bytes of the parts, of these
    /// lengths, or wait.
    pub(super) fn commit(
        &mut self,
        pipeline: &Pipeline,
        lengths: ResultLengths,
        waiting: Vec<WaitingOutput>,
    ) -> Result<(), ReplayError> {
        let began = Instant::now();
        let commit = self.next_commit(pipeline, lengths, waiting);
        let state = Some(self.write_state(pipeline)?);
        self.write(ReplayCommit { state, ..commit })?;
        let ended = Instant::now();
        let pause = if self.interval.is_zero() { Duration::ZERO } else { (ended - began) * INTERVAL_PER_COST };
        self.due = ended + self.interval.max(pause);
        Ok(())
    }

    /// Commits that the parts are the complete results.
    pub(super) fn finish(&mut self, pipeline: &Pipeline, lengths: ResultLengths) -> Result<(), ReplayError> {
        let commit = self.next_commit(pipeline, lengths, Vec::new());
        self.write(ReplayCommit { is_finished: true, ..commit })
    }

    /// Removes everything except the last commit and the parts that are left.
    pub(super) fn clean_up(&self) -> Result<(), ReplayError> {
        self.remove_except(&[self.number])
    }

    fn next_commit(&self, pipeline: &Pipeline, lengths: ResultLengths, waiting: Vec<WaitingOutput>) -> ReplayCommit {
        let mut totals = pipeline.totals();
        totals.add_before(&self.totals_before);
        let took = self.took_before + self.started.elapsed();
        let took_ms = took.as_millis().try_into().unwrap_or(u64::MAX);
        let (arguments, read) = (self.commit.arguments.clone(), self.input.position());
        ReplayCommit { arguments, read, lengths, waiting, totals, took_ms, state: None, is_finished: false }
    }

    fn write_state(&self, pipeline: &Pipeline) -> Result<StateFile, ReplayError> {
        let name = state_name(self.next);
        let failed = |error| failed(&self.path, format!("write {name}"), error);
        let mut object = self.folder.create(&name).map_err(failed)?;
        let mut state = StateFile { bytes: 0, crc32c: 0 };
        pipeline.encode_checkpoint_into(|bytes| {
            state.bytes += bytes.len() as u64;
            state.crc32c = crc32c::crc32c_append(state.crc32c, bytes);
            object.write(bytes).map_err(failed)
        })?;
        object.finish().map_err(failed)?;
        Ok(state)
    }

    /// Makes a commit valid, and removes all but it and the one before.
    fn write(&mut self, commit: ReplayCommit) -> Result<(), ReplayError> {
        let name = commit_name(self.next);
        let failed = |error| failed(&self.path, format!("write {name}"), error);
        let mut object = self.folder.create(&name).map_err(failed)?;
        object.write(&commit.encode()).map_err(failed)?;
        object.finish().map_err(failed)?;
        let before = std::mem::replace(&mut self.number, self.next);
        self.next += 1;
        self.commit = commit;
        self.remove_except(&[before, self.number])
    }

    /// Removes commits with other numbers, and files that were never finished.
    fn remove_except(&self, kept: &[u64]) -> Result<(), ReplayError> {
        let failed = |error| failed(&self.path, "remove old files", error);
        let is_old = |name: &&String| {
            let finished = finished_name(name);
            let number = commit_number(finished).or_else(|| state_number(finished));
            number.is_some_and(|number| finished != **name || !kept.contains(&number))
        };
        let names = self.folder.list().map_err(failed)?;
        names.iter().filter(is_old).try_for_each(|name| self.folder.remove(name)).map_err(failed)
    }

    fn other_events(&self, difference: &'static str) -> ReplayError {
        let (lines, folder) = (self.commit.read.lines, self.path.display().to_string());
        ReplayError::OtherEvents { lines, difference, folder }
    }
}

fn lock(path: &Path) -> Result<File, ReplayError> {
    let name = path.join("lock");
    let opened = File::options().create(true).truncate(false).write(true).open(name);
    let lock = opened.map_err(|error| failed(path, "open the lock", ObjectError::Disk(error)))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(ReplayError::InUse { folder: path.display().to_string() }),
        Err(TryLockError::Error(error)) => Err(failed(path, "take the lock", ObjectError::Disk(error))),
    }
}

pub(super) fn failed(path: &Path, attempt: impl Into<String>, cause: ObjectError) -> ReplayError {
    ReplayError::Folder { attempt: attempt.into(), folder: path.display().to_string(), cause }
}

pub(super) fn commit_name(number: u64) -> String {
    format!("{number:012}{COMMIT_SUFFIX}")
}

pub(super) fn state_name(number: u64) -> String {
    format!("{number:012}{STATE_SUFFIX}")
}

/// The number in the name of a commit; `None`: it is another name.
pub(super) fn commit_number(name: &str) -> Option<u64> {
    number(name, COMMIT_SUFFIX)
}

/// The number in the name of a state; `None`: it is another name.
pub(super) fn state_number(name: &str) -> Option<u64> {
    number(name, STATE_SUFFIX)
}

fn number(name: &str, suffix: &str) -> Option<u64> {
    let digits = name.strip_suffix(suffix)?;
    (digits.len() >= 12 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// Whether a name is that of a result that is being written.
pub(super) fn is_part(name: &str) -> bool {
    name.strip_suffix(PART_SUFFIX).is_some_and(|name| ResultLengths::NAMES.contains(&name))
}
