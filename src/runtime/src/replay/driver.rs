//! Drives a replay: reads blocks from the source, has the next one decoded while the current one is applied, and hands the
//! outputs to the writer's thread.
//!
//! With progress to commit nothing is read ahead: what was read is part of the commit.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use super::ReplaySinks;
use super::commit::ResultLengths;
use super::decoded_item::DecodedItem;
use super::error::ReplayError;
use super::first_rejections::FirstRejections;
use super::progress::ReplayProgress;
use super::writer::{ReplayWriter, ReplayWriterMessage, SyncedOutputs, WaitingOutput};
use crate::files::sink::{OutputFile, OutputFileError};
use crate::files::source::{FileItem, FileSourceError, LineBlock, LinePosition, OVERSIZED_HEAD_BYTES};
use crate::output::batch::{DeadLetter, DeadLetterCollector};
use crate::output::dead_letter::{self, MAX_DEAD_LETTERS_PER_LINE};
use crate::pipeline::{Pipeline, ReadAhead, Rejection};
use rekindle_core::decode::RejectionReason;
use rekindle_core::partition::{Output, TimerMark};
use rekindle_core::time::Timestamp;

/// The number of output batches that may wait for the writer.
const WRITER_QUEUE_CAPACITY: usize = 1;
/// About the number of timers that fire in one step, so that their outputs are written before the next step.
const TIMERS_PER_STEP: usize = 4_096;

/// A replay in progress.
pub(super) struct ReplayDriver<'f> {
    pub(super) pipeline: &'f mut Pipeline,
    pub(super) max_message_bytes: usize,
    pub(super) until: Timestamp,
    /// Outputs that an earlier run left waiting.
    pub(super) waiting_before: Vec<WaitingOutput>,
    /// Where progress is committed; `None`: nowhere.
    pub(super) progress: Option<&'f mut ReplayProgress>,
    pub(super) first_rejections: &'f mut FirstRejections,
}

impl ReplayDriver<'_> {
    /// Feeds everything, then advances time to the end. Returns the files, which are not finished yet.
    pub(super) fn run(
        mut self,
        source: impl Iterator<Item = Result<FileItem, FileSourceError>>,
        sinks: ReplaySinks,
    ) -> Result<ReplaySinks, ReplayError> {
        let ReplaySinks { journal, actions, mut dead_letters } = sinks;
        let (sender, messages) = sync_channel(WRITER_QUEUE_CAPACITY);
        let waiting = std::mem::take(&mut self.waiting_before);
        let writer = ReplayWriter::new(Arc::clone(self.pipeline.plan()), waiting, journal, actions);
        let (journal, actions) = thread::scope(|scope| {
            let writing = scope.spawn(move || writer.write_all(&messages));
            let fed = self.feed_all(source, &mut dead_letters, &sender);
            if fed.is_ok() {
                self.pipeline.advance_watermark(self.until);
                // If nothing can be sent, the writer has failed, and its error is returned below.
                let _ = self.fire(&sender);
                let _ = sender.send(ReplayWriterMessage::Batch { outputs: Vec::new(), final_before: Timestamp::NEVER });
            }
            drop(sender);
            let written = writing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            fed.and_then(|()| Ok(written?))
        })?;
        Ok(ReplaySinks { journal, actions, dead_letters })
    }

    /// Feeds the source to its end, or until the writer has failed.
    fn feed_all(
        &mut self,
        source: impl Iterator<Item = Result<FileItem, FileSourceError>>,
        dead_letters: &mut Option<OutputFile>,
        sender: &SyncSender<ReplayWriterMessage>,
    ) -> Result<(), ReplayError> {
        self.pipeline.limit_timers(TimerMark::MIN);
        let decoder = self.pipeline.decoder();
        let mut source = source.map(|item| Ok::<_, ReplayError>(item?));
        let mut next = self.next(&mut source)?.map(|item| DecodedItem::of(item, &decoder));
        while let Some(current) = next {
            // What was read is part of a commit: with commits nothing is read ahead.
            let following = if self.progress.is_none() { self.next(&mut source)? } else { None };
            let (ahead, outputs) = decoder
                .join(|| following.map(|item| DecodedItem::of(item, &decoder)), || self.feed(&current, dead_letters));
            if !self.send(outputs?, sender) || !self.fire(sender) {
                return Ok(());
            }
            if let Some(progress) = self.progress.as_mut().filter(|progress| progress.is_due()) {
                let Some(CommittedResults { lengths, waiting }) = sync_results(dead_letters, sender)? else {
                    return Ok(());
                };
                progress.commit(self.pipeline, lengths, waiting)?;
            }
            next = match ahead {
                None if self.progress.is_some() => self.next(&mut source)?.map(|item| DecodedItem::of(item, &decoder)),
                ahead => ahead,
            };
        }
        self.progress.as_ref().map_or(Ok(()), |progress| progress.ended())
    }

    /// The next item that was not processed before the last commit.
    fn next(
        &mut self,
        source: &mut impl Iterator<Item = Result<FileItem, ReplayError>>,
    ) -> Result<Option<FileItem>, ReplayError> {
        for item in source {
            let item = match &mut self.progress {
                None => Some(item?),
                Some(progress) => progress.take(item?)?,
            };
            if item.is_some() {
                return Ok(item);
            }
        }
        Ok(None)
    }

    /// Fires the timers due by the watermark, in steps; false if the writer has failed.
    fn fire(&mut self, sender: &SyncSender<ReplayWriterMessage>) -> bool {
        while self.pipeline.fired() < self.pipeline.watermark() {
            let mut outputs = Vec::new();
            let to = self.pipeline.next_timer_step(TIMERS_PER_STEP);
            self.pipeline.fire_timers(to, &mut outputs);
            if !self.send(outputs, sender) {
                return false;
            }
        }
        true
    }

    /// Hands outputs to the writer; false if it has failed.
    fn send(&self, outputs: Vec<Output>, sender: &SyncSender<ReplayWriterMessage>) -> bool {
        sender
            .send(ReplayWriterMessage::Batch {
                outputs,
                final_before: self.pipeline.final_before(self.pipeline.fired()),
            })
            .is_ok()
    }

    fn feed(
        &mut self,
        item: &DecodedItem,
        dead_letters: &mut Option<OutputFile>,
    ) -> Result<Vec<Output>, OutputFileError> {
        let mut outputs = Vec::new();
        match item {
            DecodedItem::Block(decoded) => {
                let (block, lines) = (decoded.borrow_owner(), decoded.borrow_dependent());
                let rejections = RejectionSinks { dead_letters, first: self.first_rejections };
                feed_block(self.pipeline, block, lines, rejections, &mut outputs)?;
            }
            DecodedItem::Oversized { place, bytes, head } => {
                let reason = RejectionReason::MessageTooLarge { bytes: *bytes, limit: self.max_message_bytes as u64 };
                self.pipeline.count_oversized(&reason);
                self.first_rejections.add(place, &reason, head);
                if let Some(dead_letters) = dead_letters {
                    dead_letters.write(|sink| dead_letter::write_line(&reason, None, place, head, true, sink))?;
                }
            }
        }
        Ok(outputs)
    }
}

/// Where rejections go.
struct RejectionSinks<'r> {
    dead_letters: &'r mut Option<OutputFile>,
    first: &'r mut FirstRejections,
}

fn feed_block(
    pipeline: &mut Pipeline,
    block: &LineBlock,
    decoded: &ReadAhead<'_>,
    rejections: RejectionSinks<'_>,
    outputs: &mut Vec<Output>,
) -> Result<(), OutputFileError> {
    let RejectionSinks { dead_letters, first } = rejections;
    // The dead letters of a line, or of a document, are limited like those of a message in a stream.
    let (mut collector, mut count) = (DeadLetterCollector::new(MAX_DEAD_LETTERS_PER_LINE), 0);
    let mut reject = |rejection: Rejection<'_>| {
        let rejected = rejection.rejected;
        count += 1;
        // The line within a document is found by going through all bytes before it.
        let is_located = !block.is_document || count <= MAX_DEAD_LETTERS_PER_LINE + 1;
        let place = if is_located { block.place_of(rejection.line, rejected.original) } else { block.place.clone() };
        first.add(&place, &rejected.reason, rejected.original);
        if dead_letters.is_some() {
            let group = if block.is_document { block.place.line } else { place.line };
            collector.add(group, place.line, rejected.reason, rejected.original);
        }
    };
    pipeline.feed_decoded(decoded, &mut reject, outputs);
    let Some(dead_letters) = dead_letters else { return Ok(()) };
    for DeadLetter { line, reason, original, rest, .. } in collector.into_dead_letters() {
        let place = LinePosition { file: Arc::clone(&block.place.file), line };
        let (original, is_truncated) = quoted(&reason, &original);
        dead_letters
            .write(|sink| dead_letter::write_line(&reason, rest.as_ref(), &place, original, is_truncated, sink))?;
    }
    Ok(())
}

/// The part of a rejected text that its dead letter has, and whether it is truncated: a text that is too large is quoted to the
/// same length as a line that was never read completely.
fn quoted<'a>(reason: &RejectionReason, original: &'a [u8]) -> (&'a [u8], bool) {
    let is_truncated = reason.is_too_large() && original.len() > OVERSIZED_HEAD_BYTES;
    (if is_truncated { &original[..OVERSIZED_HEAD_BYTES] } else { original }, is_truncated)
}

/// The results up to a commit.
struct CommittedResults {
    lengths: ResultLengths,
    waiting: Vec<WaitingOutput>,
}

/// Makes everything that was decided so far durable; `None`: the writer has failed, and its error is returned elsewhere.
fn sync_results(
    dead_letters: &mut Option<OutputFile>,
    sender: &SyncSender<ReplayWriterMessage>,
) -> Result<Option<CommittedResults>, OutputFileError> {
    let dead_letters = dead_letters.as_mut().map(OutputFile::sync).transpose()?;
    let (reply, synced) = sync_channel(1);
    if sender.send(ReplayWriterMessage::Sync(reply)).is_err() {
        return Ok(None);
    }
    let synced = synced.recv().ok();
    Ok(synced.map(|SyncedOutputs { journal, actions, waiting }| {
        let lengths = ResultLengths { journal, actions, dead_letters };
        CommittedResults { lengths, waiting }
    }))
}
