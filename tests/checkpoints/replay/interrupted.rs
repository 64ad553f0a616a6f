//! Replays that stop between two blocks, in this process: many, since they are small.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::rules;
use rekindle_core::time::{Span, Timestamp};
use rekindle_runtime::files::sink::OutputFile;
use rekindle_runtime::files::source::{FileItem, FileSourceError, LineBlock, LinePosition};
use rekindle_runtime::pipeline::{PipelineOptions, PipelineTotals};
use rekindle_runtime::replay::{ReplayError, ReplaySinks, ReplayState, ResultTargets, ResumableReplay, replay};

use crate::replay::world::{MAX_DISORDER, RULES, UNTIL, dice, log};

const RESULTS: [&str; 3] = ["journal.jsonl", "actions.jsonl", "rejects.jsonl"];

fn plan() -> Arc<ExecutionPlan> {
    Arc::new(ExecutionPlan::new(rules::compile(RULES).expect("the rules compile")))
}

fn until() -> Timestamp {
    Timestamp::parse_rfc3339(UNTIL).expect("a time")
}

fn options(partitions: usize) -> PipelineOptions {
    let max_disorder = Span::parse(MAX_DISORDER).expect("a duration");
    let state_ttl = Some(Span(2 * 86_400_000));
    PipelineOptions { partitions, workers: 1, max_disorder, state_ttl, ..PipelineOptions::default() }
}

type Source = Vec<Result<FileItem, FileSourceError>>;

/// The log as two files in blocks of `lines` lines, with a line too long between them.
fn blocks(log: &str, lines: usize) -> Source {
    let all: Vec<&str> = log.split_inclusive('\n').collect();
    let mut source = Vec::new();
    for (name, lines_of_file) in ["a", "b"].into_iter().zip(all.chunks(all.len() / 2 + 1)) {
        let (file, mut line): (Arc<str>, u64) = (name.into(), 1);
        for block in lines_of_file.chunks(lines) {
            let place = LinePosition { file: Arc::clone(&file), line };
            source.push(Ok(FileItem::Block(LineBlock {
                lines: block.concat().into_bytes(),
                is_document: false,
                place,
                offset: 0,
            })));
            line += block.len() as u64;
        }
        let place = LinePosition { file, line };
        source.push(Ok(FileItem::Oversized { place, bytes: 9 << 20, head: b"{\"type\":".to_vec() }));
    }
    source
}

/// The first items, this number of them; then the disk fails.
fn cut_off(mut source: Source, items: usize) -> Source {
    source.truncate(items);
    let cause = std::io::Error::other("the disk has failed");
    source.push(Err(FileSourceError::Read { file: "a".to_owned(), lines: 0, cause }));
    source
}

fn results(folder: &Path) -> Vec<String> {
    RESULTS.iter().map(|name| fs::read_to_string(folder.join(name)).expect("a result")).collect()
}

fn uninterrupted(source: Source) -> (Vec<String>, PipelineTotals) {
    let folder = tempfile::tempdir().expect("a folder");
    let create = |name: &str| OutputFile::create("it", Some(&folder.path().join(name))).expect("created");
    let [journal, actions, rejects] = RESULTS.map(create);
    let sinks = ReplaySinks { journal, actions: Some(actions), dead_letters: Some(rejects) };
    let totals = replay(plan(), options(64), until(), source.into_iter(), sinks).expect("replayed").totals;
    (results(folder.path()), totals)
}

/// A child process of another test inherits the lock until it executes its program, so an attempt is repeated.
fn open(folder: &Path, partitions: usize) -> Result<ResumableReplay, ReplayError> {
    for _ in 0..200 {
        match open_once(folder, partitions) {
            Err(ReplayError::InUse { .. }) => std::thread::sleep(Duration::from_millis(20)),
            opened => return opened,
        }
    }
    open_once(folder, partitions)
}

fn open_once(folder: &Path, partitions: usize) -> Result<ResumableReplay, ReplayError> {
    let [journal, actions, rejects] = RESULTS.map(|name| folder.join(name));
    let targets = ResultTargets { journal, actions: Some(actions), dead_letters: Some(rejects) };
    let events = vec!["a".to_owned(), "b".to_owned()];
    let progress = folder.join("progress");
    ResumableReplay::open(&progress, Duration::ZERO, plan(), options(partitions), until(), events, targets)
}

/// The names of the newest commit's two files.
fn newest(folder: &Path) -> [String; 2] {
    let names = fs::read_dir(folder.join("progress")).expect("the folder is there");
    let names = names.map(|entry| entry.expect("readable").file_name().into_string().expect("text"));
    let newest = names.filter(|name| name.ends_with(".json")).max().expect("a commit");
    [newest.clone(), newest.replace(".json", ".state")]
}

/// Damages the folder like a crash or a bad disk.
fn hurt(folder: &Path, dice: &mut Xoshiro256PlusPlus) {
    let [record, state] = newest(folder).map(|name| folder.join("progress").join(name));
    let next = record.to_string_lossy().replace(".json", "9.json.unfinished");
    match dice.random_range(0..6) {
        0 => fs::remove_file(record).expect("removed"),
        1 => damage(&record, dice),
        2 if state.exists() => damage(&state, dice),
        // The crash came between the state and the record, or in the middle of either.
        3 => fs::write(record.with_extension("state.unfinished"), "RK").expect("written"),
        4 => fs::write(next, "{").expect("written"),
        _ => {}
    }
}

/// Flips a bit, or truncates the file.
fn damage(path: &Path, dice: &mut Xoshiro256PlusPlus) {
    let mut bytes = fs::read(path).expect("readable");
    let at = dice.random_range(0..bytes.len());
    match dice.random_range(0..2) {
        0 => bytes[at] ^= 1 << dice.random_range(0..8),
        _ => bytes.truncate(at),
    }
    fs::write(path, bytes).expect("written");
}

#[test]
fn stopped_anywhere_and_hurt_it_comes_to_the_same_bytes_and_counts() {
    let (mut fallen_back, mut with_waiting) = (0, 0);
    for seed in 0..6 {
        let mut dice = dice(seed);
        let log = log(seed, 600, 0);
        let (expected, expected_totals) = uninterrupted(blocks(&log, 40));
        assert!(expected.iter().all(|result| result.lines().count() > 10), "seed {seed}: the log does too little");
        assert!(expected_totals.counts.late > 5 && expected_totals.counts.merged > 5, "seed {seed}");
        assert!(expected_totals.counts.expired > 5, "seed {seed}: nobody is dropped");
        assert!(expected[0].contains("deferred"), "seed {seed}: nothing is deferred");
        let folder = tempfile::tempdir().expect("a folder");
        let (mut turns, mut hurt_at) = (0, 0);
        let totals = loop {
            let mut replay = open(folder.path(), dice.random_range(1..9)).expect("resumable");
            fallen_back += usize::from(!replay.skipped_commits().is_empty());
            assert!(hurt_at > 0 || replay.skipped_commits().is_empty(), "seed {seed}: {:?}", replay.skipped_commits());
            let source = blocks(&log, dice.random_range(10..40));
            turns += 1;
            if turns > 8 {
                replay.run(source.into_iter()).expect("replayed");
                break replay.deliver().expect("delivered").0.totals;
            }
            let stop = dice.random_range(0..source.len());
            assert!(replay.run(cut_off(source, stop).into_iter()).is_err(), "seed {seed}: the disk did not fail");
            drop(replay);
            let [record, _] = newest(folder.path());
            let text = fs::read_to_string(folder.path().join("progress").join(&record)).expect("readable");
            with_waiting += usize::from(!text.contains(r#""waiting":[]"#));
            // Two commits are kept: what is hurt must have one before it that is not.
            let number: u64 = record.trim_end_matches(".json").parse().expect("a number");
            if number >= hurt_at + 3 {
                hurt(folder.path(), &mut dice);
                hurt_at = number;
            }
        };
        assert_eq!(results(folder.path()), expected, "seed {seed}");
        assert_eq!(totals, expected_totals, "seed {seed}");
    }
    assert!(
        fallen_back > 2 && with_waiting > 10,
        "{fallen_back} times fallen back, {with_waiting} with outputs waiting"
    );
}

/// A folder with commits, the last of which is after some lines.
fn begun(log: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let mut replay = open(folder.path(), 4).expect("resumable");
    assert_eq!(replay.state(), ReplayState::Beginning);
    assert!(replay.run(cut_off(blocks(log, 20), 4).into_iter()).is_err());
    folder
}

#[test]
fn results_appear_only_once_they_are_whole() {
    let log = log(1, 200, 0);
    let folder = begun(&log);
    assert!(RESULTS.iter().all(|name| !folder.path().join(name).exists()));
    let mut replay = open(folder.path(), 4).expect("resumable");
    assert_eq!(replay.state(), ReplayState::After(80));
    replay.run(blocks(&log, 20).into_iter()).expect("replayed");
    assert!(RESULTS.iter().all(|name| !folder.path().join(name).exists()));
    drop(replay);
    let replay = open(folder.path(), 4).expect("resumable");
    assert_eq!(replay.state(), ReplayState::Finished);
    let totals = replay.deliver().expect("delivered").0.totals;
    let (expected, expected_totals) = uninterrupted(blocks(&log, 20));
    assert_eq!((results(folder.path()), totals), (expected, expected_totals));
}

#[test]
fn who_dies_while_results_are_brought_to_their_places_does_the_rest_the_next_time() {
    let log = log(2, 200, 0);
    let folder = begun(&log);
    let mut replay = open(folder.path(), 4).expect("resumable");
    replay.run(blocks(&log, 20).into_iter()).expect("replayed");
    drop(replay);
    fs::rename(folder.path().join("progress/journal.part"), folder.path().join(RESULTS[0])).expect("moved");
    for _ in 0..2 {
        let replay = open(folder.path(), 4).expect("resumable");
        assert_eq!(replay.state(), ReplayState::Finished);
        replay.deliver().expect("delivered");
        assert_eq!(results(folder.path()), uninterrupted(blocks(&log, 20)).0);
    }
    fs::write(folder.path().join(RESULTS[0]), "something else").expect("written");
    let gone = open(folder.path(), 4).expect("resumable").deliver().map(drop);
    assert!(matches!(gone, Err(ReplayError::ResultGone { .. })), "{gone:?}");
}

#[test]
fn events_that_were_not_read_before_are_refused() {
    let log = log(3, 200, 0);
    let folder = begun(&log);
    let changed = log.replacen("\"Viewed\"", "\"Looked\"", 1);
    let shorter: String = log.split_inclusive('\n').take(60).collect();
    for other in [changed, shorter] {
        let mut replay = open(folder.path(), 4).expect("resumable");
        let mut source = blocks(&other, 20);
        source.truncate(4);
        let refused = replay.run(source.into_iter());
        assert!(matches!(refused, Err(ReplayError::OtherEvents { lines: 80, .. })), "{refused:?}");
    }
    // What follows the committed events may differ.
    let longer = format!("{log}{}", log.lines().next().expect("a line"));
    let mut replay = open(folder.path(), 4).expect("resumable");
    assert!(replay.run(cut_off(blocks(&longer, 20), 5).into_iter()).is_err());
    assert_eq!(open_once(folder.path(), 4).map(|_| ()).map_err(|error| error.to_string()), Err(in_use(&folder)));
}

fn in_use(folder: &tempfile::TempDir) -> String {
    let folder = folder.path().join("progress");
    let folder = folder.display();
    format!("another replay is running with its progress in {folder}; wait for its end, or name another folder")
}

#[test]
fn a_replay_does_not_start_over_if_no_commit_can_be_used() {
    let folder = begun(&log(4, 200, 0));
    for entry in fs::read_dir(folder.path().join("progress")).expect("there").map(|entry| entry.expect("readable")) {
        if entry.path().extension().is_some_and(|extension| extension == "json") {
            fs::write(entry.path(), "{").expect("written");
        }
    }
    let refused = open(folder.path(), 4).map(drop).expect_err("no commit is whole");
    assert!(matches!(&refused, ReplayError::NoneUsable { skipped, .. } if skipped.len() == 2), "{refused}");
    for entry in fs::read_dir(folder.path().join("progress")).expect("there").map(|entry| entry.expect("readable")) {
        if entry.path().extension().is_some_and(|extension| extension == "json") {
            fs::remove_file(entry.path()).expect("removed");
        }
    }
    let refused = open(folder.path(), 4).map(drop).expect_err("no commit is there").to_string();
    assert!(refused.contains("no commit that says how far") && refused.contains("delete"), "{refused}");
}

#[test]
fn results_that_are_shorter_than_committed_make_a_commit_useless() {
    let log = log(5, 200, 0);
    let folder = begun(&log);
    let journal = folder.path().join("progress/journal.part");
    fs::File::options().write(true).open(journal).and_then(|file| file.set_len(0)).expect("cut");
    let refused = open(folder.path(), 4).map(drop).expect_err("the journal is gone").to_string();
    assert!(refused.contains("journal.part: it has 0 bytes"), "{refused}");
}
