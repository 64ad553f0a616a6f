//! The folder that keeps how far a replay got.
//!
//! ```text
//! lock                    held by the replay that runs
//! journal.part            results in the making; also actions.part, rejects.part
//! 000000000007.state      the pipeline between two blocks, as a checkpoint
//! 000000000007.json       the commit: how far the events were read, how long the parts are, what waits
//! ```
//!
//! **What it promises.** A commit counts once its record has its name, and everything it speaks of is safe by then.
//! Whoever dies at any moment leaves the commit before. The last two are kept; each is whole by itself, so where the
//! newest is damaged the one before is gone on from. Where none is of use nothing is begun anew: that is said.
//!
//! **What it does not do.** A result that was committed is not read again: only its length is looked at.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::commit::{ReplayArguments, ReplayCommit, ResultLengths, StateFile};
use super::error::ReplayError;
use super::input_position::ResumedInput;
use super::writer::WaitingOutput;
use crate::files::source::FileItem;
use crate::pipeline::{Pipeline, PipelineTotals, RestoredPipeline};
use crate::store::{Folder, ObjectError, ObjectStorage, finished_name};
use rekindle_core::partition::ExecutionPlan;

/// What names of records end with.
const RECORD: &str = ".json";

/// What names of states end with.
const STATE: &str = ".state";

/// What names of unfinished results end with.
pub(super) const PART: &str = ".part";

/// Commits take no more than about this part of the time: one in so many, however short the interval.
const PAUSE: u32 = 9;

/// How far a replay got, kept in a folder that nobody else uses meanwhile.
pub(super) struct ReplayProgress {
    path: PathBuf,
    folder: Folder,
    /// Holds the lock.
    _lock: File,
    interval: Duration,
    record: ReplayCommit,
    /// The number of the commit that `record` is.
    number: u64,
    /// The number of the next.
    next: u64,
    reading: ResumedInput,
    /// What was counted, and how long it took, before this run.
    before: (PipelineTotals, Duration),
    started: Instant,
    due: Instant,
}

/// What was found in a folder.
pub(super) struct FoundProgress {
    pub(super) progress: ReplayProgress,
    /// The state to go on from; `None`: the beginning, or there is nothing left to do.
    pub(super) restored: Option<RestoredPipeline>,
    /// Commits that cannot be used, and why.
    pub(super) passed_over: Vec<String>,
}

impl ReplayProgress {
    /// Takes a folder, which is made where it is missing, and finds the last commit there; without one, writes the
    /// first.
    pub(super) fn open(
        path: &Path,
        interval: Duration,
        asked: ReplayArguments,
        plan: &ExecutionPlan,
    ) -> Result<FoundProgress, ReplayError> {
        let failed = |attempt: &str, why: String| failed(path, attempt, why);
        let folder = Folder::open(path).map_err(|error| failed("keep progress", error.to_string()))?;
        let lock = lock(path)?;
        let names = folder.list().map_err(|error| failed("list what is there", error.to_string()))?;
        let mut numbers: Vec<u64> = names.iter().filter_map(|name| number(name, RECORD)).collect();
        numbers.sort_unstable_by(|a, b| b.cmp(a));
        let mut passed_over = Vec::new();
        let mut last = None;
        for number in &numbers {
            match load(&folder, path, *number, &asked, plan) {
                Ok((record, restored)) => {
                    last = Some((*number, record, restored));
                    break;
                }
                Err(ResumeError::Refused(error)) => return Err(error),
                Err(ResumeError::Damaged(why)) => passed_over.push(why),
            }
        }
        let begins = last.is_none();
        if let Some(example) = names.iter().find(|name| is_part(name) || number(name, STATE).is_some())
            && begins
            && passed_over.is_empty()
        {
            passed_over.push(format!("there is {example}, and no record of how far the replay got"));
        }
        if begins && !passed_over.is_empty() {
            return Err(ReplayError::NoneUsable { folder: path.display().to_string(), problems: passed_over });
        }
        let (number, record, restored) = last.unwrap_or_else(|| (0, ReplayCommit::of_nothing(asked), None));
        let now = Instant::now();
        let progress = ReplayProgress {
            path: path.to_owned(),
            folder,
            _lock: lock,
            interval,
            reading: ResumedInput::after(record.read.clone()),
            before: (record.totals.clone(), Duration::from_millis(record.took_ms)),
            record,
            number,
            next: numbers.first().map_or(0, |newest| newest + 1),
            started: now,
            due: now + interval,
        };
        let mut found = FoundProgress { progress, restored, passed_over };
        if begins {
            found.progress.write(found.progress.record.clone())?;
        }
        Ok(found)
    }

    /// The last commit.
    pub(super) fn record(&self) -> &ReplayCommit {
        &self.record
    }

    /// Where the folder is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where a result grows.
    pub(super) fn part(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}{PART}"))
    }

    /// Takes note of what comes next in the events; what of it was not worked on before the last commit.
    pub(super) fn take(&mut self, item: FileItem) -> Result<Option<FileItem>, ReplayError> {
        self.reading.take(item).map_err(|_| self.other_events("they hold something else"))
    }

    /// Sees that the events went as far as they did before.
    pub(super) fn ended(&self) -> Result<(), ReplayError> {
        if self.reading.is_skipping() { Err(self.other_events("they end earlier")) } else { Ok(()) }
    }

    /// Whether it is time for a commit.
    pub(super) fn is_due(&self) -> bool {
        Instant::now() >= self.due
    }

    /// Writes down that everything read so far is worked on, and what came of it is in the first so many bytes of the
    /// parts, or waits.
    pub(super) fn commit(
        &mut self,
        pipeline: &Pipeline,
        lengths: ResultLengths,
        waiting: Vec<WaitingOutput>,
    ) -> Result<(), ReplayError> {
        let began = Instant::now();
        let record = self.record_now(pipeline, lengths, waiting);
        let state = Some(self.write_state(pipeline)?);
        self.write(ReplayCommit { state, ..record })?;
        let ended = Instant::now();
        let rest = if self.interval.is_zero() { Duration::ZERO } else { (ended - began) * PAUSE };
        self.due = ended + self.interval.max(rest);
        Ok(())
    }

    /// Writes down that the parts are the whole results.
    pub(super) fn finish(&mut self, pipeline: &Pipeline, lengths: ResultLengths) -> Result<(), ReplayError> {
        let record = self.record_now(pipeline, lengths, Vec::new());
        self.write(ReplayCommit { is_finished: true, ..record })
    }

    /// Removes everything but the record that it is finished, and the parts that are left.
    pub(super) fn clean_up(&self) -> Result<(), ReplayError> {
        self.forget(&[self.number])
    }

    fn record_now(&self, pipeline: &Pipeline, lengths: ResultLengths, waiting: Vec<WaitingOutput>) -> ReplayCommit {
        let mut totals = pipeline.totals();
        totals.add_before(&self.before.0);
        let took = self.before.1 + self.started.elapsed();
        let took_ms = took.as_millis().try_into().unwrap_or(u64::MAX);
        let (asked, read) = (self.record.asked.clone(), self.reading.up_to());
        ReplayCommit { asked, read, lengths, waiting, totals, took_ms, state: None, is_finished: false }
    }

    fn write_state(&self, pipeline: &Pipeline) -> Result<StateFile, ReplayError> {
        let name = name(self.next, STATE);
        let failed = |error: ObjectError| failed(&self.path, &format!("write {name}"), error.to_string());
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

    /// Makes a commit count, and forgets all but it and the one before.
    fn write(&mut self, record: ReplayCommit) -> Result<(), ReplayError> {
        let name = name(self.next, RECORD);
        let failed = |error: ObjectError| failed(&self.path, &format!("write {name}"), error.to_string());
        let mut object = self.folder.create(&name).map_err(failed)?;
        object.write(&record.encode()).map_err(failed)?;
        object.finish().map_err(failed)?;
        let before = std::mem::replace(&mut self.number, self.next);
        self.next += 1;
        self.record = record;
        self.forget(&[before, self.number])
    }

    /// Removes commits of other numbers, and what was never finished.
    fn forget(&self, keep: &[u64]) -> Result<(), ReplayError> {
        let failed = |error: ObjectError| failed(&self.path, "remove what is old", error.to_string());
        let is_old = |name: &&String| {
            let finished = finished_name(name);
            let number = number(finished, RECORD).or_else(|| number(finished, STATE));
            number.is_some_and(|number| finished != **name || !keep.contains(&number))
        };
        let names = self.folder.list().map_err(failed)?;
        names.iter().filter(is_old).try_for_each(|name| self.folder.remove(name)).map_err(failed)
    }

    fn other_events(&self, why: &'static str) -> ReplayError {
        ReplayError::OtherEvents { lines: self.record.read.lines, why, folder: self.path.display().to_string() }
    }
}

/// Why a commit is not gone on from.
enum ResumeError {
    /// It is of no use; the one before may be.
    Damaged(String),
    /// It is of another replay.
    Refused(ReplayError),
}

fn load(
    folder: &Folder,
    path: &Path,
    number: u64,
    asked: &ReplayArguments,
    plan: &ExecutionPlan,
) -> Result<(ReplayCommit, Option<RestoredPipeline>), ResumeError> {
    let damaged = |name: &str, why: String| ResumeError::Damaged(format!("{name}: {why}"));
    let record_name = name(number, RECORD);
    let read = |name: &str| folder.read(name).map_err(|error| damaged(name, error.to_string()));
    let record = ReplayCommit::decode(&read(&record_name)?).map_err(|why| damaged(&record_name, why))?;
    let differences = record.asked.differences(asked);
    if !differences.is_empty() {
        return Err(ResumeError::Refused(ReplayError::OtherReplay { folder: path.display().to_string(), differences }));
    }
    if !record.is_finished {
        for (name, bytes) in record.lengths.by_name() {
            let found = fs::metadata(path.join(format!("{name}{PART}"))).map_or(0, |meta| meta.len());
            if found < bytes {
                return Err(damaged(&format!("{name}{PART}"), format!("it has {found} bytes, not {bytes} or more")));
            }
        }
    }
    let Some(state) = record.state else { return Ok((record, None)) };
    let state_name = name(number, STATE);
    let bytes = read(&state_name)?;
    if (bytes.len() as u64, crc32c::crc32c(&bytes)) != (state.bytes, state.crc32c) {
        return Err(damaged(&state_name, "it is damaged, or not the state that was written".to_owned()));
    }
    let restored =
        RestoredPipeline::read(plan, &[&bytes]).map_err(|(_, error)| damaged(&state_name, error.to_string()))?;
    Ok((record, Some(restored)))
}

fn lock(path: &Path) -> Result<File, ReplayError> {
    let name = path.join("lock");
    let opened = File::options().create(true).truncate(false).write(true).open(name);
    let lock = opened.map_err(|error| failed(path, "open the lock", error.to_string()))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(ReplayError::InUse { folder: path.display().to_string() }),
        Err(TryLockError::Error(error)) => Err(failed(path, "take the lock", error.to_string())),
    }
}

fn failed(path: &Path, attempt: &str, why: String) -> ReplayError {
    ReplayError::Folder { attempt: attempt.to_owned(), folder: path.display().to_string(), why }
}

fn name(number: u64, kind: &str) -> String {
    format!("{number:012}{kind}")
}

/// The number of the commit that a file of this kind belongs to.
fn number(name: &str, kind: &str) -> Option<u64> {
    let digits = name.strip_suffix(kind)?;
    (digits.len() >= 12 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

fn is_part(name: &str) -> bool {
    name.strip_suffix(PART).is_some_and(|name| ResultLengths::NAMES.contains(&name))
}
