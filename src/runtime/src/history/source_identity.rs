//! What an index is of, and whether that is still what it was.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::compression::Compression;

/// The bytes of a file's beginning, and of the end of what is indexed, whose hash is kept.
const HASHED_BYTES: u64 = 64 << 10;

/// What an index is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum IndexedSource {
    /// A file.
    File(FileIdentity),
    /// A stream.
    Stream {
        /// Its name.
        name: String,
        /// When it was created, in milliseconds since 1970.
        created_ms: i64,
        /// The first sequence that was indexed.
        first: u64,
    },
}

/// What distinguishes a file from another of its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileIdentity {
    /// Its size on the disk.
    pub(super) bytes: u64,
    modified_ns: u64,
    head: u64,
    tail: u64,
    /// It is compressed.
    pub(super) is_packed: bool,
}

/// What became of a file since it was indexed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileChange {
    /// Nothing.
    None,
    /// Lines were appended.
    Appended,
    /// It is another file, or its contents changed.
    Other,
}

impl FileIdentity {
    /// The identity of a file as it is.
    pub(super) fn of(path: &Path) -> io::Result<FileIdentity> {
        let mut file = File::open(path)?;
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        let modified = meta.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut magic = Vec::new();
        file.by_ref().take(4).read_to_end(&mut magic)?;
        let bytes = meta.len();
        Ok(FileIdentity {
            bytes,
            modified_ns: u64::try_from(modified.as_nanos()).unwrap_or(u64::MAX),
            head: hash_of(&mut file, 0, bytes.min(HASHED_BYTES))?,
            tail: hash_of(&mut file, bytes.saturating_sub(HASHED_BYTES), bytes.min(HASHED_BYTES))?,
            is_packed: Compression::of(&magic).is_some(),
        })
    }

    /// What became of the file at `path` since this was its identity.
    pub(super) fn change(&self, path: &Path) -> io::Result<FileChange> {
        let now = FileIdentity::of(path)?;
        if now == *self {
            return Ok(FileChange::None);
        }
        if now.bytes <= self.bytes || self.bytes == 0 || self.is_packed {
            return Ok(FileChange::Other);
        }
        let mut file = File::open(path)?;
        let head = hash_of(&mut file, 0, self.bytes.min(HASHED_BYTES))?;
        let tail = hash_of(&mut file, self.bytes.saturating_sub(HASHED_BYTES), self.bytes.min(HASHED_BYTES))?;
        Ok(if (head, tail) == (self.head, self.tail) { FileChange::Appended } else { FileChange::Other })
    }
}

fn hash_of(file: &mut File, from: u64, bytes: u64) -> io::Result<u64> {
    file.seek(SeekFrom::Start(from))?;
    let mut text = Vec::new();
    file.take(bytes).read_to_end(&mut text)?;
    Ok(xxh3_64(&text))
}
