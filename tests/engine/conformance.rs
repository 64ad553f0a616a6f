//! The conformance cases: rules and events give exactly the expected journal, for any partitions, workers and batches.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rekindle_core::secret::DrawSecret;
use rekindle_core::time::Timestamp;
use rekindle_runtime::pipeline::PipelineOptions;
use rekindle_runtime::replay::replay_bytes;
use rstest::rstest;
use serde_json::Value;

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/conformance");

fn journal(case: &Path, partitions: usize, workers: usize, batch_bytes: usize) -> Vec<u8> {
    let read = |name: &str| fs::read(case.join(name)).unwrap_or_else(|error| panic!("{}: {error}", case.display()));
    let rules = String::from_utf8(read("rules.toml")).expect("rules are UTF-8");
    let until = String::from_utf8(read("until")).expect("`until` is UTF-8");
    let until = Timestamp::parse_rfc3339(until.trim()).expect("`until` is a time");
    // With one resident user, all others are packed between any two events.
    let resident_users = (partitions > 1).then_some(1);
    // Without the file the secret is empty.
    let secret = DrawSecret::of_file(&fs::read(case.join("secret")).unwrap_or_default());
    let options = PipelineOptions { partitions, workers, resident_users, secret, ..PipelineOptions::default() };
    replay_bytes(&rules, &read("events.jsonl"), until, options, batch_bytes).expect("the rules compile")
}

/// Per user, and per group, in order: only the fields that are compared.
fn by_user(journal: &[u8]) -> BTreeMap<String, Vec<String>> {
    const COMPARED: [&str; 23] = [
        "kind", "segment", "change", "campaign", "outcome", "from", "at", "until", "channel", "variant", "key", "goal",
        "group", "exposed", "count", "value", "ledger", "amount", "balance", "partner", "subject", "of", "weights",
    ];
    let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in journal.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let record: Value = serde_json::from_slice(line).expect("the journal is JSON lines");
        let mut fields: Vec<String> =
            COMPARED.iter().filter_map(|key| Some(format!("{key}={}", record.get(*key)?))).collect();
        // An engine may tell other causes than these.
        let cause = record["cause"].as_str().filter(|cause| ["ttl", "max"].contains(cause));
        fields.extend(cause.map(|cause| format!("cause={cause}")));
        let user = match record["of"].as_str() {
            Some(of) => format!("{of}:{}", record["key"]),
            None if record["kind"] == "weights" => format!("the weights of {}", record["campaign"]),
            None => record["user"].as_str().expect("every other record has a user").to_owned(),
        };
        users.entry(user).or_default().push(fields.join(" "));
    }
    users
}

fn cases() -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(CASES).expect("tests/conformance is there");
    let mut cases: Vec<_> =
        entries.map(|entry| entry.expect("readable").path()).filter(|path| path.join("rules.toml").exists()).collect();
    cases.sort();
    assert!(cases.len() >= 24, "only {} conformance cases found", cases.len());
    cases
}

#[test]
fn every_case_gives_the_expected_journal() {
    let mut failures = Vec::new();
    for case in cases() {
        let expected = by_user(&fs::read(case.join("expected.jsonl")).expect("expected.jsonl"));
        let found = by_user(&journal(&case, 64, 1, usize::MAX >> 1));
        for user in expected.keys().chain(found.keys()).collect::<std::collections::BTreeSet<_>>() {
            let (expected, found) = (expected.get(user), found.get(user));
            if expected != found {
                let (expected, found) = (expected.cloned().unwrap_or_default(), found.cloned().unwrap_or_default());
                let at = expected.iter().zip(&found).take_while(|(a, b)| a == b).count();
                failures.push(format!(
                    "{} user {user}, record {at}:\n  expected {:?}\n  found    {:?}",
                    case.display(),
                    expected.get(at),
                    found.get(at)
                ));
            }
        }
    }
    assert!(failures.is_empty(), "{} differences\n{}", failures.len(), failures[..failures.len().min(20)].join("\n"));
}

#[rstest]
#[case::one_partition(1, 1, 1 << 30)]
#[case::seven_partitions(7, 1, 1 << 30)]
#[case::sixty_four_partitions_two_workers(64, 2, 1 << 30)]
#[case::seven_partitions_two_workers(7, 2, 1 << 30)]
#[case::one_partition_two_workers(1, 2, 1 << 30)]
#[case::line_by_line(64, 1, 0)]
#[case::line_by_line_two_workers(7, 2, 0)]
#[case::small_batches(7, 2, 5_000)]
fn journal_does_not_depend_on_partitions_workers_and_batches(
    #[case] partitions: usize,
    #[case] workers: usize,
    #[case] batch_bytes: usize,
) {
    for case in cases() {
        let reference = journal(&case, 64, 1, 1 << 30);
        let split = journal(&case, partitions, workers, batch_bytes);
        assert!(reference == split, "{}: the journals differ", case.display());
    }
}
