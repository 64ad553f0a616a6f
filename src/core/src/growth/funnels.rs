//! Funnels: how far a user gets, and how far in a session.
//!
//! Of each step a user keeps the latest start that it was reached from, when, and the days of such starts, up to 31 before the
//! latest: so people are counted once for a day and once for the 30 days that are told of, also where a visitor turns out to
//! be somebody who was counted already. (A day that is further back by then stays counted for both.)

use super::calendar::Day;
use super::ledger::Ledger;
use super::plan::{Plan, time_column};
use super::record::{NEVER_BEFORE, Record};
use crate::rules::program::NameId;
use crate::time::Timestamp;

/// Bits of a session's depth in one funnel.
const DEPTH_BITS: u32 = 4;
/// Days that a funnel's people are told of together.
const WINDOW_DAYS: i64 = 30;

/// How a user got to a step of a funnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// The latest start that it was reached from; [`NEVER_BEFORE`]: none, and the rest says nothing.
    pub(super) start: i64,
    /// When it was reached from there.
    pub(super) time: i64,
    /// The latest day with a start that it was reached from.
    pub(super) latest: Day,
    /// The days with such starts; bit i: i days before the latest.
    pub(super) days: u32,
}

impl Step {
    /// Not reached yet.
    pub(super) const NEVER: Step = Step { start: NEVER_BEFORE, time: 0, latest: Day::FIRST, days: 0 };

    pub(super) fn is_reached(&self) -> bool {
        self.start != NEVER_BEFORE
    }

    /// Makes a day the latest; those that are too long before it are let go.
    fn move_on(&mut self, latest: Day) {
        let by = u32::try_from(latest.since(self.latest)).unwrap_or(0);
        self.days = self.days.checked_shl(by).unwrap_or(0);
        self.latest = self.latest.max(latest);
    }

    /// The days, ascending.
    fn days(&self) -> impl Iterator<Item = Day> + '_ {
        let bits = (0..u32::BITS).rev().filter(|back| self.days >> back & 1 == 1);
        bits.map(|back| self.latest.plus(-i64::from(back)))
    }
}

/// Where in a record a step stands: first steps of all funnels first, as most users get no further.
fn place(plan: &Plan, funnel: usize, step: usize) -> usize {
    step.checked_sub(1).map_or(funnel, |later| plan.layout.step_places[funnel] + later)
}

fn step_of(record: &Record, place: usize) -> Option<Step> {
    record.steps.get(place).copied().filter(Step::is_reached)
}

fn set_step(record: &mut Record, place: usize, step: Step) {
    if record.steps.len() <= place {
        // Room for no more than there is: most users never get further.
        record.steps.reserve_exact(place + 1 - record.steps.len());
        record.steps.resize(place + 1, Step::NEVER);
    }
    record.steps[place] = step;
}

/// Enters the people within 30 days, and not those of single days.
pub(super) fn count_people(plan: &Plan, record: &Record, ledger: &mut Ledger) {
    for (funnel, of) in plan.rules.funnels.iter().enumerate() {
        for step in 0..of.steps.len() {
            let Some(held) = step_of(record, place(plan, funnel, step)) else { continue };
            let mut previous = None;
            for day in held.days() {
                contribute_window(plan, (funnel, step, record.channel), (day, previous), 1, ledger);
                previous = Some(day);
            }
        }
    }
}

/// Enters the days that all steps were reached from, with a plus (1) or a minus (−1).
pub(super) fn contribute(plan: &Plan, record: &Record, sign: i64, ledger: &mut Ledger) {
    if record.steps.is_empty() {
        return;
    }
    for (funnel, of) in plan.rules.funnels.iter().enumerate() {
        for step in 0..of.steps.len() {
            if let Some(held) = step_of(record, place(plan, funnel, step)) {
                contribute_days(plan, (funnel, step, record.channel), &held, sign, ledger);
            }
        }
    }
}

fn contribute_days(plan: &Plan, step: (usize, usize, u8), held: &Step, sign: i64, ledger: &mut Ledger) {
    let mut previous = None;
    for day in held.days() {
        contribute_day(plan, step, (day, previous), sign, ledger);
        previous = Some(day);
    }
}

/// Enters a day with a start, after `previous` one.
fn contribute_day(
    plan: &Plan,
    (funnel, step, channel): (usize, usize, u8),
    (day, previous): (Day, Option<Day>),
    sign: i64,
    ledger: &mut Ledger,
) {
    ledger.add(day, plan.layout.funnel_users(funnel, step, channel), sign);
    contribute_window(plan, (funnel, step, channel), (day, previous), sign, ledger);
}

fn contribute_window(
    plan: &Plan,
    (funnel, step, channel): (usize, usize, u8),
    (day, previous): (Day, Option<Day>),
    sign: i64,
    ledger: &mut Ledger,
) {
    let window = plan.layout.funnel_window(funnel, step, channel);
    let start = previous.map_or(day, |previous| day.max(previous.plus(WINDOW_DAYS)));
    ledger.add(start, window, sign);
    ledger.add(day.plus(WINDOW_DAYS), window, -sign);
}

/// An event that goes by these names, at a time that lies on a day; in a session or not.
pub(super) fn take(
    plan: &Plan,
    record: &mut Record,
    names: &[NameId],
    (ts, day): (Timestamp, Day),
    in_session: bool,
    ledger: &mut Ledger,
) {
    let mut steps = [0u8; crate::rules::growth::FUNNELS_MAX];
    for name in names {
        for (funnel, step) in plan.steps(*name) {
            steps[usize::from(*funnel)] |= 1 << step;
        }
    }
    for (funnel, steps) in steps.into_iter().enumerate().filter(|(_, steps)| *steps != 0) {
        if in_session {
            go_on_in_session(plan, record, funnel, steps, ledger);
        }
        // Last steps first: an event is not a step and the one before it at once.
        for step in (0..u8::BITS as usize).rev().filter(|step| steps >> step & 1 == 1) {
            reach(plan, record, (funnel, step), (ts, day), ledger);
        }
    }
}

fn go_on_in_session(plan: &Plan, record: &mut Record, funnel: usize, steps: u8, ledger: &mut Ledger) {
    let shift = funnel as u32 * DEPTH_BITS;
    let depth = (record.depths >> shift & 0xf) as usize;
    if depth < u8::BITS as usize && steps >> depth & 1 == 1 {
        record.depths += 1 << shift;
        ledger.add(record.session_day, plan.layout.funnel_sessions(funnel, depth, record.channel), 1);
    }
}

fn reach(
    plan: &Plan,
    record: &mut Record,
    (funnel, step): (usize, usize),
    (ts, day): (Timestamp, Day),
    ledger: &mut Ledger,
) {
    let held = step_of(record, place(plan, funnel, step));
    let Some(previous) = step.checked_sub(1) else {
        if held.is_none_or(|held| ts.0 >= held.start) {
            note(plan, record, (funnel, step), (ts.0, ts.0, day), ledger);
        }
        return;
    };
    let Some(before) = step_of(record, place(plan, funnel, previous)) else { return };
    if before.time > ts.0 || ts.0.saturating_sub(before.start) > plan.rules.funnels[funnel].within.0 {
        return;
    }
    let start_day = ledger.day(&plan.calendar, Timestamp(before.start));
    if note(plan, record, (funnel, step), (before.start, ts.0, start_day), ledger) {
        let times = plan.layout.funnel_times(funnel, step);
        ledger.add(start_day, times + time_column(ts.0.saturating_sub(before.time)) as u16, 1);
    }
}

/// A step is reached at a time, from a start on a day; whether it is the first such on that day.
fn note(
    plan: &Plan,
    record: &mut Record,
    (funnel, step): (usize, usize),
    (start, time, day): (i64, i64, Day),
    ledger: &mut Ledger,
) -> bool {
    let place = place(plan, funnel, step);
    let held = step_of(record, place);
    let mut next = held.unwrap_or(Step { latest: day, ..Step::NEVER });
    // A zone whose clocks are set back at midnight has a day twice.
    let is_new = held.is_none_or(|held| day > held.latest);
    if is_new {
        contribute_day(plan, (funnel, step, record.channel), (day, held.map(|held| held.latest)), 1, ledger);
        next.move_on(day);
        next.days |= 1;
    }
    set_step(record, place, Step { start, time, ..next });
    is_new
}

/// Takes in how far a visitor got; both count for no channel now.
pub(super) fn unite(plan: &Plan, record: &mut Record, visitor: &Record) {
    for (funnel, of) in plan.rules.funnels.iter().enumerate() {
        for step in 0..of.steps.len() {
            let place = place(plan, funnel, step);
            let Some(theirs) = step_of(visitor, place) else { continue };
            let united = match step_of(record, place) {
                None => theirs,
                Some(ours) => {
                    let later = if (ours.start, ours.time) < (theirs.start, theirs.time) { theirs } else { ours };
                    // Both have the same latest day: see `align`.
                    Step { start: later.start, time: later.time, latest: ours.latest, days: ours.days | theirs.days }
                }
            };
            set_step(record, place, united);
        }
    }
}

/// Gives the steps that both got to the same latest day, before either is taken out of the counts: what is too long before
/// it stays in them.
pub(super) fn align(record: &mut Record, visitor: &mut Record) {
    for (ours, theirs) in record.steps.iter_mut().zip(&mut visitor.steps) {
        if ours.is_reached() && theirs.is_reached() {
            let latest = ours.latest.max(theirs.latest);
            ours.move_on(latest);
            theirs.move_on(latest);
        }
    }
}
