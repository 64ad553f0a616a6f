//! Applies an event to the funnels of a user, and to those of its current session.

use super::apply::GrowthEvent;
use super::funnel_steps::FunnelStepState;
use super::updater::StateUpdater;
use super::user_state::UserGrowthState;
use crate::growth::calendar::Day;
use crate::growth::plan::{FunnelStep, time_bucket};
use crate::time::Timestamp;

/// Bits of a session's depth in one funnel.
const DEPTH_BITS: u32 = 4;

/// A step reached from a start.
#[derive(Clone, Copy)]
struct ReachedStep {
    at: FunnelStep,
    /// The time of the start, and its day.
    start: i64,
    start_day: Day,
    /// When the step was reached.
    time: i64,
}

impl StateUpdater<'_> {
    /// Applies an event on a day.
    pub(super) fn apply_funnels(
        &mut self,
        state: &mut UserGrowthState,
        event: &GrowthEvent<'_, '_>,
        day: Day,
        in_session: bool,
    ) {
        let matched = self.plan.matched_steps(event.names);
        for (funnel, steps) in matched.into_iter().enumerate().filter(|(_, steps)| *steps != 0) {
            if in_session {
                self.advance_session(state, funnel, steps);
            }
            // Last steps first: an event is not both a step and the one before it.
            for step in (0..u8::BITS as usize).rev().filter(|step| steps >> step & 1 == 1) {
                self.apply_step(state, FunnelStep { funnel, step }, event.ts, day);
            }
        }
    }

    fn advance_session(&mut self, state: &mut UserGrowthState, funnel: usize, steps: u8) {
        let shift = funnel as u32 * DEPTH_BITS;
        let depth = (state.depths >> shift & 0xf) as usize;
        if depth < u8::BITS as usize && steps >> depth & 1 == 1 {
            state.depths += 1 << shift;
            let column = self.plan.layout.funnel_sessions(state.channel, FunnelStep { funnel, step: depth });
            self.deltas.add(state.session_day, column, 1);
        }
    }

    fn apply_step(&mut self, state: &mut UserGrowthState, at: FunnelStep, ts: Timestamp, day: Day) {
        let layout = &self.plan.layout;
        let Some(previous) = at.step.checked_sub(1) else {
            let held = state.steps.get(layout.step_slot(at));
            if held.is_none_or(|held| ts.0 >= held.start) {
                self.reach_step(state, ReachedStep { at, start: ts.0, start_day: day, time: ts.0 });
            }
            return;
        };
        let Some(before) = state.steps.get(layout.step_slot(FunnelStep { step: previous, ..at })) else { return };
        let within = self.plan.rules.funnels[at.funnel].within;
        if before.time > ts.0 || ts.0.saturating_sub(before.start) > within.0 {
            return;
        }
        let start_day = self.deltas.day(&self.plan.calendar, Timestamp(before.start));
        if self.reach_step(state, ReachedStep { at, start: before.start, start_day, time: ts.0 }) {
            let bucket = time_bucket(ts.0.saturating_sub(before.time)) as u16;
            self.deltas.add(start_day, layout.funnel_times(at) + bucket, 1);
        }
    }

    /// Notes that a step was reached. Returns whether it is the first time from a start on that day.
    fn reach_step(&mut self, state: &mut UserGrowthState, reached: ReachedStep) -> bool {
        let ReachedStep { at, start, start_day, time } = reached;
        let slot = self.plan.layout.step_slot(at);
        let held = state.steps.get(slot);
        let is_first = held.is_none_or(|held| start_day > held.latest);
        if is_first {
            self.adding(state.channel).funnel_day(at, start_day, held.map(|held| held.latest));
        }
        state.steps.set(slot, FunnelStepState::reached_from(held, start, time, start_day));
        is_first
    }
}
