//! Writes a checkpoint on a thread of its own, while the pipeline whose snapshot it is continues.
//!
//! The object is complete and durable at the end, and not yet valid: that takes a [commit](super::CheckpointStore::commit).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use tokio::sync::oneshot;

use super::error::{StoreError, StoreFailure};
use super::objects::{ObjectError, ObjectStorage, ObjectWriter};
use crate::pipeline::RecentHistoryPart;
use rekindle_core::checkpoint::{CheckpointEncoder, CheckpointHeader, CheckpointKind, StoredShared};
use rekindle_core::goals::UpliftCounts;
use rekindle_core::growth::Rollup;
use rekindle_core::growth::calendar::Day;
use rekindle_core::identity::LinksSnapshot;
use rekindle_core::partition::{ExecutionPlan, SnapshotUsers};

/// Bytes that are buffered before they are written to the store.
const WRITE_BUFFER_BYTES: usize = 1 << 20;

/// The number of copied users that may wait to be written before the pipeline should take no more parts.
const USER_QUEUE_CAPACITY: usize = 50_000;

/// A checkpoint that is being written. If it is dropped before it is finished, nothing is stored.
#[derive(Debug)]
pub struct CheckpointWriter {
    sender: Sender<CheckpointWriterMessage>,
    progress: Arc<WriteProgress>,
    number: u64,
}

impl WrittenCheckpoint {
    /// Whether it is a base, with all users.
    pub fn is_base(&self) -> bool {
        self.head.kind == CheckpointKind::Base
    }
}

/// A checkpoint that is written and not valid yet: the manifest does not name it.
#[derive(Clone, Debug)]
pub struct WrittenCheckpoint {
    pub(super) head: CheckpointHeader,
    pub(super) generation: u64,
    pub(super) object: String,
    pub(super) crc32c: u32,
    /// Its bytes.
    pub bytes: u64,
    /// The number of users in it.
    pub users: u64,
}

#[derive(Debug, Default)]
struct WriteProgress {
    queued_users: AtomicUsize,
    failed: AtomicBool,
}

enum CheckpointWriterMessage {
    Users(Vec<SnapshotUsers>),
    Recent(RecentHistoryPart),
    Finish(oneshot::Sender<Result<WrittenCheckpoint, StoreError>>),
}

/// What is known of a checkpoint when it is begun.
pub(super) struct CheckpointStart {
    pub(super) objects: Arc<dyn ObjectStorage>,
    pub(super) object: String,
    pub(super) head: CheckpointHeader,
    pub(super) generation: u64,
    pub(super) plan: Arc<ExecutionPlan>,
    pub(super) links: LinksSnapshot,
    pub(super) growth: Option<(Box<Rollup>, Day)>,
    pub(super) uplift: Arc<UpliftCounts>,
    pub(super) shared: StoredShared,
}

impl CheckpointWriter {
    pub(super) fn start(start: CheckpointStart) -> Result<CheckpointWriter, StoreError> {
        let (sender, receiver) = channel();
        let progress = Arc::new(WriteProgress::default());
        let (ours, number) = (Arc::clone(&progress), start.head.number);
        let write = move || write_all(start, &receiver, &ours);
        let started = std::thread::Builder::new().name("checkpoint".to_owned()).spawn(write);
        started.map_err(StoreError::ThreadNotStarted)?;
        Ok(CheckpointWriter { sender, progress, number })
    }

    /// The checkpoint's number.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Queues parts of the snapshot. Never waits; see [`has_room`](CheckpointWriter::has_room).
    pub fn push(&self, parts: Vec<SnapshotUsers>) {
        self.progress.queued_users.fetch_add(users_in(&parts), Ordering::Relaxed);
        // If the thread has panicked, the completion reports it.
        let _ = self.sender.send(CheckpointWriterMessage::Users(parts));
    }

    /// Queues a part of what there is beside the state, in its order. Never waits either.
    pub fn push_recent(&self, part: RecentHistoryPart) {
        let _ = self.sender.send(CheckpointWriterMessage::Recent(part));
    }

    /// Whether the writer keeps up, so that more parts may be pushed.
    pub fn has_room(&self) -> bool {
        self.progress.queued_users.load(Ordering::Relaxed) < USER_QUEUE_CAPACITY
    }

    /// Whether writing has failed already; the completion has the error. Further parts are discarded.
    pub fn has_failed(&self) -> bool {
        self.progress.failed.load(Ordering::Relaxed)
    }

    /// All parts were pushed: completes the checkpoint and makes it durable. The result can be awaited anywhere.
    pub fn finish(self) -> CheckpointCompletion {
        let (reply, answer) = oneshot::channel();
        let _ = self.sender.send(CheckpointWriterMessage::Finish(reply));
        CheckpointCompletion(answer)
    }
}

/// A checkpoint that is being completed.
#[derive(Debug)]
pub struct CheckpointCompletion(oneshot::Receiver<Result<WrittenCheckpoint, StoreError>>);

impl CheckpointCompletion {
    /// Waits until it is written.
    ///
    /// # Errors
    /// It could not be written, and nothing of it is stored.
    pub async fn wait(self) -> Result<WrittenCheckpoint, StoreError> {
        self.0.await.unwrap_or_else(|_| Err(StoreError::WriterPanicked))
    }

    /// Waits until it is written, on a thread that may block.
    ///
    /// # Errors
    /// It could not be written, and nothing of it is stored.
    pub fn blocking_wait(self) -> Result<WrittenCheckpoint, StoreError> {
        self.0.blocking_recv().unwrap_or_else(|_| Err(StoreError::WriterPanicked))
    }

    /// The result, once, if it is written or has failed by now.
    pub fn try_wait(&mut self) -> Option<Result<WrittenCheckpoint, StoreError>> {
        match self.0.try_recv() {
            Ok(done) => Some(done),
            Err(oneshot::error::TryRecvError::Empty) => None,
            Err(oneshot::error::TryRecvError::Closed) => Some(Err(StoreError::WriterPanicked)),
        }
    }
}

fn users_in(parts: &[SnapshotUsers]) -> usize {
    parts.iter().map(|part| part.users.len()).sum()
}

/// The thread's work: writes the parts, and sends the result at the end. After a failure it only waits for the end.
fn write_all(start: CheckpointStart, messages: &Receiver<CheckpointWriterMessage>, progress: &WriteProgress) {
    let mut output = CheckpointObject::begin(start);
    if output.is_err() {
        progress.failed.store(true, Ordering::Relaxed);
    }
    while let Ok(message) = messages.recv() {
        match message {
            CheckpointWriterMessage::Users(parts) => {
                if let Ok(open) = &mut output
                    && let Err(error) = open.add(&parts)
                {
                    output = Err(error);
                    progress.failed.store(true, Ordering::Relaxed);
                }
                progress.queued_users.fetch_sub(users_in(&parts), Ordering::Relaxed);
            }
            CheckpointWriterMessage::Recent(part) => {
                if let Ok(open) = &mut output
                    && let Err(error) = open.add_recent(&part)
                {
                    output = Err(error);
                    progress.failed.store(true, Ordering::Relaxed);
                }
            }
            CheckpointWriterMessage::Finish(reply) => {
                // If nobody waits for the result, the next clean-up removes the object.
                let _ = reply.send(output.and_then(CheckpointObject::finish));
                return;
            }
        }
    }
}

/// The object of a checkpoint that is being encoded and written.
struct CheckpointObject {
    objects: Arc<dyn ObjectStorage>,
    object: Box<dyn ObjectWriter>,
    name: String,
    encoder: CheckpointEncoder,
    head: CheckpointHeader,
    generation: u64,
    buffer: Vec<u8>,
    crc32c: u32,
    bytes: u64,
}

impl CheckpointObject {
    fn begin(start: CheckpointStart) -> Result<CheckpointObject, StoreError> {
        let CheckpointStart { objects, object: name, head, generation, plan, links, growth, uplift, shared } = start;
        let mut encoder = CheckpointEncoder::new(&plan, &head)?;
        encoder.links(&links)?;
        if let Some((rollup, today)) = growth {
            encoder.growth(&rollup.stored(today))?;
        }
        if !uplift.is_empty() {
            encoder.uplift(&uplift)?;
        }
        encoder.shared(&plan.rules, &shared)?;
        let object = objects.create(&name).map_err(|error| failed(&*objects, &name, error))?;
        Ok(CheckpointObject {
            objects,
            object,
            name,
            encoder,
            head,
            generation,
            buffer: Vec::new(),
            crc32c: 0,
            bytes: 0,
        })
    }

    fn add(&mut self, parts: &[SnapshotUsers]) -> Result<(), StoreError> {
        for part in parts {
            self.encoder.snapshot(part)?;
            self.take_finished()?;
        }
        Ok(())
    }

    fn add_recent(
        &mut self,
        RecentHistoryPart { forgotten, decisions, hours }: &RecentHistoryPart,
    ) -> Result<(), StoreError> {
        self.encoder.forgotten_decisions(forgotten)?;
        self.encoder.segment_hours(hours)?;
        for (plan, decision) in decisions {
            self.encoder.decision(&plan.rules, decision)?;
        }
        self.take_finished()
    }

    fn take_finished(&mut self) -> Result<(), StoreError> {
        let finished = self.encoder.take();
        self.buffer.extend_from_slice(&finished);
        if self.buffer.len() >= WRITE_BUFFER_BYTES { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), StoreError> {
        self.crc32c = crc32c::crc32c_append(self.crc32c, &self.buffer);
        self.bytes += self.buffer.len() as u64;
        self.object.write(&self.buffer).map_err(|error| failed(&*self.objects, &self.name, error))?;
        self.buffer.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<WrittenCheckpoint, StoreError> {
        let finished = self.encoder.take();
        self.buffer.extend_from_slice(&finished);
        let CheckpointObject { encoder, .. } = self;
        let (last, totals) = encoder.finish()?;
        self.buffer.extend_from_slice(&last);
        let CheckpointObject { objects, mut object, name, head, generation, buffer, crc32c, bytes, .. } = self;
        object.write(&buffer).map_err(|error| failed(&*objects, &name, error))?;
        object.finish().map_err(|error| failed(&*objects, &name, error))?;
        Ok(WrittenCheckpoint {
            head,
            generation,
            object: name,
            crc32c: crc32c::crc32c_append(crc32c, &buffer),
            bytes: bytes + buffer.len() as u64,
            users: totals.users,
        })
    }
}

fn failed(objects: &dyn ObjectStorage, name: &str, error: ObjectError) -> StoreError {
    StoreError::Failed { attempt: format!("write {name}"), place: objects.place(), cause: StoreFailure::Object(error) }
}
