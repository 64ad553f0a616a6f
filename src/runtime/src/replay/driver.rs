//! Feeds a source to its end, and has what comes of it written.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use self_cell::self_cell;

use super::ReplaySinks;
use super::commit::ResultLengths;
use super::error::ReplayError;
use super::first_rejections::FirstRejections;
use super::progress::ReplayProgress;
use super::writer::{ReplayWriter, ReplayWriterMessage, WaitingOutput};
use crate::files::sink::{OutputFile, OutputFileError};
use crate::files::source::{FileItem, FileSourceError, LineBlock, LinePosition, OVERSIZED_HEAD_BYTES};
use crate::output::batch::{DeadLetter, DeadLetterCollector};
use crate::output::dead_letter::{self, FIRST_OF_LINE};
use crate::pipeline::{ParallelDecoder, Pipeline, ReadAhead, Rejection};
use rekindle_core::decode::RejectionReason;
use rekindle_core::partition::Output;
use rekindle_core::time::Timestamp;

/// How many batches of outputs may wait for the writer.
const BATCH_QUEUE_CAPACITY: usize = 1;
/// About how many wake-ups fire in one piece: what they come to is written before there is more of it.
const FIRED_AT_ONCE: usize = 4_096;

/// What a replay goes on with.
pub(super) struct ReplayDriver<'f> {
    pub(super) pipeline: &'f mut Pipeline,
    pub(super) max_message_bytes: usize,
    pub(super) until: Timestamp,
    /// Outputs that an earlier run left waiting.
    pub(super) left: Vec<WaitingOutput>,
    /// Where commits go; `None`: there are none.
    pub(super) progress: Option<&'f mut ReplayProgress>,
    pub(super) first_rejects: &'f mut FirstRejections,
}

impl ReplayDriver<'_> {
    /// Feeds everything, then moves time on to its end. Returns the files, not finished yet.
    pub(super) fn run(
        mut self,
        source: impl Iterator<Item = Result<FileItem, FileSourceError>>,
        sinks: ReplaySinks,
    ) -> Result<ReplaySinks, ReplayError> {
        let ReplaySinks { journal, actions, mut rejects } = sinks;
        let (sender, messages) = sync_channel(BATCH_QUEUE_CAPACITY);
        let left = std::mem::take(&mut self.left);
        let writer = ReplayWriter::new(Arc::clone(self.pipeline.plan()), left, journal, actions);
        let (journal, actions) = thread::scope(|scope| {
            let writing = scope.spawn(move || writer.write_all(&messages));
            let fed = self.feed_all(source, &mut rejects, &sender);
            if fed.is_ok() {
                self.pipeline.advance_watermark(self.until);
                // Not sent means not wanted: the writer has failed, and says so below.
                let _ = self.fire(&sender);
                let _ = sender.send(ReplayWriterMessage::Batch { outputs: Vec::new(), final_before: Timestamp::NEVER });
            }
            drop(sender);
            let written = writing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            fed.and_then(|()| Ok(written?))
        })?;
        Ok(ReplaySinks { journal, actions, rejects })
    }

    /// Feeds the source to its end, or until the writer wants no more.
    fn feed_all(
        &mut self,
        source: impl Iterator<Item = Result<FileItem, FileSourceError>>,
        rejects: &mut Option<OutputFile>,
        sender: &SyncSender<ReplayWriterMessage>,
    ) -> Result<(), ReplayError> {
        self.pipeline.limit_timers(Timestamp::MIN);
        let decoding = self.pipeline.decoder();
        let mut source = source.map(|item| Ok::<_, ReplayError>(item?));
        let mut next = self.next(&mut source)?.map(|item| DecodedItem::of(item, &decoding));
        while let Some(turn) = next {
            // What was read is part of a commit: where there are some, nothing is read before its turn.
            let following = if self.progress.is_none() { self.next(&mut source)? } else { None };
            let (ahead, outputs) =
                decoding.join(|| following.map(|item| DecodedItem::of(item, &decoding)), || self.feed(&turn, rejects));
            if !self.send(outputs?, sender) || !self.fire(sender) {
                return Ok(());
            }
            if let Some(progress) = self.progress.as_mut().filter(|progress| progress.is_due()) {
                let Some((lengths, waiting)) = settle(rejects, sender)? else { return Ok(()) };
                progress.commit(self.pipeline, lengths, waiting)?;
            }
            next = match ahead {
                None if self.progress.is_some() => self.next(&mut source)?.map(|item| DecodedItem::of(item, &decoding)),
                ahead => ahead,
            };
        }
        self.progress.as_ref().map_or(Ok(()), |progress| progress.ended())
    }

    /// The next item that was not worked on before.
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

    /// Fires what is due by the watermark, a piece at a time; false when the writer wants no more.
    fn fire(&mut self, sender: &SyncSender<ReplayWriterMessage>) -> bool {
        while self.pipeline.fired() < self.pipeline.watermark() {
            let mut outputs = Vec::new();
            let to = self.pipeline.next_timer_step(FIRED_AT_ONCE);
            self.pipeline.fire_timers(to, &mut outputs);
            if !self.send(outputs, sender) {
                return false;
            }
        }
        true
    }

    /// Hands outputs to the writer; false when it wants no more.
    fn send(&self, outputs: Vec<Output>, sender: &SyncSender<ReplayWriterMessage>) -> bool {
        sender.send(ReplayWriterMessage::Batch { outputs, final_before: self.pipeline.fired() }).is_ok()
    }

    fn feed(&mut self, turn: &DecodedItem, rejects: &mut Option<OutputFile>) -> Result<Vec<Output>, OutputFileError> {
        let mut outputs = Vec::new();
        match turn {
            DecodedItem::Block(decoded) => {
                let (block, ahead) = (decoded.borrow_owner(), decoded.borrow_dependent());
                feed_block(self.pipeline, block, ahead, (rejects, self.first_rejects), &mut outputs)?;
            }
            DecodedItem::Oversized { place, bytes, head } => {
                let reason = RejectionReason::MessageTooLarge { bytes: *bytes, limit: self.max_message_bytes as u64 };
                self.pipeline.count_oversized(&reason);
                self.first_rejects.add(place, &reason, head);
                if let Some(rejects) = rejects {
                    rejects.write(|sink| dead_letter::write_line(&reason, None, place, head, true, sink))?;
                }
            }
        }
        Ok(outputs)
    }
}

self_cell! {
    /// A block with what its lines say.
    struct DecodedBlock {
        owner: LineBlock,
        #[covariant]
        dependent: ReadAhead,
    }
}

/// An item, decoded.
enum DecodedItem {
    Block(DecodedBlock),
    Oversized { place: LinePosition, bytes: u64, head: Vec<u8> },
}

impl DecodedItem {
    fn of(item: FileItem, decoding: &ParallelDecoder) -> DecodedItem {
        match item {
            FileItem::Block(block) => {
                DecodedItem::Block(DecodedBlock::new(block, |block| decoding.decode(&block.lines, block.is_document)))
            }
            FileItem::Oversized { place, bytes, head } => DecodedItem::Oversized { place, bytes, head },
        }
    }
}

fn feed_block(
    pipeline: &mut Pipeline,
    block: &LineBlock,
    ahead: &ReadAhead<'_>,
    (rejects, first_rejects): (&mut Option<OutputFile>, &mut FirstRejections),
    outputs: &mut Vec<Output>,
) -> Result<(), OutputFileError> {
    // A line of a file, or a document, is to it what a message is to a stream.
    let (mut letters, mut count) = (DeadLetterCollector::with_first(FIRST_OF_LINE), 0);
    let mut reject = |letter: Rejection<'_>| {
        let rejected = letter.rejected;
        count += 1;
        // Where it stands in a document takes a look at all that stands before it.
        let is_told = !block.is_document || count <= FIRST_OF_LINE + 1;
        let place = if is_told { block.place_of(letter.line, rejected.original) } else { block.place.clone() };
        first_rejects.add(&place, &rejected.reason, rejected.original);
        if rejects.is_some() {
            let unit = if block.is_document { block.place.line } else { place.line };
            letters.add(unit, place.line, rejected.reason, rejected.original);
        }
    };
    pipeline.feed_decoded(ahead, &mut reject, outputs);
    let Some(rejects) = rejects else { return Ok(()) };
    for DeadLetter { line, reason, original, rest, .. } in letters.take() {
        let place = LinePosition { file: Arc::clone(&block.place.file), line };
        let (original, is_cut) = quoted(&reason, &original);
        rejects.write(|sink| dead_letter::write_line(&reason, rest.as_ref(), &place, original, is_cut, sink))?;
    }
    Ok(())
}

/// What of a rejected text stands in its letter, and whether that is not all: of what is too large, no more than of what
/// was never held whole.
fn quoted<'a>(reason: &RejectionReason, original: &'a [u8]) -> (&'a [u8], bool) {
    let is_cut = reason.is_too_large() && original.len() > OVERSIZED_HEAD_BYTES;
    (if is_cut { &original[..OVERSIZED_HEAD_BYTES] } else { original }, is_cut)
}

/// Makes everything safe that was decided so far; `None`: the writer has failed, and will say why.
fn settle(
    rejects: &mut Option<OutputFile>,
    sender: &SyncSender<ReplayWriterMessage>,
) -> Result<Option<(ResultLengths, Vec<WaitingOutput>)>, OutputFileError> {
    let rejects = rejects.as_mut().map(OutputFile::settle).transpose()?;
    let (answer, settled) = sync_channel(1);
    if sender.send(ReplayWriterMessage::Settle(answer)).is_err() {
        return Ok(None);
    }
    let settled = settled.recv().ok();
    Ok(settled.map(|settled| {
        (ResultLengths { journal: settled.journal, actions: settled.actions, rejects }, settled.waiting)
    }))
}
