//! Several event files with their indexes, as one log: the history of a user.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::entry::IndexEntry;
use super::file_index::{FileIndex, line_of};
use super::scan::{LogScanner, ScannedRecord};
use super::{HistoryError, HistoryRecord, OwnRecords, RecordPlace, UserReplay, UserStory};
use crate::log::RecordKind;
use crate::pipeline::PipelineOptions;
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::time::Timestamp;

/// Above the bits of a place in a file: the number of the file.
const FILE_SHIFT: u32 = 46;

/// Whether an index may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexUse {
    /// Only an index that is there, and is that of the file as it is, is used.
    Existing,
    /// What is missing is built.
    Build,
}

/// What is asked about a user.
#[derive(Clone, Copy, Debug)]
pub struct HistoryRequest<'r> {
    /// The user.
    pub user: &'r str,
    /// Up to when; `None`: up to the latest event.
    pub until: Option<Timestamp>,
    /// With all events and outputs, as they follow one another.
    pub with_items: bool,
    /// Also under rules with budgets, as if the user were alone with them.
    pub as_if_alone: bool,
}

/// Event files with their indexes.
pub struct IndexedFiles {
    files: Vec<FileIndex>,
    indexes: Option<PathBuf>,
    index_use: IndexUse,
    options: PipelineOptions,
}

impl IndexedFiles {
    /// Opens the indexes of files that follow one another: each beside its file, or all under the folder `indexes`.
    ///
    /// # Errors
    /// A file is not indexed, or can't be.
    pub fn open(
        paths: &[PathBuf],
        indexes: Option<&Path>,
        index_use: IndexUse,
        options: &PipelineOptions,
    ) -> Result<IndexedFiles, HistoryError> {
        let open = |path: &PathBuf| {
            if path == Path::new("-") {
                return Err(HistoryError::NotIndexable {
                    file: "standard input".to_owned(),
                    why: "it is read only once",
                });
            }
            FileIndex::open(path, indexes, index_use == IndexUse::Build, options)
        };
        let files = paths.iter().map(open).collect::<Result<Vec<FileIndex>, _>>()?;
        Ok(IndexedFiles { files, indexes: indexes.map(Path::to_owned), index_use, options: options.clone() })
    }

    /// How many calls of the files were rejected.
    pub fn rejected(&self) -> u64 {
        self.files.iter().map(|file| file.index.manifest.rejected).sum()
    }

    /// What happened to a user, as a replay of the whole files tells it.
    ///
    /// # Errors
    /// The user's own events do not say it, or the files or indexes can't be read.
    pub fn story(&mut self, plan: &Arc<ExecutionPlan>, request: HistoryRequest<'_>) -> Result<UserStory, HistoryError> {
        let HistoryRequest { user, until, with_items, as_if_alone } = request;
        if !as_if_alone && !plan.rules.budgets.is_empty() {
            return Err(HistoryError::NotAlone { why: "the rules have budgets, which all users share" });
        }
        if !as_if_alone && !plan.rules.groups.is_empty() {
            return Err(HistoryError::NotAlone { why: "the rules have groups, which all users share" });
        }
        if !as_if_alone && !plan.rules.tables.is_empty() {
            return Err(HistoryError::NotAlone { why: "the rules have tables, whose rows are no user's" });
        }
        let own = match self.own_records(until, user) {
            // A block of a run is checked only when it is read.
            Err(HistoryError::Damaged { .. }) if self.index_use == IndexUse::Build => {
                for file in &mut self.files {
                    *file = FileIndex::rebuilt(&file.path, self.indexes.as_deref(), &self.options)?;
                }
                self.own_records(until, user)?
            }
            own => own?,
        };
        let mut replay = UserReplay::new(Arc::clone(plan), &self.options, until, user)?;
        if with_items {
            replay = replay.with_items();
        }
        own.into_records().for_each(|(_, latest_read, record)| replay.feed(latest_read, &record));
        let has_events = self.files.iter().any(|file| file.index.manifest.events > 0);
        let latest = self.files.iter().map(|file| file.index.manifest.latest_read()).max();
        let end = until.or_else(|| latest.filter(|_| has_events));
        Ok(replay.finish(end))
    }

    fn own_records(&mut self, until: Option<Timestamp>, user: &str) -> Result<OwnRecords, HistoryError> {
        let mut own = OwnRecords::new(user, &self.options, until, false);
        loop {
            let wanted = own.wanted(&mut |id| self.entries_of(id))?;
            if wanted.is_empty() {
                break;
            }
            let mut rest = wanted.as_slice();
            while let Some(first) = rest.first() {
                let file = file_of(*first);
                let (of_file, after) = rest.split_at(rest.partition_point(|place| file_of(*place) == file));
                rest = after;
                let places: Vec<u64> = of_file.iter().map(|place| place.0 & ((1 << FILE_SHIFT) - 1)).collect();
                let lines = self.files[file].lines_at(&places, self.options.max_message_bytes())?;
                if lines.len() != places.len() {
                    return Err(HistoryError::NoIndex { file: self.files[file].path.display().to_string() });
                }
                for (place, lines) in of_file.iter().zip(lines) {
                    own.add(*place, HistoryRecord { kind: RecordKind::Events, lines, received: None })?;
                }
            }
        }
        if let Some(until) = until {
            self.correct_times(&mut own, until)?;
        }
        Ok(own)
    }

    /// The entries of an id in all files.
    fn entries_of(&mut self, id: &str) -> Result<Vec<IndexEntry>, HistoryError> {
        let (mut all, mut before) = (Vec::new(), Timestamp::MIN);
        for (number, file) in (0_u64..).zip(&mut self.files) {
            for entry in file.index.entries_of(id)? {
                let place = number << FILE_SHIFT | entry.place;
                all.push(IndexEntry { place, latest_read: entry.latest_read.max(before), ..entry });
            }
            before = before.max(file.index.manifest.latest_read());
        }
        Ok(all)
    }

    /// Events after `until` are rejected and move no time (semantics §2), which the index does not know. From the first of them
    /// on, as far as the user has records, the times are read again.
    fn correct_times(&self, own: &mut OwnRecords, until: Timestamp) -> Result<(), HistoryError> {
        let mut wrong: Vec<(RecordPlace, &mut Timestamp)> = own.times().filter(|(_, read)| **read > until).collect();
        let Some((last, _)) = wrong.last() else { return Ok(()) };
        let last = *last;
        let (mut start, mut read) = ((0, 0), Timestamp::MIN);
        let mut before = Timestamp::MIN;
        for (number, file) in self.files.iter().enumerate() {
            for mark in file.marks() {
                let latest_read = Timestamp(mark.latest_read).max(before);
                if latest_read <= until {
                    (start, read) = ((number, mark.place), latest_read);
                }
            }
            before = before.max(file.index.manifest.latest_read());
        }
        let scanner = LogScanner::new(&self.options, Timestamp::MIN);
        let mut next = 0;
        for (number, file) in self.files.iter().enumerate().skip(start.0) {
            let from = if number == start.0 { start.1 } else { 0 };
            file.blocks_from(from, self.options.max_message_bytes(), |block| {
                let mut place = block.offset;
                for line in block.lines.split_inclusive(|byte| *byte == b'\n') {
                    let whole = RecordPlace((number as u64) << FILE_SHIFT | place);
                    while let Some((wanted, time)) = wrong.get_mut(next).filter(|(wanted, _)| *wanted <= whole) {
                        if *wanted == whole {
                            **time = read;
                        }
                        next += 1;
                    }
                    if whole >= last {
                        return Ok(false);
                    }
                    let record = ScannedRecord { kind: RecordKind::Events, lines: line_of(line), received: None };
                    let times = scanner.times(record);
                    read = times.into_iter().filter(|at| *at <= until).max().map_or(read, |at| read.max(at));
                    place += line.len() as u64;
                }
                Ok(true)
            })?;
            if file_of(last) == number {
                break;
            }
        }
        Ok(())
    }
}

fn file_of(place: RecordPlace) -> usize {
    usize::try_from(place.0 >> FILE_SHIFT).unwrap_or(usize::MAX)
}
