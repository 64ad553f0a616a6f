//! The documents: their links lead somewhere, what they name exists, and the README stays short.

use std::collections::BTreeSet;
use std::fs;

use regex::Regex;

use crate::{TextFile, assert_none, files, repository};

const README_LINES_MAX: usize = 190;

fn documents() -> Vec<TextFile> {
    let roots = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs", "config", "dashboards", "loadtest", "tests"];
    files(&roots, &["md"])
}

/// The text without blocks of code.
fn prose(text: &str) -> String {
    let mut is_code = false;
    let mut kept = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            kept.push_str(line);
        }
        kept.push('\n');
    }
    kept
}

/// The anchors of a document's headings, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text);
    let mut found = BTreeSet::new();
    for heading in headings.lines().filter(|line| line.starts_with('#')) {
        let heading = heading.trim_start_matches('#').trim();
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect();
        let mut unique = anchor.clone();
        for number in 1.. {
            if found.insert(unique) {
                break;
            }
            unique = format!("{anchor}-{number}");
        }
    }
    let named = Regex::new(r#"<a (?:id|name)="([^"]+)""#).expect("a pattern");
    found.extend(named.captures_iter(text).map(|name| name[1].to_owned()));
    found
}

#[test]
fn links_lead_somewhere() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").expect("a pattern");
    let mut mistakes = Vec::new();
    let mut checked = 0;
    for document in documents() {
        for found in link.captures_iter(&prose(&document.text)) {
            let target = &found[1];
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            checked += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let own = repository().join(&document.path);
            let path = if file.is_empty() { own } else { own.parent().expect("a folder").join(file) };
            if !path.exists() {
                mistakes.push(format!("{}: {target} does not exist", document.path));
            } else if !anchor.is_empty() && path.extension().is_some_and(|extension| extension == "md") {
                let text = fs::read_to_string(&path).expect("it exists");
                if !anchors(&text).contains(anchor) {
                    mistakes.push(format!("{}: {target}: no such heading", document.path));
                }
            }
        }
    }
    assert!(checked > 50, "only {checked} links were found");
    assert_none(&mistakes);
}

#[test]
fn paths_that_documents_name_exist() {
    let path = Regex::new(r"`((?:src|tests|config|dashboards|loadtest|docs)/[A-Za-z0-9_./-]+)`").expect("a pattern");
    let mut mistakes = Vec::new();
    let mut checked = 0;
    for document in documents() {
        for found in path.captures_iter(&prose(&document.text)) {
            checked += 1;
            let without_extension = repository().join(format!("{}.rs", &found[1]));
            if !repository().join(&found[1]).exists() && !without_extension.exists() {
                mistakes.push(format!("{}: {} does not exist", document.path, &found[1]));
            }
        }
    }
    assert!(checked > 10, "only {checked} paths were found");
    assert_none(&mistakes);
}

/// In the glossary and in the map of the code, what stands in code font and looks like a type is one.
#[test]
fn types_that_documents_name_exist() {
    let named = Regex::new(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)+)`").expect("a pattern");
    let code: String = files(&["src", "loadtest/src"], &["rs"]).iter().map(|file| file.text.as_str()).collect();
    let words: BTreeSet<&str> = code.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let mut mistakes = Vec::new();
    for document in files(&["docs/glossary.md", "docs/architecture.md"], &["md"]) {
        for found in named.captures_iter(&document.text).filter(|found| !words.contains(&found[1])) {
            mistakes.push(format!("{}: {} is not in the code", document.path, &found[1]));
        }
    }
    assert_none(&mistakes);
}

/// `§n` in a comment is a numbered section of docs/semantics.md, unless it is one of a named publication (`3rd ed., §5.5`).
#[test]
fn sections_that_comments_cite_exist() {
    let text = fs::read_to_string(repository().join("docs/semantics.md")).expect("it exists");
    let heading = Regex::new(r"(?m)^## ([0-9]+)\. ").expect("a pattern");
    let sections: BTreeSet<&str> = heading.captures_iter(&text).map(|found| found.extract::<1>().1[0]).collect();
    let cited = Regex::new(r"(ed\., |RFC [0-9]+, )?§ ?([0-9]+)").expect("a pattern");
    let mut mistakes = Vec::new();
    let mut checked = 0;
    let roots = [
        "src",
        "loadtest",
        "tests/engine",
        "tests/core",
        "tests/conformance",
        "docs",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
    ];
    for file in files(&roots, &["rs", "md", "toml"]) {
        for found in cited.captures_iter(&file.text).filter(|found| found.get(1).is_none()) {
            checked += 1;
            if !sections.contains(&found[2]) {
                mistakes.push(format!("{}: §{} is not in docs/semantics.md", file.path, &found[2]));
            }
        }
    }
    assert!(checked > 20, "only {checked} citations were found");
    assert_none(&mistakes);
}

#[test]
fn readme_is_short() {
    let lines = fs::read_to_string(repository().join("README.md")).expect("a README").lines().count();
    assert!(lines <= README_LINES_MAX, "README.md has {lines} lines, {README_LINES_MAX} are allowed");
}
