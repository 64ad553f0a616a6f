//! What a line says, read slowly: the whole value first, then one question after the other.

use std::sync::LazyLock;

use regex::Regex;
use rekindle_core::decode::MAX_ID_BYTES;
use rekindle_core::event::CallType;
use rekindle_core::rules::ruleset::Projection;

use crate::decoder_oracle::decimal::OracleDecimal;
use crate::decoder_oracle::lenient::{self, Json, JsonKind};
use crate::decoder_oracle::structure;
use crate::decoder_oracle::verdict::{AcceptedCall, OracleTimes, Verdict};

/// What calls take of their envelope.
#[derive(Default)]
struct Envelope {
    context: Vec<(String, Json)>,
    sent_at: Option<Json>,
    received_at: Option<Json>,
}

impl Envelope {
    fn of(value: &Json) -> Envelope {
        Envelope {
            context: members(value.get("context")).unwrap_or_default(),
            sent_at: value.get("sentAt").cloned(),
            received_at: value.get("receivedAt").cloned(),
        }
    }
}

pub fn of_line(line: &[u8], projection: &Projection, max_event_bytes: usize) -> Vec<Verdict> {
    let rejected = |reason| vec![Verdict::Rejected(reason)];
    if line.iter().all(u8::is_ascii_whitespace) {
        return Vec::new();
    }
    if line.len() > 16 * max_event_bytes {
        return rejected("too_large");
    }
    let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
    let Some(first) = line.iter().find(|byte| !byte.is_ascii_whitespace()) else { return Vec::new() };
    let calls = |array: &[u8], envelope: &Envelope| match structure::elements(array) {
        Some(calls) => calls.iter().map(|call| of_batched(call, projection, envelope, max_event_bytes)).collect(),
        None => rejected("not_json"),
    };
    if *first == b'[' {
        return calls(line, &Envelope::default());
    }
    let value = if line.len() > max_event_bytes { Err("too_large") } else { lenient::read(line).ok_or("not_json") };
    match value {
        Ok(value) if !value.get("batch").is_some_and(Json::is_array) => vec![of_call(&value, projection, None)],
        value => {
            let Some((array, around)) = structure::batch(line) else { return rejected(value.err().unwrap_or("lost")) };
            let around = Some(around).filter(|around| around.len() <= max_event_bytes);
            match (&value, around.and_then(|around| lenient::read(&around))) {
                (Ok(whole), _) => calls(array, &Envelope::of(whole)),
                (Err(_), Some(around)) => calls(array, &Envelope::of(&around)),
                (Err(reason), None) => rejected(reason),
            }
        }
    }
}

fn of_batched(call: &[u8], projection: &Projection, envelope: &Envelope, max_event_bytes: usize) -> Verdict {
    if call.len() > max_event_bytes {
        return Verdict::Rejected("too_large");
    }
    let Some(value) = lenient::read(call) else { return Verdict::Rejected("not_json") };
    match value.get("batch") {
        Some(batch) if batch.is_array() => Verdict::Rejected("wrong_type"),
        _ => of_call(&value, projection, Some(envelope)),
    }
}

fn of_call(value: &Json, projection: &Projection, envelope: Option<&Envelope>) -> Verdict {
    match content(value, projection, envelope) {
        Ok(content) => Verdict::Accepted(Box::new(content)),
        Err(reason) => Verdict::Rejected(reason),
    }
}

/// The members of what stands for an object.
fn members(value: Option<&Json>) -> Option<Vec<(String, Json)>> {
    match value.map(|value| &value.kind) {
        None | Some(JsonKind::Null) => Some(Vec::new()),
        Some(JsonKind::Array(items)) => items.is_empty().then(Vec::new),
        Some(JsonKind::Object(members)) => Some(members.clone()),
        Some(_) => None,
    }
}

/// Those of `others` whose keys are not there yet come too.
fn with_lacking(mut members: Vec<(String, Json)>, others: Vec<(String, Json)>) -> Vec<(String, Json)> {
    for (key, value) in others {
        if !members.iter().any(|(name, _)| *name == key) {
            members.push((key, value));
        }
    }
    members
}

/// The id that stands in a field, if anything does.
fn id(value: Option<&Json>) -> Result<Option<String>, &'static str> {
    match value.map(|value| &value.kind) {
        None | Some(JsonKind::Null) => Ok(None),
        Some(JsonKind::Text(text)) => Ok(Some(text.clone())),
        Some(JsonKind::Number(number)) => whole(number).map(Some).ok_or("wrong_type"),
        Some(_) => Err("wrong_type"),
    }
}

/// The digits of a whole number.
fn whole(number: &str) -> Option<String> {
    let lower = number.to_lowercase();
    let (mantissa, exponent) = lower.split_once('e').unwrap_or((&lower, "0"));
    let is_negative = mantissa.starts_with('-');
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits = format!("{}{fraction}", whole.trim_start_matches('-')).trim_start_matches('0').to_owned();
    if digits.is_empty() {
        return Some("0".to_owned());
    }
    let mut exponent = exponent.parse::<i64>().ok()?.checked_sub(i64::try_from(fraction.len()).ok()?)?;
    while exponent < 0 && digits.ends_with('0') {
        digits.pop();
        exponent += 1;
    }
    let zeros = "0".repeat(usize::try_from(exponent).ok().filter(|zeros| *zeros < 1_000)?);
    Some(format!("{}{digits}{zeros}", if is_negative { "-" } else { "" }))
}

fn is_placeholder(id: &str) -> bool {
    const PLACEHOLDERS: &str = "undefined,null,[object object],nan,none,nil,0,guest,anonymous,unknown,true,false";
    PLACEHOLDERS.split(',').any(|placeholder| id.to_lowercase() == placeholder)
}

fn content(value: &Json, projection: &Projection, envelope: Option<&Envelope>) -> Result<AcceptedCall, &'static str> {
    const TEXTS: [&str; 2] = ["type", "event"];
    const TIMES: [&str; 4] = ["timestamp", "originalTimestamp", "sentAt", "receivedAt"];
    if !matches!(value.kind, JsonKind::Object(_)) {
        return Err("not_an_object");
    }
    let kind = |key: &str| value.get(key).map_or(&JsonKind::Null, |value| &value.kind);
    let is_text = |key: &&str| matches!(kind(key), JsonKind::Null | JsonKind::Text(_));
    let is_time = |key: &&str| matches!(kind(key), JsonKind::Null | JsonKind::Text(_) | JsonKind::Number(_));
    if !TEXTS.iter().all(is_text) || !TIMES.iter().all(is_time) {
        return Err("wrong_type");
    }
    let [user, own, previous, message] =
        ["userId", "anonymousId", "previousId", "messageId"].map(|key| id(value.get(key)));
    let (user, own, previous, message) = (user?, own?, previous?, message?);
    let [properties, context, traits] =
        ["properties", "context", "traits"].map(|key| members(value.get(key)).ok_or("wrong_type"));
    let (mut properties, context, traits) = (properties?, context?, traits?);
    let text = |key: &str| value.get(key).and_then(Json::text).map(str::to_owned);
    let call = match text("type").map(|call| call.to_ascii_lowercase()).as_deref() {
        Some("track") => CallType::Track,
        Some("identify") => CallType::Identify,
        Some("alias") => CallType::Alias,
        Some("page") => CallType::Page,
        Some("screen") => CallType::Screen,
        Some("group") => CallType::Group,
        None if text("event").is_some() => CallType::Track,
        _ => return Err("unknown_type"),
    };
    if [&user, &own, &previous].into_iter().flatten().any(|id| id.len() > MAX_ID_BYTES) {
        return Err("id_too_long");
    }
    let ids = [user, own, previous, message];
    let placeholder_ids = ids.iter().flatten().filter(|id| is_placeholder(id)).count() as u8;
    let [user, own, previous, message] = ids.map(|id| id.filter(|id| !id.is_empty() && !is_placeholder(id)));
    let visitor = if call == CallType::Alias { previous.or(own) } else { own };
    if user.is_none() && visitor.is_none() {
        return Err("no_id");
    }
    let written = |key: &str| value.get(key).filter(|value| value.kind != JsonKind::Null);
    let [stamp, original, sent, received] = TIMES.map(|key| written(key).and_then(time));
    let lent = |own: Option<i64>, lent: fn(&Envelope) -> &Option<Json>| {
        own.or_else(|| envelope.and_then(|envelope| lent(envelope).as_ref()).and_then(time))
    };
    let is_corrected = stamp.is_some() && original.is_some();
    let claimed = stamp.or(original);
    let bad = || ["timestamp", "originalTimestamp"].into_iter().find(|key| written(key).is_some());
    let times = OracleTimes {
        is_corrected,
        claimed,
        sent: claimed.filter(|_| !is_corrected).and_then(|_| lent(sent, |envelope| &envelope.sent_at)),
        received: lent(received, |envelope| &envelope.received_at),
        unusable: if claimed.is_none() { bad() } else { None },
    };
    if matches!(call, CallType::Page | CallType::Screen) {
        for key in ["name", "category"] {
            if let Some(named) = value.get(key) {
                properties.retain(|(other, had)| other != key || had.kind != JsonKind::Null);
                properties = with_lacking(properties, vec![(key.to_owned(), named.clone())]);
            }
        }
    }
    let context = with_lacking(context, envelope.map(|envelope| envelope.context.clone()).unwrap_or_default());
    let traits = with_lacking(traits, members(get(&context, "traits")).unwrap_or_default());
    let traits = if call == CallType::Identify { traits } else { Vec::new() };
    let of_field = |(path, at): (&Vec<String>, u16)| {
        let root = if path[0] == "context" { &context } else { &properties };
        Some((at, value_of(at_path(root, &path[1..])?)))
    };
    let fields: Vec<_> = projection.fields.iter().zip(0..).filter_map(of_field).collect();
    let of_trait = |(path, at): (&Vec<String>, u16)| {
        get(&traits, &path[0])?;
        Some((at, at_path(&traits, path).map_or(ReadValue::Null, value_of)))
    };
    let traits: Vec<_> = projection.traits.iter().zip(0..).filter_map(of_trait).collect();
    let oversized = fields.iter().chain(&traits).filter(|(_, value)| *value == ReadValue::TooLarge).count();
    let name = text("event").filter(|_| call == CallType::Track);
    Ok(AcceptedCall {
        call,
        texts: [name, user, visitor, message.map(short)],
        times,
        fields: fields.into_iter().filter_map(|(at, value)| Some((at, value.words()?))).collect(),
        traits: traits.into_iter().map(|(at, value)| (at, value.words())).collect(),
        oversized: u16::try_from(oversized).expect("a projection of few paths"),
        placeholder_ids,
    })
}

fn get<'v>(members: &'v [(String, Json)], key: &str) -> Option<&'v Json> {
    members.iter().find(|(name, _)| name == key).map(|(_, value)| value)
}

fn at_path<'v>(members: &'v [(String, Json)], path: &[String]) -> Option<&'v Json> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(get(members, first)?, |value, key| value.get(key))
}

/// A hash of what is longer than 128 bytes.
fn short(id: String) -> String {
    match id.len() {
        0..=128 => id,
        _ => format!("xxh3-{:032x}", xxhash_rust::xxh3::xxh3_128(id.as_bytes())),
    }
}

/// What is kept of a value that is there.
#[derive(Clone, Debug, PartialEq)]
enum ReadValue {
    Null,
    TooLarge,
    Value(String),
}

impl ReadValue {
    fn words(self) -> Option<String> {
        match self {
            ReadValue::Value(words) => Some(words),
            ReadValue::Null | ReadValue::TooLarge => None,
        }
    }
}

fn value_of(json: &Json) -> ReadValue {
    if json.compact.len() > 8_192 {
        return ReadValue::TooLarge;
    }
    match &json.kind {
        JsonKind::Null => ReadValue::Null,
        JsonKind::Bool(value) => ReadValue::Value(value.to_string()),
        JsonKind::Text(text) => ReadValue::Value(format!("text {text}")),
        JsonKind::Array(_) | JsonKind::Object(_) => ReadValue::Value(format!("json {}", json.compact)),
        JsonKind::Number(number) => OracleDecimal::parse(number)
            .map_or(ReadValue::Null, |number| ReadValue::Value(format!("number {}", number.millionths()))),
    }
}

/// A client's time by its grammar, and the instant by jiff. Only the years 1990 to 2100 are believed.
fn time(value: &Json) -> Option<i64> {
    let ms = match &value.kind {
        JsonKind::Number(number) => since_1970(&number.parse::<f64>().ok()?.to_string()),
        JsonKind::Text(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => since_1970(text),
        JsonKind::Text(text) => calendar_time(text),
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
