//! `rekindle growth budgets`, and budgets in the summary of a replay, on a small file whose results can be computed by hand.

use std::fs;
use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::growth_commands::{event, folder_with};

/// A note of any cost for all who ask, a gift while it lasts, and a budget that nothing asks for.
const RULES: &str = r#"
timezone = "Europe/Berlin"
[events]
want = "Want"
gift = "Gift"
order = "Order Completed"

[[budgets]]
id = "daily"
limit = 50
per = "day"

[[budgets]]
id = "gifts"
limit = 1

[[budgets]]
id = "unused"
limit = 7
per = "month"

[[campaigns]]
id = "coupon"
on = "event:want"
channel = "email"
spends = [{ budget = "daily", cost = "event.cost" }]
settle = { on = "order", amount = "event.discount", within = "1h" }

[[campaigns]]
id = "present"
on = "event:gift"
channel = "email"
spends = [{ budget = "gifts", cost = "1" }]
"#;

fn want(at: &str, user: &str, cost: &str) -> String {
    event(at, &format!("\"userId\":\"{user}\""), "Want", &format!("\"cost\":{cost}"))
}

fn run(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::cargo_bin("rekindle").expect("the binary");
    command.current_dir(folder).args(args).output().expect("it runs")
}

/// Two days: on the first one reservation is settled, one is released and one ask is refused; on the second one is open.
fn two_days() -> TempDir {
    folder_with(
        RULES,
        &[
            want("02T10:00:00.500", "ana", "20"),
            want("02T10:00:00.600", "ben", "20.5"),
            want("02T10:00:00.700", "cleo", "10"),
            event("02T10:10:00", "\"userId\":\"ana\"", "Order Completed", "\"discount\":12.25"),
            event("02T11:00:00", "\"userId\":\"ana\"", "Gift", ""),
            event("02T11:30:00", "\"userId\":\"ben\"", "Gift", ""),
            // The next day in Berlin, not yet in London.
            want("02T23:30:00", "dan", "30"),
        ],
    )
}

fn expected() -> Value {
    let day = |from: &str, to: &str| json!({"budget": "daily", "per": "day", "from": from, "to": to, "limit": 50});
    let mut rows = [
        day("2026-03-01T23:00:00.000Z", "2026-03-02T23:00:00.000Z"),
        day("2026-03-02T23:00:00.000Z", "2026-03-03T23:00:00.000Z"),
        json!({"budget": "gifts", "per": null, "from": null, "to": null, "limit": 1}),
        json!({
            "budget": "unused", "per": "month", "from": "2026-02-28T23:00:00.000Z", "to": "2026-03-31T22:00:00.000Z", "limit": 7
        }),
    ];
    let figures = [
        json!({"spent": 12.25, "reserved": 0, "granted": 40.5, "freed": 28.25, "refused": 1}),
        json!({"spent": 0, "reserved": 30, "granted": 30, "freed": 0, "refused": 0}),
        json!({"spent": 1, "reserved": 0, "granted": 1, "freed": 0, "refused": 1}),
        json!({"spent": 0, "reserved": 0, "granted": 0, "freed": 0, "refused": 0}),
    ];
    for (row, figures) in rows.iter_mut().zip(figures) {
        row.as_object_mut().expect("a row").extend(figures.as_object().expect("figures").clone());
    }
    rows.to_vec().into()
}

#[test]
fn budgets_are_reported_by_their_periods_whether_or_not_the_end_is_given() {
    let folder = two_days();
    for until in [&[][..], &["--until", "2026-03-02T23:45:00Z"]] {
        let args = [&["growth", "budgets", "--rules", "rules.toml", "--json", "events.jsonl"], until].concat();
        let output = run(folder.path(), &args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(serde_json::from_slice::<Value>(&output.stdout).expect("JSON"), expected(), "{until:?}");
    }
}

#[test]
fn budgets_are_printed_as_a_table() {
    let folder = two_days();
    let output = run(folder.path(), &["growth", "budgets", "--rules", "rules.toml", "events.jsonl"]);
    let text = String::from_utf8(output.stdout).expect("text");
    let cells: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(cells[0], ["budget", "from", "limit", "spent", "reserved", "granted", "freed", "refused"]);
    assert_eq!(cells[1], ["daily", "2026-03-02", "50", "12.25", "0", "40.5", "28.25", "1"]);
    assert_eq!(cells[2], ["daily", "2026-03-03", "50", "0", "30", "30", "0", "0"]);
    assert_eq!(cells[3], ["gifts", "ever", "1", "1", "0", "1", "0", "1"]);
    assert_eq!(cells.len(), 5, "{text}");
}

#[test]
fn a_settlement_above_its_cost_frees_less_than_nothing() {
    let order = event("02T10:10:00", "\"userId\":\"ana\"", "Order Completed", "\"discount\":60");
    let folder = folder_with(RULES, &[want("02T10:00:00", "ana", "20"), order]);
    let output = run(folder.path(), &["growth", "budgets", "--rules", "rules.toml", "--json", "events.jsonl"]);
    let rows: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&rows[0]["spent"], &rows[0]["granted"], &rows[0]["freed"]), (&json!(60), &json!(20), &json!(-40)));
}

#[test]
fn rules_without_budgets_say_so() {
    let folder = folder_with("", &[want("02T10:00:00", "ana", "20")]);
    let output = run(folder.path(), &["growth", "budgets", "--rules", "rules.toml", "events.jsonl"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("rules.toml has no [[budgets]]"), "{said}");
}

#[test]
fn the_summary_of_a_replay_has_budgets_also_where_it_was_resumed() {
    let folder = two_days();
    let until = ["--until", "2026-03-02T23:45:00Z"];
    let resumable = ["--checkpoint", "progress", "--output", "journal.jsonl"];
    for more in [&[][..], &resumable, &resumable] {
        let fixed = ["replay", "--rules", "rules.toml", "--summary", "summary.json", "events.jsonl"];
        let output = run(folder.path(), &[&fixed[..], &until, more].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        let text = fs::read_to_string(folder.path().join("summary.json")).expect("the summary");
        let summary: Value = serde_json::from_str(&text).expect("JSON");
        let expected = json!({
            "daily": {"limit": 50, "spent": 0, "reserved": 30, "granted": 70.5, "refused": 1},
            "gifts": {"limit": 1, "spent": 1, "reserved": 0, "granted": 1, "refused": 1},
            "unused": {"limit": 7, "spent": 0, "reserved": 0, "granted": 0, "refused": 0},
        });
        assert_eq!(summary["budgets"], expected, "{more:?}");
        if more.is_empty() {
            let line = said.lines().find(|line| line.starts_with("budgets")).expect("a line");
            assert!(line.contains("0 spent and 30 reserved of 50; in all granted 70.5, refused 1 time"), "{line}");
        }
    }
}

/// The engine itself forgets periods that are long over.
#[test]
fn no_period_is_left_out_however_many_there_are() {
    let first = jiff::civil::date(2026, 1, 1);
    let days: Vec<String> = (0..100)
        .map(|day| {
            let date = first.saturating_add(jiff::Span::new().days(day));
            let id = format!("\"messageId\":\"{day} ");
            want("02T10:00:00", "ana", "1").replace("\"messageId\":\"", &id).replace("2026-03-02", &date.to_string())
        })
        .collect();
    let folder = folder_with(RULES, &days);
    let output = run(folder.path(), &["growth", "budgets", "--rules", "rules.toml", "--json", "events.jsonl"]);
    let rows: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let rows = rows.as_array().expect("rows");
    let granted = rows.iter().filter(|row| row["budget"] == "daily" && row["granted"] == 1);
    assert_eq!(granted.count(), 100);
}
