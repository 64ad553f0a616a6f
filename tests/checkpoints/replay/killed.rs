//! The binary, killed with SIGKILL while it reads files and pipes.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rand::RngExt;
use serde_json::Value;

use crate::replay::world::{MAX_DISORDER, RULES, UNTIL, dice, log};

/// Blocks of 512 KiB: more than a hundred of them, and as many commits.
const LINES: usize = 60_000;
const PADDING: usize = 900;

fn command(folder: &Path, results: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rekindle"));
    command.args(["replay", "--rules", "rules.toml", "--until", UNTIL, "--max-disorder", MAX_DISORDER, "--quiet"]);
    for (option, what) in
        [("-o", "journal"), ("--actions", "actions"), ("--dead-letters", "rejects"), ("--summary", "summary")]
    {
        command.args([option, &format!("{results}.{what}")]);
    }
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn results(folder: &Path, results: &str) -> Vec<String> {
    let of = |what: &&str| fs::read_to_string(folder.join(format!("{results}.{what}"))).expect("a result");
    let mut texts: Vec<String> = ["journal", "actions", "rejects", "summary"].iter().map(of).collect();
    let mut summary: Value = serde_json::from_str(&texts[3]).expect("JSON");
    for of_the_run in ["seconds", "events_per_second", "peak_memory_bytes"] {
        assert!(summary.as_object_mut().expect("an object").remove(of_the_run).is_some());
    }
    texts[3] = summary.to_string();
    texts
}

/// The number of the newest commit.
fn newest(progress: &Path) -> Option<u64> {
    let names = fs::read_dir(progress).ok()?.map(|entry| entry.expect("readable").file_name());
    names.filter_map(|name| name.to_str()?.strip_suffix(".json")?.parse().ok()).max()
}

/// Kills it some time after this number of further commits; returns whether it was still running.
fn kill(mut child: Child, progress: &Path, commits: u64, after: Duration) -> bool {
    let wanted = newest(progress).map_or(0, |newest| newest + commits);
    let deadline = Instant::now() + Duration::from_secs(60);
    while newest(progress).is_none_or(|newest| newest < wanted) && Instant::now() < deadline {
        if child.try_wait().expect("a child").is_some() {
            return false;
        }
        thread::sleep(Duration::from_millis(1));
    }
    thread::sleep(after);
    let was_running = child.try_wait().expect("a child").is_none();
    child.kill().expect("killed");
    child.wait().expect("ended");
    was_running
}

/// How the events are read.
#[derive(Clone, Copy, Debug)]
enum Input {
    Plain,
    Zstd,
    Pipe,
}

impl Input {
    fn name(self) -> &'static str {
        match self {
            Input::Plain => "events.jsonl",
            Input::Zstd => "events.jsonl.zst",
            Input::Pipe => "-",
        }
    }

    fn start(self, folder: &Path) -> Child {
        let name = self.name();
        let arguments = ["--checkpoint", "progress", "--checkpoint-interval", "0s", name];
        let mut command = command(folder, "found", &arguments);
        if !matches!(self, Input::Pipe) {
            return command.spawn().expect("the binary runs");
        }
        let mut child = command.stdin(Stdio::piped()).spawn().expect("the binary runs");
        let (mut pipe, events) = (child.stdin.take().expect("a pipe"), folder.join("events.jsonl"));
        // A killed process reads no more, which ends the copying.
        thread::spawn(move || std::io::copy(&mut File::open(events).expect("the events"), &mut pipe));
        child
    }
}

#[test]
fn killed_at_random_moments_it_writes_the_same_bytes() {
    let seed = 20_260_302;
    eprintln!("seed {seed}");
    let mut dice = dice(seed);
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    fs::write(folder.join("rules.toml"), RULES).expect("written");
    let events = log(seed, LINES, PADDING);
    fs::write(folder.join("events.jsonl"), &events).expect("written");
    let mut packed =
        zstd::Encoder::new(File::create(folder.join("events.jsonl.zst")).expect("created"), 1).expect("zstd");
    packed.write_all(events.as_bytes()).and_then(|()| packed.finish().map(drop)).expect("written");
    assert!(command(folder, "expected", &["events.jsonl"]).status().expect("the binary runs").success());
    let mut expected = results(folder, "expected");
    let mut kills_in_all = 0;
    for (input, most) in [(Input::Plain, 8), (Input::Zstd, 4), (Input::Pipe, 4)] {
        let progress = folder.join("progress");
        let (mut kills, mut resumed) = (0, 0);
        for turn in 0..most {
            // Every other time at least one more commit, so that it ends.
            let commits = turn % 2 + dice.random_range(0..2);
            let after = Duration::from_micros(dice.random_range(0..20_000));
            resumed += usize::from(newest(&progress).is_some_and(|newest| newest > 0));
            if !kill(input.start(folder), &progress, commits, after) {
                break;
            }
            kills += 1;
            assert!(!folder.join("found.journal").exists() || kills > 1, "{input:?}: a result before the end");
        }
        assert!(kills >= 2 && resumed >= 1, "{input:?}: {kills} kills, {resumed} times resumed");
        kills_in_all += kills;
        assert!(input.start(folder).wait().expect("ended").success(), "{input:?}");
        for result in &mut expected {
            *result = result.replace("\"file\":\"events.jsonl.zst\"", "\"file\":\"events.jsonl\"");
            *result = result.replace("\"file\":\"events.jsonl\"", &format!("\"file\":\"{}\"", input.name()));
        }
        // Not assert_eq: they are long.
        for (found, expected) in results(folder, "found").iter().zip(&expected) {
            assert!(found == expected, "{input:?}: {} bytes, not {}", found.len(), expected.len());
        }
        fs::remove_dir_all(&progress).expect("removed");
        for what in ["journal", "actions", "rejects", "summary"] {
            fs::remove_file(folder.join(format!("found.{what}"))).expect("removed");
        }
    }
    eprintln!("{kills_in_all} kills");
    assert!(kills_in_all >= 10, "only {kills_in_all} kills");
}
