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
    /// Reads an instant as RFC 3339 writes it, with a `T` (only times of events may have a blank there), or a date. `None`: it
    /// is neither.
    pub fn parse(text: &str) -> Option<WrittenTime> {
        match date_of(text.as_bytes()) {
            Some(date) => Some(WrittenTime::Date(date)),
            None => Timestamp::parse_rfc3339(text).filter(|_| !text.contains(' ')).map(WrittenTime::Instant),
        }
    }
}

#[test]
fn an_instant_has_a_t_and_a_zone() {
    let read = |text| WrittenTime::parse(text).is_some();
    assert!(read("2026-03-05") && read("2026-03-05T00:00:00Z") && read("2026-03-05t00:00:00.5+08:00"));
    assert!(!read("2026-03-05 00:00:00Z") && !read("2026-03-05T00:00:00") && !read("2026-03-05T00:00Z"));
}
