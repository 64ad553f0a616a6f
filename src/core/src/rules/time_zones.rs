//! Time zones by the names that clients and rules give them.
//!
//! IANA names, in any case, from the bundled database and not the machine's: the same log must give the same decisions on
//! every machine. Also fixed offsets as people and libraries write them, `UTC+8`, `GMT+0800`, `+08:00`, in which `+` means
//! ahead of UTC. IANA's own `Etc/GMT+2` means the opposite (two hours behind) and keeps that meaning.

use std::sync::LazyLock;

use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};

/// Created once: it caches zones.
static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// Names of the database that are not zones: browsers report the first where they know no zone.
const NO_ZONES: [&str; 2] = ["Etc/Unknown", "Factory"];

/// What a fixed offset may start with.
const PREFIXES: [&str; 2] = ["UTC", "GMT"];

/// The zone of that name, with its canonical name; `None`: there is no such zone.
pub fn named(name: &str) -> Option<(TimeZone, String)> {
    if NO_ZONES.iter().any(|other| other.eq_ignore_ascii_case(name)) {
        return None;
    }
    if let Some(minutes) = fixed_minutes(name) {
        let zone = TimeZone::fixed(Offset::from_seconds(minutes * 60).ok()?);
        return Some((zone, fixed_name(minutes)));
    }
    let zone = DATABASE.get(name).ok()?;
    let canonical = zone.iana_name().unwrap_or(name).to_owned();
    Some((zone, canonical))
}

/// The names of the database that can be suggested: all but those of fixed offsets whose signs are inverted.
pub(super) fn suggestible() -> Vec<String> {
    let names = DATABASE.available().map(|zone| zone.to_string()).collect::<Vec<_>>();
    let is_inverted = |name: &str| name.strip_prefix("Etc/GMT").is_some_and(|rest| rest.starts_with(['+', '-']));
    names.into_iter().filter(|name| !is_inverted(name) && !NO_ZONES.contains(&name.as_str())).collect()
}

/// Minutes ahead of UTC of a fixed offset: an optional `UTC` or `GMT`, a sign, hours up to 23, and minutes with or without
/// a colon.
fn fixed_minutes(name: &str) -> Option<i32> {
    let without_prefix = |prefix: &&str| {
        name.get(..prefix.len()).filter(|found| found.eq_ignore_ascii_case(prefix)).map(|_| &name[prefix.len()..])
    };
    let offset = PREFIXES.iter().find_map(without_prefix).unwrap_or(name);
    let (sign, digits) = match (offset.strip_prefix('+'), offset.strip_prefix(['-', '\u{2212}'])) {
        (Some(digits), _) => (1, digits),
        (None, Some(digits)) => (-1, digits),
        (None, None) => return None,
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some((hours, minutes)) if minutes.len() == 2 => (hours, minutes),
        Some(_) => return None,
        None if digits.len() > 2 => digits.split_at_checked(digits.len() - 2)?,
        None => (digits, "0"),
    };
    let number = |text: &str, limit: i32| {
        let is_number = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|number: &i32| is_number && *number < limit)
    };
    Some(sign * (number(hours, 24)? * 60 + number(minutes, 60)?))
}

/// `+08:00`
fn fixed_name(minutes: i32) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::iana("Asia/Shanghai", Some(("Asia/Shanghai", 28_800)))]
    #[case::iana_in_any_case("asia/shanghai", Some(("Asia/Shanghai", 28_800)))]
    #[case::an_old_name("Asia/Calcutta", Some(("Asia/Calcutta", 19_800)))]
    #[case::iana_inverts_the_sign("Etc/GMT+2", Some(("Etc/GMT+2", -7_200)))]
    #[case::hours("UTC+8", Some(("+08:00", 28_800)))]
    #[case::in_any_case("gmt+0800", Some(("+08:00", 28_800)))]
    #[case::without_a_prefix("+08:00", Some(("+08:00", 28_800)))]
    #[case::two_digits("+08", Some(("+08:00", 28_800)))]
    #[case::one_digit("-3", Some(("-03:00", -10_800)))]
    #[case::minutes("UTC+5:30", Some(("+05:30", 19_800)))]
    #[case::three_digits("+530", Some(("+05:30", 19_800)))]
    #[case::behind("GMT-03:30", Some(("-03:30", -12_600)))]
    #[case::a_real_minus("UTC\u{2212}3", Some(("-03:00", -10_800)))]
    #[case::zero_offset("UTC+0", Some(("+00:00", 0)))]
    #[case::utc("UTC", Some(("UTC", 0)))]
    #[case::browsers_without_a_zone("Etc/Unknown", None)]
    #[case::likewise_in_any_case("etc/unknown", None)]
    #[case::machines_without_a_zone("Factory", None)]
    #[case::no_zone("Mars/Olympus", None)]
    #[case::empty("", None)]
    #[case::a_sign_alone("UTC+", None)]
    #[case::hours_beyond_a_day("+24:00", None)]
    #[case::minutes_beyond_an_hour("+08:60", None)]
    #[case::one_digit_of_minutes("+08:5", None)]
    #[case::too_many_digits("+08000", None)]
    #[case::signs_twice("+-8", None)]
    #[case::no_digits("UTC+å", None)]
    #[case::blanks(" Asia/Tokyo", None)]
    fn zones_have_these_names(#[case] name: &str, #[case] expected: Option<(&str, i32)>) {
        let instant = jiff::Timestamp::from_second(1_772_409_600).expect("a time");
        let found = named(name).map(|(zone, name)| (name, zone.to_offset(instant).seconds()));
        assert_eq!(found, expected.map(|(name, seconds)| (name.to_owned(), seconds)));
    }

    #[test]
    fn no_suggestion_has_an_inverted_sign() {
        let names = suggestible();
        assert!(names.contains(&"Europe/Berlin".to_owned()) && names.len() > 500, "{}", names.len());
        assert!(!names.iter().any(|name| name.starts_with("Etc/GMT+") || name.starts_with("Etc/GMT-")));
    }
}
