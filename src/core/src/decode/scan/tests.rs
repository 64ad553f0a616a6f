//! The scan declines a call, or makes of it what the visitors do.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::mutants::MutantSource;
use super::*;
use crate::decode::batch::{EnvelopeDefaults, ParsedText};
use crate::event::Event;
use crate::rules::ruleset::{ArrayProjection, Projection};

/// How many mutants are compared; more by the environment: `REKINDLE_SCAN_MUTANTS=3000000 cargo test … scan`.
const MUTANTS: usize = 20_000;

/// Calls as SDKs send them.
const SDK_CALLS: [&str; 9] = [
    r#"{"timestamp":"2026-03-05T09:00:00.123Z","integrations":{},"userId":"u1","anonymousId":"7b3c","event":"Order Completed","type":"track","properties":{"order_id":"o-1","total":27.5,"currency":"EUR","products":[{"product_id":"p1","price":19.99,"quantity":1,"tags":["a","b"]},{"product_id":"p2","price":7.51}],"a":{"b":1,"c":{"b":"x"}},"path":"/x?y=\"z\""},"context":{"page":{"path":"/","referrer":"","search":"?a=b","title":"Caf\u00e9","url":"https:\/\/shop.example\/"},"userAgent":"Mozilla/5.0 (X11; Linux x86_64)","locale":"de-DE","library":{"name":"analytics.js","version":"npm:next-1.64.0"},"timezone":"Europe/Berlin","campaign":{"source":"search","name":null}},"messageId":"ajs-next-1709629200123-7b3c","writeKey":"x","sentAt":"2026-03-05T09:00:01.456Z","_metadata":{"bundled":["Segment.io"],"unbundled":[],"bundledIds":[]}}"#,
    r#"{"anonymousId":"a-1","channel":"server","context":{"app":{"build":"3.0.1.545","name":"InitechGlobal","version":"545"},"device":{"adTrackingEnabled":true,"id":"B5372DB0"},"ip":"8.8.8.8","network":{"bluetooth":false,"cellular":true,"wifi":false},"os":{"name":"iPhone OS","version":"8.1.3"},"timezone":"America/Los_Angeles","traits":{"a":{"b":7},"email":"x@y.example"}},"event":"Product Viewed","messageId":"m-2","originalTimestamp":"2026-03-05T09:00:00.000+01:00","properties":{"a":{"b":2.50},"name":"Jumper","price":17},"receivedAt":"2026-03-05T08:00:01.000Z","sentAt":"2026-03-05T08:00:00.500Z","timestamp":"2026-03-05T08:00:00.750Z","type":"track","userId":12345}"#,
    r#"{"type":"identify","userId":"u3","traits":{"email":"\u00fc@x.example","age":34,"address":{"city":"Köln","street":"x"},"a":{"b":true,"c":[1, 2]},"plan":null},"timestamp":1772668800123,"messageId":"m-3"}"#,
    r#"{"type":"page","anonymousId":"a-4","name":"Home","category":"Docs","properties":{"title":"Home","url":"https://x.example","b":false},"timestamp":"2026-03-05","messageId":"m-4"}"#,
    r#"{"type":"screen","userId":"u5","name":{"a":1},"properties":{"name":null,"category":[1]},"timestamp":"1772668800","messageId":"m-5"}"#,
    r#"{"type":"alias","userId":"u6","previousId":"a-6","timestamp":"2026-03-05T09:00:00Z","messageId":6}"#,
    r#"{"type":"track","event":"Order Completed","userId":"u8","properties":{"products":[{"product_id":"p1","sku":"s","price":19.99,"quantity":2,"a":{"b":"x","c":{"b":[1]}}},{"price":null,"a":7,"quantity":"2"},{},7,[{"price":1}],"x",null,{"a":{"b":null},"b":true,"price":-0.5}],"a":{"c":[{"b":{"a":1}},{"c":2},{"a":{"b":{"c":3}}}]},"total":2},"messageId":"m-8"}"#,
    r#"{"type":"page","userId":"u9","name":[{"a":1},{"a":"x"}],"category":[{"a":2}],"properties":{"category":[{"b":1},{"a":3}],"a":[{"b":1},{"b":2}]},"messageId":"m-9"}"#,
    r#"{"type":"group","userId":"u7","groupId":"g","traits":{"a":1,"name":"Initech"},"timestamp":"2026-03-05T09:00:00.000Z","messageId":"m-7"}"#,
];

const ENVELOPE: &str = r#"{"batch":[],"sentAt":"2026-03-05T09:00:02.000Z","context":{"timezone":"Asia/Tokyo","a":{"b":5},"traits":{"email":"e","a":{"b":6}},"campaign":{"source":"mail"}}}"#;

fn projections() -> Vec<Projection> {
    let paths = |paths: &str| -> Vec<Vec<String>> {
        paths.split_whitespace().map(|path| path.split('.').map(str::to_owned).collect()).collect()
    };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let whole = paths(
        "properties.total properties.price properties.a properties.a.b properties.a.c.b properties.products properties.name \
         properties.b properties.category context.timezone context.campaign.source context.campaign context.a.b context.traits context.traits.a",
    );
    let array = |path: &str, fields: &str| ArrayProjection { path: paths(path).concat(), fields: paths(fields) };
    vec![
        Projection::default(),
        Projection {
            fields: paths("properties.total"),
            tracked: names(&["Order Completed", "Product Viewed"]),
            property_events: Some(names(&["Order Completed"])),
            ..Projection::default()
        },
        Projection {
            fields: whole.clone(),
            arrays: vec![
                array("products", "product_id price quantity tags a.b a"),
                array("a", "b"),
                array("name", "a"),
                array("category", "a b"),
            ],
            traits: paths("email address.city a a.b plan"),
            ..Projection::default()
        },
        Projection {
            fields: whole,
            arrays: vec![array("products", "price"), array("a.c", "b c"), array("category", "")],
            traits: paths("a.b a.c name"),
            tracked: names(&["Product Viewed", "Sign Up"]),
            property_events: Some(names(&["Product Viewed"])),
            ..Projection::default()
        },
        Projection {
            fields: paths("properties.total properties.a.c.b"),
            arrays: vec![
                array("products", "price a.b quantity a.c.b a product_id"),
                array("a.c", "b.a a.b.c c"),
                array("category", "a b"),
            ],
            tracked: names(&["Order Completed"]),
            property_events: Some(names(&["Order Completed"])),
            ..Projection::default()
        },
    ]
}

/// What a call is read as.
type Reading<'a> = Result<Option<Event<'a>>, crate::decode::RejectionReason>;

fn reading<'a>(read: Result<ParsedText<'a>, crate::decode::RejectionReason>) -> Reading<'a> {
    read.map(|read| if let ParsedText::Event(event) = read { Some(event) } else { None })
}

/// Whether the scan takes a call; if it does, it reads what the visitors read.
fn takes(decoder: &Decoder, text: &[u8], defaults: Option<&EnvelopeDefaults<'_>>) -> bool {
    let mut draft = CallDraft::default();
    if !read_call(decoder, text, &mut draft) {
        return false;
    }
    let scanned = reading(draft.finish(decoder, text, defaults));
    let expected = reading(decoder.read_unusual(text, defaults));
    assert_eq!(scanned, expected, "{}", String::from_utf8_lossy(text));
    true
}

fn decoder(projection: &Projection) -> Decoder {
    Decoder::new(projection, 1 << 20)
}

/// The files of the conformance cases, and those that the environment names in `REKINDLE_SCAN_FILES`.
fn files() -> Vec<PathBuf> {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance");
    let cases = fs::read_dir(cases).expect("the cases are there").map(|case| case.expect("a case").path());
    let named = std::env::var("REKINDLE_SCAN_FILES").unwrap_or_default();
    let named: Vec<_> = named.split_whitespace().map(PathBuf::from).collect();
    cases.map(|case| case.join("events.jsonl")).filter(|file| file.is_file()).chain(named).collect()
}

#[test]
fn calls_of_sdks_and_of_the_conformance_cases_are_read_as_the_visitors_read_them() {
    let decoders: Vec<_> = projections().iter().map(decoder).collect();
    let (mut taken, mut lines) = (0, 0);
    for file in files() {
        let text = fs::read(&file).expect("it can be read");
        for line in text.split(|byte| *byte == b'\n') {
            decoders.iter().for_each(|decoder| {
                lines += 1;
                taken += usize::from(takes(decoder, line, None));
            });
        }
    }
    assert!(taken * 10 > lines * 9, "only {taken} of {lines} calls are usual");
    for call in SDK_CALLS {
        let taken: Vec<_> = decoders.iter().map(|decoder| takes(decoder, call.as_bytes(), None)).collect();
        assert_eq!(taken[..2], [true, true], "this is not unusual: {call}");
    }
}

#[test]
fn mutants_of_calls_are_declined_or_read_as_the_visitors_read_them() {
    let mut seeds: Vec<Value> = SDK_CALLS.iter().map(|call| serde_json::from_str(call).expect("it is JSON")).collect();
    for file in files() {
        let text = fs::read_to_string(&file).unwrap_or_default();
        seeds.extend(text.lines().take(100).filter_map(|line| serde_json::from_str(line).ok()));
    }
    let decoders: Vec<_> = projections().iter().map(decoder).collect();
    let count = std::env::var("REKINDLE_SCAN_MUTANTS").ok().and_then(|count| count.parse().ok()).unwrap_or(MUTANTS);
    let mut source = MutantSource::new(count as u64);
    let mut taken = 0;
    for number in 0..count {
        let decoder = &decoders[source.below(decoders.len())];
        let sdk = source.below(SDK_CALLS.len());
        let seed = if number % 2 == 0 { sdk } else { source.below(seeds.len()) };
        let mutant = source.mutant(&seeds[seed]);
        let ParsedText::Envelope(defaults) = decoder.read(ENVELOPE.as_bytes(), None).expect("an envelope") else {
            panic!("no envelope")
        };
        taken += usize::from(takes(decoder, &mutant, (number % 3 == 0).then_some(&defaults)));
    }
    assert!(taken * 4 > count && taken * 10 < count * 9, "{taken} of {count} mutants were taken");
}

#[test]
fn what_is_unusual_is_declined() {
    let decoder = decoder(&projections()[2]);
    for unusual in [
        r#"{"type":"track","event":"x","userId":"u","type":"page"}"#,
        r#"{"typ\u0065":"track","event":"x","userId":"u"}"#,
        r#"{"type":"track","event":"x","userId":"\u0075"}"#,
        r#"{"type":"track","event":"x","userId":"u","batch":null}"#,
        r#"{"type":"track","event":"x","userId":1.5}"#,
        r#"{"type":"track","event":"x","userId":true}"#,
        r#"{"type":"track","event":"x","userId":"u","properties":[]}"#,
        r#"{"type":"track","event":"x","userId":"u","properties":{"total":1,"total":2}}"#,
        r#"{"type":"track","event":"x","userId":"u","properties":{"total":1e2}}"#,
        r#"{"type":"track","event":"x","userId":"u","properties":{"other":NaN}}"#,
        r#"{"type":"track","event":"x","userId":"u",}"#,
        r#"{"type":"track","event":"x","userId":"u"}}"#,
        r#"{"type":"track","event":"x","userId":"u"} x"#,
        "{\"type\":\"track\",\"event\":\"x\",\"userId\":\"\t\"}",
        "{}",
        "[]",
        "",
    ] {
        assert!(!takes(&decoder, unusual.as_bytes(), None), "{unusual}");
    }
    assert!(!takes(&decoder, b"{\"userId\":\"\xff\"}", None));
}
