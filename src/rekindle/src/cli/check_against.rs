//! `rekindle check --against`: what a file of events says of the rules.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use rekindle_core::decode::Decoder;
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::rules::ruleset::Ruleset;
use rekindle_core::rules::survey::PropertySurvey;
use rekindle_runtime::files::source::{EventFiles, FileItem, FileSourceError};
use rekindle_runtime::log::RecordKind;
use rekindle_runtime::pipeline::{InputEntry, MissingNameKind, Pipeline, PipelineOptions, missing_names};
use rekindle_settings::EngineSettings;

/// Goes through the events, and writes what they and the rules don't agree about; true if nothing of it is a mistake.
///
/// # Errors
/// `out` cannot be written to. That the events cannot be read is told there, and counts as a mistake.
pub(super) fn check(rules: &Ruleset, events: &[PathBuf], out: &mut dyn Write) -> io::Result<bool> {
    let mut survey = PropertySurvey::new(rules);
    let plan = Arc::new(ExecutionPlan::new(rules.clone()));
    let mut pipeline =
        match Pipeline::new(plan, PipelineOptions { partitions: 1, workers: 1, ..PipelineOptions::default() }) {
            Ok(pipeline) => pipeline,
            Err(error) => {
                writeln!(out, "could not start the worker threads: {error}")?;
                return Ok(false);
            }
        };
    if let Err(error) = go_through(&mut survey, &mut pipeline, events) {
        writeln!(out, "{error}")?;
        return Ok(false);
    }
    let findings = survey.findings();
    for finding in &findings {
        let kind = if finding.is_mistake { "mistake" } else { "warning" };
        writeln!(out, "{kind}: {}\n  help: {}", finding.text, finding.help)?;
    }
    for missing in missing_names(rules, &pipeline.totals(), &[], "the file") {
        writeln!(out, "warning: {missing}\n  help: {}", help(missing.kind))?;
    }
    Ok(findings.iter().all(|finding| !finding.is_mistake))
}

fn help(kind: MissingNameKind) -> &'static str {
    match kind {
        MissingNameKind::Event => "name it in [events] as the site sends it, to the letter",
        MissingNameKind::Field | MissingNameKind::Trait => "write it as the site sends it, to the letter",
    }
}

/// The survey sees what stands in the events; the pipeline, what the rules make of them.
fn go_through(
    survey: &mut PropertySurvey<'_>,
    pipeline: &mut Pipeline,
    events: &[PathBuf],
) -> Result<(), FileSourceError> {
    let max_event_bytes = EngineSettings::default().max_event_bytes;
    let decoder = Decoder::new(survey.projection(), max_event_bytes);
    for item in EventFiles::open(events, Decoder::max_message_bytes(max_event_bytes))? {
        // What is too long is rejected, whatever the rules are.
        let FileItem::Block(block) = item? else { continue };
        let mut calls = Vec::new();
        block.lines.split(|byte| *byte == b'\n').for_each(|line| decoder.decode(line, &mut calls));
        calls.iter().flatten().for_each(|event| survey.add(event));
        let entry =
            InputEntry { kind: RecordKind::Events, lines: &block.lines, received: None, is_whole: block.is_document };
        pipeline.feed_entries(&[entry], &mut |_| {}, &mut Vec::new());
    }
    Ok(())
}
