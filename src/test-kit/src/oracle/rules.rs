//! A rules file, as the oracle reads it.

use toml::{Table, Value as Toml};

use super::expression::{self, OracleExpression, parse_duration};
use super::instants::ChangeInstants;
use super::log::OracleCallType;

/// The whole file.
pub(crate) struct OracleRules {
    pub(crate) timezone: String,
    pub(crate) dedup_window: i64,
    pub(crate) control: f64,
    pub(crate) names: Vec<OracleEventName>,
    pub(crate) segments: Vec<OracleSegment>,
    pub(crate) campaigns: Vec<OracleCampaign>,
    pub(crate) caps: Vec<OracleCap>,
    /// When time alone could change a segment.
    pub(crate) change_instants: ChangeInstants,
}

/// An entry of `[events]`.
pub(crate) struct OracleEventName {
    pub(crate) kind: OracleCallType,
    pub(crate) event: Option<String>,
    pub(crate) filter: Option<OracleExpression>,
}

/// An entry of `[[segments]]`.
pub(crate) struct OracleSegment {
    pub(crate) id: String,
    pub(crate) when: OracleExpression,
}

/// An entry of `[[campaigns]]`.
pub(crate) struct OracleCampaign {
    pub(crate) id: String,
    pub(crate) segment: usize,
    pub(crate) enter: bool,
    pub(crate) channel: String,
    pub(crate) priority: i64,
    pub(crate) condition: Option<OracleExpression>,
    pub(crate) cooldown: Option<i64>,
    pub(crate) max_per_user: Option<usize>,
    /// First quiet minute of the day and the first that is not.
    pub(crate) quiet_hours: Option<(i64, i64)>,
    pub(crate) holdout: f64,
    pub(crate) variants: Vec<(String, f64)>,
}

/// An entry of `[[caps]]`.
pub(crate) struct OracleCap {
    pub(crate) max: usize,
    pub(crate) per: i64,
    pub(crate) channel: Option<String>,
}

impl OracleRules {
    /// Reads a rules file; panics on mistakes.
    pub(crate) fn parse(text: &str) -> OracleRules {
        let file: Table = text.parse().unwrap_or_else(|error| panic!("the rules are no TOML: {error}\n{text}"));
        let none = Table::new();
        let events = file.get("events").and_then(Toml::as_table).unwrap_or(&none);
        let name_ids: Vec<String> = events.keys().cloned().collect();
        let segments = tables(&file, "segments");
        let segment_ids: Vec<String> = segments.iter().map(|table| required(table, "id")).collect();
        let segments: Vec<OracleSegment> = segments
            .iter()
            .enumerate()
            .map(|(place, table)| OracleSegment {
                id: required(table, "id"),
                when: expression::parse(&required(table, "when"), &name_ids, &segment_ids[..place]),
            })
            .collect();
        OracleRules {
            timezone: string(&file, "timezone").unwrap_or_else(|| "UTC".to_owned()),
            dedup_window: duration(&file, "dedup_window").unwrap_or(86_400_000),
            control: number(&file, "control").unwrap_or(0.0),
            names: events.values().map(name).collect(),
            change_instants: ChangeInstants::of(&segments),
            segments,
            campaigns: tables(&file, "campaigns")
                .into_iter()
                .map(|table| campaign(table, &name_ids, &segment_ids))
                .collect(),
            caps: tables(&file, "caps").into_iter().map(cap).collect(),
        }
    }
}

fn name(entry: &Toml) -> OracleEventName {
    let Some(table) = entry.as_table() else {
        let event = entry.as_str().expect("an event's name is a string or a table").to_owned();
        return OracleEventName { kind: OracleCallType::Track, event: Some(event), filter: None };
    };
    let kind = match string(table, "type").as_deref() {
        None | Some("track") => OracleCallType::Track,
        Some("page") => OracleCallType::Page,
        Some("screen") => OracleCallType::Screen,
        Some(other) => panic!("events of type `{other}` have no names"),
    };
    let filter = string(table, "where").map(|text| expression::parse(&text, &[], &[]));
    OracleEventName { kind, event: string(table, "event"), filter }
}

fn campaign(table: &Table, names: &[String], segments: &[String]) -> OracleCampaign {
    let on = required(table, "on");
    let (change, segment) = on.split_once(':').expect("`on` is `enter:` or `exit:` and a segment");
    let variants = table.get("variants").and_then(Toml::as_array).cloned().unwrap_or_default();
    OracleCampaign {
        id: required(table, "id"),
        segment: segments.iter().position(|id| id == segment).expect("`on` names a segment"),
        enter: change == "enter",
        channel: required(table, "channel"),
        priority: table.get("priority").and_then(Toml::as_integer).unwrap_or(0),
        condition: string(table, "if").map(|text| expression::parse(&text, names, segments)),
        cooldown: duration(table, "cooldown"),
        max_per_user: count(table, "max_per_user"),
        quiet_hours: string(table, "quiet_hours").map(|text| quiet_hours(&text)),
        holdout: number(table, "holdout").unwrap_or(0.0),
        variants: variants
            .iter()
            .filter_map(Toml::as_table)
            .map(|variant| (required(variant, "id"), number(variant, "weight").unwrap_or(1.0)))
            .collect(),
    }
}

fn cap(table: &Table) -> OracleCap {
    OracleCap {
        max: count(table, "max").expect("a cap has a `max`"),
        per: duration(table, "per").expect("a cap has a `per`"),
        channel: string(table, "channel"),
    }
}

/// `22:00-08:00` in minutes of the day.
fn quiet_hours(text: &str) -> (i64, i64) {
    let minutes = |clock: &str| {
        let (hour, minute) = clock.split_once(':').expect("a clock time is hh:mm");
        hour.parse::<i64>().expect("hours are a number") * 60 + minute.parse::<i64>().expect("minutes are a number")
    };
    let (start, end) = text.split_once('-').expect("quiet hours are hh:mm-hh:mm");
    (minutes(start), minutes(end))
}

fn tables<'t>(file: &'t Table, key: &str) -> Vec<&'t Table> {
    let items = file.get(key).and_then(Toml::as_array).map_or(&[][..], Vec::as_slice);
    items.iter().filter_map(Toml::as_table).collect()
}

fn string(table: &Table, key: &str) -> Option<String> {
    table.get(key).and_then(Toml::as_str).map(str::to_owned)
}

fn required(table: &Table, key: &str) -> String {
    string(table, key).unwrap_or_else(|| panic!("`{key}` is missing in {table}"))
}

fn duration(table: &Table, key: &str) -> Option<i64> {
    string(table, key).map(|text| parse_duration(&text))
}

fn count(table: &Table, key: &str) -> Option<usize> {
    table.get(key).and_then(Toml::as_integer).map(|count| usize::try_from(count).expect("counts are not negative"))
}

fn number(table: &Table, key: &str) -> Option<f64> {
    let value = table.get(key)?;
    value.as_float().or_else(|| value.as_integer().map(|integer| integer as f64))
}
