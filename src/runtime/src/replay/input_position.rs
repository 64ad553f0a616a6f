//! How far the events have been read, and that they are the same ones when they are read again.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::files::source::{FileItem, LineBlock};

/// A place in the events, by what was read up to there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct InputPosition {
    /// Lines of all files together.
    pub(super) lines: u64,
    /// What they hold: xxh3 (128 bit) over the names of the files and the unpacked lines; of a line too long to be read
    /// whole, over its beginning and its length.
    digest: String,
}

/// Reads on from a place, or from the beginning.
pub(super) struct ResumedInput {
    lines: u64,
    digest: Xxh3,
    file: Option<Arc<str>>,
    /// Up to here everything was worked on before.
    skip: Option<InputPosition>,
}

/// What was read again is not what was read before.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InputMismatch;

impl ResumedInput {
    /// Goes on behind `from`, once the events before it have been read again.
    pub(super) fn after(from: InputPosition) -> ResumedInput {
        ResumedInput { lines: 0, digest: Xxh3::new(), file: None, skip: Some(from).filter(|from| from.lines > 0) }
    }

    /// Whether it is still on the way to where it goes on.
    pub(super) fn is_skipping(&self) -> bool {
        self.skip.is_some()
    }

    /// How far it has come.
    pub(super) fn up_to(&self) -> InputPosition {
        InputPosition { lines: self.lines, digest: format!("{:032x}", self.digest.digest128()) }
    }

    /// Takes note of what comes next; what of it is new.
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
            if self.skip.take() != Some(self.up_to()) {
                return Err(InputMismatch);
            }
            new.iter().for_each(|item| self.add(item));
        }
        Ok(new)
    }

    fn add(&mut self, item: &FileItem) {
        let (FileItem::Block(LineBlock { place, .. }) | FileItem::Oversized { place, .. }) = item;
        if self.file.as_ref().is_none_or(|file| !Arc::ptr_eq(file, &place.file)) {
            // Where a file begins is part of what was read: dead letters name the file and the line.
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
                let block = LineBlock { lines: lines.as_bytes().to_vec(), is_document: false, place };
                line += block.line_count();
                items.push(FileItem::Block(block));
            }
        }
        items
    }

    fn read(items: Vec<FileItem>) -> InputPosition {
        let mut reading = ResumedInput::after(InputPosition::default());
        assert!(items.into_iter().all(|item| reading.take(item).is_ok_and(|new| new.is_some())));
        reading.up_to()
    }

    /// The lines behind a place, each with where it stands.
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
    fn goes_on_behind_what_was_read_however_it_is_cut_into_blocks() {
        let from = read(items(&[&["a\nb\n", "c"], &["d\n"]]));
        assert_eq!(from.lines, 4);
        let whole: [&[&str]; 2] = [&["a\nb\nc"], &["d\ne\nf\n", "g"]];
        assert_eq!(read_on(&from, items(&whole)), Ok(vec![("e\nf\n".to_owned(), 2), ("g".to_owned(), 4)]));
        let small: [&[&str]; 2] = [&["a\n", "b\n", "c"], &["d\n", "e\n"]];
        assert_eq!(read_on(&from, items(&small)), Ok(vec![("e\n".to_owned(), 2)]));
        assert_eq!(read(items(&[&["a\n", "b\nc"], &["d\n"]])), from);
    }

    #[test]
    fn other_events_are_told_from_those_that_were_read() {
        let from = read(items(&[&["a\nb\n"], &["c\n"]]));
        let others: [&[&[&str]]; 4] =
            [&[&["a\nx\n"], &["c\nd\n"]], &[&["a\n"], &["b\nc\n"]], &[&["a\nb\nc\n"]], &[&["a\nb\n"], &["cd\n"]]];
        for other in others {
            assert_eq!(read_on(&from, items(other)), Err(InputMismatch), "{other:?}");
        }
        let mut reading = ResumedInput::after(from);
        items(&[&["a\nb\n"]]).into_iter().for_each(|item| assert!(reading.take(item).is_ok_and(|new| new.is_none())));
        assert!(reading.is_skipping(), "what is missing has not come");
    }
}
