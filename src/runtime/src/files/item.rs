//! What is read from event files: blocks of complete lines, and lines that are too long, each with its position.

use std::sync::Arc;

/// An item that was read from the files.
#[derive(Debug)]
pub enum FileItem {
    /// Complete lines.
    Block(LineBlock),
    /// A line that is longer than a message may be.
    Oversized {
        /// Its position.
        place: LinePosition,
        /// Its length in bytes.
        bytes: u64,
        /// Its beginning.
        head: Vec<u8>,
    },
}

/// Complete lines of one file.
#[derive(Debug)]
pub struct LineBlock {
    /// The lines; only the last one of a file may lack its newline.
    pub lines: Vec<u8>,
    /// They are one JSON document, or a part of an array as a document of its own.
    pub is_document: bool,
    /// The position of the first line.
    pub place: LinePosition,
    /// Where it begins in the file, uncompressed, in bytes. Of a part of an array only an estimate: its text is not the file's.
    pub offset: u64,
}

impl LineBlock {
    /// The number of lines; a document has one more than it has newlines, since it may begin where another one ends.
    pub fn line_count(&self) -> u64 {
        let is_unfinished = self.is_document || self.is_unfinished();
        self.newlines() + u64::from(is_unfinished)
    }

    pub(super) fn newlines(&self) -> u64 {
        memchr::memchr_iter(b'\n', &self.lines).count() as u64
    }

    pub(super) fn is_unfinished(&self) -> bool {
        self.lines.last().is_some_and(|last| *last != b'\n')
    }

    /// The position of a part: that of the line with this index or, in a document, that of the part's bytes.
    pub fn place_of(&self, line: u64, part: &[u8]) -> LinePosition {
        let before = (part.as_ptr() as usize).saturating_sub(self.lines.as_ptr() as usize);
        let line = match self.is_document {
            true => memchr::memchr_iter(b'\n', &self.lines[..before.min(self.lines.len())]).count() as u64,
            false => line,
        };
        LinePosition { file: Arc::clone(&self.place.file), line: self.place.line + line }
    }

    /// The block after the first `lines` lines; `None`: nothing is left. A document is not divided.
    pub fn after(&self, lines: u64) -> Option<LineBlock> {
        let at = match lines {
            0 => 0,
            _ if self.is_document => return None,
            _ => memchr::memchr_iter(b'\n', &self.lines).nth(usize::try_from(lines - 1).ok()?)? + 1,
        };
        let place = LinePosition { file: Arc::clone(&self.place.file), line: self.place.line + lines };
        let is_document = self.is_document;
        (at < self.lines.len()).then(|| LineBlock {
            lines: self.lines[at..].to_vec(),
            is_document,
            place,
            offset: self.offset + at as u64,
        })
    }
}

/// The position of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinePosition {
    /// The file's name; `-` is standard input.
    pub file: Arc<str>,
    /// The number of the line, from 1.
    pub line: u64,
}
