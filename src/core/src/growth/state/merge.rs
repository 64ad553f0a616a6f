//! Merges the growth state of a visitor into that of the user who the visitor is.

use super::apply::ActivitySpan;
use super::updater::StateUpdater;
use super::user_state::UserGrowthState;
use crate::growth::counts::HourCount;
use crate::growth::plan::OUTSIDE;
use crate::time::Timestamp;

/// A visitor to be merged into a user.
#[derive(Debug)]
pub struct MergedVisitor {
    /// The visitor's state.
    pub state: Option<Box<UserGrowthState>>,
    /// The visitor's activity.
    pub activity: ActivitySpan,
}

impl StateUpdater<'_> {
    /// Merges a visitor into a user, whose own activity is `activity`, at an instant.
    pub fn merge(
        &mut self,
        user: &mut Option<Box<UserGrowthState>>,
        activity: ActivitySpan,
        visitor: MergedVisitor,
        at: Timestamp,
    ) {
        let Some(mut visitor_state) = visitor.state else { return };
        match user {
            None => *user = Some(visitor_state),
            Some(user) => {
                visitor_state.set_stage(OUTSIDE, at, self);
                self.merge_states(user, activity, *visitor_state, visitor.activity);
            }
        }
    }

    fn merge_states(
        &mut self,
        user: &mut UserGrowthState,
        activity: ActivitySpan,
        mut visitor: UserGrowthState,
        visitor_activity: ActivitySpan,
    ) {
        user.steps.align(&mut visitor.steps);
        user.take_back(self);
        visitor.take_back(self);
        // One new user less, at the later of the two first events.
        let later = activity.first.max(visitor_activity.first);
        self.deltas.add_hour(self.plan.calendar.hour(later), HourCount::NewUsers, -1);
        user.steps.merge(&self.plan.layout, &visitor.steps);
        if visitor_activity.first < activity.first {
            (user.first, user.channel) = (visitor.first, visitor.channel);
        }
        user.signed_up = [user.signed_up, visitor.signed_up].into_iter().flatten().min();
        for day in visitor.days.iter(visitor.latest) {
            user.days.insert(&mut user.latest, day);
        }
        if visitor_activity.latest > activity.latest {
            (user.session_day, user.session, user.depths) = (visitor.session_day, visitor.session, visitor.depths);
        }
        match (&mut user.orders, visitor.orders.take()) {
            (Some(orders), Some(theirs)) => orders.merge(*theirs),
            (orders @ None, theirs) => *orders = theirs,
            _ => {}
        }
        user.add(self);
    }
}
