//! Rekindle beside the jobs of other engines. The jobs are built and fetch what they depend on, so most of it is run by hand:
//! `cargo test -p loadtest --test loadtest peers -- --ignored`. `FLINK_JARS` names a folder with Flink's jars; without it Maven builds.

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

fn peers(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_loadtest")).arg("peers").args(args).output().expect("it starts")
}

fn complaints(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no report: {}", complaints(output)))
}

/// The names of the rows; each has every figure.
fn rows(report: &Value) -> Vec<String> {
    let rows = report["rows"].as_array().expect("rows");
    let name = |row: &Value| {
        for figure in ["processor_seconds", "wall_seconds", "peak_bytes", "processor_ratio", "memory_ratio"] {
            assert!(row[figure]["median"].as_f64().is_some_and(f64::is_finite), "{figure}: {row:#}");
        }
        row["name"].as_str().expect("a name").to_owned()
    };
    rows.iter().map(name).collect()
}

#[test]
#[ignore = "builds the timely job: a minute, and what it depends on is fetched"]
fn peers_of_a_small_w1_find_the_same_transitions() {
    let output = peers(&["--events", "30000", "--rounds", "2", "--without", "flink", "--json"]);
    let report = report(&output);
    assert!(output.status.success(), "{}", complaints(&output));
    assert_eq!(rows(&report), ["Rekindle, 1 worker", "Rekindle, 2 workers", "timely job, 2 workers"]);
    assert_eq!((&report["rounds"], &report["differences"]), (&2.into(), &Value::Array(Vec::new())));
    assert_eq!(report["left_out"][0]["reason"], "--without flink");
    assert!(report["rows"][2]["outputs"].as_u64() > Some(5_000), "{report:#}");
}

#[test]
#[ignore = "builds the timely job: a minute, and what it depends on is fetched"]
fn peers_that_find_something_else_are_named_and_fail() {
    // A messageId that comes twice counts once, which the jobs do not know.
    let folder = tempfile::tempdir().expect("a folder");
    let events = folder.path().join("events.jsonl");
    let view = |id: &str, second: u32| {
        format!(
            r#"{{"type":"track","event":"Product Viewed","messageId":"{id}","userId":"u1","timestamp":"2026-03-01T00:00:0{second}.000Z"}}"#
        )
    };
    fs::write(&events, [view("a", 1), view("b", 2), view("b", 3)].join("\n")).expect("a file");
    let events = events.to_str().expect("a text");
    let output = peers(&["--events", events, "--rounds", "1", "--without", "flink"]);
    let (said, complaints) = (String::from_utf8_lossy(&output.stdout).into_owned(), complaints(&output));
    assert_eq!(output.status.code(), Some(1), "{said}{complaints}");
    let difference = "error: the timely job, round 1, is not as Rekindle with 1 worker: hot_intent enter: 1, not 0";
    assert!(complaints.contains(difference), "{complaints}");
    assert!(complaints.contains("1 duplicates"), "{complaints}");
    assert!(said.contains("Flink job: NOT MEASURED (--without flink)"), "{said}");
}

#[test]
#[ignore = "builds both jobs, with Java and Maven or Flink's jars"]
fn peers_with_flink_find_the_same_transitions() {
    let jars = std::env::var("FLINK_JARS").ok();
    let mut args = vec!["--events", "30000", "--rounds", "1", "--json"];
    args.extend(jars.iter().flat_map(|jars| ["--flink-jars", jars]));
    let output = peers(&args);
    let report = report(&output);
    assert!(output.status.success(), "{}", complaints(&output));
    assert_eq!((rows(&report).len(), &report["left_out"]), (5, &Value::Array(Vec::new())));
    // Users who come again three times do more.
    let outputs = |row: usize| report["rows"][row]["outputs"].as_u64().expect("a number");
    assert!(outputs(3) > 5_000 && outputs(4) > 3 * outputs(3), "{report:#}");
}

#[test]
fn what_the_flink_job_lacks_is_reported_before_anything_is_built() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = peers(&["--flink-jars", folder.path().to_str().expect("a text")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(complaints(&output).contains("there is no flink-dist-2.3.0.jar in"), "{}", complaints(&output));
}
