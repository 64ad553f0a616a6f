//! Real clickstreams through `rekindle replay`, against totals that plain Python computed over the same files.
//!
//! Where the data lies, and what becomes of tests whose data is not there, stands in `data_sets`. `expected.json` comes from
//! `real_data/totals.py`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rekindle_core::time::{Span, Timestamp};

use crate::expected::{DATA_SETS, Expected, FirstYear, Ledger, expected};
use crate::run::{Outputs, Replay, SegmentFigures, Transitions};
use libtest_mimic::Trial;
use rekindle_test_kit::data_sets::trial;
use rekindle_test_kit::repository;

/// A test of one data set: its totals, and the file with its events.
type Check = fn(&str, &Expected, &Path);

pub(crate) fn trials() -> Vec<Trial> {
    let of_each: [(&str, Check); 2] = [
        ("example_rules_find_what_python_finds", example_rules_find_what_python_finds),
        ("revenue_adds_up_to_the_last_millionth", revenue_adds_up_to_the_last_millionth),
    ];
    let of_cdnow: [(&str, Check); 4] = [
        ("events_after_until_are_rejected", events_after_until_are_rejected),
        ("the_holdout_is_a_tenth_of_those_who_qualify", the_holdout_is_a_tenth_of_those_who_qualify),
        ("every_event_sent_twice_changes_nothing", every_event_sent_twice_changes_nothing),
        (
            "a_file_sorted_by_customer_gives_each_the_same_journal",
            a_file_sorted_by_customer_gives_each_the_same_journal,
        ),
    ];
    let of_each = of_each.into_iter().flat_map(|check| DATA_SETS.map(|data_set| (check, data_set)));
    let all = of_each.chain(of_cdnow.map(|check| (check, "cdnow")));
    let trials = all.map(|((name, check), data_set)| {
        let expected = expected(data_set);
        trial(&format!("{name}::{data_set}"), &expected.file.clone(), move |events| check(data_set, &expected, events))
    });
    trials.collect()
}

/// All that differs, so that one run shows everything.
#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    fn compare<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, found: T, expected: T) {
        if found != expected {
            self.0.push(format!("{what}: found {found:?}, expected {expected:?}"));
        }
    }

    fn assert_none(self, data_set: &str) {
        assert!(self.0.is_empty(), "{data_set}:\n  {}", self.0.join("\n  "));
    }
}

fn example_rules_find_what_python_finds(data_set: &str, expected: &Expected, events: &Path) {
    let outputs = replay(expected, events, &[]);
    let mut differences = Differences::default();
    compare_counts(&mut differences, &outputs, expected);
    let transitions = outputs.transitions();
    compare_segments(&mut differences, &transitions, expected);
    let figures = transitions.iter().map(|(id, changes)| (id.clone(), changes.figures())).collect();
    let said = ever_entered(&outputs.summary.segments);
    differences.compare("the summary beside the journal", said, ever_entered(&figures));
    compare_decisions(&mut differences, &transitions, &outputs.summary.campaigns, expected);
    if let Some(first_year) = &expected.first_year {
        differences.compare("first-year statements", &first_year_of(&outputs), first_year);
    }
    differences.assert_none(data_set);
}

fn revenue_adds_up_to_the_last_millionth(data_set: &str, expected: &Expected, events: &Path) {
    let end = Timestamp::parse_rfc3339(&expected.until).expect("expected.json holds RFC 3339");
    let a_day_later = (end + Span(86_400_000)).to_string();
    let rules = repository().join("tests/real_data/ledger.toml");
    let outputs = Replay { rules: &rules, events, until: &a_day_later, more: &[] }.run();
    let (users, ledger) = ledger_of(&outputs);
    let mut differences = Differences::default();
    differences.compare("users in the ledger", users, expected.users);
    differences.compare("ledger", &ledger, &expected.ledger);
    differences.assert_none(data_set);
}

fn events_after_until_are_rejected(_: &str, expected: &Expected, events: &Path) {
    let cut = expected.cut.as_ref().expect("expected.json has a cut for cdnow");
    let summary = replay_until(expected, events, &cut.until, &[]).summary;
    assert_eq!(summary.events, cut.accepted);
    assert_eq!(summary.rejected_by_reason.get("after_until"), Some(&cut.rejected));
}

/// One in ten of those who could get the win-back mail is held out of it, by hash alone.
fn the_holdout_is_a_tenth_of_those_who_qualify(_: &str, expected: &Expected, events: &Path) {
    let summary = replay(expected, events, &[]).summary;
    let count = |outcome: &str| summary.campaigns["win_back"].get(outcome).copied().unwrap_or(0);
    let (held, fired) = (count("holdout"), count("holdout") + count("sent"));
    assert!(fired > 10_000, "{fired} qualified");
    assert!(held * 100 > fired * 9 && held * 100 < fired * 11, "{held} of {fired} were held out");
}

/// A retry storm: every call arrives twice, the second time at once.
fn every_event_sent_twice_changes_nothing(_: &str, expected: &Expected, events: &Path) {
    let once = replay(expected, events, &[]);
    let doubled = rewritten(events, |lines| {
        *lines = lines.iter().flat_map(|line| [line.clone(), line.clone()]).collect();
    });
    let twice = replay(expected, doubled.path(), &["--partitions", "7"]);
    assert_eq!(twice.summary.duplicates, expected.lines);
    assert!(once.journal() == twice.journal(), "the journals differ");
}

/// The file as a database would export it: customer by customer instead of day by day. With enough patience nothing is
/// late, and every customer's own events still come in their order.
fn a_file_sorted_by_customer_gives_each_the_same_journal(_: &str, expected: &Expected, events: &Path) {
    let by_time = replay(expected, events, &[]);
    let by_customer = rewritten(events, |lines| {
        lines.sort_by_cached_key(|line| field(line, "userId"));
    });
    let outputs = replay(expected, by_customer.path(), &["--max-disorder", "600d"]);
    assert_eq!(outputs.summary.late, 0);
    assert!(per_user(&by_time.journal()) == per_user(&outputs.journal()), "the journals differ");
}

fn compare_counts(differences: &mut Differences, outputs: &Outputs, expected: &Expected) {
    let summary = &outputs.summary;
    differences.compare("events", summary.events, expected.lines - expected.rejected);
    differences.compare("calls", present(&summary.calls), present(&expected.calls));
    differences.compare("events by name", present(&summary.events_by_name), present(&expected.events_by_name));
    differences.compare("rejects", summary.rejected_by_reason.values().sum(), expected.rejected);
    differences.compare("duplicates", summary.duplicates, expected.duplicates);
    differences.compare("late", summary.late, expected.late);
    differences.compare("users", summary.users, expected.users);
}

fn compare_segments(differences: &mut Differences, found: &BTreeMap<String, Transitions>, expected: &Expected) {
    let none = Transitions::default();
    for (id, segment) in &expected.segments {
        let transitions = found.get(id).unwrap_or(&none);
        differences.compare(&format!("members of {id}"), transitions.members.len(), segment.members);
        differences.compare(&format!("who is in {id}"), checksum(&transitions.members), segment.crc32);
        if let (Some(enter), Some(exit)) = (segment.enter, segment.exit) {
            differences.compare(&format!("{id}: enter, exit"), (transitions.enter, transitions.exit), (enter, exit));
        }
    }
    let unknown: Vec<&String> = found.keys().filter(|id| !expected.segments.contains_key(*id)).collect();
    differences.compare("segments that Python does not know", unknown, Vec::new());
}

/// The journal says nothing of segments that nobody ever entered.
fn ever_entered(segments: &BTreeMap<String, SegmentFigures>) -> BTreeMap<&str, &SegmentFigures> {
    segments.iter().filter(|(_, figures)| figures.enter > 0).map(|(id, figures)| (id.as_str(), figures)).collect()
}

/// A campaign without quiet hours decides once for every transition that sets it off, whatever the outcome.
fn compare_decisions(
    differences: &mut Differences,
    transitions: &BTreeMap<String, Transitions>,
    decisions: &BTreeMap<String, BTreeMap<String, u64>>,
    expected: &Expected,
) {
    let text = std::fs::read_to_string(example(expected)).expect("the example is there");
    let rules: toml::Table = text.parse().expect("the example is TOML");
    for campaign in rules["campaigns"].as_array().expect("campaigns are a list") {
        let (id, on) = (campaign["id"].as_str().unwrap_or_default(), campaign["on"].as_str().unwrap_or_default());
        let (change, segment) = on.split_once(':').expect("`on` has two parts");
        let set_off = transitions.get(segment).map_or(0, |t| if change == "enter" { t.enter } else { t.exit });
        let decided = decisions.get(id).map_or(0, |outcomes| outcomes.values().sum());
        if campaign.get("quiet_hours").is_none() {
            differences.compare(&format!("decisions of {id}"), decided, set_off);
        }
    }
}

/// Sums the yearly statements: each holds what came before its customer's 365th day, and nothing after.
fn first_year_of(outputs: &Outputs) -> FirstYear {
    let mut sum = FirstYear::default();
    outputs.for_each_action(|action| {
        if action.data.campaign == "anniversary" {
            sum.statements += 1;
            sum.orders += action.data.payload["orders"].as_i64().expect("a count is an integer");
            sum.revenue_millionths += millionths(&action.data.payload["revenue"]);
        }
    });
    sum
}

/// How many users the books have, and the sum of the last entry of each.
fn ledger_of(outputs: &Outputs) -> (u64, Ledger) {
    let mut entries = BTreeMap::new();
    outputs.for_each_action(|action| {
        entries.insert(action.subject, action.data.payload);
    });
    let orders = |entry: &BTreeMap<String, serde_json::Value>| entry["orders"].as_i64().expect("a count is an integer");
    let buyers = entries.iter().filter(|(_, entry)| orders(entry) > 0).map(|(user, _)| user.clone());
    let buyers: BTreeSet<String> = buyers.collect();
    let ledger = Ledger {
        buyers: buyers.len(),
        buyers_crc32: checksum(&buyers),
        orders: entries.values().map(orders).sum(),
        revenue_millionths: entries.values().map(|entry| millionths(&entry["revenue"])).sum(),
        refunded_millionths: entries.values().map(|entry| millionths(&entry["refunded"])).sum(),
    };
    (entries.len() as u64, ledger)
}

#[expect(clippy::cast_possible_truncation, reason = "the sums of these files are far below 2^53 millionths")]
fn millionths(value: &serde_json::Value) -> i64 {
    (value.as_f64().expect("a sum is a number") * 1e6).round() as i64
}

/// The CRC-32 of the sorted ids, joined by newlines, as `totals.py` computes it.
fn checksum(ids: &BTreeSet<String>) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(ids.iter().map(String::as_str).collect::<Vec<_>>().join("\n").as_bytes());
    crc.sum()
}

/// Without zeros: whether a name that never occurs is listed is a matter of taste.
fn present(counts: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    counts.iter().filter(|(_, count)| **count > 0).map(|(name, count)| (name.clone(), *count)).collect()
}

/// Each user's lines in their order; between users the order of two logs may differ.
fn per_user(journal: &str) -> BTreeMap<String, Vec<&str>> {
    let mut users: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for line in journal.lines() {
        users.entry(field(line, "user")).or_default().push(line);
    }
    users
}

fn field(line: &str, name: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(line).expect("both files hold JSON");
    value[name].as_str().expect("the field is a string").to_owned()
}

fn rewritten(events: &Path, change: impl FnOnce(&mut Vec<String>)) -> tempfile::NamedTempFile {
    let compressed = std::fs::File::open(events).expect("the data set is there");
    let text = std::io::read_to_string(zstd::Decoder::new(compressed).expect("zstd starts")).expect("it is whole");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    change(&mut lines);
    let file = tempfile::Builder::new().suffix(".jsonl").tempfile().expect("a temporary file can be made");
    std::fs::write(file.path(), lines.join("\n") + "\n").expect("it can be written");
    file
}

fn replay(expected: &Expected, events: &Path, more: &[&str]) -> Outputs {
    replay_until(expected, events, &expected.until, more)
}

fn replay_until(expected: &Expected, events: &Path, until: &str, more: &[&str]) -> Outputs {
    Replay { rules: &example(expected), events, until, more }.run()
}

fn example(expected: &Expected) -> PathBuf {
    repository().join("config/examples").join(&expected.rules)
}
