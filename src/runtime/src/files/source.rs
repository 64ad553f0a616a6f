//! Event files: JSON lines, plain or compressed with gzip or zstd (told by their first bytes, not their names).
//!
//! A thread reads and unpacks ahead and hands out blocks of whole lines, so memory stays the same however long the file
//! is. A line longer than a message may be is never held whole.
//!
//! A file may also be JSON that goes on over lines: objects, or an array of calls however long, which is handed out in
//! parts that are arrays themselves.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use thiserror::Error;

use super::document::{DocumentProgress, JsonDocument};
use crate::compression::Compression;

/// How much is handed out at a time, in bytes; a line that goes on past it makes the block longer.
const BLOCK_BYTES: usize = 512 << 10;

/// How much of an oversized line is kept for the dead letters, in bytes.
pub const OVERSIZED_HEAD_BYTES: usize = 64 << 10;

/// What some programs begin UTF-8 files with.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Something read.
#[derive(Debug)]
pub enum FileItem {
    /// Whole lines.
    Block(LineBlock),
    /// A line longer than a message may be that did not fit a block.
    Oversized {
        /// Where it stands.
        place: LinePosition,
        /// Its length in bytes.
        bytes: u64,
        /// How it begins.
        head: Vec<u8>,
    },
}

/// Whole lines of one file.
#[derive(Debug)]
pub struct LineBlock {
    /// The lines; only a file's last may lack its newline.
    pub lines: Vec<u8>,
    /// It is one JSON document instead, or part of an array, as one.
    pub is_document: bool,
    /// Where the first stands.
    pub place: LinePosition,
}

impl LineBlock {
    /// How many lines there are; a document counts as one more than it has newlines, for it may begin where another ends.
    pub fn line_count(&self) -> u64 {
        let is_unfinished = self.is_document || self.is_unfinished();
        self.newlines() + u64::from(is_unfinished)
    }

    fn newlines(&self) -> u64 {
        memchr::memchr_iter(b'\n', &self.lines).count() as u64
    }

    fn is_unfinished(&self) -> bool {
        self.lines.last().is_some_and(|last| *last != b'\n')
    }

    /// Where a part of it stands: on the line with this index, or, in a document, where the part's bytes are.
    pub fn place_of(&self, line: u64, part: &[u8]) -> LinePosition {
        let before = (part.as_ptr() as usize).saturating_sub(self.lines.as_ptr() as usize);
        let line = match self.is_document {
            true => memchr::memchr_iter(b'\n', &self.lines[..before.min(self.lines.len())]).count() as u64,
            false => line,
        };
        LinePosition { file: Arc::clone(&self.place.file), line: self.place.line + line }
    }

    /// What stands behind the first so many lines; `None`: nothing does. A document is not cut.
    pub fn after(&self, lines: u64) -> Option<LineBlock> {
        let at = match lines {
            0 => 0,
            _ if self.is_document => return None,
            _ => memchr::memchr_iter(b'\n', &self.lines).nth(usize::try_from(lines - 1).ok()?)? + 1,
        };
        let place = LinePosition { file: Arc::clone(&self.place.file), line: self.place.line + lines };
        let is_document = self.is_document;
        (at < self.lines.len()).then(|| LineBlock { lines: self.lines[at..].to_vec(), is_document, place })
    }
}

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinePosition {
    /// The file's name; `-` is standard input.
    pub file: Arc<str>,
    /// Its line, from 1.
    pub line: u64,
}

/// A file that can't be read, or not to its end.
#[derive(Debug, Error)]
pub enum FileSourceError {
    /// It can't be opened.
    #[error("could not open the events file {file}: {cause}")]
    Open {
        /// The file.
        file: String,
        /// Why.
        cause: io::Error,
    },
    /// It can't be read on.
    #[error("could not read {file} past line {lines}: {cause}{}", hint(cause))]
    Read {
        /// The file.
        file: String,
        /// How many lines were read whole.
        lines: u64,
        /// Why.
        cause: io::Error,
    },
}

fn hint(cause: &io::Error) -> &'static str {
    if cause.kind() == io::ErrorKind::UnexpectedEof || cause.to_string().contains("incomplete frame") {
        "; the compressed file ends too early: it was cut off, copy or compress it again"
    } else if cause.raw_os_error().is_none() {
        // What the system did not say, a decompressor did.
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
    /// Begins to read. `-` is standard input.
    ///
    /// # Errors
    /// A file can't be opened: all of them are tried before anything is read.
    pub fn open(paths: &[PathBuf], max_message_bytes: usize) -> Result<EventFiles, FileSourceError> {
        let bytes_read = Arc::new(AtomicU64::new(0));
        let mut bytes_total = Some(0);
        let mut inputs = Vec::new();
        for path in paths {
            let (input, bytes) = open_one(path, &bytes_read)?;
            bytes_total = bytes_total.zip(bytes).map(|(total, bytes)| total + bytes);
            inputs.push((Arc::<str>::from(path.to_string_lossy()), input));
        }
        // One block is read while the last is worked on.
        let (sender, items) = sync_channel(0);
        thread::spawn(move || read_all(inputs, max_message_bytes, &sender));
        Ok(EventFiles { items, bytes_read, bytes_total })
    }

    /// Bytes read off the disk so far, shared: a progress bar looks at it.
    pub fn bytes_read(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.bytes_read)
    }

    /// Bytes there are on the disk; `None` where a pipe is among the files.
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

type FileInput = Box<dyn BufRead + Send>;

fn open_one(path: &Path, bytes_read: &Arc<AtomicU64>) -> Result<(FileInput, Option<u64>), FileSourceError> {
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
    // Not `fill_buf`: a pipe may yield less than four bytes at first.
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
    /// A terminal that has ended goes on when it is read again: nobody is to press Ctrl-D twice.
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

type ItemSender = SyncSender<Result<FileItem, FileSourceError>>;

/// Ends early when nobody listens any more.
fn read_all(inputs: Vec<(Arc<str>, FileInput)>, max_message_bytes: usize, sender: &ItemSender) {
    for (file, input) in inputs {
        let mut reader = LineReader { input, place: LinePosition { file, line: 1 }, max_message_bytes, sender };
        match reader.read_to_end() {
            Ok(true) => {}
            Ok(false) => return,
            Err(cause) => {
                let LinePosition { file, line } = reader.place;
                let _ = sender.send(Err(FileSourceError::Read { file: file.to_string(), lines: line - 1, cause }));
                return;
            }
        }
    }
}

/// What came of reading on in a document.
enum DocumentStep {
    /// There is more of it to read.
    ReadOn,
    /// It is handed out.
    Done,
    /// It is none: what of it is not handed out yet is lines.
    Broken,
    /// Nobody listens any more.
    NotWanted,
}

struct LineReader<'s> {
    input: FileInput,
    place: LinePosition,
    max_message_bytes: usize,
    sender: &'s ItemSender,
}

impl LineReader<'_> {
    /// False when nobody listens any more.
    fn read_to_end(&mut self) -> io::Result<bool> {
        let mut block = Vec::new();
        let mut is_first = true;
        // Behind a document there may be another; behind lines there are lines.
        let mut document = None;
        let mut has_lines = false;
        loop {
            // On failure what was read before it is handed out first: nothing that can be had is lost.
            let filled = self.fill(&mut block);
            let ended = matches!(filled, Ok(true) | Err(_));
            if std::mem::take(&mut is_first) && block.starts_with(BYTE_ORDER_MARK) {
                block.drain(..BYTE_ORDER_MARK.len());
            }
            while !has_lines {
                if document.is_none() {
                    if !ended && block.len() < BLOCK_BYTES && !has_whole_line(&block) {
                        break;
                    }
                    document = JsonDocument::begins(&block, ended).then(JsonDocument::default);
                }
                let Some(open) = &mut document else {
                    has_lines = true;
                    break;
                };
                match self.read_document(open, &mut block) {
                    DocumentStep::NotWanted => return Ok(false),
                    DocumentStep::ReadOn if !ended => break,
                    DocumentStep::Done => document = None,
                    DocumentStep::ReadOn | DocumentStep::Broken => {
                        open.give_up(&mut block);
                        has_lines = true;
                    }
                }
            }
            let whole = match has_lines || ended {
                true if ended && filled.is_ok() => block.len(),
                true => after_last_newline(&block),
                false => 0,
            };
            if whole > 0 {
                let rest = block.split_off(whole);
                if !self.hand_out(std::mem::replace(&mut block, rest), false) {
                    return Ok(false);
                }
            } else if has_lines && !ended && block.len() > self.max_message_bytes && !self.skip_oversized(&mut block)? {
                return Ok(false);
            }
            if ended {
                return filled.map(|_| true);
            }
        }
    }

    /// Reads on in a document of which `block` holds what was not handed out yet.
    fn read_document(&mut self, document: &mut JsonDocument, block: &mut Vec<u8>) -> DocumentStep {
        let taken = match document.read(block) {
            DocumentProgress::Broken => return DocumentStep::Broken,
            DocumentProgress::Ends(end) => {
                let line_end = memchr::memchr(b'\n', &block[end..]).map_or(block.len(), |at| end + at + 1);
                if !block[end..line_end].iter().all(u8::is_ascii_whitespace) {
                    return DocumentStep::Broken;
                }
                let rest = block.split_off(line_end);
                let whole = std::mem::replace(block, rest);
                return if self.hand_out(whole, true) { DocumentStep::Done } else { DocumentStep::NotWanted };
            }
            DocumentProgress::Open if block.len() < BLOCK_BYTES => return DocumentStep::ReadOn,
            DocumentProgress::Open => document.take_elements(block),
        };
        match taken.map(|elements| self.hand_out(elements, true)) {
            Some(true) => DocumentStep::ReadOn,
            Some(false) => DocumentStep::NotWanted,
            None if block.len() > self.max_message_bytes => DocumentStep::Broken,
            None => DocumentStep::ReadOn,
        }
    }

    /// Reads until the block is full; true at the end of the file.
    fn fill(&mut self, block: &mut Vec<u8>) -> io::Result<bool> {
        let target = BLOCK_BYTES.max(block.len() + BLOCK_BYTES / 4);
        block.reserve(target - block.len());
        while block.len() < target {
            let bytes = fill_buf(&mut self.input)?;
            if bytes.is_empty() {
                return Ok(true);
            }
            // Never more than is missing: where a block ends does not depend on how much a pipe yields at a time.
            let count = bytes.len().min(target - block.len());
            block.extend_from_slice(&bytes[..count]);
            self.input.consume(count);
        }
        Ok(false)
    }

    fn hand_out(&mut self, lines: Vec<u8>, is_document: bool) -> bool {
        let block = LineBlock { lines, is_document, place: self.place.clone() };
        self.place.line += block.newlines() + u64::from(!is_document && block.is_unfinished());
        self.sender.send(Ok(FileItem::Block(block))).is_ok()
    }

    /// Reads on to the end of a line of which `block` holds the beginning; what follows it stays in `block`.
    fn skip_oversized(&mut self, block: &mut Vec<u8>) -> io::Result<bool> {
        let mut bytes = block.len() as u64;
        let mut head = std::mem::take(block);
        head.truncate(OVERSIZED_HEAD_BYTES);
        loop {
            let more = fill_buf(&mut self.input)?;
            let (taken, ended) = match memchr::memchr(b'\n', more) {
                Some(at) => (at + 1, true),
                None => (more.len(), more.is_empty()),
            };
            bytes += (taken - usize::from(ended && taken > 0)) as u64;
            self.input.consume(taken);
            if ended {
                break;
            }
        }
        let place = self.place.clone();
        self.place.line += 1;
        Ok(self.sender.send(Ok(FileItem::Oversized { place, bytes, head })).is_ok())
    }
}

/// As `BufRead::fill_buf`, undeterred by signals.
fn fill_buf(input: &mut FileInput) -> io::Result<&[u8]> {
    while let Err(error) = input.fill_buf() {
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    input.fill_buf()
}

/// Whether there is a line that is not blank, with its end.
fn has_whole_line(block: &[u8]) -> bool {
    let blanks = block.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    memchr::memchr(b'\n', &block[blanks..]).is_some()
}

fn after_last_newline(block: &[u8]) -> usize {
    memchr::memrchr(b'\n', block).map_or(0, |at| at + 1)
}
