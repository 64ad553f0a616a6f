//! A log of events with an end, and what `rekindle replay` makes of it.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::sync::OnceLock;

use bytes::Bytes;
use rekindle_core::time::{Span, Timestamp};
use rekindle_simulator::{ShopScope, Simulator, SimulatorOptions};
use serde_json::Value;

use super::broker::BrokerMessage;

/// The subject that tells that the last message of a log was taken in.
pub const THE_END: &str = "rekindle.segments.the_end.enter";

/// The subject of ticks.
const TICK: &str = "rekindle.tick";

/// The user of a log's last message.
const LAST_USER: &str = "the-last-user";

/// The daemon's `max_disorder`.
const MAX_DISORDER: Span = Span(5_000);

/// What was published for each user, in order: subjects and payloads.
pub type PublishedByUser = BTreeMap<String, Vec<(String, String)>>;

/// Messages of whole lines, and what must come of them.
pub struct ReplayedLog {
    /// In order. The last one moves time on to the end.
    pub messages: Vec<Bytes>,
    /// How many events there are.
    pub events: usize,
    /// How many more are rejected.
    pub rejected: u64,
    /// What replay computes.
    pub expected: PublishedByUser,
}

/// The starter pack, with a segment that only the last user is in.
pub fn starter_pack() -> String {
    with_the_end(include_str!("../../../../config/rules.toml"))
}

/// Rules, and a segment that only the last user of a log is in.
pub fn with_the_end(rules: &str) -> String {
    format!("{rules}\n[[segments]]\nid = 'the_end'\nwhen = 'traits.the_end == true'\n")
}

/// The lines of a simulated storefront's first days.
pub fn lines(seed: u64, days: i64) -> Vec<String> {
    let start = Timestamp::parse_rfc3339("2026-01-01T00:00:00Z").expect("a time");
    let mut simulator = Simulator::new(SimulatorOptions { seed, shoppers: 2_000, start, scope: ShopScope::Alone });
    let mut text = Vec::new();
    simulator.advance(start + Span(days * 86_400_000), &mut text);
    String::from_utf8(text).expect("JSON").lines().map(str::to_owned).collect()
}

/// A month of a storefront, one event per message: computed once, for all tests that need no more.
pub fn a_month() -> &'static ReplayedLog {
    static LOG: OnceLock<ReplayedLog> = OnceLock::new();
    LOG.get_or_init(|| {
        ReplayedLog::new(&starter_pack(), lines(1, 30).into_iter().map(Bytes::from).collect(), "2026-02-20T00:00:00Z")
    })
}

impl ReplayedLog {
    /// Messages with the rules and the end of time: replays them, and adds the message that takes the daemon there.
    pub fn new(rules: &str, messages: Vec<Bytes>, until: &str) -> ReplayedLog {
        ReplayedLog::replayed(rules, messages, until, &[])
    }

    /// The same, with more options of `replay`.
    pub fn replayed(rules: &str, mut messages: Vec<Bytes>, until: &str, options: &[&str]) -> ReplayedLog {
        let ReplayExpectation { outputs: expected, events, rejected } = replay(rules, &messages, until, options);
        let end = Timestamp::parse_rfc3339(until).expect("a time") + MAX_DISORDER;
        messages.push(Bytes::from(format!(
            r#"{{"type":"identify","userId":"{LAST_USER}","timestamp":"{end}","traits":{{"the_end":true}}}}"#
        )));
        ReplayedLog { messages, events, rejected, expected }
    }

    /// What came to lie in the stream of events, in its order, without ticks: of these messages, some perhaps twice.
    pub fn as_stored(rules: &str, stored: Vec<BrokerMessage>, until: &str) -> ReplayedLog {
        let mut messages: Vec<Bytes> =
            stored.into_iter().filter(|stored| stored.subject != TICK).map(|stored| stored.payload).collect();
        while messages.last().is_some_and(|last| last.windows(LAST_USER.len()).any(|part| part == LAST_USER.as_bytes()))
        {
            messages.pop();
        }
        ReplayedLog::new(rules, messages, until)
    }

    /// How many messages replay would publish.
    pub fn outputs(&self) -> u64 {
        self.expected.values().map(|outputs| outputs.len() as u64).sum()
    }
}

struct ReplayExpectation {
    outputs: PublishedByUser,
    events: usize,
    rejected: u64,
}

fn replay(rules: &str, messages: &[Bytes], until: &str, options: &[&str]) -> ReplayExpectation {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name);
    fs::write(file("rules.toml"), rules).expect("the rules");
    let mut text = Vec::new();
    for message in messages {
        text.extend_from_slice(message);
        if !message.ends_with(b"\n") {
            text.push(b'\n');
        }
    }
    fs::write(file("events.jsonl"), text).expect("the events");
    let output = Command::new(crate::binary("rekindle"))
        .args(["replay", "--until", until])
        .args(options)
        .arg("--rules")
        .arg(file("rules.toml"))
        .arg("--output")
        .arg(file("journal.jsonl"))
        .arg("--actions")
        .arg(file("actions.jsonl"))
        .arg("--summary")
        .arg(file("summary.json"))
        .arg(file("events.jsonl"))
        .output()
        .expect("the binary starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read = |name: &str| fs::read_to_string(file(name)).expect("replay writes it");
    let summary: Value = serde_json::from_str(&read("summary.json")).expect("JSON");
    let events = summary["events"].as_u64().expect("a count");
    let rejected = summary["rejected_by_reason"].as_object().expect("counts").values().filter_map(Value::as_u64).sum();
    let outputs = as_published(&read("journal.jsonl"), &read("actions.jsonl"));
    ReplayExpectation { outputs, events: usize::try_from(events).expect("it fits"), rejected }
}

/// What the daemon publishes for a journal and its actions.
pub fn as_published(journal: &str, actions: &str) -> PublishedByUser {
    let mut actions = actions.lines();
    let mut outputs = PublishedByUser::new();
    for line in journal.lines() {
        let fields: Value = serde_json::from_str(line).expect("a line of the journal is JSON");
        let text = |name: &str| fields[name].as_str().unwrap_or_default();
        let user = text("user");
        let mut put = |subject: String, payload: &str| {
            outputs.entry(user.to_owned()).or_default().push((subject, payload.to_owned()));
        };
        match text("kind") {
            "transition" => put(format!("rekindle.segments.{}.{}", text("segment"), text("change")), line),
            "decision" => {
                put(format!("rekindle.decisions.{}.{}", text("campaign"), text("outcome")), line);
                // The action of a decision follows it.
                if text("outcome") == "sent" {
                    let action = actions.next().expect("an action for each that was sent");
                    put(format!("rekindle.actions.{}.{}", text("channel"), text("campaign")), action);
                }
            }
            "points" => put(format!("rekindle.points.{}.{}", text("ledger"), text("change")), line),
            "budget" => put(format!("rekindle.budgets.{}.{}", text("budget"), text("change")), line),
            "merged" => put("rekindle.merged".to_owned(), line),
            "shared" => {
                let subject = format!("rekindle.partners.{}.{}.{}", text("partner"), text("segment"), text("change"));
                put(subject, line);
            }
            "outcome" => put(format!("rekindle.outcomes.{}.{}", text("campaign"), text("goal")), line),
            "weights" => put(format!("rekindle.outcomes.{}.weights", text("campaign")), line),
            kind => panic!("{kind} is not in a journal"),
        }
    }
    assert_eq!(actions.next(), None, "an action that the journal does not know");
    outputs
}

/// Whether a message on this subject is about a user, and replay would write it.
pub fn is_output(subject: &str) -> bool {
    let begins = ["segments.", "actions.", "decisions.", "points.", "outcomes.", "budgets."]
        .map(|name| format!("rekindle.{name}"));
    subject == "rekindle.merged" || begins.iter().any(|begin| subject.starts_with(begin.as_str()))
}

/// The outputs that were published, by user, without the last one's; of nobody, those about groups and weights.
pub fn per_user(stored: &[BrokerMessage]) -> PublishedByUser {
    let mut outputs = PublishedByUser::new();
    for BrokerMessage { subject, payload, .. } in stored.iter().filter(|stored| is_output(&stored.subject)) {
        let fields: Value = serde_json::from_slice(payload).expect("outputs are JSON");
        let name = if subject.starts_with("rekindle.actions.") { "subject" } else { "user" };
        let user = fields[name].as_str().unwrap_or_default().to_owned();
        let payload = String::from_utf8(payload.to_vec()).expect("JSON");
        outputs.entry(user).or_default().push((subject.clone(), payload));
    }
    outputs.remove(LAST_USER);
    outputs
}

/// Both are equal, byte for byte; else shows the first user for whom they are not.
pub fn assert_same(found: &PublishedByUser, expected: &PublishedByUser) {
    assert!(expected.values().map(Vec::len).sum::<usize>() > 100, "next to nothing is expected");
    for user in found.keys().chain(expected.keys()) {
        let (found_here, expected_here) = (of(found, user), of(expected, user));
        let differs = found_here.iter().zip(expected_here).position(|(found, expected)| found != expected);
        if found_here.len() != expected_here.len() || differs.is_some() {
            let at = differs.unwrap_or(found_here.len().min(expected_here.len()));
            panic!(
                "{} outputs, expected {}; for user {user} {} and {}; from number {at}:\n{:#?}\nexpected\n{:#?}",
                found.values().map(Vec::len).sum::<usize>(),
                expected.values().map(Vec::len).sum::<usize>(),
                found_here.len(),
                expected_here.len(),
                found_here.get(at),
                expected_here.get(at),
            );
        }
    }
}

fn of<'o>(outputs: &'o PublishedByUser, user: &str) -> &'o [(String, String)] {
    outputs.get(user).map_or(&[], Vec::as_slice)
}
