//! `rekindle growth explain`, `baskets` and `report` on small files whose results can be computed by hand.

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
    folder_with(RULES, events)
}

/// A folder with these rules and events.
pub(super) fn folder_with(rules: &str, events: &[String]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("rules.toml"), rules).expect("the rules");
    fs::write(folder.path().join("events.jsonl"), events.concat()).expect("the events");
    folder
}

pub(super) fn run(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::cargo_bin("rekindle").expect("the binary");
    command.current_dir(folder).arg("growth").args(args);
    command.args(["--rules", "rules.toml", "--input", "events.jsonl"]).output().expect("it runs")
}

pub(super) fn json(folder: &Path, args: &[&str]) -> Value {
    let output = run(folder, args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// An event at a day and time of March 2026, by ids as JSON members.
pub(super) fn event(at: &str, ids: &str, name: &str, properties: &str) -> String {
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

/// Arguments that list every pair.
pub(super) fn with_all_pairs<'a>(args: &[&'a str]) -> Vec<&'a str> {
    args.iter().copied().chain(["--min-baskets", "1", "--significance", "1", "--min-support", "0"]).collect()
}

#[test]
fn only_a_users_own_events_end_its_sessions() {
    let both = "\"anonymousId\":\"v\",\"userId\":\"u\"";
    let own = [
        // Ended two days before a visitor is merged into the user.
        view("02T10:00:00", "\"userId\":\"u\"", "cup"),
        view("04T10:00:00", "\"anonymousId\":\"v\"", "plate"),
        view("04T10:01:00", both, "spoon"),
        // On two devices at the same time, which then turn out to belong to one user.
        view("05T10:00:00", "\"userId\":\"w\"", "fork"),
        view("05T10:20:00", "\"anonymousId\":\"x\"", "knife"),
        view("05T10:45:00", "\"anonymousId\":\"x\"", "bowl"),
        view("05T11:00:00", "\"anonymousId\":\"x\",\"userId\":\"w\"", "glass"),
    ];
    let others = (0..120_000).map(|at| {
        view(&format!("03T{:02}:{:02}:{:02}", at / 3_600 % 24, at / 60 % 60, at % 60), "\"userId\":\"other\"", "tray")
            .replace("\"messageId\":\"", &format!("\"messageId\":\"{at}-"))
    });
    let mixed: Vec<String> = own[..1].iter().cloned().chain(others).chain(own[1..].iter().cloned()).collect();
    let pairs = |events: &[String]| {
        let folder = folder(events);
        let output = json(folder.path(), &with_all_pairs(&["baskets", "--of", "sessions", "--json"]));
        let rules = output["baskets"][0]["rules"].as_array().expect("rules").clone();
        let mut pairs: Vec<[String; 2]> = rules
            .iter()
            .map(|rule| {
                let mut pair = ["item", "with"].map(|key| rule[key].as_str().expect("a text").to_owned());
                pair.sort();
                pair
            })
            .collect();
        pairs.sort();
        pairs
    };
    let of = |a: &str, b: &str| [a.to_owned(), b.to_owned()];
    let expected = [
        of("bowl", "fork"),
        of("bowl", "glass"),
        of("bowl", "knife"),
        of("fork", "glass"),
        of("fork", "knife"),
        of("glass", "knife"),
        of("plate", "spoon"),
    ];
    assert_eq!(pairs(&own), expected);
    assert_eq!(pairs(&mixed), expected, "with other users' events in between");
}

#[test]
fn baskets_list_each_significant_pair_once() {
    let basket = |at: usize, products: &[&str]| {
        let lines: Vec<String> = products.iter().map(|id| format!("{{\"product_id\":\"{id}\"}}")).collect();
        let time = format!("{:02}T{:02}:{:02}:00", 2 + at / 1_440, at / 60 % 24, at % 60);
        event(&time, "\"userId\":\"u\"", "Order Completed", &format!("\"products\":[{}]", lines.join(",")))
    };
    // Two rare items in three common baskets, two that belong together, and a thousand others.
    let events: Vec<String> = (0..3_000)
        .map(|at| {
            let other = format!("other{}", at % 1_000);
            match at {
                0..3 => basket(at, &["rare", "odd", &other]),
                100..140 => basket(at, &["tea", "pot", &other]),
                200..230 => basket(at, &["pot", &other]),
                _ => basket(at, &[&other]),
            }
        })
        .collect();
    let folder = folder(&events);
    let output = json(folder.path(), &["baskets", "--of", "orders", "--json"]);
    let rules = output["baskets"][0]["rules"].as_array().expect("rules");
    assert_eq!(rules.len(), 1, "{rules:?}");
    let rule = &rules[0];
    assert_eq!((&rule["item"], &rule["with"], &rule["both"]), (&"tea".into(), &"pot".into(), &40.into()));
    assert_eq!((&rule["confidence"], &rule["reverse_confidence"]), (&1.0.into(), &(40.0 / 70.0).into()));
    assert!(rule["p_value"].as_f64().is_some_and(|odds| odds < 1e-50), "{rule}");
    let all = json(folder.path(), &with_all_pairs(&["baskets", "--of", "orders", "--json"]));
    let pairs = all["baskets"][0]["rules"].as_array().expect("rules").iter();
    assert_eq!(pairs.filter(|rule| rule["item"] == "rare" || rule["with"] == "rare").count(), 4, "each pair once");
}

#[test]
fn session_of_a_merged_visitor_continues_under_the_user() {
    let both = |visitor: &str, user: &str| format!("\"anonymousId\":\"{visitor}\",\"userId\":\"{user}\"");
    let folder = folder(&[
        view("02T10:00:00", "\"anonymousId\":\"v1\"", "cup"),
        // One session: the visitor is merged into a user.
        view("02T10:01:00", &both("v1", "u1"), "plate"),
        // Two: what the visitor viewed an hour before is a session of its own.
        view("02T10:02:00", "\"anonymousId\":\"v2\"", "cup"),
        view("02T11:30:00", &both("v2", "u2"), "plate"),
        // And of a user without a visitor.
        view("02T12:00:00", "\"userId\":\"u3\"", "plate"),
        view("02T12:10:00", "\"userId\":\"u3\"", "cup"),
    ]);
    let output = json(folder.path(), &with_all_pairs(&["baskets", "--of", "sessions", "--json"]));
    let sessions = &output["baskets"][0];
    assert_eq!((&sessions["baskets"], &sessions["items"]), (&4.into(), &2.into()), "{sessions}");
    let rule = &sessions["rules"][0];
    assert_eq!((&rule["both"], &rule["support"], &rule["lift"]), (&2.into(), &0.5.into(), &(2.0 * 4.0 / 9.0).into()));
    assert!(rule["item_name"].as_str().is_some_and(|name| name.starts_with("The ")), "{rule}");
}

#[test]
fn contributions_add_up_to_the_change() {
    let folder = folder(&[
        order("02T10:00:00", "a", 10.0),
        order("02T11:00:00", "b", 20.0),
        order("03T10:00:00", "a", 30.0),
        order("03T11:00:00", "a", 12.5),
        order("03T12:00:00", "c", 7.25),
    ]);
    let output =
        json(folder.path(), &["explain", "--metric", "gmv", "--from", "2026-03-02", "--to", "2026-03-03", "--json"]);
    assert_eq!((&output["before"], &output["after"], &output["change"]), (&30.0.into(), &49.75.into(), &19.75.into()));
    for split in ["factors", "by_channel", "by_buyer"] {
        let parts = output[split]["parts"].as_array().unwrap_or_else(|| panic!("{split} has parts: {output}"));
        let sum: f64 = parts.iter().filter_map(|part| part["contribution"].as_f64()).sum();
        assert!((sum - 19.75).abs() < 1e-6, "{split}: {sum}");
    }
}

#[test]
fn report_is_one_self_contained_page() {
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

/// In proportion to price times quantity; discounts and shipping are split in the same proportion.
#[test]
fn order_value_is_split_by_the_categories_of_its_products() {
    let products = |lines: &str, total: f64| format!("\"total\":{total},\"products\":[{lines}]");
    let buy = |at: &str, properties: &str| event(at, "\"userId\":\"a\"", "Order Completed", properties);
    let folder = folder(&[
        buy("02T10:00:00", "\"total\":5,\"category\":\"books\",\"products\":[{\"category\":\"toys\",\"price\":5}]"),
        buy("02T11:00:00", "\"total\":7"),
        buy(
            "03T10:00:00",
            &products(
                "{\"category\":\"toys\",\"price\":10,\"quantity\":2},{\"category\":\"books\",\"price\":\"10.00\"}",
                27.0,
            ),
        ),
        buy("03T11:00:00", &products("{\"category\":\"toys\",\"price\":1},{\"product_id\":\"x\",\"price\":1}", 1.0)),
        buy("04T10:00:00", "\"total\":1"),
    ]);
    let numbers = json(folder.path(), &["numbers", "--json"]);
    let sold = |day: usize| {
        let categories = numbers["days"][day]["categories"].as_array().expect("categories");
        let sale =
            |one: &Value| (one["category"].as_str().map(str::to_owned), one["orders"].clone(), one["gmv"].clone());
        categories.iter().map(sale).collect::<Vec<_>>()
    };
    let of = |name: &str, orders: u64, gmv: f64| (Some(name.to_owned()), orders.into(), gmv.into());
    assert_eq!(sold(0), [of("books", 1, 5.0)]);
    assert_eq!(sold(1), [of("toys", 2, 18.5), of("books", 1, 9.0)]);
    for (metric, expected) in [
        ("gmv", [("toys", 0.0, 18.5), ("(none)", 7.0, 0.5), ("books", 5.0, 9.0)]),
        ("orders", [("toys", 0.0, 1.166_667), ("(none)", 1.0, 0.5), ("books", 1.0, 0.333_333)]),
    ] {
        let args = ["explain", "--metric", metric, "--from", "2026-03-02", "--to", "2026-03-03", "--json"];
        let output = json(folder.path(), &args);
        let parts = output["by_category"]["parts"].as_array().expect("parts");
        for (name, before, after) in expected {
            let part = parts.iter().find(|part| part["name"] == name).unwrap_or_else(|| panic!("{name} in {parts:?}"));
            assert_eq!((&part["before"], &part["after"]), (&before.into(), &after.into()), "{metric} {name}");
        }
        let sum: f64 = parts.iter().filter_map(|part| part["contribution"].as_f64()).sum();
        assert!((sum - output["change"].as_f64().expect("a number")).abs() < 1e-6, "{metric}: {sum}");
    }
}

#[test]
fn explanations_cover_all_events_or_fail_with_a_reason() {
    let old = |at: &str| order("02T10:00:00", "a", 10.0).replace("2026-03-02", at);
    let folder = folder(&[
        old("2024-06-01"),
        old("2024-06-02"),
        order("02T10:00:00", "b", 20.0),
        order("05T10:00:00", "b", 9.0),
    ]);
    let days = ["--from", "2024-06-01", "--to", "2024-06-02"];
    let output = json(folder.path(), &[&["explain", "--metric", "gmv", "--json"], &days[..]].concat());
    assert_eq!(
        (&output["before"], &output["after"]),
        (&10.0.into(), &10.0.into()),
        "GMV is computed from the events themselves"
    );
    let said = run(folder.path(), &[&["explain", "--metric", "new_users"], &days[..]].concat());
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.contains("the days reach back 400, to 2025-01-30") && said.contains("--until"), "{said}");
    let earlier =
        [&["explain", "--metric", "new_users", "--json", "--until", "2024-06-03T23:59:59Z"], &days[..]].concat();
    assert_eq!(json(folder.path(), &earlier)["before"], 1.0);
    let said = String::from_utf8_lossy(&run(folder.path(), &earlier).stderr).into_owned();
    assert!(said.contains("2 events later than 2024-06-03T23:59:59.000Z were left out"), "{said}");
    assert!(!said.contains("rejected"), "{said}");
    let before = run(folder.path(), &["explain", "--metric", "gmv", "--from", "2024-05", "--to", "2024-06"]);
    let said = String::from_utf8_lossy(&before.stderr).into_owned();
    assert!(said.contains("nothing in the window") && said.contains("from 2024-06-01 to 2026-03-05"), "{said}");
}

#[test]
fn targets_are_in_the_units_of_their_metric_and_revenue_needs_refunds() {
    let folder = folder(&[order("02T10:00:00", "a", 10.5), order("03T10:00:00", "b", 20.0)]);
    let numbers = json(folder.path(), &["numbers", "--json"]);
    let target = &numbers["targets"][0];
    assert_eq!((&target["value"], &target["reached"]), (&100.0.into(), &30.5.into()));
    assert_eq!((&target["progress"]["part"], &target["progress"]["whole"]), (&30.5.into(), &100.0.into()));
    assert_eq!(
        (&numbers["commerce"]["all"]["gmv"], &numbers["commerce"]["all"]["revenue"]),
        (&10.5.into(), &Value::Null)
    );
    let trends: Vec<&Value> =
        numbers["outlook"]["trends"].as_array().expect("trends").iter().map(|t| &t["metric"]).collect();
    assert!(trends.contains(&&"gmv".into()) && !trends.contains(&&"revenue".into()), "{trends:?}");
    let said = run(folder.path(), &["explain", "--metric", "revenue", "--from", "2026-03-02", "--to", "2026-03-03"]);
    assert!(String::from_utf8_lossy(&said.stderr).contains("does not say what a refund is"));
    fs::write(folder.path().join("rules.toml"), RULES.replace("metric = \"gmv\"", "metric = \"revenue\""))
        .expect("the rules");
    let check = Command::cargo_bin("rekindle")
        .expect("the binary")
        .current_dir(folder.path())
        .args(["check", "--rules", "rules.toml"])
        .output();
    let check = check.expect("it runs");
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(!check.status.success() && said.contains("there is no `revenue` to reach"), "{said}");
    let with_refunds =
        RULES.replace("[growth]", "refund = \"Order Refunded\"\n\n[growth]").replace("\"gmv\"", "\"revenue\"");
    fs::write(folder.path().join("rules.toml"), with_refunds).expect("the rules");
    let numbers = json(folder.path(), &["numbers", "--json"]);
    assert_eq!(
        (&numbers["targets"][0]["reached"], &numbers["commerce"]["all"]["revenue"]),
        (&30.5.into(), &10.5.into())
    );
}

#[test]
fn direct_visits_have_no_source() {
    let visit = |at: &str, user: &str, context: &str| {
        view(at, &format!("\"userId\":\"{user}\""), "cup")
            .replace("\"properties\"", &format!("\"context\":{context},\"properties\""))
    };
    let by_referrer = |referrer: &str| format!("{{\"page\":{{\"referrer\":\"{referrer}\"}}}}");
    let mut events = Vec::new();
    for (at, referrer) in ["$direct", "(direct)", "direct", "about:blank", "null", "", "-"].into_iter().enumerate() {
        events.push(visit(&format!("02T10:{at:02}:00"), &format!("d{at}"), &by_referrer(referrer)));
    }
    for (at, source) in ["$direct", "(none)", "undefined"].into_iter().enumerate() {
        events.push(visit(
            &format!("02T11:{at:02}:00"),
            &format!("s{at}"),
            &format!("{{\"campaign\":{{\"source\":\"{source}\"}}}}"),
        ));
    }
    events.push(visit("02T12:00:00", "search", &by_referrer("https://www.google.com/")));
    events.push(visit("02T12:01:00", "other", &by_referrer("https://somewhere.example/")));
    let folder = folder(&events);
    let numbers = json(folder.path(), &["numbers", "--json"]);
    let came: Vec<(&Value, &Value)> = numbers["channels"]
        .as_array()
        .expect("channels")
        .iter()
        .zip(numbers["days"][0]["by_channel"].as_array().expect("counts"))
        .map(|(name, tally)| (name, &tally["new_users"]))
        .collect();
    let of = |channel: &str| came.iter().find(|(name, _)| **name == channel).map(|(_, users)| users.as_u64());
    assert_eq!([of("direct"), of("search"), of("other")], [Some(Some(10)), Some(Some(1)), Some(Some(1))], "{came:?}");
}

#[test]
fn mistakes_are_reported_and_nothing_is_written() {
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
