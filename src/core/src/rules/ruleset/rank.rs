//! `[[ranks]]`: users ordered by a number, as an hour, a day, a week or a month begins (semantics §19).

use super::{SegmentId, Term};
use crate::time::{CalendarUnit, Timestamp, ZoneCalendar};

/// An entry of `[[ranks]]`, in file order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RankId(pub u16);

/// By what users are ordered, which of them, and when.
#[derive(Clone, Debug)]
pub struct Rank {
    /// Its id.
    pub id: String,
    /// One line for people; empty if there is none.
    pub description: String,
    /// The number that each user is asked for.
    pub of: Term,
    /// The segment whose members are ordered; `None`: all users are.
    pub among: Option<SegmentId>,
    /// When they are.
    pub every: TakingInterval,
}

/// When a taking is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::AsRefStr, strum::EnumString, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum TakingInterval {
    /// As an hour begins.
    Hour,
    /// As a day begins, in the rules' time zone.
    Day,
    /// As a Monday begins.
    Week,
    /// As a month begins.
    Month,
}

/// What can be asked of a rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::AsRefStr, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum RankFigure {
    /// 1 + how many had a larger number.
    Rank,
    /// The share of those taken who had a smaller number.
    Quantile,
    /// How many were taken.
    Ranked,
}

/// An hour, in milliseconds.
const HOUR_MS: i64 = 3_600_000;

impl TakingInterval {
    /// The first instant after another at which a taking is made.
    pub fn next_after(self, calendar: &ZoneCalendar, after: Timestamp) -> Timestamp {
        let start_of_next = |unit| calendar.start_of(unit, calendar.unit_of(unit, after) + 1);
        match self {
            TakingInterval::Hour => Timestamp(after.0.div_euclid(HOUR_MS).saturating_add(1).saturating_mul(HOUR_MS)),
            TakingInterval::Day => start_of_next(CalendarUnit::Day),
            TakingInterval::Week => start_of_next(CalendarUnit::Week),
            TakingInterval::Month => start_of_next(CalendarUnit::Month),
        }
    }
}
