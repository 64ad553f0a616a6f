//! Time zones by name, and which of them a user is in.

use jiff::civil;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{Timestamp, ToSpan, Zoned};
use regex::Regex;
use serde_json::Value as Json;

use super::rules::OracleRules;
use super::user::OracleUser;

/// A time zone.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum OracleZone {
    Named(String),
    /// Minutes ahead of UTC.
    Fixed(i32),
}

impl OracleZone {
    /// `None`: a name that means no zone.
    pub(crate) fn parse(name: &str) -> Option<OracleZone> {
        let upper = name.to_ascii_uppercase();
        if upper == "ETC/UNKNOWN" || upper == "FACTORY" {
            return None;
        }
        let bare = upper.strip_prefix("UTC").or_else(|| upper.strip_prefix("GMT")).unwrap_or(&upper);
        let offset = Regex::new(r"^([+\-\x{2212}])([01]?[0-9]|2[0-3])(:?([0-5][0-9]))?$").expect("it is sound");
        if let Some(parts) = offset.captures(bare) {
            let number = |group| parts.get(group).map_or(0, |digits| digits.as_str().parse::<i32>().expect("digits"));
            let minutes = number(2) * 60 + number(4);
            return Some(OracleZone::Fixed(if &parts[1] == "+" { minutes } else { -minutes }));
        }
        let zone = TimeZone::get(name).ok()?;
        zone.iana_name().map(|name| OracleZone::Named(name.to_owned()))
    }

    pub(crate) fn clock(&self) -> TimeZone {
        match self {
            OracleZone::Named(name) => TimeZone::get(name).expect("it was found before"),
            OracleZone::Fixed(minutes) => TimeZone::fixed(Offset::from_seconds(minutes * 60).expect("less than a day")),
        }
    }
}

impl OracleUser {
    pub(crate) fn zone(&self, rules: &OracleRules) -> OracleZone {
        let by_trait = self.traits.get("timezone").and_then(Json::as_str);
        let by_context = self.context_zone.as_ref().map(|(_, zone)| zone.as_str());
        by_trait.or(by_context).and_then(OracleZone::parse).unwrap_or_else(|| rules.zone.clone())
    }

    /// What the user's clock shows.
    pub(crate) fn local_time(&self, rules: &OracleRules) -> Zoned {
        Timestamp::from_millisecond(self.now).expect("the clock is a call's").to_zoned(self.zone(rules).clock())
    }

    /// The end of the quiet hours the user is in, if in any.
    pub(crate) fn quiet_until(&self, (start, end): (i64, i64), rules: &OracleRules) -> Option<i64> {
        let local = self.local_time(rules);
        let minute = i64::from(local.hour()) * 60 + i64::from(local.minute());
        let quiet = if start < end { start <= minute && minute < end } else { start <= minute || minute < end };
        if !quiet {
            return None;
        }
        let end_of_day = |day: i64| {
            let date = local.date().checked_add(day.days()).expect("a day beside a call's is a date");
            date.at(i8::try_from(end / 60).expect("an hour"), i8::try_from(end % 60).expect("a minute"), 0, 0)
        };
        let zone = local.time_zone();
        (-1..=2).flat_map(|day| instants_of(end_of_day(day), zone)).filter(|instant| *instant > self.now).min()
    }
}

/// The instants of a local time: two where clocks are set back over it, shifted where they skip it.
fn instants_of(local: civil::DateTime, zone: &TimeZone) -> Vec<i64> {
    let ambiguous = zone.to_ambiguous_timestamp(local);
    let instants = match ambiguous.offset() {
        AmbiguousOffset::Fold { .. } => vec![ambiguous.earlier(), ambiguous.later()],
        _ => vec![ambiguous.compatible()],
    };
    instants.into_iter().flatten().map(Timestamp::as_millisecond).collect()
}
