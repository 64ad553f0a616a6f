//! Day and night: where shoppers live, and at which of their hours they shop.

use jiff::tz::TimeZone;

use super::random::RandomStream;

/// An hour, in milliseconds.
pub(super) const HOUR: i64 = 3_600_000;
/// A day of 24 hours, in milliseconds.
pub(super) const DAY: i64 = 24 * HOUR;

/// Where shoppers live (IANA zone, country), by how many of them do.
const PLACES: [((&str, &str), u32); 12] = [
    (("Europe/Berlin", "DE"), 18),
    (("Europe/London", "GB"), 16),
    (("Europe/Paris", "FR"), 10),
    (("Europe/Madrid", "ES"), 8),
    (("America/New_York", "US"), 14),
    (("America/Chicago", "US"), 6),
    (("America/Los_Angeles", "US"), 8),
    (("America/Sao_Paulo", "BR"), 5),
    (("Asia/Kolkata", "IN"), 5),
    (("Asia/Shanghai", "CN"), 4),
    (("Asia/Tokyo", "JP"), 3),
    (("Australia/Sydney", "AU"), 3),
];

/// How many visits out of a thousand begin in each local hour: few at night, a small peak at lunch, most after dinner.
const HOURS: [u32; 24] = [14, 8, 4, 3, 3, 6, 14, 26, 36, 44, 50, 54, 64, 56, 50, 50, 52, 56, 62, 76, 90, 86, 60, 36];

/// A shopper's home.
#[derive(Clone, Copy, Debug)]
pub(super) struct HomeZone {
    /// IANA name of the time zone.
    pub(super) timezone: &'static str,
    /// ISO 3166 country code.
    pub(super) country: &'static str,
    place: usize,
}

/// The time zones, looked up once.
#[derive(Debug)]
pub(super) struct Rhythm {
    zones: Vec<TimeZone>,
    hours: Vec<(i64, u32)>,
    places: Vec<(usize, u32)>,
}

impl Rhythm {
    pub(super) fn new() -> Rhythm {
        Rhythm {
            zones: PLACES.iter().map(|((name, _), _)| TimeZone::get(name).unwrap_or(TimeZone::UTC)).collect(),
            hours: (0..).zip(HOURS).collect(),
            places: PLACES.iter().enumerate().map(|(place, (_, weight))| (place, *weight)).collect(),
        }
    }

    /// Draws where a shopper lives.
    pub(super) fn home(&self, dice: &mut RandomStream) -> HomeZone {
        let place = *dice.weighted(&self.places);
        let (timezone, country) = PLACES[place].0;
        HomeZone { timezone, country, place }
    }

    /// A likely hour on the local day of `at`; the day after where that hour is over already.
    pub(super) fn likely_hour(&self, dice: &mut RandomStream, home: HomeZone, at: i64) -> i64 {
        let midnight = self.local_day(home, at) * DAY - self.offset_ms(home, at);
        let chosen = midnight + dice.weighted(&self.hours) * HOUR + dice.between(0, HOUR - 1);
        if chosen > at { chosen } else { chosen + DAY }
    }

    /// `at`, or the next morning between 7 and 10 where that is in the shopper's night.
    pub(super) fn awake(&self, dice: &mut RandomStream, home: HomeZone, at: i64) -> i64 {
        let of_day = (at + self.offset_ms(home, at)).rem_euclid(DAY);
        if of_day >= 7 * HOUR { at } else { at - of_day + 7 * HOUR + dice.between(0, 3 * HOUR) }
    }

    /// The number of the local day of `at`, since 1970.
    pub(super) fn local_day(&self, home: HomeZone, at: i64) -> i64 {
        (at + self.offset_ms(home, at)).div_euclid(DAY)
    }

    /// When a local day is so far advanced.
    pub(super) fn instant(&self, home: HomeZone, local_day: i64, of_day: i64) -> i64 {
        let local = local_day * DAY + of_day;
        local - self.offset_ms(home, local)
    }

    /// Local time less UTC.
    fn offset_ms(&self, home: HomeZone, at: i64) -> i64 {
        let instant = jiff::Timestamp::from_millisecond(at).ok();
        let offset = instant.zip(self.zones.get(home.place)).map(|(instant, zone)| zone.to_offset(instant));
        offset.map_or(0, |offset| i64::from(offset.seconds()) * 1_000)
    }
}
