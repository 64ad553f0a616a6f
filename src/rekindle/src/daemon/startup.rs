//! Where a daemon begins: what it remembers, by the checkpoints, and what is out already, by the stream of outputs.
//!
//! Looking takes nothing from anybody: the checkpoints are read first, and [claimed](Beginning::claim) only when all else is
//! ready, for whoever wrote them until then ends with that.
//!
//! The two are found apart, and must agree: outputs that a checkpoint counts are in the stream, and the log has what they
//! were computed from. Where they do not, a start is refused, with what to do; nothing begins empty by itself.

use std::collections::VecDeque;
use std::sync::Arc;

use tracing::{error, info, warn};

use super::{DaemonError, StartOptions};
use rekindle_core::checkpoint::StreamIdentity;
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::rules;
use rekindle_core::time::Timestamp;
use rekindle_nats::sink::Known;
use rekindle_runtime::health::Health;
use rekindle_runtime::live::{EngineStart, RecoveredRulesChange, Recovery};
use rekindle_runtime::output::committed_position::CommittedPosition;
use rekindle_runtime::pipeline::{Pipeline, PipelineOptions};
use rekindle_runtime::store::{CheckpointStore, LoadedCheckpoint, ManifestEntry, RulesEntry, RulesText, StoreClaim};
use rekindle_settings::SourceKind;

/// What a start knows before it has looked at the broker.
pub(super) struct StartupState {
    /// Where the log is to be read from, and the number of the rules in force there.
    pub(super) start: EngineStart,
    /// Other rules that came into force since.
    pub(super) changes: VecDeque<RecoveredRulesChange>,
    /// What this start of the daemon is called; no other has the name.
    pub(super) instance: String,
    /// Its epoch, at least.
    pub(super) epoch: u64,
    pub(super) source: SourceKind,
    /// The settings that decide what comes of a log.
    pub(super) settings: String,
    pub(super) health: Health,
    pub(super) checkpoints: Option<CheckpointStore>,
    conditions: StartOptions,
    options: PipelineOptions,
    configured: RulesWithText,
    /// No daemon has ever kept checkpoints there.
    is_new_store: bool,
    /// The checkpoint it goes on from, and the stream whose state that is.
    entry: Option<(ManifestEntry, Option<StreamIdentity>)>,
    /// What was kept when it was read.
    kept: StoredEntries,
}

/// Which checkpoints and rules are kept.
type StoredEntries = (Vec<ManifestEntry>, Vec<RulesEntry>);

/// The log as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LogState {
    pub(super) identity: StreamIdentity,
    pub(super) last: u64,
}

/// Rules and their text.
#[derive(Clone)]
pub(super) struct RulesWithText {
    pub(super) plan: Arc<ExecutionPlan>,
    pub(super) text: String,
}

/// Reads the newest checkpoint that can be used: the pipeline as it was, with the rules of then.
pub(super) async fn begin(
    checkpoints: Option<CheckpointStore>,
    options: PipelineOptions,
    source: SourceKind,
    conditions: StartOptions,
    health: Health,
    configured: RulesWithText,
) -> Result<(Pipeline, RulesWithText, StartupState), DaemonError> {
    let mut beginning = StartupState {
        start: EngineStart::default(),
        changes: VecDeque::new(),
        instance: nuid::next().to_string(),
        epoch: 0,
        source,
        settings: options.deciding(),
        health,
        checkpoints,
        conditions,
        options,
        configured,
        is_new_store: false,
        entry: None,
        kept: StoredEntries::default(),
    };
    let (pipeline, rules) = beginning.load().await?;
    Ok((pipeline, rules, beginning))
}

/// Rules that were in force once, from the text kept with the checkpoints.
fn compile(kept: &RulesText) -> Result<Arc<ExecutionPlan>, DaemonError> {
    let compiled = rules::compile(&kept.text).map_err(|problems| DaemonError::KeptRules {
        version: kept.version.clone(),
        why: problems.first().map(|problem| problem.message.clone()).unwrap_or_default(),
    })?;
    Ok(Arc::new(ExecutionPlan::new(compiled)))
}

impl StartupState {
    /// The rules in force once everything known was gone through: those of the file, or those at first.
    pub(super) fn in_use(&self, at_first: RulesWithText) -> RulesWithText {
        let last = self.changes.back().map_or(&at_first.plan, |change| &change.plan);
        if last.rules.version == self.configured.plan.rules.version { self.configured.clone() } else { at_first }
    }

    /// Whether what was read is not the newest any more.
    pub(super) async fn is_outdated(&self) -> Result<bool, DaemonError> {
        Ok(self.reads_checkpoints() && self.kept_now().await? != self.kept)
    }

    /// Whether the checkpoints were claimed by this instance last.
    pub(super) async fn last_claimed_by(&self, instance: &str) -> Result<bool, DaemonError> {
        let Some(checkpoints) = &self.checkpoints else { return Ok(false) };
        Ok(checkpoints.manifest().await?.is_some_and(|manifest| manifest.instance == instance))
    }

    fn reads_checkpoints(&self) -> bool {
        self.checkpoints.is_some() && !self.conditions.from_start
    }

    async fn kept_now(&self) -> Result<StoredEntries, DaemonError> {
        let Some(checkpoints) = &self.checkpoints else { return Ok(StoredEntries::default()) };
        let manifest = checkpoints.manifest().await?;
        Ok(manifest.map(|manifest| (manifest.checkpoints, manifest.rules)).unwrap_or_default())
    }

    /// Takes the checkpoints over: whoever wrote them ends. What to begin with instead, where they are not any more what was
    /// read.
    pub(super) async fn claim(&mut self) -> Result<Option<(Pipeline, RulesWithText)>, DaemonError> {
        let Some(checkpoints) = self.checkpoints.clone() else { return Ok(None) };
        let (instance, from_start) = (self.instance.clone(), self.conditions.from_start);
        self.epoch = checkpoints.claim(StoreClaim { epoch_at_least: 1, instance, stream: None, from_start }).await?;
        let anew = if self.is_outdated().await? { Some(self.load().await?) } else { None };
        if self.kept_now().await?.1.is_empty() {
            checkpoints.note_rules(0, &self.configured.plan.rules.version, &self.configured.text).await?;
        }
        Ok(anew)
    }

    /// Reads the newest checkpoint that can be used.
    pub(super) async fn load(&mut self) -> Result<(Pipeline, RulesWithText), DaemonError> {
        (self.start, self.changes, self.entry) = (EngineStart::default(), VecDeque::new(), None);
        let Some(checkpoints) = self.checkpoints.clone().filter(|_| self.reads_checkpoints()) else {
            return Ok((
                Pipeline::new(Arc::clone(&self.configured.plan), self.options.clone())?,
                self.configured.clone(),
            ));
        };
        if self.epoch == 0 {
            self.is_new_store = checkpoints.manifest().await?.is_none();
        }
        let LoadedCheckpoint { state, rules, passed_over } = loop {
            self.kept = self.kept_now().await?;
            let loaded = checkpoints.load().await;
            let is_whole = loaded.as_ref().is_ok_and(|loaded| loaded.passed_over.is_empty());
            // Whoever writes them removes old ones: one that was missing may have been replaced.
            if is_whole || !self.is_outdated().await? {
                break loaded?;
            }
        };
        for damaged in &passed_over {
            error!("{damaged}; it is passed over, and more of the log is read again");
        }
        let mut rules: VecDeque<RulesText> = rules.into();
        let (pipeline, in_force) = match state {
            Some(state) => {
                let entry = state.entry;
                let written = Timestamp(entry.created_ms);
                info!(number = entry.number, sequence = entry.sequence, %written, "going on from a checkpoint");
                self.start = EngineStart { sequence: entry.sequence, generation: entry.generation };
                let pipeline = Pipeline::restore(Arc::clone(&state.plan), self.options.clone(), state.restored)?;
                self.entry = Some((entry, checkpoints.manifest().await?.and_then(|manifest| manifest.stream)));
                (pipeline, RulesWithText { plan: state.plan, text: state.text })
            }
            None => {
                let first = match rules.pop_front() {
                    Some(first) => RulesWithText { plan: compile(&first)?, text: first.text },
                    None => self.configured.clone(),
                };
                (Pipeline::new(Arc::clone(&first.plan), self.options.clone())?, first)
            }
        };
        for change in rules {
            // The numbers of plain subjects begin anew at each start; what changed before it holds from its beginning.
            let sequence = if self.source == SourceKind::JetStream { change.sequence } else { 0 };
            let (generation, plan) = (change.number, compile(&change)?);
            self.changes.push_back(RecoveredRulesChange { sequence, generation, plan });
        }
        if self.source == SourceKind::Nats {
            self.start.sequence = 0;
        }
        Ok((pipeline, in_force))
    }

    /// How many outputs are out, and what they are, by what was found in their stream and in the log's; or why this daemon
    /// must not go on.
    pub(super) fn out(&self, known: &Known, log: Option<&LogState>) -> Result<(u64, CommittedPosition), DaemonError> {
        let before = [
            self.entry.as_ref().and_then(|(_, stream)| stream.as_ref()).map(ToString::to_string),
            known.progress.as_ref().and_then(|progress| progress.log.clone()),
        ];
        let is_other = |found: &String| log.is_some_and(|log| log.identity.to_string() != *found);
        if let (Some(found), Some(log)) = (before.into_iter().flatten().find(is_other), log) {
            if !self.conditions.from_start {
                return Err(DaemonError::OtherLog { found, expected: log.identity.to_string() });
            }
            warn!(
                "the log is stream {}, and what was published came of {found}: all that comes of it goes out",
                log.identity
            );
            let ordinal = known.progress.as_ref().map_or(0, |progress| progress.ordinal);
            return Ok((ordinal, CommittedPosition::before(0)));
        }
        let Some(progress) = &known.progress else { return self.out_without_progress(known) };
        let mut reached = progress.committed.clone();
        if let Some(found) = progress.settings.as_ref().filter(|found| **found != self.settings)
            && reached.last_needed() > self.start.sequence
        {
            if !self.conditions.accept_repeats {
                return Err(DaemonError::OtherSettings { found: found.clone(), expected: self.settings.clone() });
            }
            warn!(%found, now = self.settings, "what is out was decided with other settings: some may go out twice, or not at all");
        }
        if self.conditions.from_start {
            // The numbers of rules begin anew with the checkpoints.
            reached.generation = self.start.generation;
            reached.open = reached.open.filter(|open| open.changes_rules_to.is_none());
            let needed = reached.last_needed();
            if log.is_none_or(|log| log.last < needed) {
                warn!(
                    needed,
                    "the log is shorter than what was published follows from: it is another one, and what comes of it goes out"
                );
                return Ok((progress.ordinal, CommittedPosition::before(0)));
            }
            return Ok((progress.ordinal, reached));
        }
        match &self.entry {
            Some((entry, _)) if progress.ordinal < entry.ordinal => Err(DaemonError::OutputsLost {
                ordinal: progress.ordinal,
                number: entry.number,
                expected: entry.ordinal,
            }),
            None if self.is_new_store && progress.ordinal > 0 => {
                Err(DaemonError::NoCheckpoints { ordinal: progress.ordinal, sequence: reached.sequence })
            }
            _ => Ok((progress.ordinal, reached)),
        }
    }

    fn out_without_progress(&self, known: &Known) -> Result<(u64, CommittedPosition), DaemonError> {
        let Some((entry, _)) = self.entry.as_ref().filter(|(entry, _)| entry.ordinal > 0) else {
            return Ok((0, CommittedPosition::before(0)));
        };
        // The record is gone; if nothing came after it, the checkpoint knows what it said.
        if entry.output_last != Some(known.stream_last) && !self.conditions.accept_repeats {
            let (number, stream_last) = (entry.number, known.stream_last);
            return Err(DaemonError::ProgressGone { number, expected: entry.output_last.unwrap_or(0), stream_last });
        }
        let reached = CommittedPosition {
            sequence: entry.sequence,
            position: entry.position,
            rules: entry.rules.clone(),
            generation: entry.generation,
            ..CommittedPosition::before(entry.sequence)
        };
        Ok((entry.ordinal, reached))
    }

    /// What is to be gone through before what comes is new.
    pub(super) fn recovery(&self, out: Option<CommittedPosition>) -> Recovery {
        let changes = self.changes.clone();
        let Some(mut out) = out.filter(|_| self.source == SourceKind::JetStream) else {
            return Recovery { changes, ..Recovery::default() };
        };
        // Of a group that the checkpoint has whole, nothing can be missing but what was no message.
        out.open = out.open.filter(|open| open.changes_rules_to.is_some() || open.through > self.start.sequence);
        Recovery { out, changes }
    }
}
