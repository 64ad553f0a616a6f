//! `rekindle partners key`: what it prints, and what it says about bad questions.

use std::fs;

use assert_cmd::Command;
use rstest::rstest;

const RULES: &str = r#"
[events]
view = "V"

[[segments]]
id = "viewer"
when = "total(view) >= 1"

[[partners]]
id = "acme"
segments = ["viewer"]
"#;

/// The standard output, and the standard error.
fn key(args: &[&str]) -> (String, String) {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [("rules.toml", RULES), ("secret", "shh"), ("empty", "")] {
        fs::write(folder.path().join(name), text).expect("a file");
    }
    fs::write(folder.path().join("rekindle.toml"), "[engine]\nrules = \"rules.toml\"\nsecret_file = \"secret\"\n")
        .expect("a file");
    let mut command = Command::cargo_bin("rekindle").expect("the binary");
    let output = command.current_dir(folder.path()).args(["partners", "key"]).args(args).output().expect("it runs");
    let [out, said] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("UTF-8"));
    assert_eq!(output.status.success(), !out.is_empty(), "{said}");
    (out, said)
}

/// Computed with Python's `hmac`.
const KEY: &str = "bdf7d8fd2b9eb8a993c7be186d6cedae82cb7b1a8ee5d026f21f221d844592b8\n";

#[rstest]
#[case::of_settings(&["acme", "--config", "rekindle.toml"])]
#[case::of_rules_and_secret(&["acme", "--rules", "rules.toml", "--secret-file", "secret"])]
fn the_key_follows_from_the_secret_and_the_id(#[case] args: &[&str]) {
    assert_eq!(key(args).0, KEY);
}

#[rstest]
#[case::another(&["acne", "--rules", "rules.toml", "--secret-file", "secret"], "did you mean `acme`?")]
#[case::no_secret(&["acme", "--rules", "rules.toml", "--secret-file", "empty"], "[engine] secret_file must name its file")]
#[case::nothing(&["acme"], "--config <FILE>")]
#[case::no_secret_file(&["acme", "--rules", "rules.toml"], "--secret-file <FILE>")]
fn a_bad_question_is_answered_with_what_to_do(#[case] args: &[&str], #[case] help: &str) {
    let (out, said) = key(args);
    assert!(out.is_empty() && said.contains(help), "{said}");
}
