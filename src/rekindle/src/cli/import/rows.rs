//! Rows of CSV files, and what is read as rows: with bounded memory, whatever a file holds.

use std::io::{BufRead, Read as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use rekindle_mapping::rows::RowGroups;
use rekindle_runtime::files::source::open_input;
use serde_json::{Map, Value};

use super::super::terminal_bar::bar;
use super::error::ImportError;
use super::feed::FeedItems;
use super::format::{FileSyntax, ImportFormat, ItemContent, SourceItem, UnreadableItem, not_text, unfolded};
use super::mapping::ImportMapping;
use super::products::{self, ProductRows};
use super::report::ImportReport;
use super::{ImportArgs, TakeItem};
use crate::cli::CliError;

/// The longest row.
const ROW_BYTES_MAX: usize = 4 << 20;
/// The most columns.
const COLUMNS_MAX: usize = 10_000;
/// How much of a row that can't be read is kept.
pub(super) const ORIGINAL_BYTES_MAX: usize = 64 << 10;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A character between columns.
pub(super) fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] if !b"\"\r\n".contains(byte) => Ok(*byte),
        b"tab" | b"\\t" => Ok(b'\t'),
        _ => Err("it must be one character, or tab".to_owned()),
    }
}

/// A CSV file while it is read.
pub(super) struct CsvRows {
    input: Box<dyn BufRead + Send>,
    reader: Reader,
    path: std::path::PathBuf,
    pub(super) file: Arc<str>,
    pub(super) columns: Vec<String>,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

/// A row as it was read.
enum RawRow {
    Fields { line: u64, count: usize },
    TooLong { line: u64 },
}

/// A row with its line, or why it cannot be read, with its text.
pub(super) type NumberedRow = (u64, Result<Value, (UnreadableItem, String)>);

impl CsvRows {
    /// Opens a file and reads its header.
    pub(super) fn open(path: &Path, args: &ImportArgs, read: &Arc<AtomicU64>) -> Result<CsvRows, CliError> {
        let (mut input, _) = open_input(path, read).map_err(|error| CliError::Replay(error.into()))?;
        let wrong = |why: &str| ImportError::File { file: path.to_owned(), why: why.to_owned() };
        let failed = |source| ImportError::Read { file: path.to_owned(), line: 0, source };
        let mut first = Vec::new();
        input.by_ref().take(4096).read_to_end(&mut first).map_err(failed)?;
        if let Some(why) = not_text(path, &first) {
            return Err(wrong(why).into());
        }
        let first_text = first.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&first).to_vec();
        let delimiter = args.delimiter.unwrap_or_else(|| likely_delimiter(&first_text));
        let input = Box::new(std::io::Cursor::new(first_text).chain(input));
        let mut rows = CsvRows {
            input,
            reader: ReaderBuilder::new().delimiter(delimiter).build(),
            path: path.to_owned(),
            file: path.to_string_lossy().into(),
            columns: args.columns.clone(),
            bytes: vec![0; 64 << 10],
            ends: vec![0; 256],
        };
        if rows.columns.is_empty() {
            let Some(RawRow::Fields { count, .. }) = rows.read()? else {
                return Err(wrong("it has no header: name the columns with --columns").into());
            };
            let header = rows.texts(count).ok_or_else(|| wrong("its header is not UTF-8"))?;
            rows.columns = header.iter().map(|name| name.trim().to_owned()).collect();
        }
        for (at, column) in rows.columns.iter().enumerate() {
            if !column.is_empty() && rows.columns[..at].contains(column) {
                let why = format!("the column `{column}` is there twice: name all columns with --columns");
                return Err(wrong(&why).into());
            }
        }
        Ok(rows)
    }

    /// The next row: its line, and its columns or why it can't be read. A header that comes again is no row.
    pub(super) fn next(&mut self, nulls: &[String]) -> Result<Option<NumberedRow>, CliError> {
        loop {
            let (line, count) = match self.read()? {
                None => return Ok(None),
                Some(RawRow::TooLong { line }) => {
                    let reason = UnreadableItem::TooLong { limit: ROW_BYTES_MAX };
                    return Ok(Some((line, Err((reason, self.original())))));
                }
                Some(RawRow::Fields { line, count }) => (line, count),
            };
            let Some(texts) = self.texts(count) else {
                return Ok(Some((line, Err((UnreadableItem::NotUtf8, self.original())))));
            };
            if texts.iter().map(|text| text.trim()).eq(self.columns.iter().map(String::as_str)) {
                continue;
            }
            if count != self.columns.len() {
                let reason = UnreadableItem::Ragged { found: count, expected: self.columns.len() };
                return Ok(Some((line, Err((reason, texts.join(","))))));
            }
            let named = self.columns.iter().zip(&texts);
            let there = named
                .filter(|(name, text)| !name.is_empty() && !text.is_empty() && !nulls.iter().any(|null| null == *text));
            let row = there.map(|(name, text)| (name.clone(), Value::String((*text).to_owned())));
            return Ok(Some((line, Ok(Value::Object(row.collect::<Map<_, _>>())))));
        }
    }

    fn texts(&self, count: usize) -> Option<Vec<&str>> {
        let mut start = 0;
        let fields = self.ends[..count].iter().map(|end| {
            let field = &self.bytes[start..*end];
            start = *end;
            std::str::from_utf8(field).ok()
        });
        fields.collect()
    }

    /// The beginning of what was read last.
    fn original(&self) -> String {
        let length = self.ends.iter().copied().max().unwrap_or_default();
        let length = if length == 0 { 1_024 } else { length }.min(ORIGINAL_BYTES_MAX).min(self.bytes.len());
        String::from_utf8_lossy(&self.bytes[..length]).trim_end_matches('\0').to_owned()
    }

    fn read(&mut self) -> Result<Option<RawRow>, CliError> {
        let (mut written, mut ended, mut is_too_long, mut line) = (0, 0, false, None);
        self.ends.fill(0);
        loop {
            let before = self.reader.line();
            let input = loop {
                match self.input.fill_buf() {
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(source) => {
                        let (file, line) = (self.path.clone(), before.saturating_sub(1));
                        return Err(ImportError::Read { file, line, source }.into());
                    }
                    Ok(input) => break input,
                }
            };
            // Empty lines before the row do not count to it.
            let blank = if written == 0 && ended == 0 && line.is_none() {
                input.iter().take_while(|byte| b"\r\n".contains(byte)).filter(|byte| **byte == b'\n').count() as u64
            } else {
                0
            };
            if !input.is_empty() {
                line.get_or_insert(before + blank);
            }
            let (result, taken, wrote, ends) =
                self.reader.read_record(input, &mut self.bytes[written..], &mut self.ends[ended..]);
            self.input.consume(taken);
            (written, ended) = (written + wrote, ended + ends);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if self.bytes.len() < ROW_BYTES_MAX => {
                    self.bytes.resize(self.bytes.len() * 2, 0);
                }
                ReadRecordResult::OutputEndsFull if self.ends.len() < COLUMNS_MAX => {
                    self.ends.resize(self.ends.len() * 2, 0);
                }
                // The rest is read over what was read.
                ReadRecordResult::OutputFull => {
                    is_too_long = true;
                    written = ORIGINAL_BYTES_MAX;
                }
                ReadRecordResult::OutputEndsFull => {
                    is_too_long = true;
                    ended = 0;
                }
                ReadRecordResult::Record => {
                    let line = line.unwrap_or(before);
                    return Ok(Some(match is_too_long {
                        true => RawRow::TooLong { line },
                        false => RawRow::Fields { line, count: ended },
                    }));
                }
                ReadRecordResult::End => return Ok(None),
            }
        }
    }
}

/// The character that is most often in the first line, outside of quotation marks.
fn likely_delimiter(text: &[u8]) -> u8 {
    let (mut is_quoted, mut counts) = (false, [0_u32; 4]);
    const CANDIDATES: [u8; 4] = [b',', b';', b'\t', b'|'];
    for byte in text.iter().take_while(|byte| **byte != b'\n') {
        is_quoted ^= *byte == b'"';
        if let Some(at) = CANDIDATES.iter().position(|candidate| candidate == byte).filter(|_| !is_quoted) {
            counts[at] += 1;
        }
    }
    let most = counts.iter().copied().max().unwrap_or_default();
    CANDIDATES[counts.iter().position(|count| *count == most).unwrap_or_default()]
}

/// What has rows.
enum RowSource {
    Columns(Box<CsvRows>),
    Items(FeedItems),
}

impl RowSource {
    fn open(
        path: &Path,
        args: &ImportArgs,
        mapping: &ImportMapping,
        read: &Arc<AtomicU64>,
    ) -> Result<RowSource, CliError> {
        if mapping.syntax() == FileSyntax::Xml {
            return Ok(RowSource::Items(FeedItems::open(path, read)?));
        }
        let rows = CsvRows::open(path, args, read)?;
        if args.format == ImportFormat::Products {
            mapping.check_columns(path, &rows.columns)?;
        }
        Ok(RowSource::Columns(Box::new(rows)))
    }

    fn next(&mut self, nulls: &[String]) -> Result<Option<NumberedRow>, CliError> {
        match self {
            RowSource::Columns(rows) => rows.next(nulls),
            RowSource::Items(items) => items.next(),
        }
    }

    fn file(&self) -> &Arc<str> {
        match self {
            RowSource::Columns(rows) => &rows.file,
            RowSource::Items(items) => &items.file,
        }
    }

    fn products(&self) -> ProductRows {
        match self {
            RowSource::Columns(rows) => ProductRows::of(&rows.columns),
            RowSource::Items(_) => ProductRows::Google,
        }
    }
}

/// Reads all files, one row after the other.
pub(super) fn each(
    args: &ImportArgs,
    mapping: &ImportMapping,
    report: &mut ImportReport,
    take: &mut TakeItem<'_>,
) -> Result<(), CliError> {
    let read = Arc::new(AtomicU64::new(0));
    let sizes =
        args.files.iter().map(|path| path.metadata().ok().filter(|about| about.is_file()).map(|about| about.len()));
    let bar = bar(args.quiet, sizes.sum());
    for path in &args.files {
        let mut rows = RowSource::open(path, args, mapping, &read)?;
        let mut groups = RowGroups::new(mapping.table().map_or(&[], |table| table.group.as_slice()));
        let (file, mut first_line) = (Arc::clone(rows.file()), None);
        let is_products = args.format == ImportFormat::Products;
        let (request, mut products) = match is_products {
            true => (products::request(path), rows.products()),
            false => (Value::Null, ProductRows::Other),
        };
        let event = |line, event| {
            let content = ItemContent::Event { event, body: None, request: request.clone() };
            SourceItem { file: Arc::clone(&file), line, content }
        };
        loop {
            let next = match rows.next(&args.nulls) {
                Ok(Some(next)) => next,
                Ok(None) => break,
                Err(error) => {
                    if let Some(group) = groups.end() {
                        take(event(first_line.unwrap_or(1), group.item), report)?;
                    }
                    return Err(error);
                }
            };
            bar.set_position(read.load(Ordering::Relaxed));
            report.rows += 1;
            match next {
                (line, Ok(row)) => {
                    let row = if is_products { products.row(row, &request) } else { Some(row) };
                    let Some(row) = row else { continue };
                    let ended = groups.add(unfolded(args.format, row));
                    let is_alone = mapping.table().is_none_or(|table| table.group.is_empty());
                    let began = if is_alone { Some(line) } else { first_line };
                    if let Some(group) = ended {
                        take(event(began.unwrap_or(line), group.item), report)?;
                        first_line = None;
                    }
                    first_line.get_or_insert(line);
                }
                (line, Err((reason, original))) => {
                    let content = ItemContent::Unreadable { reason, original };
                    take(SourceItem { file: Arc::clone(&file), line, content }, report)?;
                }
            }
        }
        if let Some(group) = groups.end() {
            take(event(first_line.unwrap_or(1), group.item), report)?;
        }
    }
    bar.finish_and_clear();
    Ok(())
}
