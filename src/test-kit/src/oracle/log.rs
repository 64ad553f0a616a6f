//! Reads a file of calls: which lines are calls, when they happened, and which are rejected.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value as Json};

use super::rules::OracleRules;
use crate::decoder_oracle::lenient;

/// Ids longer than this are rejected.
const ID_BYTES_MAX: usize = 256;

/// The milliseconds of the years 1990 to 2100; a client time outside them is ignored.
const PLAUSIBLE_MS: std::ops::Range<i64> = 631_152_000_000..4_133_980_800_000;

/// RFC 3339 and its common variants: a date alone, without seconds, without a zone, or a zone without colon or minutes.
static CLIENT_TIME: LazyLock<Regex> = LazyLock::new(|| {
    let (date, seconds) = ("([0-9]{4})-([0-9]{2})-([0-9]{2})", "(?::([0-9]{2})(?:\\.([0-9]+))?)?");
    let zone = "(?:[Zz]|([+-])([0-9]{2})(?::?([0-9]{2}))?)?";
    let pattern = format!("^{date}(?:[Tt ]([0-9]{{2}}):([0-9]{{2}}){seconds}{zone})?$");
    Regex::new(&pattern).expect("the pattern is fixed and valid")
});

/// Which call it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OracleCallType {
    #[default]
    Track,
    Identify,
    Alias,
    Page,
    Screen,
    Group,
}

/// A call that was not rejected.
#[derive(Clone, Debug)]
pub(crate) struct OracleCall {
    pub(crate) kind: OracleCallType,
    pub(crate) event: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) anonymous: Option<String>,
    pub(crate) previous: Option<String>,
    /// UTC milliseconds since 1970.
    pub(crate) at: i64,
    pub(crate) properties: Json,
    pub(crate) traits: Map<String, Json>,
    pub(crate) context: Json,
}

/// Every accepted call of the file, in order. The broker's time of a call is its `receivedAt`; its own is not after `until`.
pub(crate) fn calls(jsonl: &[u8], until: i64, rules: &OracleRules) -> Vec<OracleCall> {
    let mut calls = Vec::new();
    for line in jsonl.split(|byte| *byte == b'\n') {
        let Some(json) = read(line) else { continue };
        match json.as_array().or(json["batch"].as_array()) {
            Some(items) => calls.extend(items.iter().filter_map(|item| call(&in_envelope(item, &json), until, rules))),
            None => calls.extend(call(&json, until, rules)),
        }
    }
    calls
}

/// A line of JSON, with common deviations from JSON corrected.
fn read(line: &[u8]) -> Option<Json> {
    serde_json::from_str(&lenient::read(line)?.compact).ok()
}

/// The call, with the times and context keys of its batch that it lacks.
fn in_envelope(item: &Json, envelope: &Json) -> Json {
    let mut call = item.clone();
    if let (Json::Object(fields), Json::Object(lent)) = (&mut call, envelope) {
        for key in ["sentAt", "receivedAt"] {
            if fields.get(key).is_none_or(|own| clock(own) == Some(None))
                && let Some(clock) = lent.get(key)
            {
                fields.insert(key.to_owned(), clock.clone());
            }
        }
        if let (Some(mut context), Some(Json::Object(lent))) = (self::fields(fields, "context"), lent.get("context")) {
            for (key, value) in lent {
                context.entry(key.clone()).or_insert_with(|| value.clone());
            }
            fields.insert("context".to_owned(), Json::Object(context));
        }
    }
    call
}

fn call(json: &Json, until: i64, rules: &OracleRules) -> Option<OracleCall> {
    let object = json.as_object().filter(|object| !object.get("batch").is_some_and(Json::is_array))?;
    let event = text(object, "event")?;
    let kind = match text(object, "type")?.map(|kind| kind.to_ascii_lowercase()).as_deref() {
        Some("track") => OracleCallType::Track,
        Some("identify") => OracleCallType::Identify,
        Some("alias") => OracleCallType::Alias,
        Some("page") => OracleCallType::Page,
        Some("screen") => OracleCallType::Screen,
        Some("group") => OracleCallType::Group,
        None if event.is_some() => OracleCallType::Track,
        _ => return None,
    };
    let (mut properties, mut traits) = (fields(object, "properties")?, fields(object, "traits")?);
    let context = fields(object, "context")?;
    if matches!(kind, OracleCallType::Page | OracleCallType::Screen) {
        for key in ["name", "category"] {
            if properties.get(key).is_none_or(Json::is_null) {
                properties.extend(object.get(key).map(|value| (key.to_owned(), value.clone())));
            }
        }
    }
    if let Some(Json::Object(others)) = context.get("traits") {
        for (key, value) in others {
            traits.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
    let call = OracleCall {
        kind,
        event,
        message: id(object, "messageId", usize::MAX)?,
        user: id(object, "userId", ID_BYTES_MAX)?,
        anonymous: id(object, "anonymousId", ID_BYTES_MAX)?,
        previous: id(object, "previousId", ID_BYTES_MAX)?,
        at: event_time(object)?,
        properties: Json::Object(properties),
        traits,
        context: Json::Object(context),
    };
    let someone =
        call.user.is_some() || call.anonymous.is_some() || (kind == OracleCallType::Alias && call.previous.is_some());
    // A row needs a key, and nobody.
    let is_meant = match rules.table_of(&call) {
        Some(table) => rules.tables[table].key_of(&call.properties).is_some(),
        None => someone,
    };
    (is_meant && call.at <= until).then_some(call)
}

/// The outer `None` is a rejection, the inner one a string that is missing or null.
fn text(object: &Map<String, Json>, key: &str) -> Option<Option<String>> {
    match object.get(key) {
        None | Some(Json::Null) => Some(None),
        Some(Json::String(text)) => Some(Some(text.clone())),
        Some(_) => None,
    }
}

/// A text, or a whole number as text; placeholders are no ids.
fn id(object: &Map<String, Json>, key: &str, bytes_max: usize) -> Option<Option<String>> {
    let id = match object.get(key) {
        Some(Json::Number(number)) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        _ => text(object, key)?,
    };
    if id.as_ref().is_some_and(|id| id.len() > bytes_max) {
        return None;
    }
    let nobody = "undefined null [object_object] nan none nil 0 guest anonymous unknown true false";
    let means_nobody = |id: &String| nobody.split(' ').any(|word| word == id.to_lowercase().replace(' ', "_"));
    Some(id.filter(|id| !id.is_empty() && !means_nobody(id)))
}

fn fields(object: &Map<String, Json>, key: &str) -> Option<Map<String, Json>> {
    match object.get(key) {
        None | Some(Json::Null) => Some(Map::new()),
        Some(Json::Array(items)) if items.is_empty() => Some(Map::new()),
        Some(Json::Object(fields)) => Some(fields.clone()),
        Some(_) => None,
    }
}

/// The event time (§2): the client's time is corrected by `sentAt` and the broker time, unless it was corrected before, and
/// is never after the broker time.
fn event_time(object: &Map<String, Json>) -> Option<i64> {
    let clock = |key: &str| object.get(key).map_or(Some(None), clock);
    let (stamp, original, sent, received) =
        (clock("timestamp")?, clock("originalTimestamp")?, clock("sentAt")?, clock("receivedAt")?);
    let own = match (stamp.or(original), sent, received) {
        _ if stamp.is_some() && original.is_some() => stamp,
        (Some(claimed), Some(sent), Some(received)) => Some(received - (sent - claimed)),
        (claimed, _, received) => claimed.or(received),
    };
    Some(own?.min(received.unwrap_or(i64::MAX)))
}

/// The time of a field; `Some(None)` if it is missing or unusable. `None`: it has a value of the wrong type.
fn clock(value: &Json) -> Option<Option<i64>> {
    match value {
        Json::Null => Some(None),
        Json::String(text) => Some(client_time(text)),
        Json::Number(number) => Some(since_1970(&number.to_string())),
        _ => None,
    }
}

fn client_time(text: &str) -> Option<i64> {
    let is_number = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    if is_number { since_1970(text) } else { calendar_time(text).filter(|ms| PLAUSIBLE_MS.contains(ms)) }
}

/// Seconds; above 10^11, milliseconds.
fn since_1970(number: &str) -> Option<i64> {
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let whole = whole.parse::<i64>().ok()?;
    let ms = if whole > 100_000_000_000 {
        whole
    } else {
        whole * 1_000 + format!("{decimals:0<3}")[..3].parse::<i64>().ok()?
    };
    PLAUSIBLE_MS.contains(&ms).then_some(ms)
}

/// Truncated to milliseconds; `None` for anything else.
fn calendar_time(text: &str) -> Option<i64> {
    let parts = CLIENT_TIME.captures(text)?;
    let number = |group: usize| parts.get(group).map_or(Some(0), |part| part.as_str().parse::<i64>().ok());
    let date = jiff::civil::Date::new(
        i16::try_from(number(1)?).ok()?,
        i8::try_from(number(2)?).ok()?,
        i8::try_from(number(3)?).ok()?,
    )
    .ok()?;
    let (hour, minute, second) = (number(4)?, number(5)?, number(6)?.min(59));
    if hour > 23 || minute > 59 || number(6)? > 60 || number(9)? > 23 || number(10)? > 59 {
        return None;
    }
    let fraction = parts.get(7).map_or("", |digits| digits.as_str());
    let ms = format!("{fraction:0<3}")[..3].parse::<i64>().ok()?;
    let sign = if parts.get(8).is_some_and(|sign| sign.as_str() == "-") { -1 } else { 1 };
    let offset_minutes = sign * (number(9)? * 60 + number(10)?);
    let midnight = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond();
    Some(midnight + ((hour * 60 + minute - offset_minutes) * 60 + second) * 1_000 + ms)
}

/// A number as a reader of the journal has it.
pub(crate) fn json_number(text: &str) -> Json {
    serde_json::from_str(text).expect("it is a number")
}

/// An instant as in the journal: UTC, three decimals.
pub(crate) fn print_time(ms: i64) -> String {
    let instant = jiff::Timestamp::from_millisecond(ms).expect("the oracle's times come from calls of 1990 to 2100");
    format!("{instant:.3}")
}
