//! What the command reports about folders that it can't resume from, about full disks, and about finished replays.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::replay::world::{RULES, UNTIL, log};

fn rekindle(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rekindle"));
    command.args(["replay", "--rules", "rules.toml", "--checkpoint", "progress"]).args(arguments);
    command.current_dir(folder).output().expect("the binary runs")
}

fn world() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("rules.toml"), RULES).expect("written");
    fs::write(folder.path().join("events.jsonl"), log(7, 300, 0)).expect("written");
    folder
}

/// It fails with one message that has all of these parts.
fn fails_saying(output: &Output, parts: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), said.matches("error:").count()), (Some(1), 1), "{said}");
    for part in parts {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
}

#[test]
fn a_finished_replay_reports_it_and_delivers_missing_results() {
    let world = world();
    let folder = world.path();
    let arguments = ["--until", UNTIL, "--actions", "actions.jsonl", "events.jsonl"];
    let first = rekindle(folder, &arguments);
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    assert!(!first.stdout.is_empty());
    let actions = fs::read(folder.join("actions.jsonl")).expect("the actions");
    let again = rekindle(folder, &arguments);
    let said = String::from_utf8_lossy(&again.stderr);
    assert!(again.status.success() && said.contains("this replay is finished; delete progress"), "{said}");
    assert!(again.stdout == first.stdout);
    assert_eq!(fs::read(folder.join("actions.jsonl")).expect("the actions"), actions);
    let counts = |output: &Output| {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        said.lines().filter(|line| !line.contains("took") && !line.contains("finished")).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(counts(&first), counts(&again));
    fs::remove_file(folder.join("actions.jsonl")).expect("removed");
    fails_saying(&rekindle(folder, &arguments), &["the actions is no longer in actions.jsonl", "delete progress"]);
}

#[test]
fn a_full_disk_under_a_result_leaves_a_replay_that_can_be_finished() {
    let world = world();
    let arguments = ["--until", UNTIL, "events.jsonl", "--output"];
    let full = rekindle(world.path(), &[&arguments[..], &["/dev/full"]].concat());
    fails_saying(&full, &["could not write the journal to /dev/full: No space left on device", "make room"]);
    let done = rekindle(world.path(), &[&arguments[..], &["journal.jsonl"]].concat());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    fs::remove_dir_all(world.path().join("progress")).expect("removed");
    let fresh = rekindle(world.path(), &[&arguments[..], &["fresh.jsonl"]].concat());
    assert!(fresh.status.success());
    let read = |name: &str| fs::read(world.path().join(name)).expect("a journal");
    assert!(read("journal.jsonl") == read("fresh.jsonl") && !read("fresh.jsonl").is_empty());
}

#[test]
fn a_replay_continues_from_its_last_commit_after_a_failed_write() {
    let world = world();
    let folder = world.path();
    // Three blocks, and more journal than the process may write.
    fs::write(folder.join("events.jsonl"), log(8, 3_600, 3_000)).expect("written");
    let arguments = ["--until", UNTIL, "--checkpoint-interval", "0s", "events.jsonl", "--output"];
    let whole = rekindle(folder, &[&arguments[..], &["expected.jsonl"]].concat());
    assert!(whole.status.success(), "{}", String::from_utf8_lossy(&whole.stderr));
    fs::remove_dir_all(folder.join("progress")).expect("removed");
    let expected = fs::read(folder.join("expected.jsonl")).expect("a journal");
    let limited = Command::new("sh")
        .args(["-c", &format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", expected.len() / 2 / 512)])
        .args([env!("CARGO_BIN_EXE_rekindle"), "replay", "--rules", "rules.toml", "--checkpoint", "progress"])
        .args([&arguments[..], &["journal.jsonl"]].concat())
        .current_dir(folder)
        .output()
        .expect("the shell runs");
    fails_saying(&limited, &["could not write the journal to progress/journal.part: File too large"]);
    assert!(!folder.join("journal.jsonl").exists());
    let resumed = rekindle(folder, &[&arguments[..], &["journal.jsonl"]].concat());
    let said = String::from_utf8_lossy(&resumed.stderr);
    assert!(resumed.status.success() && said.contains("continuing after"), "{said}");
    assert!(fs::read(folder.join("journal.jsonl")).expect("a journal") == expected);
}

#[test]
fn an_unwritable_result_is_reported_at_once() {
    let world = world();
    let output = rekindle(world.path(), &["--until", UNTIL, "--output", "nowhere/journal.jsonl", "events.jsonl"]);
    fails_saying(&output, &["could not write the journal to nowhere/journal.jsonl", "create it first"]);
    assert!(!world.path().join("progress/journal.part").exists(), "nothing was replayed");
}

#[test]
fn other_rules_options_results_and_files_are_refused() {
    let world = world();
    let folder = world.path();
    fs::copy(folder.join("events.jsonl"), folder.join("others.jsonl")).expect("copied");
    let output = rekindle(folder, &["--until", UNTIL, "--output", "journal.jsonl", "events.jsonl"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let usual = ["--output", "journal.jsonl"];
    let others: [(&[&str], &str); 6] = [
        (&["--until", "2026-03-21T00:00:00Z", "events.jsonl"], "--until"),
        (&["--until", UNTIL, "--max-disorder", "1h", "events.jsonl"], "--max-disorder"),
        (&["--until", UNTIL, "--state-ttl", "90d", "events.jsonl"], "--state-ttl"),
        (&["--until", UNTIL, "--max-event-bytes", "1000", "events.jsonl"], "--max-event-bytes"),
        (&["--until", UNTIL, "--dead-letters", "rejects.jsonl", "events.jsonl"], "results (--dead-letters)"),
        (&["--until", UNTIL, "others.jsonl"], "events files"),
    ];
    for (arguments, difference) in others {
        let output = rekindle(folder, &[&usual[..], arguments].concat());
        fails_saying(&output, &[&format!("progress of a replay with other {difference}"), "delete progress"]);
    }
    fs::write(folder.join("rules.toml"), RULES.replace(">= 2", ">= 3")).expect("written");
    let output = rekindle(folder, &["--until", UNTIL, "--output", "journal.jsonl", "events.jsonl"]);
    fails_saying(&output, &["progress of a replay with other rules", "delete progress"]);
}

#[test]
fn a_folder_in_use_is_refused() {
    let world = world();
    fs::create_dir(world.path().join("progress")).expect("created");
    let lock = fs::File::create(world.path().join("progress/lock")).expect("created");
    lock.lock().expect("locked");
    let output = rekindle(world.path(), &["--until", UNTIL, "events.jsonl"]);
    fails_saying(&output, &["another replay is running with its progress in progress"]);
}

#[test]
fn an_interval_without_a_folder_is_refused() {
    let world = world();
    let output = Command::new(env!("CARGO_BIN_EXE_rekindle"))
        .args(["replay", "--rules", "rules.toml", "--until", UNTIL, "--checkpoint-interval", "1s", "events.jsonl"])
        .current_dir(world.path())
        .output()
        .expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && said.contains("--checkpoint <DIR>"), "{said}");
}
