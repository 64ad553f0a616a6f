//! Results that can't be written: full disks, missing folders, readers that have had enough.

use std::process::{Command, Stdio};

use crate::bad_input::command::{World, view};

/// A log whose journal is larger than any buffer.
fn long_log() -> String {
    (0..20_000).map(|at| view(&format!("user-{at}"), at / 10) + "\n").collect()
}

fn rekindle(world: &World) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rekindle"));
    command.current_dir(world.path("."));
    command
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_for_every_output() {
    let world = World::new();
    let outputs = [
        ("--output", "the journal"),
        ("--actions", "the actions"),
        ("--dead-letters", "the rejected events"),
        ("--summary", "the summary"),
    ];
    for (option, what) in outputs {
        for events in [format!("{}\n{{\n", view("u1", 0)), long_log() + &"{\n".repeat(9_000)] {
            world.write("events.jsonl", events);
            let run = world.replay(&[option, "/dev/full", "events.jsonl"]);
            let said = format!("could not write {what} to /dev/full: No space left on device");
            run.fails_saying(&[&said, "make room on that disk"]);
            assert_eq!(run.stderr.matches("error:").count(), 1, "one message: {}", run.stderr);
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_under_one_output_leaves_none_of_the_others_under_its_name() {
    let world = World::new();
    world.write("events.jsonl", format!("{}\n{{\n", view("u1", 0)));
    for full in ["--actions", "--dead-letters"] {
        let run = world.replay(&["--output", "journal.jsonl", full, "/dev/full", "events.jsonl"]);
        run.fails_saying(&["No space left on device"]);
        assert_eq!(world.names(), ["events.jsonl", "rules.toml"], "the journal looks whole, but {full} is not");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_under_standard_output_is_an_error() {
    let world = World::new();
    world.write("events.jsonl", view("u1", 0));
    let full = || std::fs::File::options().write(true).open("/dev/full").expect("/dev/full");
    for arguments in [
        &["replay", "--rules", "rules.toml", "--until", "2026-03-06T00:00:00Z", "events.jsonl"][..],
        &["rules"],
        &["completions", "bash"],
    ] {
        let done = rekindle(&world).args(arguments).stdout(full()).output().expect("it starts");
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains("standard output") && said.contains("No space left"), "{arguments:?}: {said}");
    }
    let done = rekindle(&world)
        .args([
            "replay",
            "--rules",
            "rules.toml",
            "--until",
            "2026-03-06T00:00:00Z",
            "--output",
            "journal.jsonl",
            "events.jsonl",
        ])
        .stderr(full())
        .output()
        .expect("it starts");
    assert_eq!(done.status.code(), Some(0), "a summary that nobody sees is no failure");
    assert!(world.read("journal.jsonl").contains("\"u1\""));
}

#[test]
fn a_missing_folder_is_reported_before_the_log_is_read() {
    let world = World::new();
    world.write("events.jsonl", view("u1", 0));
    for option in ["--output", "--actions", "--dead-letters", "--summary"] {
        let run = world.replay(&[option, "nowhere/out.jsonl", "events.jsonl"]);
        run.fails_saying(&["to nowhere/out.jsonl", "its folder does not exist: create it first"]);
        assert_eq!(run.stdout, "", "{option}");
    }
}

#[test]
fn a_whole_run_leaves_its_files_and_nothing_else() {
    let world = World::new();
    world.write("events.jsonl", view("u1", 0));
    world.write("journal.jsonl", "what was there before");
    let run = world.replay(&[
        "events.jsonl",
        "--output",
        "journal.jsonl",
        "--actions",
        "a.jsonl",
        "--dead-letters",
        "r.jsonl",
        "--summary",
        "s.json",
    ]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(world.read("journal.jsonl").starts_with('{') && world.read("r.jsonl").is_empty());
    assert_eq!(world.names(), ["a.jsonl", "events.jsonl", "journal.jsonl", "r.jsonl", "rules.toml", "s.json"]);
}

#[test]
fn a_run_that_fails_leaves_an_older_result_as_it_was() {
    let world = World::new();
    world.write("journal.jsonl", "what was there before");
    world.write("events.zst", &zstd::encode_all(long_log().as_bytes(), 1).expect("packs")[..5_000]);
    world.replay(&["events.zst", "--output", "journal.jsonl"]).fails_saying(&["events.zst"]);
    assert_eq!(world.read("journal.jsonl"), "what was there before");
}

#[test]
fn two_outputs_cannot_share_a_file_nor_replace_an_input() {
    let world = World::new();
    let events = view("u1", 0);
    world.write("events.jsonl", &events);
    let run = world.replay(&["--output", "out.jsonl", "--actions", "./out.jsonl", "events.jsonl"]);
    run.fails_saying(&["the journal and --actions both write to", "out.jsonl", "a file of its own"]);
    world.replay(&["--actions", "-", "events.jsonl"]).fails_saying(&["both write to standard output"]);
    let run = world.replay(&["--dead-letters", "events.jsonl", "events.jsonl"]);
    run.fails_saying(&["--dead-letters would overwrite events.jsonl, which is read as events"]);
    let run = world.replay(&["--output", "rules.toml", "events.jsonl"]);
    run.fails_saying(&["the journal would overwrite rules.toml, which is read as rules"]);
    assert_eq!(world.read("events.jsonl"), events);
}

#[cfg(unix)]
#[test]
fn devices_may_be_shared() {
    let world = World::new();
    world.write("events.jsonl", view("u1", 0));
    let run = world.replay(&[
        "--output",
        "/dev/null",
        "--actions",
        "/dev/null",
        "--dead-letters",
        "/dev/null",
        "events.jsonl",
    ]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

/// The output of a command when the reader of its standard output closes it after the first bytes.
fn read_a_little(world: &World, arguments: &[&str]) -> (Option<i32>, String) {
    use std::io::Read;
    let mut child =
        rekindle(world).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut first = [0; 10];
    child.stdout.take().expect("a pipe").read_exact(&mut first).expect("it writes something");
    let done = child.wait_with_output().expect("it ends");
    (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
}

#[test]
fn a_reader_that_has_had_enough_is_no_error() {
    let world = World::new();
    world.write("events.jsonl", long_log());
    let replay = ["replay", "--rules", "rules.toml", "--until", "2026-03-06T00:00:00Z", "events.jsonl"];
    assert_eq!(read_a_little(&world, &replay), (Some(0), String::new()));
    for arguments in [&["rules"][..], &["--help"], &["completions", "zsh"]] {
        assert_eq!(read_a_little(&world, arguments), (Some(0), String::new()), "{arguments:?}");
    }
}

#[test]
fn a_reader_that_has_had_enough_costs_the_other_outputs() {
    let world = World::new();
    world.write("events.jsonl", long_log());
    let replay =
        ["replay", "--rules", "rules.toml", "--until", "2026-03-06T00:00:00Z", "--actions", "a.jsonl", "events.jsonl"];
    let (code, said) = read_a_little(&world, &replay);
    assert_eq!(
        (code, said.trim()),
        (Some(1), "error: standard output was closed early: nothing was written for --actions")
    );
    assert!(!world.has("a.jsonl"));
}
