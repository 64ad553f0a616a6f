//! The folder of an index: a manifest that says what is indexed, and the runs that it names.
//!
//! The manifest is replaced at once; a run is never changed. So an index is complete as of its manifest, or damaged.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::HistoryError;
use super::entry::{IndexEntry, number_of};
use super::run::IndexRun;
use super::source_identity::IndexedSource;
use crate::checksummed_json;
use rekindle_core::time::Timestamp;

const MANIFEST: &str = "manifest.json";
const FORMAT: u32 = 2;

/// What an index has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexManifest {
    /// The settings that decide which calls are accepted, and when they happened.
    pub(super) settings: String,
    /// What is indexed.
    pub(super) source: IndexedSource,
    /// How far it is indexed: bytes of the file, uncompressed, or the last sequence of the stream.
    pub(super) covered: u64,
    /// The greatest time read, in milliseconds since 1970.
    pub(super) latest_read: i64,
    /// Accepted events.
    pub(super) events: u64,
    /// Rejected calls.
    pub(super) rejected: u64,
    /// Requests to forget a user.
    pub(super) forgets: u64,
    /// Places in the log, with the greatest time read before each.
    pub(super) marks: Vec<TimeMark>,
    /// The runs.
    pub(super) runs: Vec<RunName>,
}

/// A place in the log, and the greatest time read before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TimeMark {
    pub(super) place: u64,
    /// In milliseconds since 1970.
    pub(super) latest_read: i64,
}

/// A run of the index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RunName {
    pub(super) name: String,
    pub(super) entries: u64,
}

impl RunName {
    pub(super) fn open(&self, folder: &Path) -> Result<IndexRun, HistoryError> {
        // The manifest is checked, but a name must not lead elsewhere.
        if self.name.contains(['/', '\\']) {
            return Err(HistoryError::Damaged { path: folder.display().to_string(), what: "it names a run elsewhere" });
        }
        IndexRun::open(folder.join(&self.name), self.entries)
    }
}

impl IndexManifest {
    /// Of nothing yet.
    pub(super) fn empty(settings: String, source: IndexedSource) -> IndexManifest {
        IndexManifest {
            settings,
            source,
            covered: 0,
            latest_read: Timestamp::MIN.0,
            events: 0,
            rejected: 0,
            forgets: 0,
            marks: Vec::new(),
            runs: Vec::new(),
        }
    }

    /// The manifest of a folder; `None`: there is none.
    pub(super) fn read(folder: &Path) -> Result<Option<IndexManifest>, HistoryError> {
        let path = folder.join(MANIFEST);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(HistoryError::Io { attempt: "read", path: path.display().to_string(), cause }),
        };
        let damaged =
            |_| HistoryError::Damaged { path: path.display().to_string(), what: "its manifest can't be read" };
        checksummed_json::decode(FORMAT, &bytes).map(Some).map_err(damaged)
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), HistoryError> {
        let (path, unfinished) = (folder.join(MANIFEST), folder.join(format!("{MANIFEST}.{}", std::process::id())));
        let write = || {
            let mut file = File::create(&unfinished)?;
            file.write_all(&checksummed_json::encode("contents", FORMAT, self))?;
            file.sync_all()?;
            fs::rename(&unfinished, &path)
        };
        write().map_err(|cause| HistoryError::Io { attempt: "write", path: path.display().to_string(), cause })
    }

    /// The calls that were rejected.
    pub fn rejected(&self) -> u64 {
        self.rejected
    }

    /// The greatest time read.
    pub fn latest_read(&self) -> Timestamp {
        Timestamp(self.latest_read)
    }

    /// How far it is indexed: bytes of a file, uncompressed, or the last sequence of a stream.
    pub fn covered(&self) -> u64 {
        self.covered
    }
}

/// An index that is complete.
pub struct EventIndex {
    pub(super) manifest: IndexManifest,
    runs: Vec<IndexRun>,
}

impl EventIndex {
    /// Opens an index with this manifest.
    pub(super) fn open(folder: &Path, manifest: IndexManifest) -> Result<EventIndex, HistoryError> {
        let runs = manifest.runs.iter().map(|run| run.open(folder)).collect::<Result<_, _>>()?;
        Ok(EventIndex { manifest, runs })
    }

    /// What it has.
    pub fn manifest(&self) -> &IndexManifest {
        &self.manifest
    }

    /// The entries of an id, by their places.
    pub(super) fn entries_of(&mut self, id: &str) -> Result<Vec<IndexEntry>, HistoryError> {
        let (id, mut found) = (number_of(id), Vec::new());
        self.runs.iter_mut().try_for_each(|run| run.find(id, &mut found))?;
        found.sort_unstable();
        Ok(found)
    }
}

/// The folder of the index of a file: beside it, or under a folder for indexes.
pub(super) fn folder_of(file: &Path, indexes: Option<&Path>) -> PathBuf {
    match indexes {
        None => {
            let mut name = file.as_os_str().to_owned();
            name.push(".index");
            name.into()
        }
        Some(indexes) => {
            let whole = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
            let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            indexes.join(format!("{name}-{:016x}", number_of(&whole.to_string_lossy())))
        }
    }
}
