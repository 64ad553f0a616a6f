//! Applies an event of a user, a change of its segments, and its removal.

use std::fmt;
use std::sync::Arc;

use super::updater::StateUpdater;
use super::user_state::{CART, CART_ORDER, CHECKOUT, UserGrowthState};
use crate::event::{CallType, Event, FieldId, Scalar};
use crate::growth::calendar::Hour;
use crate::growth::counts::{DayCount, HourCount};
use crate::growth::plan::{NO_STAGE, OUTSIDE};
use crate::growth::rollup::ObservedEvent;
use crate::picks::ShownItems;
use crate::rules::ruleset::{NameId, SegmentId};
use crate::time::Timestamp;

/// An accepted event, to be applied to the growth state of its user.
#[derive(Clone, Copy, Debug)]
pub struct GrowthEvent<'e, 'a> {
    /// Its user.
    pub user: &'e Arc<str>,
    /// The event.
    pub event: &'e Event<'a>,
    /// The names it matches.
    pub names: &'e [NameId],
    /// The values of its matches.
    pub matches: EventMatches<'e>,
    /// Its time.
    pub ts: Timestamp,
    /// Its position in the log.
    pub position: u64,
    /// The user's activity before it.
    pub activity: ActivitySpan,
    /// What was shown to the user of lists of picks before it.
    pub shown: &'e ShownItems,
}

/// The matches of an event. Calls its second argument with the values of each match of a name, in the array's order.
#[derive(Clone, Copy)]
pub struct EventMatches<'e>(pub &'e MatchVisitor<'e>);

type MatchVisitor<'e> = dyn Fn(NameId, MatchReader<'_>) + 'e;

/// What is called with the values of each match.
pub type MatchReader<'r> = &'r mut dyn FnMut(&[(FieldId, Scalar<'_>)]);

impl EventMatches<'_> {
    /// Calls `see` with the values of each match of a name.
    pub(super) fn each(&self, name: NameId, mut see: impl FnMut(&[(FieldId, Scalar<'_>)])) {
        (self.0)(name, &mut see);
    }
}

impl fmt::Debug for EventMatches<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventMatches")
    }
}

/// The times of a user's first and latest event.
#[derive(Clone, Copy, Debug)]
pub struct ActivitySpan {
    /// The first.
    pub first: Timestamp,
    /// The latest.
    pub latest: Timestamp,
}

impl StateUpdater<'_> {
    /// Applies an event.
    pub fn apply(&mut self, state: &mut Option<Box<UserGrowthState>>, event: &GrowthEvent<'_, '_>) {
        let hour = self.deltas.count_event(&self.plan.calendar, event.ts);
        let state = self.apply_activity(state, event, hour);
        let day = hour.day();
        if event.event.call == CallType::Identify && event.event.user_id.is_some() {
            state.sign_up(day, self);
        }
        let gap = self.plan.rules.session_gap;
        let starts_session = event.ts > event.activity.latest + gap;
        let in_session = event.ts + gap >= event.activity.latest;
        if self.deltas.is_observing() {
            self.deltas.observe(ObservedEvent {
                position: event.position,
                user: Arc::clone(event.user),
                visitor: None,
                ts: event.ts,
                hour,
                channel: self.plan.channels.channel_of(event.event),
                starts_session,
                in_session,
                sale: None,
            });
        }
        if starts_session {
            (state.session_day, state.session, state.depths) = (day, 0, 0);
            self.adding(state.channel).count(day, DayCount::Sessions, 1);
            self.deltas.add_hour(hour, HourCount::Sessions, 1);
        }
        if !event.names.is_empty() {
            self.apply_funnels(state, event, day, in_session);
            event.names.iter().for_each(|name| self.apply_name(state, event, *name, hour, in_session));
        }
    }

    /// Applies the day and the first touch of an event.
    fn apply_activity<'s>(
        &mut self,
        state: &'s mut Option<Box<UserGrowthState>>,
        event: &GrowthEvent<'_, '_>,
        hour: Hour,
    ) -> &'s mut UserGrowthState {
        let plan = self.plan;
        let is_first_touch = state.is_none() || event.ts < event.activity.first;
        if is_first_touch {
            self.deltas.add_hour(hour, HourCount::NewUsers, 1);
        }
        match state {
            Some(state) => {
                if is_first_touch {
                    self.deltas.add_hour(plan.calendar.hour(event.activity.first), HourCount::NewUsers, -1);
                    state.set_first_touch(hour.day(), plan.channels.channel_of(event.event), self);
                }
                state.add_active_day(hour.day(), self);
                state
            }
            None => {
                let new = UserGrowthState::new(hour.day(), plan.channels.channel_of(event.event));
                new.add(self);
                state.insert(Box::new(new))
            }
        }
    }

    /// Applies what an event is by one of its names: cart, checkout, order, refund.
    fn apply_name(
        &mut self,
        state: &mut UserGrowthState,
        event: &GrowthEvent<'_, '_>,
        name: NameId,
        hour: Hour,
        in_session: bool,
    ) {
        let rules = &self.plan.rules;
        if rules.carts == Some(name) && in_session {
            self.mark_session(state, CART, DayCount::CartSessions);
        }
        if rules.checkouts == Some(name) && in_session {
            self.mark_session(state, CHECKOUT, DayCount::CheckoutSessions);
        }
        if let Some(orders) = rules.orders.as_ref().filter(|orders| orders.name == name) {
            let is_new = self.apply_order(state, event, orders, hour);
            if is_new && in_session && state.session & CART != 0 {
                self.mark_session(state, CART_ORDER, DayCount::CartOrderSessions);
            }
        }
        if let Some(refunds) = rules.refunds.as_ref().filter(|refunds| refunds.name == name) {
            self.apply_refund(state, event, refunds, hour);
        }
    }

    /// Notes what the current session contains, and counts it the first time.
    fn mark_session(&mut self, state: &mut UserGrowthState, content: u8, count: DayCount) {
        if state.session & content == 0 {
            state.session |= content;
            self.adding(state.channel).count(state.session_day, count, 1);
        }
    }

    /// Applies the segments of a user after an evaluation at an instant.
    pub fn update_stage(
        &mut self,
        state: &mut Option<Box<UserGrowthState>>,
        is_in: impl Fn(SegmentId) -> bool,
        at: Timestamp,
    ) {
        if let Some(state) = state
            && !self.plan.rules.stages.is_empty()
        {
            let stage = self.plan.rules.stages.iter().position(|stage| is_in(stage.segment));
            state.set_stage(stage.map_or(NO_STAGE, |stage| stage as u8 + NO_STAGE + 1), at, self);
        }
    }

    /// Moves a user who expires or is forgotten out of its stage. The user stays in the counts of the past.
    pub fn remove(&mut self, state: Option<&UserGrowthState>, at: Timestamp) {
        if let Some(state) = state {
            state.clone().set_stage(OUTSIDE, at, self);
        }
    }
}
