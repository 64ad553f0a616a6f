//! Builds an index, or adds to one: entries are sorted in memory up to a bound, then written as a run; several runs are merged
//! into one.

use std::fs;
use std::path::{Path, PathBuf};

use super::HistoryError;
use super::entry::IndexEntry;
use super::folder::{IndexManifest, RunName};
use super::run::{IndexRun, RunWriter, merge};

/// The entries that are sorted in memory: 40 MiB.
const ENTRIES_IN_MEMORY: usize = 1 << 20;

/// The number of runs that are merged into one.
const RUNS_MAX: usize = 8;

/// An index that is being built in a folder.
pub(super) struct IndexBuilder {
    folder: PathBuf,
    manifest: IndexManifest,
    entries: Vec<IndexEntry>,
    in_memory: usize,
}

impl IndexBuilder {
    /// Goes on with what the manifest has: nothing, or the runs of an earlier part of the log.
    pub(super) fn new(folder: &Path, manifest: IndexManifest) -> Result<IndexBuilder, HistoryError> {
        create_folder(folder)?;
        Ok(IndexBuilder { folder: folder.to_owned(), manifest, entries: Vec::new(), in_memory: ENTRIES_IN_MEMORY })
    }

    /// The same, sorting fewer entries in memory.
    #[cfg(test)]
    pub(super) fn sorting(self, in_memory: usize) -> IndexBuilder {
        IndexBuilder { in_memory, ..self }
    }

    /// Where the entries of the next records are appended.
    pub(super) fn entries(&mut self) -> &mut Vec<IndexEntry> {
        &mut self.entries
    }

    /// The entries that are in no run yet.
    pub(super) fn unwritten(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are enough entries for a run.
    pub(super) fn is_full(&self) -> bool {
        self.entries.len() >= self.in_memory
    }

    /// Writes a run if there are enough entries for one.
    pub(super) fn write_if_full(&mut self) -> Result<(), HistoryError> {
        if self.is_full() { self.write_run() } else { Ok(()) }
    }

    fn write_run(&mut self) -> Result<(), HistoryError> {
        if self.entries.is_empty() {
            return Ok(());
        }
        self.entries.sort_unstable();
        let name = self.new_name();
        let mut writer = RunWriter::create(self.folder.join(&name))?;
        self.entries.iter().try_for_each(|entry| writer.add(entry))?;
        self.entries.clear();
        self.manifest.runs.push(RunName { name, entries: writer.finish()? });
        if self.manifest.runs.len() >= RUNS_MAX {
            let mut runs =
                self.manifest.runs.iter().map(|run| run.open(&self.folder)).collect::<Result<Vec<IndexRun>, _>>()?;
            let name = self.new_name();
            let entries = merge(&mut runs, self.folder.join(&name))?;
            self.manifest.runs = vec![RunName { name, entries }];
        }
        Ok(())
    }

    /// A name that no other process takes.
    fn new_name(&self) -> String {
        let id = std::process::id();
        let names = (0_u64..).map(|number| format!("{id}-{number}.run"));
        let mut free = names.skip_while(|name| self.folder.join(name).exists());
        free.next().unwrap_or_default()
    }

    /// Writes what is left, then the manifest as `complete` makes it, and removes runs that it does not name.
    pub(super) fn finish(mut self, complete: impl FnOnce(&mut IndexManifest)) -> Result<IndexManifest, HistoryError> {
        self.write_run()?;
        complete(&mut self.manifest);
        self.manifest.write(&self.folder)?;
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".run") && !self.manifest.runs.iter().any(|run| run.name == name) {
                // What is left over takes room, and is harmless.
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(self.manifest)
    }
}

fn create_folder(folder: &Path) -> Result<(), HistoryError> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let created = builder.recursive(true).create(folder);
    created.map_err(|cause| HistoryError::Io { attempt: "create", path: folder.display().to_string(), cause })
}
