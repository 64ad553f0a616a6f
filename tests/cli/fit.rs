//! `rekindle fit` on made-up customers: what it finds, and what it says where there is nothing to find.

use std::fs;
use std::process::Output;

use assert_cmd::Command;
use rekindle_core::time::Timestamp;
use rstest::rstest;
use serde_json::Value;
use tempfile::TempDir;

/// 2026-01-01.
const START_MS: f64 = 1_767_225_600_000.0;
const DAY_MS: f64 = 86_400_000.0;

/// Numbers from 0 to 1 that are the same in every run.
struct Uniform(u64);

impl Uniform {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    fn exponential(&mut self, rate: f64) -> f64 {
        -self.next().ln() / rate
    }
}

/// An order of a customer, at a day after the start.
fn order(customer: usize, day: f64, total: f64) -> String {
    let at = Timestamp((START_MS + day * DAY_MS) as i64);
    format!(
        "{{\"type\":\"track\",\"event\":\"Order Completed\",\"userId\":\"c{customer}\",\"timestamp\":\"{at}\",\
         \"properties\":{{\"total\":{total:.2}}}}}\n"
    )
}

/// Customers who buy at rates from 0.02 to 0.3 a day, and leave after a purchase with probabilities from 0 to 0.4.
fn customers(count: usize, days: f64) -> String {
    let mut random = Uniform(17);
    let mut events = String::new();
    for customer in 0..count {
        let rate = 0.02 + 0.28 * random.next().powi(3);
        let (leaves, spends) = (0.4 * random.next(), 20.0 + 60.0 * random.next());
        let mut day = random.next() * days / 2.0;
        while day < days {
            events += &order(customer, day, spends * (0.5 + random.next()));
            if random.next() < leaves {
                break;
            }
            day += random.exponential(rate);
        }
    }
    events
}

fn folder(events: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("events.jsonl"), events).expect("the events");
    folder
}

fn fit(folder: &TempDir, args: &[&str]) -> Output {
    let mut command = Command::cargo_bin("rekindle").expect("the binary");
    command.current_dir(folder.path()).arg("fit").args(args).arg("events.jsonl").output().expect("it runs")
}

fn json(folder: &TempDir, args: &[&str]) -> Value {
    let output = fit(folder, &[args, &["--json"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn refused(folder: &TempDir, args: &[&str]) -> String {
    let output = fit(folder, args);
    assert!(!output.status.success() && output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).expect("UTF-8")
}

#[test]
fn the_block_that_is_printed_is_a_part_of_the_rules() {
    let folder = folder(&customers(400, 300.0));
    let output = fit(&folder, &["--value", "total", "--holdout", "90d"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let block = String::from_utf8(output.stdout).expect("UTF-8");
    let rules = format!("[events]\norder = \"Order Completed\"\n{block}");
    let compiled = rekindle_core::rules::compile(&rules).unwrap_or_else(|problems| panic!("{problems:?} in {rules}"));
    assert!(compiled.models[0].spending.is_some());
    for part in ["expected", "actual", "█", "░", "log-likelihood", "iterations"] {
        assert!(block.contains(part), "{part} is not in {block}");
    }
}

#[test]
fn the_fit_depends_on_neither_the_unit_nor_the_currency() {
    let folder = folder(&customers(300, 300.0));
    let (weeks, days) = (json(&folder, &["--value", "total"]), json(&folder, &["--value", "total", "--unit", "1d"]));
    let of = |fitted: &Value, key: &str| fitted[key].as_f64().expect("a number");
    for key in ["r", "a", "b"] {
        assert!((of(&weeks, key) / of(&days, key) - 1.0).abs() < 1e-4, "{key}: {weeks} {days}");
    }
    assert!((of(&weeks, "alpha") * 7.0 / of(&days, "alpha") - 1.0).abs() < 1e-4, "{weeks} {days}");
    assert_eq!(weeks["gamma_gamma"], days["gamma_gamma"]);
    assert!(weeks["iterations"].as_u64() > Some(10) && weeks["customers"] == 300, "{weeks}");
    assert!(weeks["gamma_gamma"]["p"].as_f64() > Some(0.0), "{weeks}");
}

#[test]
fn a_holdout_compares_what_is_expected_with_what_was_bought() {
    let fitted = json(&folder(&customers(400, 400.0)), &["--holdout", "100d", "--kind", "bg_nbd"]);
    let check = &fitted["holdout"];
    let (expected, actual) =
        (check["expected"].as_f64().expect("a number"), check["actual"].as_f64().expect("a number"));
    assert!(actual > 100.0 && (expected / actual - 1.0).abs() < 0.3, "{check}");
    let rows = check["by_repeats"].as_array().expect("rows");
    assert!(rows.len() > 4 && rows.iter().all(|row| row["customers"].as_u64() > Some(0)), "{check}");
    assert!(fitted["gamma_gamma"].is_null() && fitted["log_likelihood"].as_f64() < Some(0.0), "{fitted}");
}

#[rstest]
#[case::mbg_nbd("mbg_nbd")]
#[case::bg_nbd("bg_nbd")]
fn customers_with_hundreds_of_purchases_are_fitted(#[case] kind: &str) {
    let mut events = customers(200, 500.0);
    for customer in 1_000..1_020 {
        // Nearly each day, until some time.
        for day in 0..(150 + 17 * (customer - 1_000)) {
            events += &order(customer, day as f64 * 1.03, 9.0);
        }
    }
    let fitted = json(&folder(&events), &["--kind", kind, "--until", "2027-05-16", "--unit", "1d"]);
    for key in ["r", "alpha", "a", "b"] {
        assert!(fitted[key].as_f64().is_some_and(|value| value > 1e-3 && value < 1e3), "{fitted}");
    }
}

#[test]
#[ignore = "takes a minute or two in a build that is not optimised"]
fn three_hundred_thousand_customers_are_fitted() {
    let fitted = json(&folder(&customers(300_000, 500.0)), &["--value", "total"]);
    assert_eq!(fitted["customers"], 300_000);
    assert!(fitted["gamma_gamma"]["p"].as_f64() > Some(0.0), "{fitted}");
}

#[test]
fn customers_who_all_bought_once_are_told_apart_by_nothing() {
    let events: String = (0..50).map(|customer| order(customer, customer as f64, 10.0)).collect();
    let folder = folder(&events);
    for kind in ["mbg_nbd", "bg_nbd"] {
        let told = refused(&folder, &["--kind", kind]);
        assert!(told.contains("all 50 customers bought once"), "{told}");
    }
}

#[test]
fn customers_of_whom_nobody_leaves_have_no_maximum() {
    // Each buys every ten days to the end.
    let days = |customer: usize| (0..40).map(move |n| n as f64 * 10.0 + customer as f64 / 10.0);
    let events: String =
        (0..60).flat_map(|customer| days(customer).map(move |day| order(customer, day, 10.0))).collect();
    let told = refused(&folder(&events), &["--until", "2027-02-05"]);
    assert!(told.contains("the likelihood has no maximum") && told.contains("still grows as"), "{told}");
}

#[rstest]
#[case::no_event(&["--event", "Order Complete"], "no accepted event is `Order Complete`")]
#[case::before_all(&["--until", "2020-01-01"], "there is no purchase")]
#[case::holdout_of_all(&["--holdout", "9000d"], "leaves no purchases before")]
#[case::unit(&["--unit", "0d"], "longer than 0")]
#[case::kind(&["--kind", "pareto"], "mbg_nbd or bg_nbd")]
#[case::id(&["--id", "a b"], "cannot be a model's id")]
#[case::value(&["--value", "properties.total"], "names a property of the matches")]
fn wrong_arguments_are_told(#[case] args: &[&str], #[case] message: &str) {
    let told = refused(&folder(&customers(20, 100.0)), args);
    assert!(told.contains(message), "{told}");
}

#[test]
fn an_event_of_the_rules_is_fitted_as_the_rules_have_it() {
    let folder = folder(&customers(200, 300.0));
    let rules = "timezone = 'UTC'\n[events]\nlarge = { event = 'Order Completed', where = 'properties.total > 40', let = { net = \
                 'properties.total * 0.8' } }\n[[segments]]\nid = 's'\nwhen = 'total(large) > 1'\n";
    fs::write(folder.path().join("rules.toml"), rules).expect("the rules");
    let fitted = json(&folder, &["--rules", "rules.toml", "--event", "large", "--value", "net"]);
    assert!(fitted["customers"].as_u64() < Some(200), "{fitted}");
    let told = refused(&folder, &["--rules", "rules.toml", "--event", "larg"]);
    assert!(told.contains("did you mean `large`?"), "{told}");
}

#[test]
fn standard_input_cannot_be_read_twice() {
    let mut command = Command::cargo_bin("rekindle").expect("the binary");
    let output = command.args(["fit", "--holdout", "9d", "-"]).write_stdin("").output().expect("it runs");
    assert!(String::from_utf8_lossy(&output.stderr).contains("name a file"), "{output:?}");
}
