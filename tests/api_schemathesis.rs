//! Schemathesis reads the OpenAPI document, asks the API all sorts of things, and holds every answer to the document.
//!
//! It comes from PyPI, into `target/`, once. Where it can't be had the test fails and says so: it never skips.

mod api_server;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use api_server::{Api, identify, track};
use rekindle::config::{Http, Secret};

/// The version fetched.
const VERSION: &str = "4.32.5";

/// An opaque cursor that fits its pattern is still none that was ever handed out.
const CONFIG: &str = "[checks.positive_data_acceptance]\nexpected-statuses = ['2xx', 400, 404]\n";

/// Schemathesis, fetched once: tests that run at the same time wait for the first.
fn schemathesis() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("schemathesis-{VERSION}"));
    fs::create_dir_all(&folder).expect("a folder in target/");
    let lock = fs::File::create(folder.join("lock")).expect("a lock file");
    lock.lock().expect("the lock");
    let (done, binary) = (folder.join("done"), folder.join("venv/bin/schemathesis"));
    if !done.exists() {
        let script = format!(
            "set -e; cd '{}'; python3 -m venv --clear venv; \
             venv/bin/pip install --quiet --disable-pip-version-check schemathesis=={VERSION}; touch done",
            folder.display()
        );
        let output = Command::new("bash").args(["-c", &script]).output().expect("bash runs");
        assert!(
            output.status.success(),
            "this test needs schemathesis {VERSION} from PyPI: make `python3 -m venv` and pip work (Debian: \
             python3-venv); fetching it failed:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    binary
}

/// Runs it against an API with two users, one of them in a segment.
fn run(settings: &Http, more: &[&str]) {
    let binary = schemathesis();
    let api = Api::start(settings);
    let lines = [identify("u42", "gold"), track("u42", "View", 1), track("u42", "Cart", 2), track("u7", "View", 3)];
    api.feed(&lines);
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("schemathesis.toml"), CONFIG).expect("its configuration");
    let output = Command::new(binary)
        .current_dir(folder.path())
        .args(["run", &format!("http://{}/v1/openapi.json", api.address), "--no-color", "--checks", "all"])
        .args(["--max-examples", "25", "--seed", "1", "--generation-database", "none"])
        .args(["--continue-on-failure", "--max-response-time", "5"])
        .args(more)
        .output()
        .expect("schemathesis runs");
    let said = String::from_utf8_lossy(&output.stdout);
    // All paths but that of the document itself.
    assert!(
        output.status.success() && said.contains("Tested: 13\n"),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn every_answer_is_as_the_document_says() {
    run(&Http::default(), &[]);
}

#[test]
fn every_answer_is_as_the_document_says_with_a_token() {
    let settings = Http { token: Some(Secret::Environment("s3cret".to_owned())), ..Http::default() };
    run(&settings, &["--header", "Authorization: Bearer s3cret"]);
}
