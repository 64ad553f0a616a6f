//! Event files and rules files that are missing, no files, empty, or come through a pipe.

use crate::bad_input::command::{Run, UNTIL, World, view};

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

/// Also where root runs the tests: who may read every file gives that up first.
#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_read_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    let mut may_read_all = false;
    for name in ["events.jsonl", "locked.toml"] {
        let path = world.write(name, "");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).expect("permissions can be set");
        may_read_all |= std::fs::File::open(&path).is_ok();
    }
    let binary = env!("CARGO_BIN_EXE_rekindle");
    let program: &[&str] = match may_read_all {
        true => &["setpriv", "--bounding-set=-dac_override,-dac_read_search", binary],
        false => &[binary],
    };
    let replay = |rules: &str, events: &str| {
        let mut command = assert_cmd::Command::new(program[0]);
        command.args(&program[1..]).args(["replay", "--rules", rules, "--until", UNTIL, events]);
        Run::of(&command.current_dir(world.path(".")).output().expect("the binary starts"))
    };
    let run = replay("rules.toml", "events.jsonl");
    run.fails_saying(&["could not open the events file events.jsonl", "Permission denied"]);
    replay("locked.toml", "-").fails_saying(&["cannot read locked.toml", "Permission denied"]);
}

/// Nothing came of the file, most often because it is not what it was taken for.
#[test]
fn a_log_of_which_every_event_is_rejected_is_a_failure_that_shows_the_first() {
    let world = World::new();
    let lines = ["<html>\u{1b}[2J", "\n{\"type\":\"track\"}", "[1]", "{}"].join("\n");
    world.write("events.jsonl", &lines);
    for more in [&[][..], &["--checkpoint", "progress"]] {
        let run = world
            .replay(&[&["--rejects", "rejects.jsonl", "--output", "journal.jsonl", "events.jsonl"], more].concat());
        run.fails_saying(&[
            "0 accepted, 4 rejected",
            "all events were rejected",
            "events.jsonl:1: not valid JSON",
            "<html>\\u{1b}[2J",
            "events.jsonl:3: ",
            "{\"type\":\"track\"}",
            "events.jsonl:4: ",
        ]);
        assert!(!run.stderr.contains("events.jsonl:5:"), "{}", run.stderr);
        assert_eq!((world.read("rejects.jsonl").lines().count(), world.read("journal.jsonl").as_str()), (4, ""));
    }
    world.write("events.jsonl", lines + "\n" + &view("u1", 0));
    assert_eq!(world.replay(&["events.jsonl"]).code, Some(0), "one that counts is enough");
}

#[cfg(unix)]
#[test]
fn without_a_file_name_the_terminal_is_read_with_a_note() {
    let world = World::new();
    world.write("type.py", TYPE_INTO_A_TERMINAL);
    let run = |more: &[&str]| {
        let binary = env!("CARGO_BIN_EXE_rekindle");
        let mut command = assert_cmd::Command::new("python3");
        command.current_dir(world.path(".")).args(["type.py", &view("u1", 0), binary]);
        let done = command.args(["replay", "--rules", "rules.toml", "--until", UNTIL]).args(more).output();
        Run::of(&done.expect("Python runs"))
    };
    let typed = run(&[]);
    assert_eq!(typed.code, Some(0), "{}", typed.stdout);
    assert!(typed.stdout.contains("waiting for events on standard input"), "{}", typed.stdout);
    assert!(typed.stdout.contains("1 accepted, 0 rejected"), "{}", typed.stdout);
    world.write("events.jsonl", view("u1", 0));
    let named = run(&["events.jsonl"]);
    assert!(!named.stdout.contains("waiting for events"), "{}", named.stdout);
    let piped = world.run_with(&["replay", "--rules", "rules.toml", "--until", UNTIL], b"");
    assert!(!piped.stderr.contains("waiting for events"), "{}", piped.stderr);
}

/// Runs a command on a terminal of its own, types a line and Ctrl-D into it, and prints what it says there.
#[cfg(unix)]
const TYPE_INTO_A_TERMINAL: &str = r#"
import os, pty, sys

pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
os.write(terminal, sys.argv[1].encode() + b"\n\x04")
said = b""
try:
    while piece := os.read(terminal, 65536):
        said += piece
except OSError:
    pass  # The other side is closed.
sys.stdout.write(said.decode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;

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
    run.fails_saying(&["all events were rejected", "-:1: not valid JSON"]);
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
