//! A pipeline with one user's records alone.
//!
//! Before each record the watermark is set to what it was in the whole log; all else follows from the records (semantics §3).

use std::collections::HashMap;
use std::sync::Arc;

use super::HistoryError;
use super::own_records::HistoryRecord;
use super::scan::{ScannedRecord, decode};
use crate::log::RecordKind;
use crate::pipeline::{InputEntry, Pipeline, PipelineOptions, resolve_time};
use rekindle_core::campaigns::StepRecording;
use rekindle_core::decode::{Decoder, RejectedCall};
use rekindle_core::event::{CallType, Event};
use rekindle_core::partition::{EventRecording, ExecutionPlan, Output, OutputKind};
use rekindle_core::time::Timestamp;

/// The most bytes of an event's text that a story keeps.
const TEXT_BYTES_MAX: usize = 16 << 10;

/// An accepted event of a user.
#[derive(Clone, Debug, PartialEq)]
pub struct StoryEvent {
    /// When it happened.
    pub at: Timestamp,
    /// Which call.
    pub call: CallType,
    /// `event`.
    pub name: Option<String>,
    /// `messageId`.
    pub message_id: Option<String>,
    /// `userId`.
    pub user_id: Option<String>,
    /// `anonymousId`.
    pub anonymous_id: Option<String>,
    /// Its JSON; `None`: it is too long.
    pub text: Option<String>,
}

/// What happened to a user, one after the other.
#[derive(Clone, Debug, PartialEq)]
pub enum StoryItem {
    /// An event.
    Event(StoryEvent),
    /// An output.
    Output(Output),
}

/// A user's history, replayed.
pub struct UserStory {
    /// The pipeline at its end; nothing is to be asked of it but of this user.
    pub pipeline: Pipeline,
    /// What happened to the user, and to visitors before they became the user, in order; empty unless asked for.
    pub items: Vec<StoryItem>,
    /// All outputs about this id alone, in order.
    pub outputs: Vec<Output>,
}

/// What happened to each id, one after the other.
#[derive(Default)]
struct ItemsById(HashMap<Arc<str>, Vec<StoryItem>>);

/// Replays records of one user.
pub struct UserReplay {
    pipeline: Pipeline,
    decoder: Decoder,
    options: PipelineOptions,
    user: String,
    /// All outputs about the user.
    outputs: Vec<Output>,
    /// What happened to each id, one after the other; `None`: nobody asks.
    items: Option<ItemsById>,
}

impl UserReplay {
    /// Replays a user's records under these rules, up to `until`.
    ///
    /// # Errors
    /// The threads can't be started.
    pub fn new(
        plan: Arc<ExecutionPlan>,
        options: &PipelineOptions,
        until: Option<Timestamp>,
        user: &str,
    ) -> Result<UserReplay, HistoryError> {
        let recorded_events = match &options.recorded_events {
            EventRecording::Off => EventRecording::All,
            asked => asked.clone(),
        };
        let options = PipelineOptions {
            partitions: 1,
            workers: 1,
            until,
            decision_steps: StepRecording::Conditions,
            recorded_events,
            ..options.clone()
        };
        Ok(UserReplay {
            decoder: options.decoder(&plan.rules),
            pipeline: Pipeline::new(plan, options.clone())?,
            options,
            user: user.to_owned(),
            outputs: Vec::new(),
            items: None,
        })
    }

    /// The same, keeping all events and outputs as they follow one another.
    pub fn with_items(self) -> UserReplay {
        UserReplay { items: Some(ItemsById::default()), ..self }
    }

    /// Applies a record before which this was the greatest time read.
    pub fn feed(&mut self, latest_read: Timestamp, record: &HistoryRecord) {
        let HistoryRecord { kind, lines, received } = record;
        self.pipeline.advance_watermark(latest_read - self.options.max_disorder);
        let events = if self.items.is_some() { self.owners(record) } else { Vec::new() };
        let (mut outputs, mut rejected) = (Vec::new(), 0_u32);
        let entry = InputEntry { kind: *kind, lines, received: *received, is_whole: received.is_some() };
        self.pipeline.feed_entries(&[entry], &mut |_| rejected += 1, &mut outputs);
        self.keep(events, outputs);
        if let Some(items) = &mut self.items {
            self.pipeline.forgotten().iter().for_each(|forgotten| drop(items.0.remove(&forgotten.user)));
        }
    }

    /// Advances time to the end.
    pub fn finish(mut self, end: Option<Timestamp>) -> UserStory {
        if let Some(end) = end {
            let mut outputs = Vec::new();
            self.pipeline.advance_to(end, &mut outputs);
            self.pipeline.end_log(&mut outputs);
            self.keep(Vec::new(), outputs);
        }
        let items = self.items.and_then(|mut items| items.0.remove(self.user.as_str())).unwrap_or_default();
        UserStory { items, outputs: self.outputs, pipeline: self.pipeline }
    }

    /// Keeps outputs, and the events with whom they are about.
    fn keep(&mut self, events: Vec<(Arc<str>, StoryEvent)>, outputs: Vec<Output>) {
        let is_own = |output: &Output| *output.user == *self.user;
        match &mut self.items {
            Some(items) => {
                self.outputs.extend(outputs.iter().filter(|output| is_own(output)).cloned());
                items.add(events, outputs);
            }
            None => self.outputs.extend(outputs.into_iter().filter(is_own)),
        }
    }

    /// The accepted events of a record, with whom each is about.
    fn owners(&self, record: &HistoryRecord) -> Vec<(Arc<str>, StoryEvent)> {
        let mut owners = Vec::new();
        if matches!(record.kind, RecordKind::Tick | RecordKind::Forget | RecordKind::Audit) {
            return owners;
        }
        let scanned = ScannedRecord { kind: record.kind, lines: &record.lines, received: record.received };
        decode(&self.decoder, scanned, |decoded: &Result<Event<'_>, RejectedCall<'_>>| {
            let Ok(event) = decoded else { return };
            let Ok(resolved) = resolve_time(&self.options, event, record.received) else { return };
            let owner: Arc<str> = match (event.user_id.as_deref(), event.anonymous_id.as_deref()) {
                (Some(user), _) => user.into(),
                (None, Some(visitor)) => self.pipeline.linked_user(visitor).cloned().unwrap_or_else(|| visitor.into()),
                (None, None) => return,
            };
            let text = |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref().map(str::to_owned);
            let is_kept = event.original.len() <= TEXT_BYTES_MAX;
            let kept = StoryEvent {
                at: resolved.at,
                call: event.call,
                name: text(&event.name),
                message_id: text(&event.message_id),
                user_id: text(&event.user_id),
                anonymous_id: text(&event.anonymous_id),
                text: is_kept.then(|| String::from_utf8_lossy(event.original).into_owned()),
            };
            owners.push((owner, kept));
        });
        owners
    }
}

impl ItemsById {
    /// What was due before the events comes before them; what they cause, after.
    fn add(&mut self, events: Vec<(Arc<str>, StoryEvent)>, outputs: Vec<Output>) {
        let first = events.iter().map(|(_, event)| event.at).min().unwrap_or(Timestamp::NEVER);
        let (due, caused): (Vec<Output>, Vec<Output>) = outputs.into_iter().partition(|output| output.at < first);
        due.into_iter().for_each(|output| self.add_output(output));
        for (owner, event) in events {
            self.0.entry(owner).or_default().push(StoryItem::Event(event));
        }
        caused.into_iter().for_each(|output| self.add_output(output));
    }

    /// What happened to a visitor is the user's from its merging on.
    fn add_output(&mut self, output: Output) {
        if let OutputKind::Merged { from } = &output.decided {
            let visitor = self.0.remove(from).unwrap_or_default();
            self.0.entry(Arc::clone(&output.user)).or_default().extend(visitor);
        }
        self.0.entry(Arc::clone(&output.user)).or_default().push(StoryItem::Output(output));
    }
}
