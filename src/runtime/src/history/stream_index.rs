//! The index of a stream: read once from its beginning, then caught up. What is not written yet is in memory, and is read from the
//! stream again after a restart.

use std::path::{Path, PathBuf};

use super::builder::IndexBuilder;
use super::entry::{IndexEntry, number_of};
use super::file_index::settings_text;
use super::folder::{EventIndex, IndexManifest};
use super::scan::{LogScanner, ScannedRecord};
use super::source_identity::IndexedSource;
use super::{HistoryError, OwnRecords, RecordPlace};
use crate::log::LogRecord;
use crate::pipeline::PipelineOptions;
use rekindle_core::time::Timestamp;

/// More entries are written when the stream has been caught up with.
const UNWRITTEN_MAX: usize = 1 << 16;

/// The index of a stream.
pub struct StreamIndex {
    folder: PathBuf,
    created_ms: i64,
    /// What is written.
    index: EventIndex,
    /// What is not.
    builder: IndexBuilder,
    scanner: LogScanner,
    /// The first and the last record.
    first: u64,
    covered: u64,
}

impl StreamIndex {
    /// Opens the index in a folder, or begins one if there is none of this stream and these settings, or it is damaged.
    ///
    /// # Errors
    /// The folder can't be written.
    pub fn open(
        folder: &Path,
        stream: &str,
        created_ms: i64,
        options: &PipelineOptions,
    ) -> Result<StreamIndex, HistoryError> {
        let settings = settings_text(options);
        let is_same = |manifest: &IndexManifest| {
            let is_stream = matches!(&manifest.source, IndexedSource::Stream { name, created_ms: created, .. } if name == stream && *created == created_ms);
            is_stream && manifest.settings == settings
        };
        let written = IndexManifest::read(folder).unwrap_or_default().filter(is_same);
        let opened = written.and_then(|manifest| EventIndex::open(folder, manifest).ok());
        let index = match opened {
            Some(index) => index,
            None => {
                let source = IndexedSource::Stream { name: stream.to_owned(), created_ms, first: 0 };
                EventIndex::open(folder, IndexManifest::empty(settings, source))?
            }
        };
        let manifest = index.manifest().clone();
        let first = match &manifest.source {
            IndexedSource::Stream { first, .. } => *first,
            IndexedSource::File(_) => 0,
        };
        Ok(StreamIndex {
            folder: folder.to_owned(),
            created_ms,
            scanner: LogScanner::new(options, manifest.latest_read()),
            covered: manifest.covered,
            first,
            builder: IndexBuilder::new(folder, manifest)?,
            index,
        })
    }

    /// When the stream was created that it is of, in milliseconds since 1970.
    pub fn created_ms(&self) -> i64 {
        self.created_ms
    }

    /// The last sequence of the stream that it has.
    pub fn covered(&self) -> u64 {
        self.covered
    }

    /// The first sequence of the stream that it has; 0: none yet.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// Whether links of visitors can end, because the log requests to forget users.
    pub fn has_forgets(&self) -> bool {
        self.index.manifest.forgets + self.scanner.forgets > 0
    }

    /// Adds the records that follow.
    ///
    /// # Errors
    /// They can't be written.
    pub fn add(&mut self, records: &[LogRecord]) -> Result<(), HistoryError> {
        for record in records {
            if record.sequence <= self.covered {
                continue;
            }
            self.scanner.scan(record.sequence, ScannedRecord::from(record), self.builder.entries());
            self.covered = record.sequence;
            if self.first == 0 {
                self.first = record.sequence;
            }
        }
        if self.builder.is_full() { self.write() } else { Ok(()) }
    }

    /// Whether reading again what is not written would take longer than writing it.
    pub fn has_many_unwritten(&self) -> bool {
        self.builder.unwritten() >= UNWRITTEN_MAX
    }

    /// Writes what is in memory.
    ///
    /// # Errors
    /// It can't be written.
    pub fn write(&mut self) -> Result<(), HistoryError> {
        let builder =
            std::mem::replace(&mut self.builder, IndexBuilder::new(&self.folder, self.index.manifest.clone())?);
        let (scanner, covered, begins_with) = (&mut self.scanner, self.covered, self.first);
        let manifest = builder.finish(|manifest| {
            manifest.covered = covered;
            manifest.latest_read = scanner.latest_read.0;
            manifest.events += std::mem::take(&mut scanner.events);
            manifest.rejected += std::mem::take(&mut scanner.rejected);
            manifest.forgets += std::mem::take(&mut scanner.forgets);
            if let IndexedSource::Stream { first, .. } = &mut manifest.source {
                *first = begins_with;
            }
        })?;
        self.index = EventIndex::open(&self.folder, manifest.clone())?;
        self.builder = IndexBuilder::new(&self.folder, manifest)?;
        Ok(())
    }

    /// The records that must be handed in next; none: all are there. Records after `until` are none of them.
    ///
    /// # Errors
    /// The index can't be read, or the user's own records do not say what happened.
    pub fn wanted(&mut self, own: &mut OwnRecords, until: Option<Timestamp>) -> Result<Vec<RecordPlace>, HistoryError> {
        own.wanted(&mut |id| {
            let mut entries: Vec<IndexEntry> = self.index.entries_of(id)?;
            let number = number_of(id);
            entries.extend(self.builder.entries().iter().filter(|entry| entry.id == number));
            entries.retain(|entry| until.is_none_or(|until| entry.latest_read <= until));
            Ok(entries)
        })
    }
}
