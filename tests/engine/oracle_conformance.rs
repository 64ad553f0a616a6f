//! The oracle reproduces every conformance case: only then can the engine be compared with it.

use std::path::Path;

use rekindle_test_kit::oracle::{self, OracleInput, compare};
use rstest::rstest;

#[rstest]
fn oracle_reproduces_case(#[files("../../tests/conformance/**/rules.toml")] rules: std::path::PathBuf) {
    let case = rules.parent().expect("a file lies in a folder");
    let rules_toml = std::fs::read_to_string(&rules).expect("the case has rules");
    let until = read(case, "until");
    let until_ms = std::str::from_utf8(&until)
        .ok()
        .and_then(|text| text.trim().parse::<jiff::Timestamp>().ok())
        .expect("`until` is a time")
        .as_millisecond();
    let expected = lines(&read(case, "expected.jsonl"));
    assert!(!expected.is_empty(), "the case expects something");
    let (events, max_disorder_ms) = (read(case, "events.jsonl"), 5_000);
    let secret = std::fs::read(case.join("secret")).unwrap_or_default();
    let secret = secret.strip_suffix(b"\n").unwrap_or(&secret);
    let input = OracleInput {
        rules_toml: &rules_toml,
        events_jsonl: &events,
        until_ms,
        max_disorder_ms,
        secret,
        ..Default::default()
    };
    let actual = oracle::run(&input);
    if let Some(difference) = compare::difference(&expected, &actual) {
        panic!("{}: {difference}", case.display());
    }
}

fn read(case: &Path, file: &str) -> Vec<u8> {
    std::fs::read(case.join(file)).unwrap_or_else(|error| panic!("{}: {file}: {error}", case.display()))
}

fn lines(jsonl: &[u8]) -> Vec<serde_json::Value> {
    let lines = jsonl.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).expect("a journal holds one JSON object per line")).collect()
}
