//! Times as people and databases write them, with or without a zone.

use std::sync::LazyLock;

use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use rekindle_core::time::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

/// The time zone of times that are written without one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingZone {
    name: String,
    zone: TimeZone,
}

impl MappingZone {
    /// The zone of an IANA name.
    ///
    /// # Errors
    /// There is none.
    pub fn named(name: &str) -> Result<MappingZone, String> {
        let zone = TimeZone::get(name).map_err(|_| format!("`{name}` is no time zone: write it like Europe/Berlin"))?;
        Ok(MappingZone { name: name.to_owned(), zone })
    }

    /// UTC.
    pub fn utc() -> MappingZone {
        MappingZone { name: "UTC".to_owned(), zone: TimeZone::UTC }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When a clock in this zone shows that; where it shows it twice, the first time.
    fn instant(&self, clock: DateTime) -> Option<Timestamp> {
        Some(Timestamp(self.zone.to_timestamp(clock).ok()?.as_millisecond()))
    }
}

/// The time that a text says: as in RFC 3339, also with a blank before the offset (`2024-01-15 10:20:30 -0500`) or with `UTC`
/// behind it; without an offset, or as a date alone, by a clock in `zone`.
pub fn written_time(text: &str, zone: &MappingZone) -> Option<Timestamp> {
    let text = text.trim();
    if let Some(time) = Timestamp::parse_rfc3339(text) {
        return Some(time);
    }
    if let Some(utc) = text.strip_suffix("UTC") {
        return MappingZone::utc().instant(utc.trim_end().parse().ok()?);
    }
    // A zone's name or a calendar in brackets is not meant.
    if text.contains('[') {
        return None;
    }
    let joined = match text.rsplit_once(' ') {
        Some((clock, offset)) if offset.starts_with(['+', '-']) => format!("{clock}{offset}"),
        _ => text.to_owned(),
    };
    if let Ok(time) = joined.parse::<jiff::Timestamp>() {
        return Some(Timestamp(time.as_millisecond()));
    }
    let is_clock = text.bytes().skip(10).all(|byte| !b"+-".contains(&byte));
    zone.instant(text.parse().ok()?).filter(|_| is_clock && text.len() >= 10)
}

/// The time that a text says in a format of strftime.
pub(super) fn time_of(text: &str, format: &str, zone: &MappingZone) -> Option<Timestamp> {
    let parts = strtime::parse(format, text).ok()?;
    if let Ok(time) = parts.to_timestamp() {
        return Some(Timestamp(time.as_millisecond()));
    }
    let clock = parts.to_datetime().or_else(|_| parts.to_date().map(|date| date.at(0, 0, 0, 0))).ok()?;
    zone.instant(clock)
}

/// Checks a format.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check_format(format: &str) -> Result<(), String> {
    static EXAMPLE: LazyLock<jiff::Zoned> = LazyLock::new(|| jiff::Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC));
    let written = strtime::format(format, &*EXAMPLE);
    let read = written.and_then(|written| strtime::parse(format, written)).map(|parts| parts.to_date().is_ok());
    match read {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!("`{format}` has no date in it")),
        Err(error) => Err(format!("`{format}` is no format of times: {error}")),
    }
}

impl Serialize for MappingZone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name)
    }
}

impl JsonSchema for MappingZone {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TimeZone".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1 })
    }
}
