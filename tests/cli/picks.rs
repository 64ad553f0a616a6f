//! `rekindle picks evaluate` on a log small enough to work out by hand, and what it says about bad questions.

use std::fs;
use std::process::Output;

use assert_cmd::Command;
use rstest::rstest;
use serde_json::{Value, json};
use tempfile::TempDir;

const RULES: &str = r#"
[events]
view = "V"
order = "O"

[[picks]]
id = "top"
on = ["view"]
item = "sku"
kind = "popular"
every = "day"
without = ["order"]
"#;

/// On the first day a is viewed by three users, b by two, c by one; on the second u views c, then d, and v orders nothing that
/// anybody viewed.
fn log() -> String {
    let call = |name: &str, user: &str, sku: &str, at: &str| {
        json!({"type": "track", "event": name, "userId": user, "timestamp": at, "properties": {"sku": sku}}).to_string()
            + "\n"
    };
    [
        call("V", "u", "a", "2026-10-01T10:00:00Z"),
        call("V", "v", "a", "2026-10-01T10:01:00Z"),
        call("V", "w", "a", "2026-10-01T10:02:00Z"),
        call("V", "u", "b", "2026-10-01T10:03:00Z"),
        call("V", "v", "b", "2026-10-01T10:04:00Z"),
        call("V", "v", "c", "2026-10-01T10:05:00Z"),
        call("O", "u", "a", "2026-10-01T10:06:00Z"),
        call("V", "u", "c", "2026-10-02T10:00:00Z"),
        call("V", "u", "d", "2026-10-02T10:10:00Z"),
    ]
    .concat()
}

fn evaluate(args: &[&str]) -> Output {
    let folder: TempDir = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("rules.toml"), RULES).expect("the rules");
    fs::write(folder.path().join("events.jsonl"), log()).expect("the events");
    let mut command = Command::cargo_bin("rekindle").expect("the binary");
    let command = command.current_dir(folder.path()).args(["picks", "evaluate", "--rules", "rules.toml"]);
    command.args(args).arg("events.jsonl").output().expect("it runs")
}

fn figures(args: &[&str]) -> Value {
    let output = evaluate(&[args, &["--json"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// u has ordered a, so that it is offered b and c: c comes second and is viewed, then neither; d comes from nowhere. Of the
/// first event's rest (c, d) one is hit, at the second place; of the second event's (d) none.
#[test]
fn figures_are_those_worked_out_by_hand() {
    let gain = 1.0 / 3_f64.log2();
    let expected = json!({
        "picks": "top", "of": "view", "at": 2, "targets": 2,
        "hr": 0.5, "mrr": 0.25, "recall": 0.25, "precision": 0.25,
        "ndcg": ((gain / (1.0 + gain) / 2.0) * 1e6).round() / 1e6,
        // 2 and 1 users, of at most 3.
        "popularity": 0.5,
        // b and c, of a to d.
        "coverage": 0.5,
    });
    assert_eq!(figures(&["--picks", "top", "--of", "view", "--at", "2", "--from", "2026-10-02"]), expected);
}

#[test]
fn in_a_session_only_the_event_that_joins_it_is_measured() {
    let found = figures(&["--picks", "top", "--of", "view", "--at", "2", "--from", "2026-10-02", "--in-session"]);
    assert_eq!((&found["targets"], &found["hr"]), (&json!(1), &json!(0.0)));
}

#[test]
fn a_name_that_never_comes_measures_nothing_and_says_so() {
    let args = ["--picks", "top", "--of", "order", "--from", "2026-10-02"];
    assert_eq!(figures(&args)["targets"], json!(0));
    let output = evaluate(&args);
    assert!(String::from_utf8_lossy(&output.stdout).contains("nothing was measured"));
}

#[rstest]
#[case::no_such_picks(&["--picks", "tops", "--of", "view", "--from", "2026-10-02"], "did you mean `top`?")]
#[case::no_such_event(&["--picks", "top", "--of", "vew", "--from", "2026-10-02"], "did you mean `view`?")]
#[case::none(&["--picks", "top", "--of", "view", "--from", "2026-10-02", "--at", "0"], "0 is not in 1..=100")]
#[case::a_million(&["--picks", "top", "--of", "view", "--from", "2026-10-02", "--at", "1000000"], "1000000 is not in 1..=100")]
fn a_wrong_question_is_refused(#[case] args: &[&str], #[case] message: &str) {
    let output = evaluate(args);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && output.stdout.is_empty() && error.contains(message), "{error}");
}
