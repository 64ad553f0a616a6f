//! Growth state that was stored in form 1: without the day of the latest change of stages, and with the times of funnel steps
//! one after the other, without the days of starts.

use super::funnel_steps::{FunnelStepState, NOT_REACHED};
use super::stored::is_time;
use super::user_state::UserGrowthState;
use crate::growth::calendar::BusinessCalendar;
use crate::growth::plan::{GrowthMigration, GrowthPlan};
use crate::growth::rollup::{Rollup, RollupDeltas, UserContribution};
use crate::time::Timestamp;

/// Counts the users of funnels within 30 days where the rollup was stored in form 1, from the states of all users:
/// `each_state` calls its argument with every one of them.
pub fn add_missing_funnel_windows(
    rollup: &mut Rollup,
    plan: &GrowthPlan,
    each_state: impl FnOnce(&mut dyn FnMut(&UserGrowthState)),
) {
    if !rollup.take_lacks_funnel_windows() {
        return;
    }
    let mut deltas = RollupDeltas::default();
    each_state(&mut |state| {
        state.steps.contribute_windows(&mut UserContribution::adding(plan, state.channel, &mut deltas));
    });
    rollup.merge(plan, std::iter::once(&mut deltas));
}

impl UserGrowthState {
    /// The state that was stored as these numbers in form 1, under the current rules.
    pub(super) fn from_form_1(
        numbers: &[i64],
        migration: &GrowthMigration,
        calendar: &BusinessCalendar,
    ) -> Option<UserGrowthState> {
        let [latest, first, signed_up, session_day, depths, packed, words, times, has_orders, rest @ ..] = numbers
        else {
            return None;
        };
        let (days, rest) = rest.split_at_checked(usize::try_from(*words).ok()?)?;
        let (times, orders) = rest.split_at_checked(usize::try_from(*times).ok()?)?;
        if !times.iter().all(|at| *at == NOT_REACHED || is_time(*at)) {
            return None;
        }
        let steps = steps(times, migration.from.steps.len(), calendar);
        // When the stage changed is not known: it counts for every day to come.
        let packed = (0..1 << 24).contains(packed).then_some((packed >> 8 & 0xff) << 24 | packed)?;
        let fixed =
            [*latest, *first, *signed_up, *session_day, *depths, packed, 1, *words, steps.len() as i64, *has_orders];
        let steps = steps.iter().flat_map(FunnelStepState::numbers);
        let numbers: Vec<i64> =
            fixed.into_iter().chain(days.iter().copied()).chain(steps).chain(orders.iter().copied()).collect();
        UserGrowthState::from_numbers(&numbers, migration)
    }
}

/// The steps of form 1: of each funnel the time of the latest first step; then of each later step the latest start from which
/// it was reached, and when it was reached.
fn steps(times: &[i64], funnels: usize, calendar: &BusinessCalendar) -> Vec<FunnelStepState> {
    let first = times.iter().take(funnels).map(|start| (*start, *start));
    let later =
        times.get(funnels..).unwrap_or_default().chunks(2).map(|pair| (pair[0], *pair.last().unwrap_or(&pair[0])));
    let step = |(start, time): (i64, i64)| match start {
        NOT_REACHED => FunnelStepState::NEVER,
        _ => FunnelStepState { start, time: time.max(start), latest: calendar.day(Timestamp(start)), days: 1 },
    };
    first.chain(later).map(step).collect()
}
