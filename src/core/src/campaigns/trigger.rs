//! What triggers a decision: a transition of a segment, or a match of a name.

use std::sync::Arc;

use crate::event::{FieldId, Scalar};
use crate::rules::ruleset::{CampaignTrigger, NameId, PerId, Ruleset, SegmentId, TransitionKind};
use crate::time::Timestamp;

/// What triggered a decision, with all that a decision about it needs later, however much later.
#[derive(Clone, Debug, PartialEq)]
pub enum Trigger {
    /// A segment changed.
    Transition(TransitionTrigger),
    /// An event matched a name.
    Match(MatchTrigger),
}

/// A transition that triggers a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransitionTrigger {
    /// The segment.
    pub segment: SegmentId,
    /// How it changed.
    pub change: TransitionKind,
    /// Of a segment with `per`, the key whose state changed.
    pub key: Option<Arc<str>>,
    /// When it changed.
    pub at: Timestamp,
}

/// A match that triggers a campaign.
#[derive(Clone, Debug, PartialEq)]
pub struct MatchTrigger {
    /// The name.
    pub name: NameId,
    /// Which of the event's matches of that name it is, from 1.
    pub ordinal: u32,
    /// The time of the event.
    pub ts: Timestamp,
    /// What the campaign reads of the match, where it is there.
    pub values: Vec<(FieldId, Scalar<'static>)>,
}

/// What outputs say of a trigger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriggerOrigin {
    /// The kind of transition, or the name of the match.
    pub on: CampaignTrigger,
    /// Which of the event's matches of that name, from 1; 1 for a transition.
    pub ordinal: u32,
    /// The key whose state changed.
    pub key: Option<Arc<str>>,
}

impl TriggerOrigin {
    /// That of a trigger without a key, which is the first of its kind.
    pub fn of(on: CampaignTrigger) -> TriggerOrigin {
        TriggerOrigin { on, ordinal: 1, key: None }
    }
}

impl Trigger {
    /// The `on` of the campaigns that it triggers.
    pub fn on(&self) -> CampaignTrigger {
        match self {
            Trigger::Transition(TransitionTrigger { segment, change, .. }) => {
                CampaignTrigger::Transition { segment: *segment, change: *change }
            }
            Trigger::Match(matched) => CampaignTrigger::Match(matched.name),
        }
    }

    /// What outputs say of it.
    pub fn origin(&self) -> TriggerOrigin {
        match self {
            Trigger::Transition(transition) => TriggerOrigin { on: self.on(), ordinal: 1, key: transition.key.clone() },
            Trigger::Match(matched) => TriggerOrigin { on: self.on(), ordinal: matched.ordinal, key: None },
        }
    }

    /// The key whose state changed, of a segment that still has a `per`.
    pub fn key(&self, rules: &Ruleset) -> Option<(PerId, &str)> {
        let Trigger::Transition(TransitionTrigger { segment, key: Some(key), .. }) = self else { return None };
        let per = rules.segments.get(usize::from(segment.0))?.per?;
        Some((per, key))
    }

    /// What `event.x` reads; empty for a transition.
    pub fn values(&self) -> &[(FieldId, Scalar<'static>)] {
        match self {
            Trigger::Transition(_) => &[],
            Trigger::Match(matched) => &matched.values,
        }
    }

    /// The cause in the key of a draw (semantics §12); `message_id` is that of the event of a match.
    pub fn draw_cause(&self, rules: &Ruleset, message_id: Option<&str>) -> String {
        match self {
            Trigger::Transition(TransitionTrigger { segment, change, key, at }) => {
                let segment = &rules.segments[usize::from(segment.0)].id;
                let key = key.as_ref().map(|key| format!(":{key}")).unwrap_or_default();
                format!("{segment}:{}:{at}{key}", change.name())
            }
            Trigger::Match(MatchTrigger { ordinal, ts, .. }) => {
                let cause = message_id.map_or_else(|| ts.to_string(), str::to_owned);
                if *ordinal > 1 { format!("{cause}#{ordinal}") } else { cause }
            }
        }
    }

    /// The bytes it takes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Trigger::Transition(transition) => {
                transition.key.as_ref().map_or(0, |key| key.len() + 2 * size_of::<usize>())
            }
            Trigger::Match(matched) => {
                let values = matched.values.iter().map(|(_, value)| value.heap_bytes()).sum::<usize>();
                matched.values.capacity() * size_of::<(FieldId, Scalar<'static>)>() + values
            }
        }
    }
}
