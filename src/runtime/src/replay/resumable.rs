//! A replay that continues from its last commit when it is started again.
//!
//! Results are written in the folder of its progress, and delivered to their targets when they are complete. That they are
//! complete is committed first, so a process that dies during the delivery continues it the next time.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::commit::{ReplayArguments, RequestedResults, ResultLengths};
use super::driver::ReplayDriver;
use super::error::{ReplayError, SkippedCommit};
use super::first_rejections::FirstRejections;
use super::progress::{FoundProgress, PART_SUFFIX, ReplayProgress};
use super::{ReplayResult, ReplaySinks};
use crate::files::sink::{self, OutputFile, OutputFileError};
use crate::files::source::{FileItem, FileSourceError};
use crate::pipeline::{Pipeline, PipelineOptions, RestoredPipeline};
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::time::Timestamp;

/// Where results are delivered; `-` is standard output.
#[derive(Clone, Debug)]
pub struct ResultTargets {
    /// The journal.
    pub journal: PathBuf,
    /// The actions.
    pub actions: Option<PathBuf>,
    /// The dead letters.
    pub dead_letters: Option<PathBuf>,
}

/// A result with its target.
struct RequestedResult<'t> {
    /// The name of its file in the folder of the progress.
    name: &'static str,
    /// What messages call it.
    what: &'static str,
    target: &'t Path,
}

impl ResultTargets {
    /// The requested results.
    fn requested(&self) -> impl Iterator<Item = RequestedResult<'_>> {
        let [journal, actions, dead_letters] = ResultLengths::NAMES;
        let each = [
            (journal, "the journal", Some(&self.journal)),
            (actions, "the actions", self.actions.as_ref()),
            (dead_letters, "the rejected events", self.dead_letters.as_ref()),
        ];
        each.into_iter().filter_map(|(name, what, target)| Some(RequestedResult { name, what, target: target? }))
    }
}

/// How far a replay is when it is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayState {
    /// Nothing was read.
    Beginning,
    /// This number of lines was read.
    After(u64),
    /// It is finished: at most the delivery of results is left.
    Finished,
}

/// A replay with its progress in a folder that it has locked.
pub struct ResumableReplay {
    plan: Arc<ExecutionPlan>,
    options: PipelineOptions,
    until: Timestamp,
    targets: ResultTargets,
    progress: ReplayProgress,
    restored: Option<RestoredPipeline>,
    skipped: Vec<SkippedCommit>,
    first_rejections: FirstRejections,
}

impl ResumableReplay {
    /// Finds out how far the replay got, with its progress in `folder`, which is created if it is missing. It will commit
    /// once per `interval`, and after every block if that is zero.
    ///
    /// # Errors
    /// The folder can't be used, or has the progress of a running replay, of a replay with other arguments, or none that can be
    /// used; or a result could not be delivered to its target.
    pub fn open(
        folder: &Path,
        interval: Duration,
        plan: Arc<ExecutionPlan>,
        options: PipelineOptions,
        until: Timestamp,
        events: Vec<String>,
        targets: ResultTargets,
    ) -> Result<ResumableReplay, ReplayError> {
        let results =
            RequestedResults { actions: targets.actions.is_some(), dead_letters: targets.dead_letters.is_some() };
        let arguments = ReplayArguments::new(&plan.rules, &options, until, events, results);
        let FoundProgress { progress, restored, skipped } = ReplayProgress::open(folder, interval, arguments, &plan)?;
        targets.requested().try_for_each(|result| sink::check(result.what, result.target))?;
        let options = PipelineOptions { until: Some(until), ..options };
        let first_rejections = FirstRejections::default();
        Ok(ResumableReplay { plan, options, until, targets, progress, restored, skipped, first_rejections })
    }

    /// The files in a folder with progress that nothing else may write to.
    pub fn files(folder: &Path) -> Vec<PathBuf> {
        ResultLengths::NAMES.iter().map(|name| folder.join(format!("{name}{PART_SUFFIX}"))).collect()
    }

    /// How far it is.
    pub fn state(&self) -> ReplayState {
        let commit = self.progress.last_commit();
        match commit.read.lines {
            _ if commit.is_finished => ReplayState::Finished,
            0 => ReplayState::Beginning,
            lines => ReplayState::After(lines),
        }
    }

    /// Commits that are newer than the one it continues from, and cannot be used.
    pub fn skipped_commits(&self) -> &[SkippedCommit] {
        &self.skipped
    }

    /// Replays the rest of the events; `source` yields them from the beginning. Must not be called if the replay is
    /// [finished](ReplayState::Finished).
    ///
    /// # Errors
    /// The source or a sink fails, or the source yields other events than before. What was committed is kept.
    pub fn run(&mut self, source: impl Iterator<Item = Result<FileItem, FileSourceError>>) -> Result<(), ReplayError> {
        let (plan, options) = (Arc::clone(&self.plan), self.options.clone());
        let mut pipeline = match self.restored.take() {
            Some(restored) => Pipeline::restore(plan, options, restored)?,
            None => Pipeline::new(plan, options)?,
        };
        let (sinks, waiting_before) = (self.sinks()?, self.progress.last_commit().waiting.clone());
        let driver = ReplayDriver {
            pipeline: &mut pipeline,
            max_message_bytes: self.options.max_message_bytes(),
            until: self.until,
            waiting_before,
            progress: Some(&mut self.progress),
            first_rejections: &mut self.first_rejections,
        };
        let ReplaySinks { mut journal, mut actions, mut dead_letters } = driver.run(source, sinks)?;
        let sync = |file: &mut Option<OutputFile>| file.as_mut().map(OutputFile::sync).transpose();
        let lengths = ResultLengths {
            journal: journal.sync()?,
            actions: sync(&mut actions)?,
            dead_letters: sync(&mut dead_letters)?,
        };
        self.progress.finish(&pipeline, lengths)
    }

    /// Delivers the results of a finished replay to their targets, unless they are there already. Returns the result (with the
    /// rejections of this run), and how long all runs took together.
    ///
    /// # Errors
    /// One can't be written there, or was delivered before and is gone.
    pub fn deliver(self) -> Result<(ReplayResult, Duration), ReplayError> {
        let commit = self.progress.last_commit();
        for ((_, bytes), result) in commit.lengths.by_name().zip(self.targets.requested()) {
            let RequestedResult { name, what, target } = result;
            let part = self.progress.part(name);
            if part.exists() {
                sink::deliver(what, &part, target)?;
            } else if sink::is_stream(target) || !fs::metadata(target).is_ok_and(|meta| meta.len() == bytes) {
                let folder = self.progress.path().display().to_string();
                return Err(ReplayError::ResultGone { folder, what, target: target.display().to_string() });
            }
        }
        self.progress.clean_up()?;
        let (totals, took) = (commit.totals.clone(), Duration::from_millis(commit.took_ms));
        Ok((ReplayResult { totals, first_rejections: self.first_rejections.into_lines() }, took))
    }

    /// The parts, truncated to their committed lengths.
    fn sinks(&self) -> Result<ReplaySinks, OutputFileError> {
        let lengths = self.progress.last_commit().lengths;
        let open = |name: &str, bytes: Option<u64>| {
            let result = self.targets.requested().find(|result| result.name == name)?;
            Some(OutputFile::resume(result.what, &self.progress.part(name), bytes.unwrap_or(0)))
        };
        let [journal, actions, dead_letters] = ResultLengths::NAMES;
        Ok(ReplaySinks {
            journal: OutputFile::resume("the journal", &self.progress.part(journal), lengths.journal)?,
            actions: open(actions, lengths.actions).transpose()?,
            dead_letters: open(dead_letters, lengths.dead_letters).transpose()?,
        })
    }
}
