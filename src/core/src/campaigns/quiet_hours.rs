//! Quiet hours: whether it is night where the user is, and when the night ends.

use jiff::civil::{DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::engine::evaluate::EvaluationContext;
use crate::engine::local_time::zone_of;
use crate::rules::ruleset::QuietHours;
use crate::time::Timestamp;

impl QuietHours {
    /// When the quiet hours that the user is in end; `None` outside them.
    pub fn ends_for(&self, scope: &EvaluationContext<'_>) -> Option<Timestamp> {
        self.end_after(scope.now, &zone_of(scope).0)
    }

    /// When the quiet hours around `now` end in this zone; `None` outside them.
    ///
    /// A local end that a clock change skips is shifted forward by the gap; of one that comes twice, the first after
    /// `now` counts.
    pub fn end_after(&self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let instant = jiff::Timestamp::from_millisecond(now.0).ok()?;
        let local = zone.to_datetime(instant);
        let minute = u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).ok()?;
        let overnight = self.start_minute > self.end_minute;
        let quiet = if overnight {
            minute >= self.start_minute || minute < self.end_minute
        } else {
            (self.start_minute..self.end_minute).contains(&minute)
        };
        if !quiet {
            return None;
        }
        let end_date = if minute < self.end_minute { local.date() } else { local.date().tomorrow().ok()? };
        let end = end_date.to_datetime(clock_time(self.end_minute)?);
        let until = first_after(end, now, zone)?;
        // Never in the past: a deferred decision must come due.
        Some(Timestamp(until.0.max(now.0 + 1)))
    }
}

fn clock_time(minute: u16) -> Option<Time> {
    Time::new(i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?, 0, 0).ok()
}

fn first_after(local: DateTime, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let at =
        |offset: jiff::tz::Offset| offset.to_timestamp(local).ok().map(|instant| Timestamp(instant.as_millisecond()));
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => at(offset),
        // With the offset from before the gap, a skipped time lands as far behind the gap as it stood inside it.
        AmbiguousOffset::Gap { before, .. } => at(before),
        AmbiguousOffset::Fold { before, after } => at(before).filter(|first| *first > now).or_else(|| at(after)),
    }
}
