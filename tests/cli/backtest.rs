//! `rekindle backtest`: what changed rules would have done with past events.

use assert_cmd::Command;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::growth_commands::{event, folder_with};

const NEW: &str = r#"
[events]
view = "Viewed"

[[segments]]
id = "keen"
when = "count(view, '1h') >= 2"

[[campaigns]]
id = "offer"
on = "enter:keen"
channel = "push"
cooldown = "7d"
"#;

/// `ann` views three times, `bob` twice, `cid` once.
fn folder() -> TempDir {
    let view = |at: &str, user: &str| event(&format!("01T{at}.000"), &format!("\"userId\":\"{user}\""), "Viewed", "");
    let folder = folder_with(
        NEW,
        &[
            view("10:00:00", "ann"),
            view("10:01:00", "bob"),
            view("10:02:00", "ann"),
            view("10:03:00", "cid"),
            view("10:04:00", "bob"),
            view("10:05:00", "ann"),
        ],
    );
    std::fs::write(folder.path().join("old.toml"), NEW.replace(">= 2", ">= 3")).expect("it is written");
    folder
}

fn backtest(folder: &TempDir, args: &[&str]) -> (bool, String) {
    let mut command = Command::cargo_bin("rekindle").expect("the binary");
    let args = [&["backtest", "--rules", "rules.toml", "events.jsonl"], args].concat();
    let output = command.current_dir(folder.path()).args(args).output().expect("it runs");
    let said = if output.status.success() { &output.stdout } else { &output.stderr };
    (output.status.success(), String::from_utf8_lossy(said).into_owned())
}

fn json_of(folder: &TempDir, args: &[&str]) -> Value {
    let (succeeded, said) = backtest(folder, &[args, &["--json"]].concat());
    assert!(succeeded, "{said}");
    serde_json::from_str(&said).expect("it is JSON")
}

#[test]
fn differences_have_their_reason_the_edit_and_people_to_look_at() {
    let found = json_of(&folder(), &["--against", "old.toml"]);
    let differences = &found["differences"];
    assert_eq!((&differences["people"], &differences["more_messages"]), (&json!(2), &json!(1)), "{differences}");
    let first = &differences["kinds"][0];
    assert_eq!((&first["id"], &first["new"], &first["old"]), (&json!("offer"), &json!("sent"), &Value::Null));
    assert_eq!(first["reason"], "segment keen was entered by the new rules only");
    let edit = json!({"place": "segments.keen.when", "old": "count(view, '1h') >= 3", "new": "count(view, '1h') >= 2"});
    assert_eq!(first["because"], json!([edit]));
    let mut people: Vec<_> = first["people"].as_array().unwrap().iter().map(|it| (&it["user"], &it["at"])).collect();
    people.sort_by_key(|(user, _)| user.as_str());
    let (ann, bob) = (json!("2026-03-01T10:02:00.000Z"), json!("2026-03-01T10:04:00.000Z"));
    assert_eq!(people, [(&json!("ann"), &ann), (&json!("bob"), &bob)]);
    // What `ann` does after her message is no exact difference: by the old rules she enters at 10:05.
    assert_eq!((&differences["exact"], &differences["after"]), (&json!(4), &json!(2)));
    let members = &found["segments"][0]["members"];
    assert_eq!((&members["both"], &members["people_only_new"]), (&json!(1), &json!(["bob"])));
}

#[test]
fn events_before_from_count_for_what_people_did_only() {
    let all = json_of(&folder(), &[]);
    assert_eq!(all["messages"]["new"]["messages"], 2);
    assert_eq!(all["differences"], Value::Null);
    let later = json_of(&folder(), &["--from", "2026-03-01T10:03:30Z", "--to", "2026-03-01T10:30:00Z"]);
    assert_eq!(later["messages"]["new"]["messages"], 1, "{later}");
    let segment = &later["segments"][0]["figures"]["new"];
    assert_eq!(*segment, json!({"size": 2, "entered": 1, "left": 0}), "ann entered before");
}

#[test]
fn text_says_the_important_first_and_the_page_needs_nothing_else() {
    let folder = folder();
    let (succeeded, said) = backtest(&folder, &["--against", "old.toml", "--html", "page.html"]);
    assert!(succeeded, "{said}");
    let first = "For 2 people something would have been otherwise: 1 would have got more messages, 0 fewer.";
    assert_eq!(said.lines().nth(3), Some(first), "{said}");
    assert!(said.contains("segments.keen.when: count(view, '1h') >= 3 → count(view, '1h') >= 2"), "{said}");
    let page = std::fs::read_to_string(folder.path().join("page.html")).expect("there is a page");
    assert!(page.starts_with("<!doctype html>") && page.contains("\"exact\":4"));
    let outside = regex::Regex::new(r#"(src|href)="?https?://"#).unwrap();
    assert!(!outside.is_match(&page));
}

#[test]
fn same_rules_differ_in_nothing() {
    let (succeeded, said) = backtest(&folder(), &["--against", "rules.toml"]);
    assert!(succeeded && said.contains("Nothing would have been otherwise."), "{said}");
}

#[test]
fn bad_input_is_refused_with_what_to_do() {
    let folder = folder();
    std::fs::write(folder.path().join("old.toml"), NEW.replace("count(", "countt(")).unwrap();
    let (succeeded, said) = backtest(&folder, &["--against", "old.toml"]);
    assert!(!succeeded && said.contains("old.toml:7") && said.contains("did you mean `count`?"), "{said}");
    let (succeeded, said) = backtest(&folder, &["--from", "2026-03-02", "--to", "2026-03-01"]);
    assert!(!succeeded && said.contains("2026-03-02T00:00:00.000Z is not before 2026-03-01T00:00:00.000Z"), "{said}");
    let (succeeded, said) = backtest(&folder, &["--html", "rules.toml"]);
    assert!(!succeeded && said.contains("--html"), "{said}");
}
