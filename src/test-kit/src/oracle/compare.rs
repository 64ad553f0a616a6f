//! Comparing journals: per user, in order, the fields that the semantics name.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

const FIELDS: [&str; 18] = [
    "kind", "segment", "change", "campaign", "outcome", "from", "at", "until", "channel", "variant", "key", "goal",
    "group", "exposed", "budget", "ledger", "partner", "subject",
];

/// Those that are numbers.
const NUMBERS: [&str; 4] = ["count", "value", "amount", "balance"];

/// Causes that the semantics name; an engine may tell others.
const CAUSES: [&str; 2] = ["ttl", "max"];

/// What is wrong with `actual`: the first user whose journals differ, with both; `None` if all agree.
pub fn difference(expected: &[Json], actual: &[Json]) -> Option<String> {
    let (expected, actual) = (by_user(expected), by_user(actual));
    let none = Vec::new();
    let users: BTreeSet<&String> = expected.keys().chain(actual.keys()).collect();
    users.into_iter().find_map(|user| {
        let (expected, actual) = (expected.get(user).unwrap_or(&none), actual.get(user).unwrap_or(&none));
        let length = expected.len().max(actual.len());
        let line = (0..length).find(|line| expected.get(*line) != actual.get(*line))?;
        let show = |lines: &[String]| -> String {
            let mark = |index: usize| if index == line { ">" } else { " " };
            lines.iter().enumerate().map(|(index, text)| format!("{} {text}\n", mark(index))).collect()
        };
        Some(format!(
            "user `{user}` differs at line {} of its journal\nexpected:\n{}actual:\n{}",
            line + 1,
            show(expected),
            show(actual)
        ))
    })
}

/// Where the payloads of two journals that otherwise agree differ. Only what the first has is compared; numbers to a
/// millionth of their size.
pub fn payload_difference(expected: &[Json], actual: &[Json]) -> Option<String> {
    let (expected, actual) = (payloads(expected), payloads(actual));
    expected.iter().find_map(|(user, payloads)| {
        let others = actual.get(user).map_or(&[][..], Vec::as_slice);
        let others = others.iter().copied().chain(std::iter::repeat(&Json::Null));
        let (mine, other) = payloads.iter().zip(others).find(|(mine, other)| !bears(other, mine))?;
        Some(format!("a payload of user `{user}` differs\nexpected: {mine}\nactual:   {other}\n"))
    })
}

/// The payloads of each user's actions, in order.
fn payloads(journal: &[Json]) -> BTreeMap<&str, Vec<&Json>> {
    let mut users: BTreeMap<&str, Vec<&Json>> = BTreeMap::new();
    for line in journal.iter().filter(|line| line["payload"].is_object()) {
        users.entry(line["user"].as_str().unwrap_or("?")).or_default().push(&line["payload"]);
    }
    users
}

/// Whether a value has all fields of another, with its values.
fn bears(value: &Json, expected: &Json) -> bool {
    match (value, expected) {
        (_, Json::Object(fields)) => {
            fields.iter().all(|(key, field)| value.get(key).is_some_and(|own| bears(own, field)))
        }
        (Json::Number(own), Json::Number(other)) => {
            let (own, other) = (own.as_f64().unwrap_or(f64::NAN), other.as_f64().unwrap_or(f64::NAN));
            (own - other).abs() <= 1e-6 * own.abs().max(other.abs())
        }
        _ => value == expected,
    }
}

fn by_user(journal: &[Json]) -> BTreeMap<String, Vec<String>> {
    let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in journal {
        let mut shown: Vec<String> = FIELDS
            .iter()
            .filter_map(|field| line.get(field).map(|value| format!("{field} {}", value.as_str().unwrap_or("?"))))
            .collect();
        let number = |field: &&str| Some(format!("{field} {}", line[*field].as_f64()?));
        shown.extend(NUMBERS.iter().filter_map(number));
        // In the order of the variants' ids.
        shown.extend(line.get("weights").map(|weights| format!("weights {weights}")));
        let cause = line["cause"].as_str().filter(|cause| CAUSES.contains(cause));
        shown.extend(cause.map(|cause| format!("cause {cause}")));
        let subject = match line["of"].as_str() {
            Some(of) => format!("{} of {of}", line["key"]),
            None if line["kind"] == "weights" => format!("the weights of {}", line["campaign"]),
            None => line["user"].as_str().unwrap_or("?").to_owned(),
        };
        users.entry(subject).or_default().push(shown.join(", "));
    }
    users
}
