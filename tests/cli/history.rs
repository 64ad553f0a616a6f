//! A user's history from an index of the events: `rekindle explain --index` and `rekindle timeline`.

use std::fs;

use assert_cmd::Command;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::growth_commands::{event, folder_with};

const RULES: &str = r#"
[events]
view = "Viewed"

[[segments]]
id = "hot"
when = "count(view, '30m') >= 2"

[[campaigns]]
id = "offer"
on = "enter:hot"
channel = "push"
"#;

fn shop() -> TempDir {
    let of = |who: &str, at: &str, name: &str| event(&format!("01T{at}.000"), who, name, "");
    let mut events = Vec::new();
    for minute in 10..50 {
        events.push(of("\"userId\":\"other\"", &format!("09:{minute}:00"), "Viewed"));
    }
    events.push(of("\"anonymousId\":\"a1\"", "10:00:00", "Viewed"));
    events.push(of("\"userId\":\"u1\",\"anonymousId\":\"a1\"", "10:05:00", "Viewed"));
    events.push(of("\"userId\":\"u1\"", "10:06:00", "Message Delivered"));
    folder_with(RULES, &events)
}

fn run(folder: &TempDir, command: &str, args: &[&str]) -> (bool, String, String) {
    let mut rekindle = Command::cargo_bin("rekindle").expect("the binary");
    let args = [&[command, "--rules", "rules.toml", "events.jsonl"], args].concat();
    let output = rekindle.current_dir(folder.path()).args(args).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

fn timeline(folder: &TempDir, args: &[&str]) -> Value {
    let (succeeded, said, failed) = run(folder, "timeline", &[args, &["--json"]].concat());
    assert!(succeeded, "{failed}");
    serde_json::from_str(&said).expect("JSON")
}

fn kinds(page: &Value) -> Vec<&str> {
    let entries = page["entries"].as_array().expect("entries");
    entries.iter().map(|entry| entry["kind"].as_str().unwrap_or_default()).collect()
}

#[test]
fn an_index_explains_what_a_replay_explains_and_is_used_while_it_is_fresh() {
    let folder = shop();
    let user = ["--user", "u1", "--json"];
    let (succeeded, replayed, failed) = run(&folder, "explain", &user);
    assert!(succeeded, "{failed}");
    assert!(!folder.path().join("events.jsonl.index").exists(), "nobody asked for an index");
    let (succeeded, indexed, failed) = run(&folder, "explain", &[&user[..], &["--index"]].concat());
    assert!(succeeded, "{failed}");
    assert_eq!(indexed, replayed);
    let manifest = folder.path().join("events.jsonl.index/manifest.json");
    let built = fs::metadata(&manifest).and_then(|meta| meta.modified()).expect("the index");

    // With one line more the index is another file's: unasked for, it is neither used nor changed.
    let more = event("01T11:00:00.000", "\"userId\":\"u1\"", "Viewed", "");
    let whole = fs::read_to_string(folder.path().join("events.jsonl")).expect("the events");
    fs::write(folder.path().join("events.jsonl"), format!("{whole}{more}\n")).expect("the events");
    let (_, unasked, _) = run(&folder, "explain", &user);
    assert_ne!(unasked, indexed);
    assert_eq!(fs::metadata(&manifest).and_then(|meta| meta.modified()).expect("the index"), built);
    let (_, extended, _) = run(&folder, "explain", &[&user[..], &["--index"]].concat());
    assert_eq!(extended, unasked);
}

#[test]
fn indexes_can_be_kept_elsewhere() {
    let folder = shop();
    let args = ["--user", "u1", "--json", "--index-folder", "indexes"];
    let (succeeded, said, failed) = run(&folder, "explain", &args);
    assert!(succeeded, "{failed}");
    assert_eq!(said, run(&folder, "explain", &["--user", "u1", "--json", "--no-index"]).1);
    assert!(!folder.path().join("events.jsonl.index").exists());
    assert_eq!(fs::read_dir(folder.path().join("indexes")).expect("the folder").count(), 1);
}

#[test]
fn a_document_over_several_lines_is_replayed_and_it_is_said_how_it_can_be_indexed() {
    let folder = shop();
    let lines = fs::read_to_string(folder.path().join("events.jsonl")).expect("the events");
    let user = ["--user", "u1", "--json"];
    let (_, of_lines, _) = run(&folder, "explain", &[&user[..], &["--index"]].concat());
    let calls: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let pretty = |call: &Value| serde_json::to_string_pretty(call).expect("JSON");
    let documents = [pretty(&json!(calls)), calls.iter().map(pretty).collect::<Vec<_>>().join("\n")];
    for document in documents {
        fs::write(folder.path().join("events.jsonl"), document).expect("the events");
        let (succeeded, said, noted) = run(&folder, "explain", &[&user[..], &["--index"]].concat());
        assert!(succeeded && said == of_lines, "{noted}");
        let why = "events.jsonl can't be indexed: it is a JSON document over several lines";
        assert!(noted.contains(why) && noted.contains("jq -c '.[]' FILE"), "{noted}");
        assert!(noted.contains("all events are replayed"), "{noted}");
        assert_eq!(run(&folder, "explain", &[&user[..], &["--no-index"]].concat()).1, of_lines);
    }
}

#[test]
fn with_budgets_all_events_are_replayed_and_it_is_said() {
    let folder = shop();
    let budget = "\n[[budgets]]\nid = \"month\"\nlimit = 100\nper = \"month\"\n";
    let rules = format!("{RULES}spends = [{{ budget = \"month\", cost = \"1\" }}]\n{budget}");
    fs::write(folder.path().join("rules.toml"), rules).expect("the rules");
    let (succeeded, said, noted) = run(&folder, "explain", &["--user", "u1", "--json", "--index"]);
    assert!(succeeded, "{noted}");
    assert!(noted.contains("budgets") && noted.contains("all events are replayed"), "{noted}");
    assert_eq!(said, run(&folder, "explain", &["--user", "u1", "--json", "--no-index"]).1);
    let page = timeline(&folder, &["--user", "u1"]);
    assert!(kinds(&page).contains(&"decision") && kinds(&page).contains(&"budget"), "{page}");
}

#[test]
fn a_timeline_has_events_outputs_deliveries_and_merged_visitors_newest_first() {
    let folder = shop();
    for index in [&["--user", "u1"][..], &["--user", "u1", "--index"]] {
        let page = timeline(&folder, index);
        assert_eq!(kinds(&page), ["delivery", "decision", "transition", "merge", "event", "event"]);
        assert_eq!(page["next"], Value::Null);
        let entries = page["entries"].as_array().expect("entries");
        assert_eq!(
            (&entries[0]["event"], &entries[0]["at"]),
            (&json!("Message Delivered"), &json!("2026-03-01T10:06:00.000Z"))
        );
        assert_eq!((&entries[1]["campaign"], &entries[1]["outcome"]), (&json!("offer"), &json!("sent")));
        assert_eq!((&entries[5]["user"], &entries[3]["from"]), (&Value::Null, &json!("a1")));
    }
    let first = timeline(&folder, &["--user", "u1", "--limit", "4"]);
    let next = first["next"].as_str().expect("there is more");
    let second = timeline(&folder, &["--user", "u1", "--limit", "4", "--before", next]);
    assert_eq!((kinds(&first).len(), kinds(&second), &second["next"]), (4, vec!["event", "event"], &Value::Null));
    let (succeeded, said, _) = run(&folder, "timeline", &["--user", "u1", "--limit", "1"]);
    assert!(succeeded && said.starts_with("2026-03-01T10:06:00.000Z  delivery    event Message Delivered"), "{said}");
    let (succeeded, _, failed) = run(&folder, "timeline", &["--user", "nobody"]);
    assert!(!succeeded && failed.contains("nothing is known of `nobody`"), "{failed}");
}
