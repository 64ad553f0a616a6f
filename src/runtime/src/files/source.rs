//! Event files, plain or compressed with gzip or zstd, which their first bytes tell, not their names.
//!
//! A thread reads and decompresses ahead and sends blocks, so memory is bounded however large the files are. Nothing is
//! decoded here.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use thiserror::Error;

pub use super::item::{FileItem, LineBlock, LinePosition};
pub use super::line_reader::{FileInput, OVERSIZED_HEAD_BYTES};
use super::line_reader::{NamedInput, read_all};
use crate::compression::Compression;

/// A file can't be read, or not to its end.
#[derive(Debug, Error)]
pub enum FileSourceError {
    /// It can't be opened.
    #[error("could not open the events file {file}: {cause}")]
    Open {
        /// The file.
        file: String,
        /// Why not.
        #[source]
        cause: io::Error,
    },
    /// The rest of it can't be read.
    #[error("could not read {file} past line {lines}: {cause}{}", hint(cause))]
    Read {
        /// The file.
        file: String,
        /// The number of complete lines that were read.
        lines: u64,
        /// Why not.
        #[source]
        cause: io::Error,
    },
}

fn hint(cause: &io::Error) -> &'static str {
    if cause.kind() == io::ErrorKind::UnexpectedEof || cause.to_string().contains("incomplete frame") {
        "; the compressed file ends too early: it was cut off, copy or compress it again"
    } else if cause.raw_os_error().is_none() {
        // An error that is not the system's is the decompressor's.
        "; the compressed data is damaged: copy or compress it again"
    } else {
        ""
    }
}

/// The files, one after the other.
pub struct EventFiles {
    items: Receiver<Result<FileItem, FileSourceError>>,
    bytes_read: Arc<AtomicU64>,
    bytes_total: Option<u64>,
}

impl EventFiles {
    /// Opens the files and starts to read. `-` is standard input.
    ///
    /// # Errors
    /// A file can't be opened; all of them are opened before anything is read.
    pub fn open(paths: &[PathBuf], max_message_bytes: usize) -> Result<EventFiles, FileSourceError> {
        let bytes_read = Arc::new(AtomicU64::new(0));
        let mut bytes_total = Some(0);
        let mut inputs = Vec::new();
        for path in paths {
            let (input, bytes) = open_input(path, &bytes_read)?;
            bytes_total = bytes_total.zip(bytes).map(|(total, bytes)| total + bytes);
            inputs.push(NamedInput { file: path.to_string_lossy().into(), input, offset: 0 });
        }
        // One block is read while the one before it is processed.
        let (sender, items) = sync_channel(0);
        thread::spawn(move || read_all(inputs, max_message_bytes, &sender));
        Ok(EventFiles { items, bytes_read, bytes_total })
    }

    /// Opens one file that is not compressed, and begins to read after this number of bytes, which end with a line.
    ///
    /// # Errors
    /// It can't be opened.
    pub fn open_after(path: &Path, offset: u64, max_message_bytes: usize) -> Result<EventFiles, FileSourceError> {
        let open_error = |cause| FileSourceError::Open { file: path.display().to_string(), cause };
        let mut file = File::open(path).map_err(open_error)?;
        file.seek(SeekFrom::Start(offset)).map_err(open_error)?;
        let bytes_read = Arc::new(AtomicU64::new(0));
        let counted = CountingReader { inner: file, bytes: Arc::clone(&bytes_read), has_ended: false };
        let input: FileInput = Box::new(BufReader::with_capacity(1 << 18, counted));
        let inputs = vec![NamedInput { file: path.to_string_lossy().into(), input, offset }];
        let (sender, items) = sync_channel(0);
        thread::spawn(move || read_all(inputs, max_message_bytes, &sender));
        Ok(EventFiles { items, bytes_read, bytes_total: None })
    }

    /// The number of bytes read from the disk so far, shared with a progress bar.
    pub fn bytes_read(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.bytes_read)
    }

    /// The bytes of all files together; `None`: one of them is a pipe.
    pub fn bytes_total(&self) -> Option<u64> {
        self.bytes_total
    }
}

impl Iterator for EventFiles {
    type Item = Result<FileItem, FileSourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.items.recv().ok()
    }
}

/// Opens a file, uncompressed, with its size on the disk; `None`: it is a pipe. `-` is standard input.
///
/// # Errors
/// It can't be opened.
pub fn open_input(path: &Path, bytes_read: &Arc<AtomicU64>) -> Result<(FileInput, Option<u64>), FileSourceError> {
    let open_error = |cause| FileSourceError::Open { file: path.display().to_string(), cause };
    let (raw, bytes): (Box<dyn Read + Send>, Option<u64>) = if path == Path::new("-") {
        (Box::new(io::stdin()), None)
    } else {
        let file = File::open(path).map_err(open_error)?;
        let meta = file.metadata().map_err(open_error)?;
        if meta.is_dir() {
            return Err(open_error(io::Error::other("it is a directory, not a file")));
        }
        (Box::new(file), meta.is_file().then_some(meta.len()))
    };
    let counted = CountingReader { inner: raw, bytes: Arc::clone(bytes_read), has_ended: false };
    let mut raw = BufReader::with_capacity(1 << 18, counted);
    // Not `fill_buf`: a pipe may yield fewer than four bytes at first.
    let mut magic = Vec::new();
    raw.by_ref().take(4).read_to_end(&mut magic).map_err(open_error)?;
    let packing = Compression::of(&magic);
    let raw = Cursor::new(magic).chain(raw);
    let input: FileInput = match packing {
        None => Box::new(raw),
        Some(Compression::Gzip) => {
            Box::new(BufReader::with_capacity(1 << 18, flate2::bufread::MultiGzDecoder::new(raw)))
        }
        Some(Compression::Zstd) => {
            let unpacked = zstd::stream::read::Decoder::with_buffer(raw).map_err(open_error)?;
            Box::new(BufReader::with_capacity(1 << 18, unpacked))
        }
    };
    Ok((input, bytes))
}

struct CountingReader<R> {
    inner: R,
    bytes: Arc<AtomicU64>,
    /// A terminal continues after its end when it is read again: one Ctrl-D is enough.
    has_ended: bool,
}

impl<R: Read> Read for CountingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.has_ended {
            return Ok(0);
        }
        let count = self.inner.read(buffer)?;
        self.has_ended = count == 0 && !buffer.is_empty();
        self.bytes.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
