//! `rekindle check --against`: checks rules against event files.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use rekindle_core::decode::Decoder;
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::rules::ruleset::Ruleset;
use rekindle_core::survey::EventSurvey;
use rekindle_runtime::files::source::{EventFiles, FileItem, FileSourceError};
use rekindle_runtime::log::RecordKind;
use rekindle_runtime::pipeline::{InputEntry, MissingNameKind, Pipeline, PipelineOptions, missing_names};
use rekindle_settings::EngineSettings;

/// Reads the events, and writes what is there of everything that the rules read, then where events and rules disagree; true if
/// none of that is a mistake.
///
/// # Errors
/// `out` cannot be written to. Events that cannot be read are reported there, and count as a mistake.
pub(super) fn check(rules: &Ruleset, events: &[PathBuf], out: &mut dyn Write) -> io::Result<bool> {
    let mut survey = EventSurvey::new(rules);
    let plan = Arc::new(ExecutionPlan::new(rules.clone()));
    let mut pipeline =
        match Pipeline::new(plan, PipelineOptions { partitions: 1, workers: 1, ..PipelineOptions::default() }) {
            Ok(pipeline) => pipeline,
            Err(error) => {
                writeln!(out, "could not start the worker threads: {error}")?;
                return Ok(false);
            }
        };
    if let Err(error) = read_events(&mut survey, &mut pipeline, events) {
        writeln!(out, "{error}")?;
        return Ok(false);
    }
    let totals = pipeline.totals();
    for line in survey.lines(&totals.counts.by_name) {
        writeln!(out, "{line}")?;
    }
    let findings = survey.findings();
    for finding in &findings {
        let kind = if finding.is_mistake { "mistake" } else { "warning" };
        writeln!(out, "{kind}: {}\n  help: {}", finding.text, finding.help)?;
    }
    let unmatched = missing_names(rules, &totals, &[], "the file");
    for missing in unmatched.into_iter().filter(|missing| missing.kind == MissingNameKind::Event) {
        writeln!(out, "warning: {missing}\n  help: name it in [events] exactly as the site sends it")?;
    }
    Ok(findings.iter().all(|finding| !finding.is_mistake))
}

/// Passes the events to the survey, which counts properties, and to the pipeline, which counts matches of the rules.
fn read_events(
    survey: &mut EventSurvey<'_>,
    pipeline: &mut Pipeline,
    events: &[PathBuf],
) -> Result<(), FileSourceError> {
    let max_event_bytes = EngineSettings::default().max_event_bytes;
    let decoder = Decoder::new(survey.projection(), max_event_bytes);
    for item in EventFiles::open(events, Decoder::max_message_bytes(max_event_bytes))? {
        // A line that is too long is rejected under any rules.
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
