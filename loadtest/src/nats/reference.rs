//! The expected actions, computed by the engine itself from the same events.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use rekindle_core::action;
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::rules;
use rekindle_core::time::Clock;
use rekindle_runtime::log::RecordKind;
use rekindle_runtime::pipeline::{InputEntry, Pipeline, PipelineOptions};

use crate::error::Error;

/// How many events are fed at a time.
const AT_A_TIME: usize = 5_000;

/// An engine that has processed all events so far.
pub(super) struct Reference {
    plan: Arc<ExecutionPlan>,
    pipeline: Pipeline,
}

impl Reference {
    /// Without events.
    pub(super) fn new(text: &str) -> Result<Reference, Error> {
        let rules = rules::compile(text).map_err(|problems| {
            Error::Unreadable(rekindle_core::diagnostics::render("the rules", text, &problems, false))
        })?;
        let plan = Arc::new(ExecutionPlan::new(rules));
        let options = PipelineOptions { clock: Clock::Events, workers: 1, ..PipelineOptions::default() };
        let pipeline = Pipeline::new(Arc::clone(&plan), options)
            .map_err(|error| Error::Io { attempt: "start the workers", cause: std::io::Error::other(error) })?;
        Ok(Reference { plan, pipeline })
    }

    /// The ids of the actions that more events cause.
    pub(super) fn feed(&mut self, events: &[Bytes]) -> HashSet<String> {
        let mut ids = HashSet::new();
        for some in events.chunks(AT_A_TIME) {
            let entries: Vec<_> = some
                .iter()
                .map(|lines| InputEntry { kind: RecordKind::Events, lines, received: None, is_whole: true })
                .collect();
            let mut outputs = Vec::new();
            self.pipeline.feed_entries(&entries, &mut |_| {}, &mut outputs);
            ids.extend(
                outputs.iter().filter_map(|output| Some(action::action(&self.plan.rules, output, action::SOURCE)?.id)),
            );
        }
        ids
    }
}
