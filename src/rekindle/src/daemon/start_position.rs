//! The decision where a start continues: a pure function of what the checkpoint, the log and the output stream say.
//!
//! The three are found independently and must agree: outputs that a checkpoint counts are in the output stream, and the log
//! is the stream from which they were computed. Where they disagree the start is refused, with what to do about it; a daemon
//! never starts empty by itself. The cases are a table in the tests below.

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
    /// The stream of which the checkpoint is.
    pub(super) checkpoint_log: Option<&'a StreamIdentity>,
    /// No daemon has kept checkpoints in this store before.
    pub(super) is_new_store: bool,
    /// The position to which the pipeline was restored.
    pub(super) restored: EngineStart,
    /// The log; `None`: events come on plain NATS.
    pub(super) log: Option<&'a LogState>,
    /// What the output stream says of itself.
    pub(super) outputs: &'a OutputRecovery,
    /// The settings on which outputs depend.
    pub(super) settings: &'a str,
    pub(super) options: StartOptions,
}

/// Where to continue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StartDecision {
    /// How many outputs are published: the next one has the ordinal after this.
    pub(super) ordinal: u64,
    /// Up to where all outputs are published: only those behind it are.
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
    /// Nothing says what was published after the checkpoint.
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
    /// PublishedOutputs behind the checkpoint were decided with other settings.
    #[error(
        "published outputs that no checkpoint covers were decided with other [engine] settings ({found}; now {expected}), and \
         could not be told from new ones: start once with the former settings and stop with SIGTERM, which writes a checkpoint, \
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

    /// The stream of which checkpoint or outputs are, and the log's, where they differ.
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

    /// The log is read from its beginning; what is known to be published is not published again.
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

    /// The progress record is gone. If nothing was published since the checkpoint, that one has what the record said.
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
mod tests {
    use rekindle_core::checkpoint::CheckpointKind;
    use rekindle_runtime::output::committed_position::PartialGroup;
    use rstest::rstest;

    use super::*;

    /// One situation at a start: by default a checkpoint at sequence 50 with 10 outputs, and a progress record with 12
    /// outputs of messages up to 60, in a log of 100 messages.
    struct Situation {
        checkpoint: Option<ManifestEntry>,
        is_new_store: bool,
        checkpoint_log: Option<StreamIdentity>,
        log: Option<LogState>,
        outputs: OutputRecovery,
        settings: &'static str,
        options: StartOptions,
    }

    fn stream(created_ms: i64) -> StreamIdentity {
        StreamIdentity::of("EVENTS", created_ms)
    }

    fn entry() -> ManifestEntry {
        ManifestEntry {
            number: 7,
            kind: CheckpointKind::Base,
            base: 7,
            previous: 7,
            object: "7".into(),
            bytes: 1,
            crc32c: 0,
            sequence: 50,
            position: 500,
            ordinal: 10,
            output_last: Some(20),
            rules: "r".into(),
            generation: 3,
            users: 1,
            created_ms: 0,
        }
    }

    fn progress() -> ProgressRecord {
        ProgressRecord {
            epoch: 1,
            instance: "i".into(),
            log: Some(stream(1).to_string()),
            settings: Some("now".into()),
            commit: 1,
            ordinal: 12,
            since_ms: None,
            released: false,
            committed: CommittedPosition {
                sequence: 60,
                position: 600,
                generation: 3,
                ..CommittedPosition::before(60)
            },
        }
    }

    fn usual() -> Situation {
        Situation {
            checkpoint: Some(entry()),
            is_new_store: false,
            checkpoint_log: Some(stream(1)),
            log: Some(LogState { identity: stream(1), last: 100 }),
            outputs: OutputRecovery { progress: Some(progress()), stream_last: 24 },
            settings: "now",
            options: StartOptions::default(),
        }
    }

    fn changed(change: impl FnOnce(&mut Situation)) -> Situation {
        let mut situation = usual();
        change(&mut situation);
        situation
    }

    fn from_start(change: impl FnOnce(&mut Situation)) -> Situation {
        changed(|it| {
            (it.checkpoint, it.checkpoint_log, it.options.from_start) = (None, None, true);
            change(it);
        })
    }

    fn decide(it: &Situation) -> Result<StartDecision, StartConflict> {
        let restored = it.checkpoint.as_ref().map_or(EngineStart::default(), |entry| EngineStart {
            sequence: entry.sequence,
            generation: entry.generation,
        });
        let facts = StartFacts {
            checkpoint: it.checkpoint.as_ref(),
            checkpoint_log: it.checkpoint_log.as_ref(),
            is_new_store: it.is_new_store,
            restored,
            log: it.log.as_ref(),
            outputs: &it.outputs,
            settings: it.settings,
            options: it.options,
        };
        facts.decide()
    }

    #[rstest]
    #[case::behind_the_progress_record(usual(), 12, 60, 0)]
    #[case::empty_store_and_empty_output_stream(
        changed(|it| { it.checkpoint = None; it.is_new_store = true; it.outputs = OutputRecovery { progress: None, stream_last: 0 }; }), 0, 0, 0)]
    #[case::no_usable_checkpoint_in_a_store_that_was_used_before(changed(|it| it.checkpoint = None), 12, 60, 0)]
    #[case::no_record_and_nothing_published_since_the_checkpoint(
        changed(|it| it.outputs = OutputRecovery { progress: None, stream_last: 20 }), 10, 50, 0)]
    #[case::no_record_and_repeats_accepted(
        changed(|it| { it.outputs = OutputRecovery { progress: None, stream_last: 24 }; it.options.accept_repeats = true; }), 10, 50, 0)]
    #[case::other_settings_but_the_checkpoint_covers_all_outputs(
        changed(|it| { it.settings = "new"; it.checkpoint.as_mut().expect("one").sequence = 60; }), 12, 60, 0)]
    #[case::other_settings_and_repeats_accepted(
        changed(|it| { it.settings = "new"; it.options.accept_repeats = true; }), 12, 60, 1)]
    #[case::from_start_skips_published_outputs(from_start(|_| ()), 12, 60, 0)]
    #[case::from_start_on_a_shorter_log_publishes_all(
        from_start(|it| it.log = Some(LogState { identity: stream(1), last: 59 })), 12, 0, 1)]
    #[case::from_start_on_another_log_publishes_all(
        from_start(|it| it.log = Some(LogState { identity: stream(2), last: 100 })), 12, 0, 1)]
    #[case::plain_nats(changed(|it| { it.log = None; it.checkpoint_log = None; }), 12, 60, 0)]
    fn a_start_continues(#[case] it: Situation, #[case] ordinal: u64, #[case] sequence: u64, #[case] warnings: usize) {
        let decision = decide(&it).expect("the start is not refused");
        let found = (decision.ordinal, decision.committed.sequence, decision.warnings.len());
        assert_eq!(found, (ordinal, sequence, warnings), "{decision:?}");
    }

    #[rstest]
    #[case::log_created_again(
        changed(|it| it.log = Some(LogState { identity: stream(2), last: 100 })),
        StartConflict::OtherLog { found: stream(1).to_string(), expected: stream(2).to_string() })]
    #[case::outputs_of_another_log_without_checkpoint(
        changed(|it| { it.checkpoint_log = None; it.log = Some(LogState { identity: stream(2), last: 100 }); }),
        StartConflict::OtherLog { found: stream(1).to_string(), expected: stream(2).to_string() })]
    #[case::fewer_outputs_than_the_checkpoint_counts(
        changed(|it| it.outputs.progress.as_mut().expect("one").ordinal = 9),
        StartConflict::OutputsLost { ordinal: 9, number: 7, expected: 10 })]
    #[case::record_gone_and_the_stream_has_grown(
        changed(|it| it.outputs = OutputRecovery { progress: None, stream_last: 24 }),
        StartConflict::ProgressGone { number: 7, expected: 20, stream_last: 24 })]
    #[case::other_settings(
        changed(|it| it.settings = "new"),
        StartConflict::OtherSettings { found: "now".into(), expected: "new".into() })]
    #[case::outputs_and_a_store_that_was_never_used(
        changed(|it| { it.checkpoint = None; it.is_new_store = true; }),
        StartConflict::NoCheckpoints { ordinal: 12, sequence: 60 })]
    fn a_start_is_refused(#[case] it: Situation, #[case] expected: StartConflict) {
        assert_eq!(decide(&it), Err(expected));
    }

    #[test]
    fn from_start_counts_generations_of_rules_from_the_beginning() {
        let decision = decide(&from_start(|it| {
            let change = PartialGroup { changes_rules_to: Some(4), ..PartialGroup::messages_through(60) };
            it.outputs.progress.as_mut().expect("one").committed.open = Some(change);
        }));
        let committed = decision.expect("the start is not refused").committed;
        assert_eq!((committed.generation, committed.open), (0, None));
    }
}
