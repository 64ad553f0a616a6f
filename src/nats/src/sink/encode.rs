//! From what the engine hands over to messages: subject, headers, payload, and an id that stays the same.
//!
//! | output | subject | payload | id |
//! |---|---|---|---|
//! | transition | `<prefix>.segments.<segment>.<enter or exit>` | the journal's line | hash of user, segment, change, time, cause |
//! | action | `<prefix>.actions.<channel>.<campaign>` | CloudEvent | the action's own |
//! | decision, if asked for | `<prefix>.decisions.<campaign>.<outcome>` | the journal's line | hash of user, campaign, outcome, time, cause |
//! | merge | `<prefix>.merged` | the journal's line | hash of user, visitor, time |
//! | other rules | `<prefix>.rules` | `kind`, `at`, `rules`, `previous` | hash of time, both rules, which change it is |
//! | dead letter | `<prefix>.dead` | reason, detail, place, original | hash of source, place, reason, original |
//!
//! All of them are CloudEvents. An action is one in structured or in binary mode, as the settings say; everything else is one
//! in binary mode: its attributes are headers (`ce-type`, `ce-id` …), and its payload stays what the journal has. So a receiver
//! that tells the mode by `content-type`, as CloudEvents want it, needs one parser.
//!
//! No user id is in a subject. The ids (the header `Rekindle-Id`; of dead letters `Nats-Msg-Id`, so that a server which still
//! remembers it takes none in twice) are the same whenever the same log is read; no two outputs of one log share one. Where the cause is an event without messageId, its
//! position in the log stands in for that, and the id lasts only as long as the log is read from the same start.

use std::io::Write as _;
use std::sync::Arc;

use async_nats::subject::Subject;
use bytes::buf::Writer;
use bytes::{BufMut as _, Bytes, BytesMut};
use serde_json::json;
use xxhash_rust::xxh3::xxh3_128;

use super::attributes::{CloudEventAttributes, header};
use super::message::{DeadLetterTruncation, MessageKind, OutputMessage};
use super::subjects::OutputSubjects;
use rekindle_core::action::{self, Action, event_id};
use rekindle_core::campaigns::Outcome;
use rekindle_core::journal;
use rekindle_core::partition::{Cause, ExecutionPlan, Output, OutputKind};
use rekindle_core::time::Timestamp;
use rekindle_runtime::output::batch::{Barrier, DeadLetter, DeadLetterSummary, OutputBatch, RulesActivation};
use rekindle_runtime::output::committed_position::{CommittedPosition, PartialGroup};
use rekindle_runtime::output::dead_letter::{self, DeadLetterOrigin, EncodedDeadLetter};
use rekindle_settings::{ContentMode, OutputSettings as Settings};

/// Most messages encoded at a time: as many as an atomic batch holds beside its record of progress.
const CHUNK: usize = 999;
/// Most bytes encoded at a time, but for one message more.
const CHUNK_BYTES: usize = 1 << 20;
/// Letters of more bytes than this are encoded where nothing waits for it.
const HEAVY: usize = 64 << 10;

/// Some messages in the log's order, all of one group.
#[derive(Debug)]
pub(super) struct MessageChunk {
    pub(super) outputs: Vec<OutputMessage>,
    pub(super) dead_letters: Vec<OutputMessage>,
    /// What is out before it; its group is open.
    pub(super) before: CommittedPosition,
    /// What is out with it.
    pub(super) committed: CommittedPosition,
}

/// What comes of an emission, in order.
#[derive(Debug)]
pub(super) enum EncodedOutput {
    Chunk(Box<MessageChunk>),
    Barrier(Barrier),
}

/// Makes messages of emissions, a chunk at a time.
pub(super) struct MessageEncoder {
    prefix: String,
    mode: ContentMode,
    /// Who emits: the attribute `source` of CloudEvents.
    emitter: Arc<str>,
    with_decisions: bool,
    /// What the sequence numbers of dead letters are numbers in.
    source: String,
    merged: Subject,
    rules: Subject,
    dead: Subject,
    subjects: Option<(Arc<ExecutionPlan>, Arc<OutputSubjects>)>,
    buffer: Writer<BytesMut>,
    /// The place of the letter before this one, and how many letters stood there.
    last_letter: (u64, u64, u32),
    /// The largest message that the server takes.
    pub(super) max_payload: usize,
}

/// An emission that is being encoded.
pub(super) struct EncodingJob {
    subjects: Arc<OutputSubjects>,
    plan: Arc<ExecutionPlan>,
    rules_activation: Option<RulesActivation>,
    outputs: std::vec::IntoIter<Output>,
    dead_letters: std::vec::IntoIter<DeadLetter>,
    first_position: u64,
    received: Vec<Timestamp>,
    /// What is out before the next chunk, its group open.
    before: CommittedPosition,
    /// What is out with the last chunk.
    committed: CommittedPosition,
    messages_published: u64,
    is_done: bool,
}

impl MessageEncoder {
    pub(super) fn new(settings: &Settings, source: String) -> MessageEncoder {
        let prefix = settings.prefix.clone();
        MessageEncoder {
            merged: format!("{prefix}.merged").into(),
            rules: format!("{prefix}.rules").into(),
            dead: format!("{prefix}.dead").into(),
            prefix,
            mode: settings.cloudevents,
            emitter: settings.cloudevents_source.as_str().into(),
            with_decisions: settings.decisions,
            source,
            subjects: None,
            buffer: BytesMut::new().writer(),
            last_letter: (0, 0, 0),
            max_payload: usize::MAX,
        }
    }

    /// Begins an emission.
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
            fires_to_ms: fires_to.map(|to| to.0),
            changes_rules_to: rules_activation.is_some().then_some(committed.generation),
            ..PartialGroup::messages_through(committed.sequence)
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

    /// The next messages of an emission; `None`: there are no more. There is at least one chunk, be it empty.
    pub(super) fn next_chunk(&mut self, work: &mut EncodingJob) -> Option<MessageChunk> {
        if work.is_done {
            return None;
        }
        let (mut outputs, mut dead_letters, mut bytes, mut sent) = (Vec::new(), Vec::new(), 0, 0);
        if let Some(rules_activation) = work.rules_activation.take() {
            outputs.push(self.rules_activation(&rules_activation, work.committed.generation));
            sent += 1;
        }
        while outputs.len() < CHUNK - 1 && bytes < CHUNK_BYTES {
            let Some(output) = work.outputs.next() else { break };
            let before = outputs.len();
            self.output(work, &output, &mut outputs);
            bytes += outputs[before..].iter().map(OutputMessage::size).sum::<usize>();
            sent += 1;
        }
        while dead_letters.len() < CHUNK && bytes < CHUNK_BYTES {
            let Some(letter) = work.dead_letters.next() else { break };
            let letter = self.letter(&letter);
            bytes += letter.size();
            dead_letters.push(letter);
        }
        let out = outputs.len().min(usize::try_from(work.messages_published).unwrap_or(usize::MAX));
        outputs.drain(..out);
        work.messages_published -= out as u64;
        work.is_done = work.outputs.len() == 0 && work.dead_letters.len() == 0;
        let before = work.before.clone();
        if let Some(open) = &mut work.before.open {
            open.sent += sent;
            open.messages = work.messages_published;
        }
        let committed = if work.is_done { work.committed.clone() } else { work.before.clone() };
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

    /// Up to two messages: a decision to send is a decision and an action.
    fn output(&mut self, work: &EncodingJob, output: &Output, out: &mut Vec<OutputMessage>) {
        let rules = &work.plan.rules;
        match &output.decided {
            OutputKind::Transition { segment, change, cause } => {
                let what = &rules.segments[usize::from(segment.0)].id;
                let id = output_id("transition", what, change.name(), output, Some(cause));
                out.push(self.line(
                    MessageKind::Transition,
                    work.subjects.transition(*segment, *change),
                    id,
                    work,
                    output,
                ));
            }
            OutputKind::Decision { campaign, outcome, cause, .. } => {
                if self.with_decisions {
                    let what = &rules.campaigns[usize::from(campaign.0)].id;
                    let id = output_id("decision", what, outcome.name(), output, Some(cause));
                    out.push(self.line(
                        MessageKind::Decision,
                        work.subjects.decision(*campaign, outcome),
                        id,
                        work,
                        output,
                    ));
                }
                let emitter = Arc::clone(&self.emitter);
                if matches!(outcome, Outcome::Sent { .. })
                    && let Some(action) = action::action(rules, output, &emitter)
                {
                    let subject = work.subjects.action(*campaign);
                    let received = matches!(cause, Cause::Event(_)).then(|| work.received_at(output)).flatten();
                    out.push(self.action(action, subject, received));
                }
            }
            OutputKind::Merged { from } => {
                let id = output_id("merged", from, "", output, None);
                out.push(self.line(MessageKind::Merged, self.merged.clone(), id, work, output));
            }
        }
    }

    fn line(
        &mut self,
        kind: MessageKind,
        subject: Subject,
        id: String,
        work: &EncodingJob,
        output: &Output,
    ) -> OutputMessage {
        journal::write_line(&work.plan.rules, output, &mut self.buffer).expect("writing to memory cannot fail");
        let mut payload = self.written();
        payload.truncate(payload.len() - 1);
        let attributes = CloudEventAttributes::new(kind, &id, &self.emitter).about(Some(&output.user), output.at);
        OutputMessage {
            kind,
            subject,
            content: attributes.headers(),
            id,
            payload,
            received: None,
            shortened: DeadLetterTruncation::default(),
        }
    }

    fn action(&mut self, action: Action<'_>, subject: Subject, received: Option<Timestamp>) -> OutputMessage {
        let content = match self.mode {
            ContentMode::Structured => {
                serde_json::to_writer(&mut self.buffer, &action).expect("writing to memory cannot fail");
                vec![header("content-type", "application/cloudevents+json")]
            }
            ContentMode::Binary => {
                serde_json::to_writer(&mut self.buffer, &action.data).expect("writing to memory cannot fail");
                CloudEventAttributes::of(&action).headers()
            }
        };
        OutputMessage {
            kind: MessageKind::Action,
            subject,
            id: action.id,
            content,
            payload: self.written(),
            received,
            shortened: DeadLetterTruncation::default(),
        }
    }

    fn rules_activation(&mut self, rules_activation: &RulesActivation, generation: u64) -> OutputMessage {
        let RulesActivation { at, rules, previous } = rules_activation;
        let id = event_id(&format!("rules\0{}\0{rules}\0{previous}\0{generation}", at.0));
        let line = json!({"kind": "rules", "at": at.to_string(), "rules": rules, "previous": previous});
        write!(self.buffer, "{line}").expect("writing to memory cannot fail");
        let (subject, payload) = (self.rules.clone(), self.written());
        let content = CloudEventAttributes::new(MessageKind::Rules, &id, &self.emitter).about(None, *at).headers();
        OutputMessage {
            kind: MessageKind::Rules,
            subject,
            id,
            content,
            payload,
            received: None,
            shortened: DeadLetterTruncation::default(),
        }
    }

    fn letter(&mut self, letter: &DeadLetter) -> OutputMessage {
        let DeadLetter { sequence, line, reason, original, rest } = letter;
        // A line may hold several calls, alike to the last byte: each is a letter of its own.
        let (last_sequence, last_line, ordinal) = self.last_letter;
        let ordinal = if (last_sequence, last_line) == (*sequence, *line) { ordinal + 1 } else { 0 };
        self.last_letter = (*sequence, *line, ordinal);
        let original_hash = xxh3_128(original);
        let key = format!("letter\0{}\0{sequence}\0{line}\0{ordinal}\0{}\0{original_hash}", self.source, reason.code());
        let origin = DeadLetterOrigin::Message { sequence: *sequence, line: *line };
        let detail = dead_letter::detail(reason, rest.as_ref());
        let head = dead_letter::head(reason.code(), &detail, origin, rest.as_ref());
        let mut letter = letter_message(
            &key,
            &self.dead,
            &self.emitter,
            |room| dead_letter::write(&head, original, room),
            self.max_payload,
        );
        letter.shortened.rejects = rest.as_ref().map_or(0, DeadLetterSummary::count);
        letter
    }

    /// What was written since the last time.
    fn written(&mut self) -> Bytes {
        self.buffer.get_mut().split().freeze()
    }
}

impl EncodingJob {
    /// Whether its next messages take long enough to keep others from working.
    pub(super) fn is_heavy(&self) -> bool {
        let dead_letters = self.dead_letters.as_slice().iter().take(CHUNK);
        dead_letters.map(|letter| letter.original.len()).sum::<usize>() > HEAVY
    }

    /// When the broker received the event at which an output was found out, if it is one of this emission.
    fn received_at(&self, output: &Output) -> Option<Timestamp> {
        let index = usize::try_from(output.position.checked_sub(self.first_position)?).ok()?;
        self.received.get(index).copied()
    }
}

/// A dead letter as a message of at most `max_payload` bytes; `key` tells it from every other, and `write` makes it fit.
fn letter_message(
    key: &str,
    dead: &Subject,
    emitter: &str,
    write: impl FnOnce(usize) -> EncodedDeadLetter,
    max_payload: usize,
) -> OutputMessage {
    let id = event_id(key);
    let content = CloudEventAttributes::new(MessageKind::Letter, &id, emitter).headers();
    let mut letter = OutputMessage {
        kind: MessageKind::Letter,
        subject: dead.clone(),
        id,
        content,
        payload: Bytes::new(),
        received: None,
        shortened: DeadLetterTruncation::default(),
    };
    let EncodedDeadLetter { bytes, is_cut } = write(letter.payload_room(max_payload));
    (letter.payload, letter.shortened.is_cut) = (bytes.into(), is_cut);
    letter
}

/// The dead letter of a message that no server takes, because it is larger than `limit`.
pub(super) fn too_large(message: &OutputMessage, dead: &Subject, limit: usize, emitter: &str) -> OutputMessage {
    let detail = format!("the message has about {} bytes; the server takes {limit} at most", message.size());
    let origin = DeadLetterOrigin::Output { subject: &message.subject };
    let head = dead_letter::head("output_too_large", &detail, origin, None);
    let write = |room| dead_letter::write(&head, &message.payload, room);
    letter_message(&format!("output_too_large\0{}", message.id), dead, emitter, write, limit)
}

/// Makes a dead letter fit: of its original only the beginning is left. Returns whether it fits now.
pub(super) fn shorten(letter: &mut OutputMessage, max_payload: usize) -> bool {
    let room = letter.payload_room(max_payload);
    if letter.payload.len() > room
        && let Some(EncodedDeadLetter { bytes, is_cut }) = dead_letter::shorten(&letter.payload, room)
    {
        (letter.payload, letter.shortened.is_cut) = (bytes.into(), is_cut);
    }
    letter.payload.len() <= room
}

/// The id of a line of the journal.
fn output_id(kind: &str, what: &str, change: &str, output: &Output, cause: Option<&Cause>) -> String {
    let cause = match cause {
        None | Some(Cause::Time) => String::new(),
        Some(Cause::Event(Some(id))) => format!("m{id}"),
        Some(Cause::Event(None)) => format!("p{}", output.position),
        Some(Cause::Rules { change }) => format!("r{change}"),
    };
    event_id(&format!("{kind}\0{what}\0{change}\0{}\0{}\0{cause}", output.user, output.at.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_twice_at_one_instant_has_two_ids() {
        let enter = |position, cause| {
            let decided = OutputKind::Merged { from: "x".into() };
            let output = Output { at: Timestamp(5), user: "u".into(), position, decided };
            output_id("transition", "s", "enter", &output, Some(&cause))
        };
        let by = |id: &str| Cause::Event(Some(id.into()));
        let ids = [enter(1, by("m1")), enter(3, by("m2")), enter(1, Cause::Event(None)), enter(3, Cause::Event(None))];
        let different: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(different.len(), ids.len());
        assert_eq!(enter(1, by("m1")), enter(9, by("m1")), "where a log is read from does not matter");
        assert_eq!(enter(1, Cause::Time), enter(9, Cause::Time));
        let [first, second] = [1, 2].map(|change| enter(1, Cause::Rules { change }));
        assert!(first != second && !different.contains(&first), "rules that go back and forth at one instant");
    }
}
