//! Backtest: what rules would have done with a log, and what another rule set would have done otherwise.
//!
//! One or two rule sets are run over the same log at once. The log is read and decoded once: both are compiled to read the same of
//! events. What they put out is brought into the journal's order, compared person by person and instant by instant, counted, and
//! dropped.
//!
//! | module | |
//! |---|---|
//! | `beside` | a log that is read piece by piece beside other work, within limits |
//! | `contender` | one rule set at work |
//! | `names` | segments, campaigns and so on of both rule sets by one number |
//! | `people` | what is kept of each person: messages, and whether something differed |
//! | `matching`, `differences` | which outputs are the same; what differs, and how far that is exact |
//! | `counts` | what is counted and compared of each step of all rule sets, beside the next step |
//! | `tally`, `series` | what one rule set did |
//! | `members`, `message_figures` | who is in which segment at the end; how many messages people get |
//! | `report`, `assembly`, `reasons` | the result as it is serialized, how it is put together, differences in words |
//!
//! # Invariants
//! - The result depends neither on batches, workers nor partitions.
//! - Memory is bounded by the engines' own, a few bytes for each person to whom something happened, and the size of the rules:
//!   series have a bounded number of steps, and of each kind of difference five people are kept, chosen by a hash of their ids.
//!
//! # What it does not do
//! It publishes nothing, stores nothing, and does not guess how people would have behaved: a difference is exact until the person
//! notices one.

mod assembly;
mod beside;
mod contender;
mod counts;
mod differences;
mod matching;
mod members;
mod message_figures;
mod names;
mod people;
mod reasons;
mod report;
mod series;
mod tally;

use std::sync::Arc;

use thiserror::Error;

use crate::files::source::{FileItem, FileSourceError};
use crate::history::HistoryRecord;
use crate::log::{LogRecord, RecordKind};
use crate::pipeline::{InputEntry, ParallelDecoder, PipelineOptions, PipelineTotals, ReadAhead};
use crate::replay::DecodedItem;
pub use beside::{BacktestFigures, BacktestLimits, BacktestLog, BacktestProgress, BesideError, LogPiece};
use contender::Contender;
use counts::{BacktestCounts, StepOutputs};
use names::SharedNames;
use rekindle_core::decode::RejectionReason;
use rekindle_core::diagnostics::Diagnostic;
use rekindle_core::identity::LinksSnapshot;
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::rules;
use rekindle_core::rules::edits::RuleEdits;
use rekindle_core::rules::ruleset::Ruleset;
use rekindle_core::time::Timestamp;
pub use report::*;

/// The part of the log that counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct BacktestPeriod {
    /// What happens before it changes state, and is not counted; `None`: everything counts.
    pub from: Option<Timestamp>,
    /// Events after it are left out, and time ends there; `None`: at the latest event.
    pub to: Option<Timestamp>,
}

/// What is to be tried.
#[derive(Clone, Debug)]
pub struct BacktestSetup<'t> {
    /// The text of the rules.
    pub new: &'t str,
    /// That of the rules that they are compared with.
    pub old: Option<&'t str>,
    /// How the log is read.
    pub options: PipelineOptions,
    /// Which part of it counts.
    pub period: BacktestPeriod,
}

/// Why rules could not be tried.
#[derive(Debug, Error)]
pub enum BacktestError {
    /// The new rules have mistakes.
    #[error("the new rules have {} mistakes", .0.len())]
    NewRules(Vec<Diagnostic>),
    /// The old ones do.
    #[error("the old rules have {} mistakes", .0.len())]
    OldRules(Vec<Diagnostic>),
    /// The time from which on is counted is after the end.
    #[error("nothing can be counted: {from} is not before {to}")]
    EmptyPeriod {
        /// From when.
        from: Timestamp,
        /// Until when.
        to: Timestamp,
    },
    /// The workers can't be started.
    #[error("could not start the worker threads: {0}")]
    Workers(#[from] rayon::ThreadPoolBuildError),
}

/// A backtest in progress: it is fed the log, then finished.
pub struct Backtest {
    contenders: Vec<Contender>,
    decoder: ParallelDecoder,
    names: SharedNames,
    edits: Option<RuleEdits>,
    period: BacktestPeriod,
    options: PipelineOptions,
    counts: BacktestCounts,
    /// What the latest step came to, which is counted beside the next one.
    latest: Option<StepOutputs>,
}

impl Backtest {
    /// Compiles the rules and starts the workers.
    ///
    /// # Errors
    /// The rules have mistakes, the period is empty, or the workers can't be started.
    pub fn new(setup: &BacktestSetup<'_>) -> Result<Backtest, BacktestError> {
        let &BacktestSetup { new, old, ref options, period } = setup;
        if let (Some(from), Some(to)) = (period.from, period.to)
            && from >= to
        {
            return Err(BacktestError::EmptyPeriod { from, to });
        }
        let texts: Vec<&str> = std::iter::once(new).chain(old).collect();
        let rules = rules::compile_together(&texts).map_err(|(index, mistakes)| match index {
            0 => BacktestError::NewRules(mistakes),
            _ => BacktestError::OldRules(mistakes),
        })?;
        let options = PipelineOptions { until: period.to, ..options.clone() };
        let names = SharedNames::new(&rules.iter().collect::<Vec<_>>());
        let from = period.from.unwrap_or(Timestamp::MIN);
        let plans: Vec<_> = rules.into_iter().map(|rules| Arc::new(ExecutionPlan::new(rules))).collect();
        let contender = |plan: &Arc<ExecutionPlan>| Contender::new(Arc::clone(plan), options.clone());
        let contenders = plans.iter().map(contender).collect::<Result<Vec<_>, _>>()?;
        Ok(Backtest {
            decoder: contenders[0].pipeline.decoder(),
            contenders,
            edits: old.map(|old| RuleEdits::between(old, new)),
            period,
            options,
            counts: BacktestCounts::new(&names, plans, from),
            latest: None,
            names,
        })
    }

    /// The new rules.
    pub fn rules(&self) -> &Ruleset {
        &self.contenders[0].pipeline.plan().rules
    }

    /// The longest message, or line of a file, that is decoded, in bytes.
    pub fn max_message_bytes(&self) -> usize {
        self.options.max_message_bytes()
    }

    /// What was counted of events by the new rules.
    pub fn totals(&self) -> PipelineTotals {
        self.contenders[0].pipeline.totals()
    }

    /// Begins with these links of visitors: they were made before the first record that is left of the log.
    pub fn assume_links(&mut self, links: &LinksSnapshot) {
        self.contenders.iter_mut().for_each(|contender| contender.pipeline.assume_links(links));
    }

    /// Takes in records of the log, in its order.
    pub fn feed_records(&mut self, records: &[LogRecord]) {
        let entries: Vec<InputEntry<'_>> = records
            .iter()
            .map(|LogRecord { kind, received, lines, .. }| InputEntry {
                kind: *kind,
                received: Some(*received),
                is_whole: true,
                lines,
            })
            .collect();
        self.feed_entries(&entries);
    }

    /// The same for records that a broker need not have received.
    fn feed_history(&mut self, records: &[HistoryRecord]) {
        let entries: Vec<InputEntry<'_>> = records
            .iter()
            .map(|HistoryRecord { kind, received, lines }| InputEntry {
                kind: *kind,
                received: *received,
                is_whole: received.is_some(),
                lines,
            })
            .collect();
        self.feed_entries(&entries);
    }

    fn feed_entries(&mut self, entries: &[InputEntry<'_>]) {
        let mut rest = entries;
        while let Some(first) = rest.first() {
            if first.kind == RecordKind::Forget {
                let (request, after) = rest.split_at(1);
                self.step(|contender| contender.forget(request));
                rest = after;
            } else {
                let before = rest.iter().take_while(|entry| entry.kind != RecordKind::Forget).count();
                let decoded = self.decoder.decode_ahead(rest[..before].to_vec());
                self.feed_decoded(&decoded);
                rest = &rest[before..];
            }
        }
        self.advance();
    }

    /// Takes in everything that a source of files yields.
    ///
    /// # Errors
    /// The source fails.
    pub fn feed_files(
        &mut self,
        mut source: impl Iterator<Item = Result<FileItem, FileSourceError>>,
    ) -> Result<(), FileSourceError> {
        let decoder = self.decoder.clone();
        let mut next = source.next().transpose()?.map(|item| DecodedItem::of(item, &decoder));
        while let Some(current) = next {
            let following = source.next().transpose()?;
            let decode = || following.map(|item| DecodedItem::of(item, &decoder));
            (next, ()) = decoder.join(decode, || self.feed_item(&current));
        }
        Ok(())
    }

    fn feed_decoded(&mut self, decoded: &ReadAhead<'_>) {
        self.step(|contender| contender.feed(decoded));
    }

    fn feed_item(&mut self, item: &DecodedItem) {
        match item {
            DecodedItem::Block(block) => self.feed_decoded(block.borrow_dependent()),
            DecodedItem::Oversized { bytes, .. } => {
                let limit = self.max_message_bytes() as u64;
                let reason = RejectionReason::MessageTooLarge { bytes: *bytes, limit };
                self.contenders.iter_mut().for_each(|contender| contender.pipeline.count_oversized(&reason));
            }
        }
        self.advance();
    }

    /// Fires the timers due by the watermark, step by step.
    fn advance(&mut self) {
        loop {
            let behind = self.contenders.iter_mut().filter(|it| it.pipeline.fired() < it.pipeline.watermark());
            let Some(to) = behind.map(Contender::next_step).min() else { break };
            self.step(|contender| contender.fire_to(to));
        }
    }

    /// Lets every rule set do something, all at once: none knows of another. Meanwhile what they did before is counted.
    fn step(&mut self, work: impl Fn(&mut Contender) + Sync) {
        let Backtest { contenders, counts, names, latest, .. } = self;
        let before = latest.take();
        std::thread::scope(|scope| {
            for contender in &mut *contenders {
                scope.spawn(|| work(contender));
            }
            before.into_iter().for_each(|before| counts.take(names, before));
        });
        let until = contenders.iter().map(Contender::final_before).min().unwrap_or(Timestamp::NEVER);
        let arrivals = contenders.iter_mut().map(Contender::arrivals).collect();
        *latest = Some(StepOutputs { arrivals, until });
    }

    /// Ends the log: time advances to the end of the period, or to the latest event. What it says then is complete.
    pub fn finish(mut self) -> BacktestReport {
        let first = &self.contenders[0].pipeline;
        let has_events = first.position() > 0;
        let to = self.period.to.or_else(|| has_events.then(|| first.watermark() + self.options.max_disorder));
        if let Some(to) = to {
            self.contenders.iter_mut().for_each(|contender| contender.pipeline.advance_watermark(to));
            self.advance();
            self.step(Contender::end);
        }
        let last =
            self.latest.take().into_iter().chain([StepOutputs { arrivals: Vec::new(), until: Timestamp::NEVER }]);
        last.for_each(|step| self.counts.take(&self.names, step));
        assembly::assemble(self, to)
    }
}
