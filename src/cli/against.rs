//! `rekindle check --against`: what a file of events says of the rules.

use std::io::{self, Write};
use std::path::PathBuf;

use crate::config::Engine;
use crate::decode::Decoder;
use crate::insight::survey::Survey;
use crate::rules::program::Ruleset;
use crate::source::file::{Files, Item, SourceError};

/// Goes through the events, and writes what they and the rules don't agree about; true if nothing of it is a mistake.
///
/// # Errors
/// `out` cannot be written to. That the events cannot be read is told there, and counts as a mistake.
pub(super) fn check(rules: &Ruleset, events: &[PathBuf], out: &mut dyn Write) -> io::Result<bool> {
    let mut survey = Survey::new(rules);
    if let Err(error) = go_through(&mut survey, events) {
        writeln!(out, "{error}")?;
        return Ok(false);
    }
    let findings = survey.findings();
    for finding in &findings {
        let kind = if finding.is_mistake { "mistake" } else { "warning" };
        writeln!(out, "{kind}: {}\n  help: {}", finding.text, finding.help)?;
    }
    Ok(findings.iter().all(|finding| !finding.is_mistake))
}

fn go_through(survey: &mut Survey<'_>, events: &[PathBuf]) -> Result<(), SourceError> {
    let max_event_bytes = Engine::default().max_event_bytes;
    let decoder = Decoder::new(survey.projection(), max_event_bytes);
    for item in Files::open(events, Decoder::max_message_bytes(max_event_bytes))? {
        // What is too long is rejected, whatever the rules are.
        let Item::Block(block) = item? else { continue };
        let mut calls = Vec::new();
        block.lines.split(|byte| *byte == b'\n').for_each(|line| decoder.decode(line, &mut calls));
        calls.iter().flatten().for_each(|event| survey.take(event));
    }
    Ok(())
}
