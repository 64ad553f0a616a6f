//! The instant that a feature is asked at.

use crate::time::{Timestamp, ZoneCalendar};

/// A user's clock, with the calendar of the rules' time zone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FeatureClock<'c> {
    /// The instant.
    pub(crate) now: Timestamp,
    /// What days, weeks, months, quarters and years are.
    pub(crate) calendar: &'c ZoneCalendar,
}
