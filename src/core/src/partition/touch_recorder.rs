//! Records what users touch, for those who follow picks through a log. Off unless it is asked for.

use std::sync::Arc;

use super::steps::StepContext;
use super::steps::matches::{EventMatch, MatchValues};
use super::{LogInstant, Partition};
use crate::engine::key_instance::key_of;
use crate::engine::profile::ProfileUpdate;
use crate::event::field_value;
use crate::rules::ruleset::{NameId, PickListId, Ruleset};
use crate::time::Timestamp;

/// Something that happened to what users touched. The order of the log is by watermark, then by position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TouchRecord {
    /// The position in the log; 0: before all others at that watermark.
    pub position: u64,
    /// The log's watermark then.
    pub watermark: Timestamp,
    /// What happened.
    pub kind: TouchRecordKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TouchRecordKind {
    /// An event of a user has matches that bear items.
    Touched(TouchedEvent),
    /// A visitor was merged into a user.
    Merged {
        /// The visitor.
        visitor: Arc<str>,
        /// The user.
        user: Arc<str>,
    },
    /// A user is gone.
    Gone(Arc<str>),
}

/// An event whose matches bear items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TouchedEvent {
    /// The user.
    pub user: Arc<str>,
    /// Its time.
    pub ts: Timestamp,
    /// The user's clock as it was applied.
    pub now: Timestamp,
    /// Each match, for each list, with its item; in the order of the matches.
    pub items: Vec<(NameId, PickListId, Arc<str>)>,
}

impl Partition {
    /// From here on records what users touch.
    pub fn record_touches(&mut self) {
        self.steps.touches = Some(Vec::new());
    }

    /// What was recorded since this was last asked, in the order of the log.
    pub fn take_touches(&mut self) -> Vec<TouchRecord> {
        self.steps.touches.as_mut().map(std::mem::take).unwrap_or_default()
    }
}

impl StepContext {
    /// Records an event of a user.
    pub(super) fn record_touched(
        &mut self,
        rules: &Ruleset,
        (user, now): (&Arc<str>, Timestamp),
        arrival: &ProfileUpdate<'_, '_>,
        values: &MatchValues<'_>,
    ) {
        let Some(touches) = &mut self.touches else { return };
        let item = |found: &EventMatch, list: usize| {
            let field = rules.picks[list].item_field(found.name);
            key_of(field_value(found.fields(arrival.event, values), field)).map(|item| Arc::<str>::from(&*item))
        };
        let lists = || (0..).map(PickListId).take(rules.picks.len());
        let items: Vec<(NameId, PickListId, Arc<str>)> = self
            .matches
            .iter()
            .flat_map(|found| {
                lists().filter_map(move |list| Some((found.name, list, item(found, usize::from(list.0))?)))
            })
            .collect();
        if !items.is_empty() {
            let touched = TouchedEvent { user: Arc::clone(user), ts: arrival.ts, now, items };
            let (position, kind) = (arrival.position, TouchRecordKind::Touched(touched));
            touches.push(TouchRecord { position, watermark: self.watermark, kind });
        }
    }

    /// Records that a visitor was merged into a user.
    pub(super) fn record_merged(&mut self, visitor: &Arc<str>, user: &Arc<str>, position: u64) {
        if let Some(touches) = &mut self.touches {
            let kind = TouchRecordKind::Merged { visitor: Arc::clone(visitor), user: Arc::clone(user) };
            touches.push(TouchRecord { position, watermark: self.watermark, kind });
        }
    }

    /// Records that a user is forgotten.
    pub(super) fn record_forgotten(&mut self, user: &Arc<str>, now: LogInstant) {
        if let Some(touches) = &mut self.touches {
            let kind = TouchRecordKind::Gone(Arc::clone(user));
            touches.push(TouchRecord { position: now.position, watermark: now.at, kind });
        }
    }

    /// Records that a user expired. That precedes all that happens at that watermark, wherever it was noticed.
    pub(super) fn record_expired(&mut self, user: &Arc<str>, at: Timestamp) {
        if let Some(touches) = &mut self.touches {
            touches.push(TouchRecord { position: 0, watermark: at, kind: TouchRecordKind::Gone(Arc::clone(user)) });
        }
    }

    /// The expiry that was recorded last was found by an event. If the watermark had not reached it, it is part of that event.
    pub(super) fn record_renewed(&mut self, position: u64) {
        let watermark = self.watermark;
        if let Some(last) = self.touches.as_mut().and_then(|touches| touches.last_mut())
            && last.watermark > watermark
        {
            *last = TouchRecord { position, watermark, kind: last.kind.clone() };
        }
    }
}
