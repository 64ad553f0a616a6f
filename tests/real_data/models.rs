//! Models on the purchases of CDNOW, against what `lifetimes` 0.11.3 and an independent computation with 40 digits say.

use std::path::Path;
use std::process::Command;

use libtest_mimic::Trial;
use rekindle_core::models::{ModelKind, PurchaseHistory, PurchaseModel, SpendModel};
use rekindle_test_kit::data_sets::trial;
use serde_json::Value;

/// How near scores are to the reference, relatively.
const SCORES: f64 = 1e-6;
/// How near parameters are: where a search ends differs by more than the likelihood does.
const PARAMETERS: f64 = 2e-3;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("scores_are_those_of_the_reference::cdnow", "cdnow/reference.json", scores_are_those_of_the_reference),
        trial(
            "the_fit_finds_what_lifetimes_finds::cdnow",
            "cdnow/events.jsonl.zst",
            the_fit_finds_what_lifetimes_finds,
        ),
    ]
}

fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or_else(|| panic!("no number `{key}` in {value}"))
}

fn model(kind: ModelKind, parameters: &Value) -> PurchaseModel {
    let of = |key| number(parameters, key);
    PurchaseModel { kind, r: of("r"), alpha: of("alpha"), a: of("a"), b: of("b") }
}

fn history(of: &Value) -> PurchaseHistory {
    PurchaseHistory { repeats: number(of, "x") as u64, recency: number(of, "t_x"), age: number(of, "T") }
}

fn assert_near(found: f64, expected: f64, tolerance: f64, what: &dyn std::fmt::Display) {
    assert!((found - expected).abs() <= expected.abs() * tolerance, "{what}: found {found}, expected {expected}");
}

fn scores_are_those_of_the_reference(file: &Path) {
    let text = std::fs::read_to_string(file).expect("the reference");
    let reference: Value = serde_json::from_str(&text).expect("JSON");
    let kinds = [(ModelKind::BgNbd, "bgnbd"), (ModelKind::MbgNbd, "mbgnbd")];
    let models = kinds.map(|(kind, key)| (model(kind, &reference[key]["params"]), key));
    for row in reference["grid"].as_array().expect("a grid") {
        for (model, key) in &models {
            assert_near(model.p_alive(history(row)), number(&row[key], "p_alive"), SCORES, row);
            let expected = model.expected(history(row), 39.0).expect("a number");
            assert_near(expected, number(&row[key], "expected_purchases_39w"), SCORES, row);
        }
    }
    let mut weeks = 0;
    for customer in reference["weekly_trajectories"].as_array().expect("customers") {
        for week in customer["weekly"].as_array().expect("weeks") {
            weeks += 1;
            assert_near(models[0].0.p_alive(history(week)), number(week, "p_alive"), SCORES, week);
            let expected = models[0].0.expected(history(week), 4.0).expect("a number");
            assert_near(expected, number(week, "expected_4w"), SCORES, week);
        }
    }
    assert!(weeks > 500, "{weeks} weeks");
    let parameters = &reference["gammagamma"]["params"];
    let spending =
        SpendModel { p: number(parameters, "p"), q: number(parameters, "q"), gamma: number(parameters, "gamma") };
    for customer in reference["gammagamma"]["conditional_expected_average"].as_array().expect("customers") {
        let repeats = number(customer, "x");
        let mean = spending.mean(repeats as u64, number(customer, "monetary_value") * repeats).expect("a mean");
        assert_near(mean, number(customer, "lifetimes"), SCORES, customer);
    }
}

/// All 23,570 customers until the end of September 1997; the parameters are those of `lifetimes`.
fn the_fit_finds_what_lifetimes_finds(events: &Path) {
    let found =
        [("bg_nbd", [0.251624, 4.788945, 0.723433, 2.161087]), ("mbg_nbd", [0.637140, 7.310290, 0.807474, 1.228394])];
    for (kind, parameters) in found {
        let fit = Command::new(env!("CARGO_BIN_EXE_rekindle"))
            .args(["fit", "--kind", kind, "--until", "1997-09-30T12:00:00Z", "--json"])
            .arg(events)
            .output()
            .expect("the binary starts");
        assert!(fit.status.success(), "{}", String::from_utf8_lossy(&fit.stderr));
        let fitted: Value = serde_json::from_slice(&fit.stdout).expect("JSON");
        assert_eq!(fitted["customers"], 23_570);
        for (key, expected) in ["r", "alpha", "a", "b"].into_iter().zip(parameters) {
            assert_near(number(&fitted, key), expected, PARAMETERS, &format!("{kind} {key}"));
        }
    }
}
