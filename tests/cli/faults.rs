//! Inputs from public bug reports of other products, which once came out wrong here as well: each with the journal, the
//! payloads and the rejections that are right (`tests/faults/README.md`).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rstest::rstest;
use serde_json::{Value, json};

/// The JSON lines of a file.
fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// The fields of a record that are there.
fn only(record: &Value, fields: &[&str]) -> Value {
    fields.iter().filter_map(|field| Some(((*field).to_owned(), record.get(*field)?.clone()))).collect()
}

/// What a replay of the case tells: journal, payloads of actions, rejections, in that order.
fn replay(case: &Path) -> Vec<Value> {
    let folder = tempfile::tempdir().expect("a folder");
    let until = fs::read_to_string(case.join("until")).expect("until");
    let output = |name: &str| folder.path().join(name);
    let run = Command::new(env!("CARGO_BIN_EXE_rekindle"))
        .args(["replay", "--until", until.trim(), "--rules"])
        .arg(case.join("rules.toml"))
        .args(["--output".as_ref(), output("journal").as_os_str()])
        .args(["--actions".as_ref(), output("actions").as_os_str()])
        .args(["--dead-letters".as_ref(), output("rejects").as_os_str()])
        .arg(case.join("events.jsonl"))
        .output()
        .expect("it runs");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let journal = ["kind", "user", "segment", "change", "campaign", "outcome", "at", "until", "channel", "from"];
    let payload = |action: &Value| json!({"user": action["subject"], "payload": action["data"]["payload"]});
    let (told, actions) = (lines(&output("journal")), lines(&output("actions")));
    let told = told.iter().map(|record| only(record, &journal));
    let payloads = actions.iter().filter(|action| action["data"]["payload"] != json!({})).map(payload);
    let rejects = lines(&output("rejects"));
    told.chain(payloads).chain(rejects.iter().map(|letter| only(letter, &["line", "reason"]))).collect()
}

#[rstest]
fn what_once_came_out_wrong_is_right(
    #[dirs]
    #[files("../../tests/faults/*")]
    #[exclude("README")]
    case: PathBuf,
) {
    let (found, expected) = (replay(&case), lines(&case.join("expected.jsonl")));
    for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
        assert_eq!(found, expected, "record {}", at + 1);
    }
    assert_eq!(found.len(), expected.len());
}
