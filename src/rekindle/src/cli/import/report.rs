//! What an import read and wrote: the summary.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;

use rekindle_core::time::{Span, Timestamp};
use serde_json::Value;

use super::calls::{CallOutcome, MadeCalls};
use super::format::SourceItem;
use crate::cli::CliError;
use crate::cli::summary::{counted, grouped};
use crate::cli::terminal;

/// How much of a text is shown.
const SHOWN_CHARACTERS: usize = 160;
/// The most fields that are listed.
const FIELDS_MAX: usize = 20;

/// What was counted.
#[derive(Debug)]
pub(super) struct ImportReport {
    /// Rows, or documents.
    pub(super) rows: u64,
    pub(super) events: u64,
    by_call: BTreeMap<&'static str, u64>,
    nothing: u64,
    rejected: BTreeMap<&'static str, FirstOfMany>,
    left_out: BTreeMap<String, FirstOfMany>,
    earliest: Option<Timestamp>,
    latest: Option<Timestamp>,
    max_disorder: Span,
    /// Events further behind than that, and how far the furthest is.
    disordered: u64,
    furthest: Span,
    zone: Option<String>,
}

/// How many there are, and the first of them.
#[derive(Debug, Default)]
struct FirstOfMany {
    count: u64,
    place: String,
    example: String,
}

impl FirstOfMany {
    fn add(&mut self, item: &SourceItem, example: &str) {
        if self.count == 0 {
            self.place = format!("{}:{}", item.file, item.line);
            example.clone_into(&mut self.example);
        }
        self.count += 1;
    }
}

impl ImportReport {
    pub(super) fn new(max_disorder: Span, zone: Option<String>) -> ImportReport {
        ImportReport {
            rows: 0,
            events: 0,
            by_call: BTreeMap::new(),
            nothing: 0,
            rejected: BTreeMap::new(),
            left_out: BTreeMap::new(),
            earliest: None,
            latest: None,
            max_disorder,
            disordered: 0,
            furthest: Span(0),
            zone,
        }
    }

    /// Counts what became of an item.
    pub(super) fn count(&mut self, item: &SourceItem, made: &MadeCalls) {
        match &made.outcome {
            CallOutcome::Made(call) => {
                for (kind, time) in &call.calls {
                    self.events += 1;
                    *self.by_call.entry(kind.name()).or_default() += 1;
                    self.note_time(*time);
                }
            }
            CallOutcome::Nothing => self.nothing += 1,
            CallOutcome::Rejected { code, detail, .. } => self.rejected.entry(code).or_default().add(item, detail),
        }
        for (field, found) in &made.left_out {
            if self.left_out.len() < FIELDS_MAX || self.left_out.contains_key(field) {
                self.left_out.entry(field.clone()).or_default().add(item, found);
            }
        }
    }

    fn note_time(&mut self, time: Timestamp) {
        self.earliest = Some(self.earliest.map_or(time, |earliest| earliest.min(time)));
        let latest = self.latest.map_or(time, |latest| latest.max(time));
        self.latest = Some(latest);
        if latest - time > self.max_disorder {
            self.disordered += 1;
            self.furthest = self.furthest.max(latest - time);
        }
    }

    /// Whether there was something, and nothing was taken.
    pub(super) fn is_all_rejected(&self) -> bool {
        self.events == 0 && !self.rejected.is_empty()
    }
}

impl fmt::Display for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "read         {}\nevents       {}", counted(self.rows, "row"), grouped(self.events))?;
        let calls: Vec<_> = self.by_call.iter().map(|(name, count)| format!("{} {name}", grouped(*count))).collect();
        writeln!(f, "{}{}", if calls.is_empty() { "" } else { ": " }, calls.join(", "))?;
        if let (Some(earliest), Some(latest)) = (self.earliest, self.latest) {
            write!(f, "time         {earliest} to {latest}")?;
            match &self.zone {
                Some(zone) => writeln!(f, "; times without a zone are {zone} (--time-zone)")?,
                None => writeln!(f)?,
            }
        }
        if self.nothing > 0 {
            writeln!(f, "no call      {}, as the mapping says", grouped(self.nothing))?;
        }
        for (code, first) in &self.rejected {
            let (count, detail) = (grouped(first.count), shown(&first.example));
            writeln!(f, "rejected     {count} {code}, the first at {}: {detail}", terminal::field(&first.place))?;
        }
        for (field, first) in &self.left_out {
            let (count, example) = (grouped(first.count), shown(&first.example));
            let place = terminal::field(&first.place);
            writeln!(f, "left out     {count} values of {}, the first at {place}: `{example}` is none", shown(field))?;
        }
        if self.disordered > 0 {
            writeln!(
                f,
                "order        {} more than {} (max_disorder) behind one before, up to {}: they will be late; sort by time first",
                counted(self.disordered, "event"),
                self.max_disorder,
                self.furthest,
            )?;
        }
        Ok(())
    }
}

/// Shows an item and what it becomes.
pub(super) fn show(item: &SourceItem, made: &MadeCalls) -> Result<(), CliError> {
    let place = format!("{}:{}", item.file, item.line);
    let mut text = match &made.outcome {
        CallOutcome::Made(call) => {
            let pretty = serde_json::from_str::<Value>(&call.json).map(|call| format!("{call:#}"));
            format!("{place}\n{}\n", pretty.unwrap_or_else(|_| call.json.clone()))
        }
        CallOutcome::Nothing => format!("{place}\nno call, as the mapping says\n"),
        CallOutcome::Rejected { code, detail, original } => {
            format!("{place}\nrejected, {code}: {detail}\n{}\n", shown(original))
        }
    };
    for (field, found) in &made.left_out {
        text.push_str(&format!("left out: `{found}` is no `{field}`\n"));
    }
    Ok(writeln!(std::io::stdout(), "{}", terminal::lines(&text))?)
}

fn shown(text: &str) -> String {
    let cut: String = text.chars().take(SHOWN_CHARACTERS).collect();
    let more = if cut.len() < text.len() { " …" } else { "" };
    format!("{}{more}", terminal::field(&cut))
}
