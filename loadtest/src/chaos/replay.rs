//! The expected contents of the output stream: `rekindle replay` of the stream of events.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use rekindle_core::time::Timestamp;
use serde_json::Value;

use super::publisher::LAST_USER;
use crate::error::Error;
use crate::streams::StreamEntry;

/// What was published for each user, in order: subjects and payloads.
pub(super) type OutputsByUser = BTreeMap<String, Vec<(String, String)>>;

/// The result of a replay.
pub(super) struct ExpectedOutputs {
    /// Events accepted, and rejected.
    pub(super) events: u64,
    pub(super) rejected: u64,
    pub(super) outputs: OutputsByUser,
}

/// Replays these messages, without the last user's, up to `until`. The files stay in `folder`.
pub(super) fn replay(
    binary: &Path,
    folder: &Path,
    messages: &[StreamEntry],
    until: Timestamp,
) -> Result<ExpectedOutputs, Error> {
    let events = folder.join("events.jsonl");
    let mut text = Vec::new();
    let last_user = LAST_USER.as_bytes();
    for message in messages.iter().filter(|message| !message.payload.is_empty()) {
        if message.payload.windows(last_user.len()).any(|bytes| bytes == last_user) {
            continue;
        }
        text.extend_from_slice(&message.payload);
        text.push(b'\n');
    }
    fs::write(&events, text).map_err(Error::file("write", &events))?;
    let output = Command::new(binary)
        .args(["replay", "--quiet", "--until", &until.to_string(), "--config"])
        .arg(folder.join("rekindle.toml"))
        .arg("--output")
        .arg(folder.join("journal.jsonl"))
        .arg("--actions")
        .arg(folder.join("actions.jsonl"))
        .arg("--summary")
        .arg(folder.join("summary.json"))
        .arg(&events)
        .output()
        .map_err(Error::file("start", binary))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(Error::Command { command: "replay", said });
    }
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read_to_string(&path).map_err(Error::file("read", path))
    };
    let summary: Value = json(&read("summary.json")?)?;
    let rejected = summary["rejected"].as_object().into_iter().flatten().filter_map(|(_, count)| count.as_u64()).sum();
    let outputs = as_published(&read("journal.jsonl")?, &read("actions.jsonl")?)?;
    Ok(ExpectedOutputs { events: summary["events"].as_u64().unwrap_or(0), rejected, outputs })
}

/// What the daemon publishes for a journal and its actions.
fn as_published(journal: &str, actions: &str) -> Result<OutputsByUser, Error> {
    let mut actions = actions.lines();
    let mut outputs = OutputsByUser::new();
    for line in journal.lines() {
        let fields = json(line)?;
        let text = |name: &str| fields[name].as_str().unwrap_or_default();
        let mut put = |subject: String, payload: &str| {
            outputs.entry(whose(&fields, "user")).or_default().push((subject, payload.to_owned()));
        };
        match text("kind") {
            "transition" => put(format!("rekindle.segments.{}.{}", text("segment"), text("change")), line),
            "decision" => {
                put(format!("rekindle.decisions.{}.{}", text("campaign"), text("outcome")), line);
                // The action of a decision follows it.
                if text("outcome") == "sent" {
                    let action = actions.next().ok_or_else(|| Error::Unreadable(format!("no action for {line}")))?;
                    put(format!("rekindle.actions.{}.{}", text("channel"), text("campaign")), action);
                }
            }
            "points" => put(format!("rekindle.points.{}.{}", text("ledger"), text("change")), line),
            "budget" => put(format!("rekindle.budgets.{}.{}", text("budget"), text("change")), line),
            "merged" => put("rekindle.merged".to_owned(), line),
            "outcome" => put(format!("rekindle.outcomes.{}.{}", text("campaign"), text("goal")), line),
            "weights" => put(format!("rekindle.outcomes.{}.weights", text("campaign")), line),
            kind => return Err(Error::Unreadable(format!("a journal with a line of kind {kind}"))),
        }
    }
    Ok(outputs)
}

/// What was published, by user, without the last one, and without what is about nobody.
pub(super) fn per_user<'s>(stored: impl Iterator<Item = &'s StreamEntry>) -> Result<OutputsByUser, Error> {
    let mut outputs = OutputsByUser::new();
    for StreamEntry { subject, payload, .. } in stored {
        if subject == "rekindle.rules" {
            continue;
        }
        let payload = String::from_utf8_lossy(payload).into_owned();
        let fields = json(&payload)?;
        let name = if subject.starts_with("rekindle.actions.") { "subject" } else { "user" };
        outputs.entry(whose(&fields, name)).or_default().push((subject.clone(), payload));
    }
    outputs.remove(LAST_USER);
    Ok(outputs)
}

/// Whose output it is, within which outputs have an order: a user's, that of a group, or of a campaign whose weights changed.
fn whose(fields: &Value, user: &str) -> String {
    let text = |name: &str| fields[name].as_str();
    match (text(user), text("of")) {
        (Some(user), _) => user.to_owned(),
        (None, Some(of)) => format!("{of} {}", text("key").unwrap_or_default()),
        (None, None) => format!("campaign {}", text("campaign").unwrap_or_default()),
    }
}

fn json(text: &str) -> Result<Value, Error> {
    serde_json::from_str(text).map_err(|error| Error::Unreadable(format!("not JSON ({error}): {text}")))
}
