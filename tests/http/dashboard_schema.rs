//! Grafana's published schema has a place for whatever the dashboards say.
//!
//! The schema comes as the Python package that Grafana Labs make of it, from PyPI, into `target/`; `dashboard_schema/check.py`
//! reads each dashboard by it.

use std::fs;
use std::path::Path;
use std::process::Command;

use rekindle_test_kit::dashboard::{self, FILES};
use rekindle_test_kit::pypi;

/// The newest schema there is: that of Grafana 11.6.
const SCHEMA: &str = "grafana-foundation-sdk==1769699379!11.6.0";

/// Whether the check passes, and what it says.
fn check(files: &[impl AsRef<Path>]) -> (bool, String) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/http/dashboard_schema/check.py");
    let mut command = Command::new(pypi::programs(&[SCHEMA]).join("python"));
    let output = command.arg(script).args(files.iter().map(AsRef::as_ref)).output().expect("Python runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

fn path(file: &str) -> String {
    format!("{}/../../dashboards/{file}.json", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_dashboard_is_as_the_schema_says() {
    let files: Vec<String> = FILES.iter().map(|file| path(file)).collect();
    let (passed, said) = check(&files);
    assert!(passed, "{said}");
    let values: Option<u32> = said.split(' ').next().and_then(|count| count.parse().ok());
    assert!(values.is_some_and(|values| values > 5_000), "too little was compared: {said}");
}

#[test]
fn what_is_not_in_the_schema_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = fs::read_to_string(path(FILES[0])).expect("a dashboard");
    for (right, wrong, complaint) in [
        (r#""description":"#, r#""descripton":"#, "descripton: the schema knows of no such"),
        (r#""mode": "absolute""#, r#""mode": "absolut""#, "absolut"),
        (r#""schemaVersion": "#, r#""schemaVersion": "x", "schema": "#, "schema"),
    ] {
        assert!(text.contains(right), "{right}");
        let file = folder.path().join("wrong.json");
        fs::write(&file, text.replacen(right, wrong, 1)).expect("it is written");
        let (passed, said) = check(&[&file]);
        assert!(!passed && said.contains(complaint), "{wrong}: {said}");
    }
}

/// A panel or an alert of an outcome that no decision has would never show anything.
#[test]
fn every_outcome_that_is_asked_for_exists() {
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../../dashboards/prometheus/rules.yml");
    let mut texts: Vec<String> =
        FILES.iter().flat_map(|file| dashboard::expressions_of(file)).map(|(_, expr)| expr).collect();
    texts.push(fs::read_to_string(rules).expect("the rules"));
    let asked = regex::Regex::new(r#"outcome=~?"([^"]+)""#).expect("it is sound");
    let asked: Vec<&str> = texts
        .iter()
        .flat_map(|text| asked.captures_iter(text))
        .filter_map(|found| found.get(1))
        .map(|found| found.as_str())
        .collect();
    assert!(asked.len() >= 4, "{asked:?}");
    for outcome in asked.iter().flat_map(|asked| asked.split('|')) {
        assert!(rekindle_core::campaigns::Outcome::NAMES.contains(&outcome), "{outcome}");
    }
}
