//! Random JSON text: events that are nearly right, batches of them, and JSON of any shape.

use proptest::prelude::*;
use rekindle_core::rules::ruleset::Projection;

/// Paths a projection is drawn from; the first `FIELDS` are properties and context, the others traits.
const PATHS: [&[&str]; 13] = [
    &["properties", "a"],
    &["properties", "name"],
    &["properties", "name", "a"],
    &["properties", "category", "b"],
    &["context", "traits", "a"],
    &["properties", "a", "b"],
    &["properties", "price"],
    &["properties", "b", "a", "price"],
    &["context", "timezone"],
    &["context", "a", "b"],
    &["a"],
    &["a", "b"],
    &["tier"],
];
const FIELDS: usize = 10;

/// What events are called, of some of which properties are read.
const EVENTS: [&str; 3] = ["user", "Order", "a"];

const KEYS: [&str; 12] =
    ["a", "b", "price", "timezone", "tier", "name", "traits", "\\u0061", "", "a\\u0000", "é", "\\ud800"];

/// What strings are made of. The last are no JSON: lone surrogates and raw control characters, which are read all the same,
/// and unknown escapes.
const PIECES: [&str; 24] = [
    "a",
    "user",
    "-7",
    " ",
    ".",
    "*",
    ">",
    "é",
    "用户",
    "😀",
    "\\n",
    "\\\"",
    "\\\\",
    "\\/",
    "\\u0041",
    "\\u0000",
    "\\u00e9",
    "\\ud83d\\ude00",
    "\\ud800",
    "\\udc00x",
    "\\x41",
    "\t",
    "\u{7f}",
    "\\u12",
];

const NUMBERS: [&str; 26] = [
    "0",
    "-0",
    "-0.0",
    "7",
    "12.5",
    "1e2",
    "1E+2",
    "1e-2",
    "9007199254740993",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775808",
    "-9223372036854775809",
    "1e308",
    "1e309",
    "1e400",
    "-1e400",
    "1e-400",
    "1e99999999999",
    "0e99999999999",
    "01",
    "+1",
    ".5",
    "1.",
    "NaN",
    "4.9e-324",
];

pub const TIMES: [&str; 26] = [
    "2026-03-05T09:00:00Z",
    "2026-03-05T09:00:00.123456789+08:00",
    "2026-03-05t09:00:00.5z",
    "2026-03-05 09:00:00-05:30",
    "2016-12-31T23:59:60Z",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-30T21:59:59.999Z",
    "1969-12-31T23:59:59.9999Z",
    "2026-02-29T00:00:00Z",
    "2026-03-05T24:00:00Z",
    "2026-03-05",
    "2026-03-05T09:00:00",
    "2026-03-05T09:00:00,5Z",
    "2026-03-05T09:00:00+08:00:00",
    "2026-03-05T09:00:00.Z",
    "1772701200",
    "1772701200000",
    "2026-03-05T09:00+0800",
    "2026-03-05 09:00:00.25-05",
    "1989-12-31T23:59:59.999Z",
    "1990-01-01",
    "2100-12-31T23:59:59.999Z",
    "2101-01-01T00:00Z",
    "20260305",
    "",
];

pub fn whole_projection() -> Projection {
    let own = |paths: &[&[&str]]| {
        paths.iter().map(|path| path.iter().map(|key| (*key).to_owned()).collect()).collect::<Vec<Vec<String>>>()
    };
    Projection { fields: own(&PATHS[..FIELDS]), traits: own(&PATHS[FIELDS..]), ..Projection::default() }
}

pub fn projection() -> impl Strategy<Value = Projection> {
    let Projection { fields, traits, .. } = whole_projection();
    let events = prop::sample::subsequence(EVENTS.map(str::to_owned).to_vec(), 0..=EVENTS.len());
    (
        prop::sample::subsequence(fields, 0..=FIELDS).prop_shuffle(),
        prop::sample::subsequence(traits, 0..=3).prop_shuffle(),
        prop::option::of(events),
    )
        .prop_map(|(fields, traits, property_events)| Projection {
            fields,
            traits,
            property_events,
            ..Projection::default()
        })
}

fn blank() -> impl Strategy<Value = String> {
    prop_oneof![80 => Just(String::new()), 14 => Just(" ".to_owned()), 5 => "[ \t\r]{0,3}", 1 => "[\u{a0}\u{c}\u{b}]"]
}

fn string() -> impl Strategy<Value = String> {
    let good = prop::sample::select(&PIECES[..18]);
    let any = prop::sample::select(&PIECES[..]);
    let body = prop_oneof![
        40 => prop::collection::vec(good, 0..4).prop_map(|pieces| pieces.concat()),
        3 => prop::collection::vec(any, 0..4).prop_map(|pieces| pieces.concat()),
    ];
    body.prop_map(|body| format!("\"{body}\""))
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        20 => prop::sample::select(&NUMBERS[..13]).prop_map(str::to_owned),
        1 => prop::sample::select(&NUMBERS[..]).prop_map(str::to_owned),
        20 => "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?",
        1 => "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,3})?",
    ]
}

/// Any JSON, and sometimes nearly JSON.
pub fn json() -> impl Strategy<Value = String> {
    let literal = prop_oneof![40 => "(null|true|false)", 3 => "(NaN|-?Infinity)", 1 => "(nul|True|undefined|nan)"];
    let scalar = prop_oneof![3 => string(), 3 => number(), 2 => literal].boxed();
    scalar.prop_recursive(4, 24, 4, |inner| {
        let member = (blank(), prop::sample::select(&KEYS[..]), blank(), inner.clone())
            .prop_map(|(before, key, after, value)| format!("{before}\"{key}\"{after}:{value}"));
        let item = (blank(), inner, blank()).prop_map(|(before, value, after)| format!("{before}{value}{after}"));
        prop_oneof![
            prop::collection::vec(item, 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec(member, 0..4).prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    })
}

fn object() -> impl Strategy<Value = String> {
    let value = prop_oneof![6 => json(), 1 => flat_object()];
    members(value)
}

/// Such as traits in a context.
fn flat_object() -> impl Strategy<Value = String> {
    members(prop_oneof![string(), number(), Just("null".to_owned()), Just("{\"b\":1}".to_owned())])
}

fn members(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let member = (prop::sample::select(&KEYS[..]), value).prop_map(|(key, value)| format!("\"{key}\":{value}"));
    prop::collection::vec(member, 0..5).prop_map(|members| format!("{{{}}}", members.join(", ")))
}

fn quoted(choices: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(choices).prop_map(|text| format!("\"{text}\""))
}

fn id() -> impl Strategy<Value = String> {
    let long = (250usize..260, prop::sample::select(&["x", "é", "\\u0041"][..])).prop_map(|(bytes, piece)| {
        let unit = if piece == "é" { 2 } else { 1 };
        format!("\"{}\"", piece.repeat(bytes / unit))
    });
    let placeholder = quoted(&["undefined", "NULL", "[object Object]", "NaN", "0", "guest", "\\u0030"]);
    prop_oneof![16 => string(), 3 => long, 3 => placeholder, 4 => number(), 1 => json()]
}

fn time() -> BoxedStrategy<String> {
    let numbers =
        ["1772704800", "1772704800123", "1772704800.1239", "0", "-1772704800", "1e9", "1.7727048e12", "1e300"];
    prop_oneof![4 => quoted(&TIMES), 1 => prop::sample::select(numbers.map(str::to_owned).to_vec())].boxed()
}

/// One member of an event; its key comes escaped now and then.
fn member() -> impl Strategy<Value = String> {
    let typed = |key: &'static str, value: BoxedStrategy<String>| {
        prop_oneof![20 => value, 1 => json(), 1 => Just("null".to_owned()), 1 => Just("[ ]".to_owned())]
            .prop_map(move |value| (key, value))
            .boxed()
    };
    let call =
        quoted(&["track", "identify", "alias", "page", "screen", "\\u0074rack", "Track", "PAGE", "group", "", "grоup"]);
    let key_and_value = prop_oneof![
        2 => typed("type", call.boxed()),
        1 => typed("event", string().boxed()),
        1 => typed("event", quoted(&EVENTS).boxed()),
        3 => typed("userId", id().boxed()),
        2 => typed("anonymousId", id().boxed()),
        1 => typed("previousId", id().boxed()),
        2 => typed("messageId", id().boxed()),
        1 => typed("name", prop_oneof![string(), json()].boxed()),
        1 => typed("category", prop_oneof![string(), json()].boxed()),
        2 => typed("timestamp", time()),
        1 => typed("originalTimestamp", time()),
        1 => typed("sentAt", time()),
        1 => typed("receivedAt", time()),
        4 => typed("properties", object().boxed()),
        2 => typed("context", object().boxed()),
        4 => typed("traits", object().boxed()),
        2 => typed("else", json().boxed()),
        1 => typed("integrations", object().boxed()),
    ];
    (blank(), key_and_value, blank(), 0u8..20).prop_map(|(before, (key, value), after, dice)| {
        let key = if dice == 0 { key.replacen('t', "\\u0074", 1) } else { key.to_owned() };
        format!("{before}\"{key}\":{after}{value}")
    })
}

/// Mostly what is needed for being accepted, with random members behind (or before) it.
pub fn event() -> impl Strategy<Value = String> {
    let call = prop::sample::select(
        &["track", "track", "identify", "Identify", "alias", "page", "page", "screen", "GROUP"][..],
    );
    let base = (call, prop::sample::select(&["userId", "anonymousId", "previousId"][..]), 0u8..8).prop_map(
        |(call, who, dice)| {
            let whole = [
                format!("\"type\":\"{call}\""),
                format!("\"{who}\":\"u1\""),
                "\"timestamp\":\"2026-03-05T09:00:00Z\"".into(),
            ];
            let left_out = usize::from(dice);
            whole
                .into_iter()
                .enumerate()
                .filter(|(at, _)| *at != left_out)
                .map(|(_, member)| member)
                .collect::<Vec<_>>()
        },
    );
    (base, prop::collection::vec(member(), 0..6), blank(), any::<bool>(), blank()).prop_map(
        |(base, more, before, swap, after)| {
            let members = if swap { [more, base].concat() } else { [base, more].concat() };
            format!("{before}{{{}}}{after}", members.join(","))
        },
    )
}

pub fn batch() -> impl Strategy<Value = String> {
    let broken = (event(), prop::collection::vec(edit(), 1..3))
        .prop_filter_map("UTF-8", |(event, edits)| String::from_utf8(edited(event.into_bytes(), &edits)).ok());
    let item = prop_oneof![8 => event(), 2 => broken, 1 => json(), 1 => Just("{\"batch\":[]}".to_owned())];
    let envelope = prop::collection::vec(member(), 0..3);
    (envelope, prop::collection::vec(item, 0..4), prop::collection::vec(member(), 0..2), 0u8..12).prop_map(
        |(before, items, mut after, dice)| {
            if dice == 3 {
                return format!(" [{}]\r", items.join(" ,"));
            }
            let mut members = before;
            members.push(format!("\"batch\" : [{}]", items.join(" ,")));
            members.append(&mut after);
            match dice {
                0 => members.push("\"batch\":null".to_owned()),
                1 => members.push("\"batch\":[]".to_owned()),
                2 => members.push("\"batch\":{\"a\":[1]}".to_owned()),
                _ => {}
            }
            format!("{{{}}}", members.join(","))
        },
    )
}

/// Events, whole or in a batch, with a value nested about as deep as is allowed: 127 levels.
pub fn deep_event() -> impl Strategy<Value = String> {
    const PLACES: [(&str, &str); 7] = [
        ("{\"else\":", "}"),
        ("{\"properties\":{\"a\":", "}}"),
        ("{\"properties\":{\"a\":{\"b\":", "}}}"),
        ("{\"traits\":", "}"),
        ("{\"userId\":", "}"),
        ("{\"batch\":[{\"context\":{\"c\":", "}}]}"),
        ("", ""),
    ];
    let tail = "\"type\":\"track\",\"userId\":\"u1\",\"timestamp\":\"2026-03-05T09:00:00Z\"";
    (prop::sample::select(&PLACES[..]), 121usize..130, any::<bool>()).prop_map(
        move |((open, close), levels, arrays)| {
            let (down, up) = if arrays { ("[", "]") } else { ("{\"a\":", "}") };
            let value = format!("{}1{}", down.repeat(levels), up.repeat(levels));
            let close = close.strip_suffix('}').map_or(String::new(), |close| match close.strip_suffix("}]") {
                Some(inner) => format!("{inner},{tail}}}]}}"),
                None => format!("{close},{tail}}}"),
            });
            format!("{open}{value}{close}")
        },
    )
}

/// Where (a fraction of the text), how many bytes are cut there, and what is put in their place.
pub type Edit = (f64, usize, Vec<u8>);

pub fn edit() -> impl Strategy<Value = Edit> {
    let structural = prop::sample::select(&b"{}[]\",:\\ u0eE-+.\n\0\xff\xc3\xed\xa0\x80"[..]);
    let byte = prop_oneof![3 => structural, 1 => any::<u8>()];
    (0.0..1.0f64, 0usize..3, prop::collection::vec(byte, 0..3))
}

pub fn edited(mut text: Vec<u8>, edits: &[Edit]) -> Vec<u8> {
    for (place, cut, put) in edits {
        let at = ((text.len() as f64) * place) as usize;
        let end = (at + cut).min(text.len());
        text.splice(at..end, put.iter().copied());
    }
    text
}
