//! The growth numbers of real data sets, against SQL over the same files: every figure must be equal. And what is bought
//! together, against a library that knows nothing of Rekindle.
//!
//! The data lies outside the repository: in `$REKINDLE_DATA`, or in `../shared/data` beside it. Where there is none, this
//! says so loudly and passes, unless `REKINDLE_DATA` or `REKINDLE_DATA_REQUIRED` is set: then it fails. DuckDB and
//! efficient-apriori come from PyPI; `growth_real_data/check.py` has the queries, `baskets.py` the other check.

mod pypi;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rstest::rstest;

const DUCKDB: &str = "duckdb==2.0.1";
/// Frequent itemsets and association rules (Agrawal & Srikant 1994), in pure Python.
const APRIORI: &str = "efficient-apriori==2.0.6";

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

/// A Python with what the checks need.
fn python() -> PathBuf {
    pypi::programs(&[DUCKDB, APRIORI]).join("python")
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
    assert_agrees("check.py", &[&events, &numbers, &rules], least);
}

/// Runs a check, which says how much it compared.
fn assert_agrees(script: &str, args: &[&Path], least: usize) {
    let script = root().join("tests/growth_real_data").join(script);
    let checked = Command::new(python()).arg(script).args(args).output().expect("Python runs");
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success(), "{said}{}", String::from_utf8_lossy(&checked.stderr));
    let compared = said.split(' ').next().and_then(|count| count.parse::<usize>().ok());
    assert!(compared.is_some_and(|compared| compared >= least), "too little was compared: {said}");
}

#[rstest]
#[case::online_retail("online-retail/events", 0.005, 1_000)]
#[case::completejourney("completejourney/events", 0.002, 50)]
fn a_library_finds_the_same_baskets(#[case] events: &str, #[case] support: f64, #[case] least: usize) {
    let Some(data) = data_folder() else { return };
    let events = data.join(format!("{events}.jsonl.zst"));
    let folder = tempfile::tempdir().expect("a folder");
    let baskets = folder.path().join("baskets.json");
    let told = Command::new(env!("CARGO_BIN_EXE_rekindle"))
        .args(["growth", "baskets", "--of", "orders", "--json", "--min-support", &support.to_string(), "--rules"])
        .arg(root().join("tests/growth_real_data/shop.toml"))
        .arg("--input")
        .arg(&events)
        .output()
        .expect("the binary runs");
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    fs::write(&baskets, told.stdout).expect("baskets are written");
    assert_agrees("baskets.py", &[&events, &baskets], least);
}
