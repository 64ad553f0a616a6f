//! `rekindle growth explain`, `baskets` and `report` on small files whose answers can be worked out by hand.

use std::fs;
use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

const RULES: &str = r#"
[events]
view = "Product Viewed"
order = "Order Completed"

[growth]

[[targets]]
metric = "gmv"
period = "month"
value = 100

[[promotions]]
id = "sale"
starts = "2026-03-02"
ends = "2026-03-03"
budget = 10
"#;

/// A folder with rules and events.
fn folder(events: &[String]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("rules.toml"), RULES).expect("the rules");
    fs::write(folder.path().join("events.jsonl"), events.concat()).expect("the events");
    folder
}

fn run(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::cargo_bin("rekindle").expect("the binary");
    command.current_dir(folder).arg("growth").args(args);
    command.args(["--rules", "rules.toml", "--input", "events.jsonl"]).output().expect("it runs")
}

fn json(folder: &Path, args: &[&str]) -> Value {
    let output = run(folder, args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// An event at a day and time of March 2026, by ids as JSON members.
fn event(at: &str, ids: &str, name: &str, properties: &str) -> String {
    let message = format!("{at}{ids}{name}").replace('"', "");
    format!(
        "{{\"type\":\"track\",\"event\":\"{name}\",\"messageId\":\"{message}\",{ids},\
         \"timestamp\":\"2026-03-{at}Z\",\"properties\":{{{properties}}}}}\n"
    )
}

fn view(at: &str, ids: &str, product: &str) -> String {
    event(at, ids, "Product Viewed", &format!("\"product_id\":\"{product}\",\"name\":\"The {product}\""))
}

fn order(at: &str, user: &str, total: f64) -> String {
    event(at, &format!("\"userId\":\"{user}\""), "Order Completed", &format!("\"total\":{total},\"discount\":4"))
}

#[test]
fn a_visitors_session_goes_on_under_the_users_id() {
    let both = |visitor: &str, user: &str| format!("\"anonymousId\":\"{visitor}\",\"userId\":\"{user}\"");
    let folder = folder(&[
        view("02T10:00:00", "\"anonymousId\":\"v1\"", "cup"),
        // One session: the visitor turns out to be a user.
        view("02T10:01:00", &both("v1", "u1"), "plate"),
        // Two: what the visitor looked at an hour before is a session of its own.
        view("02T10:02:00", "\"anonymousId\":\"v2\"", "cup"),
        view("02T11:30:00", &both("v2", "u2"), "plate"),
        // And of a user whom nobody was before.
        view("02T12:00:00", "\"userId\":\"u3\"", "plate"),
        view("02T12:10:00", "\"userId\":\"u3\"", "cup"),
    ]);
    let told = json(folder.path(), &["baskets", "--of", "sessions", "--json"]);
    let sessions = &told["baskets"][0];
    assert_eq!((&sessions["baskets"], &sessions["items"]), (&4.into(), &2.into()), "{sessions}");
    let rule = &sessions["rules"][0];
    assert_eq!((&rule["both"], &rule["support"], &rule["lift"]), (&2.into(), &0.5.into(), &(2.0 * 4.0 / 9.0).into()));
    assert!(rule["item_name"].as_str().is_some_and(|name| name.starts_with("The ")), "{rule}");
}

#[test]
fn what_moved_adds_up() {
    let folder = folder(&[
        order("02T10:00:00", "a", 10.0),
        order("02T11:00:00", "b", 20.0),
        order("03T10:00:00", "a", 30.0),
        order("03T11:00:00", "a", 12.5),
        order("03T12:00:00", "c", 7.25),
    ]);
    let told =
        json(folder.path(), &["explain", "--metric", "gmv", "--from", "2026-03-02", "--to", "2026-03-03", "--json"]);
    assert_eq!((&told["before"], &told["after"], &told["change"]), (&30.0.into(), &49.75.into(), &19.75.into()));
    for split in ["factors", "by_channel", "by_buyer"] {
        let parts = told[split]["parts"].as_array().unwrap_or_else(|| panic!("{split} has parts: {told}"));
        let sum: f64 = parts.iter().filter_map(|part| part["contribution"].as_f64()).sum();
        assert!((sum - 19.75).abs() < 1e-6, "{split}: {sum}");
    }
}

#[test]
fn the_report_is_one_page_that_asks_for_nothing() {
    let folder = folder(&[order("02T10:00:00", "a", 10.0), order("03T10:00:00", "b", 20.0)]);
    let output = run(folder.path(), &["report", "--output", "report.html", "--title", "A <b> & \"c\""]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let page = fs::read_to_string(folder.path().join("report.html")).expect("the page");
    assert!(page.contains("A &lt;b> &amp; "), "the title is text");
    assert!(page.contains("echarts") && page.contains("\"budget\":10.0"), "charts and numbers are in it");
    for asks in ["<script src", "<link ", "@import", "<iframe"] {
        assert!(!page.contains(asks), "it asks for something: {asks}");
    }
}

#[test]
fn mistakes_are_told_and_nothing_is_written() {
    let folder = folder(&[order("02T10:00:00", "a", 10.0)]);
    for (args, complaint) in [
        (&["explain", "--metric", "gmv", "--from", "2026-02-30", "--to", "2026-03"][..], "2026-02-30"),
        (&["explain", "--metric", "gmv", "--from", "2025-01", "--to", "2026-03"], "nothing in the window"),
        (&["explain", "--metric", "gvm", "--from", "2026-02", "--to", "2026-03"], "gvm"),
        (&["baskets", "--min-support", "2"], "0 to 1"),
        (&["baskets", "--item", "sku"], "name another --item"),
        (&["report", "--output", "events.jsonl"], "events.jsonl"),
    ] {
        let output = run(folder.path(), args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(complaint), "{args:?}: {said}");
    }
    let events = fs::read_to_string(folder.path().join("events.jsonl")).expect("they are still there");
    assert_eq!(events, order("02T10:00:00", "a", 10.0));
}
