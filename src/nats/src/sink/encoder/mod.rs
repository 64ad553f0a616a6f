//! Encodes the engine's outputs as messages: subject, headers, payload, and an id that stays the same.
//!
//! | output | subject | payload | id |
//! |---|---|---|---|
//! | transition | `<prefix>.segments.<segment>.<enter or exit>` | the journal's line | hash of user, segment, key, change, time, cause |
//! | action | `<prefix>.actions.<channel>.<campaign>` | CloudEvent | the action's own |
//! | decision, if enabled | `<prefix>.decisions.<campaign>.<outcome>` | the journal's line | hash of user, campaign, key, number of the match, outcome, time, cause |
//! | points | `<prefix>.points.<ledger>.<change>` | the journal's line | hash of user, ledger, change, time, cause, and how many changes the event made before, or campaign, number of the match and key |
//! | budget | `<prefix>.budgets.<budget>.<change>` | the journal's line | hash of user, budget, campaign, change, time, and time and number of the action |
//! | merge | `<prefix>.merged` | the journal's line | hash of user, visitor, time |
//! | outcome of a goal | `<prefix>.outcomes.<campaign>.<goal>` | the journal's line | hash of user, campaign, goal, group, time |
//! | weights of variants | `<prefix>.outcomes.<campaign>.weights` | the journal's line | hash of campaign, time |
//! | what a partner is told | `<prefix>.partners.<partner>.<segment>.<enter or exit>` | the journal's line without the user | a code of partner, segment, change, user, time and cause, under the secret |
//! | rules change | `<prefix>.rules` | `kind`, `at`, `rules`, `previous` | hash of time, both rules, generation |
//! | dead letter | `<prefix>.dead` | reason, detail, place, original | hash of source, place, reason, original |
//!
//! All of them are CloudEvents. An action is in structured or in binary mode, as the settings say; everything else is in binary
//! mode: its attributes are headers (`ce-type`, `ce-id` …), and its payload is the journal's. A receiver that determines the
//! mode by `content-type`, as CloudEvents specify, needs one parser.
//!
//! No user id is in a subject, and none in what a partner is told. The ids (the header `Rekindle-Id`; of dead letters `Nats-Msg-Id`, so that the server drops
//! one that it remembers) are the same whenever the same log is read; no two outputs of one log share one. Where the cause is
//! an event without messageId, its position in the log replaces it, and the id is the same only while the log is read from the
//! same start.

mod dead_letters;
mod outputs;

use std::sync::Arc;

use async_nats::subject::Subject;
use bytes::buf::Writer;
use bytes::{BufMut as _, Bytes, BytesMut};
use rekindle_core::partition::{ExecutionPlan, Output};
use rekindle_core::time::Timestamp;
use rekindle_runtime::output::batch::{Barrier, DeadLetter, OutputBatch, RulesActivation};
use rekindle_runtime::output::committed_position::{CommittedPosition, PartialGroup};
use rekindle_settings::{ContentMode, OutputSettings};

use super::message::OutputMessage;
use super::subjects::OutputSubjects;
use dead_letters::DeadLetterPlace;
pub(super) use dead_letters::{rejected_request, truncate, undeliverable_output};

/// The most messages of a chunk: as many as an atomic batch holds beside its progress record.
const CHUNK_MESSAGES_MAX: usize = 999;
/// The most bytes of a chunk, plus one message.
const CHUNK_BYTES_MAX: usize = 1 << 20;
/// Dead letters with more bytes than this are encoded on a thread that may block.
const BLOCKING_BYTES_MIN: usize = 64 << 10;

/// Consecutive messages of one group.
#[derive(Debug)]
pub(super) struct MessageChunk {
    pub(super) outputs: Vec<OutputMessage>,
    pub(super) dead_letters: Vec<OutputMessage>,
    /// The committed position before it; its group is open.
    pub(super) before: CommittedPosition,
    /// The committed position with it.
    pub(super) committed: CommittedPosition,
}

/// An encoded part of an output batch, or a barrier.
#[derive(Debug)]
pub(super) enum EncodedOutput {
    Chunk(Box<MessageChunk>),
    Barrier(Barrier),
}

/// Encodes output batches, a chunk at a time.
pub(super) struct MessageEncoder {
    prefix: String,
    mode: ContentMode,
    /// The attribute `source` of CloudEvents.
    emitter: Arc<str>,
    with_decisions: bool,
    /// The namespace of the sequence numbers in dead letters.
    source: String,
    merged_subject: Subject,
    rules_subject: Subject,
    dead_letter_subject: Subject,
    subjects: Option<(Arc<ExecutionPlan>, Arc<OutputSubjects>)>,
    buffer: Writer<BytesMut>,
    /// The line of the journal that is being encoded.
    line: Vec<u8>,
    last_dead_letter: DeadLetterPlace,
    /// The largest message that the server accepts.
    pub(super) max_payload: usize,
}

/// An output batch that is being encoded.
pub(super) struct EncodingJob {
    subjects: Arc<OutputSubjects>,
    plan: Arc<ExecutionPlan>,
    rules_activation: Option<RulesActivation>,
    outputs: std::vec::IntoIter<Output>,
    dead_letters: std::vec::IntoIter<DeadLetter>,
    first_position: u64,
    received: Vec<Timestamp>,
    /// The committed position before the next chunk; its group is open.
    before: CommittedPosition,
    /// The committed position with the last chunk.
    committed: CommittedPosition,
    messages_published: u64,
    is_done: bool,
}

impl MessageEncoder {
    pub(super) fn new(settings: &OutputSettings, source: String) -> MessageEncoder {
        let prefix = settings.prefix.clone();
        MessageEncoder {
            merged_subject: format!("{prefix}.merged").into(),
            rules_subject: format!("{prefix}.rules").into(),
            dead_letter_subject: format!("{prefix}.dead").into(),
            prefix,
            mode: settings.cloudevents,
            emitter: settings.cloudevents_source.as_str().into(),
            with_decisions: settings.decisions,
            source,
            subjects: None,
            buffer: BytesMut::new().writer(),
            line: Vec::new(),
            last_dead_letter: DeadLetterPlace::default(),
            max_payload: usize::MAX,
        }
    }

    /// Begins an output batch.
    pub(super) fn begin(&mut self, output_batch: OutputBatch) -> EncodingJob {
        let OutputBatch {
            plan,
            rules_activation,
            fires_to,
            outputs,
            dead_letters,
            first_position,
            received,
            before,
            committed,
            messages_published,
        } = output_batch;
        let open = before.open.unwrap_or(PartialGroup {
            changes_rules_to: rules_activation.is_some().then_some(committed.generation),
            ..PartialGroup::messages_through(committed.sequence).firing_to(fires_to)
        });
        EncodingJob {
            subjects: self.subjects_of(&plan),
            plan,
            rules_activation,
            outputs: outputs.into_iter(),
            dead_letters: dead_letters.into_iter(),
            first_position,
            received,
            before: CommittedPosition { open: Some(open), ..before },
            committed,
            messages_published,
            is_done: false,
        }
    }

    /// The next messages of an output batch; `None`: there are no more. There is at least one chunk, which may be empty.
    pub(super) fn next_chunk(&mut self, job: &mut EncodingJob) -> Option<MessageChunk> {
        if job.is_done {
            return None;
        }
        let (mut outputs, mut dead_letters, mut bytes, mut encoded) = (Vec::new(), Vec::new(), 0, 0);
        if let Some(rules_activation) = job.rules_activation.take() {
            outputs.push(self.rules_activation(&rules_activation, job.committed.generation));
            encoded += 1;
        }
        while outputs.len() < CHUNK_MESSAGES_MAX - 1 && bytes < CHUNK_BYTES_MAX {
            let Some(output) = job.outputs.next() else { break };
            let before = outputs.len();
            self.output(job, &output, &mut outputs);
            bytes += outputs[before..].iter().map(OutputMessage::size).sum::<usize>();
            encoded += 1;
        }
        while dead_letters.len() < CHUNK_MESSAGES_MAX && bytes < CHUNK_BYTES_MAX {
            let Some(dead_letter) = job.dead_letters.next() else { break };
            let dead_letter = self.dead_letter(&dead_letter);
            bytes += dead_letter.size();
            dead_letters.push(dead_letter);
        }
        let published = outputs.len().min(usize::try_from(job.messages_published).unwrap_or(usize::MAX));
        outputs.drain(..published);
        job.messages_published -= published as u64;
        job.is_done = job.outputs.len() == 0 && job.dead_letters.len() == 0;
        let before = job.before.clone();
        if let Some(open) = &mut job.before.open {
            open.sent += encoded;
            open.messages = job.messages_published;
        }
        let committed = if job.is_done { job.committed.clone() } else { job.before.clone() };
        Some(MessageChunk { outputs, dead_letters, before, committed })
    }

    fn subjects_of(&mut self, plan: &Arc<ExecutionPlan>) -> Arc<OutputSubjects> {
        match &self.subjects {
            Some((known, subjects)) if Arc::ptr_eq(known, plan) => Arc::clone(subjects),
            _ => {
                let subjects = Arc::new(OutputSubjects::new(&self.prefix, &plan.rules));
                self.subjects = Some((Arc::clone(plan), Arc::clone(&subjects)));
                subjects
            }
        }
    }

    /// The bytes that were written to the buffer since the last call.
    fn take_written(&mut self) -> Bytes {
        self.buffer.get_mut().split().freeze()
    }
}

impl EncodingJob {
    /// Whether encoding the next chunk may take long enough to delay other tasks of the thread.
    pub(super) fn may_block(&self) -> bool {
        let dead_letters = self.dead_letters.as_slice().iter().take(CHUNK_MESSAGES_MAX);
        dead_letters.map(|dead_letter| dead_letter.original.len()).sum::<usize>() > BLOCKING_BYTES_MIN
    }

    /// When the broker received the event at which an output was decided, if that event is one of this output batch.
    fn received_at(&self, output: &Output) -> Option<Timestamp> {
        let index = usize::try_from(output.position.checked_sub(self.first_position)?).ok()?;
        self.received.get(index).copied()
    }
}
