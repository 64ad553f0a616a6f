//! An index of the event files by user: whether it is used, built, and where it is.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use super::CliError;
use super::replay_inputs::{ReplayInputs, warn_of_omitted_events};
use super::summary::counted;
use rekindle_core::partition::ExecutionPlan;
use rekindle_runtime::history::{HistoryError, HistoryRequest, IndexUse, IndexedFiles, UserStory};
use rekindle_runtime::pipeline::PipelineOptions;
use rekindle_runtime::replay::story_of;

/// How the events of one user are found.
#[derive(Debug, clap::Args)]
pub(super) struct IndexArgs {
    /// Index the files by user, once, in a folder EVENTS.index beside each, and read only the user's events. An index that is there, and
    /// is that of the file as it is, is used without this, too
    #[arg(long)]
    index: bool,

    /// The same, with the indexes in this folder
    #[arg(long, value_name = "FOLDER")]
    index_folder: Option<PathBuf>,

    /// Replay all events, also where there is an index
    #[arg(long, conflicts_with_all = ["index", "index_folder"])]
    no_index: bool,
}

impl IndexArgs {
    /// What happened to a user: from an index, or by a replay of all events.
    pub(super) fn story(
        &self,
        inputs: &ReplayInputs,
        plan: &Arc<ExecutionPlan>,
        options: &PipelineOptions,
        user: &str,
    ) -> Result<UserStory, CliError> {
        let request = HistoryRequest { user, until: inputs.until, with_items: false, as_if_alone: false };
        let indexed = if self.no_index { None } else { self.open(inputs, options).transpose() };
        match indexed.map(|files| self.told(files?, plan, request)) {
            Some(Ok(story)) => return Ok(story),
            Some(Err(error)) if !error.asks_for_replay() => return Err(error.into()),
            // Who did not ask for an index need not know that there is none.
            Some(Err(error)) if self.is_asked_for() || !matches!(error, HistoryError::NoIndex { .. }) => {
                say(&format!("{error}; all events are replayed"));
            }
            Some(Err(_)) | None => {}
        }
        let files = inputs.open_files(options)?;
        let (pipeline, outputs) = story_of(Arc::clone(plan), options.clone(), inputs.until, files, user)?;
        warn_of_omitted_events(&plan.rules, &pipeline.totals(), inputs.until);
        Ok(UserStory { pipeline, items: Vec::new(), outputs })
    }

    /// The files with their indexes; `None`: nobody asked for one, and the first file has none.
    pub(super) fn open(
        &self,
        inputs: &ReplayInputs,
        options: &PipelineOptions,
    ) -> Result<Option<IndexedFiles>, HistoryError> {
        let index_use = if self.is_asked_for() { IndexUse::Build } else { IndexUse::Existing };
        match IndexedFiles::open(&inputs.events, self.index_folder.as_deref(), index_use, options) {
            Err(HistoryError::NoIndex { .. } | HistoryError::NotIndexable { .. }) if !self.is_asked_for() => Ok(None),
            opened => opened.map(Some),
        }
    }

    fn is_asked_for(&self) -> bool {
        self.index || self.index_folder.is_some()
    }

    fn told(
        &self,
        mut files: IndexedFiles,
        plan: &Arc<ExecutionPlan>,
        request: HistoryRequest<'_>,
    ) -> Result<UserStory, HistoryError> {
        let story = files.story(plan, request)?;
        if files.rejected() > 0 {
            let why = "`rekindle replay --dead-letters` writes the reasons";
            say(&format!("{} rejected, and not counted; {why}", counted(files.rejected(), "event")));
        }
        Ok(story)
    }
}

/// A closed standard error is no reason to fail.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", super::terminal::lines(text));
}
