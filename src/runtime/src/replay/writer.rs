//! Brings outputs into order and writes them, on a thread of its own while the next block is worked on.

use std::collections::VecDeque;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};

use serde::{Deserialize, Serialize};

use crate::files::sink::{OutputFile, OutputFileError};
use rekindle_core::action;
use rekindle_core::journal::{self, JournalSorter};
use rekindle_core::partition::{ExecutionPlan, Output};
use rekindle_core::time::Timestamp;

/// What the writer is told.
pub(super) enum ReplayWriterMessage {
    /// What a block came to.
    Batch {
        outputs: Vec<Output>,
        /// No later batch holds anything due before this.
        final_before: Timestamp,
    },
    /// Everything before this is to be safe, and how much that is to be told.
    Settle(SyncSender<SyncedOutputs>),
}

/// What a writer has made safe.
pub(super) struct SyncedOutputs {
    /// Bytes of the journal.
    pub(super) journal: u64,
    /// Bytes of the actions.
    pub(super) actions: Option<u64>,
    /// What is not due yet, in the journal's order.
    pub(super) waiting: Vec<WaitingOutput>,
}

/// An output that waits for the watermark, as it will be written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WaitingOutput {
    at_ms: i64,
    user: String,
    position: u64,
    /// Its line in the journal.
    journal: String,
    /// Its line among the actions; empty where it is none, or none were asked for.
    action: String,
}

impl WaitingOutput {
    fn new(plan: &ExecutionPlan, output: &Output, with_action: bool) -> WaitingOutput {
        let (mut journal, mut action) = (Vec::new(), Vec::new());
        const MEMORY: &str = "writing to memory cannot fail";
        journal::write_line(&plan.rules, output, &mut journal).expect(MEMORY);
        if with_action {
            action::write_line(&plan.rules, output, &mut action).expect(MEMORY);
        }
        WaitingOutput {
            at_ms: output.at.0,
            user: output.user.to_string(),
            position: output.position,
            journal: String::from_utf8_lossy(&journal).into_owned(),
            action: String::from_utf8_lossy(&action).into_owned(),
        }
    }

    /// What the journal is ordered by.
    fn key(&self) -> (i64, &str, u64) {
        (self.at_ms, &self.user, self.position)
    }
}

/// Whoever writes the journal and the actions.
pub(super) struct ReplayWriter {
    plan: Arc<ExecutionPlan>,
    sorter: JournalSorter,
    /// What an earlier run left waiting, in the journal's order. It came before all that the sorter holds.
    left: VecDeque<WaitingOutput>,
    journal: OutputFile,
    actions: Option<OutputFile>,
}

impl ReplayWriter {
    /// A writer that goes on where an earlier run left `left` waiting.
    pub(super) fn new(
        plan: Arc<ExecutionPlan>,
        left: Vec<WaitingOutput>,
        journal: OutputFile,
        actions: Option<OutputFile>,
    ) -> ReplayWriter {
        ReplayWriter { plan, sorter: JournalSorter::default(), left: left.into(), journal, actions }
    }

    /// Returns the files, not finished yet.
    pub(super) fn write_all(
        mut self,
        messages: &Receiver<ReplayWriterMessage>,
    ) -> Result<(OutputFile, Option<OutputFile>), OutputFileError> {
        for message in messages {
            match message {
                ReplayWriterMessage::Batch { mut outputs, final_before } => {
                    let ready = self.sorter.release(&mut outputs, final_before);
                    self.write(&ready, final_before)?;
                }
                ReplayWriterMessage::Settle(answer) => {
                    let settled = self.settle()?;
                    // Nobody waits for the answer any more where the replay has failed.
                    let _ = answer.send(settled);
                }
            }
        }
        Ok((self.journal, self.actions))
    }

    fn write(&mut self, outputs: &[Output], final_before: Timestamp) -> Result<(), OutputFileError> {
        for output in outputs {
            let key = (output.at.0, &*output.user, output.position);
            self.write_left(|left| left.key() <= key)?;
            self.journal.write(|sink| journal::write_line(&self.plan.rules, output, sink))?;
            if let Some(actions) = &mut self.actions {
                actions.write(|sink| action::write_line(&self.plan.rules, output, sink))?;
            }
        }
        self.write_left(|left| left.at_ms < final_before.0)
    }

    /// Writes what an earlier run left, for as long as it is wanted.
    fn write_left(&mut self, mut is_wanted: impl FnMut(&WaitingOutput) -> bool) -> Result<(), OutputFileError> {
        while let Some(left) = self.left.front().filter(|left| is_wanted(left)) {
            self.journal.write(|sink| sink.write_all(left.journal.as_bytes()))?;
            if let Some(actions) = &mut self.actions {
                actions.write(|sink| sink.write_all(left.action.as_bytes()))?;
            }
            self.left.pop_front();
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<SyncedOutputs, OutputFileError> {
        let journal = self.journal.settle()?;
        let actions = self.actions.as_mut().map(OutputFile::settle).transpose()?;
        let of_now =
            self.sorter.waiting().iter().map(|output| WaitingOutput::new(&self.plan, output, actions.is_some()));
        let mut waiting: Vec<WaitingOutput> = self.left.iter().cloned().chain(of_now).collect();
        waiting.sort_by(|a, b| a.key().cmp(&b.key()));
        Ok(SyncedOutputs { journal, actions, waiting })
    }
}
