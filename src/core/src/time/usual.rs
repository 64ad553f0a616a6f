//! Times since 1970 as nearly everybody writes them, `2026-03-05T09:00:00.123Z`, read and written without a calendar library.

use super::Timestamp;

/// How many bytes such a text has.
const TEXT_BYTES: usize = 24;

const DAY_MS: i64 = 86_400_000;

/// The last day that has such a text, in the year 9999, counted from 1970-01-01.
const LAST_DAY: i64 = 2_932_896;

/// Days from 0000-03-01, with which a year of these functions begins, to 1970-01-01.
const DAYS_BEFORE_1970: u32 = 719_468;

/// Days of 400 years.
const CYCLE_DAYS: u32 = 146_097;

/// Eight bytes of the text. Digits have a high half of 3; what stands between them is given.
struct EightBytes {
    high: u64,
    between: u64,
    expected: u64,
}

impl EightBytes {
    /// Of a form in which `0` stands for any digit.
    const fn new(form: [u8; 8]) -> EightBytes {
        let (mut high, mut between, mut at) = (0, 0, 0);
        while at < form.len() {
            let mask = if form[at] == b'0' { &mut high } else { &mut between };
            *mask |= 0xff << (8 * at);
            at += 1;
        }
        let expected = u64::from_le_bytes(form);
        EightBytes { high: high & 0xf0f0_f0f0_f0f0_f0f0, between, expected }
    }

    /// The two digits at each place as a number, in the byte of that place; `None`: the bytes have another form.
    #[inline(always)]
    fn pairs(&self, bytes: u64) -> Option<[u8; 8]> {
        let digits = bytes & (self.high >> 4);
        // A digit plus 6 is below 16.
        let is_digits = (digits + ((self.high >> 4) & 0x0606_0606_0606_0606)) & self.high == 0;
        let is_form = bytes & (self.high | self.between) == self.expected;
        (is_digits && is_form).then(|| (digits * 10 + (digits >> 8)).to_le_bytes())
    }
}

const YEAR_MONTH: EightBytes = EightBytes::new(*b"0000-00-");
const DAY_HOUR_MINUTE: EightBytes = EightBytes::new(*b"00T00:00");
const SECOND: EightBytes = EightBytes::new(*b":00.000Z");

/// The time that a text says; `None`: it has another form, or is no time.
pub(super) fn read(text: &[u8]) -> Option<Timestamp> {
    let text: &[u8; TEXT_BYTES] = text.try_into().ok()?;
    let ([first, second, third], []) = text.as_chunks::<8>() else { return None };
    let [century, _, of_century, _, _, month, ..] = YEAR_MONTH.pairs(u64::from_le_bytes(*first))?.map(u32::from);
    let [day, _, _, hour, _, _, minute, _] = DAY_HOUR_MINUTE.pairs(u64::from_le_bytes(*second))?.map(u32::from);
    let [_, second, _, _, hundredths, _, thousandths, _] = SECOND.pairs(u64::from_le_bytes(*third))?.map(u32::from);
    // Behind the last digit stands no other: its pair is ten times the digit.
    let (year, ms) = (century * 100 + of_century, hundredths * 10 + thousandths / 10);
    let is_time = hour < 24 && minute < 60 && second < 60;
    let is_date = year >= 1970 && (1..=12).contains(&month) && (1..=month_days(year, month)).contains(&day);
    if !is_time || !is_date {
        return None;
    }
    let of_day = ((hour * 60 + minute) * 60 + second) * 1_000 + ms;
    Some(Timestamp(i64::from(days(year, month, day)) * DAY_MS + i64::from(of_day)))
}

/// The text of a time; `None`: it is before 1970 or after 9999.
pub(super) fn written(time: Timestamp) -> Option<[u8; TEXT_BYTES]> {
    let (days, of_day) = (time.0.div_euclid(DAY_MS), time.0.rem_euclid(DAY_MS));
    let days = u32::try_from(days).ok().filter(|_| days <= LAST_DAY)?;
    let of_day = u32::try_from(of_day).ok()?;
    let mut text = *b"0000-00-00T00:00:00.000Z";
    let mut two = |at: usize, number: u32| {
        text[at] = b'0' + (number / 10) as u8;
        text[at + 1] = b'0' + (number % 10) as u8;
    };
    let (year, month, day) = date(days);
    let (seconds, ms) = (of_day / 1_000, of_day % 1_000);
    two(0, year / 100);
    two(2, year % 100);
    two(5, month);
    two(8, day);
    two(11, seconds / 3_600);
    two(14, seconds / 60 % 60);
    two(17, seconds % 60);
    two(20, ms / 10);
    text[22] = b'0' + (ms % 10) as u8;
    Some(text)
}

fn month_days(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01. Years are counted from March, so that the leap day is the last of its year.
fn days(year: u32, month: u32, day: u32) -> u32 {
    let (year, months) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let of_year = (153 * months + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + of_year - DAYS_BEFORE_1970
}

/// The year, month and day of a number of days since 1970-01-01.
fn date(days: u32) -> (u32, u32, u32) {
    let days = days + DAYS_BEFORE_1970;
    let (cycle, of_cycle) = (days / CYCLE_DAYS, days % CYCLE_DAYS);
    // Without the leap days before it: the last days of four, of a hundred and of four hundred years.
    let of_cycle_years = (of_cycle - of_cycle / 1_460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
    let of_year = of_cycle - (365 * of_cycle_years + of_cycle_years / 4 - of_cycle_years / 100);
    let months = (5 * of_year + 2) / 153;
    let day = of_year - (153 * months + 2) / 5 + 1;
    let (month, next) = if months < 10 { (months + 3, 0) } else { (months - 9, 1) };
    (cycle * 400 + of_cycle_years + next, month, day)
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_day_to_the_year_9999_is_that_of_the_calendar_library() {
        let (mut day, mut count) = (date(1970, 1, 1), 0);
        loop {
            let text = format!("{day}T23:59:59.999Z");
            let time = Timestamp((count + 1) * DAY_MS - 1);
            assert_eq!(read(text.as_bytes()), Some(time), "{text}");
            assert_eq!(written(time).as_ref().map(<[u8; TEXT_BYTES]>::as_slice), Some(text.as_bytes()));
            let Ok(next) = day.checked_add(1.day()) else { break };
            (day, count) = (next, count + 1);
        }
        assert_eq!(count, LAST_DAY);
        assert_eq!((written(Timestamp((LAST_DAY + 1) * DAY_MS)), written(Timestamp(-1))), (None, None));
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_is_written(ms in 0..(LAST_DAY + 1) * DAY_MS) {
            prop_assert_eq!(written(Timestamp(ms)).and_then(|text| read(&text)), Some(Timestamp(ms)));
        }

        #[test]
        fn a_text_is_no_time_unless_the_calendar_library_takes_it_for_the_same(
            text in "(19[67][0-9]|20[0-9]{2})-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9][.][0-9]{3}Z",
            edit in prop::option::of((0..TEXT_BYTES, prop::sample::select(&b"0129:-.TtZz +/\x00\xff"[..]))),
        ) {
            let mut text = text.into_bytes();
            edit.into_iter().for_each(|(at, byte)| text[at] = byte);
            let library = str::from_utf8(&text).ok().and_then(|text| text.parse::<jiff::Timestamp>().ok());
            let read = read(&text);
            prop_assert!(read.is_none() || read.map(|time| time.0) == library.map(|time| time.as_millisecond()), "{:?}", read);
            // A leap second is left to others.
            let is_usual = text[4] == b'-' && text[10] == b'T' && text[23] == b'Z' && text[17] < b'6' && text[0] != b'+' && text[19] == b'.';
            prop_assert!(!is_usual || read.is_some() || library.is_none_or(|time| time.as_millisecond() < 0));
        }
    }
}
