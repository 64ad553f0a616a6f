//! Backtest: what rules would have done with a log, and what another rule set would have done otherwise.
//!
//! One or two rule sets are run over the same log at once. The log is read and decoded once: both are compiled to read the same of
//! events. What they put out is brought into the journal's order, compared person by person and instant by instant, counted, and
//! dropped.
//!
//! | module | |
//! |---|---|
//! | `beside` | a log that is read piece by piece beside other work, within limits |
//! | `contender` | one rule set at work: its pipeline, and the outputs that are not final yet |
//! | `names` | segments, campaigns and so on of both rule sets by one number |
//! | `people` | what is kept of each person: messages, and whether something differed |
//! | `matching`, `differences` | which outputs are the same; what differs, and how far that is exact |
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
use differences::DifferenceCounts;
use names::{RulesSide, SharedNames};
use people::PersonTable;
use rekindle_core::decode::RejectionReason;
use rekindle_core::diagnostics::Diagnostic;
use rekindle_core::identity::LinksSnapshot;
use rekindle_core::partition::{ExecutionPlan, Output, OutputKind};
use rekindle_core::rules;
use rekindle_core::rules::edits::RuleEdits;
use rekindle_core::rules::ruleset::Ruleset;
use rekindle_core::time::{Timestamp, ZoneCalendar};
pub use report::*;
use series::StepClock;
use tally::RulesTally;

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
}

/// What was counted so far.
struct BacktestCounts {
    people: PersonTable,
    tallies: Vec<RulesTally>,
    differences: DifferenceCounts,
    clock: StepClock,
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
        let sides = [RulesSide::New, RulesSide::Old].into_iter().take(rules.len());
        let calendar: Arc<ZoneCalendar> = Arc::clone(&rules[0].calendar);
        let contender = |rules| Contender::new(Arc::new(ExecutionPlan::new(rules)), options.clone());
        let contenders = rules.into_iter().map(contender).collect::<Result<Vec<_>, _>>()?;
        Ok(Backtest {
            decoder: contenders[0].pipeline.decoder(),
            contenders,
            edits: old.map(|old| RuleEdits::between(old, new)),
            period,
            options,
            counts: BacktestCounts {
                people: PersonTable::default(),
                tallies: sides.map(|side| RulesTally::new(side, &names, from)).collect(),
                differences: DifferenceCounts::new(from),
                clock: StepClock::new(calendar),
            },
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
                self.contenders.iter_mut().for_each(|contender| contender.forget(request));
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
        self.contenders.iter_mut().for_each(|contender| contender.feed(decoded));
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

    /// Fires the timers due by the watermark, step by step, and compares what is final.
    fn advance(&mut self) {
        loop {
            let next = self.contenders.iter_mut().filter(|it| it.pipeline.fired() < it.pipeline.watermark());
            let Some(next) = next.min_by_key(|it| it.pipeline.timer_mark()) else { break };
            next.fire_some();
            self.compare_final();
        }
        self.compare_final();
    }

    fn compare_final(&mut self) {
        let finals = self.contenders.iter().map(|it| it.pipeline.final_before(it.pipeline.fired())).min();
        let until = finals.unwrap_or(Timestamp::NEVER);
        self.compare_before(until);
    }

    fn compare_before(&mut self, until: Timestamp) {
        self.count_arrivals();
        let ready: Vec<Vec<Output>> = self.contenders.iter_mut().map(|contender| contender.release(until)).collect();
        let rules: Vec<&Ruleset> = self.contenders.iter().map(|contender| &contender.pipeline.plan().rules).collect();
        self.counts.compare(&self.names, &rules, ready.iter().map(Vec::as_slice).collect());
    }

    /// Counts what came since this was last done.
    fn count_arrivals(&mut self) {
        let BacktestCounts { tallies, clock, .. } = &mut self.counts;
        for (contender, tally) in self.contenders.iter_mut().zip(tallies) {
            tally.add(&contender.arrivals(), &self.names, clock);
        }
    }

    /// Ends the log: time advances to the end of the period, or to the latest event. What it says then is complete.
    pub fn finish(mut self) -> BacktestReport {
        let first = &self.contenders[0].pipeline;
        let has_events = first.position() > 0;
        let to = self.period.to.or_else(|| has_events.then(|| first.watermark() + self.options.max_disorder));
        if let Some(to) = to {
            self.contenders.iter_mut().for_each(|contender| contender.pipeline.advance_watermark(to));
            self.advance();
            self.contenders.iter_mut().for_each(Contender::end);
        }
        self.compare_before(Timestamp::NEVER);
        assembly::assemble(self, to)
    }
}

impl BacktestCounts {
    /// Goes through what is final, in the order of time: counts messages, and compares what is there of two rule sets.
    fn compare(&mut self, names: &SharedNames, rules: &[&Ruleset], mut ready: Vec<&[Output]>) {
        while let Some(at) = ready.iter().filter_map(|outputs| Some(outputs.first()?.at)).min() {
            let now: Vec<&[Output]> = ready.iter_mut().map(|rest| take_while(rest, |it| it.at == at)).collect();
            if let (&[mut new, mut old], &[new_rules, old_rules]) = (now.as_slice(), rules) {
                while let Some(user) = new.first().into_iter().chain(old.first()).map(|output| &output.user).min() {
                    let [of_new, of_old] = [&mut new, &mut old].map(|rest| take_while(rest, |it| it.user == *user));
                    self.differences.compare(names, [new_rules, old_rules], [of_new, of_old], &mut self.people);
                }
            }
            for (tally, outputs) in self.tallies.iter().zip(&now) {
                outputs.iter().filter(|output| tally.counts_message(output)).for_each(|output| {
                    let messages = &mut self.people.person(&output.user).messages[tally.side as usize];
                    *messages = messages.saturating_add(1);
                });
            }
            // A visitor may have outputs of the same instant, which are its own.
            for (tally, outputs) in self.tallies.iter().zip(now) {
                for output in outputs {
                    if let OutputKind::Merged { from } = &output.decided {
                        self.people.merge(tally.side, from, &output.user);
                    }
                }
            }
        }
    }
}

/// Takes the first ones that meet a condition.
fn take_while<'o, T>(rest: &mut &'o [T], is_meant: impl Fn(&T) -> bool) -> &'o [T] {
    let count = rest.iter().take_while(|item| is_meant(item)).count();
    let (taken, after) = rest.split_at(count);
    *rest = after;
    taken
}
