//! Windows of whole business days, in the notation of the command line.

use std::fmt;

use jiff::ToSpan;
use jiff::civil::{Date, ISOWeekDate, Weekday};
use serde::Serialize;

use crate::growth::calendar::Day;

/// Days from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DayWindow {
    /// The first day.
    pub first: Day,
    /// The last day; not before the first.
    pub last: Day,
}

/// Why a text is no window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DayWindowError {
    /// It has none of the forms of a window.
    #[error(
        "it must be a day (2026-03-02), an ISO week (2026-W10), a month (2026-03), or a range of days \
         (2026-03-02..2026-03-08)"
    )]
    Malformed,
    /// The range ends before it starts.
    #[error("the window ends ({last}) before it begins ({first})")]
    Reversed {
        /// The first day.
        first: Date,
        /// The last day.
        last: Date,
    },
}

impl DayWindow {
    /// A day (`2026-03-02`), an ISO week (`2026-W10`), a month (`2026-03`), a year (`2026`), or a range of two of these,
    /// from the first day of the one to the last of the other (`2026-03-02..2026-03-08`).
    ///
    /// # Errors
    /// The text is none of these, or the range is empty.
    pub fn parse(text: &str) -> Result<DayWindow, DayWindowError> {
        let window = match text.split_once("..") {
            None => span(text),
            Some((first, last)) => span(first).zip(span(last)).map(|(first, last)| (first.0, last.1)),
        };
        match window {
            Some((first, last)) if first > last => Err(DayWindowError::Reversed { first, last }),
            Some((first, last)) => Ok(DayWindow { first: Day::of(first), last: Day::of(last) }),
            None => Err(DayWindowError::Malformed),
        }
    }

    /// The number of days.
    pub fn days(self) -> i64 {
        self.last.since(self.first) + 1
    }

    /// Whether it contains a day.
    pub fn contains(self, day: Day) -> bool {
        (self.first..=self.last).contains(&day)
    }
}

/// `2026-03-02`, or `2026-03-02..2026-03-08`
impl fmt::Display for DayWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first == self.last {
            true => write!(f, "{}", self.first),
            false => write!(f, "{}..{}", self.first, self.last),
        }
    }
}

fn span(text: &str) -> Option<(Date, Date)> {
    let is_number = |text: &str, digits: usize| text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    let (year, rest) = match text.split_once('-') {
        None => (text, None),
        Some((year, rest)) => (year, Some(rest)),
    };
    let number = is_number(year, 4).then(|| year.parse::<i16>().ok())??;
    match rest {
        None => Some((Date::new(number, 1, 1).ok()?, Date::new(number, 12, 31).ok()?)),
        Some(rest) if is_number(rest, 2) => {
            let first = Date::new(number, rest.parse().ok()?, 1).ok()?;
            Some((first, first.last_of_month()))
        }
        Some(rest) if rest.starts_with('W') && is_number(&rest[1..], 2) => {
            let monday = ISOWeekDate::new(number, rest[1..].parse().ok()?, Weekday::Monday).ok()?.date();
            Some((monday, monday.saturating_add(6.days())))
        }
        Some(_) if text.len() == 10 => text.parse().ok().map(|day: Date| (day, day)),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_weeks_months_and_ranges_are_windows() {
        for (text, shown, days) in [
            ("2026-03-02", "2026-03-02", 1),
            ("2026-W10", "2026-03-02..2026-03-08", 7),
            ("2024-02", "2024-02-01..2024-02-29", 29),
            ("2026", "2026-01-01..2026-12-31", 365),
            ("2026-03-02..2026-W10", "2026-03-02..2026-03-08", 7),
        ] {
            let window = DayWindow::parse(text).expect(text);
            assert_eq!((window.to_string().as_str(), window.days()), (shown, days), "{text}");
        }
    }

    #[test]
    fn malformed_and_reversed_windows_are_refused() {
        for text in [
            "",
            "2026-13",
            "2026-W54",
            "yesterday",
            "2026-03-02T00:00:00Z",
            "2026-3-2",
            "..",
            "2026-03-08..2026-03-02",
            "é026",
        ] {
            assert!(DayWindow::parse(text).is_err(), "{text}");
        }
    }
}
