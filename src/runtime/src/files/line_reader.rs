//! Divides a file into blocks: complete lines, JSON documents over several lines, and parts of arrays.
//!
//! Memory is bounded: a line longer than a message may be is not kept completely. Where a block ends does not depend on how
//! the bytes arrive. Compression and opening are in `source`; where documents end is in `document`.

use std::io::{self, BufRead};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use super::document::{DocumentProgress, JsonDocument};
use super::item::{FileItem, LineBlock, LinePosition};
use super::source::FileSourceError;

/// The bytes of a block; a line that continues after them makes the block longer.
const BLOCK_BYTES: usize = 512 << 10;

/// The bytes of an oversized line that are kept for its dead letter.
pub const OVERSIZED_HEAD_BYTES: usize = 64 << 10;

/// How some programs begin UTF-8 files.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A file, uncompressed.
pub type FileInput = Box<dyn BufRead + Send>;

pub(super) type ItemSender = SyncSender<Result<FileItem, FileSourceError>>;

/// A file to be read.
pub(super) struct NamedInput {
    pub(super) file: Arc<str>,
    pub(super) input: FileInput,
    /// The bytes before what the input yields. If there are any, there are lines before it.
    pub(super) offset: u64,
}

/// Reads the files, one after the other; ends early if the receiver is dropped.
pub(super) fn read_all(inputs: Vec<NamedInput>, max_message_bytes: usize, sender: &ItemSender) {
    for NamedInput { file, input, offset } in inputs {
        let place = LinePosition { file, line: 1 };
        let mut reader = LineReader { input, place, offset, max_message_bytes, sender };
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

/// The result of reading more of a document.
enum DocumentStep {
    /// There is more of it to read.
    ReadOn,
    /// It is complete, and was sent.
    Done,
    /// It is no document: the rest of it is read as lines.
    Broken,
    /// The receiver was dropped.
    ReceiverDropped,
}

struct LineReader<'s> {
    input: FileInput,
    place: LinePosition,
    /// The bytes of the file before what is read next.
    offset: u64,
    max_message_bytes: usize,
    sender: &'s ItemSender,
}

impl LineReader<'_> {
    /// False if the receiver was dropped.
    fn read_to_end(&mut self) -> io::Result<bool> {
        let mut block = Vec::new();
        let mut is_first = self.offset == 0;
        // After a document there may be another one; after lines there are only lines.
        let mut document = None;
        let mut has_lines = self.offset > 0;
        loop {
            // On a failure everything that was read before it is sent first.
            let filled = self.fill(&mut block);
            let ended = matches!(filled, Ok(true) | Err(_));
            if std::mem::take(&mut is_first) && block.starts_with(BYTE_ORDER_MARK) {
                block.drain(..BYTE_ORDER_MARK.len());
                self.offset += BYTE_ORDER_MARK.len() as u64;
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
                    DocumentStep::ReceiverDropped => return Ok(false),
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
                if !self.send(std::mem::replace(&mut block, rest), false) {
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

    /// Reads more of a document; `block` has the part of it that was not sent yet.
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
                return if self.send(whole, true) { DocumentStep::Done } else { DocumentStep::ReceiverDropped };
            }
            DocumentProgress::Open if block.len() < BLOCK_BYTES => return DocumentStep::ReadOn,
            DocumentProgress::Open => document.take_elements(block),
        };
        match taken.map(|elements| self.send(elements, true)) {
            Some(true) => DocumentStep::ReadOn,
            Some(false) => DocumentStep::ReceiverDropped,
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
            // Never more than the target: where a block ends does not depend on how much a pipe yields at a time.
            let count = bytes.len().min(target - block.len());
            block.extend_from_slice(&bytes[..count]);
            self.input.consume(count);
        }
        Ok(false)
    }

    fn send(&mut self, lines: Vec<u8>, is_document: bool) -> bool {
        let block = LineBlock { lines, is_document, place: self.place.clone(), offset: self.offset };
        self.offset += block.lines.len() as u64;
        self.place.line += block.newlines() + u64::from(!is_document && block.is_unfinished());
        self.sender.send(Ok(FileItem::Block(block))).is_ok()
    }

    /// Reads to the end of a line that is too long and begins in `block`; leaves `block` empty.
    fn skip_oversized(&mut self, block: &mut Vec<u8>) -> io::Result<bool> {
        let mut bytes = block.len() as u64;
        self.offset += bytes;
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
            self.offset += taken as u64;
            if ended {
                break;
            }
        }
        let place = self.place.clone();
        self.place.line += 1;
        Ok(self.sender.send(Ok(FileItem::Oversized { place, bytes, head })).is_ok())
    }
}

/// As `BufRead::fill_buf`, and again after an interruption by a signal.
fn fill_buf(input: &mut FileInput) -> io::Result<&[u8]> {
    while let Err(error) = input.fill_buf() {
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    input.fill_buf()
}

/// Whether there is a complete line that is not blank.
fn has_whole_line(block: &[u8]) -> bool {
    let blanks = block.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    memchr::memchr(b'\n', &block[blanks..]).is_some()
}

fn after_last_newline(block: &[u8]) -> usize {
    memchr::memrchr(b'\n', block).map_or(0, |at| at + 1)
}
