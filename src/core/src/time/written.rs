//! Times that properties and traits write (semantics §10).

use jiff::civil::Date;

use super::{Timestamp, date_of};

/// What a text says of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrittenTime {
    /// `2026-03-05T09:00:00+08:00`, an instant.
    Instant(Timestamp),
    /// `2026-03-05`, a date, in no zone.
    Date(Date),
}

impl WrittenTime {
    /// Reads an instant as RFC 3339 writes it, or a date. `None`: it is neither.
    pub fn parse(text: &str) -> Option<WrittenTime> {
        match date_of(text.as_bytes()) {
            Some(date) => Some(WrittenTime::Date(date)),
            None => Timestamp::parse_rfc3339(text).map(WrittenTime::Instant),
        }
    }
}
