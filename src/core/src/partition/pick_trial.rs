//! Tries picks on what users do: right before an event of a name is added, the user's list is worked out as it would be for a
//! decision. Off unless it is asked for; it changes nothing of what the partition computes.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::steps::StepContext;
use super::steps::matches::{EventMatch, MatchValues};
use super::{ExecutionPlan, Partition, User};
use crate::engine::key_instance::key_of;
use crate::engine::profile::ProfileUpdate;
use crate::event::field_value;
use crate::picks::{OfferedItems, PickTarget};
use crate::rules::ruleset::{NameId, PickListId};
use crate::time::Timestamp;

/// What is to be tried.
#[derive(Clone, Copy, Debug)]
pub struct PickTrial {
    /// The list.
    pub list: PickListId,
    /// The name whose matches it is measured by.
    pub of: NameId,
    /// How many items are offered; at least 1.
    pub k: usize,
    /// Events before this are not measured.
    pub from: Timestamp,
    /// Only events that join a session are.
    pub in_session: bool,
}

/// Something that the trial is measured by.
#[derive(Clone, Debug)]
pub struct TriedEvent {
    /// The position in the log.
    pub position: u64,
    /// What happened.
    pub kind: TriedEventKind,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum TriedEventKind {
    /// An event of a user has items.
    Target(Arc<str>, PickTarget),
    /// A visitor was merged into a user.
    Merged {
        /// The visitor.
        visitor: Arc<str>,
        /// The user.
        user: Arc<str>,
    },
}

/// What was found since it was last taken.
#[derive(Debug)]
pub(super) struct PickTrialRecorder {
    trial: PickTrial,
    tried: Vec<TriedEvent>,
    /// The items of all touches.
    touched: HashSet<Arc<str>>,
}

impl Partition {
    /// From here on tries a list.
    pub fn try_picks(&mut self, trial: PickTrial) {
        let recorder = PickTrialRecorder { trial, tried: Vec::new(), touched: HashSet::new() };
        self.steps.pick_trial = Some(Box::new(recorder));
    }

    /// What was found since this was last asked, in the order of the log.
    pub fn take_tried(&mut self) -> Vec<TriedEvent> {
        self.steps.pick_trial.as_mut().map(|recorder| std::mem::take(&mut recorder.tried)).unwrap_or_default()
    }

    /// The items of all touches since the trial began.
    pub fn tried_items(&self) -> impl Iterator<Item = &Arc<str>> {
        self.steps.pick_trial.iter().flat_map(|recorder| &recorder.touched)
    }
}

impl StepContext {
    /// Tries the list on an event that is about to be added.
    pub(super) fn try_picks(
        &mut self,
        plan: &ExecutionPlan,
        user: &User,
        arrival: &ProfileUpdate<'_, '_>,
        values: &MatchValues<'_>,
    ) {
        let Some(PickTrialRecorder { trial, .. }) = self.pick_trial.as_deref() else { return };
        let PickTrial { list: id, of, k, from, in_session } = *trial;
        let list = &plan.rules.picks[usize::from(id.0)];
        let item = |found: &EventMatch| {
            let field = list.item_field(found.name);
            key_of(field_value(found.fields(arrival.event, values), field)).map(|item| Arc::<str>::from(&*item))
        };
        let of_name = self.matches.iter().filter(|found| found.name == of);
        let items: BTreeSet<Arc<str>> = of_name.filter_map(item).collect();
        let touched: Vec<Arc<str>> =
            self.matches.iter().filter(|found| list.on.contains(&found.name)).filter_map(item).collect();
        let joins = || user.picks.of(id).is_some_and(|touches| touches.joins(list, arrival.ts));
        let is_measured = !items.is_empty() && arrival.ts >= from && (!in_session || joins());
        let offered = is_measured.then(|| {
            let items: Vec<Arc<str>> = self.pick(plan, user, id, k, None).into_iter().map(|pick| pick.item).collect();
            let index = &self.pick_indexes[usize::from(id.0)];
            let most = f64::from(index.users_max());
            let users: f64 = items.iter().map(|item| f64::from(index.users_of(item)) / most).sum();
            let popularity = if items.is_empty() || most == 0.0 { 0.0 } else { users / items.len() as f64 };
            OfferedItems { items, popularity }
        });
        let Some(recorder) = &mut self.pick_trial else { return };
        recorder.touched.extend(touched);
        if !items.is_empty() {
            let target = PickTarget { ts: arrival.ts, items, offered };
            let kind = TriedEventKind::Target(Arc::clone(&user.id), target);
            recorder.tried.push(TriedEvent { position: arrival.position, kind });
        }
    }

    /// What a visitor did next is what the user did.
    pub(super) fn note_merged_picks(&mut self, visitor: &Arc<str>, user: &Arc<str>, position: u64) {
        if let Some(recorder) = &mut self.pick_trial {
            let kind = TriedEventKind::Merged { visitor: Arc::clone(visitor), user: Arc::clone(user) };
            recorder.tried.push(TriedEvent { position, kind });
        }
    }
}
