//! The growth state of a user as plain numbers, for the checkpoint codec, and back. What comes back is checked: whatever could
//! not have been stored is refused.

use std::num::NonZeroU16;

use thin_vec::ThinVec;

use super::active_days::ActiveDays;
use super::funnel_steps::{FunnelStepState, FunnelSteps};
use super::orders::{OrderDay, PlacedOrder, UserOrders};
use super::user_state::UserGrowthState;
use crate::growth::calendar::Day;
use crate::growth::plan::{FunnelStep, GrowthMigration, RowLayout, StateBounds};
use crate::time::{DayBits, Timestamp};

/// The fixed numbers at the start of a state.
const FIXED: usize = 10;
/// The numbers of a funnel step.
pub(super) const STEP: usize = 4;
/// The numbers of a day with orders.
const ORDER_DAY: usize = 7;

impl UserGrowthState {
    /// The state as numbers.
    pub fn stored(&self) -> Vec<i64> {
        let days: Vec<i64> = self.days.0.words().map(|word| word.cast_signed()).collect();
        let mut numbers = vec![
            self.latest.0.into(),
            self.first.0.into(),
            self.signed_up.map_or(0, |day| day.get().into()),
            self.session_day.0.into(),
            self.depths.into(),
            i64::from(self.stage_before) << 24
                | i64::from(self.channel) << 16
                | i64::from(self.stage) << 8
                | i64::from(self.session),
            self.stage_day.0.into(),
            days.len() as i64,
            self.steps.slots.len() as i64,
            i64::from(self.orders.is_some()),
        ];
        numbers.extend(days);
        self.steps.slots.iter().for_each(|step| numbers.extend(step.numbers()));
        if let Some(orders) = &self.orders {
            let (first, value) = orders.first.map_or((0, 0), |order| (order.at.0, order.value));
            numbers.extend([orders.first.is_some().into(), first, value]);
            numbers.extend([orders.second.is_some().into(), orders.second.map_or(0, |at| at.0)]);
            numbers.extend([orders.days.len() as i64, orders.ids.len() as i64]);
            for held in &orders.days {
                numbers.push(held.day.0.into());
                numbers.extend(held.counts.map(i64::from));
                numbers.extend(held.amounts);
            }
            numbers.extend(orders.ids.iter().map(|id| id.cast_signed()));
        }
        numbers
    }

    /// The stored state under the current rules; `None`: no state could have been stored like this.
    pub fn restore(numbers: &[i64], migration: &GrowthMigration) -> Option<UserGrowthState> {
        match &migration.form_1 {
            Some(calendar) => UserGrowthState::from_form_1(numbers, migration, calendar),
            None => UserGrowthState::from_numbers(numbers, migration),
        }
    }

    pub(super) fn from_numbers(numbers: &[i64], migration: &GrowthMigration) -> Option<UserGrowthState> {
        let (fixed, rest) = numbers.split_at_checked(FIXED)?;
        let day = |number: i64| u16::try_from(number).ok().filter(|day| *day > 0).map(Day);
        let byte = |shift: u32| (fixed[5] >> shift & 0xff) as u8;
        let StateBounds { channels, stages, slots } = migration.bounds();
        let (words, rest) = rest.split_at_checked(usize::try_from(fixed[7]).ok()?)?;
        let count = usize::try_from(fixed[8]).ok().filter(|count| *count <= slots)?;
        let (steps, rest) = rest.split_at_checked(count * STEP)?;
        let is_sound = (0..1 << 32).contains(&fixed[5])
            && usize::from(byte(16)) < channels
            && usize::from(byte(8)) < stages
            && usize::from(byte(24)) < stages;
        if !is_sound {
            return None;
        }
        let words: Vec<u64> = words.iter().map(|word| word.cast_unsigned()).collect();
        let state = UserGrowthState {
            days: ActiveDays(DayBits::from_words(&words)?),
            steps: FunnelSteps { slots: steps.chunks_exact(STEP).map(step).collect::<Option<_>>()? },
            orders: match fixed[9] {
                0 if rest.is_empty() => None,
                1 => Some(Box::new(orders(rest)?)),
                _ => return None,
            },
            depths: u32::try_from(fixed[4]).ok()?,
            latest: day(fixed[0])?,
            first: day(fixed[1]).filter(|first| i64::from(first.0) <= fixed[0])?,
            signed_up: NonZeroU16::new(u16::try_from(fixed[2]).ok()?),
            session_day: day(fixed[3])?,
            stage_day: day(fixed[6])?,
            channel: byte(16),
            stage: byte(8),
            stage_before: byte(24),
            session: byte(0),
        };
        Some(state.migrated(migration))
    }
}

impl UserGrowthState {
    /// The state under the current rules. Its numbers must be within the [bounds](GrowthMigration::bounds).
    fn migrated(mut self, migration: &GrowthMigration) -> UserGrowthState {
        self.channel = migration.channels[usize::from(self.channel)];
        self.stage = migration.stages[usize::from(self.stage)];
        self.stage_before = migration.stages[usize::from(self.stage_before)];
        if migration.keeps_funnels() {
            return self;
        }
        let (steps, depths) = (std::mem::take(&mut self.steps), std::mem::take(&mut self.depths));
        for (old, new) in migration.kept_funnels() {
            self.depths |= (depths >> (old * 4) & 0xf) << (new * 4);
            for step in 0..migration.from.steps[old] {
                let slot = |layout: &RowLayout, funnel| layout.step_slot(FunnelStep { funnel, step });
                if let Some(step) = steps.get(slot(&migration.from, old)) {
                    self.steps.set(slot(&migration.to, new), step);
                }
            }
        }
        self
    }
}

impl FunnelStepState {
    pub(super) fn numbers(&self) -> [i64; STEP] {
        [self.start, self.time, self.latest.0.into(), self.days.into()]
    }
}

fn step(numbers: &[i64]) -> Option<FunnelStepState> {
    let [start, time, latest, days] = *numbers else { return None };
    let step = FunnelStepState {
        start,
        time,
        latest: Day(u16::try_from(latest).ok().filter(|day| *day > 0)?),
        days: u32::try_from(days).ok()?,
    };
    let is_sound = if step.is_reached() {
        is_time(start) && is_time(time) && days & 1 == 1
    } else {
        step == FunnelStepState::NEVER
    };
    is_sound.then_some(step)
}

pub(super) fn is_time(at: i64) -> bool {
    (Timestamp::MIN.0..=Timestamp::NEVER.0).contains(&at)
}

fn orders(numbers: &[i64]) -> Option<UserOrders> {
    let [has_first, first, value, has_second, second, days, ids, rest @ ..] = numbers else { return None };
    let (days, rest) = rest.split_at_checked(usize::try_from(*days).ok()?.checked_mul(ORDER_DAY)?)?;
    let number = |at: i64| u32::try_from(at).ok();
    let day = |held: &[i64]| {
        Some(OrderDay {
            day: Day(u16::try_from(held[0]).ok().filter(|day| *day > 0)?),
            counts: [number(held[1])?, number(held[2])?, number(held[3])?],
            amounts: [held[4], held[5], held[6]],
        })
    };
    let orders = UserOrders {
        days: days.chunks_exact(ORDER_DAY).map(day).collect::<Option<ThinVec<_>>>()?,
        first: (*has_first == 1).then_some(PlacedOrder { at: Timestamp(*first), value: *value }),
        second: (*has_second == 1).then_some(Timestamp(*second)),
        ids: rest.iter().map(|id| id.cast_unsigned()).collect(),
    };
    let is_sound = usize::try_from(*ids).ok()? == rest.len() && is_time(*first) && is_time(*second);
    (is_sound && orders.is_sound()).then_some(orders)
}
