//! What is written down at a commit, beside the state of the pipeline: how far the events were read, how long the
//! results are, and what waits between the two. One JSON object, with a checksum over its text.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::input_position::InputPosition;
use super::writer::WaitingOutput;
use crate::pipeline::{PipelineOptions, PipelineTotals};
use rekindle_core::rules::ruleset::Ruleset;
use rekindle_core::time::Timestamp;

/// The version of the form that is written, and the only one read.
const FORMAT: u32 = 2;

/// What a replay is a function of, but for the events themselves; and what it is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ReplayArguments {
    /// The version of the program.
    program: String,
    /// The version of the rules.
    rules: String,
    until_ms: i64,
    max_disorder_ms: i64,
    state_ttl_ms: Option<i64>,
    max_event_bytes: u64,
    placeholder_ids: String,
    /// The events files, as they were named: dead letters name them so.
    events: Vec<String>,
    actions: bool,
    rejects: bool,
}

impl ReplayArguments {
    /// Under these rules, with these options, of files of these names.
    pub(super) fn new(
        rules: &Ruleset,
        options: &PipelineOptions,
        until: Timestamp,
        events: Vec<String>,
        (actions, rejects): (bool, bool),
    ) -> ReplayArguments {
        ReplayArguments {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            rules: rules.version.clone(),
            until_ms: until.0,
            max_disorder_ms: options.max_disorder.0,
            state_ttl_ms: options.state_ttl.map(|ttl| ttl.0),
            max_event_bytes: options.max_event_bytes as u64,
            placeholder_ids: options.placeholder_ids.to_string(),
            events,
            actions,
            rejects,
        }
    }

    /// In what another differs, for people.
    pub(super) fn differences(&self, other: &ReplayArguments) -> Vec<String> {
        [
            ("rules", self.rules != other.rules),
            ("--until", self.until_ms != other.until_ms),
            ("--max-disorder", self.max_disorder_ms != other.max_disorder_ms),
            ("--state-ttl", self.state_ttl_ms != other.state_ttl_ms),
            ("--max-event-bytes", self.max_event_bytes != other.max_event_bytes),
            ("--placeholder-ids", self.placeholder_ids != other.placeholder_ids),
            ("events files", self.events != other.events),
            ("results (--actions)", self.actions != other.actions),
            ("results (--dead-letters)", self.rejects != other.rejects),
            ("version of the program", self.program != other.program),
        ]
        .into_iter()
        .filter(|(_, differs)| *differs)
        .map(|(what, _)| what.to_owned())
        .collect()
    }
}

/// How long the results are, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ResultLengths {
    pub(super) journal: u64,
    pub(super) actions: Option<u64>,
    pub(super) rejects: Option<u64>,
}

impl ResultLengths {
    /// What results are called.
    pub(super) const NAMES: [&str; 3] = ["journal", "actions", "rejects"];

    /// Each result that is asked for, with its length.
    pub(super) fn by_name(self) -> impl Iterator<Item = (&'static str, u64)> {
        let lengths = [Some(self.journal), self.actions, self.rejects];
        ResultLengths::NAMES.into_iter().zip(lengths).filter_map(|(name, bytes)| Some((name, bytes?)))
    }
}

/// A pipeline's state, in a file beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StateFile {
    pub(super) bytes: u64,
    pub(super) crc32c: u32,
}

/// How far a replay got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ReplayCommit {
    pub(super) asked: ReplayArguments,
    pub(super) read: InputPosition,
    pub(super) lengths: ResultLengths,
    pub(super) waiting: Vec<WaitingOutput>,
    pub(super) totals: PipelineTotals,
    /// How long it took so far, in milliseconds.
    pub(super) took_ms: u64,
    /// `None`: nothing was read yet, or nothing is left to be.
    pub(super) state: Option<StateFile>,
    /// The results are whole.
    pub(super) is_finished: bool,
}

#[derive(Serialize, Deserialize)]
struct CommitEnvelope<'r> {
    format: u32,
    crc32c: u32,
    #[serde(borrow)]
    record: &'r RawValue,
}

/// What is known of any version's record.
#[derive(Deserialize)]
struct CommitVersion {
    format: u32,
}

impl ReplayCommit {
    /// Before anything was read.
    pub(super) fn of_nothing(asked: ReplayArguments) -> ReplayCommit {
        ReplayCommit {
            asked,
            read: InputPosition::default(),
            lengths: ResultLengths::default(),
            waiting: Vec::new(),
            totals: PipelineTotals::default(),
            took_ms: 0,
            state: None,
            is_finished: false,
        }
    }

    /// As bytes.
    pub(super) fn encode(&self) -> Vec<u8> {
        const PLAIN: &str = "numbers and texts can be written as JSON";
        let record = serde_json::value::to_raw_value(self).expect(PLAIN);
        let crc32c = crc32c::crc32c(record.get().as_bytes());
        serde_json::to_vec(&CommitEnvelope { format: FORMAT, crc32c, record: &record }).expect(PLAIN)
    }

    /// Reads a record back.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn decode(bytes: &[u8]) -> Result<ReplayCommit, String> {
        let damaged = |error: serde_json::Error| format!("it is damaged: {error}");
        let version: CommitVersion = serde_json::from_slice(bytes).map_err(damaged)?;
        if version.format != FORMAT {
            return Err(format!("it has version {}, and this program reads version {FORMAT}", version.format));
        }
        let envelope: CommitEnvelope<'_> = serde_json::from_slice(bytes).map_err(damaged)?;
        if crc32c::crc32c(envelope.record.get().as_bytes()) != envelope.crc32c {
            return Err("it is damaged: its checksum does not agree with its contents".to_owned());
        }
        serde_json::from_str(envelope.record.get()).map_err(damaged)
    }
}
