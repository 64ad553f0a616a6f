//! Random logs: shoppers, visitors who become shoppers, and everything that real logs get wrong.

use proptest::prelude::*;

use super::picks::Picks;
use super::pools::{DURATIONS, WINDOWS};
use super::properties::{self, CATEGORIES, object, push};

/// Where a log begins: a plain day, then nights in which clocks change, and the turn of the year.
const BEGINNINGS: &[&str] = &[
    "2026-03-05T00:00:00Z",
    "2026-03-08T05:00:00Z",
    "2026-11-01T03:30:00Z",
    "2026-03-28T23:30:00Z",
    "2026-10-24T22:30:00Z",
    "2026-04-04T13:30:00Z",
    "2026-10-03T14:30:00Z",
    "2026-12-31T23:59:00Z",
    // Clocks change at midnight in Havana, Beirut, Santiago and Cairo, and Samoa skips a day.
    "2026-03-28T20:00:00Z",
    "2026-10-24T19:00:00Z",
    "2026-04-04T21:00:00Z",
    "2026-09-05T22:00:00Z",
    "2026-04-23T20:00:00Z",
    "2026-10-29T19:30:00Z",
    "2011-12-29T08:00:00Z",
    "2028-02-28T12:00:00Z",
];
const GAPS_MS: &[i64] = &[
    60_000, 0, 1, 61, 0, 1_000, 5_000, 7_777, 90_000, 300_000, 1_200_000, 3_600_000, 5_400_000, 21_600_000, 86_400_000,
];
const LONG_GAPS_MS: &[i64] = &[43_200_000, 172_800_000, 2_678_400_000];
const LATE_MS: &[i64] = &[0, 0, 0, 0, 0, 0, 0, 1, 3_000, 5_000, 5_001, 61_000, 3_600_000, 172_800_000];
const ENDS_MS: &[i64] = &[3_600_000, 0, 1, 61, 86_400_000, 691_200_000, -60_000];
/// What a client's clock is ahead of the broker's.
const CLOCKS_OFF_MS: &[i64] = &[0, 0, -40, 280_000, -10_800_000, 86_400_000];
/// How long a call waited before it was sent; 1: it does not tell when.
const WAITED_MS: &[i64] = &[0, 20, 1, 1_000, 3_600_000];
/// How long it was on its way; what is negative, the clocks don't agree on.
const TRAVELLED_MS: &[i64] = &[0, 20, 300, -20];
const DAY_MS: i64 = 86_400_000;
/// When it is midnight somewhere, in minutes of the UTC day.
const MIDNIGHTS_MINUTES: &[i64] = &[0, 180, 240, 300, 330, 600, 660, 720, 780, 810, 960, 1_260, 1_320, 1_380];
const DISORDERS_MS: &[i64] = &[5_000, 5_000, 0, 60_000];

const USERS: &[&str] =
    &["u0", "u0", "u0", "u0", "u1", "u1", "u1", "u2", "u2", "用户-一", "u0", "a0", "Guest", "undefined"];
const VISITORS: &[&str] = &["a0", "a0", "a0", "a1", "a1", "a1", "a2", "a b.*>", "u1", "NULL"];
const CALLS: &[&str] =
    &["track", "track", "track", "track", "track", "Track", "identify", "identify", "PAGE", "screen", "alias", "group"];
const EVENTS: &[&str] = &[
    "\"Product Viewed\"",
    "\"Product Viewed\"",
    "\"Product Added\"",
    "\"Order Completed\"",
    "\"Order Completed\"",
    "\"Something Else\"",
    "\"Product Updated\"",
    "\"Product Updated\"",
    "null",
    "",
];

const TRAITS: &[&str] = &[
    "",
    "\"tier\":\"gold\"",
    "\"tier\":null",
    "\"gender\":\"f\"",
    "\"age\":47",
    "\"age\":\"47\"",
    "\"age\":19.5",
    "\"vip\":true",
    "\"vip\":\"true\"",
    "\"tags\":[\"shoes\",\"gold\"]",
    "\"nickname\":\"shoes 0\"",
    "\"nickname\":\"2026-03-05T00:00:00.0009+00:00\"",
    "\"renews_at\":\"2026-03-07\"",
    "\"renews_at\":\"2026-03-08T07:30:00Z\"",
    "\"renews_at\":\"2026-11-02T00:30:00-03:00\"",
    "\"renews_at\":\"2026-10-25\"",
    "\"renews_at\":\"2026-04-06T00:00:00.5+12:45\"",
    "\"renews_at\":\"never\"",
    "\"renews_at\":1772704800000",
    "\"birthday\":\"1990-03-06\"",
    "\"birthday\":\"2024-02-29\"",
    "\"birthday\":\"1984-04-05\"",
    "\"birthday\":\"2011-12-30\"",
    "\"birthday\":\"1990-10-25T22:30:00Z\"",
    "\"birthday\":\"1990-02-30\"",
    "\"birthday\":null",
    "\"timezone\":\"America/New_York\"",
    "\"timezone\":\"Europe/Berlin\"",
    "\"timezone\":\"America/St_Johns\"",
    "\"timezone\":\"Australia/Lord_Howe\"",
    "\"timezone\":\"Mars/Olympus\"",
    "\"timezone\":\"UTC+8\"",
    "\"timezone\":\"-03:30\"",
    "\"timezone\":null",
];
const CONTEXTS: &[&str] = &[
    "",
    "",
    "",
    "",
    "{\"timezone\":\"America/New_York\"}",
    "{\"timezone\":\"Europe/Berlin\"}",
    "{\"timezone\":\"America/St_Johns\"}",
    "{\"timezone\":\"Australia/Lord_Howe\"}",
    "{\"timezone\":\"Mars/Olympus\"}",
    "{\"timezone\":\"Etc/Unknown\"}",
    "{\"timezone\":\"GMT+0800\"}",
    "{\"timezone\":\"america/new_york\"}",
    "{\"timezone\":null}",
    "{\"consent\":{\"categoryPreferences\":{\"marketing\":true,\"ads\":true}}}",
    "{\"consent\":{\"categoryPreferences\":{\"marketing\":true}}}",
    "{\"consent\":{\"categoryPreferences\":{\"ads\":true,\"marketing\":false}},\"timezone\":\"Europe/Berlin\"}",
    "{\"consent\":{\"categoryPreferences\":{\"ads\":false,\"marketing\":\"yes\"}}}",
    "{\"consent\":{\"categoryPreferences\":null}}",
    "{\"device\":{\"type\":\"gold\"}}",
    "{\"traits\":{\"tier\":\"gold\",\"age\":47}}",
    "{\"traits\":{\"tier\":null,\"vip\":true}}",
    "{\"traits\":[]}",
    "[]",
    "null",
];

/// What may stand in the place of a line.
const SPOILT_LINES: &[&str] = &["not json", "", "null", "[]", "{\"type\":\"track\"", "\"x\"", "{}"];

/// What a field may come to be; an empty text takes it away.
const SPOILT_FIELDS: &[(&str, &str)] = &[
    ("type", ""),
    ("type", "\"group\""),
    ("type", "null"),
    ("event", "5"),
    ("messageId", "7"),
    ("messageId", "\"0\""),
    ("traits", "[]"),
    ("userId", "12.5"),
    ("messageId", "\"\""),
    ("userId", "12"),
    ("userId", "\"\""),
    ("userId", ""),
    ("anonymousId", "false"),
    ("anonymousId", "\"\""),
    ("previousId", "[]"),
    ("properties", "[]"),
    ("properties", "null"),
    ("traits", "\"x\""),
    ("context", "1"),
    ("timestamp", ""),
    ("timestamp", "null"),
    ("timestamp", "1772704800000"),
    ("timestamp", "true"),
    ("timestamp", "-5"),
    ("timestamp", "\"0027-06-27T08:23:48Z\""),
    ("timestamp", "\"2101-01-01T00:00:00Z\""),
    ("timestamp", "\"2026-03-05\""),
    ("sentAt", "\"1970-01-01T00:00:09Z\""),
    ("sentAt", "\"2026-03-05T00:00:00Z\""),
    ("receivedAt", "\"2026-03-05T00:00:00Z\""),
    ("receivedAt", "\"soon\""),
    ("timestamp", "\"2026-13-01T00:00:00Z\""),
    ("timestamp", "\"2026-03-05T00:00:00\""),
    ("timestamp", "\"2030-01-01T00:00:00Z\""),
    ("receivedAt", "{\"deep\":[1,{\"a\":\"]}\"}]}"),
];

/// A log before it is text.
#[derive(Clone, Debug)]
pub(crate) struct GeneratedLog {
    head: Vec<u8>,
    steps: Vec<Vec<u8>>,
}

/// Any log of up to 60 lines.
pub(crate) fn log() -> impl Strategy<Value = GeneratedLog> {
    let step = prop::collection::vec(any::<u8>(), 128);
    (prop::collection::vec(any::<u8>(), 3), prop::collection::vec(step, 1..60))
        .prop_map(|(head, steps)| GeneratedLog { head, steps })
}

impl GeneratedLog {
    /// The lines.
    pub(crate) fn to_jsonl(&self) -> String {
        self.lines().0.iter().map(|line| format!("{line}\n")).collect()
    }

    /// Where the replay ends, in UTC milliseconds.
    pub(crate) fn until_ms(&self) -> i64 {
        self.lines().1 + Picks::new(&self.head[1..]).pick(ENDS_MS)
    }

    /// How late is not yet late.
    pub(crate) fn max_disorder_ms(&self) -> i64 {
        Picks::new(&self.head[2..]).pick(DISORDERS_MS)
    }

    /// The lines, and the time the log has come to.
    fn lines(&self) -> (Vec<String>, i64) {
        let beginning = Picks::new(&self.head).pick(BEGINNINGS);
        let mut clock = beginning.parse::<jiff::Timestamp>().expect("a time").as_millisecond();
        let mut lines: Vec<String> = Vec::new();
        for (index, step) in self.steps.iter().enumerate() {
            let mut picks = Picks::new(step);
            clock = snap(clock + gap(&mut picks), &mut picks);
            let at = clock - picks.pick(LATE_MS);
            let repeated =
                picks.rarely(12).then(|| lines.get(index.checked_sub(1 + picks.index(4))?).cloned()).flatten();
            lines.push(repeated.unwrap_or_else(|| line(at, index, &mut picks)));
        }
        (lines, clock)
    }
}

fn gap(picks: &mut Picks<'_>) -> i64 {
    let (plain, from_rules, duration_ms) = (picks.pick(GAPS_MS), picks.rarely(4), picks.pick(DURATIONS).1);
    let (is_long, long) = (picks.rarely(40), picks.pick(LONG_GAPS_MS));
    match (is_long, from_rules) {
        (true, _) => long,
        (false, true) => duration_ms,
        (false, false) => plain,
    }
}

/// Now and then forward to the edge of some window's pane or to some zone's midnight, or one millisecond beside it.
fn snap(at: i64, picks: &mut Picks<'_>) -> i64 {
    let (snaps, length_ms, beside) = (picks.index(10), picks.pick(WINDOWS).1, picks.pick(&[0, 1, -1]));
    let midnight = picks.pick(MIDNIGHTS_MINUTES) * 60_000;
    let pane = ((length_ms + 59) / 60).max(1);
    match snaps {
        8 => ((at - midnight).div_euclid(DAY_MS) + 1) * DAY_MS + midnight + beside,
        9 => (at.div_euclid(pane) + 1) * pane + beside,
        _ => at,
    }
}

fn line(at: i64, index: usize, picks: &mut Picks<'_>) -> String {
    let call = picks.pick(CALLS);
    let mut fields = vec![format!("\"type\":\"{call}\"")];
    let call = call.to_ascii_lowercase();
    let call = call.as_str();
    if call == "track" {
        push(&mut fields, "event", picks.pick(EVENTS));
    }
    identify(&mut fields, call, picks);
    if fields.iter().any(|field| field.contains("Product Updated")) && picks.rarely(2) {
        // A row is nobody's.
        fields.retain(|field| !field.contains("Id\":"));
    }
    clocks(&mut fields, at, picks);
    match picks.index(16) {
        0..14 => fields.push(format!("\"messageId\":\"m{index}\"")),
        14 => fields.push(format!("\"messageId\":\"m{}\"", index.saturating_sub(1 + picks.index(6)))),
        _ => {}
    }
    let (spoilt, spoilt_line, spoilt_field) = (picks.index(24), picks.pick(SPOILT_LINES), picks.pick(SPOILT_FIELDS));
    let (batch, envelope_clocks) = (picks.rarely(24), picks.index(3));
    push(&mut fields, "context", picks.pick(CONTEXTS));
    match call {
        "identify" => fields.push(format!("\"traits\":{}", object(&[picks.pick(TRAITS), picks.pick(TRAITS)]))),
        "group" => fields.push("\"groupId\":\"g\",\"traits\":{\"tier\":\"gold\"}".to_owned()),
        "page" | "screen" => {
            push(&mut fields, "category", picks.pick(CATEGORIES));
            fields.push(format!("\"properties\":{}", properties::properties(picks)));
        }
        "alias" => {}
        _ => fields.push(format!("\"properties\":{}", properties::properties(picks))),
    }
    if spoilt == 22 {
        fields.retain(|field| !field.starts_with(&format!("\"{}\":", spoilt_field.0)));
        push(&mut fields, spoilt_field.0, spoilt_field.1);
    }
    let whole = format!("{{{}}}", fields.join(","));
    match spoilt {
        23 => spoilt_line.to_owned(),
        _ if batch => {
            let mut envelope = vec![format!("\"batch\":[{whole},{whole}]")];
            push(&mut envelope, "context", picks.pick(CONTEXTS));
            if envelope.len() == 1 && envelope_clocks == 0 {
                return format!("[{whole},{whole}]");
            }
            // A client whose clock is four minutes ahead; one in three envelopes does not tell when it was received.
            if envelope_clocks > 0 {
                envelope.push(format!("\"sentAt\":{}", print_time(at + 241_000, picks)));
            }
            if envelope_clocks > 1 {
                envelope.push(format!("\"receivedAt\":{}", print_time(at + 1_000, picks)));
            }
            format!("{{{}}}", envelope.join(","))
        }
        _ => whole,
    }
}

fn identify(fields: &mut Vec<String>, call: &str, picks: &mut Picks<'_>) {
    let (form, user, visitor) = (picks.index(24), picks.pick(USERS), picks.pick(VISITORS));
    let anonymous_key = if call == "alias" { "previousId" } else { "anonymousId" };
    if !(13..18).contains(&form) {
        fields.push(format!("\"userId\":\"{user}\""));
    }
    if form >= 13 {
        fields.push(format!("\"{anonymous_key}\":\"{visitor}\""));
    }
    if form == 23 {
        fields.retain(|field| !field.starts_with("\"userId\""));
        fields.push(format!("\"userId\":\"{}\"", "long".repeat(64 + picks.index(2))));
    }
}

/// The times of a call that happened at `at`: mostly a `timestamp` alone, else also what the broker's clock and a client's
/// that is slow, fast or right said when it was sent, here and there with one of them missing.
fn clocks(fields: &mut Vec<String>, at: i64, picks: &mut Picks<'_>) {
    let (form, off_by) = (picks.index(12), picks.pick(CLOCKS_OFF_MS));
    let (waited, travelled) = (picks.pick(WAITED_MS), picks.pick(TRAVELLED_MS));
    let mut push = |key: &str, at: i64| fields.push(format!("\"{key}\":{}", print_time(at, picks)));
    if form < 8 {
        return push("timestamp", at);
    }
    let claimed = if form == 8 { "originalTimestamp" } else { "timestamp" };
    // One in four calls that tell when they were sent has no time of its own, and one in four was corrected before.
    if form != 9 {
        push(claimed, at + off_by);
    }
    if form == 10 {
        push("originalTimestamp", at + off_by + 1);
    }
    if waited != 1 {
        push("sentAt", at + off_by + waited);
    }
    push("receivedAt", at + waited + travelled);
}

/// The same instant in one of the ways that RFC 3339 has for it, or clients.
fn print_time(at: i64, picks: &mut Picks<'_>) -> String {
    if picks.rarely(12) {
        return match picks.index(3) {
            0 => format!("{at}"),
            1 => format!("\"{at}\""),
            _ => format!("{}.{:03}", at.div_euclid(1_000), at.rem_euclid(1_000)),
        };
    }
    let zones =
        &[(0, "Z"), (0, "Z"), (480, "+08:00"), (-330, "-05:30"), (0, "-00:00"), (0, ""), (480, "+0800"), (-300, "-05")];
    let (offset_minutes, suffix) = picks.pick(zones);
    let local = jiff::Timestamp::from_millisecond(at + offset_minutes * 60_000).expect("a time of this century");
    let digits = picks.pick(&["", "", "999", "000000"]);
    let text = format!("{local:.3}");
    let text = text.trim_end_matches('Z');
    let text = if at.rem_euclid(60_000) == 0 && digits.is_empty() { &text[..16] } else { text };
    format!("\"{text}{digits}{suffix}\"")
}
