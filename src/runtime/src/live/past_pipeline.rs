//! A pipeline on its way through the log's past, under rules that are to take effect where the live engine is.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::processing::entry;
use crate::log::LogRecord;
use crate::pipeline::{InputEntry, Pipeline};

/// A pipeline that [decides nothing](Pipeline::decide_nothing), and how far it has read.
pub struct PastPipeline {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// The last record of the log that it has read, or that it may skip to.
    pub sequence: u64,
}

impl PastPipeline {
    /// Reads those of the records, which come in the log's order, that were not read and are no later than `through`.
    pub fn read(&mut self, records: &[LogRecord], through: u64) {
        let from = records.partition_point(|record| record.sequence <= self.sequence);
        let to = records.partition_point(|record| record.sequence <= through);
        if from < to {
            let entries: Vec<InputEntry<'_>> = records[from..to].iter().map(entry).collect();
            self.pipeline.feed_entries(&entries, &mut |_| {}, &mut Vec::new());
        }
        if let Some(last) = records.last() {
            self.sequence = self.sequence.max(last.sequence.min(through));
        }
    }
}

/// The same in a recovery: it was stored a little before its rules took effect, and reads the rest again. Clones share it.
#[derive(Clone)]
pub struct RecoveredPast(Arc<Mutex<Option<PastPipeline>>>);

impl RecoveredPast {
    /// As it was stored.
    pub fn new(past: PastPipeline) -> RecoveredPast {
        RecoveredPast(Arc::new(Mutex::new(Some(past))))
    }

    /// The last record that it has read; `None`: it was taken.
    pub fn sequence(&self) -> Option<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|past| past.sequence)
    }

    pub(super) fn read(&self, records: &[LogRecord], through: u64) {
        if let Some(past) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            past.read(records, through);
        }
    }

    pub(super) fn take(&self) -> Option<Pipeline> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().map(|past| past.pipeline)
    }
}

impl fmt::Debug for RecoveredPast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RecoveredPast").field(&self.sequence()).finish()
    }
}
