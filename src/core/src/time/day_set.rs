//! The days of a calendar on which something happened.

use jiff::civil::Date;

use super::DayBits;
use super::calendar::date_of_day;

/// Days by their numbers ([`CalendarUnit::Day`](super::CalendarUnit::Day)), up to 512 days back of the latest of them. May
/// be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DaySet {
    latest: i64,
    /// `None`: no day. Otherwise the latest is in it.
    bits: Option<DayBits>,
}

impl DaySet {
    /// No day.
    pub(crate) const EMPTY: DaySet = DaySet { latest: 0, bits: None };

    /// The latest day.
    pub(crate) fn latest(&self) -> Option<i64> {
        self.bits.as_ref().map(|_| self.latest)
    }

    /// Adds a day.
    pub(crate) fn insert(&mut self, day: i64) {
        match &mut self.bits {
            None => *self = DaySet { latest: day, bits: Some(DayBits::new()) },
            Some(bits) if day > self.latest => {
                bits.insert_later(day - self.latest);
                self.latest = day;
            }
            Some(bits) => {
                bits.insert(self.latest - day);
            }
        }
    }

    /// Adds a day and drops those before `oldest`; nothing happens where the day is one of these itself.
    pub(crate) fn insert_from(&mut self, oldest: i64, day: i64) {
        if day >= oldest {
            self.insert(day);
            self.drop_before(oldest);
        }
    }

    /// Drops the days before this one.
    pub(crate) fn drop_before(&mut self, oldest: i64) {
        if self.latest < oldest {
            *self = DaySet::EMPTY;
        } else if let Some(bits) = &mut self.bits {
            bits.drop_from(self.latest - oldest + 1);
        }
    }

    /// All days, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = i64> + '_ {
        self.bits.iter().flat_map(|bits| bits.iter().map(|back| self.latest - back))
    }

    /// The dates of all days, ascending.
    pub(crate) fn dates(&self) -> impl Iterator<Item = Date> + '_ {
        self.iter().map(date_of_day)
    }

    /// How many days in a row are in it, up to the latest.
    pub(crate) fn latest_run(&self) -> i64 {
        self.bits.as_ref().map_or(0, |bits| bits.run_up_to(0))
    }

    /// The words of the bits, of which there are none without days.
    pub(crate) fn words(&self) -> Vec<u64> {
        self.bits.iter().flat_map(DayBits::words).collect()
    }

    /// From its parts; `None`: they are not valid.
    pub(crate) fn from_words(latest: i64, words: &[u64]) -> Option<DaySet> {
        if words.is_empty() {
            return Some(DaySet::EMPTY);
        }
        DayBits::from_words(words).map(|bits| DaySet { latest, bits: Some(bits) })
    }

    /// The bytes it takes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.bits.as_ref().map_or(0, DayBits::heap_bytes)
    }
}
