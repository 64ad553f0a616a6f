//! Records which events of some users were applied, with what they matched: what stands behind a value is found in it. Off unless it
//! is asked for.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::Partition;
use super::steps::StepContext;
use super::steps::matches::{EventMatch, MatchValues};
use crate::campaigns::StepRecording;
use crate::engine::key_instance::key_of;
use crate::engine::profile::ProfileUpdate;
use crate::event::{FieldId, Scalar, TraitId, field_value};
use crate::rules::ruleset::{NameId, PerId, Ruleset};
use crate::time::Timestamp;

/// The most events that a partition keeps: the latest.
const EVENTS_MAX: usize = 50_000;

/// Whose events are recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EventRecording {
    /// Nobody's.
    #[default]
    Off,
    /// Those of these ids.
    Of(Arc<BTreeSet<Arc<str>>>),
    /// Everybody's.
    All,
}

/// An event that was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedEvent {
    /// The id that it was applied to: the user's, or that of a visitor who may have become one since.
    pub user: Arc<str>,
    /// Its position in the log.
    pub position: u64,
    /// When it happened.
    pub ts: Timestamp,
    /// Its messageId.
    pub message_id: Option<Arc<str>>,
    /// Its matches, in their order.
    pub matches: Vec<RecordedMatch>,
    /// The traits that it has a value, or null, for.
    pub traits: Vec<TraitId>,
}

/// A match of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedMatch {
    /// The name.
    pub name: NameId,
    /// Its keys.
    pub keys: Vec<(PerId, Arc<str>)>,
    /// The values that the rules read and it has, each with whether it is a number.
    pub fields: Vec<(FieldId, bool)>,
}

/// A visitor became a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedMerge {
    /// The visitor.
    pub visitor: Arc<str>,
    /// Where in the log.
    pub position: u64,
    /// The user; `None`: the visitor had expired, or the user is gone.
    pub user: Option<Arc<str>>,
}

/// The events that a partition has recorded.
#[derive(Debug)]
pub(super) struct EventRecorder {
    whose: EventRecording,
    events: VecDeque<RecordedEvent>,
    /// Which visitors became users, in the order of the log.
    merges: VecDeque<RecordedMerge>,
    /// There were more than are kept.
    is_cut: bool,
}

impl Partition {
    /// The same, with the steps of decisions in its outputs.
    pub fn with_decision_steps(mut self, recording: StepRecording) -> Partition {
        self.steps.step_recording = recording;
        self
    }

    /// The same, recording which events are applied to these users.
    pub fn with_recorded_events(mut self, whose: EventRecording) -> Partition {
        self.steps.recorder = EventRecorder::new(whose);
        self
    }

    /// The events that were recorded, in the order of the log, and whether these are all.
    pub fn recorded_events(&self) -> (Vec<&RecordedEvent>, bool) {
        let recorded = self.steps.recorder.as_deref().map(EventRecorder::recorded);
        recorded.map_or((Vec::new(), true), |(events, is_complete)| (events.collect(), is_complete))
    }

    /// The merges that were recorded, in the order of the log.
    pub fn recorded_merges(&self) -> impl Iterator<Item = &RecordedMerge> {
        self.steps.recorder.iter().flat_map(|recorder| &recorder.merges)
    }
}

impl StepContext {
    /// A user is gone, with all that it did.
    pub(super) fn forget_events(&mut self, user: &str) {
        if let Some(recorder) = &mut self.recorder {
            recorder.forget(user);
        }
    }

    /// A visitor became a user; `None`: it had expired.
    pub(super) fn record_merge(&mut self, visitor: &Arc<str>, user: Option<&Arc<str>>, position: u64) {
        if let Some(recorder) = &mut self.recorder {
            recorder.record_merge(RecordedMerge { visitor: Arc::clone(visitor), position, user: user.cloned() });
        }
    }

    /// Records what another does.
    pub(super) fn record_as(&mut self, other: &StepContext) {
        self.step_recording = other.step_recording;
        self.recorder = other.recorder.as_ref().and_then(|recorder| recorder.emptied());
    }
}

impl EventRecorder {
    /// `None`: nothing is recorded.
    pub(super) fn new(whose: EventRecording) -> Option<Box<EventRecorder>> {
        (whose != EventRecording::Off)
            .then(|| Box::new(EventRecorder { whose, events: VecDeque::new(), merges: VecDeque::new(), is_cut: false }))
    }

    /// The same, without events.
    pub(super) fn emptied(&self) -> Option<Box<EventRecorder>> {
        EventRecorder::new(self.whose.clone())
    }

    /// Records an event of a user.
    pub(super) fn record(
        &mut self,
        rules: &Ruleset,
        user: &Arc<str>,
        arrival: &ProfileUpdate<'_, '_>,
        matches: &[EventMatch],
        values: &MatchValues<'_>,
    ) {
        if !self.is_recorded(user) {
            return;
        }
        let event = arrival.event;
        let recorded = matches.iter().map(|found| RecordedMatch::new(rules, found, found.fields(event, values)));
        self.events.push_back(RecordedEvent {
            user: Arc::clone(user),
            position: arrival.position,
            ts: arrival.ts,
            message_id: event.message_id.as_deref().map(Arc::from),
            matches: recorded.collect(),
            traits: event.traits.iter().map(|(id, _)| *id).collect(),
        });
        if self.events.len() > EVENTS_MAX {
            self.events.pop_front();
            self.is_cut = true;
        }
    }

    fn is_recorded(&self, user: &Arc<str>) -> bool {
        match &self.whose {
            EventRecording::Off => false,
            EventRecording::Of(users) => users.contains(user),
            EventRecording::All => true,
        }
    }

    /// A visitor became a user: what was applied to it before is the user's. Its id may be a user's afterwards.
    pub(super) fn record_merge(&mut self, merge: RecordedMerge) {
        if !self.is_recorded(&merge.visitor) {
            return;
        }
        self.merges.push_back(merge);
        if self.merges.len() > EVENTS_MAX {
            self.merges.pop_front();
            self.is_cut = true;
        }
    }

    /// A user is gone, with all that it did, as a visitor, too.
    pub(super) fn forget(&mut self, user: &str) {
        self.events.retain(|event| *event.user != *user);
        for merge in self.merges.iter_mut().filter(|merge| merge.user.as_deref() == Some(user)) {
            merge.user = None;
        }
    }

    /// What was recorded, in the order of the log, and whether that is all.
    pub(super) fn recorded(&self) -> (impl Iterator<Item = &RecordedEvent>, bool) {
        (self.events.iter(), !self.is_cut)
    }
}

impl RecordedMatch {
    fn new(rules: &Ruleset, found: &EventMatch, fields: &[(FieldId, Scalar<'_>)]) -> RecordedMatch {
        let keys = (0..).map(PerId).zip(&rules.pers).filter_map(|(per, definition)| {
            let key = key_of(field_value(fields, definition.field(found.name)))?;
            Some((per, Arc::from(&*key)))
        });
        RecordedMatch {
            name: found.name,
            keys: keys.collect(),
            fields: fields.iter().map(|(id, value)| (*id, matches!(value, Scalar::Number(_)))).collect(),
        }
    }

    /// Whether it has these values, and of them these as numbers.
    pub(crate) fn has_fields(&self, fields: &[FieldId], numeric: &[FieldId]) -> bool {
        let has = |wanted: &FieldId| {
            let needs_number = numeric.contains(wanted);
            self.fields.iter().any(|(id, is_number)| id == wanted && (*is_number || !needs_number))
        };
        fields.iter().all(has)
    }
}
