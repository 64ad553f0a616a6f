//! Product feeds as XML: RSS 2.0 and Atom with the elements of Google Merchant Center.
//!
//! An item becomes a row as a line of columns does: names without the prefix of Google's, texts without the blanks around them; an element that is
//! there several times is an array, one with elements in it an object. What is wrong with an item is a rejection with its line, and the next one is
//! read. Memory is bounded whatever a file holds. DTDs are skipped: an item that uses an entity of one is rejected, so that none can grow.

use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use quick_xml::Reader;
use quick_xml::events::{BytesDecl, BytesStart, Event as XmlEvent};
use rekindle_runtime::files::source::{FileInput, open_input};
use serde_json::{Map, Value};

use super::error::ImportError;
use super::feed_item::{FeedItem, FeedNames};
use super::format::{UnreadableItem, not_text};
use super::rows::{NumberedRow, ORIGINAL_BYTES_MAX};
use crate::cli::CliError;

/// The longest item, and whatever else stands in one piece.
const ITEM_BYTES_MAX: usize = 4 << 20;
/// How deep elements are nested at most, around items.
const DEPTH_MAX: usize = 16;

/// The items of a feed while it is read.
pub(super) struct FeedItems {
    input: PieceReader,
    path: PathBuf,
    pub(super) file: Arc<str>,
    names: FeedNames,
    /// How many elements are open around the items.
    depth: usize,
    has_root: bool,
}

impl FeedItems {
    /// Opens a file.
    pub(super) fn open(path: &Path, read: &Arc<AtomicU64>) -> Result<FeedItems, CliError> {
        let (mut input, _) = open_input(path, read).map_err(|error| CliError::Replay(error.into()))?;
        let mut first = Vec::new();
        let failed = |source| ImportError::Read { file: path.to_owned(), line: 0, source };
        input.by_ref().take(4096).read_to_end(&mut first).map_err(failed)?;
        if let Some(why) = not_text(path, &first) {
            return Err(ImportError::File { file: path.to_owned(), why: why.to_owned() }.into());
        }
        Ok(FeedItems {
            input: PieceReader::new(Box::new(io::Cursor::new(first).chain(input))),
            path: path.to_owned(),
            file: path.to_string_lossy().into(),
            names: FeedNames::default(),
            depth: 0,
            has_root: false,
        })
    }

    /// The next item: its line, and its elements or why it can't be read.
    pub(super) fn next(&mut self) -> Result<Option<NumberedRow>, CliError> {
        loop {
            self.input.begin_piece();
            let mut text = Vec::new();
            // A reader has no state between two events but the names that are open, which are checked here.
            let event = feed_reader(&mut self.input).read_event_into(&mut text);
            match event {
                Ok(XmlEvent::Start(tag)) if is_item(&tag) && self.has_root => {
                    self.names.add_prefixes(&tag);
                    return self.item(&tag).map(Some);
                }
                Ok(XmlEvent::Empty(tag)) if is_item(&tag) && self.has_root => {
                    return Ok(Some((self.input.line(), Ok(Value::Object(Map::new())))));
                }
                Ok(XmlEvent::Start(tag)) => {
                    self.open_element(&tag)?;
                    self.depth += 1;
                }
                Ok(XmlEvent::Empty(tag)) => self.open_element(&tag)?,
                Ok(XmlEvent::End(_)) => self.depth = self.depth.saturating_sub(1),
                Ok(XmlEvent::Decl(declaration)) => self.check_encoding(&declaration)?,
                Ok(XmlEvent::Eof) if !self.has_root => return Err(self.wrong("it is no XML: it has no element")),
                Ok(XmlEvent::Eof) if self.depth > 0 => {
                    return Err(self.broken_off(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "it ends before its elements are closed: it was cut off",
                    )));
                }
                Ok(XmlEvent::Eof) => return Ok(None),
                Ok(_) => {}
                Err(_) if self.input.is_exceeded => {
                    let why = format!("a piece that is no item has more than {ITEM_BYTES_MAX} bytes");
                    return Err(self.broken_off(io::Error::new(io::ErrorKind::InvalidData, why)));
                }
                Err(quick_xml::Error::Io(error)) => return Err(self.broken_off(same_error(&error))),
                Err(error) => {
                    let error = io::Error::new(io::ErrorKind::InvalidData, format!("it is not sound XML: {error}"));
                    return Err(self.broken_off(error));
                }
            }
        }
    }

    fn open_element(&mut self, tag: &BytesStart<'_>) -> Result<(), CliError> {
        if !self.has_root && !matches!(tag.local_name().as_ref(), b"rss" | b"feed" | b"RDF" | b"channel") {
            let name = String::from_utf8_lossy(tag.local_name().as_ref()).into_owned();
            return Err(self.wrong(&format!(
                "it begins with <{name}>: a product feed is RSS (<rss>) or Atom (<feed>), with its products in <item> or <entry>"
            )));
        }
        self.has_root = true;
        if self.depth >= DEPTH_MAX {
            return Err(self.wrong(&format!("elements are nested in more than {DEPTH_MAX} others")));
        }
        self.names.add_prefixes(tag);
        Ok(())
    }

    fn check_encoding(&self, declaration: &BytesDecl<'_>) -> Result<(), CliError> {
        let Some(Ok(encoding)) = declaration.encoding() else { return Ok(()) };
        let encoding = String::from_utf8_lossy(&encoding).into_owned();
        match encoding.to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" | "us-ascii" | "ascii" => Ok(()),
            _ => Err(self.wrong(&format!("it is in {encoding}: convert it (iconv -f {encoding} -t utf-8)"))),
        }
    }

    /// Reads an item to its end tag, whatever is in it.
    fn item(&mut self, tag: &BytesStart<'_>) -> Result<NumberedRow, CliError> {
        let (line, name) = (self.input.line(), tag.name().as_ref().to_vec());
        let mut item = FeedItem::new(&name, &self.names);
        let mut reader = feed_reader(&mut self.input);
        let mut text = Vec::new();
        let ended = loop {
            text.clear();
            match reader.read_event_into(&mut text) {
                Ok(XmlEvent::Eof) => break Err(None),
                Ok(event) => {
                    if item.take(&event) {
                        break Ok(());
                    }
                }
                Err(error) => break Err(Some(error)),
            }
        };
        let read = match ended {
            Ok(()) => item.into_row(),
            Err(Some(quick_xml::Error::Io(error))) if !self.input.is_exceeded => {
                return Err(self.broken_off(same_error(&error)));
            }
            Err(error) => {
                let reason = match error {
                    _ if self.input.is_exceeded => UnreadableItem::ItemTooLong { limit: ITEM_BYTES_MAX },
                    Some(error) => UnreadableItem::NotXml { detail: error.to_string() },
                    None => UnreadableItem::NotXml { detail: "it has no end".to_owned() },
                };
                match self.input.skip_past_end_of(&name) {
                    Ok(true) => Err(reason),
                    Ok(false) => {
                        let why = "it ends inside of an item: it was cut off";
                        return Err(self.broken_off(io::Error::new(io::ErrorKind::UnexpectedEof, why)));
                    }
                    Err(error) => return Err(self.broken_off(error)),
                }
            }
        };
        Ok((line, read.map_err(|reason| (reason, self.input.original()))))
    }

    fn wrong(&self, why: &str) -> CliError {
        let why = format!("line {}: {why}", self.input.line());
        ImportError::File { file: self.path.clone(), why }.into()
    }

    fn broken_off(&self, source: io::Error) -> CliError {
        ImportError::Read { file: self.path.clone(), line: self.input.line() - 1, source }.into()
    }
}

fn same_error(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), error.to_string())
}

fn is_item(tag: &BytesStart<'_>) -> bool {
    matches!(tag.name().as_ref(), b"item" | b"entry") || {
        let name = tag.name();
        name.prefix().is_some_and(|prefix| prefix.as_ref() != b"g")
            && matches!(tag.local_name().as_ref(), b"item" | b"entry")
    }
}

/// Names are compared here, where an item that is wrong is not the end of the file; shops leave `&` as it is.
fn feed_reader(input: &mut PieceReader) -> Reader<&mut PieceReader> {
    let mut reader = Reader::from_reader(input);
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.allow_dangling_amp = true;
    reader
}

/// An input that fails where a piece is longer than it may be, counts lines, and keeps the beginning of the piece.
struct PieceReader {
    input: FileInput,
    /// How much of the piece was read.
    taken: usize,
    head: Vec<u8>,
    newlines: u64,
    is_exceeded: bool,
}

impl PieceReader {
    fn new(input: FileInput) -> PieceReader {
        PieceReader { input, taken: 0, head: Vec::new(), newlines: 0, is_exceeded: false }
    }

    fn begin_piece(&mut self) {
        self.taken = 0;
        self.head.clear();
        self.is_exceeded = false;
    }

    /// The line that is being read, from 1.
    fn line(&self) -> u64 {
        self.newlines + 1
    }

    /// The beginning of what was read last.
    fn original(&self) -> String {
        String::from_utf8_lossy(&self.head).into_owned()
    }

    /// Skips everything to behind an end tag; `false`: there is none.
    fn skip_past_end_of(&mut self, name: &[u8]) -> io::Result<bool> {
        let tag = [b"</", name].concat();
        // The tag's first byte is in no other place of it.
        let mut matched = 0;
        loop {
            self.taken = 0;
            let input = match self.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            if input.is_empty() {
                return Ok(false);
            }
            let end = input.iter().position(|byte| {
                match tag.get(matched) {
                    Some(expected) if expected == byte => matched += 1,
                    None if *byte == b'>' => return true,
                    None if byte.is_ascii_whitespace() => {}
                    _ => matched = usize::from(*byte == b'<'),
                }
                false
            });
            let used = end.map_or(input.len(), |end| end + 1);
            self.consume(used);
            if end.is_some() {
                return Ok(true);
            }
        }
    }
}

impl Read for PieceReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for PieceReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let left = ITEM_BYTES_MAX.saturating_sub(self.taken);
        if left == 0 {
            self.is_exceeded = true;
            return Err(io::Error::other("it is too long"));
        }
        let input = self.input.fill_buf()?;
        Ok(&input[..input.len().min(left)])
    }

    fn consume(&mut self, amount: usize) {
        // What was filled is there without reading.
        let filled = self.input.fill_buf().unwrap_or_default();
        let used = &filled[..amount.min(filled.len())];
        self.newlines += memchr::memchr_iter(b'\n', used).count() as u64;
        let room = ORIGINAL_BYTES_MAX.saturating_sub(self.head.len());
        self.head.extend_from_slice(&used[..used.len().min(room)]);
        self.taken += amount;
        self.input.consume(amount);
    }
}
