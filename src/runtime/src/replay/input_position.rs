//! The position in the events of a replay, and the check that they are the same when they are read again.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::files::source::{FileItem, LineBlock};

/// A position in the events, with a digest of everything before it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct InputPosition {
    /// The number of lines of all files together.
    pub(super) lines: u64,
    /// xxh3 (128 bit) over the names of the files and the uncompressed lines; of a line that is too long to be read completely,
    /// over its beginning and its length.
    digest: String,
}

/// Reads the events again, and skips those before a position.
pub(super) struct ResumedInput {
    lines: u64,
    digest: Xxh3,
    file: Option<Arc<str>>,
    /// Everything before it was processed by an earlier run.
    skip: Option<InputPosition>,
}

/// The events are not those that were read before.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InputMismatch;

impl ResumedInput {
    /// Continues after `from`, once the events before it have been read again.
    pub(super) fn after(from: InputPosition) -> ResumedInput {
        ResumedInput { lines: 0, digest: Xxh3::new(), file: None, skip: Some(from).filter(|from| from.lines > 0) }
    }

    /// Whether the position from which it continues is not reached yet.
    pub(super) fn is_skipping(&self) -> bool {
        self.skip.is_some()
    }

    /// The position of what was read so far.
    pub(super) fn position(&self) -> InputPosition {
        InputPosition { lines: self.lines, digest: format!("{:032x}", self.digest.digest128()) }
    }

    /// Reads the next item; returns the part of it that is new.
    pub(super) fn take(&mut self, item: FileItem) -> Result<Option<FileItem>, InputMismatch> {
        let Some(left) = self.skip.as_ref().map(|from| from.lines - self.lines) else {
            self.add(&item);
            return Ok(Some(item));
        };
        let new = match &item {
            FileItem::Block(block) => block.after(left).map(FileItem::Block),
            FileItem::Oversized { .. } => None,
        };
        match (item, &new) {
            (FileItem::Block(mut block), Some(FileItem::Block(after))) => {
                block.lines.truncate(block.lines.len() - after.lines.len());
                self.add(&FileItem::Block(block));
            }
            (item, _) => self.add(&item),
        }
        if self.skip.as_ref().is_some_and(|from| from.lines <= self.lines) {
            if self.skip.take() != Some(self.position()) {
                return Err(InputMismatch);
            }
            new.iter().for_each(|item| self.add(item));
        }
        Ok(new)
    }

    fn add(&mut self, item: &FileItem) {
        let (FileItem::Block(LineBlock { place, .. }) | FileItem::Oversized { place, .. }) = item;
        if self.file.as_ref().is_none_or(|file| !Arc::ptr_eq(file, &place.file)) {
            // The beginning of a file is part of the digest: dead letters contain file and line.
            self.digest.update(&self.lines.to_le_bytes());
            self.digest.update(place.file.as_bytes());
            self.file = Some(Arc::clone(&place.file));
        }
        match item {
            FileItem::Block(block) => {
                self.digest.update(&block.lines);
                self.lines += block.line_count();
            }
            FileItem::Oversized { bytes, head, .. } => {
                self.digest.update(&bytes.to_le_bytes());
                self.digest.update(head);
                self.lines += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::source::LinePosition;

    /// Files as blocks of some lines each.
    fn items(files: &[&[&str]]) -> Vec<FileItem> {
        let mut items = Vec::new();
        for (number, blocks) in files.iter().enumerate() {
            let (file, mut line): (Arc<str>, u64) = (format!("f{number}").into(), 1);
            for lines in *blocks {
                let place = LinePosition { file: Arc::clone(&file), line };
                let block = LineBlock { lines: lines.as_bytes().to_vec(), is_document: false, place, offset: 0 };
                line += block.line_count();
                items.push(FileItem::Block(block));
            }
        }
        items
    }

    fn read(items: Vec<FileItem>) -> InputPosition {
        let mut reading = ResumedInput::after(InputPosition::default());
        assert!(items.into_iter().all(|item| reading.take(item).is_ok_and(|new| new.is_some())));
        reading.position()
    }

    /// The lines after a position, each with its line number.
    fn read_on(from: &InputPosition, items: Vec<FileItem>) -> Result<Vec<(String, u64)>, InputMismatch> {
        let mut reading = ResumedInput::after(from.clone());
        let mut new = Vec::new();
        for item in items {
            if let Some(FileItem::Block(block)) = reading.take(item)? {
                new.push((String::from_utf8_lossy(&block.lines).into_owned(), block.place.line));
            }
        }
        Ok(new)
    }

    #[test]
    fn it_continues_after_what_was_read_whatever_the_blocks() {
        let from = read(items(&[&["a\nb\n", "c"], &["d\n"]]));
        assert_eq!(from.lines, 4);
        let whole: [&[&str]; 2] = [&["a\nb\nc"], &["d\ne\nf\n", "g"]];
        assert_eq!(read_on(&from, items(&whole)), Ok(vec![("e\nf\n".to_owned(), 2), ("g".to_owned(), 4)]));
        let small: [&[&str]; 2] = [&["a\n", "b\n", "c"], &["d\n", "e\n"]];
        assert_eq!(read_on(&from, items(&small)), Ok(vec![("e\n".to_owned(), 2)]));
        assert_eq!(read(items(&[&["a\n", "b\nc"], &["d\n"]])), from);
    }

    #[test]
    fn other_events_than_those_that_were_read_are_detected() {
        let from = read(items(&[&["a\nb\n"], &["c\n"]]));
        let others: [&[&[&str]]; 4] =
            [&[&["a\nx\n"], &["c\nd\n"]], &[&["a\n"], &["b\nc\n"]], &[&["a\nb\nc\n"]], &[&["a\nb\n"], &["cd\n"]]];
        for other in others {
            assert_eq!(read_on(&from, items(other)), Err(InputMismatch), "{other:?}");
        }
        let mut reading = ResumedInput::after(from);
        items(&[&["a\nb\n"]]).into_iter().for_each(|item| assert!(reading.take(item).is_ok_and(|new| new.is_none())));
        assert!(reading.is_skipping(), "the rest is missing");
    }
}
