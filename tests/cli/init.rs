//! `rekindle init`, as a script uses it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn rekindle(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rekindle"));
    command.args(args).current_dir(folder).stdin(Stdio::null()).output().expect("the binary runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[test]
fn without_a_terminal_and_without_yes_it_says_what_to_do_and_writes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = rekindle(folder.path(), &["init", "--currency", "USD"]);
    let said = said(&refused);
    assert!(!refused.status.success() && said.contains("--yes") && said.contains("--time-zone"), "{said}");
    assert!(!said.contains("--currency"), "{said}");
    assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 0);
}

#[test]
fn what_it_writes_passes_check_and_is_not_overwritten() {
    let folder = tempfile::tempdir().expect("a folder");
    let init = ["init", "--yes", "--dir", "my shop", "--deliver", "webhook:http://127.0.0.1:9000/"];
    let written = rekindle(folder.path(), &init);
    assert!(written.status.success(), "{}", said(&written));
    let snippet = fs::read_to_string(folder.path().join("my shop/snippet.html")).expect("a snippet");
    let said_key =
        said(&written).lines().find_map(|line| line.rsplit_once("the hash: ").map(|(_, key)| key.to_owned()));
    assert!(said_key.is_some_and(|key| snippet.contains(&key)), "{}", said(&written));
    let checked = rekindle(folder.path(), &["check", "--config", "my shop/rekindle.toml"]);
    assert!(checked.status.success(), "{}", said(&checked));
    let again = rekindle(folder.path(), &init);
    assert!(!again.status.success() && said(&again).contains("--force"), "{}", said(&again));
    assert_eq!(fs::read_to_string(folder.path().join("my shop/snippet.html")).expect("a snippet"), snippet);
    let forced = rekindle(folder.path(), &[&init[..], &["--force"]].concat());
    assert!(forced.status.success(), "{}", said(&forced));
}

#[test]
fn options_that_answer_everything_need_no_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    let answers =
        ["--currency", "USD", "--time-zone", "UTC", "--cart-after", "1h", "--sdk", "posthog", "--deliver", "none"];
    let written = rekindle(folder.path(), &[&["init"], &answers[..]].concat());
    assert!(written.status.success(), "{}", said(&written));
    let wrong = rekindle(folder.path(), &["init", "--yes", "--dir", "x", "--currency", "dollars"]);
    assert!(!wrong.status.success() && said(&wrong).contains("as in EUR"), "{}", said(&wrong));
    let wrong = rekindle(folder.path(), &["init", "--yes", "--dir", "x", "--deliver", "webhook:https://a b/"]);
    assert!(!wrong.status.success(), "{}", said(&wrong));
    assert!(!folder.path().join("x").exists());
}
