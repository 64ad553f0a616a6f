//! Dates that traits and events have: `until` and `anniversary`, by the days of the rules' time zone (semantics §10).

use jiff::civil::Date;

use super::evaluate::EvaluationContext;
use crate::rules::ruleset::Term;
use crate::time::{Timestamp, WrittenTime};
use crate::value::{ConditionResult, TermResult, Value};

/// Years in which the next anniversary is looked for: no zone has skipped one date more than once.
const YEARS_SEARCHED: usize = 8;

impl<'a> EvaluationContext<'a> {
    /// The duration from `now` to what a text names.
    pub(super) fn until(&self, date: &'a Term) -> TermResult<'a> {
        let written = self.read(date);
        match written_time(&written.value) {
            Some(time) => TermResult { value: Value::Span((self.instant(time) - self.now).0), slope: -1, ..written },
            None => TermResult { value: Value::Missing, slope: 0, ..written },
        }
    }

    /// Whether today has the month and day of what a text names, and until when.
    pub(super) fn anniversary(&self, date: &'a Term) -> ConditionResult {
        let written = self.read(date);
        let Some(time) = written_time(&written.value) else {
            return ConditionResult { holds: false, until: written.until };
        };
        let (calendar, today) = (&self.rules.calendar, self.rules.calendar.date_of(self.now));
        let date = match time {
            WrittenTime::Date(date) => date,
            WrittenTime::Instant(at) => calendar.date_of(at),
        };
        let holds = anniversary_in(date, today.year()) == Some(today);
        let change = if holds { self.start_after(today) } else { self.next_anniversary(date, today) };
        ConditionResult { holds, until: written.until.min(change) }
    }

    fn instant(&self, time: WrittenTime) -> Timestamp {
        match time {
            WrittenTime::Instant(at) => at,
            WrittenTime::Date(date) => self.rules.calendar.date_start(date),
        }
    }

    /// The beginning of the next anniversary of a date after today.
    fn next_anniversary(&self, date: Date, today: Date) -> Timestamp {
        let years = (today.year()..=Date::MAX.year()).take(YEARS_SEARCHED);
        let days = years.filter_map(|year| anniversary_in(date, year)).filter(|day| *day > today);
        // A day that the zone skips begins when the one after it does.
        let mut starts = days.map(|day| (self.rules.calendar.date_start(day), self.start_after(day)));
        starts.find(|(start, end)| start < end).map_or(Timestamp::NEVER, |(start, _)| start)
    }

    /// The beginning of the day after a date.
    fn start_after(&self, date: Date) -> Timestamp {
        date.tomorrow().map_or(Timestamp::NEVER, |tomorrow| self.rules.calendar.date_start(tomorrow))
    }
}

fn written_time(value: &Value<'_>) -> Option<WrittenTime> {
    match value {
        Value::Text(text) => WrittenTime::parse(text),
        _ => None,
    }
}

/// The anniversary of a date in a year: its month and day, or 28 February where there is no 29th.
fn anniversary_in(date: Date, year: i16) -> Option<Date> {
    Date::new(year, date.month(), date.day()).or_else(|_| Date::new(year, date.month(), 28)).ok()
}
