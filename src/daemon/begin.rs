//! Where a daemon begins: what it remembers, by the checkpoints, and what is out already, by the stream of outputs.
//!
//! The two are found apart, and must agree: outputs that a checkpoint counts are in the stream, and the log has what they
//! were computed from. Where they do not, a start is refused, with what to do; nothing begins empty by itself.

use std::collections::VecDeque;
use std::sync::Arc;

use tracing::{error, info, warn};

use super::{Conditions, DaemonError};
use crate::checkpoint::StreamIdentity;
use crate::config::SourceKind;
use crate::health::Health;
use crate::live::{Change, Recovery, Start};
use crate::partition::Plan;
use crate::pipeline::{Options, Pipeline};
use crate::rules;
use crate::sink::nats::Known;
use crate::sink::progress::Reached;
use crate::store::{Checkpoints, Claim, Entry, Loaded, RulesText};
use crate::time::Timestamp;

/// What a start knows before it has looked at the broker.
#[derive(Clone)]
pub(super) struct Beginning {
    /// Where the log is to be read from, and the number of the rules in force there.
    pub(super) start: Start,
    /// Other rules that came into force since.
    pub(super) changes: VecDeque<Change>,
    /// What this start of the daemon is called; no other has the name.
    pub(super) instance: String,
    /// Its epoch, at least.
    pub(super) epoch: u64,
    pub(super) source: SourceKind,
    /// The settings that decide what comes of a log.
    pub(super) settings: String,
    pub(super) health: Health,
    pub(super) checkpoints: Option<Checkpoints>,
    conditions: Conditions,
    /// No daemon has ever kept checkpoints there.
    is_new_store: bool,
    /// The checkpoint it goes on from, and the stream whose state that is.
    entry: Option<(Entry, Option<StreamIdentity>)>,
}

/// The log as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LogNow {
    pub(super) identity: StreamIdentity,
    pub(super) last: u64,
}

/// Rules and their text.
pub(super) struct Rules {
    pub(super) plan: Arc<Plan>,
    pub(super) text: String,
}

/// Takes the checkpoints over and reads the newest that can be used: the pipeline as it was, with the rules of then.
pub(super) async fn begin(
    checkpoints: Option<Checkpoints>,
    options: Options,
    source: SourceKind,
    conditions: Conditions,
    health: Health,
    configured: Rules,
) -> Result<(Pipeline, Rules, Beginning), DaemonError> {
    let instance = nuid::next().to_string();
    let mut beginning = Beginning {
        start: Start::default(),
        changes: VecDeque::new(),
        instance: instance.clone(),
        epoch: 0,
        source,
        settings: options.deciding(),
        health,
        checkpoints: checkpoints.clone(),
        conditions,
        is_new_store: false,
        entry: None,
    };
    let Some(checkpoints) = checkpoints else {
        return Ok((Pipeline::new(Arc::clone(&configured.plan), options)?, configured, beginning));
    };
    if !conditions.from_start {
        beginning.is_new_store = checkpoints.manifest().await?.is_none();
    }
    let claim = Claim { epoch_at_least: 1, instance, stream: None, from_start: conditions.from_start };
    beginning.epoch = checkpoints.claim(claim).await?;
    let Loaded { state, rules, passed_over } = checkpoints.load().await?;
    for damaged in &passed_over {
        error!("{damaged}; it is passed over, and more of the log is read again");
    }
    let mut rules: VecDeque<RulesText> = rules.into();
    let (pipeline, in_force) = match state {
        Some(state) => {
            let entry = state.entry;
            let written = Timestamp(entry.created_ms);
            info!(number = entry.number, sequence = entry.sequence, %written, "going on from a checkpoint");
            beginning.start = Start { sequence: entry.sequence, generation: entry.generation };
            let pipeline = Pipeline::restore(Arc::clone(&state.plan), options, state.restored)?;
            beginning.entry = Some((entry, checkpoints.manifest().await?.and_then(|manifest| manifest.stream)));
            (pipeline, Rules { plan: state.plan, text: state.text })
        }
        None => {
            let first = match rules.pop_front() {
                Some(first) => Rules { plan: compile(&first)?, text: first.text },
                None => {
                    checkpoints.note_rules(0, &configured.plan.rules.version, &configured.text).await?;
                    configured
                }
            };
            (Pipeline::new(Arc::clone(&first.plan), options)?, first)
        }
    };
    for change in rules {
        // The numbers of plain subjects begin anew at each start; what changed before it holds from its beginning.
        let sequence = if source == SourceKind::JetStream { change.sequence } else { 0 };
        let (generation, plan) = (change.number, compile(&change)?);
        beginning.changes.push_back(Change { sequence, generation, plan });
    }
    if source == SourceKind::Nats {
        beginning.start.sequence = 0;
    }
    Ok((pipeline, in_force, beginning))
}

/// Rules that were in force once, from the text kept with the checkpoints.
fn compile(kept: &RulesText) -> Result<Arc<Plan>, DaemonError> {
    let compiled = rules::compile(&kept.text).map_err(|problems| DaemonError::KeptRules {
        version: kept.version.clone(),
        why: problems.first().map(|problem| problem.message.clone()).unwrap_or_default(),
    })?;
    Ok(Arc::new(Plan::new(compiled)))
}

impl Beginning {
    /// The rules that are in force once everything known was gone through.
    pub(super) fn version_in_force(&self, at_first: &str) -> String {
        self.changes.back().map_or(at_first, |change| &change.plan.rules.version).to_owned()
    }

    /// How many outputs are out, and what they are, by what was found in their stream and in the log's; or why this daemon
    /// must not go on.
    pub(super) fn out(&self, known: &Known, log: Option<&LogNow>) -> Result<(u64, Reached), DaemonError> {
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
            return Ok((ordinal, Reached::before(0)));
        }
        let Some(progress) = &known.progress else { return self.out_without_progress(known) };
        let mut reached = progress.reached.clone();
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
                return Ok((progress.ordinal, Reached::before(0)));
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

    fn out_without_progress(&self, known: &Known) -> Result<(u64, Reached), DaemonError> {
        let Some((entry, _)) = self.entry.as_ref().filter(|(entry, _)| entry.ordinal > 0) else {
            return Ok((0, Reached::before(0)));
        };
        // The record is gone; if nothing came after it, the checkpoint knows what it said.
        if entry.output_last != Some(known.stream_last) && !self.conditions.accept_repeats {
            let (number, stream_last) = (entry.number, known.stream_last);
            return Err(DaemonError::ProgressGone { number, expected: entry.output_last.unwrap_or(0), stream_last });
        }
        let reached = Reached {
            sequence: entry.sequence,
            position: entry.position,
            rules: entry.rules.clone(),
            generation: entry.generation,
            ..Reached::before(entry.sequence)
        };
        Ok((entry.ordinal, reached))
    }

    /// What is to be gone through before what comes is new.
    pub(super) fn recovery(&self, out: Option<Reached>) -> Recovery {
        let changes = self.changes.clone();
        let Some(mut out) = out.filter(|_| self.source == SourceKind::JetStream) else {
            return Recovery { changes, ..Recovery::default() };
        };
        // Of a group that the checkpoint has whole, nothing can be missing but what was no message.
        out.open = out.open.filter(|open| open.changes_rules_to.is_some() || open.through > self.start.sequence);
        Recovery { out, changes }
    }
}
