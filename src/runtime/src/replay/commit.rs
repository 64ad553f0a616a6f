//! A commit of a resumable replay: how far the events were read, how long the results are, and which outputs wait between
//! the two. It is one small JSON file with a checksum; the state of the pipeline is in another file, which it refers to.

use serde::{Deserialize, Serialize};

use super::input_position::InputPosition;
use super::writer::WaitingOutput;
use crate::checksummed_json::{self, ChecksummedJsonError};
use crate::pipeline::{PipelineOptions, PipelineTotals};
use rekindle_core::rules::ruleset::Ruleset;
use rekindle_core::secret::SecretFingerprint;
use rekindle_core::time::Timestamp;

/// The version of the file that is written, and the only one that is read.
const FORMAT: u32 = 2;

/// What the results of a replay depend on besides the events, and which results are requested.
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
    /// The fingerprint of the secret.
    #[serde(default)]
    secret: SecretFingerprint,
    /// The events files by the names that were given: dead letters contain them.
    events: Vec<String>,
    actions: bool,
    #[serde(rename = "rejects")]
    dead_letters: bool,
}

/// The results that are requested beside the journal.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestedResults {
    pub(super) actions: bool,
    pub(super) dead_letters: bool,
}

impl ReplayArguments {
    pub(super) fn new(
        rules: &Ruleset,
        options: &PipelineOptions,
        until: Timestamp,
        events: Vec<String>,
        results: RequestedResults,
    ) -> ReplayArguments {
        ReplayArguments {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            rules: rules.version.clone(),
            until_ms: until.0,
            max_disorder_ms: options.max_disorder.0,
            state_ttl_ms: options.state_ttl.map(|ttl| ttl.0),
            max_event_bytes: options.max_event_bytes as u64,
            placeholder_ids: options.placeholder_ids.to_string(),
            secret: options.secret.fingerprint(),
            events,
            actions: results.actions,
            dead_letters: results.dead_letters,
        }
    }

    /// The arguments in which another replay differs, for messages.
    pub(super) fn differences(&self, other: &ReplayArguments) -> Vec<&'static str> {
        [
            ("rules", self.rules != other.rules),
            ("--until", self.until_ms != other.until_ms),
            ("--max-disorder", self.max_disorder_ms != other.max_disorder_ms),
            ("--state-ttl", self.state_ttl_ms != other.state_ttl_ms),
            ("--max-event-bytes", self.max_event_bytes != other.max_event_bytes),
            ("--placeholder-ids", self.placeholder_ids != other.placeholder_ids),
            ("--secret-file", self.secret != other.secret),
            ("events files", self.events != other.events),
            ("results (--actions)", self.actions != other.actions),
            ("results (--dead-letters)", self.dead_letters != other.dead_letters),
            ("version of the program", self.program != other.program),
        ]
        .into_iter()
        .filter_map(|(argument, differs)| differs.then_some(argument))
        .collect()
    }
}

/// The lengths of the results in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ResultLengths {
    pub(super) journal: u64,
    pub(super) actions: Option<u64>,
    #[serde(rename = "rejects")]
    pub(super) dead_letters: Option<u64>,
}

impl ResultLengths {
    /// The names of the results' files: journal, actions, dead letters.
    pub(super) const NAMES: [&str; 3] = ["journal", "actions", "rejects"];

    /// Each requested result with its length.
    pub(super) fn by_name(self) -> impl Iterator<Item = (&'static str, u64)> {
        let lengths = [Some(self.journal), self.actions, self.dead_letters];
        ResultLengths::NAMES.into_iter().zip(lengths).filter_map(|(name, bytes)| Some((name, bytes?)))
    }
}

/// The file with the pipeline's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StateFile {
    pub(super) bytes: u64,
    pub(super) crc32c: u32,
}

/// How far a replay got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ReplayCommit {
    #[serde(rename = "asked")]
    pub(super) arguments: ReplayArguments,
    pub(super) read: InputPosition,
    pub(super) lengths: ResultLengths,
    pub(super) waiting: Vec<WaitingOutput>,
    pub(super) totals: PipelineTotals,
    /// How long the replay has run so far, in milliseconds.
    pub(super) took_ms: u64,
    /// `None`: nothing was read yet, or nothing is left to read.
    pub(super) state: Option<StateFile>,
    /// The results are complete.
    pub(super) is_finished: bool,
}

impl ReplayCommit {
    /// The commit before anything was read.
    pub(super) fn first(arguments: ReplayArguments) -> ReplayCommit {
        ReplayCommit {
            arguments,
            read: InputPosition::default(),
            lengths: ResultLengths::default(),
            waiting: Vec::new(),
            totals: PipelineTotals::default(),
            took_ms: 0,
            state: None,
            is_finished: false,
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        checksummed_json::encode("record", FORMAT, self)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<ReplayCommit, ChecksummedJsonError> {
        checksummed_json::decode(FORMAT, bytes)
    }
}
