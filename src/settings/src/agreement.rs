//! What `[source]` and `[output]` must agree on: a daemon that reads its own outputs would never end.

use std::ops::Range;

use super::subject::overlap;
use super::{OutputSettings, Settings, SourceKind};
use rekindle_core::diagnostics::Diagnostics;
use rekindle_core::document::TomlSection;

/// Reports where the two contradict each other, at the setting that was given.
pub(super) fn check(config: &Settings, root: &TomlSection<'_>, problems: &mut Diagnostics<'_>) {
    loops(config, root, problems);
    control(config, root, problems, ("tick_subject", "ticks"), &config.source.tick_subject);
    control(config, root, problems, ("forget_subject", "requests to forget"), &config.source.forget_subject);
    control(config, root, problems, ("audit_subject", "records of changes"), &config.source.audit_subject);
    if config.source.tick_subject == config.source.forget_subject {
        let message = format!("`{}` is the subject of ticks and of requests to forget", config.source.tick_subject);
        let place = place(root, [("source", "forget_subject"), ("source", "tick_subject")]);
        problems.add(&place, message, "give each its own");
    }
    let others = [("tick_subject", &config.source.tick_subject), ("forget_subject", &config.source.forget_subject)];
    for (key, _) in others.into_iter().filter(|(_, other)| **other == config.source.audit_subject) {
        let message = format!("`{}` is the subject of records of changes and `{key}`", config.source.audit_subject);
        let place = place(root, [("source", "audit_subject"), ("source", key)]);
        problems.add(&place, message, "give each its own");
    }
    streams(config, root, problems);
    collected(config, root, problems);
}

/// What is collected must come where events are read from.
fn collected(config: &Settings, root: &TomlSection<'_>, problems: &mut Diagnostics<'_>) {
    if !config.collect.enabled && config.collect.is_closed() {
        return;
    }
    if config.source.kind == SourceKind::Nats {
        let message = "events over HTTP go into a stream, and kind = \"nats\" has none";
        problems.add(&place(root, [("collect", "enabled"), ("source", "kind")]), message, "say kind = \"jetstream\"");
        return;
    }
    let is_read = |subject: &String| config.source.subjects.iter().any(|read| overlap(read, subject));
    if let Some(subject) = config.collect.subjects().find(|subject| !is_read(subject)) {
        let read = config.source.subjects.join("`, `");
        let message = format!("events over HTTP go to `{subject}`, and events are read from `{read}`");
        let help = "give [collect] a subject that [source] subjects take in";
        problems.add(&place(root, [("collect", "subject"), ("source", "subjects")]), message, help);
    }
}

fn loops(config: &Settings, root: &TomlSection<'_>, problems: &mut Diagnostics<'_>) {
    let outputs = format!("{}.>", config.output.prefix);
    for subject in config.source.subjects.iter().filter(|subject| overlap(subject, &outputs)) {
        let message = format!("outputs go to `{outputs}`, and events are read from `{subject}`: an endless loop");
        let help = "give [output] another prefix, or [source] narrower subjects";
        problems.add(&place(root, [("output", "prefix"), ("source", "subjects")]), message, help);
    }
}

/// A subject that means something else than events must be none of theirs, and none of the outputs'.
fn control(
    config: &Settings,
    root: &TomlSection<'_>,
    problems: &mut Diagnostics<'_>,
    (key, what): (&str, &str),
    subject: &String,
) {
    if config.source.subjects.contains(subject) {
        let help = format!("give {what} a subject of their own");
        let place = place(root, [("source", key), ("source", "subjects")]);
        problems.add(&place, format!("`{subject}` is the subject of {what} and of events"), help);
    }
    let prefix = &config.output.prefix;
    let mut outputs =
        OutputSettings::SUBJECTS.into_iter().chain(["dead", "undelivered.>"]).map(|name| format!("{prefix}.{name}"));
    if let Some(output) = outputs.find(|output| overlap(output, subject)) {
        let place = place(root, [("source", key), ("output", "prefix")]);
        let help = format!("outputs go to `{output}`; give {what} another subject, like {prefix}.control");
        problems.add(&place, format!("`{subject}` is the subject of {what} and of outputs"), help);
    }
}

fn streams(config: &Settings, root: &TomlSection<'_>, problems: &mut Diagnostics<'_>) {
    let (source, output) = (&config.source, &config.output);
    if !output.jetstream {
        return;
    }
    if output.stream == output.dead_stream {
        let place = place(root, [("output", "dead_stream"), ("output", "stream")]);
        let message = format!("`{}` is the stream of outputs and of dead letters", output.stream);
        problems.add(&place, message, "give each its own");
    }
    if source.kind != SourceKind::JetStream {
        return;
    }
    for (key, stream) in [("stream", &output.stream), ("dead_stream", &output.dead_stream)] {
        if *stream == source.stream {
            let place = place(root, [("output", key), ("source", "stream")]);
            let message = format!("`{stream}` is the stream of events and of outputs");
            problems.add(&place, message, "give outputs streams of their own");
        }
    }
}

/// Where the first of these keys stands that was given; defaults agree, so one of them was.
fn place(root: &TomlSection<'_>, keys: [(&str, &str); 2]) -> Range<usize> {
    let found = keys.iter().find_map(|(section, key)| root.get(section)?.get_ref().as_table()?.get(*key));
    found.map_or(0..0, toml::Spanned::span)
}
