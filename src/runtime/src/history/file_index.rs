//! The index of one file: opened, built, or extended by what was appended; and the lines of a file at known places.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::HistoryError;
use super::builder::IndexBuilder;
use super::folder::{EventIndex, IndexManifest, TimeMark, folder_of};
use super::scan::{LogScanner, ScannedRecord};
use super::source_identity::{FileChange, FileIdentity, IndexedSource};
use crate::files::source::{EventFiles, FileItem, FileSourceError, LineBlock};
use crate::log::RecordKind;
use crate::pipeline::PipelineOptions;
use rekindle_core::time::Clock;

/// What is read at once of a line whose length is not known.
const READ_BYTES: usize = 1 << 10;

/// Why a document is not indexed: an index has the places of lines.
const DOCUMENT: &str = "it is a JSON document over several lines, and only lines are indexed; write each call on a line of its \
                        own (with jq: `jq -c '.[]' FILE` of an array, else `jq -c . FILE`) and index that file";

/// A file with its index.
pub(super) struct FileIndex {
    pub(super) path: PathBuf,
    pub(super) index: EventIndex,
    is_packed: bool,
}

/// The settings that an index depends on, as text.
pub(super) fn settings_text(options: &PipelineOptions) -> String {
    let clock = if options.clock == Clock::Log { "log" } else { "events" };
    format!(
        "clock {clock}, max_event_bytes {}, placeholder_ids {}, mappings {}",
        options.max_event_bytes, options.placeholder_ids, options.mappings
    )
}

impl FileIndex {
    /// Opens the index of a file, if it is that of the file as it is; with `build`, builds or extends it if it is not.
    pub(super) fn open(
        path: &Path,
        indexes: Option<&Path>,
        build: bool,
        options: &PipelineOptions,
    ) -> Result<FileIndex, HistoryError> {
        let (folder, settings) = (folder_of(path, indexes), settings_text(options));
        let io = |cause| HistoryError::Io { attempt: "read the file of", path: path.display().to_string(), cause };
        // A damaged manifest is as none.
        let found = IndexManifest::read(&folder).unwrap_or_default().filter(|manifest| manifest.settings == settings);
        let found = found.and_then(|manifest| match &manifest.source {
            IndexedSource::File(identity) => Some((identity.change(path), manifest)),
            IndexedSource::Stream { .. } => None,
        });
        let identity = || FileIdentity::of(path).map_err(io);
        let manifest = match found {
            Some((Ok(FileChange::None), manifest)) => match FileIndex::with(path, &folder, manifest) {
                Err(HistoryError::Damaged { .. } | HistoryError::Io { .. }) if build => None,
                opened => return opened,
            },
            Some((Ok(FileChange::Appended), manifest)) if build && ends_with_line(path, manifest.covered) => {
                Some(manifest)
            }
            _ => None,
        };
        if !build {
            return Err(HistoryError::NoIndex { file: path.display().to_string() });
        }
        let identity = identity()?;
        let manifest =
            manifest.unwrap_or_else(|| IndexManifest::empty(settings, IndexedSource::File(identity.clone())));
        let manifest = build_index(path, &folder, manifest, identity, options)?;
        FileIndex::with(path, &folder, manifest)
    }

    /// The same, built again from the whole file.
    pub(super) fn rebuilt(
        path: &Path,
        indexes: Option<&Path>,
        options: &PipelineOptions,
    ) -> Result<FileIndex, HistoryError> {
        let folder = folder_of(path, indexes);
        let _ = std::fs::remove_dir_all(&folder);
        FileIndex::open(path, indexes, true, options)
    }

    fn with(path: &Path, folder: &Path, manifest: IndexManifest) -> Result<FileIndex, HistoryError> {
        let is_packed = matches!(&manifest.source, IndexedSource::File(identity) if identity.is_packed);
        Ok(FileIndex { path: path.to_owned(), index: EventIndex::open(folder, manifest)?, is_packed })
    }

    /// The marks of the file: the first at its beginning.
    pub(super) fn marks(&self) -> &[TimeMark] {
        &self.index.manifest.marks
    }

    /// The lines that begin at these places, which are in order. A compressed file is read from its beginning.
    pub(super) fn lines_at(&self, places: &[u64], max_message_bytes: usize) -> Result<Vec<Bytes>, HistoryError> {
        if !self.is_packed {
            let failed =
                |cause| HistoryError::Source(FileSourceError::Open { file: self.path.display().to_string(), cause });
            let mut reader = PlacedLines { file: File::open(&self.path).map_err(failed)?, start: 0, text: Vec::new() };
            return places.iter().map(|place| reader.line_at(*place).map_err(failed)).collect();
        }
        let (mut lines, mut wanted) = (Vec::with_capacity(places.len()), places.iter().copied().peekable());
        self.blocks_from(0, max_message_bytes, |block| {
            let end = block.offset + block.lines.len() as u64;
            while let Some(place) = wanted.next_if(|place| *place < end) {
                let at = usize::try_from(place.saturating_sub(block.offset)).unwrap_or(usize::MAX);
                let text = block.lines.get(at..).unwrap_or_default();
                lines.push(Bytes::copy_from_slice(line_of(text)));
            }
            Ok(wanted.peek().is_some())
        })?;
        Ok(lines)
    }

    /// Hands on the blocks of the file from this place on, until `take` returns false.
    pub(super) fn blocks_from(
        &self,
        place: u64,
        max_message_bytes: usize,
        mut take: impl FnMut(&LineBlock) -> Result<bool, HistoryError>,
    ) -> Result<(), HistoryError> {
        let files = match self.is_packed || place == 0 {
            true => EventFiles::open(std::slice::from_ref(&self.path), max_message_bytes)?,
            false => EventFiles::open_after(&self.path, place, max_message_bytes)?,
        };
        for item in files {
            if let FileItem::Block(block) = item?
                && block.offset >= place
                && !take(&block)?
            {
                break;
            }
        }
        Ok(())
    }
}

/// Whether what is indexed ends with a line: more of the same line may have been appended otherwise.
fn ends_with_line(path: &Path, covered: u64) -> bool {
    let mut last = [0];
    let read = File::open(path).and_then(|mut file| {
        file.seek(SeekFrom::Start(covered.saturating_sub(1)))?;
        file.read_exact(&mut last)
    });
    read.is_ok() && last == *b"\n"
}

fn build_index(
    path: &Path,
    folder: &Path,
    manifest: IndexManifest,
    identity: FileIdentity,
    options: &PipelineOptions,
) -> Result<IndexManifest, HistoryError> {
    let from = manifest.covered;
    let mut scanner = LogScanner::new(options, manifest.latest_read());
    let mut builder = IndexBuilder::new(folder, manifest)?;
    let (mut marks, mut end, mut oversized) = (Vec::new(), from, 0);
    let files = match from {
        0 => EventFiles::open(&[path.to_owned()], options.max_message_bytes())?,
        _ => EventFiles::open_after(path, from, options.max_message_bytes())?,
    };
    // What is appended meanwhile is for the next time.
    let limit = if identity.is_packed { u64::MAX } else { identity.bytes };
    'file: for item in files {
        let block = match item? {
            FileItem::Block(block) if block.is_document => {
                return Err(HistoryError::NotIndexable { file: path.display().to_string(), why: DOCUMENT });
            }
            FileItem::Block(block) => block,
            FileItem::Oversized { .. } => {
                oversized += 1;
                continue;
            }
        };
        marks.push(TimeMark { place: block.offset, latest_read: scanner.latest_read.0 });
        let mut place = block.offset;
        for line in block.lines.split_inclusive(|byte| *byte == b'\n') {
            if place + line.len() as u64 > limit {
                break 'file;
            }
            let record = ScannedRecord { kind: RecordKind::Events, lines: line_of(line), received: None };
            scanner.scan(place, record, builder.entries());
            place += line.len() as u64;
        }
        end = place;
        builder.write_if_full()?;
    }
    builder.finish(|manifest| {
        manifest.covered = if identity.is_packed { end } else { identity.bytes };
        manifest.source = IndexedSource::File(identity);
        manifest.latest_read = scanner.latest_read.0;
        manifest.events += scanner.events;
        manifest.rejected += scanner.rejected + oversized;
        manifest.marks.append(&mut marks);
    })
}

/// A line without its newline.
pub(super) fn line_of(text: &[u8]) -> &[u8] {
    memchr::memchr(b'\n', text).map_or(text, |end| &text[..end])
}

/// Reads lines at places of a file, which go forward.
struct PlacedLines {
    file: File,
    /// Where the text is in the file.
    start: u64,
    text: Vec<u8>,
}

impl PlacedLines {
    fn line_at(&mut self, place: u64) -> std::io::Result<Bytes> {
        let within = place.checked_sub(self.start).and_then(|at| usize::try_from(at).ok());
        match within.filter(|at| *at < self.text.len()) {
            Some(at) => drop(self.text.drain(..at)),
            None => self.text.clear(),
        }
        self.start = place;
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.text) {
                return Ok(Bytes::copy_from_slice(&self.text[..end]));
            }
            let known = self.text.len();
            self.text.resize(known + READ_BYTES.max(known), 0);
            let read = self.file.read_at(&mut self.text[known..], place + known as u64)?;
            self.text.truncate(known + read);
            if read == 0 {
                return Ok(Bytes::copy_from_slice(&self.text));
            }
        }
    }
}
