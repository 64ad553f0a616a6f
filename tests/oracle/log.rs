//! Reading a file of calls: which lines are calls, when they happened, and which are rejected.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value as Json};

/// Ids longer than this are rejected.
const ID_BYTES_MAX: usize = 256;

static RFC_3339: LazyLock<Regex> = LazyLock::new(|| {
    let (date, clock) = ("([0-9]{4})-([0-9]{2})-([0-9]{2})", "([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\\.([0-9]+))?");
    let pattern = format!("^{date}[Tt ]{clock}(?:[Zz]|([+-])([0-9]{{2}}):([0-9]{{2}}))$");
    Regex::new(&pattern).expect("the pattern is fixed and valid")
});

/// Which call it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallType {
    Track,
    Identify,
    Alias,
    Page,
    Screen,
}

/// A call that was not rejected.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) kind: CallType,
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

/// Every accepted call of the file, in order. A file has no broker time: a call needs its own, not after `until`.
pub(crate) fn calls(jsonl: &[u8], until: i64) -> Vec<Call> {
    let mut calls = Vec::new();
    for line in jsonl.split(|byte| *byte == b'\n') {
        let Ok(json) = serde_json::from_slice::<Json>(line) else { continue };
        let single = std::slice::from_ref(&json);
        let items = match (json["type"].as_str(), json["batch"].as_array()) {
            (Some("batch"), Some(items)) => items,
            _ => single,
        };
        calls.extend(items.iter().filter_map(|item| call(item, until)));
    }
    calls
}

fn call(json: &Json, until: i64) -> Option<Call> {
    let object = json.as_object()?;
    let kind = match text(object, "type")??.as_str() {
        "track" => CallType::Track,
        "identify" => CallType::Identify,
        "alias" => CallType::Alias,
        "page" => CallType::Page,
        "screen" => CallType::Screen,
        _ => return None,
    };
    let call = Call {
        kind,
        event: text(object, "event")?,
        message: text(object, "messageId")?.filter(|id| !id.is_empty()),
        user: id(object, "userId")?,
        anonymous: id(object, "anonymousId")?,
        previous: id(object, "previousId")?,
        at: parse_time(&text(object, "timestamp")??)?,
        properties: Json::Object(fields(object, "properties")?),
        traits: fields(object, "traits")?,
        context: Json::Object(fields(object, "context")?),
    };
    let someone =
        call.user.is_some() || call.anonymous.is_some() || (kind == CallType::Alias && call.previous.is_some());
    (someone && call.at <= until).then_some(call)
}

/// The outer `None` is a rejection, the inner one a string that is missing or null.
fn text(object: &Map<String, Json>, key: &str) -> Option<Option<String>> {
    match object.get(key) {
        None | Some(Json::Null) => Some(None),
        Some(Json::String(text)) => Some(Some(text.clone())),
        Some(_) => None,
    }
}

fn id(object: &Map<String, Json>, key: &str) -> Option<Option<String>> {
    let id = text(object, key)?.filter(|id| !id.is_empty());
    id.as_ref().is_none_or(|id| id.len() <= ID_BYTES_MAX).then_some(id)
}

fn fields(object: &Map<String, Json>, key: &str) -> Option<Map<String, Json>> {
    match object.get(key) {
        None | Some(Json::Null) => Some(Map::new()),
        Some(Json::Object(fields)) => Some(fields.clone()),
        Some(_) => None,
    }
}

/// RFC 3339, cut to milliseconds; `None` for anything else.
pub(crate) fn parse_time(text: &str) -> Option<i64> {
    let parts = RFC_3339.captures(text)?;
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

/// As the journal writes instants: UTC, three decimals.
pub(crate) fn print_time(ms: i64) -> String {
    let instant = jiff::Timestamp::from_millisecond(ms).expect("the oracle's times come from calls of years 0 to 9999");
    format!("{instant:.3}")
}
