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

#[rstest]
#[case::cdnow("cdnow/events", "shop", 10_000)]
#[case::online_retail("online-retail/events", "shop", 20_000)]
#[case::completejourney("completejourney/events", "shop", 40_000)]
#[case::google_merch("google-merch/events", "google-merch", 10_000)]
#[case::rees46_multicategory("rees46/multicategory", "rees46", 100)]
#[case::rees46_cosmetics("rees46/cosmetics", "rees46", 3_000)]
fn sql_finds_the_same(#[case] events: &str, #[case] rules: &str, #[case] least: usize) {
    assert_agrees(&["numbers"], rules, events, ("check.py", least));
}

/// Asks Rekindle for something of a file of events, and has it checked by a script, which is given the events, what
/// Rekindle said and the rules, and says how much it compared.
fn assert_agrees(command: &[&str], rules: &str, events: &str, (script, least): (&str, usize)) {
    let Some(data) = data_folder() else { return };
    let events = data.join(format!("{events}.jsonl.zst"));
    let scripts = root().join("tests/growth_real_data");
    let rules = scripts.join(format!("{rules}.toml"));
    let told = Command::new(env!("CARGO_BIN_EXE_rekindle"))
        .arg("growth")
        .args(command)
        .args([Path::new("--json"), Path::new("--rules"), &rules, Path::new("--input"), &events])
        .output()
        .expect("the binary runs");
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let folder = tempfile::tempdir().expect("a folder");
    let answer = folder.path().join("answer.json");
    fs::write(&answer, told.stdout).expect("it is written");
    let python = pypi::programs(&[DUCKDB, APRIORI]).join("python");
    let mut check = Command::new(python);
    let checked = check.arg(scripts.join(script)).args([&events, &answer, &rules]).output().expect("Python runs");
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success(), "{said}{}", String::from_utf8_lossy(&checked.stderr));
    let compared = said.split(' ').next().and_then(|count| count.parse::<usize>().ok());
    assert!(compared.is_some_and(|compared| compared >= least), "too little was compared: {said}");
}

#[rstest]
#[case::online_retail("online-retail/events", 0.005, 1_000)]
#[case::completejourney("completejourney/events", 0.002, 50)]
fn a_library_finds_the_same_baskets(#[case] events: &str, #[case] support: f64, #[case] least: usize) {
    let command = ["baskets", "--of", "orders", "--min-support", &support.to_string()];
    assert_agrees(&command, "shop", events, ("baskets.py", least));
}
