//! Windows: which pane an instant lies in, which panes a window holds, and when a pane leaves.

use std::fmt;

use strum::{AsRefStr, EnumString, VariantNames};

use super::clock::FeatureClock;
use crate::time::{CalendarUnit, Span, Timestamp, ZoneCalendar};

/// Beyond every day of a calendar.
const UNITS: std::ops::RangeInclusive<i64> = -5_000_000..=5_000_000;

/// What a feature looks back over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Window {
    /// `'7d'`
    Sliding(SlidingWindow),
    /// `'this_month'`
    Calendar(CalendarWindow),
}

/// A paned window (semantics §4): an event at `ts` lies in pane `floor(ts / pane_ms)`; at `now` the window holds the
/// panes `p` with `floor(now / pane_ms) - panes < p <= floor(now / pane_ms)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SlidingWindow {
    /// The window as the rules wrote it.
    pub length: Span,
    /// Width of a pane in milliseconds, `max(1, ceil(length / 60))`.
    pub pane_ms: i64,
    /// How many panes the window holds, `ceil(length / pane_ms)`; 1 to 60.
    pub panes: i64,
}

/// A calendar window (semantics §10), which holds one period of the calendar: its panes are the periods. Its
/// name is part of the checkpoint format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, AsRefStr, EnumString, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum CalendarWindow {
    /// `'today'`
    Today,
    /// `'yesterday'`
    Yesterday,
    /// `'this_week'`
    ThisWeek,
    /// `'last_week'`
    LastWeek,
    /// `'this_month'`
    ThisMonth,
    /// `'last_month'`
    LastMonth,
    /// `'this_quarter'`
    ThisQuarter,
    /// `'last_quarter'`
    LastQuarter,
    /// `'this_year'`
    ThisYear,
    /// `'last_year'`
    LastYear,
}

/// The pane of an event, and the oldest pane that anything can still depend on.
#[derive(Clone, Copy, Debug)]
pub(super) struct PanePlace {
    pub(super) pane: i64,
    pub(super) oldest: i64,
}

impl From<CalendarWindow> for Window {
    fn from(window: CalendarWindow) -> Window {
        Window::Calendar(window)
    }
}

impl Window {
    /// The sliding window of a length; at least 1 ms.
    pub fn new(length: Span) -> Window {
        Window::Sliding(SlidingWindow::new(length))
    }

    /// From when to when (exclusive) a pane reaches.
    pub fn pane_interval(&self, pane: i64, calendar: &ZoneCalendar) -> [Timestamp; 2] {
        match self {
            Window::Sliding(window) => {
                [pane, pane.saturating_add(1)].map(|at| Timestamp(at.saturating_mul(window.pane_ms)))
            }
            Window::Calendar(window) => [pane, pane.saturating_add(1)].map(|at| calendar.start_of(window.unit(), at)),
        }
    }

    /// How long after an event it still holds the event, at most.
    pub fn longest(&self) -> Span {
        match self {
            Window::Sliding(window) => window.length,
            Window::Calendar(window) => window.longest(),
        }
    }

    /// How many panes are kept, at most.
    pub(super) fn panes_max(&self) -> usize {
        match self {
            Window::Sliding(window) => usize::try_from(window.panes).unwrap_or(usize::MAX),
            Window::Calendar(window) => 1 + usize::from(window.is_previous()),
        }
    }

    /// Where an event belongs.
    pub(super) fn place(&self, at: Timestamp, clock: FeatureClock<'_>) -> PanePlace {
        match self {
            Window::Sliding(window) => {
                PanePlace { pane: window.pane_of(at.0), oldest: window.pane_of(clock.now.0) - window.panes + 1 }
            }
            Window::Calendar(window) => {
                let current = clock.calendar.unit_of(window.unit(), clock.now);
                let pane = if at == clock.now { current } else { clock.calendar.unit_of(window.unit(), at) };
                PanePlace { pane, oldest: current - i64::from(window.is_previous()) }
            }
        }
    }

    /// The oldest pane that anything can still depend on at `now`: the oldest that the window holds.
    pub(super) fn oldest_pane(&self, clock: FeatureClock<'_>) -> i64 {
        match self {
            Window::Sliding(window) => window.pane_of(clock.now.0) - window.panes + 1,
            Window::Calendar(window) => {
                clock.calendar.unit_of(window.unit(), clock.now) - i64::from(window.is_previous())
            }
        }
    }

    /// When what lies in `pane` leaves the window.
    pub(super) fn leaves_at(&self, pane: i64, calendar: &ZoneCalendar) -> Timestamp {
        match self {
            Window::Sliding(window) => Timestamp((pane + window.panes) * window.pane_ms),
            Window::Calendar(window) => calendar.start_of(window.unit(), pane + 1 + i64::from(window.is_previous())),
        }
    }

    /// A window of the period before the current one: events are kept for a period before it holds them.
    pub(super) fn previous_period(&self) -> Option<CalendarWindow> {
        match self {
            Window::Calendar(window) if window.is_previous() => Some(*window),
            _ => None,
        }
    }

    /// Whether a pane's instants are in range, so that arithmetic on it cannot overflow.
    pub(super) fn has_in_range(&self, pane: i64) -> bool {
        match self {
            Window::Sliding(window) => {
                let begins = pane.checked_mul(window.pane_ms).map(Timestamp);
                begins.is_some_and(|at| (Timestamp::MIN..=Timestamp::NEVER).contains(&at))
            }
            Window::Calendar(_) => UNITS.contains(&pane),
        }
    }

    /// The same, of a pane that is a day.
    pub(super) fn has_day_in_range(day: i64) -> bool {
        UNITS.contains(&day)
    }

    /// As a stored definition has it: with all that decides which pane an event lies in.
    pub(super) fn definition(&self, zone: &str) -> String {
        match self {
            Window::Sliding(window) => window.length.0.to_string(),
            Window::Calendar(window) => format!("{} {zone}", window.as_ref()),
        }
    }
}

impl SlidingWindow {
    /// The window of a length; at least 1 ms.
    pub fn new(length: Span) -> SlidingWindow {
        let pane_ms = (length.0 + 59).div_euclid(60).max(1);
        SlidingWindow { length, pane_ms, panes: (length.0 + pane_ms - 1).div_euclid(pane_ms) }
    }

    /// The pane an event at `ms` lies in.
    pub fn pane_of(&self, ms: i64) -> i64 {
        ms.div_euclid(self.pane_ms)
    }
}

impl CalendarWindow {
    /// The periods that it holds one of.
    pub fn unit(self) -> CalendarUnit {
        match self {
            CalendarWindow::Today | CalendarWindow::Yesterday => CalendarUnit::Day,
            CalendarWindow::ThisWeek | CalendarWindow::LastWeek => CalendarUnit::Week,
            CalendarWindow::ThisMonth | CalendarWindow::LastMonth => CalendarUnit::Month,
            CalendarWindow::ThisQuarter | CalendarWindow::LastQuarter => CalendarUnit::Quarter,
            CalendarWindow::ThisYear | CalendarWindow::LastYear => CalendarUnit::Year,
        }
    }

    /// Whether it holds the period before the current one.
    pub fn is_previous(self) -> bool {
        match self {
            CalendarWindow::Today
            | CalendarWindow::ThisWeek
            | CalendarWindow::ThisMonth
            | CalendarWindow::ThisQuarter
            | CalendarWindow::ThisYear => false,
            CalendarWindow::Yesterday
            | CalendarWindow::LastWeek
            | CalendarWindow::LastMonth
            | CalendarWindow::LastQuarter
            | CalendarWindow::LastYear => true,
        }
    }

    fn longest(self) -> Span {
        let days = match self.unit() {
            CalendarUnit::Day => 1,
            CalendarUnit::Week => 7,
            CalendarUnit::Month => 31,
            CalendarUnit::Quarter => 92,
            CalendarUnit::Year => 366,
        };
        Span(days * (1 + i64::from(self.is_previous())) * 86_400_000)
    }
}

/// As the rules write it, without quotes.
impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Window::Sliding(window) => window.length.fmt(f),
            Window::Calendar(window) => f.write_str(window.as_ref()),
        }
    }
}
