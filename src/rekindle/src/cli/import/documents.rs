//! JSON files: a document in each line, documents over several lines, arrays.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rekindle_core::decode::RejectionReason;
use rekindle_mapping::rows::RowGroups;
use rekindle_runtime::files::source::{EventFiles, FileItem, LinePosition};
use serde_json::Value;

use super::super::terminal_bar::bar;
use super::format::{ImportFormat, ItemContent, SourceItem, UnreadableItem};
use super::mapping::ImportMapping;
use super::products;
use super::report::ImportReport;
use super::{ImportArgs, TakeItem};
use crate::cli::CliError;

/// The longest document.
const DOCUMENT_BYTES_MAX: usize = 64 << 20;

/// Reads all files.
pub(super) fn each(
    args: &ImportArgs,
    mapping: &ImportMapping,
    report: &mut ImportReport,
    take: &mut TakeItem<'_>,
) -> Result<(), CliError> {
    let files = EventFiles::open(&args.files, DOCUMENT_BYTES_MAX).map_err(|error| CliError::Replay(error.into()))?;
    let (read, bar) = (files.bytes_read(), bar(args.quiet, files.bytes_total()));
    let group = mapping.table().map_or(&[][..], |table| table.group.as_slice());
    let mut documents = Documents { args, mapping, groups: RowGroups::new(group), began: None };
    let failed = |error| CliError::Replay(rekindle_runtime::replay::ReplayError::from(error));
    for item in files {
        let item = match item {
            Ok(item) => item,
            Err(error) => {
                documents.end(report, take)?;
                return Err(failed(error));
            }
        };
        bar.set_position(read.load(Ordering::Relaxed));
        match item {
            FileItem::Block(block) if block.is_document => {
                report.rows += 1;
                documents.add(&block.lines, &block.place, report, take)?;
            }
            FileItem::Block(block) => {
                for (number, line) in (0..).zip(block.lines.split(|byte| *byte == b'\n')) {
                    if !line.trim_ascii().is_empty() {
                        report.rows += 1;
                        documents.add(line, &block.place_of(number, line), report, take)?;
                    }
                }
            }
            FileItem::Oversized { place, bytes, head } => {
                report.rows += 1;
                let limit = DOCUMENT_BYTES_MAX as u64;
                let reason = UnreadableItem::Call(RejectionReason::MessageTooLarge { bytes, limit });
                take(unreadable(&place, reason, &head), report)?;
            }
        }
    }
    documents.end(report, take)?;
    bar.finish_and_clear();
    Ok(())
}

struct Documents<'a> {
    args: &'a ImportArgs,
    mapping: &'a ImportMapping,
    groups: RowGroups<'a>,
    /// Where the events that are held began.
    began: Option<LinePosition>,
}

impl Documents<'_> {
    fn add(
        &mut self,
        text: &[u8],
        place: &LinePosition,
        report: &mut ImportReport,
        take: &mut TakeItem<'_>,
    ) -> Result<(), CliError> {
        let Some(table) = self.mapping.table() else {
            let content = match std::str::from_utf8(text) {
                Ok(text) => ItemContent::Call(text.trim().to_owned()),
                Err(_) => return take(unreadable(place, UnreadableItem::NotUtf8, text), report),
            };
            return take(item(place, content), report);
        };
        let document: Value = match serde_json::from_slice(text) {
            Ok(document) => document,
            Err(error) => {
                let reason = UnreadableItem::Call(RejectionReason::NotJson { detail: error.to_string() });
                return take(unreadable(place, reason, text), report);
            }
        };
        for (body, request) in self.args.format.bodies(document) {
            let is_grouped = !table.group.is_empty();
            let events: Vec<Value> = if is_grouped { table.ungrouped_items(&body) } else { table.items(&body) }
                .into_iter()
                .map(std::borrow::Cow::into_owned)
                .collect();
            let body = (events.len() != 1 || events.first() != Some(&body)).then(|| Arc::new(body));
            let request = match self.args.format {
                ImportFormat::Products => products::request(Path::new(&*place.file)),
                _ => request,
            };
            for event in events {
                if !is_grouped {
                    let body = body.clone();
                    let content = ItemContent::Event { event, body, request: request.clone() };
                    take(item(place, content), report)?;
                    continue;
                }
                if let Some(group) = self.groups.add(event) {
                    let began = self.began.take().unwrap_or_else(|| place.clone());
                    let content = ItemContent::Event { event: group.item, body: None, request: Value::Null };
                    take(item(&began, content), report)?;
                }
                self.began.get_or_insert_with(|| place.clone());
            }
        }
        Ok(())
    }

    fn end(&mut self, report: &mut ImportReport, take: &mut TakeItem<'_>) -> Result<(), CliError> {
        let (Some(group), Some(began)) = (self.groups.end(), self.began.take()) else { return Ok(()) };
        let content = ItemContent::Event { event: group.item, body: None, request: Value::Null };
        take(item(&began, content), report)
    }
}

fn item(place: &LinePosition, content: ItemContent) -> SourceItem {
    SourceItem { file: Arc::clone(&place.file), line: place.line, content }
}

fn unreadable(place: &LinePosition, reason: UnreadableItem, text: &[u8]) -> SourceItem {
    let head = &text[..text.len().min(64 << 10)];
    item(place, ItemContent::Unreadable { reason, original: String::from_utf8_lossy(head).into_owned() })
}
