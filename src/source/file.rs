//! Event files: JSON lines, plain or compressed with gzip or zstd (told by their first bytes, not their names).
//!
//! A thread reads and unpacks ahead and hands out blocks of whole lines, so memory stays the same however long the file
//! is. A line longer than `max_event_bytes` is never held whole.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use thiserror::Error;

/// How much is handed out at a time, in bytes; a line that goes on past it makes the block longer.
const BLOCK_BYTES: usize = 512 << 10;

/// How much of an oversized line is kept for the dead letters, in bytes.
const OVERSIZED_HEAD_BYTES: usize = 64 << 10;

/// What some programs begin UTF-8 files with.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Something read.
#[derive(Debug)]
pub enum Item {
    /// Whole lines.
    Block(Block),
    /// A line longer than `max_event_bytes` that did not fit a block.
    Oversized {
        /// Where it stands.
        place: Place,
        /// Its length in bytes.
        bytes: u64,
        /// How it begins.
        head: Vec<u8>,
    },
}

/// Whole lines of one file.
#[derive(Debug)]
pub struct Block {
    /// The lines; only a file's last may lack its newline.
    pub lines: Vec<u8>,
    /// Where the first stands.
    pub place: Place,
}

impl Block {
    /// How many lines there are.
    pub fn line_count(&self) -> u64 {
        let is_unfinished = self.lines.last().is_some_and(|last| *last != b'\n');
        memchr::memchr_iter(b'\n', &self.lines).count() as u64 + u64::from(is_unfinished)
    }

    /// What stands behind the first so many lines; `None`: nothing does.
    pub fn after(&self, lines: u64) -> Option<Block> {
        let at = match lines {
            0 => 0,
            _ => memchr::memchr_iter(b'\n', &self.lines).nth(usize::try_from(lines - 1).ok()?)? + 1,
        };
        let place = Place { file: Arc::clone(&self.place.file), line: self.place.line + lines };
        (at < self.lines.len()).then(|| Block { lines: self.lines[at..].to_vec(), place })
    }
}

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file's name; `-` is standard input.
    pub file: Arc<str>,
    /// Its line, from 1.
    pub line: u64,
}

/// A file that can't be read, or not to its end.
#[derive(Debug, Error)]
pub enum SourceError {
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
pub struct Files {
    items: Receiver<Result<Item, SourceError>>,
    bytes_read: Arc<AtomicU64>,
    bytes_total: Option<u64>,
}

impl Files {
    /// Begins to read. `-` is standard input.
    ///
    /// # Errors
    /// A file can't be opened: all of them are tried before anything is read.
    pub fn open(paths: &[PathBuf], max_event_bytes: usize) -> Result<Files, SourceError> {
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
        thread::spawn(move || read_all(inputs, max_event_bytes, &sender));
        Ok(Files { items, bytes_read, bytes_total })
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

impl Iterator for Files {
    type Item = Result<Item, SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.items.recv().ok()
    }
}

type Input = Box<dyn BufRead + Send>;

fn open_one(path: &Path, bytes_read: &Arc<AtomicU64>) -> Result<(Input, Option<u64>), SourceError> {
    let open_error = |cause| SourceError::Open { file: path.display().to_string(), cause };
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
    let counted = Counted { inner: raw, bytes: Arc::clone(bytes_read), has_ended: false };
    let mut raw = BufReader::with_capacity(1 << 18, counted);
    // Not `fill_buf`: a pipe may yield less than four bytes at first.
    let mut magic = Vec::new();
    raw.by_ref().take(4).read_to_end(&mut magic).map_err(open_error)?;
    let packing = Packing::of(&magic);
    let raw = Cursor::new(magic).chain(raw);
    let input: Input = match packing {
        Packing::None => Box::new(raw),
        Packing::Gzip => Box::new(BufReader::with_capacity(1 << 18, flate2::bufread::MultiGzDecoder::new(raw))),
        Packing::Zstd => {
            let unpacked = zstd::stream::read::Decoder::with_buffer(raw).map_err(open_error)?;
            Box::new(BufReader::with_capacity(1 << 18, unpacked))
        }
    };
    Ok((input, bytes))
}

enum Packing {
    None,
    Gzip,
    Zstd,
}

impl Packing {
    fn of(magic: &[u8]) -> Packing {
        match magic {
            [0x1f, 0x8b, ..] => Packing::Gzip,
            // The second is a skippable frame: what parallel zstd begins its files with (RFC 8878, 3.1.2).
            [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Packing::Zstd,
            _ => Packing::None,
        }
    }
}

struct Counted<R> {
    inner: R,
    bytes: Arc<AtomicU64>,
    /// A terminal that has ended goes on when it is read again: nobody is to press Ctrl-D twice.
    has_ended: bool,
}

impl<R: Read> Read for Counted<R> {
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

type Sender = SyncSender<Result<Item, SourceError>>;

/// Ends early when nobody listens any more.
fn read_all(inputs: Vec<(Arc<str>, Input)>, max_event_bytes: usize, sender: &Sender) {
    for (file, input) in inputs {
        let mut reader = LineReader { input, place: Place { file, line: 1 }, max_event_bytes, sender };
        match reader.read_to_end() {
            Ok(true) => {}
            Ok(false) => return,
            Err(cause) => {
                let Place { file, line } = reader.place;
                let _ = sender.send(Err(SourceError::Read { file: file.to_string(), lines: line - 1, cause }));
                return;
            }
        }
    }
}

struct LineReader<'s> {
    input: Input,
    place: Place,
    max_event_bytes: usize,
    sender: &'s Sender,
}

impl LineReader<'_> {
    /// False when nobody listens any more.
    fn read_to_end(&mut self) -> io::Result<bool> {
        let mut block = Vec::new();
        let mut is_first = true;
        loop {
            // On failure what was read before it is handed out first: nothing that can be had is lost.
            let filled = self.fill(&mut block);
            if std::mem::take(&mut is_first) && block.starts_with(BYTE_ORDER_MARK) {
                block.drain(..BYTE_ORDER_MARK.len());
            }
            let ended = matches!(filled, Ok(true) | Err(_));
            let whole = if ended && filled.is_ok() { block.len() } else { after_last_newline(&block) };
            if whole > 0 {
                let rest = block.split_off(whole);
                if !self.hand_out(std::mem::replace(&mut block, rest)) {
                    return Ok(false);
                }
            } else if !ended && block.len() > self.max_event_bytes && !self.skip_oversized(&mut block)? {
                return Ok(false);
            }
            if ended {
                return filled.map(|_| true);
            }
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

    fn hand_out(&mut self, lines: Vec<u8>) -> bool {
        let block = Block { lines, place: self.place.clone() };
        self.place.line += block.line_count();
        self.sender.send(Ok(Item::Block(block))).is_ok()
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
        Ok(self.sender.send(Ok(Item::Oversized { place, bytes, head })).is_ok())
    }
}

/// As `BufRead::fill_buf`, undeterred by signals.
fn fill_buf(input: &mut Input) -> io::Result<&[u8]> {
    while let Err(error) = input.fill_buf() {
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    input.fill_buf()
}

fn after_last_newline(block: &[u8]) -> usize {
    memchr::memrchr(b'\n', block).map_or(0, |at| at + 1)
}
