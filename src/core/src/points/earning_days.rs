//! What was earned on each of the latest days, for `daily_max`.

use super::Earning;
use super::amount::Points;
use crate::time::{CalendarUnit, Timestamp, ZoneCalendar};

/// How many days before today's an earning can belong to.
const DAYS_BACK: i64 = 30;

/// What was earned on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EarningDay {
    /// When the day begins. Another time zone of the rules has other days, on which nothing was earned yet.
    pub(super) begins: Timestamp,
    pub(super) earned: Points,
}

/// What was earned, by day, oldest first; of today and the thirty days before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct EarningDays(Vec<EarningDay>);

impl EarningDays {
    /// Days as they were stored; `None`: they cannot have been.
    pub(super) fn restore(days: Vec<EarningDay>) -> Option<EarningDays> {
        let is_sound = days.windows(2).all(|pair| pair[0].begins < pair[1].begins);
        is_sound.then_some(EarningDays(days))
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = EarningDay> {
        self.0.iter().copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<EarningDay>()
    }

    /// Adds what is left of an earning when no more than `most` are earned on its day. Returns how much that is.
    pub(super) fn earn(&mut self, most: Points, earning: Earning<'_>) -> Points {
        let Earning { amount, ts, now, calendar } = earning;
        let (today, day) = (calendar.unit_of(CalendarUnit::Day, now), calendar.unit_of(CalendarUnit::Day, ts));
        if today - day > DAYS_BACK {
            return Points::ZERO;
        }
        self.drop_before(calendar.start_of(CalendarUnit::Day, today - DAYS_BACK));
        let begins = calendar.start_of(CalendarUnit::Day, day);
        let at = self.0.partition_point(|other| other.begins < begins);
        let before = self.0.get(at).filter(|other| other.begins == begins).map_or(Points::ZERO, |day| day.earned);
        let earned = amount.min(most.less(before));
        if earned > Points::ZERO {
            self.add(EarningDay { begins, earned });
        }
        earned
    }

    pub(super) fn tidy(&mut self, now: Timestamp, calendar: &ZoneCalendar) {
        if !self.0.is_empty() {
            let today = calendar.unit_of(CalendarUnit::Day, now);
            self.drop_before(calendar.start_of(CalendarUnit::Day, today - DAYS_BACK));
        }
    }

    pub(super) fn merge(&mut self, other: EarningDays) {
        other.0.into_iter().for_each(|day| self.add(day));
    }

    fn add(&mut self, day: EarningDay) {
        let at = self.0.partition_point(|other| other.begins < day.begins);
        match self.0.get_mut(at) {
            Some(other) if other.begins == day.begins => other.earned = other.earned.plus(day.earned),
            _ => self.0.insert(at, day),
        }
    }

    fn drop_before(&mut self, oldest: Timestamp) {
        self.0.retain(|day| day.begins >= oldest);
    }
}
