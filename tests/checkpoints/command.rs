//! The command `rekindle checkpoint`.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::first_format::copied;

/// The command's standard output and error, and its exit code.
fn checkpoint(arguments: &[&str]) -> (String, String, Option<i32>) {
    let output = Command::new(env!("CARGO_BIN_EXE_rekindle"))
        .arg("checkpoint")
        .args(arguments)
        .output()
        .expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (text(output.stdout), text(output.stderr), output.status.code())
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// The standard output of a command that must succeed.
fn written(arguments: &[&str]) -> String {
    let (out, said, code) = checkpoint(arguments);
    assert_eq!(code, Some(0), "{said}");
    out
}

#[test]
fn checkpoints_are_listed_and_described() {
    let folder = copied();
    let store = text(folder.path());
    let listed = written(&["ls", "--store", store]);
    let rows: Vec<Vec<&str>> = listed.lines().skip(2).map(|line| line.split_whitespace().collect()).collect();
    let told: Vec<(&str, &str, &str, &str)> = rows.iter().map(|row| (row[0], row[1], row[4], row[5])).collect();
    assert_eq!(told, [("1", "base", "4", "40"), ("2", "delta", "8", "80"), ("3", "delta", "12", "120")], "{listed}");
    let manifest: Value = serde_json::from_str(&written(&["ls", "--json", "--store", store])).expect("JSON");
    assert_eq!(manifest["checkpoints"].as_array().map(Vec::len), Some(3));
    let last: Value = serde_json::from_str(&written(&["inspect", "--store", store])).expect("JSON");
    assert_eq!((&last["number"], &last["kind"], &last["output_last"]), (&3.into(), &"delta".into(), &1200.into()));
    assert_eq!(last["chain"], serde_json::json!([1, 2, 3]));
    let base: Value = serde_json::from_str(&written(&["inspect", "1", "--store", store])).expect("JSON");
    assert_eq!((&base["kind"], &base["sequence"], &base["position"]), (&"base".into(), &4.into(), &12.into()));
    assert!(checkpoint(&["inspect", "9", "--store", store]).1.contains("there is no checkpoint 9"));
}

#[test]
fn damage_is_reported_and_fails() {
    let folder = copied();
    let store = text(folder.path());
    let sound = written(&["verify", "--store", store]);
    assert_eq!(sound.lines().filter(|line| line.ends_with(": ok")).count(), 4, "{sound}");
    let delta = folder.path().join("000000000002-1.delta");
    let mut bytes = fs::read(&delta).expect("it is there");
    bytes[100] ^= 1;
    fs::write(&delta, bytes).expect("written");
    let (out, said, code) = checkpoint(&["verify", "--store", store]);
    assert_eq!(code, Some(1));
    assert!(out.contains("000000000002-1.delta: the checkpoint is damaged"), "{out}");
    assert!(said.contains("1 of 4 objects are damaged or missing"), "{said}");
    let (out, said, code) = checkpoint(&["export", "--store", store]);
    assert_eq!(code, Some(0), "an older one is intact");
    assert!(!out.is_empty() && said.contains("skipped checkpoint 3 (000000000002-1.delta)"), "{said}");
}

#[test]
fn users_are_exported_sorted_with_their_state() {
    let folder = copied();
    let config = folder.path().join("settings.toml");
    fs::write(&config, "[checkpoint]\nstore = '.'\n").expect("written");
    let exported = written(&["export", "--config", text(&config)]);
    let users: Vec<Value> = exported.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let ids: Vec<&str> = users.iter().map(|user| user["user"].as_str().expect("an id")).collect();
    assert!(ids.len() >= 4 && ids.is_sorted(), "{ids:?}");
    let user = users.iter().find(|user| user["user"] == "u1").expect("u1 is known");
    assert_eq!((&user["traits"]["tier"], &user["timezone"]), (&"gold".into(), &"UTC".into()));
    let total = user["features"].as_array().expect("features").iter().find(|it| it["feature"] == "total(seen)");
    assert!(total.is_some_and(|it| it["value"].as_u64() > Some(0)), "{user}");
}

#[test]
fn a_missing_store_is_reported_and_not_created() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("nowhere");
    let (_, said, code) = checkpoint(&["ls", "--store", text(&missing)]);
    assert!(code == Some(1) && said.contains("there is no folder") && !missing.exists(), "{said}");
    for what in ["ls", "verify", "inspect", "export"] {
        let (_, said, code) = checkpoint(&[what, "--store", text(folder.path())]);
        assert!(code == Some(1) && said.contains("there are no checkpoints in"), "{what}: {said}");
    }
    let (_, said, code) = checkpoint(&["ls", "--store", "gs://bucket"]);
    assert!(code == Some(1) && said.contains("is neither a folder nor s3://bucket/prefix"), "{said}");
    assert_eq!(checkpoint(&["ls"]).2, Some(2), "the store must be given");
}
