//! `rekindle explain`: why a user is in a segment, or is not, and what was decided.

use assert_cmd::Command;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::growth_commands::{event, folder_with};

const RULES: &str = r#"
[events]
view = "Viewed"
order = "Order Completed"

[[segments]]
id = "hot"
when = "count(view, '30m') >= 3 && total(order) == 0"

[[segments]]
id = "cold"
when = "idle() >= duration('30d')"

[[campaigns]]
id = "offer"
on = "enter:hot"
channel = "push"
cooldown = "7d"
"#;

fn views(times: &[&str]) -> TempDir {
    let view = |at: &&str| event(&format!("01T{at}.000"), "\"userId\":\"u1\"", "Viewed", "");
    folder_with(RULES, &times.iter().map(view).collect::<Vec<_>>())
}

fn explain(folder: &TempDir, args: &[&str]) -> (bool, String) {
    let mut command = Command::cargo_bin("rekindle").expect("the binary");
    let args = [&["explain", "--rules", "rules.toml", "events.jsonl"], args].concat();
    let output = command.current_dir(folder.path()).args(args).output().expect("it runs");
    let said = if output.status.success() { &output.stdout } else { &output.stderr };
    (output.status.success(), String::from_utf8_lossy(said).into_owned())
}

#[test]
fn what_lacks_and_what_comes_next_is_told() {
    let folder = views(&["10:00:00", "10:10:00"]);
    let (succeeded, said) = explain(&folder, &["--user", "u1", "--at", "2026-03-01T10:12:00Z"]);
    assert!(succeeded, "{said}");
    let said = said.replace("01T10:00:00.000userId:u1Viewed", "m1").replace("01T10:10:00.000userId:u1Viewed", "m2");
    let expected = "\
hot: not in
  no    count(view, 30m) >= 3 && total(order) == 0
    no    count(view, 30m) >= 3                      2
            made of 2: m2 at 2026-03-01T10:10:00.000Z, m1 at 2026-03-01T10:00:00.000Z
    (yes) total(order) == 0                          0
  nearest: 2 of 3 `view` within 30m; stays so for 400 days if nothing happens; one `view` would be enough

cold: not in
  no    idle() >= 30d                                2m   until 2026-03-31T10:10:00.000Z at least
          made of 1: m2 at 2026-03-01T10:10:00.000Z
  nearest: 29d23h too early (idle() is 2m of 30d); enters at 2026-03-31T10:10:00.000Z if nothing happens

no campaign was considered
";
    assert_eq!(said, expected);
}

#[test]
fn since_when_and_by_what_and_every_decision_is_told() {
    let folder = views(&["10:00:00", "10:10:00", "10:20:00", "11:00:00", "11:01:00", "11:02:00"]);
    let (succeeded, said) = explain(&folder, &["--user", "u1", "--segment", "hot", "--at", "2026-03-01T11:10:00Z"]);
    assert!(succeeded, "{said}");
    let first = said.lines().next().unwrap_or_default();
    assert!(first.starts_with("hot: in, since 2026-03-01T11:02:00.000Z (event "), "{said}");
    let nearest = "  nearest: leaves at 2026-03-01T11:30:00.000Z if nothing happens; one `order` would end it\n";
    assert!(said.contains(nearest), "{said}");
    let (_, decisions) = said.split_once("campaigns, each time they were considered\n").expect("decisions");
    let decisions: Vec<&str> = decisions.lines().map(|line| line.split(" (").next().unwrap_or_default()).collect();
    let expected = [
        "  2026-03-01T10:20:00.000Z offer: sent",
        "      sent by push",
        "      passed: no cooldown",
        "  2026-03-01T11:02:00.000Z offer: cooldown",
        "      it fired last at 2026-03-01T10:20:00.000Z; its cooldown of 7d lasts until 2026-03-08T10:20:00.000Z",
    ];
    assert_eq!(decisions, expected);
}

#[test]
fn json_has_the_tree_and_the_lines_of_the_journal() {
    let folder = views(&["10:00:00", "10:10:00", "10:20:00"]);
    let (succeeded, said) = explain(&folder, &["--user", "u1", "--json", "--campaign", "offer"]);
    assert!(succeeded, "{said}");
    let document: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(document["segments"], json!([]));
    let line = &document["journal"][0];
    assert_eq!((&line["kind"], &line["outcome"]), (&json!("decision"), &json!("sent")), "{document}");
    let decision = &document["campaigns"][0];
    assert_eq!((&decision["outcome"], &decision["on"]), (&json!("sent"), &json!("enter:hot")), "{document}");
    assert_eq!(decision["steps"][0]["step"], "cooldown");
    assert_eq!(decision["action"]["channel"], "push");
}

#[test]
fn events_of_a_visitor_stand_behind_the_users_values() {
    let lines = [
        event("01T10:00:00.000", "\"anonymousId\":\"a\"", "Viewed", ""),
        event("01T10:05:00.000", "\"anonymousId\":\"a\",\"userId\":\"u1\"", "Viewed", ""),
    ];
    let folder = folder_with(RULES, &lines);
    let (succeeded, said) = explain(&folder, &["--user", "u1", "--segment", "hot", "--json"]);
    assert!(succeeded, "{said}");
    let document: Value = serde_json::from_str(&said).expect("JSON");
    let events = &document["segments"][0]["condition"]["parts"][0]["operands"][0]["events"];
    assert_eq!((&events["matches"], &events["is_complete"]), (&json!(2), &json!(true)), "{document}");
    let times: Vec<_> = events["latest"].as_array().expect("events").iter().map(|event| &event["at"]).collect();
    assert_eq!(times, [&json!("2026-03-01T10:05:00.000Z"), &json!("2026-03-01T10:00:00.000Z")]);
}

#[test]
fn what_is_not_there_is_named() {
    let folder = views(&["10:00:00"]);
    let (succeeded, said) = explain(&folder, &["--user", "u2"]);
    assert!(!succeeded && said.contains("nothing is known of `u2` by then"), "{said}");
    let (succeeded, said) = explain(&folder, &["--user", "u1", "--segment", "hott"]);
    assert!(!succeeded && said.contains("the rules have no segment `hott`; did you mean `hot`?"), "{said}");
}
