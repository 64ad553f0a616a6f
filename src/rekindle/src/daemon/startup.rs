//! Reads the newest usable checkpoint, and claims the checkpoint store.
//!
//! Reading does not affect another daemon: the store is [claimed](StartupState::claim) only when everything else is ready,
//! because that ends the daemon that wrote checkpoints until then.

use std::collections::VecDeque;
use std::sync::Arc;

use tracing::{error, info};

use super::start_position::{LogState, StartConflict, StartDecision, StartFacts};
use super::{DaemonError, StartOptions};
use rekindle_core::checkpoint::StreamIdentity;
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::rules;
use rekindle_core::time::Timestamp;
use rekindle_nats::sink::OutputRecovery;
use rekindle_runtime::health::Health;
use rekindle_runtime::live::{EngineStart, PastPipeline, RecoveredPast, RecoveredRulesChange, Recovery};
use rekindle_runtime::output::committed_position::CommittedPosition;
use rekindle_runtime::pipeline::{Pipeline, PipelineOptions};
use rekindle_runtime::store::{
    CheckpointStore, LoadedCheckpoint, ManifestEntry, PastEntry, RulesEntry, RulesText, StoreClaim,
};
use rekindle_settings::SourceKind;

/// What a start is given, before anything is read.
pub(super) struct StartInputs {
    pub(super) checkpoints: Option<CheckpointStore>,
    pub(super) pipeline: PipelineOptions,
    pub(super) source: SourceKind,
    pub(super) options: StartOptions,
    pub(super) health: Health,
    /// The rules of the rules file.
    pub(super) configured: RulesWithText,
}

/// What a start knows before it has queried the broker.
pub(super) struct StartupState {
    pub(super) inputs: StartInputs,
    /// The position of the log to which the pipeline was restored, and the generation of the rules in force there.
    pub(super) restored: EngineStart,
    /// Rules that came into force after that position.
    changes: VecDeque<RecoveredRulesChange>,
    /// The name of this start of the daemon; no other start has it.
    pub(super) instance: String,
    /// The lowest epoch that this start may use.
    pub(super) epoch: u64,
    /// The settings on which outputs depend.
    pub(super) settings: String,
    /// No daemon has kept checkpoints in this store before.
    is_new_store: bool,
    /// The checkpoint that was restored, and the stream it belongs to.
    checkpoint: Option<(ManifestEntry, Option<StreamIdentity>)>,
    /// The entries of the manifest when the checkpoint was read.
    stored: StoredEntries,
}

/// The checkpoints and rules of a manifest.
type StoredEntries = (Vec<ManifestEntry>, Vec<RulesEntry>);

/// Rules and their text.
#[derive(Clone)]
pub(super) struct RulesWithText {
    pub(super) plan: Arc<ExecutionPlan>,
    pub(super) text: String,
}

/// A pipeline at the restored position, with the rules in force there.
pub(super) struct StartPipeline {
    pub(super) pipeline: Pipeline,
    pub(super) rules: RulesWithText,
}

/// Compiles rules that were in force earlier, from the text in the checkpoint store.
fn compile(stored: &RulesText) -> Result<Arc<ExecutionPlan>, DaemonError> {
    let compiled = rules::compile(&stored.text).map_err(|problems| DaemonError::StoredRules {
        version: stored.version.clone(),
        mistake: problems.into_iter().next(),
    })?;
    Ok(Arc::new(ExecutionPlan::new(compiled)))
}

impl StartupState {
    /// Reads the newest usable checkpoint.
    pub(super) async fn read(inputs: StartInputs) -> Result<(StartPipeline, StartupState), DaemonError> {
        let mut state = StartupState {
            restored: EngineStart::default(),
            changes: VecDeque::new(),
            instance: nuid::next().to_string(),
            epoch: 0,
            settings: inputs.pipeline.output_settings(),
            is_new_store: false,
            checkpoint: None,
            stored: StoredEntries::default(),
            inputs,
        };
        let pipeline = state.load().await?;
        Ok((pipeline, state))
    }

    /// The rules in force after the replay: those of the rules file, or else those in force at the restored position.
    pub(super) fn rules_after_replay(&self, restored: RulesWithText) -> RulesWithText {
        let last = self.changes.back().map_or(&restored.plan, |change| &change.plan);
        let configured = &self.inputs.configured;
        if last.rules.version == configured.plan.rules.version { configured.clone() } else { restored }
    }

    /// Whether another daemon has written to the store since it was read.
    pub(super) async fn is_outdated(&self) -> Result<bool, DaemonError> {
        Ok(self.reads_checkpoints() && self.stored_now().await? != self.stored)
    }

    /// Whether the store was last claimed by this instance.
    pub(super) async fn last_claimed_by(&self, instance: &str) -> Result<bool, DaemonError> {
        let Some(checkpoints) = &self.inputs.checkpoints else { return Ok(false) };
        Ok(checkpoints.manifest().await?.is_some_and(|manifest| manifest.instance == instance))
    }

    fn reads_checkpoints(&self) -> bool {
        self.inputs.checkpoints.is_some() && !self.inputs.options.from_start
    }

    async fn stored_now(&self) -> Result<StoredEntries, DaemonError> {
        let Some(checkpoints) = &self.inputs.checkpoints else { return Ok(StoredEntries::default()) };
        let manifest = checkpoints.manifest().await?;
        Ok(manifest.map(|manifest| (manifest.checkpoints, manifest.rules)).unwrap_or_default())
    }

    /// Claims the store, which ends the daemon that wrote to it. A pipeline to start with instead, if what was read is
    /// outdated.
    pub(super) async fn claim(&mut self) -> Result<Option<StartPipeline>, DaemonError> {
        let Some(checkpoints) = self.inputs.checkpoints.clone() else { return Ok(None) };
        let (instance, from_start) = (self.instance.clone(), self.inputs.options.from_start);
        self.epoch = checkpoints.claim(StoreClaim { epoch_at_least: 1, instance, stream: None, from_start }).await?;
        let newer = if self.is_outdated().await? { Some(self.load().await?) } else { None };
        if self.stored_now().await?.1.is_empty() {
            let RulesWithText { plan, text } = &self.inputs.configured;
            checkpoints.record_rules(0, &plan.rules.version, text).await?;
        }
        Ok(newer)
    }

    /// Makes sure that no other start has claimed the store since.
    pub(super) async fn confirm_claim(&self) -> Result<(), DaemonError> {
        match &self.inputs.checkpoints {
            Some(checkpoints) => Ok(checkpoints.confirm().await?),
            None => Ok(()),
        }
    }

    /// Restores the newest usable checkpoint.
    pub(super) async fn load(&mut self) -> Result<StartPipeline, DaemonError> {
        (self.restored, self.changes, self.checkpoint) = (EngineStart::default(), VecDeque::new(), None);
        let Some(checkpoints) = self.inputs.checkpoints.clone().filter(|_| self.reads_checkpoints()) else {
            return self.empty(self.inputs.configured.clone());
        };
        if self.epoch == 0 {
            self.is_new_store = checkpoints.manifest().await?.is_none();
        }
        let LoadedCheckpoint { state, rules, skipped } = loop {
            self.stored = self.stored_now().await?;
            let loaded = checkpoints.load().await;
            let is_complete = loaded.as_ref().is_ok_and(|loaded| loaded.skipped.is_empty());
            // The daemon that writes checkpoints removes old ones: one that is missing may have been replaced.
            if is_complete || !self.is_outdated().await? {
                break loaded?;
            }
        };
        for damaged in &skipped {
            error!("{damaged}; skipping it: an older checkpoint is used, and more of the log is replayed");
        }
        let mut rules: VecDeque<RulesText> = rules.into();
        let start = match state {
            Some(state) => {
                let entry = state.entry;
                let written = Timestamp(entry.created_ms);
                info!(number = entry.number, sequence = entry.sequence, %written, "restoring a checkpoint");
                self.restored = EngineStart { sequence: entry.sequence, generation: entry.generation };
                let options = self.inputs.pipeline.clone();
                let pipeline = Pipeline::restore(Arc::clone(&state.plan), options, state.restored)?;
                self.checkpoint = Some((entry, checkpoints.manifest().await?.and_then(|manifest| manifest.stream)));
                StartPipeline { pipeline, rules: RulesWithText { plan: state.plan, text: state.text } }
            }
            None => self.empty(match rules.pop_front() {
                Some(first) => RulesWithText { plan: compile(&first)?, text: first.text },
                None => self.inputs.configured.clone(),
            })?,
        };
        for change in rules {
            // Plain NATS has no sequence that outlives a start: a former rules change applies from its beginning.
            let sequence = if self.inputs.source == SourceKind::JetStream { change.sequence } else { 0 };
            let (generation, plan) = (change.number, compile(&change)?);
            let past = match change.past {
                Some(entry) => Some(self.load_past(&checkpoints, entry, Arc::clone(&plan)).await?),
                None => None,
            };
            self.changes.push_back(RecoveredRulesChange { sequence, generation, plan, past });
        }
        if self.inputs.source == SourceKind::Nats {
            self.restored.sequence = 0;
        }
        Ok(start)
    }

    /// What rules had made of the log's past before they took effect.
    async fn load_past(
        &self,
        checkpoints: &CheckpointStore,
        entry: PastEntry,
        plan: Arc<ExecutionPlan>,
    ) -> Result<RecoveredPast, DaemonError> {
        let sequence = entry.sequence;
        let restored = checkpoints.load_past(entry, Arc::clone(&plan)).await?;
        let options = PipelineOptions { workers: 1, ..self.inputs.pipeline.clone() };
        let mut pipeline = Pipeline::restore(plan, options, restored)?;
        pipeline.decide_nothing();
        Ok(RecoveredPast::new(PastPipeline { pipeline, sequence }))
    }

    fn empty(&self, rules: RulesWithText) -> Result<StartPipeline, DaemonError> {
        let pipeline = Pipeline::new(Arc::clone(&rules.plan), self.inputs.pipeline.clone())?;
        Ok(StartPipeline { pipeline, rules })
    }

    /// Decides where to continue, given the states of the output stream and the log.
    pub(super) fn decide(
        &self,
        outputs: &OutputRecovery,
        log: Option<&LogState>,
    ) -> Result<StartDecision, StartConflict> {
        let facts = StartFacts {
            checkpoint: self.checkpoint.as_ref().map(|(entry, _)| entry),
            checkpoint_log: self.checkpoint.as_ref().and_then(|(_, stream)| stream.as_ref()),
            is_new_store: self.is_new_store,
            restored: self.restored,
            log,
            outputs,
            settings: &self.settings,
            options: self.inputs.options,
        };
        facts.decide()
    }

    /// What has to be replayed before outputs are published. `committed` is the committed position; `None`: outputs are not
    /// stored in a stream.
    pub(super) fn recovery(&self, committed: Option<CommittedPosition>) -> Recovery {
        let changes = self.changes.clone();
        let Some(mut committed) = committed.filter(|_| self.inputs.source == SourceKind::JetStream) else {
            return Recovery { changes, ..Recovery::default() };
        };
        // Of a group of messages that the checkpoint covers completely, every output is published.
        committed.open =
            committed.open.filter(|open| open.changes_rules_to.is_some() || open.through > self.restored.sequence);
        Recovery { committed, changes }
    }
}
