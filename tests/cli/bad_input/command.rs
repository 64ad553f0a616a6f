//! Runs `rekindle replay` in a folder of its own, and asks what must hold of bad lines among good ones.

use std::path::PathBuf;
use std::process::Output;

use serde_json::Value;

/// Reads every kind of field there is, so that a bad line that is let in shows in the journal.
pub(crate) const RULES: &str = r#"
timezone = "UTC"

[events]
view = "Viewed"
shoes = { event = "Viewed", where = "properties.category == 'shoes' || context.page.path == '/shoes'" }
page = { type = "page" }

[[segments]]
id = "seen"
when = "total(view) >= 1"

[[segments]]
id = "pricey"
when = "sum(view.price, '1h') > 100"

[[segments]]
id = "shoes"
when = "count(shoes, '10m') >= 1"

[[segments]]
id = "gold"
when = "traits.tier == 'gold'"

[[segments]]
id = "quiet"
when = "idle() >= duration('30m')"

[[segments]]
id = "reader"
when = "count(page, '1h') >= 1"

[[campaigns]]
id = "hello"
on = "enter:seen"
channel = "email"
quiet_hours = "22:00-08:00"
"#;

pub(crate) const UNTIL: &str = "2026-03-06T00:00:00Z";

/// A folder that goes with the test.
pub(crate) struct World {
    folder: tempfile::TempDir,
}

/// What a run of the binary came to.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl World {
    pub(crate) fn new() -> World {
        let world = World { folder: tempfile::tempdir().expect("a temporary folder") };
        world.write("rules.toml", RULES);
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        std::fs::write(self.path(name), bytes).expect("the temporary folder can be written to");
        self.path(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// What the folder holds, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).expect("the temporary folder can be read");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// `rekindle` in this folder, with these arguments.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(arguments, b"")
    }

    pub(crate) fn run_with(&self, arguments: &[&str], stdin: &[u8]) -> Run {
        let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_rekindle"));
        let done = command.current_dir(self.folder.path()).args(arguments).write_stdin(stdin).output();
        Run::of(&done.expect("the binary starts"))
    }

    /// `rekindle replay` with the usual rules and end.
    pub(crate) fn replay(&self, arguments: &[&str]) -> Run {
        self.run(&[&["replay", "--rules", "rules.toml", "--until", UNTIL][..], arguments].concat())
    }

    /// The journal and the dead letters of a log.
    pub(crate) fn journal(&self, events: &[u8], arguments: &[&str]) -> (String, Vec<Value>) {
        self.write("events.jsonl", events);
        let run = self.replay(&[&["--dead-letters", "rejects.jsonl", "events.jsonl"][..], arguments].concat());
        let is_nothing_accepted = run.stderr.contains("all events were rejected");
        assert_eq!(run.code, Some(i32::from(is_nothing_accepted)), "{}", run.stderr);
        let letters = self.read("rejects.jsonl");
        let letters = letters.lines().map(|line| serde_json::from_str(line).expect("a dead letter is JSON"));
        (run.stdout, letters.collect())
    }
}

impl Run {
    pub(crate) fn of(done: &Output) -> Run {
        let run = Run {
            code: done.status.code(),
            stdout: String::from_utf8(done.stdout.clone()).expect("standard output is UTF-8"),
            stderr: String::from_utf8(done.stderr.clone()).expect("standard error is UTF-8"),
        };
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
        assert!(matches!(run.code, Some(0..=2)), "{:?}: {}", run.code, run.stderr);
        run
    }

    /// It failed with one message, which says all of this.
    pub(crate) fn fails_saying(&self, parts: &[&str]) {
        assert_eq!(self.code, Some(1), "{}", self.stderr);
        for part in parts {
            assert!(self.stderr.contains(part), "{part:?} is not said in:\n{}", self.stderr);
        }
    }
}

/// A good view by `user`, `second` seconds into the day.
pub(crate) fn view(user: &str, second: u32) -> String {
    let (hour, minute, second) = (9 + second / 3600, second / 60 % 60, second % 60);
    format!(
        r#"{{"type":"track","event":"Viewed","userId":"{user}","timestamp":"2026-03-05T{hour:02}:{minute:02}:{second:02}Z","properties":{{"price":60,"category":"shoes"}}}}"#
    )
}

fn joined(lines: &[Vec<u8>]) -> Vec<u8> {
    lines.iter().flat_map(|line| line.iter().copied().chain([b'\n'])).collect()
}

/// Every one of `bad` is rejected for its reason, and stands in the dead letters with its line's number and its bytes;
/// the journal is the same as without them, whichever users' events are before and after each.
pub(crate) fn rejects(bad: &[(&[u8], &str)]) {
    let world = World::new();
    let good = |at: usize| view(["u1", "u2"][at % 2], 7 * u32::try_from(at).expect("few lines")).into_bytes();
    let without: Vec<_> = (0..=bad.len()).map(good).collect();
    let mut with = vec![good(0)];
    for (at, (line, _)) in bad.iter().enumerate() {
        with.extend([line.to_vec(), good(at + 1)]);
    }
    let (expected, none) = world.journal(&joined(&without), &[]);
    assert!(none.is_empty() && expected.contains(r#""segment":"seen","change":"enter""#), "{none:?} {expected}");
    let (found, letters) = world.journal(&joined(&with), &[]);
    assert_eq!(letters.len(), bad.len(), "{letters:#?}");
    for (at, (letter, (line, reason))) in letters.iter().zip(bad).enumerate() {
        let shown = String::from_utf8_lossy(line);
        assert_eq!(letter["reason"], *reason, "{shown}: {}", letter["detail"]);
        assert_eq!(letter["line"], 2 * at + 2, "{shown}");
        assert_eq!(letter["file"], "events.jsonl", "{shown}");
        assert_eq!(original(letter), *line, "{shown}");
        assert!(letter.get("truncated").is_none(), "{shown}");
    }
    assert_eq!(found, expected, "the bad lines changed something");
}

/// The bytes that a dead letter keeps.
pub(crate) fn original(letter: &Value) -> Vec<u8> {
    use base64::Engine as _;
    match (&letter["original"], &letter["original_base64"]) {
        (Value::String(text), Value::Null) => text.clone().into_bytes(),
        (Value::Null, Value::String(packed)) => {
            base64::engine::general_purpose::STANDARD.decode(packed).expect("base64")
        }
        _ => panic!("a dead letter has its original either as text or as base64: {letter}"),
    }
}

/// The journal of a log of which every line is accepted.
pub(crate) fn accepts(lines: &[Vec<u8>]) -> String {
    let (journal, letters) = World::new().journal(&joined(lines), &[]);
    assert!(letters.is_empty(), "{letters:#?}");
    journal
}

/// The journal's lines of one user, as JSON.
pub(crate) fn lines_of(journal: &str, user: &str) -> Vec<Value> {
    let records = journal.lines().map(|line| serde_json::from_str::<Value>(line).expect("the journal is JSON"));
    records.filter(|record| record["user"] == user).collect()
}
