//! A test waits for a fact, and asks for it every few milliseconds; a sleep of a tenth of a second or more is a guess at how
//! long something takes, unless the time itself is what the test is about.

use std::collections::BTreeMap;

use regex::Regex;

use crate::{allowed, assert_none, files};

#[test]
fn tests_do_not_sleep_for_a_fixed_time() {
    let sleep = Regex::new(r"\bsleep\((?:std::time::)?(?:Duration::from_(secs|millis)\((\d[\d_]*)\)|[A-Z_]+)\)")
        .expect("a pattern");
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for file in files(&["tests", "loadtest/tests", "src/test-kit"], &["rs"]) {
        let is_long = |found: &regex::Captures<'_>| {
            let count = found.get(2).and_then(|count| count.as_str().replace('_', "").parse::<u64>().ok());
            found.get(1).map(|unit| unit.as_str()) != Some("millis") || count.is_none_or(|count| count >= 100)
        };
        let found = sleep.captures_iter(&file.text).filter(is_long).count();
        if found > 0 {
            counts.insert(file.path, found);
        }
    }
    let allowed = allowed().sleeps;
    assert!(allowed.values().all(|sleeps| !sleeps.reason.is_empty()), "a sleep needs a reason");
    let most = |path: &str| allowed.get(path).map_or(0, |sleeps| sleeps.count);
    let mistakes = counts.iter().filter(|(path, count)| **count > most(path));
    assert_none(
        &mistakes
            .map(|(path, count)| format!("{path}: {count} fixed sleeps, {} allowed", most(path)))
            .collect::<Vec<_>>(),
    );
}
