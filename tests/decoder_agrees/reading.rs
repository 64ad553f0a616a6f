//! What a line says, read slowly: serde_json's whole value first, then one question after the other.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use rekindle::decode::{Decoded, MAX_ID_BYTES};
use rekindle::event::{Call, Event, EventTime, Scalar};
use rekindle::rules::program::Projection;
use serde_json::{Map, Value};

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
    /// Stamped, or the delay.
    time: Result<i64, i64>,
    fields: BTreeMap<u16, Value>,
    traits: BTreeMap<u16, Option<Value>>,
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

    /// Equal, but for the last digits of numbers: serde_json reads those less exactly than the decoder does.
    pub(crate) fn agrees_with(&self, other: &Verdict) -> bool {
        let (Verdict::Accepted(a), Verdict::Accepted(b)) = (self, other) else { return self == other };
        let fields_agree =
            same_keys(&a.fields, &b.fields) && a.fields.values().zip(b.fields.values()).all(|(a, b)| near(a, b));
        let traits_agree = same_keys(&a.traits, &b.traits)
            && a.traits.values().zip(b.traits.values()).all(|pair| match pair {
                (Some(a), Some(b)) => near(a, b),
                (a, b) => a == b,
            });
        (a.call, &a.texts, a.time) == (b.call, &b.texts, b.time) && fields_agree && traits_agree
    }
}

fn same_keys<V>(a: &BTreeMap<u16, V>, b: &BTreeMap<u16, V>) -> bool {
    a.keys().eq(b.keys())
}

fn near(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap_or(f64::NAN), b.as_f64().unwrap_or(f64::NAN));
            a == b || (a - b).abs() <= a.abs().max(f64::MIN_POSITIVE) * 4.0 * f64::EPSILON
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| near(a, b)),
        (a, b) => a == b,
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
        time: match event.time {
            EventTime::Stamped(at) => Ok(at.0),
            EventTime::Unstamped { delay_ms } => Err(delay_ms),
        },
        fields: event.fields.iter().map(|(id, value)| (id.0, plain(value))).collect(),
        traits: event.traits.iter().map(|(id, value)| (id.0, value.as_ref().map(plain))).collect(),
    }
}

fn plain(scalar: &Scalar<'_>) -> Value {
    match scalar {
        Scalar::Bool(value) => Value::Bool(*value),
        Scalar::Number(value) => Value::from(*value),
        Scalar::Text(text) => Value::from(text.as_ref()),
        Scalar::List(items) => items.iter().map(plain).collect(),
        Scalar::Object => Value::Object(Map::new()),
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
            let sent_at = value.get("sentAt").and_then(Value::as_str).and_then(time);
            calls.iter().map(|call| of_batched(call, projection, sent_at)).collect()
        }
        _ => vec![of_call(&value, projection, None)],
    }
}

fn of_batched(call: &Value, projection: &Projection, sent_at: Option<i64>) -> Verdict {
    match call.get("batch") {
        Some(Value::Array(_)) => Verdict::Rejected("wrong_type"),
        _ => of_call(call, projection, sent_at),
    }
}

fn of_call(value: &Value, projection: &Projection, batch_sent_at: Option<i64>) -> Verdict {
    match content(value, projection, batch_sent_at) {
        Ok(content) => Verdict::Accepted(Box::new(content)),
        Err(reason) => Verdict::Rejected(reason),
    }
}

fn content(value: &Value, projection: &Projection, batch_sent_at: Option<i64>) -> Result<Content, &'static str> {
    const TEXTS: [&str; 9] = [
        "type",
        "event",
        "userId",
        "anonymousId",
        "previousId",
        "messageId",
        "timestamp",
        "originalTimestamp",
        "sentAt",
    ];
    let object = value.as_object().ok_or("not_an_object")?;
    let has_type = |key: &str, is: fn(&Value) -> bool| object.get(key).is_none_or(|value| value.is_null() || is(value));
    let typed = TEXTS.iter().all(|key| has_type(key, Value::is_string))
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
    let stamp = |key: &str| text(key).as_deref().and_then(time);
    let time = match text("timestamp") {
        Some(_) => Ok(stamp("timestamp").ok_or("bad_time")?),
        None => {
            let sent = stamp("sentAt").or(batch_sent_at);
            Err(sent.zip(stamp("originalTimestamp")).map_or(0, |(sent, made)| sent - made))
        }
    };
    let name = text("event").filter(|_| call == Call::Track);
    let fields = kept(value, &projection.fields).filter_map(|(at, value)| Some((at, value?))).collect();
    let traits = match object.get("traits") {
        Some(traits) if call == Call::Identify => {
            let gone = |path: &Vec<String>| traits.get(&path[0]).is_some();
            let absent = projection.traits.iter().zip(0..).filter(|(path, _)| gone(path)).map(|(_, at)| (at, None));
            absent.chain(kept(traits, &projection.traits)).collect()
        }
        _ => BTreeMap::new(),
    };
    Ok(Content {
        call,
        texts: [name, user, visitor, text("messageId").filter(|id| !id.is_empty())],
        time,
        fields,
        traits,
    })
}

/// The values at the paths that are there; `None` is null.
fn kept<'v>(root: &'v Value, paths: &'v [Vec<String>]) -> impl Iterator<Item = (u16, Option<Value>)> + 'v {
    paths.iter().zip(0..).filter_map(move |(path, at)| {
        let value = path.iter().try_fold(root, |value, key| value.as_object()?.get(key))?;
        Some((at, (!value.is_null()).then(|| flat(value))))
    })
}

/// What the engine can hold of a value: objects are empty, and lists hold neither null, lists nor objects.
fn flat(value: &Value) -> Value {
    match value {
        Value::Object(_) => Value::Object(Map::new()),
        Value::Array(items) => {
            items.iter().filter(|item| item.is_boolean() || item.is_number() || item.is_string()).map(numeric).collect()
        }
        scalar => numeric(scalar),
    }
}

fn numeric(value: &Value) -> Value {
    value.as_f64().map_or_else(|| value.clone(), Value::from)
}

/// RFC 3339 by its grammar, and the instant by jiff. The last day of 9999 is beyond jiff; the generator leaves it out.
fn time(text: &str) -> Option<i64> {
    static GRAMMAR: LazyLock<Regex> = LazyLock::new(|| {
        let grammar = r"^([0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]+))?([Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])$";
        Regex::new(grammar).expect("the grammar is a regular expression")
    });
    let parts = GRAMMAR.captures(text)?;
    let fraction = parts.get(2).map_or("0", |digits| digits.as_str());
    let text = format!("{}.{}{}", &parts[1], &fraction[..fraction.len().min(9)], &parts[3]);
    let instant: jiff::Timestamp = text.parse().ok()?;
    i64::try_from(instant.as_nanosecond().div_euclid(1_000_000)).ok()
}
