//! A run: entries of the index in their order, in a file that is never changed.
//!
//! ```text
//! block 0 │ block 1 │ …      each block: up to 170 entries, zeros, their number (4 bytes), CRC-32C of all before it (4 bytes)
//! ```
//!
//! An id is found by binary search over the blocks. Each block that is read is checked.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::HistoryError;
use super::entry::{ENTRY_BYTES, IndexEntry};

const BLOCK_BYTES: usize = 4_096;
/// Where the number of a block's entries is.
const COUNT_AT: usize = BLOCK_BYTES - 8;
const ENTRIES_PER_BLOCK: usize = COUNT_AT / ENTRY_BYTES;

fn io_error(attempt: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> HistoryError {
    let path = path.display().to_string();
    move |cause| HistoryError::Io { attempt, path, cause }
}

/// Writes a run.
pub(super) struct RunWriter {
    path: PathBuf,
    file: BufWriter<File>,
    block: Vec<u8>,
    entries: u64,
}

impl RunWriter {
    /// Creates the file; only its owner may read it.
    pub(super) fn create(path: PathBuf) -> Result<RunWriter, HistoryError> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(io_error("create", &path))?;
        Ok(RunWriter { path, file: BufWriter::new(file), block: Vec::with_capacity(BLOCK_BYTES), entries: 0 })
    }

    /// Adds an entry, which is not less than the one before.
    pub(super) fn add(&mut self, entry: &IndexEntry) -> Result<(), HistoryError> {
        self.block.extend_from_slice(&entry.encoded());
        self.entries += 1;
        if self.block.len() == ENTRIES_PER_BLOCK * ENTRY_BYTES { self.end_block() } else { Ok(()) }
    }

    fn end_block(&mut self) -> Result<(), HistoryError> {
        if self.block.is_empty() {
            return Ok(());
        }
        let count = u32::try_from(self.block.len() / ENTRY_BYTES).unwrap_or_default();
        self.block.resize(COUNT_AT, 0);
        self.block.extend_from_slice(&count.to_le_bytes());
        let checksum = crc32c::crc32c(&self.block);
        self.block.extend_from_slice(&checksum.to_le_bytes());
        self.file.write_all(&self.block).map_err(io_error("write", &self.path))?;
        self.block.clear();
        Ok(())
    }

    /// Writes the rest, and makes the bytes survive a loss of power. Returns the number of entries.
    pub(super) fn finish(mut self) -> Result<u64, HistoryError> {
        self.end_block()?;
        self.file.flush().map_err(io_error("write", &self.path))?;
        self.file.get_ref().sync_data().map_err(io_error("sync", &self.path))?;
        Ok(self.entries)
    }
}

/// A complete run.
pub(super) struct IndexRun {
    path: PathBuf,
    file: File,
    blocks: u64,
}

impl IndexRun {
    /// Opens a run of this number of entries.
    pub(super) fn open(path: PathBuf, entries: u64) -> Result<IndexRun, HistoryError> {
        let file = File::open(&path).map_err(io_error("open", &path))?;
        let bytes = file.metadata().map_err(io_error("open", &path))?.len();
        let blocks = entries.div_ceil(ENTRIES_PER_BLOCK as u64);
        if bytes != blocks * BLOCK_BYTES as u64 {
            return Err(HistoryError::Damaged { path: path.display().to_string(), what: "it has another length" });
        }
        Ok(IndexRun { path, file, blocks })
    }

    fn block(&mut self, number: u64) -> Result<Vec<IndexEntry>, HistoryError> {
        let mut bytes = vec![0; BLOCK_BYTES];
        let read = self.file.seek(SeekFrom::Start(number * BLOCK_BYTES as u64));
        read.and_then(|_| self.file.read_exact(&mut bytes)).map_err(io_error("read", &self.path))?;
        let (body, checksum) = bytes.split_at(BLOCK_BYTES - 4);
        let count = u32::from_le_bytes(body[COUNT_AT..].try_into().unwrap_or_default()) as usize;
        if crc32c::crc32c(body).to_le_bytes() != checksum || count > ENTRIES_PER_BLOCK {
            let what = "the checksum of a block does not agree with its contents";
            return Err(HistoryError::Damaged { path: self.path.display().to_string(), what });
        }
        Ok(body[..count * ENTRY_BYTES].chunks_exact(ENTRY_BYTES).map(IndexEntry::decoded).collect())
    }

    /// Appends all entries of an id, by their places.
    pub(super) fn find(&mut self, id: u64, found: &mut Vec<IndexEntry>) -> Result<(), HistoryError> {
        // The first block whose last entry is not before the id.
        let (mut low, mut high) = (0, self.blocks);
        while low < high {
            let middle = low.midpoint(high);
            match self.block(middle)?.last() {
                Some(last) if last.id >= id => high = middle,
                _ => low = middle + 1,
            }
        }
        for number in low..self.blocks {
            let entries = self.block(number)?;
            found.extend(entries.iter().filter(|entry| entry.id == id));
            if entries.last().is_none_or(|last| last.id > id) {
                break;
            }
        }
        Ok(())
    }
}

/// Merges runs into one; memory is a block of each. Returns the number of entries.
pub(super) fn merge(runs: &mut [IndexRun], into: PathBuf) -> Result<u64, HistoryError> {
    let mut writer = RunWriter::create(into)?;
    let mut cursors: Vec<(u64, std::vec::IntoIter<IndexEntry>)> =
        runs.iter().map(|_| (0, Vec::new().into_iter())).collect();
    let mut next = BinaryHeap::new();
    for at in 0..runs.len() {
        next.extend(advance(&mut runs[at], &mut cursors[at])?.map(|entry| Reverse((entry, at))));
    }
    while let Some(Reverse((entry, at))) = next.pop() {
        writer.add(&entry)?;
        next.extend(advance(&mut runs[at], &mut cursors[at])?.map(|entry| Reverse((entry, at))));
    }
    writer.finish()
}

fn advance(
    run: &mut IndexRun,
    (block, entries): &mut (u64, std::vec::IntoIter<IndexEntry>),
) -> Result<Option<IndexEntry>, HistoryError> {
    loop {
        if let Some(entry) = entries.next() {
            return Ok(Some(entry));
        }
        if *block == run.blocks {
            return Ok(None);
        }
        *entries = run.block(*block)?.into_iter();
        *block += 1;
    }
}
