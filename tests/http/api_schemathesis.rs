//! Schemathesis reads the OpenAPI document, asks the API all sorts of things, and holds every answer to the document.
//!
//! It comes from PyPI, into `target/`, once.

use std::fs;
use std::process::Command;

use crate::api_server::{Api, identify, track};
use rekindle_settings::{HttpSettings, Secret};
use rekindle_test_kit::pypi;

/// The version fetched.
const VERSION: &str = "4.32.5";

/// An opaque cursor that fits its pattern is still none that was ever handed out; nothing can be cancelled that does not run; and a
/// text is seldom one of rules.
const CONFIG: &str = "[checks.positive_data_acceptance]\nexpected-statuses = ['2xx', 400, 401, 404, 409, 422, 429]\n";

/// Runs it against an API with two users, one of them in a segment.
fn run(settings: &HttpSettings, more: &[&str]) {
    let binary = pypi::programs(&[&format!("schemathesis=={VERSION}")]).join("schemathesis");
    let api = Api::start(settings);
    let lines = [identify("u42", "gold"), track("u42", "View", 1), track("u42", "Cart", 2), track("u7", "View", 3)];
    api.feed(&lines);
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("schemathesis.toml"), CONFIG).expect("its configuration");
    let output = Command::new(binary)
        .current_dir(folder.path())
        .args(["run", &format!("http://{}/v1/openapi.json", api.address), "--no-color", "--checks", "all"])
        .args(["--max-examples", "25", "--seed", "1", "--generation-database", "none"])
        // A backtest that was cancelled can still be read.
        .args(["--exclude-checks", "use_after_free"])
        // Its answer has no end.
        .args(["--exclude-path", "/v1/live"])
        .args(["--continue-on-failure", "--max-response-time", "5"])
        .args(more)
        .output()
        .expect("schemathesis runs");
    let said = String::from_utf8_lossy(&output.stdout);
    // All operations but those of the document itself and of the live feed.
    assert!(
        output.status.success() && said.contains("Tested: 43\n"),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn every_answer_is_as_the_document_says() {
    run(&HttpSettings::default(), &[]);
}

#[test]
fn every_answer_is_as_the_document_says_with_a_token() {
    let settings =
        HttpSettings { token: Some(Secret::Environment("s3cret-s3cret-s3cret".to_owned())), ..HttpSettings::default() };
    run(&settings, &["--header", "Authorization: Bearer s3cret-s3cret-s3cret"]);
}
