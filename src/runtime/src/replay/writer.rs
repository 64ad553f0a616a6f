//! Sorts outputs into the journal's order and writes them, on a thread of its own while the next block is applied.
//!
//! An output is written when no earlier one can come any more; until then it waits, also from one run to the next.

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

/// A message to the writer.
pub(super) enum ReplayWriterMessage {
    /// The outputs of a block.
    Batch {
        outputs: Vec<Output>,
        /// No later batch has an output that is due before this.
        final_before: Timestamp,
    },
    /// Makes everything before this message durable, and replies with its lengths.
    Sync(SyncSender<SyncedOutputs>),
}

/// The outputs that a writer has made durable.
pub(super) struct SyncedOutputs {
    /// Bytes of the journal.
    pub(super) journal: u64,
    /// Bytes of the actions.
    pub(super) actions: Option<u64>,
    /// Outputs that are not due yet, in the journal's order.
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
    /// Its line in the actions; empty if it is no action, or none are requested.
    action: String,
}

impl WaitingOutput {
    fn new(plan: &ExecutionPlan, output: &Output, with_action: bool) -> WaitingOutput {
        let (mut journal, mut action) = (Vec::new(), Vec::new());
        journal::append_line(&plan.rules, output, &mut journal);
        if with_action {
            action::write_line(&plan.rules, output, &mut action).expect("writing to memory cannot fail");
        }
        WaitingOutput {
            at_ms: output.at.0,
            user: output.user.to_string(),
            position: output.position,
            journal: String::from_utf8_lossy(&journal).into_owned(),
            action: String::from_utf8_lossy(&action).into_owned(),
        }
    }

    /// The key that orders the journal.
    fn key(&self) -> (i64, &str, u64) {
        (self.at_ms, &self.user, self.position)
    }
}

/// Writes the journal and the actions.
pub(super) struct ReplayWriter {
    plan: Arc<ExecutionPlan>,
    sorter: JournalSorter,
    /// Outputs that an earlier run left waiting, in the journal's order. They precede those with the same key in the sorter.
    waiting_before: VecDeque<WaitingOutput>,
    journal: OutputFile,
    actions: Option<OutputFile>,
    /// The line of the journal that is being written.
    line: Vec<u8>,
}

impl ReplayWriter {
    /// A writer that continues after a run which left these outputs waiting.
    pub(super) fn new(
        plan: Arc<ExecutionPlan>,
        waiting_before: Vec<WaitingOutput>,
        journal: OutputFile,
        actions: Option<OutputFile>,
    ) -> ReplayWriter {
        let waiting_before = waiting_before.into();
        ReplayWriter { plan, sorter: JournalSorter::default(), waiting_before, journal, actions, line: Vec::new() }
    }

    /// Writes until the channel is closed. Returns the files, which are not finished yet.
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
                ReplayWriterMessage::Sync(reply) => {
                    let synced = self.sync()?;
                    // If the replay has failed, nobody waits for the reply.
                    let _ = reply.send(synced);
                }
            }
        }
        Ok((self.journal, self.actions))
    }

    fn write(&mut self, outputs: &[Output], final_before: Timestamp) -> Result<(), OutputFileError> {
        for output in outputs {
            let key = (output.at.0, &*output.user, output.position);
            self.write_waiting(|waiting| waiting.key() <= key)?;
            self.line.clear();
            journal::append_line(&self.plan.rules, output, &mut self.line);
            self.journal.write(|sink| sink.write_all(&self.line))?;
            if let Some(actions) = &mut self.actions {
                actions.write(|sink| action::write_line(&self.plan.rules, output, sink))?;
            }
        }
        self.write_waiting(|waiting| waiting.at_ms < final_before.0)
    }

    /// Writes outputs of an earlier run as long as `is_next` is true for them.
    fn write_waiting(&mut self, mut is_next: impl FnMut(&WaitingOutput) -> bool) -> Result<(), OutputFileError> {
        while let Some(waiting) = self.waiting_before.front().filter(|waiting| is_next(waiting)) {
            self.journal.write(|sink| sink.write_all(waiting.journal.as_bytes()))?;
            if let Some(actions) = &mut self.actions {
                actions.write(|sink| sink.write_all(waiting.action.as_bytes()))?;
            }
            self.waiting_before.pop_front();
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<SyncedOutputs, OutputFileError> {
        let journal = self.journal.sync()?;
        let actions = self.actions.as_mut().map(OutputFile::sync).transpose()?;
        let of_now =
            self.sorter.waiting().iter().map(|output| WaitingOutput::new(&self.plan, output, actions.is_some()));
        let mut waiting: Vec<WaitingOutput> = self.waiting_before.iter().cloned().chain(of_now).collect();
        waiting.sort_by(|a, b| a.key().cmp(&b.key()));
        Ok(SyncedOutputs { journal, actions, waiting })
    }
}
