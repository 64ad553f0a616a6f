//! The growth numbers of real data sets, against SQL over the same files: every figure must be equal. And what is bought
//! together, against a library that knows nothing of Rekindle.
//!
//! Where the data lies, and what becomes of tests whose data is not there, stands in `data_sets`. DuckDB and efficient-apriori
//! come from PyPI; `growth/check.py` has the queries, `baskets.py` the other check.

use std::fs;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Trial;
use rekindle_test_kit::data_sets::trial;
use rekindle_test_kit::{pypi, repository};

const DUCKDB: &str = "duckdb==2.0.1";
/// Frequent itemsets and association rules (Agrawal & Srikant 1994), in pure Python.
const APRIORI: &str = "efficient-apriori==2.0.6";

pub(crate) fn trials() -> Vec<Trial> {
    let numbers = [
        ("cdnow/events", "shop", 10_000),
        ("online-retail/events", "shop", 20_000),
        ("completejourney/events", "shop", 40_000),
        ("google-merch/events", "google-merch", 10_000),
        ("rees46/multicategory", "rees46", 100),
        ("rees46/cosmetics", "rees46", 3_000),
    ];
    let numbers = numbers.map(|(events, rules, least)| {
        trial(&format!("sql_finds_the_same::{events}"), &format!("{events}.jsonl.zst"), move |events| {
            assert_agrees(&["numbers"], rules, events, ("check.py", least));
        })
    });
    let baskets = [("online-retail/events", "0.005", 500), ("completejourney/events", "0.002", 25)];
    let baskets = baskets.map(|(events, support, least)| {
        trial(&format!("a_library_finds_the_same_baskets::{events}"), &format!("{events}.jsonl.zst"), move |events| {
            let command =
                ["baskets", "--of", "orders", "--min-support", support, "--min-baskets", "2", "--significance", "1"];
            assert_agrees(&command, "shop", events, ("baskets.py", least));
        })
    });
    numbers.into_iter().chain(baskets).collect()
}

/// Asks Rekindle for something of a file of events, and has it checked by a script, which is given the events, what
/// Rekindle said and the rules, and says how much it compared.
fn assert_agrees(command: &[&str], rules: &str, events: &Path, (script, least): (&str, usize)) {
    let scripts = repository().join("tests/real_data/growth");
    let rules = scripts.join(format!("{rules}.toml"));
    let output = Command::new(env!("CARGO_BIN_EXE_rekindle"))
        .arg("growth")
        .args(command)
        .args([Path::new("--json"), Path::new("--rules"), &rules, Path::new("--input"), events])
        .output()
        .expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let folder = tempfile::tempdir().expect("a folder");
    let answer = folder.path().join("answer.json");
    fs::write(&answer, output.stdout).expect("it is written");
    let python = pypi::programs(&[DUCKDB, APRIORI]).join("python");
    let mut check = Command::new(python);
    let checked = check.arg(scripts.join(script)).args([events, &answer, &rules]).output().expect("Python runs");
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success(), "{said}{}", String::from_utf8_lossy(&checked.stderr));
    let compared = said.split(' ').next().and_then(|count| count.parse::<usize>().ok());
    assert!(compared.is_some_and(|compared| compared >= least), "too little was compared: {said}");
}
