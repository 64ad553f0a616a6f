//! Writes a checkpoint on a thread of its own, while the pipeline it was cut from goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use tokio::sync::oneshot;

use super::error::StoreError;
use super::objects::{ObjectError, ObjectStorage, ObjectWriter};
use rekindle_core::checkpoint::{CheckpointEncoder, CheckpointHeader};
use rekindle_core::growth::Rollup;
use rekindle_core::growth::calendar::Day;
use rekindle_core::identity::LinksSnapshot;
use rekindle_core::partition::{ExecutionPlan, SnapshotUsers};

/// Bytes that are gathered before they go to the store.
const WRITE_BYTES: usize = 1 << 20;

/// How many captured users may wait to be written before the pipeline had better wait too.
const USERS_AHEAD: usize = 50_000;

/// A checkpoint that is being written. Dropped before it is finished, it leaves nothing behind.
#[derive(Debug)]
pub struct CheckpointWriter {
    sender: Sender<CheckpointWriterMessage>,
    progress: Arc<WriteProgress>,
    number: u64,
}

impl WrittenCheckpoint {
    /// Whether it holds everybody, not only who changed.
    pub fn is_whole(&self) -> bool {
        self.head.kind == rekindle_core::checkpoint::CheckpointKind::Base
    }
}

/// A checkpoint that is written, and does not count yet: the manifest does not name it.
#[derive(Clone, Debug)]
pub struct WrittenCheckpoint {
    pub(super) head: CheckpointHeader,
    pub(super) generation: u64,
    pub(super) object: String,
    pub(super) crc32c: u32,
    /// How long it is.
    pub bytes: u64,
    /// How many users stand in it.
    pub users: u64,
}

#[derive(Debug, Default)]
struct WriteProgress {
    users_ahead: AtomicUsize,
    failed: AtomicBool,
}

enum CheckpointWriterMessage {
    Users(Vec<SnapshotUsers>),
    Finish(oneshot::Sender<Result<WrittenCheckpoint, StoreError>>),
}

/// What a checkpoint is begun with.
pub(super) struct CheckpointStart {
    pub(super) objects: Arc<dyn ObjectStorage>,
    pub(super) object: String,
    pub(super) head: CheckpointHeader,
    pub(super) generation: u64,
    pub(super) plan: Arc<ExecutionPlan>,
    pub(super) links: LinksSnapshot,
    pub(super) growth: Option<(Box<Rollup>, Day)>,
}

impl CheckpointWriter {
    pub(super) fn start(begin: CheckpointStart) -> Result<CheckpointWriter, StoreError> {
        let (sender, receiver) = channel();
        let progress = Arc::new(WriteProgress::default());
        let (ours, number) = (Arc::clone(&progress), begin.head.number);
        let work = move || work(begin, &receiver, &ours);
        let started = std::thread::Builder::new().name("checkpoint".to_owned()).spawn(work);
        started.map_err(|error| StoreError::Thread(format!("the system starts no thread: {error}")))?;
        Ok(CheckpointWriter { sender, progress, number })
    }

    /// The checkpoint's number.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Hands over pieces of the cut. Never waits; see [`has_room`](CheckpointWriter::has_room).
    pub fn push(&self, pieces: Vec<SnapshotUsers>) {
        self.progress.users_ahead.fetch_add(users_in(&pieces), Ordering::Relaxed);
        // Where the thread has died, finishing says so.
        let _ = self.sender.send(CheckpointWriterMessage::Users(pieces));
    }

    /// Whether the disk keeps up: more pieces are welcome.
    pub fn has_room(&self) -> bool {
        self.progress.users_ahead.load(Ordering::Relaxed) < USERS_AHEAD
    }

    /// Whether writing has failed already; finishing says why. What is pushed all the same is thrown away.
    pub fn has_failed(&self) -> bool {
        self.progress.failed.load(Ordering::Relaxed)
    }

    /// Everything was pushed. The checkpoint is then finished and made safe; what came of it is to be awaited, from
    /// anywhere.
    pub fn finish(self) -> CheckpointCompletion {
        let (reply, answer) = oneshot::channel();
        let _ = self.sender.send(CheckpointWriterMessage::Finish(reply));
        CheckpointCompletion(answer)
    }
}

/// A checkpoint that is being finished.
#[derive(Debug)]
pub struct CheckpointCompletion(oneshot::Receiver<Result<WrittenCheckpoint, StoreError>>);

impl CheckpointCompletion {
    /// Waits until it is written.
    ///
    /// # Errors
    /// It could not be written; nothing is left of it.
    pub async fn wait(self) -> Result<WrittenCheckpoint, StoreError> {
        self.0.await.unwrap_or_else(|_| Err(died()))
    }

    /// Waits until it is written, on a thread that may wait.
    ///
    /// # Errors
    /// It could not be written; nothing is left of it.
    pub fn blocking_wait(self) -> Result<WrittenCheckpoint, StoreError> {
        self.0.blocking_recv().unwrap_or_else(|_| Err(died()))
    }

    /// Whether it is written, or has failed, by now; what came of it, once.
    pub fn try_wait(&mut self) -> Option<Result<WrittenCheckpoint, StoreError>> {
        match self.0.try_recv() {
            Ok(done) => Some(done),
            Err(oneshot::error::TryRecvError::Empty) => None,
            Err(oneshot::error::TryRecvError::Closed) => Some(Err(died())),
        }
    }
}

fn died() -> StoreError {
    StoreError::Thread("the thread that writes it has died; this is a mistake in Rekindle".to_owned())
}

fn users_in(pieces: &[SnapshotUsers]) -> usize {
    pieces.iter().map(|piece| piece.users.len()).sum()
}

/// The thread: writes what comes, and says at the end what came of it. After a failure it only waits for the end.
fn work(begin: CheckpointStart, messages: &Receiver<CheckpointWriterMessage>, progress: &WriteProgress) {
    let mut output = StoreOutput::begin(begin);
    if output.is_err() {
        progress.failed.store(true, Ordering::Relaxed);
    }
    while let Ok(message) = messages.recv() {
        match message {
            CheckpointWriterMessage::Users(pieces) => {
                if let Ok(open) = &mut output
                    && let Err(error) = open.add(&pieces)
                {
                    output = Err(error);
                    progress.failed.store(true, Ordering::Relaxed);
                }
                progress.users_ahead.fetch_sub(users_in(&pieces), Ordering::Relaxed);
            }
            CheckpointWriterMessage::Finish(reply) => {
                // Who does not wait for the answer has no use for the checkpoint: the next clean-up removes it.
                let _ = reply.send(output.and_then(StoreOutput::finish));
                return;
            }
        }
    }
}

/// A file on its way into the store.
struct StoreOutput {
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

impl StoreOutput {
    fn begin(begin: CheckpointStart) -> Result<StoreOutput, StoreError> {
        let CheckpointStart { objects, object: name, head, generation, plan, links, growth } = begin;
        let mut encoder = CheckpointEncoder::new(&plan, &head)?;
        encoder.links(&links)?;
        if let Some((rollup, today)) = growth {
            encoder.growth(&rollup.stored(today))?;
        }
        let object = objects.create(&name).map_err(|error| failed(&*objects, &name, &error))?;
        Ok(StoreOutput { objects, object, name, encoder, head, generation, buffer: Vec::new(), crc32c: 0, bytes: 0 })
    }

    fn add(&mut self, pieces: &[SnapshotUsers]) -> Result<(), StoreError> {
        for piece in pieces {
            self.encoder.captured(piece)?;
            let finished = self.encoder.take();
            self.buffer.extend_from_slice(&finished);
            if self.buffer.len() >= WRITE_BYTES {
                self.write()?;
            }
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), StoreError> {
        self.crc32c = crc32c::crc32c_append(self.crc32c, &self.buffer);
        self.bytes += self.buffer.len() as u64;
        self.object.write(&self.buffer).map_err(|error| failed(&*self.objects, &self.name, &error))?;
        self.buffer.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<WrittenCheckpoint, StoreError> {
        let finished = self.encoder.take();
        self.buffer.extend_from_slice(&finished);
        let StoreOutput { encoder, .. } = self;
        let (last, totals) = encoder.finish()?;
        self.buffer.extend_from_slice(&last);
        let StoreOutput { objects, mut object, name, head, generation, buffer, crc32c, bytes, .. } = self;
        object.write(&buffer).map_err(|error| failed(&*objects, &name, &error))?;
        object.finish().map_err(|error| failed(&*objects, &name, &error))?;
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

fn failed(objects: &dyn ObjectStorage, name: &str, error: &ObjectError) -> StoreError {
    StoreError::Failed { attempt: format!("write {name}"), place: objects.place(), why: error.to_string() }
}
