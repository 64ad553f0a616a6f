//! The growth numbers of real data sets, against SQL over the same files: every figure must be equal.
//!
//! The data lies outside the repository: in `$REKINDLE_DATA`, or in `../shared/data` beside it. Where there is none, this
//! says so loudly and passes, unless `REKINDLE_DATA` or `REKINDLE_DATA_REQUIRED` is set: then it fails. DuckDB comes from
//! PyPI, into `target/`, once; `growth_real_data/check.py` has the queries.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rstest::rstest;

/// The version fetched.
const DUCKDB: &str = "2.0.1";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn data_folder() -> Option<PathBuf> {
    let named = std::env::var_os("REKINDLE_DATA").map(PathBuf::from);
    let required = named.is_some() || std::env::var_os("REKINDLE_DATA_REQUIRED").is_some();
    let folder = named.unwrap_or_else(|| root().join("../shared/data"));
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(!required, "there is no folder {}", folder.display());
    // Past the test harness, which keeps what tests print to itself.
    let _ = writeln!(std::io::stderr().lock(), "NOT TESTED: there is no real data in {}", folder.display());
    None
}

/// A Python with DuckDB, fetched once: tests that run at the same time wait for the first.
fn python() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("duckdb-{DUCKDB}"));
    fs::create_dir_all(&folder).expect("a folder in target/");
    let lock = fs::File::create(folder.join("lock")).expect("a lock file");
    lock.lock().expect("the lock");
    let (done, binary) = (folder.join("done"), folder.join("venv/bin/python"));
    if !done.exists() {
        let script = format!(
            "set -e; cd '{}'; python3 -m venv --clear venv; \
             venv/bin/pip install --quiet --disable-pip-version-check duckdb=={DUCKDB}; touch done",
            folder.display()
        );
        let output = Command::new("bash").args(["-c", &script]).output().expect("bash runs");
        assert!(
            output.status.success(),
            "this test needs duckdb {DUCKDB} from PyPI: make `python3 -m venv` and pip work (Debian: python3-venv); \
             fetching it failed:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    binary
}

#[rstest]
#[case::cdnow("cdnow/events", "shop", 10_000)]
#[case::online_retail("online-retail/events", "shop", 20_000)]
#[case::completejourney("completejourney/events", "shop", 40_000)]
#[case::google_merch("google-merch/events", "google-merch", 10_000)]
#[case::rees46_multicategory("rees46/multicategory", "rees46", 100)]
#[case::rees46_cosmetics("rees46/cosmetics", "rees46", 3_000)]
fn sql_finds_the_same(#[case] events: &str, #[case] rules: &str, #[case] least: usize) {
    let Some(data) = data_folder() else { return };
    let events = data.join(format!("{events}.jsonl.zst"));
    let rules = root().join(format!("tests/growth_real_data/{rules}.toml"));
    let folder = tempfile::tempdir().expect("a folder");
    let numbers = folder.path().join("numbers.json");
    let told = Command::new(env!("CARGO_BIN_EXE_rekindle"))
        .args(["growth", "numbers", "--json", "--rules"])
        .arg(&rules)
        .arg("--input")
        .arg(&events)
        .output()
        .expect("the binary runs");
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    fs::write(&numbers, told.stdout).expect("numbers are written");
    let script = root().join("tests/growth_real_data/check.py");
    let checked = Command::new(python()).arg(script).args([&events, &numbers, &rules]).output().expect("Python runs");
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success(), "{said}{}", String::from_utf8_lossy(&checked.stderr));
    let compared = said.split(' ').next().and_then(|count| count.parse::<usize>().ok());
    assert!(compared.is_some_and(|compared| compared >= least), "too little was compared: {said}");
}
