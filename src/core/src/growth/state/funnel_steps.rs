//! The steps of funnels that a user reached.
//!
//! Of each step the latest start from which it was reached is kept, when it was reached, and the days of such starts up to 31
//! before the latest. So users are counted once for a day and once for the 30 days of a report, also after a merge with a
//! visitor who was counted already. (A day further back at that time stays counted for both.)

use thin_vec::ThinVec;

use super::heap_bytes::thin_vec_bytes;
use crate::growth::calendar::Day;
use crate::growth::plan::{FunnelStep, RowLayout};
use crate::growth::rollup::UserContribution;

/// The time of a step that was not reached.
pub(super) const NOT_REACHED: i64 = i64::MIN;

/// The steps of all funnels, by [slot](RowLayout::step_slot), only as many slots as needed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FunnelSteps {
    pub(super) slots: ThinVec<FunnelStepState>,
}

/// How a user reached a step of a funnel. Times in milliseconds since 1970 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FunnelStepState {
    /// The latest start from which it was reached; [`NOT_REACHED`]: none, and the rest is meaningless.
    pub(super) start: i64,
    /// When it was reached from there.
    pub(super) time: i64,
    /// The latest day with a start from which it was reached.
    pub(super) latest: Day,
    /// The days with such starts; bit i: i days before the latest.
    pub(super) days: u32,
}

impl FunnelStepState {
    /// Not reached yet.
    pub(super) const NEVER: FunnelStepState =
        FunnelStepState { start: NOT_REACHED, time: 0, latest: Day::FIRST, days: 0 };

    pub(super) fn is_reached(&self) -> bool {
        self.start != NOT_REACHED
    }

    /// Makes a day the latest; days too long before it are dropped.
    fn advance(&mut self, latest: Day) {
        let by = u32::try_from(latest.since(self.latest)).unwrap_or(0);
        self.days = self.days.checked_shl(by).unwrap_or(0);
        self.latest = self.latest.max(latest);
    }

    /// The state after the step was reached at `time` from a start on a day.
    pub(super) fn reached_from(held: Option<FunnelStepState>, start: i64, time: i64, day: Day) -> FunnelStepState {
        let mut next = held.unwrap_or(FunnelStepState { latest: day, ..FunnelStepState::NEVER });
        // In a zone whose clocks are set back at midnight a day occurs twice.
        if held.is_none_or(|held| day > held.latest) {
            next.advance(day);
            next.days |= 1;
        }
        FunnelStepState { start, time, ..next }
    }

    /// The days, ascending.
    fn days(&self) -> impl Iterator<Item = Day> + '_ {
        let bits = (0..u32::BITS).rev().filter(|back| self.days >> back & 1 == 1);
        bits.map(|back| self.latest.plus(-i64::from(back)))
    }

    /// The days with the one before each.
    fn days_with_previous(&self) -> impl Iterator<Item = (Day, Option<Day>)> + '_ {
        let mut previous = None;
        self.days().map(move |day| (day, previous.replace(day)))
    }

    /// Both together. Their latest days are equal: see [`FunnelSteps::align`].
    fn merged(self, other: FunnelStepState) -> FunnelStepState {
        let later = if (self.start, self.time) < (other.start, other.time) { other } else { self };
        FunnelStepState { days: self.days | other.days, latest: self.latest, ..later }
    }
}

impl FunnelSteps {
    pub(super) fn heap_bytes(&self) -> usize {
        thin_vec_bytes(&self.slots)
    }

    /// The step in a slot, if it was reached.
    pub(super) fn get(&self, slot: usize) -> Option<FunnelStepState> {
        self.slots.get(slot).copied().filter(FunnelStepState::is_reached)
    }

    pub(super) fn set(&mut self, slot: usize, step: FunnelStepState) {
        if self.slots.len() <= slot {
            // No spare capacity: most users never get further.
            self.slots.reserve_exact(slot + 1 - self.slots.len());
            self.slots.resize(slot + 1, FunnelStepState::NEVER);
        }
        self.slots[slot] = step;
    }

    fn reached<'s>(&'s self, layout: &'s RowLayout) -> impl Iterator<Item = (FunnelStep, FunnelStepState)> + 's {
        let steps = (!self.slots.is_empty()).then(|| layout.funnel_steps()).into_iter().flatten();
        steps.filter_map(|at| self.get(layout.step_slot(at)).map(|step| (at, step)))
    }

    /// Contributes the days of starts of all steps.
    pub(super) fn contribute(&self, to: &mut UserContribution<'_>) {
        for (at, step) in self.reached(&to.plan.layout) {
            step.days_with_previous().for_each(|(day, previous)| to.funnel_day(at, day, previous));
        }
    }

    /// Contributes to the windows of 30 days only.
    pub(super) fn contribute_windows(&self, to: &mut UserContribution<'_>) {
        for (at, step) in self.reached(&to.plan.layout) {
            step.days_with_previous().for_each(|(day, previous)| to.funnel_window(at, day, previous));
        }
    }

    /// Merges the steps of a visitor, aligned with these. Neither may be counted at that time.
    pub(super) fn merge(&mut self, layout: &RowLayout, visitor: &FunnelSteps) {
        for (at, theirs) in visitor.reached(layout) {
            let slot = layout.step_slot(at);
            self.set(slot, self.get(slot).map_or(theirs, |ours| ours.merged(theirs)));
        }
    }

    /// Gives the steps that both reached the same latest day, before either is taken out of the counts: days too long before
    /// it stay counted.
    pub(super) fn align(&mut self, visitor: &mut FunnelSteps) {
        for (ours, theirs) in self.slots.iter_mut().zip(&mut visitor.slots) {
            if ours.is_reached() && theirs.is_reached() {
                let latest = ours.latest.max(theirs.latest);
                ours.advance(latest);
                theirs.advance(latest);
            }
        }
    }
}
