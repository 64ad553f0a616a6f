//! Rules that every file of the repository follows, as tests: names, words, links, documents, lengths, dependencies, sleeps.
//!
//! `allowed.toml` lists the exceptions, each with its reason.

mod dependencies;
mod documents;
mod includes;
mod lengths;
mod names;
mod sleeps;
mod words;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The exceptions.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Allowed {
    /// Sleeps of a fixed length in tests, by file: how many, and why.
    sleeps: BTreeMap<String, AllowedSleeps>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AllowedSleeps {
    count: usize,
    reason: String,
}

fn allowed() -> Allowed {
    toml::from_str(include_str!("allowed.toml")).expect("allowed.toml says what is allowed")
}

/// The folder of the workspace's Cargo.toml.
fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A text file of the repository, by its path from the top.
struct TextFile {
    path: String,
    text: String,
}

/// The files with one of these extensions under these folders and files, in the order of their paths.
fn files(roots: &[&str], extensions: &[&str]) -> Vec<TextFile> {
    let mut found = Vec::new();
    for root in roots {
        collect(&repository().join(root), extensions, &mut found);
    }
    found.sort();
    let relative = |path: &Path| path.strip_prefix(repository()).expect("below it").to_string_lossy().into_owned();
    let read = |path: PathBuf| TextFile {
        path: relative(&path),
        text: fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())),
    };
    found.into_iter().map(read).collect()
}

fn collect(path: &Path, extensions: &[&str], found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        if path.file_name().is_some_and(|name| name == "target") {
            return;
        }
        for entry in fs::read_dir(path).expect("a folder") {
            collect(&entry.expect("an entry").path(), extensions, found);
        }
    } else if path.extension().is_some_and(|extension| extensions.iter().any(|one| extension == *one)) {
        found.push(path.to_owned());
    }
}

#[track_caller]
fn assert_none(mistakes: &[String]) {
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}
