//! What W1's segments read of an event, by a typed parse with sonic-rs.
//!
//! The calls are those of W1's generator. One that lacks a field that is read here, or has another type in it, is a mistake in the
//! input, which a job written for one workload does not handle.

use std::borrow::Cow;
use std::fmt;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

const DAY_MS: i64 = 86_400_000;

/// An event of a user.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct UserEvent {
    /// Whose it is.
    pub(crate) user: CompactString,
    /// When it happened, in milliseconds since 1970.
    pub(crate) at: i64,
    /// What it was.
    pub(crate) action: UserAction,
}

/// What W1's rules tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum UserAction {
    /// A product was looked at.
    View,
    /// A product was put into the cart.
    Cart,
    /// Something was bought, for as much money in millionths.
    Order(i64),
    /// Anything else.
    Other,
}

/// The fields that are read; the rest of the call is checked and skipped.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoreCall<'a> {
    #[serde(borrow, rename = "type")]
    call: Cow<'a, str>,
    #[serde(borrow, default)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    user_id: Cow<'a, str>,
    #[serde(borrow)]
    timestamp: Cow<'a, str>,
    #[serde(default)]
    properties: StoreProperties,
}

#[derive(Default, Deserialize)]
struct StoreProperties {
    total: Option<f64>,
}

/// Parses events; of their times, most have the date of the one before.
#[derive(Debug)]
pub(crate) struct EventParser {
    date: [u8; 10],
    date_ms: i64,
}

/// Why a line is no event.
#[derive(Debug)]
pub(crate) struct ParseError(String);

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl EventParser {
    /// One that has seen no event.
    pub(crate) fn new() -> EventParser {
        EventParser { date: *b"1970-01-01", date_ms: 0 }
    }

    /// The event of a line.
    pub(crate) fn parse(&mut self, line: &[u8]) -> Result<UserEvent, ParseError> {
        let call: StoreCall<'_> = sonic_rs::from_slice(line).map_err(|error| ParseError(error.to_string()))?;
        let at = self.time(call.timestamp.as_bytes()).ok_or_else(|| {
            ParseError(format!("a time like 2026-03-01T00:00:00.000Z is needed, not {:?}", call.timestamp))
        })?;
        let action = match (&*call.call, &*call.event) {
            ("track", "Product Viewed") => UserAction::View,
            ("track", "Product Added") => UserAction::Cart,
            ("track", "Order Completed") => UserAction::Order(millionths(call.properties.total.unwrap_or(0.0))),
            _ => UserAction::Other,
        };
        Ok(UserEvent { user: CompactString::from(call.user_id), at, action })
    }

    /// The only form of time that W1 has: UTC, with milliseconds.
    fn time(&mut self, text: &[u8]) -> Option<i64> {
        let [date @ .., b'T', h1, h2, b':', m1, m2, b':', s1, s2, b'.', f1, f2, f3, b'Z'] = text else { return None };
        if date != self.date {
            let date: [u8; 10] = date.try_into().ok()?;
            (self.date_ms, self.date) = (days(&date)? * DAY_MS, date);
        }
        let (hours, minutes) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
        let (seconds, millis) = (number(&[*s1, *s2])?, number(&[*f1, *f2, *f3])?);
        Some(self.date_ms + ((hours * 60 + minutes) * 60 + seconds) * 1_000 + millis)
    }
}

/// Amounts are exact to a millionth, so that a sum does not depend on its order.
fn millionths(amount: f64) -> i64 {
    (amount * 1e6).round() as i64
}

/// Days since 1970 of a date in the Gregorian calendar: years are counted from March, so that the leap day is their last.
fn days(date: &[u8; 10]) -> Option<i64> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *date else { return None };
    let (year, month, day) = (number(&[y1, y2, y3, y4])?, number(&[m1, m2])?, number(&[d1, d2])?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let before = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 719,468 days from 1 March of the year 0 to 1 January 1970.
    Some(before + (month * 153 + 2) / 5 + day - 1 - 719_468)
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> UserEvent {
        EventParser::new().parse(line.as_bytes()).expect("an event")
    }

    #[test]
    fn an_order_has_its_time_and_its_total() {
        let order = parse(
            r#"{"type":"track","event":"Order Completed","userId":"u1","timestamp":"2026-03-10T00:00:00.255Z","properties":{"total":19.99,"coupon":null}}"#,
        );
        assert_eq!((order.user.as_str(), order.at), ("u1", 1_773_100_800_255));
        assert_eq!(order.action, UserAction::Order(19_990_000));
    }

    #[test]
    fn leap_days_and_centuries_are_counted() {
        let day = |text: &[u8; 10]| days(text).expect("a date");
        assert_eq!([day(b"1970-01-01"), day(b"1969-12-31"), day(b"1970-03-01")], [0, -1, 59]);
        assert_eq!([day(b"2000-02-29"), day(b"2000-03-01"), day(b"2100-03-01")], [11_016, 11_017, 47_541]);
    }

    #[test]
    fn what_is_no_event_of_w1_is_a_mistake() {
        for line in ["{", "{}", r#"{"type":"track","userId":"u1","timestamp":"2026-03-10"}"#] {
            assert!(EventParser::new().parse(line.as_bytes()).is_err(), "{line}");
        }
    }
}
