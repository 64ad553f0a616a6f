//! What a line says, read slowly: serde_json's whole value first, then one question after the other.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use rekindle::decode::{Decoded, MAX_ID_BYTES};
use rekindle::event::{Call, Event, EventTime, Scalar};
use rekindle::rules::program::Projection;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::decimal::Decimal;

/// What became of one call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    Accepted(Box<Content>),
    Rejected(&'static str),
}

/// An accepted call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Content {
    call: Call,
    texts: [Option<String>; 4],
    times: Times,
    /// Values in words: `number 12.5`, `text x`, `json [1]`.
    fields: BTreeMap<u16, String>,
    traits: BTreeMap<u16, Option<String>>,
    oversized: u16,
}

/// What it says of when it happened.
#[derive(Clone, Debug, PartialEq)]
struct Times {
    /// Whether there is both a `timestamp` and an `originalTimestamp`.
    is_corrected: bool,
    claimed: Option<i64>,
    /// Only where it matters: beside a claim that is not corrected.
    sent: Option<i64>,
    received: Option<i64>,
    /// The field that has something else.
    unusable: Option<&'static str>,
}

impl Verdict {
    pub(crate) fn name(&self) -> String {
        match self {
            Verdict::Rejected(reason) => (*reason).to_owned(),
            Verdict::Accepted(content) if !content.fields.is_empty() => "accepted with fields".to_owned(),
            Verdict::Accepted(content) if !content.traits.is_empty() => "accepted with traits".to_owned(),
            Verdict::Accepted(_) => "accepted".to_owned(),
        }
    }

    /// Without the properties of track events of which none are read: they may be there or not, as keys come in any order.
    pub(crate) fn without_unread(mut self, projection: &Projection) -> Verdict {
        if let (Verdict::Accepted(content), Some(events)) = (&mut self, &projection.property_events)
            && content.call == Call::Track
            && content.texts[0].as_ref().is_none_or(|name| !events.contains(name))
        {
            content.fields.retain(|at, _| projection.fields[usize::from(*at)][0] != "properties");
        }
        self
    }
}

/// What the decoder said, in the same words.
pub(crate) fn of_decoded(decoded: &Decoded<'_>) -> Verdict {
    match decoded {
        Err(rejected) => Verdict::Rejected(rejected.reason.code()),
        Ok(event) => Verdict::Accepted(Box::new(of_event(event))),
    }
}

fn of_event(event: &Event<'_>) -> Content {
    let own = |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref().map(str::to_owned);
    Content {
        call: event.call,
        texts: [own(&event.name), own(&event.user_id), own(&event.anonymous_id), own(&event.message_id)],
        times: of_times(event),
        fields: event.fields.iter().map(|(id, value)| (id.0, plain(value))).collect(),
        traits: event.traits.iter().map(|(id, value)| (id.0, value.as_ref().map(plain))).collect(),
        oversized: event.oversized,
    }
}

fn of_times(event: &Event<'_>) -> Times {
    let (is_corrected, claimed, sent) = match event.time {
        EventTime::Corrected(at) => (true, Some(at.0), None),
        EventTime::Claimed { at, sent_at } => (false, Some(at.0), sent_at.map(|at| at.0)),
        EventTime::Missing { .. } => (false, None, None),
    };
    let unusable = match &event.time {
        EventTime::Missing { unusable } => unusable.as_ref().map(|(field, _)| *field),
        _ => None,
    };
    Times { is_corrected, claimed, sent, received: event.received_at.map(|at| at.0), unusable }
}

fn plain(scalar: &Scalar<'_>) -> String {
    match scalar {
        Scalar::Bool(value) => value.to_string(),
        Scalar::Number(number) => format!("number {}", number.millionths()),
        Scalar::Text(text) => format!("text {text}"),
        Scalar::Json(json) => format!("json {json}"),
    }
}

pub(crate) fn of_line(line: &[u8], projection: &Projection, max_event_bytes: usize) -> Vec<Verdict> {
    if line.iter().all(u8::is_ascii_whitespace) {
        return Vec::new();
    }
    if line.len() > max_event_bytes {
        return vec![Verdict::Rejected("too_large")];
    }
    let value = match serde_json::from_slice::<Value>(line) {
        Err(_) => return vec![Verdict::Rejected("not_json")],
        Ok(value) => value,
    };
    match value.get("batch") {
        Some(Value::Array(calls)) => {
            let texts: Vec<Box<RawValue>> = parts(line).get("batch").map_or_else(Vec::new, |batch| read(batch.get()));
            calls.iter().zip(&texts).map(|(call, text)| of_batched((call, text.get()), projection, &value)).collect()
        }
        _ => vec![of_call((&value, std::str::from_utf8(line).unwrap_or_default()), projection, &Value::Null)],
    }
}

/// A JSON text as something it is known to be.
fn read<T: serde::de::DeserializeOwned>(json: &str) -> T {
    serde_json::from_str(json).expect("it was read as a value before")
}

/// The texts of an object's values; none of anything else.
fn parts(json: &[u8]) -> BTreeMap<String, Box<RawValue>> {
    serde_json::from_slice(json).unwrap_or_default()
}

fn of_batched(call: (&Value, &str), projection: &Projection, envelope: &Value) -> Verdict {
    match call.0.get("batch") {
        Some(Value::Array(_)) => Verdict::Rejected("wrong_type"),
        _ => of_call(call, projection, envelope),
    }
}

fn of_call(value: (&Value, &str), projection: &Projection, envelope: &Value) -> Verdict {
    match content(value, projection, envelope) {
        Ok(content) => Verdict::Accepted(Box::new(content)),
        Err(reason) => Verdict::Rejected(reason),
    }
}

fn content((value, json): (&Value, &str), projection: &Projection, envelope: &Value) -> Result<Content, &'static str> {
    const TEXTS: [&str; 6] = ["type", "event", "userId", "anonymousId", "previousId", "messageId"];
    const TIMES: [&str; 4] = ["timestamp", "originalTimestamp", "sentAt", "receivedAt"];
    let object = value.as_object().ok_or("not_an_object")?;
    let has_type = |key: &str, is: fn(&Value) -> bool| object.get(key).is_none_or(|value| value.is_null() || is(value));
    let typed = TEXTS.iter().all(|key| has_type(key, Value::is_string))
        && TIMES.iter().all(|key| has_type(key, |value| value.is_string() || value.is_number()))
        && ["properties", "context", "traits"].iter().all(|key| has_type(key, Value::is_object));
    if !typed {
        return Err("wrong_type");
    }
    let text = |key: &str| object.get(key).and_then(Value::as_str).map(str::to_owned);
    let call = match text("type").as_deref() {
        Some("track") => Call::Track,
        Some("identify") => Call::Identify,
        Some("alias") => Call::Alias,
        Some("page") => Call::Page,
        Some("screen") => Call::Screen,
        _ => return Err("unknown_type"),
    };
    let ids = ["userId", "anonymousId", "previousId"].map(text);
    if ids.iter().flatten().any(|id| id.len() > MAX_ID_BYTES) {
        return Err("id_too_long");
    }
    let [user, own, previous] = ids.map(|id| id.filter(|id| !id.is_empty()));
    let visitor = if call == Call::Alias { previous.or(own) } else { own };
    if user.is_none() && visitor.is_none() {
        return Err("no_id");
    }
    let written = |key: &str| object.get(key).filter(|value| !value.is_null());
    let from_envelope = |key: &str| written(key).or(envelope.get(key)).and_then(time);
    let [stamp, original] = ["timestamp", "originalTimestamp"].map(|key| written(key).and_then(time));
    let is_corrected = stamp.is_some() && original.is_some();
    let claimed = stamp.or(original);
    let bad = || ["timestamp", "originalTimestamp"].into_iter().find(|key| written(key).is_some());
    let times = Times {
        is_corrected,
        claimed,
        sent: claimed.filter(|_| !is_corrected).and_then(|_| from_envelope("sentAt")),
        received: from_envelope("receivedAt"),
        unusable: if claimed.is_none() { bad() } else { None },
    };
    let name = text("event").filter(|_| call == Call::Track);
    let fields: Vec<_> = kept(json, &projection.fields).collect();
    let traits: Vec<_> = match (object.get("traits"), parts(json.as_bytes()).get("traits")) {
        (Some(traits), Some(json)) if call == Call::Identify => {
            let gone = |path: &Vec<String>| traits.get(&path[0]).is_some();
            let absent =
                projection.traits.iter().zip(0..).filter(|(path, _)| gone(path)).map(|(_, at)| (at, Kept::Null));
            absent.chain(kept(json.get(), &projection.traits)).collect()
        }
        _ => Vec::new(),
    };
    let oversized = fields.iter().chain(&traits).filter(|(_, value)| *value == Kept::TooLarge).count();
    Ok(Content {
        call,
        texts: [name, user, visitor, text("messageId").filter(|id| !id.is_empty())],
        times,
        fields: fields.into_iter().filter_map(|(at, value)| Some((at, value.words()?))).collect(),
        traits: traits.into_iter().map(|(at, value)| (at, value.words())).collect(),
        oversized: u16::try_from(oversized).expect("a projection of few paths"),
    })
}

/// What is kept of a value that is there.
#[derive(Clone, Debug, PartialEq)]
enum Kept {
    Null,
    TooLarge,
    Value(String),
}

impl Kept {
    fn words(self) -> Option<String> {
        match self {
            Kept::Value(words) => Some(words),
            Kept::Null | Kept::TooLarge => None,
        }
    }
}

/// The values at the paths that are there.
fn kept<'v>(json: &'v str, paths: &'v [Vec<String>]) -> impl Iterator<Item = (u16, Kept)> + 'v {
    paths.iter().zip(0..).filter_map(move |(path, at)| Some((at, value(&at_path(json, path)?))))
}

fn at_path(json: &str, path: &[String]) -> Option<String> {
    path.iter().try_fold(json.to_owned(), |json, key| Some(parts(json.as_bytes()).get(key)?.get().to_owned()))
}

fn value(json: &str) -> Kept {
    static TOKENS: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#""(?:[^"\\]|\\.)*"|[^\s"]+"#).expect("a regular expression"));
    let compact: String = TOKENS.find_iter(json).map(|token| token.as_str()).collect();
    if compact.len() > 8_192 {
        return Kept::TooLarge;
    }
    match compact.as_bytes()[0] {
        b'n' => Kept::Null,
        b't' | b'f' => Kept::Value(compact),
        b'"' => Kept::Value(format!("text {}", read::<String>(&compact))),
        b'[' | b'{' => Kept::Value(format!("json {compact}")),
        _ => {
            Decimal::parse(&compact).map_or(Kept::Null, |number| Kept::Value(format!("number {}", number.millionths())))
        }
    }
}

/// A client's time by its grammar, and the instant by jiff. Only the years 1990 to 2100 are believed.
fn time(value: &Value) -> Option<i64> {
    let ms = match value {
        Value::Number(number) => since_1970(&number.as_f64()?.to_string()),
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => since_1970(text),
        Value::String(text) => calendar_time(text),
        _ => None,
    };
    ms.filter(|ms| (631_152_000_000..4_133_980_800_000).contains(ms))
}

fn since_1970(number: &str) -> Option<i64> {
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let whole: i64 = whole.parse().ok()?;
    let ms: i64 = format!("{decimals:0<3}").get(..3)?.parse().ok()?;
    Some(if whole > 100_000_000_000 { whole } else { whole * 1_000 + ms })
}

fn calendar_time(text: &str) -> Option<i64> {
    static GRAMMAR: LazyLock<Regex> = LazyLock::new(|| {
        let (date, zone) = ("[0-9]{4}-[0-9]{2}-[0-9]{2}", "[Zz]|([+-](?:[01][0-9]|2[0-3]))(?::?([0-5][0-9]))?");
        let clock = format!("([0-9]{{2}}:[0-9]{{2}})(?::([0-9]{{2}})(?:\\.([0-9]+))?)?({zone})?");
        Regex::new(&format!("^({date})(?:[Tt ]{clock})?$")).expect("the grammar is a regular expression")
    });
    let parts = GRAMMAR.captures(text)?;
    let part =
        |at: usize, absent: &'static str| parts.get(at).map_or(absent.to_owned(), |part| part.as_str().to_owned());
    let fraction = part(4, "0");
    let zone = parts.get(6).map_or("Z".to_owned(), |hours| format!("{}:{}", hours.as_str(), part(7, "00")));
    let (date, clock, seconds) = (part(1, ""), part(2, "00:00"), part(3, "00"));
    let text = format!("{date}T{clock}:{seconds}.{}{zone}", &fraction[..fraction.len().min(9)]);
    let instant: jiff::Timestamp = text.parse().ok()?;
    i64::try_from(instant.as_nanosecond().div_euclid(1_000_000)).ok()
}
