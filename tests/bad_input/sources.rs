//! Event files and rules files that are missing, no files, empty, or come through a pipe.

use crate::command::{World, view};

#[test]
fn a_file_that_is_missing_is_named_before_anything_runs() {
    let world = World::new();
    world.write("events.jsonl", view("u1", 0));
    let run = world.replay(&["--output", "journal.jsonl", "events.jsonl", "missing.jsonl"]);
    run.fails_saying(&["could not open the events file missing.jsonl", "No such file"]);
    assert!(!world.has("journal.jsonl") && !world.has("journal.jsonl.partial"));
    let run = world.run(&["replay", "--rules", "missing.toml", "--until", "2026-03-06T00:00:00Z", "events.jsonl"]);
    run.fails_saying(&["cannot read missing.toml", "No such file"]);
    assert_eq!(run.stderr.lines().count(), 1, "one message: {}", run.stderr);
}

#[test]
fn a_directory_is_not_a_file() {
    let world = World::new();
    std::fs::create_dir(world.path("folder")).expect("a folder");
    world.replay(&["folder"]).fails_saying(&["could not open the events file folder", "it is a directory"]);
    let run = world.run(&["replay", "--rules", "folder", "--until", "2026-03-06T00:00:00Z", "-"]);
    run.fails_saying(&["cannot read folder", "directory"]);
    world.replay(&["--output", "folder", "-"]).fails_saying(&["could not write the journal to folder", "directory"]);
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_read_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    for name in ["events.jsonl", "locked.toml"] {
        let path = world.write(name, "");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).expect("permissions can be set");
        if std::fs::File::open(&path).is_ok() {
            eprintln!("NOT CHECKED: this user (root?) may read every file, so none can be locked");
            return;
        }
    }
    world.replay(&["events.jsonl"]).fails_saying(&["could not open the events file events.jsonl", "Permission denied"]);
    let run = world.run(&["replay", "--rules", "locked.toml", "--until", "2026-03-06T00:00:00Z", "-"]);
    run.fails_saying(&["cannot read locked.toml", "Permission denied"]);
}

#[test]
fn an_empty_file_is_a_log_of_nothing() {
    let world = World::new();
    for text in ["", "\n", "\u{feff}", "\r\n\r\n"] {
        world.write("empty.jsonl", text);
        let run = world.replay(&["empty.jsonl"]);
        assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""), "{}", run.stderr);
        assert!(run.stderr.contains("0 accepted, 0 rejected"), "{}", run.stderr);
    }
}

#[test]
fn several_files_are_one_log_in_their_order() {
    let world = World::new();
    let lines: Vec<_> = (0..6).map(|at| view(["u1", "u2", "u3"][at as usize % 3], 7 * at)).collect();
    world.write("whole.jsonl", lines.join("\n"));
    // Neither of the first two ends with a newline.
    world.write("a.jsonl", lines[..2].join("\n"));
    world.write("b.jsonl", format!("\u{feff}{}", lines[2..3].join("\n")));
    world.write("c.jsonl", lines[3..].join("\n") + "\n");
    let whole = world.replay(&["whole.jsonl"]).stdout;
    assert!(whole.contains("\"u3\""));
    assert_eq!(world.replay(&["a.jsonl", "b.jsonl", "c.jsonl"]).stdout, whole);
    let backwards = world.replay(&["c.jsonl", "b.jsonl", "a.jsonl"]);
    assert!(backwards.stderr.contains("3 late"), "the order counts: {}", backwards.stderr);
}

#[test]
fn standard_input_is_read_where_no_file_is_named() {
    let world = World::new();
    let events = view("u1", 0);
    world.write("events.jsonl", &events);
    let expected = world.replay(&["events.jsonl"]).stdout;
    let common = ["replay", "--rules", "rules.toml", "--until", "2026-03-06T00:00:00Z"];
    for more in [&["-"][..], &[]] {
        let run = world.run_with(&[&common[..], more].concat(), events.as_bytes());
        assert_eq!((run.code, &run.stdout), (Some(0), &expected), "{}", run.stderr);
    }
    let run = world.run_with(&[&common[..], &["--rejects", "r.jsonl"]].concat(), b"{");
    assert_eq!(run.code, Some(0));
    assert!(world.read("r.jsonl").contains(r#""file":"-","line":1"#), "{}", world.read("r.jsonl"));
}

#[cfg(unix)]
#[test]
fn a_pipe_that_trickles_is_recognised_all_the_same() {
    use std::io::Write;
    let world = World::new();
    let events = format!("\u{feff}{}\n", view("u1", 0));
    world.write("events.jsonl", &events);
    let expected = world.replay(&["events.jsonl"]).stdout;
    let packed = zstd::encode_all(events.as_bytes(), 3).expect("packs");
    for bytes in [events.into_bytes(), packed] {
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_rekindle"))
            .current_dir(world.path("."))
            .args(["replay", "--rules", "rules.toml", "--until", "2026-03-06T00:00:00Z", "--quiet"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        for byte in &bytes[..6] {
            stdin.write_all(&[*byte]).expect("it reads");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        stdin.write_all(&bytes[6..]).expect("it reads");
        drop(stdin);
        let done = child.wait_with_output().expect("it ends");
        assert_eq!(String::from_utf8_lossy(&done.stdout), expected);
    }
}
