//! The growth state of one user.

use std::num::NonZeroU16;

use super::active_days::ActiveDays;
use super::funnel_steps::FunnelSteps;
use super::orders::UserOrders;
use super::updater::StateUpdater;
use crate::growth::calendar::Day;
use crate::growth::counts::DayCount;
use crate::growth::plan::{OUTSIDE, StageNumber};
use crate::growth::rollup::UserContribution;
use crate::time::Timestamp;

/// The growth state of one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserGrowthState {
    /// The days with events, up to `latest`.
    pub(super) days: ActiveDays,
    /// The steps of funnels that were reached.
    pub(super) steps: FunnelSteps,
    /// The orders and refunds.
    pub(super) orders: Option<Box<UserOrders>>,
    /// The number of steps reached in the current session, four bits for each funnel.
    pub(super) depths: u32,
    /// The latest day with events.
    pub(super) latest: Day,
    /// The day of the first event.
    pub(super) first: Day,
    /// The day of the first sign-up; days count from 1.
    pub(super) signed_up: Option<NonZeroU16>,
    /// The day the current session started.
    pub(super) session_day: Day,
    /// The latest day on which the stage changed.
    pub(super) stage_day: Day,
    /// The channel of the first event.
    pub(super) channel: u8,
    pub(super) stage: StageNumber,
    /// The stage at the start of `stage_day`.
    pub(super) stage_before: StageNumber,
    /// What the current session contains: [`CART`], [`CHECKOUT`], [`CART_ORDER`].
    pub(super) session: u8,
}

/// A cart event.
pub(super) const CART: u8 = 1;
/// A checkout event.
pub(super) const CHECKOUT: u8 = 2;
/// An order at or after a cart event.
pub(super) const CART_ORDER: u8 = 4;

impl UserGrowthState {
    /// The state after a first event on a day.
    pub(super) fn new(first: Day, channel: u8) -> UserGrowthState {
        UserGrowthState {
            days: ActiveDays::new(),
            steps: FunnelSteps::default(),
            orders: None,
            depths: 0,
            latest: first,
            first,
            signed_up: None,
            session_day: first,
            stage_day: first,
            channel,
            stage: OUTSIDE,
            stage_before: OUTSIDE,
            session: 0,
        }
    }

    /// The heap bytes it takes, its own size included.
    pub fn heap_bytes(&self) -> usize {
        size_of::<UserGrowthState>()
            + self.days.0.heap_bytes()
            + self.steps.heap_bytes()
            + self.orders.as_ref().map_or(0, |orders| size_of::<UserOrders>() + orders.heap_bytes())
    }

    /// Adds all that the user contributes to its channel.
    pub(super) fn add(&self, updater: &mut StateUpdater<'_>) {
        self.contribute(&mut updater.adding(self.channel));
    }

    /// Takes back all that the user contributes to its channel.
    pub(super) fn take_back(&self, updater: &mut StateUpdater<'_>) {
        self.contribute(&mut updater.removing(self.channel));
    }

    fn contribute(&self, to: &mut UserContribution<'_>) {
        to.count(self.first, DayCount::NewUsers, 1);
        if let Some(day) = self.signed_up {
            to.count(Day(day.get()), DayCount::SignUps, 1);
        }
        let mut previous = None;
        for day in self.days.iter(self.latest) {
            self.contribute_day(day, previous, to);
            previous = Some(day);
        }
        if let Some(orders) = &self.orders {
            orders.contribute(to);
        }
        self.steps.contribute(to);
    }

    /// A day with events after the `previous` one.
    fn contribute_day(&self, day: Day, previous: Option<Day>, to: &mut UserContribution<'_>) {
        to.count(day, DayCount::Active, 1);
        to.windows([DayCount::Active7d, DayCount::Active30d], day, previous);
        to.cohort_day(self.first, day);
        if previous.is_none_or(|previous| previous < day.monday()) {
            to.cohort_week(self.first, day);
        }
    }

    /// Adds a day with events, not before the user's first.
    pub(super) fn add_active_day(&mut self, day: Day, updater: &mut StateUpdater<'_>) {
        if day > self.latest {
            let previous = self.latest;
            self.days.insert(&mut self.latest, day);
            self.contribute_day(day, Some(previous), &mut updater.adding(self.channel));
            self.count_in_stage(day, updater);
        } else if !self.days.contains(self.latest, day) {
            self.take_back(updater);
            let is_new = self.days.insert(&mut self.latest, day);
            self.add(updater);
            if is_new {
                self.count_in_stage(day, updater);
            }
        }
    }

    /// Counts the active user in the stage it had at the start of the day. For days up to the latest change of stages, that
    /// is the stage before that change.
    fn count_in_stage(&self, day: Day, updater: &mut StateUpdater<'_>) {
        let stage = if day > self.stage_day { self.stage } else { self.stage_before };
        if stage != OUTSIDE {
            updater.deltas.add(day, updater.plan.layout.active_in_stage(stage), 1);
        }
    }

    /// Replaces the first event by an earlier one.
    pub(super) fn set_first_touch(&mut self, first: Day, channel: u8, updater: &mut StateUpdater<'_>) {
        if (first, channel) != (self.first, self.channel) {
            self.take_back(updater);
            (self.first, self.channel) = (first, channel);
            self.days.insert(&mut self.latest, first);
            self.add(updater);
        }
    }

    /// Adds a sign-up; only the earliest counts.
    pub(super) fn sign_up(&mut self, day: Day, updater: &mut StateUpdater<'_>) {
        let Some(signed_up) = NonZeroU16::new(day.0) else { return };
        if self.signed_up.is_some_and(|before| before <= signed_up) {
            return;
        }
        if let Some(before) = self.signed_up.replace(signed_up) {
            updater.removing(self.channel).count(Day(before.get()), DayCount::SignUps, 1);
        }
        updater.adding(self.channel).count(day, DayCount::SignUps, 1);
    }

    /// Moves the user to a stage at an instant.
    pub(super) fn set_stage(&mut self, stage: StageNumber, at: Timestamp, updater: &mut StateUpdater<'_>) {
        if stage != self.stage {
            let day = updater.deltas.day(&updater.plan.calendar, at);
            updater.deltas.add(day, updater.plan.layout.stage_flow(self.stage, stage), 1);
            if day > self.stage_day {
                (self.stage_day, self.stage_before) = (day, self.stage);
            }
            self.stage = stage;
        }
    }
}
