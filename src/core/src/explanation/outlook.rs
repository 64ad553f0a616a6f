//! What is to come: when a segment changes if nothing happens, and which events would change it at once.
//!
//! The engine itself says so: a copy of the user is put into a partition of its own, under the rules without campaigns, and
//! time passes there, or an event comes. What campaigns would take of the user's points is not foreseen.

use std::borrow::Cow;
use std::sync::Arc;

use crate::budgets::Reservations;
use crate::campaigns::CampaignState;
use crate::event::{Event, EventTime, TrackedId};
use crate::goals::GoalExposures;
use crate::partition::{ExecutionPlan, Output, OutputKind, Partition, PartitionInput, TimerMark, User};
use crate::rows::TableRows;
use crate::rules::ruleset::{EventName, NameId, Ruleset, Segment, SegmentId, TransitionKind};
use crate::time::{Span, Timestamp};

/// How far is looked ahead.
const HORIZON: Span = Span(400 * 86_400_000);
/// How many events of one name are tried.
const EVENTS_MAX: usize = 10;

/// When a segment changes if nothing happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentOutlook {
    /// The next change within 400 days.
    pub at: Timestamp,
    /// Which way.
    pub change: TransitionKind,
}

/// That events of one name would change a segment at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SufficientEvents {
    /// The name in `[events]`.
    pub name: String,
    /// How many, at the same instant, without properties.
    pub count: usize,
}

/// A user whose future is tried.
pub(super) struct TriedFuture<'p> {
    plan: &'p ExecutionPlan,
    user: User,
    now: Timestamp,
    /// The rows of tables, which stay as they are.
    rows: &'p Arc<TableRows>,
    /// What happens as time passes.
    passing: Vec<Output>,
}

impl<'p> TriedFuture<'p> {
    /// A copy of the user. `plan` is one [without campaigns](without_campaigns).
    pub(super) fn new(
        plan: &'p ExecutionPlan,
        user: &User,
        now: Timestamp,
        rows: &'p Arc<TableRows>,
    ) -> TriedFuture<'p> {
        let mut user = user.clone();
        (user.campaigns, user.goals) = (CampaignState::default(), GoalExposures::default());
        user.reservations = Reservations::default();
        let mut future = TriedFuture { plan, user, now, rows, passing: Vec::new() };
        let (mut partition, to) = (future.partition(), TimerMark::through(now + HORIZON));
        partition.apply(plan, PartitionInput::Advance { to, position: 0 }, &mut future.passing);
        future
    }

    /// The first change of a segment, of a key or of the user, as time passes.
    pub(super) fn next_change(&self, segment: SegmentId, key: Option<&str>) -> Option<SegmentOutlook> {
        let changes = self.passing.iter().filter_map(|output| Some((output.at, change_of(output, segment, key)?)));
        changes.min_by_key(|(at, _)| *at).map(|(at, change)| SegmentOutlook { at, change })
    }

    /// The names of which a few events would change the segment so, in file order.
    pub(super) fn all_sufficient(
        &self,
        segment: &Segment,
        id: SegmentId,
        change: TransitionKind,
    ) -> Vec<SufficientEvents> {
        let rules = &self.plan.rules;
        let names = rules.names.iter().filter(|name| name.filter.is_none() && name.each.is_none());
        let read = names.filter(|name| {
            let is_read = |id: &NameId| rules.names[usize::from(id.0)].id == name.id;
            segment.reads.any_event || segment.reads.names.iter().any(is_read)
        });
        read.filter_map(|name| self.sufficient(name, id, change)).collect()
    }

    fn sufficient(&self, name: &EventName, segment: SegmentId, change: TransitionKind) -> Option<SufficientEvents> {
        let tracked = name.event.as_ref().and_then(|event| {
            let place = self.plan.rules.projection.tracked.iter().position(|tracked| tracked == event)?;
            u16::try_from(place).ok().map(TrackedId)
        });
        let event = Event {
            call: name.call,
            name: name.event.as_deref().map(Cow::Borrowed),
            tracked,
            time: EventTime::Corrected(self.now),
            ..Event::blank()
        };
        let (mut partition, mut outputs) = (self.partition(), Vec::new());
        for count in 1..=EVENTS_MAX {
            let (user, ts, watermark) = (&*self.user.id, self.now, self.now);
            let input = PartitionInput::Event { user, event: &event, ts, watermark, position: 0, visitor: None };
            partition.apply(self.plan, input, &mut outputs);
            if outputs.iter().any(|output| change_of(output, segment, None) == Some(change)) {
                return Some(SufficientEvents { name: name.id.clone(), count });
            }
        }
        None
    }

    fn partition(&self) -> Partition {
        let mut partition = Partition::new(self.plan);
        partition.see_rows(self.rows);
        partition.attach(self.user.clone());
        partition
    }
}

/// The same rules without campaigns.
pub(super) fn without_campaigns(plan: &ExecutionPlan) -> ExecutionPlan {
    ExecutionPlan::new(Ruleset { campaigns: Vec::new(), growth: None, ..plan.rules.clone() })
}

fn change_of(output: &Output, segment: SegmentId, key: Option<&str>) -> Option<TransitionKind> {
    match &output.decided {
        OutputKind::Transition { segment: of, change, key: of_key, .. } => {
            (*of == segment && of_key.as_deref() == key).then_some(*change)
        }
        _ => None,
    }
}
