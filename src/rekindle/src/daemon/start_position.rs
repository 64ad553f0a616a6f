//! The decision where a start continues: a pure function of the states of the checkpoint, the log and the output stream.
//!
//! The three are found independently and must agree: outputs that a checkpoint counts are in the output stream, and the log
//! is the stream from which they were computed. Where they disagree the start is refused, with what to do about it; a daemon
//! never starts empty by itself. The cases are a table in its tests.

use thiserror::Error;

use super::StartOptions;
use rekindle_core::checkpoint::StreamIdentity;
use rekindle_nats::sink::OutputRecovery;
use rekindle_runtime::live::EngineStart;
use rekindle_runtime::output::committed_position::{CommittedPosition, ProgressRecord};
use rekindle_runtime::store::ManifestEntry;

/// The log's stream, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LogState {
    pub(super) identity: StreamIdentity,
    /// The sequence of its last message.
    pub(super) last: u64,
}

/// Everything on which the decision depends.
#[derive(Clone, Copy, Debug)]
pub(super) struct StartFacts<'a> {
    /// The checkpoint that was restored; `None`: there is none, or `--from-start` ignores it.
    pub(super) checkpoint: Option<&'a ManifestEntry>,
    /// The stream that the checkpoint belongs to.
    pub(super) checkpoint_log: Option<&'a StreamIdentity>,
    /// No daemon has kept checkpoints in this store before.
    pub(super) is_new_store: bool,
    /// The position to which the pipeline was restored.
    pub(super) restored: EngineStart,
    /// The log; `None`: events come on plain NATS.
    pub(super) log: Option<&'a LogState>,
    /// The state of the output stream.
    pub(super) outputs: &'a OutputRecovery,
    /// The settings on which outputs depend.
    pub(super) settings: &'a str,
    pub(super) options: StartOptions,
}

/// Where to continue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StartDecision {
    /// The ordinal of the last published output.
    pub(super) ordinal: u64,
    /// The position up to which all outputs are published.
    pub(super) committed: CommittedPosition,
    /// What the operator should know.
    pub(super) warnings: Vec<StartWarning>,
}

/// A start that was asked to accept a disagreement.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(super) enum StartWarning {
    #[error(
        "the log is stream {log}, but the published outputs come from {found}: all outputs of this log will be published"
    )]
    OtherLog { found: String, log: String },
    #[error(
        "published outputs that no checkpoint covers were decided with other [engine] settings ({found}; now {expected}): \
         some outputs may be published twice, or not at all"
    )]
    OtherSettings { found: String, expected: String },
    #[error(
        "the published outputs come from messages up to sequence {needed}, and the log is shorter: it is a different log, and \
         all its outputs will be published"
    )]
    ShorterLog { needed: u64 },
}

/// Why a start is refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum StartConflict {
    /// The log is not the stream from which the published outputs were computed.
    #[error(
        "the log is stream {expected}, but the published outputs come from {found}, whose sequence numbers mean something \
         else; restore that stream, or start over with --from-start"
    )]
    OtherLog {
        /// The stream that it was.
        found: String,
        /// The stream that it is.
        expected: String,
    },
    /// The broker has lost outputs that a checkpoint counts.
    #[error(
        "the output stream holds {ordinal} outputs, and {expected} were published when checkpoint {number} was written: the \
         broker has lost some; start over with --from-start, which computes and publishes the lost outputs"
    )]
    OutputsLost {
        /// How many outputs the stream holds.
        ordinal: u64,
        /// The checkpoint.
        number: u64,
        /// How many were published when it was written.
        expected: u64,
    },
    /// It is unknown what was published after the checkpoint.
    #[error(
        "the output stream has no progress record any more (purged, expired, or written by an older version of Rekindle) and \
         ends with message {stream_last}; when checkpoint {number} was written it ended with message {expected}. Whether \
         outputs were published since is unknown: continue with --accept-repeats, and some may be published twice (with the \
         same ids)"
    )]
    ProgressGone {
        /// The checkpoint.
        number: u64,
        /// The stream's last message when it was written.
        expected: u64,
        /// The stream's last message now.
        stream_last: u64,
    },
    /// Published outputs behind the checkpoint were decided with other settings.
    #[error(
        "published outputs that no checkpoint covers were decided with other [engine] settings ({found}; now {expected}), and \
         could not be distinguished from new ones: start once with the former settings and stop with SIGTERM, which writes a checkpoint, \
         then change them; or continue with --accept-repeats, and some outputs may be published twice, or not at all"
    )]
    OtherSettings {
        /// The settings then.
        found: String,
        /// The settings now.
        expected: String,
    },
    /// The outputs were published by a daemon whose checkpoints are elsewhere.
    #[error(
        "the output stream holds {ordinal} outputs, of messages up to {sequence}, and there are no checkpoints of them in \
         [checkpoint] store: put them there, or read the log from its beginning with --from-start (published outputs are not \
         published again)"
    )]
    NoCheckpoints {
        /// How many outputs.
        ordinal: u64,
        /// The last message whose outputs are all published.
        sequence: u64,
    },
}

impl StartFacts<'_> {
    /// Decides where to continue.
    ///
    /// # Errors
    /// Checkpoint, log and output stream disagree, and the operator has not accepted that.
    pub(super) fn decide(&self) -> Result<StartDecision, StartConflict> {
        match (self.other_log(), &self.outputs.progress) {
            (Some((found, log)), _) if !self.options.from_start => {
                Err(StartConflict::OtherLog { found, expected: log })
            }
            (Some((found, log)), progress) => {
                let ordinal = progress.as_ref().map_or(0, |progress| progress.ordinal);
                Ok(StartDecision::of_whole_log(ordinal, vec![StartWarning::OtherLog { found, log }]))
            }
            (None, None) => self.without_progress_record(),
            (None, Some(progress)) => self.with_progress_record(progress),
        }
    }

    /// The stream that the checkpoint or the outputs belong to, and the log's, if they differ.
    fn other_log(&self) -> Option<(String, String)> {
        let log = self.log?.identity.to_string();
        let of_checkpoint = self.checkpoint_log.map(ToString::to_string);
        let of_outputs = self.outputs.progress.as_ref().and_then(|progress| progress.log.clone());
        let found = [of_checkpoint, of_outputs].into_iter().flatten().find(|found| *found != log)?;
        Some((found, log))
    }

    fn with_progress_record(&self, progress: &ProgressRecord) -> Result<StartDecision, StartConflict> {
        let (ordinal, committed) = (progress.ordinal, progress.committed.clone());
        let mut warnings = Vec::new();
        if let Some(found) = progress.settings.as_ref().filter(|found| **found != self.settings)
            && committed.last_needed() > self.restored.sequence
        {
            let (found, expected) = (found.clone(), self.settings.to_owned());
            if !self.options.accept_repeats {
                return Err(StartConflict::OtherSettings { found, expected });
            }
            warnings.push(StartWarning::OtherSettings { found, expected });
        }
        if self.options.from_start {
            return Ok(self.read_from_start(ordinal, committed, warnings));
        }
        match self.checkpoint {
            Some(entry) if ordinal < entry.ordinal => {
                Err(StartConflict::OutputsLost { ordinal, number: entry.number, expected: entry.ordinal })
            }
            None if self.is_new_store && ordinal > 0 => {
                Err(StartConflict::NoCheckpoints { ordinal, sequence: committed.sequence })
            }
            _ => Ok(StartDecision { ordinal, committed, warnings }),
        }
    }

    /// The log is read from its beginning; outputs that are known to be published are not published again.
    fn read_from_start(
        &self,
        ordinal: u64,
        mut committed: CommittedPosition,
        mut warnings: Vec<StartWarning>,
    ) -> StartDecision {
        // The generations of rules are counted from the beginning, as the checkpoints are.
        committed.generation = self.restored.generation;
        committed.open = committed.open.filter(|open| open.changes_rules_to.is_none());
        let needed = committed.last_needed();
        if self.log.is_none_or(|log| log.last < needed) {
            warnings.push(StartWarning::ShorterLog { needed });
            return StartDecision::of_whole_log(ordinal, warnings);
        }
        StartDecision { ordinal, committed, warnings }
    }

    /// The progress record is missing. If nothing was published since the checkpoint, the checkpoint has the same information.
    fn without_progress_record(&self) -> Result<StartDecision, StartConflict> {
        let Some(entry) = self.checkpoint.filter(|entry| entry.ordinal > 0) else {
            return Ok(StartDecision::of_whole_log(0, Vec::new()));
        };
        if entry.output_last != Some(self.outputs.stream_last) && !self.options.accept_repeats {
            return Err(StartConflict::ProgressGone {
                number: entry.number,
                expected: entry.output_last.unwrap_or(0),
                stream_last: self.outputs.stream_last,
            });
        }
        let committed = CommittedPosition {
            sequence: entry.sequence,
            position: entry.position,
            rules: entry.rules.clone(),
            generation: entry.generation,
            ..CommittedPosition::before(entry.sequence)
        };
        Ok(StartDecision { ordinal: entry.ordinal, committed, warnings: Vec::new() })
    }
}

impl StartDecision {
    /// All outputs of the log are to be published.
    fn of_whole_log(ordinal: u64, warnings: Vec<StartWarning>) -> StartDecision {
        StartDecision { ordinal, committed: CommittedPosition::before(0), warnings }
    }
}

#[cfg(test)]
mod tests;
