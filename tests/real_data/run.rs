//! Runs `rekindle replay` over a real data set and reads back what it wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// One `replay`: its arguments, and the folder its outputs go to.
pub(crate) struct Replay<'a> {
    /// The rules file.
    pub(crate) rules: &'a Path,
    /// The events.
    pub(crate) events: &'a Path,
    /// `--until`.
    pub(crate) until: &'a str,
    /// Further arguments.
    pub(crate) more: &'a [&'a str],
}

/// What `--summary` writes, as far as it is checked here.
#[derive(Deserialize)]
pub(crate) struct Summary {
    pub(crate) events: u64,
    pub(crate) events_by_name: BTreeMap<String, u64>,
    pub(crate) calls: BTreeMap<String, u64>,
    pub(crate) rejected_by_reason: BTreeMap<String, u64>,
    pub(crate) late: u64,
    pub(crate) duplicates: u64,
    pub(crate) users: u64,
    pub(crate) segments: BTreeMap<String, SegmentFigures>,
    pub(crate) campaigns: BTreeMap<String, BTreeMap<String, u64>>,
}

/// What the summary says of one segment.
#[derive(Debug, Default, PartialEq, Deserialize)]
pub(crate) struct SegmentFigures {
    pub(crate) enter: u64,
    pub(crate) exit: u64,
    pub(crate) users: u64,
}

/// What a replay wrote.
pub(crate) struct Outputs {
    folder: tempfile::TempDir,
    /// The summary.
    pub(crate) summary: Summary,
}

/// The transitions of one segment.
#[derive(Default)]
pub(crate) struct Transitions {
    /// How many were entries.
    pub(crate) enter: u64,
    /// How many were exits.
    pub(crate) exit: u64,
    /// Who is in at the end.
    pub(crate) members: BTreeSet<String>,
}

#[derive(Deserialize)]
struct JournalLine {
    kind: String,
    user: String,
    segment: Option<String>,
    change: Option<String>,
}

impl Transitions {
    /// What the summary should say of them.
    pub(crate) fn figures(&self) -> SegmentFigures {
        SegmentFigures { enter: self.enter, exit: self.exit, users: self.members.len() as u64 }
    }
}

/// A CloudEvent, as far as it is checked here.
#[derive(Deserialize)]
pub(crate) struct Action {
    pub(crate) subject: String,
    pub(crate) data: ActionData,
}

#[derive(Deserialize)]
pub(crate) struct ActionData {
    pub(crate) campaign: String,
    #[serde(default)]
    pub(crate) payload: BTreeMap<String, serde_json::Value>,
}

impl Replay<'_> {
    /// Runs it in a folder of its own; a failure shows what the command said.
    pub(crate) fn run(&self) -> Outputs {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let output = Command::new(env!("CARGO_BIN_EXE_rekindle"))
            .arg("replay")
            .arg("--rules")
            .arg(self.rules)
            .args(["--until", self.until])
            .arg("--output")
            .arg(folder.path().join("journal.jsonl"))
            .arg("--actions")
            .arg(folder.path().join("actions.jsonl"))
            .arg("--summary")
            .arg(folder.path().join("summary.json"))
            .args(self.more)
            .arg(self.events)
            .output()
            .expect("the binary starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "replay of {} failed:\n{said}", self.events.display());
        let text = std::fs::read_to_string(folder.path().join("summary.json")).expect("replay writes the summary");
        let summary =
            serde_json::from_str(&text).unwrap_or_else(|e| panic!("the summary has another shape: {e}\n{text}"));
        Outputs { folder, summary }
    }
}

impl Outputs {
    /// The journal's text.
    pub(crate) fn journal(&self) -> String {
        std::fs::read_to_string(self.path("journal.jsonl")).expect("replay writes the journal")
    }

    /// Follows every transition of the journal to its end.
    pub(crate) fn transitions(&self) -> BTreeMap<String, Transitions> {
        let mut segments: BTreeMap<String, Transitions> = BTreeMap::new();
        for_each_line(&self.path("journal.jsonl"), |line: JournalLine| {
            if line.kind != "transition" {
                return;
            }
            let segment = segments.entry(line.segment.expect("a transition names its segment")).or_default();
            let changed = if line.change.as_deref() == Some("enter") {
                segment.enter += 1;
                segment.members.insert(line.user)
            } else {
                segment.exit += 1;
                segment.members.remove(&line.user)
            };
            assert!(changed, "nobody enters a segment twice, nor leaves one from outside");
        });
        segments
    }

    /// Every action that went out, in order.
    pub(crate) fn for_each_action(&self, each: impl FnMut(Action)) {
        for_each_line(&self.path("actions.jsonl"), each);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn for_each_line<T: DeserializeOwned>(path: &Path, mut each: impl FnMut(T)) {
    let file = File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    for line in BufReader::new(file).lines() {
        let line = line.expect("the file can be read");
        each(serde_json::from_str(&line).unwrap_or_else(|e| panic!("{}: {e}: {line}", path.display())));
    }
}
