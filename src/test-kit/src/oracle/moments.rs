//! Functions that ask when something happened, or on which days.

use std::collections::BTreeSet;

use jiff::Zoned;
use jiff::civil::Date;

use super::calendar::later_day;
use super::evaluate::EvaluationScope;
use super::expression::OracleExpression;
use super::moment::{self, OracleMoment};
use super::span::OracleSpan;
use super::value::OracleValue;

/// The longest streak that is told.
const STREAK_DAYS_MAX: usize = 366;

impl EvaluationScope<'_> {
    /// The time since an instant; infinite if there was none.
    pub(crate) fn elapsed(&self, from: Option<i64>) -> OracleValue {
        let infinite = OracleSpan::Infinite { negative: false };
        OracleValue::Duration(from.map_or(infinite, |from| OracleSpan::of_ms(self.now - from)))
    }

    pub(crate) fn gap(&self, name: usize) -> OracleValue {
        match self.history().event_times(name)[..] {
            [.., last_but_one, last] => OracleValue::Duration(OracleSpan::of_ms(last - last_but_one)),
            _ => OracleValue::Missing,
        }
    }

    pub(crate) fn usual_gap(&self, name: usize) -> OracleValue {
        let times = self.history().event_times(name);
        match times[..] {
            [first, .., last] => {
                let gaps = i64::try_from(times.len() - 1).expect("a log is short");
                OracleValue::Duration(OracleSpan::of_ms((last - first) / gaps))
            }
            _ => OracleValue::Missing,
        }
    }

    pub(crate) fn days(&self, name: usize, days: i32) -> usize {
        let today = self.today();
        self.active_days(name).range(later_day(today, 1 - days)..=today).count()
    }

    pub(crate) fn streak(&self, name: usize) -> usize {
        let (active, today) = (self.active_days(name), self.today());
        let mut day = if active.contains(&today) { today } else { later_day(today, -1) };
        let mut length = 0;
        while active.contains(&day) && length < STREAK_DAYS_MAX {
            length += 1;
            day = later_day(day, -1);
        }
        length
    }

    pub(crate) fn until(&self, text: &OracleExpression) -> OracleValue {
        let Some(moment) = self.moment(text) else { return OracleValue::Missing };
        OracleValue::Duration(OracleSpan::of_ms(moment.instant(&self.rules.calendar) - self.now))
    }

    pub(crate) fn is_anniversary(&self, text: &OracleExpression) -> bool {
        let (Some(moment), today) = (self.moment(text), self.today()) else { return false };
        moment::anniversary(moment.day(&self.rules.calendar), today.year()) == Some(today)
    }

    /// The instant or date that a text names.
    pub(crate) fn moment(&self, text: &OracleExpression) -> Option<OracleMoment> {
        let OracleValue::Text(text) = self.value(text) else { return None };
        OracleMoment::parse(&text)
    }

    pub(crate) fn local_time(&self) -> Zoned {
        self.user.local_time(self.rules)
    }

    fn today(&self) -> Date {
        self.rules.calendar.day_of(self.now)
    }

    fn active_days(&self, name: usize) -> BTreeSet<Date> {
        self.history().named(name).map(|one| self.rules.calendar.day_of(one.at)).collect()
    }
}
