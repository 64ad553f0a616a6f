//! Funnels: how far a user gets, and how far in a session.

use super::calendar::Day;
use super::ledger::Ledger;
use super::plan::{Plan, time_column};
use super::record::{NEVER_BEFORE, Record};
use crate::rules::program::NameId;
use crate::time::Timestamp;

/// Bits of a session's depth in one funnel.
const DEPTH_BITS: u32 = 4;

/// Where in a record's chains the start that a step was reached from stands, and the time of the step.
fn slots(plan: &Plan, funnel: usize, step: usize) -> (usize, usize) {
    match step.checked_sub(1) {
        None => (funnel, funnel),
        Some(later) => {
            let slot = plan.layout.chain_slots[funnel] + later * 2;
            (slot, slot + 1)
        }
    }
}

fn chain(record: &Record, slot: usize) -> Option<i64> {
    record.chains.get(slot).copied().filter(|at| *at != NEVER_BEFORE)
}

fn set_chain(record: &mut Record, slot: usize, at: i64) {
    if record.chains.len() <= slot {
        // Room for no more than there is: most users never get further.
        record.chains.reserve_exact(slot + 1 - record.chains.len());
        record.chains.resize(slot + 1, NEVER_BEFORE);
    }
    record.chains[slot] = at;
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
    let (start_slot, time_slot) = slots(plan, funnel, step);
    let before = chain(record, start_slot);
    let Some(previous) = step.checked_sub(1) else {
        if before.is_some_and(|before| ts.0 < before) {
            return;
        }
        if before.is_none_or(|before| ledger.day(&plan.calendar, Timestamp(before)) != day) {
            ledger.add(day, plan.layout.funnel_users(funnel, 0, record.channel), 1);
        }
        set_chain(record, start_slot, ts.0);
        return;
    };
    let (previous_start, previous_time) = slots(plan, funnel, previous);
    let (Some(start), Some(came)) = (chain(record, previous_start), chain(record, previous_time)) else { return };
    if came > ts.0 || ts.0.saturating_sub(start) > plan.rules.funnels[funnel].within.0 {
        return;
    }
    let start_day = ledger.day(&plan.calendar, Timestamp(start));
    if before.is_none_or(|before| ledger.day(&plan.calendar, Timestamp(before)) != start_day) {
        ledger.add(start_day, plan.layout.funnel_users(funnel, step, record.channel), 1);
        let times = plan.layout.funnel_times(funnel, step);
        ledger.add(start_day, times + time_column(ts.0.saturating_sub(came)) as u16, 1);
    }
    set_chain(record, time_slot, ts.0);
    set_chain(record, start_slot, start);
}

/// Takes in how far a visitor got. Where both were counted for their latest start on the same day, one is taken back.
pub(super) fn unite(plan: &Plan, record: &mut Record, visitor: &Record, ledger: &mut Ledger) {
    for (funnel, of) in plan.rules.funnels.iter().enumerate() {
        for step in 0..of.steps.len() {
            let (start_slot, time_slot) = slots(plan, funnel, step);
            let Some(theirs) = chain(visitor, start_slot) else { continue };
            let time = chain(visitor, time_slot).unwrap_or(theirs);
            let ours = chain(record, start_slot).map(|start| (start, chain(record, time_slot).unwrap_or(start)));
            let day = |start| plan.calendar.day(Timestamp(start));
            if ours.is_some_and(|(start, _)| day(start) == day(theirs)) {
                ledger.add(day(theirs), plan.layout.funnel_users(funnel, step, visitor.channel), -1);
            }
            if ours.is_none_or(|ours| ours < (theirs, time)) {
                set_chain(record, time_slot, time);
                set_chain(record, start_slot, theirs);
            }
        }
    }
}
