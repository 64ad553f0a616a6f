//! `rekindle growth uplift`: what it says is what the outcomes in the journal add up to.

use std::collections::BTreeMap;
use std::fs;

use assert_cmd::Command;
use serde_json::{Value, json};
use tempfile::TempDir;

const RULES: &str = r#"
control = 0.1

[events]
view = "Product Viewed"
order = "Order Completed"

[[segments]]
id = "seen"
when = "total(view) >= 1"

[[campaigns]]
id = "offer"
on = "enter:seen"
channel = "email"
holdout = 0.3
variants = [{ id = "a", weight = 1 }, { id = "b", weight = 1 }]

[[goals]]
id = "buy"
on = "order"
value = "total"
within = "2h"

[[goals]]
id = "look"
on = "view"
within = "1h"
"#;

/// Users who look in the first hour of a day; every third buys something in the next.
fn folder(rules: &str, users: u32) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let mut events = String::new();
    for (hour, name) in [(9, "Product Viewed"), (10, "Order Completed")] {
        for user in (0..users).filter(|user| hour == 9 || user % 3 == 0) {
            let (minute, second, total) = (user / 60 % 60, user % 60, f64::from(user % 7) + 0.25);
            let call = json!({
                "type": "track", "event": name, "messageId": format!("{hour}-{user}"), "userId": format!("u{user}"),
                "timestamp": format!("2026-03-05T{hour:02}:{minute:02}:{second:02}Z"), "properties": {"total": total},
            });
            events.push_str(&format!("{call}\n"));
        }
    }
    fs::write(folder.path().join("rules.toml"), rules).expect("the rules");
    fs::write(folder.path().join("events.jsonl"), events).expect("the events");
    folder
}

fn run(folder: &TempDir, args: &[&str]) -> (bool, String) {
    let mut command = Command::cargo_bin("rekindle").expect("the binary");
    command.current_dir(folder.path()).args(args).args(["--rules", "rules.toml", "events.jsonl"]);
    let output = command.output().expect("it runs");
    let said = if output.status.success() { output.stdout } else { output.stderr };
    (output.status.success(), String::from_utf8(said).expect("text"))
}

const UNTIL: [&str; 2] = ["--until", "2026-03-05T15:00:00Z"];

/// What a side adds up to, from the journal.
#[derive(Default)]
struct JournalSide {
    n: u64,
    users: u64,
    sum: f64,
    squares: f64,
}

/// By goal, and by variant (`None`: all that was sent; `Some("control")`: control and holdout).
fn sides_of_journal(folder: &TempDir) -> BTreeMap<(String, Option<String>), JournalSide> {
    let (succeeded, journal) = run(folder, &["replay", "--quiet", UNTIL[0], UNTIL[1]]);
    assert!(succeeded, "{journal}");
    let mut sides: BTreeMap<_, JournalSide> = BTreeMap::new();
    for line in journal.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")) {
        if line["kind"] != "outcome" {
            continue;
        }
        let goal = line["goal"].as_str().expect("a goal").to_owned();
        let arms = match line["group"].as_str() {
            Some("sent") => vec![None, line["variant"].as_str().map(str::to_owned)],
            _ => vec![Some("control".to_owned())],
        };
        let value = line["value"].as_f64().expect("a number");
        for arm in arms {
            let side = sides.entry((goal.clone(), arm)).or_default();
            side.n += 1;
            side.users += u64::from(line["count"].as_u64() > Some(0));
            side.sum += value;
            side.squares += value * value;
        }
    }
    sides
}

#[test]
fn json_is_what_the_outcomes_in_the_journal_add_up_to() {
    let folder = folder(RULES, 900);
    let sides = sides_of_journal(&folder);
    let (succeeded, said) = run(&folder, &["growth", "uplift", "--json", UNTIL[0], UNTIL[1]]);
    assert!(succeeded, "{said}");
    let rows: Vec<Value> = serde_json::from_str(&said).expect("an array");
    let named: Vec<_> = rows.iter().map(|row| json!([row["goal"], row["variant"], row["measure"]])).collect();
    let of_buy = [json!(null), json!("a"), json!("b")];
    let mut expected: Vec<_> =
        of_buy.iter().flat_map(|variant| ["users", "value"].map(|by| json!(["buy", variant, by]))).collect();
    expected.extend(of_buy.iter().map(|variant| json!(["look", variant, "users"])));
    assert_eq!(named, expected);
    for row in &rows {
        assert_eq!(row["campaign"], "offer");
        let mut keys: Vec<_> = row.as_object().expect("an object").keys().map(String::as_str).collect();
        keys.sort_unstable();
        let expected = ["campaign", "control", "difference", "goal", "high", "low", "measure", "treated", "variant"];
        assert_eq!(keys, expected);
        let goal = row["goal"].as_str().expect("a goal").to_owned();
        let variant = row["variant"].as_str().map(str::to_owned);
        let mut means = Vec::new();
        for (name, arm) in [("treated", variant), ("control", Some("control".to_owned()))] {
            let (said, side) = (&row[name], &sides[&(goal.clone(), arm)]);
            assert_eq!((said["n"].as_u64(), said["users"].as_u64()), (Some(side.n), Some(side.users)), "{row}");
            let is_near = |key: &str, value: f64| said[key].as_f64().is_some_and(|said| (said - value).abs() < 1e-6);
            assert!(is_near("sum", side.sum) && is_near("sum_squares", side.squares), "{row}");
            let n = side.n as f64;
            let share = side.users as f64 / n;
            means.push(match row["measure"] == "users" {
                true => (share, share * (1.0 - share) / n),
                false => (side.sum / n, (side.squares - side.sum * side.sum / n) / (n - 1.0) / n),
            });
        }
        let (sizes, difference) =
            ((row["treated"]["n"].as_f64(), row["control"]["n"].as_f64()), means[0].0 - means[1].0);
        let n = sizes.0.expect("a number") + sizes.1.expect("a number");
        let (a, variance) = (0.05_f64, means[0].1 + means[1].1);
        let r = ((-2.0 * a.ln() + (1.0 - 2.0 * a.ln()).ln()) / 5_000.0).sqrt();
        let scale = n * r * r + 1.0;
        let width = variance.sqrt() * n.sqrt() * (2.0 * scale / (n * r).powi(2) * (scale.sqrt() / a).ln()).sqrt();
        for (key, value) in [("difference", difference), ("low", difference - width), ("high", difference + width)] {
            assert!(row[key].as_f64().is_some_and(|said| (said - value).abs() < 1e-9), "{key} of {row}: {value}");
        }
    }
}

#[test]
fn text_has_a_sentence_for_each_comparison_and_what_it_brought() {
    let folder = folder(RULES, 900);
    let (succeeded, said) = run(&folder, &["growth", "uplift", UNTIL[0], UNTIL[1]]);
    assert!(succeeded, "{said}");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "offer · buy", "{said}");
    assert!(lines[1].starts_with("  users: nothing to conclude yet: the difference is between -"), "{said}");
    assert!(lines[2].contains("with it") && lines[2].contains("brought") && lines[2].contains("per message"), "{said}");
    for start in ["  value: ", "  users a: ", "  value a: ", "  users b: ", "offer · look"] {
        assert!(lines.iter().any(|line| line.starts_with(start)), "{start} in\n{said}");
    }
    assert!(!said.contains("warning"), "{said}");
}

#[test]
fn before_a_hundred_a_side_there_is_no_interval() {
    let folder = folder(RULES, 60);
    let (_, said) = run(&folder, &["growth", "uplift", "--json", UNTIL[0], UNTIL[1]]);
    let rows: Vec<Value> = serde_json::from_str(&said).expect("an array");
    assert!(rows.iter().all(|row| row["low"].is_null() && row["high"].is_null()), "{said}");
    assert!(rows[0]["difference"].is_number(), "{said}");
    let smaller = rows[0]["control"]["n"].as_u64().min(rows[0]["treated"]["n"].as_u64()).expect("a number");
    let (_, said) = run(&folder, &["growth", "uplift", UNTIL[0], UNTIL[1]]);
    assert!(said.contains(&format!("users: not enough yet: {smaller} of 100\n")), "{said}");
}

/// Nobody is mature before the goal's time is over.
#[test]
fn what_is_not_mature_is_not_compared() {
    let folder = folder(RULES, 60);
    let (_, said) = run(&folder, &["growth", "uplift", "--json", "--until", "2026-03-05T09:59:00Z"]);
    let rows: Vec<Value> = serde_json::from_str(&said).expect("an array");
    assert!(
        !rows.is_empty() && rows.iter().all(|row| row["treated"]["n"] == 0 && row["difference"].is_null()),
        "{said}"
    );
}

#[test]
fn rules_without_goals_are_refused() {
    let (rules, _) = RULES.split_once("[[goals]]").expect("goals");
    let folder = folder(rules, 3);
    let (succeeded, said) = run(&folder, &["growth", "uplift"]);
    assert!(!succeeded && said.contains("goals"), "{said}");
}

/// Every action costs 2, and the rules ask for a report.
fn rules_with_costs() -> String {
    let spends = "channel = \"email\"\nspends = [{ budget = \"money\", cost = \"2\" }]";
    format!(
        "{}\n[[budgets]]\nid = \"money\"\nlimit = 100000\n\n[growth]\n",
        RULES.replace("channel = \"email\"", spends)
    )
}

#[test]
fn what_a_campaign_brought_is_told_per_unit_of_its_budget() {
    let folder = folder(&rules_with_costs(), 900);
    let sent = sides_of_journal(&folder)[&("buy".to_owned(), None)].n;
    let (succeeded, said) = run(&folder, &["growth", "uplift", UNTIL[0], UNTIL[1]]);
    assert!(succeeded, "{said}");
    let lines: Vec<&str> = said.lines().collect();
    let (_, per_message) = lines[2].split_once("per message ").expect("per message");
    let first = |text: &str| text.trim().split(' ').next().and_then(|it| it.parse::<f64>().ok()).expect("a number");
    assert!(lines[3].ends_with(&format!(" for each unit of money, of which it spent {}.00", sent * 2)), "{said}");
    assert!((first(lines[3]) - first(per_message) / 2.0).abs() < 1.1e-4, "{said}");
    // The costs of variants are not told apart.
    assert_eq!(said.matches("for each unit of").count(), 3, "{said}");
}

#[test]
fn the_report_page_has_what_campaigns_brought_and_cost() {
    let folder = folder(&rules_with_costs(), 900);
    let mut command = Command::cargo_bin("rekindle").expect("the binary");
    command.current_dir(folder.path()).args(["growth", "report", "--rules", "rules.toml", "--output", "page.html"]);
    let output = command.args(UNTIL).args(["--input", "events.jsonl"]).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let page = fs::read_to_string(folder.path().join("page.html")).expect("the page");
    let (_, data) = page.split_once("<script id=\"data\" type=\"application/json\">").expect("data");
    let data: Value = serde_json::from_str(data.split("</script>").next().expect("an end")).expect("JSON");
    let uplift = &data["uplift"][0];
    assert_eq!((&uplift["campaign"], &uplift["goals"][0]["goal"]), (&json!("offer"), &json!("buy")));
    let conclusion = uplift["goals"][0]["comparisons"][0]["conclusion"].as_str().expect("a sentence");
    assert!(conclusion.starts_with("nothing to conclude yet"), "{conclusion}");
    let cost = &uplift["costs"][0];
    assert_eq!((&cost["budget"], &cost["per_message"]), (&json!("money"), &json!(2.0)));
    let all_sent = &uplift["goals"][0]["comparisons"][0];
    let estimate = |brought: &Value| brought["estimate"].as_f64().expect("a number");
    let per_unit = estimate(&all_sent["brought_per_unit"]["money"]);
    assert!((per_unit - estimate(&all_sent["brought_per_message"]) / 2.0).abs() < 1e-12, "{all_sent}");
}
