//! The figures of `rekindle growth report` and `numbers`: the sentence, key figures beside those of the period before, the
//! currency; on small logs whose results are computed by hand.

use std::fs;

use serde_json::Value;

use crate::growth_commands::{event, folder_with, json, run};

const RULES: &str = r#"
[events]
view = "Product Viewed"
order = "Order Completed"

[[segments]]
id = "buyers"
when = "total(order) >= 1"

[[campaigns]]
id = "thanks"
on = "enter:buyers"
channel = "email"

[growth]
currency = "EUR"
"#;

/// Two weeks of March from Monday the 2nd: `users` who order once each on every day of a week, for this much.
fn week(first: u32, users: u32, total: f64) -> Vec<String> {
    let orders = (0..7).flat_map(|day| {
        (0..users).map(move |user| {
            let (at, ids) = (format!("{:02}T10:00:{user:02}", first + day), format!("\"userId\":\"u{user}\""));
            event(&at, &ids, "Order Completed", &format!("\"total\":{total}"))
        })
    });
    orders.collect()
}

/// The last event, on the day after the two weeks.
fn end() -> String {
    event("16T10:00:00", "\"userId\":\"u0\"", "Product Viewed", "")
}

fn two_weeks() -> Vec<String> {
    [week(2, 10, 20.0), week(9, 5, 30.0), vec![end()]].concat()
}

fn figure<'f>(report: &'f Value, id: &str) -> &'f Value {
    let figures = report["outlook"]["figures"].as_array().expect("figures");
    figures.iter().find(|figure| figure["id"] == id).unwrap_or_else(|| panic!("there is no {id}: {figures:?}"))
}

/// By hand: 10 buyers × 7 orders × 20 = 1,400 becomes 5 × 7 × 30 = 1,050. Orders per buyer stay, so that buyers contribute
/// −5 × 7 × (20 + 30) / 2 = −875, and the average order 10 × 7 × (10 + 5) / 2 = 525.
#[test]
fn the_last_week_is_summed_up_in_a_sentence() {
    let folder = folder_with(RULES, &two_weeks());
    let text = "GMV of the last 7 days €1,050, −25 % on the 7 days before: fewer buyers (5 after 10, −€875), partly offset by \
                larger orders (€30.00 after €20.00, +€525).";
    let report = json(folder.path(), &["numbers", "--json"]);
    assert_eq!((&report["currency"], &report["outlook"]["headline"]["text"]), (&"EUR".into(), &text.into()));
    let numbers = run(folder.path(), &["numbers"]);
    let said = String::from_utf8_lossy(&numbers.stdout).into_owned();
    assert!(said.contains(&format!("last week    {text}\n")), "{said}");
    assert!(said.contains("105 orders, GMV €2,450, AOV €23.33"), "{said}");
}

#[test]
fn key_figures_stand_beside_those_of_the_period_before() {
    let folder = folder_with(RULES, &two_weeks());
    let report = json(folder.path(), &["numbers", "--json"]);
    // Sunday the 15th with five users, and Sunday the 8th with ten.
    let daily = figure(&report, "daily_active");
    assert_eq!((&daily["value"], &daily["before"], &daily["change"]), (&5.0.into(), &10.0.into(), &(-0.5).into()));
    assert_eq!((&daily["against"], &daily["is_few"]), (&"the same weekday a week before".into(), &true.into()));
    let new = figure(&report, "new_users");
    assert_eq!((&new["value"], &new["before"], &new["change"]), (&0.0.into(), &10.0.into(), &(-1.0).into()));
    // Thirty days before are not known: there is no change, and it says from when on there will be.
    let gmv = figure(&report, "gmv");
    assert_eq!((&gmv["value"], &gmv["before"], &gmv["change"]), (&2_450.0.into(), &Value::Null, &Value::Null));
    assert_eq!((&gmv["needed_days"], &gmv["about"]), (&60.into(), &"in 14 days".into()));
    assert_eq!(figure(&report, "orders_per_buyer")["value"], 10.5);
    let unusual = &report["outlook"]["unusual"][0];
    assert_eq!((&unusual["assessed_hours"], &unusual["hours"]), (&0.into(), &Value::Array(Vec::new())));
    assert!(unusual["needed_hours"].as_u64() > unusual["known_hours"].as_u64(), "{unusual}");
}

/// Sixty days: 40 orders a day of 10, then 60 a day of 20, for thirty days each.
#[test]
fn windows_of_thirty_days_are_compared_with_the_thirty_before() {
    let days = (0..60u32).flat_map(|day| {
        let (orders, total) = if day < 30 { (40, 10.0) } else { (60, 20.0) };
        let date = jiff::civil::date(2026, 1, 1).saturating_add(jiff::Span::new().days(day));
        (0..orders).map(move |user| {
            let line = event(
                "02T10:00:00",
                &format!("\"userId\":\"u{user}\""),
                "Order Completed",
                &format!("\"total\":{total}"),
            );
            line.replace("2026-03-02", &date.to_string())
                .replace("\"messageId\":\"", &format!("\"messageId\":\"{day}-"))
        })
    });
    let end = event("02T10:00:00", "\"userId\":\"u0\"", "Product Viewed", "");
    let folder = folder_with(RULES, &days.chain([end]).collect::<Vec<_>>());
    let report = json(folder.path(), &["numbers", "--json"]);
    for (id, value, before, change) in [
        ("gmv", 36_000.0, 12_000.0, 2.0),
        ("orders", 1_800.0, 1_200.0, 0.5),
        ("buyers", 60.0, 40.0, 0.5),
        ("aov", 20.0, 10.0, 1.0),
        ("orders_per_buyer", 30.0, 30.0, 0.0),
        ("monthly_active", 60.0, 40.0, 0.5),
        // Shares change by a difference.
        ("conversion", 1.0, 1.0, 0.0),
    ] {
        let found = figure(&report, id);
        let of = |name: &str| found[name].as_f64();
        assert_eq!((of("value"), of("before"), of("change")), (Some(value), Some(before), Some(change)), "{found}");
        assert_eq!((&found["against"], &found["is_few"]), (&"the 30 days before".into(), &false.into()), "{found}");
    }
}

#[test]
fn the_page_has_the_sentence_and_all_campaigns() {
    let folder = folder_with(RULES, &two_weeks());
    let output = run(folder.path(), &["report", "--output", "report.html"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let page = fs::read_to_string(folder.path().join("report.html")).expect("the page");
    for part in
        ["−25 % on the 7 days before", "\"currency\":\"EUR\"", "{\"campaign\":\"thanks\"", "\"outcomes\":{\"sent\":10}"]
    {
        assert!(page.contains(part), "{part} is not in it");
    }
}

#[test]
fn a_currency_that_is_none_is_refused() {
    let folder = folder_with(&RULES.replace("EUR", "EURO"), &two_weeks());
    let output = run(folder.path(), &["report", "--output", "report.html"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("there is no currency `EURO`"), "{said}");
    assert!(!folder.path().join("report.html").exists());
}
