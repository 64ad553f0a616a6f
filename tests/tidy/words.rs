//! Words that a reader who knows other stream processors would have to translate: see docs/glossary.md.

use regex::Regex;

use crate::{assert_none, files};

/// Each with what to write instead.
const BANNED: [(&str, &str); 13] = [
    (r"\bcomes? to the same\b|\bcomes to\b", "results in, equals"),
    (r"\bgoes by\b", "uses, follows"),
    (r"\btold of\b", "informed, reported"),
    (r"\banew\b", "again"),
    (r"\b[Ww]hoever\b", "users that …"),
    (r"\b[Ss]o many\b", "the number"),
    (r"\bthousand million\b", "billion"),
    (r"\bwhat is out\b", "what is published"),
    (r"\brooms\b", "modules"),
    (r"\bMOST_\w+", "MAX_…"),
    (r"\bLONGEST_\w+", "MAX_…"),
    (r"\b[A-Z]+_AGAIN\b", "…_RETRY_INTERVAL"),
    (r"\b[A-Z]+_AHEAD\b", "…_QUEUE_CAPACITY"),
];

#[test]
fn no_banned_word_is_used() {
    let roots =
        ["src", "loadtest", "tests", "docs", "config", "dashboards", "README.md", "CONTRIBUTING.md", "CHANGELOG.md"];
    let files = files(&roots, &["rs", "md", "toml"]);
    let mut mistakes = Vec::new();
    for (pattern, instead) in BANNED {
        let word = Regex::new(pattern).expect("a pattern");
        let mut places = Vec::new();
        for file in files.iter().filter(|file| !file.path.starts_with("tests/tidy/")) {
            let lines = file.text.lines().enumerate().filter(|(_, line)| word.is_match(line));
            places.extend(lines.map(|(index, line)| format!("  {}:{}: {}", file.path, index + 1, line.trim())));
        }
        if !places.is_empty() {
            mistakes.push(format!("`{pattern}`: write {instead}\n{}", places.join("\n")));
        }
    }
    assert_none(&mistakes);
}
