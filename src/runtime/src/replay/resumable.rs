//! A replay that goes on from its last commit when it is started again.
//!
//! Results grow in the folder of its progress, and are brought to where they belong once they are whole. That is written
//! down first, so who dies on the way does the rest of it the next time.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::commit::{ReplayArguments, ResultLengths};
use super::driver::ReplayDriver;
use super::error::ReplayError;
use super::first_rejections::FirstRejections;
use super::progress::{FoundProgress, PART, ReplayProgress};
use super::{ReplayResult, ReplaySinks};
use crate::files::sink::{self, OutputFile, OutputFileError};
use crate::files::source::{FileItem, FileSourceError};
use crate::pipeline::{Pipeline, PipelineOptions, RestoredPipeline};
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::time::Timestamp;

/// Where results are brought; `-` is standard output.
#[derive(Clone, Debug)]
pub struct ResultTargets {
    /// The journal.
    pub journal: PathBuf,
    /// The actions.
    pub actions: Option<PathBuf>,
    /// The dead letters.
    pub rejects: Option<PathBuf>,
}

impl ResultTargets {
    /// Each result that is asked for: its name, what to call it before people, and its target.
    fn each(&self) -> impl Iterator<Item = (&'static str, &'static str, &Path)> {
        let [journal, actions, rejects] = ResultLengths::NAMES;
        let each = [
            (journal, "the journal", Some(&self.journal)),
            (actions, "the actions", self.actions.as_ref()),
            (rejects, "the rejected events", self.rejects.as_ref()),
        ];
        each.into_iter().filter_map(|(name, what, target)| Some((name, what, target?.as_path())))
    }
}

/// Where a replay stands when it is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayState {
    /// At the beginning.
    Beginning,
    /// Behind so many lines of the events.
    After(u64),
    /// At its end: only results may have to be brought where they belong.
    Finished,
}

/// A replay with its progress in a folder, of which it has the lock.
pub struct ResumableReplay {
    plan: Arc<ExecutionPlan>,
    options: PipelineOptions,
    until: Timestamp,
    targets: ResultTargets,
    progress: ReplayProgress,
    restored: Option<RestoredPipeline>,
    passed_over: Vec<String>,
    first_rejects: FirstRejections,
}

impl ResumableReplay {
    /// Finds out how far the replay got, with its progress in `folder`, which is made if it is missing. There will be a
    /// commit per `interval`, after every block if that is zero.
    ///
    /// # Errors
    /// The folder can't be used, is another replay's, holds the progress of a replay that was asked for something else,
    /// or progress none of which can be used; or a result could not be brought to its target.
    pub fn open(
        folder: &Path,
        interval: Duration,
        plan: Arc<ExecutionPlan>,
        (options, until): (PipelineOptions, Timestamp),
        events: Vec<String>,
        targets: ResultTargets,
    ) -> Result<ResumableReplay, ReplayError> {
        let results = (targets.actions.is_some(), targets.rejects.is_some());
        let asked = ReplayArguments::new(&plan.rules, &options, until, events, results);
        let FoundProgress { progress, restored, passed_over } = ReplayProgress::open(folder, interval, asked, &plan)?;
        targets.each().try_for_each(|(_, what, target)| sink::check(what, target))?;
        let options = PipelineOptions { until: Some(until), ..options };
        let first_rejects = FirstRejections::default();
        Ok(ResumableReplay { plan, options, until, targets, progress, restored, passed_over, first_rejects })
    }

    /// The files that grow in a folder with progress: nothing else may be written there.
    pub fn files(folder: &Path) -> Vec<PathBuf> {
        ResultLengths::NAMES.iter().map(|name| folder.join(format!("{name}{PART}"))).collect()
    }

    /// Where it stands.
    pub fn standing(&self) -> ReplayState {
        let record = self.progress.record();
        match record.read.lines {
            _ if record.is_finished => ReplayState::Finished,
            0 => ReplayState::Beginning,
            lines => ReplayState::After(lines),
        }
    }

    /// Commits that are newer than the one it goes on from, and cannot be used; and why.
    pub fn passed_over(&self) -> &[String] {
        &self.passed_over
    }

    /// Replays what is left of the events; `source` yields them from the beginning. Not to be called where it is
    /// [finished](ReplayState::Finished).
    ///
    /// # Errors
    /// The source or a sink fails, or the source does not yield what it yielded before. What was committed stays.
    pub fn run(&mut self, source: impl Iterator<Item = Result<FileItem, FileSourceError>>) -> Result<(), ReplayError> {
        let (plan, options) = (Arc::clone(&self.plan), self.options.clone());
        let mut pipeline = match self.restored.take() {
            Some(restored) => Pipeline::restore(plan, options, restored)?,
            None => Pipeline::new(plan, options)?,
        };
        let (sinks, left) = (self.sinks()?, self.progress.record().waiting.clone());
        let feeding = ReplayDriver {
            pipeline: &mut pipeline,
            max_message_bytes: self.options.max_message_bytes(),
            until: self.until,
            left,
            progress: Some(&mut self.progress),
            first_rejects: &mut self.first_rejects,
        };
        let ReplaySinks { mut journal, mut actions, mut rejects } = feeding.run(source, sinks)?;
        let settle = |file: &mut Option<OutputFile>| file.as_mut().map(OutputFile::settle).transpose();
        let lengths = ResultLengths {
            journal: journal.settle()?,
            actions: settle(&mut actions)?,
            rejects: settle(&mut rejects)?,
        };
        self.progress.finish(&pipeline, lengths)
    }

    /// Brings the results of a finished replay to their targets, those that are not there yet. What it came to (with the
    /// rejects that this run has seen), and how long it took in all.
    ///
    /// # Errors
    /// One can't be written there, or was and is gone.
    pub fn deliver(self) -> Result<(ReplayResult, Duration), ReplayError> {
        let record = self.progress.record();
        for ((_, bytes), (name, what, target)) in record.lengths.by_name().zip(self.targets.each()) {
            let part = self.progress.part(name);
            if part.exists() {
                sink::deliver(what, &part, target)?;
            } else if sink::is_stream(target) || !fs::metadata(target).is_ok_and(|meta| meta.len() == bytes) {
                let folder = self.progress.path().display().to_string();
                return Err(ReplayError::ResultGone { folder, what, target: target.display().to_string() });
            }
        }
        self.progress.clean_up()?;
        let (totals, took) = (record.totals.clone(), Duration::from_millis(record.took_ms));
        Ok((ReplayResult { totals, first_rejects: self.first_rejects.into_lines() }, took))
    }

    /// The parts, cut back to what was committed.
    fn sinks(&self) -> Result<ReplaySinks, OutputFileError> {
        let lengths = self.progress.record().lengths;
        let open = |name: &str, bytes: Option<u64>| {
            let (_, what, _) = self.targets.each().find(|(other, ..)| *other == name)?;
            Some(OutputFile::resume(what, &self.progress.part(name), bytes.unwrap_or(0)))
        };
        let [journal, actions, rejects] = ResultLengths::NAMES;
        Ok(ReplaySinks {
            journal: OutputFile::resume("the journal", &self.progress.part(journal), lengths.journal)?,
            actions: open(actions, lengths.actions).transpose()?,
            rejects: open(rejects, lengths.rejects).transpose()?,
        })
    }
}
