//! Runs, manifests, and an index that is stale or damaged.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::builder::IndexBuilder;
use super::entry::{IndexEntry, number_of};
use super::folder::{EventIndex, IndexManifest};
use super::source_identity::IndexedSource;
use super::{HistoryError, HistoryRequest, IndexUse, IndexedFiles};

use crate::pipeline::PipelineOptions;
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::rules;
use rekindle_core::time::Timestamp;

const OF_U: HistoryRequest<'_> = HistoryRequest { user: "u", until: None, with_items: true, as_if_alone: false };

fn stream() -> IndexedSource {
    IndexedSource::Stream { name: "EVENTS".to_owned(), created_ms: 0, first: 1 }
}

fn event(user: &str, minute: usize) -> String {
    let at = format!("2026-03-05T{:02}:{:02}:00Z", minute / 60, minute % 60);
    format!(
        "{{\"type\":\"track\",\"event\":\"View\",\"userId\":\"{user}\",\"timestamp\":\"{at}\",\"messageId\":\"m{minute}\"}}\n"
    )
}

fn log(minutes: std::ops::Range<usize>) -> String {
    minutes.map(|minute| event(if minute % 3 == 0 { "u" } else { "v" }, minute)).collect()
}

fn open(path: &Path, index_use: IndexUse) -> Result<IndexedFiles, HistoryError> {
    IndexedFiles::open(&[path.to_owned()], None, index_use, &PipelineOptions::default())
}

/// The number of events that the index finds of `u`.
fn events_of_u(files: &mut IndexedFiles) -> usize {
    let plan = Arc::new(ExecutionPlan::new(rules::compile("").expect("no rules")));
    files.story(&plan, OF_U).expect("a history").items.len()
}

fn runs_of(path: &Path) -> Vec<PathBuf> {
    let folder = format!("{}.index", path.display());
    let files = fs::read_dir(folder).expect("the index").map(|file| file.expect("a file").path());
    files.filter(|file| file.extension().is_some_and(|extension| extension == "run")).collect()
}

#[test]
fn every_entry_is_found_however_many_runs_there_are() {
    for (entries, in_memory) in
        [(0_u64, 10), (1, 10), (170, 1_000), (171, 1_000), (5_000, 7), (5_000, 500), (5_000, 10_000)]
    {
        let folder = tempfile::tempdir().expect("a folder");
        let manifest = IndexManifest::empty(String::new(), stream());
        let mut builder = IndexBuilder::new(folder.path(), manifest).expect("the folder").sorting(in_memory);
        let entry = |place: u64| IndexEntry {
            id: number_of(&format!("u{}", place % 13)),
            place,
            links: place.is_multiple_of(5),
            forgets: place.is_multiple_of(7),
            latest_read: Timestamp(place as i64 - 100),
        };
        for place in 1..=entries {
            builder.entries().push(entry(place));
            builder.write_if_full().expect("a run");
        }
        let manifest = builder.finish(|manifest| manifest.covered = entries).expect("the index");
        assert!(manifest.runs.len() < 8, "{} runs", manifest.runs.len());
        let read = IndexManifest::read(folder.path()).expect("the manifest");
        assert_eq!(read.as_ref(), Some(&manifest));
        let mut index = EventIndex::open(folder.path(), manifest).expect("the index");
        for user in 0..14 {
            let expected: Vec<IndexEntry> = (1..=entries).filter(|place| place % 13 == user).map(entry).collect();
            assert_eq!(index.entries_of(&format!("u{user}")).expect("entries"), expected, "{entries} by {in_memory}");
        }
    }
}

#[test]
fn an_index_is_used_only_while_it_is_that_of_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("events.jsonl");
    fs::write(&path, log(0..30)).expect("the file");
    assert!(matches!(open(&path, IndexUse::Existing), Err(HistoryError::NoIndex { .. })), "none was built");
    assert_eq!(events_of_u(&mut open(&path, IndexUse::Build).expect("the index")), 10);
    assert_eq!(events_of_u(&mut open(&path, IndexUse::Existing).expect("the index")), 10);
    let built = runs_of(&path);
    assert_eq!(events_of_u(&mut open(&path, IndexUse::Build).expect("the index")), 10);
    assert_eq!(runs_of(&path), built, "it was not built again");

    fs::write(&path, log(0..60)).expect("the file");
    assert!(matches!(open(&path, IndexUse::Existing), Err(HistoryError::NoIndex { .. })), "lines were appended");
    assert_eq!(events_of_u(&mut open(&path, IndexUse::Build).expect("the index")), 20);
    assert!(runs_of(&path).len() > built.len(), "it was extended");

    fs::write(&path, log(0..60).replace("\"v\"", "\"u\"")).expect("the file");
    assert!(matches!(open(&path, IndexUse::Existing), Err(HistoryError::NoIndex { .. })), "the contents changed");
    assert_eq!(events_of_u(&mut open(&path, IndexUse::Build).expect("the index")), 60);

    let other = PipelineOptions { max_event_bytes: 200, ..PipelineOptions::default() };
    let opened = IndexedFiles::open(std::slice::from_ref(&path), None, IndexUse::Existing, &other);
    assert!(matches!(opened, Err(HistoryError::NoIndex { .. })), "other settings accept other calls");
}

#[test]
fn a_line_that_is_continued_later_is_read_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("events.jsonl");
    let whole = log(0..4);
    fs::write(&path, &whole[..whole.len() - 20]).expect("the file");
    assert_eq!(events_of_u(&mut open(&path, IndexUse::Build).expect("the index")), 1);
    fs::write(&path, &whole).expect("the file");
    assert_eq!(events_of_u(&mut open(&path, IndexUse::Build).expect("the index")), 2);
}

#[test]
fn a_line_that_is_read_for_one_of_its_calls_is_read_for_the_others_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("events.jsonl");
    let call = |ids: &str, minute: u32| {
        format!(
            r#"{{"type":"track","event":"A",{ids},"timestamp":"2026-03-05T09:{minute:02}:00Z","messageId":"m{minute}"}}"#
        )
    };
    // The first line is wanted for u, who stands alone in it; only then v becomes u, to whom a belongs by the other call of that line.
    let linking = call(r#""userId":"v","anonymousId":"a""#, 0);
    let lines = [
        format!(r#"{{"batch":[{linking},{}]}}"#, call(r#""userId":"u""#, 1)),
        call(r#""anonymousId":"a""#, 2),
        call(r#""userId":"u","anonymousId":"v""#, 3),
    ];
    fs::write(&path, lines.join("\n") + "\n").expect("the file");
    // The four events, and that v was merged.
    assert_eq!(events_of_u(&mut open(&path, IndexUse::Build).expect("the index")), 5);
}

#[test]
fn a_damaged_index_is_found_out_and_built_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("events.jsonl");
    fs::write(&path, log(0..30)).expect("the file");
    let index = PathBuf::from(format!("{}.index", path.display()));
    /// Damages a run or the manifest.
    type Damage = fn(&Path, &Path);
    let damages: [(&str, Damage); 5] = [
        ("a byte", |run, _| {
            let mut bytes = fs::read(run).expect("the run");
            bytes[30] ^= 1;
            fs::write(run, bytes).expect("the run");
        }),
        ("a torn run", |run, _| fs::write(run, &fs::read(run).expect("the run")[..100]).expect("the run")),
        ("no run", |run, _| fs::remove_file(run).expect("the run")),
        ("a torn manifest", |_, manifest| fs::write(manifest, "{\"format\":1,\"crc32c\"").expect("the manifest")),
        ("another number", |_, manifest| {
            let text = fs::read_to_string(manifest).expect("the manifest");
            fs::write(manifest, text.replace("\"events\":30", "\"events\":31")).expect("the manifest");
        }),
    ];
    for (what, damage) in damages {
        drop(open(&path, IndexUse::Build).expect("the index"));
        damage(&runs_of(&path)[0], &index.join("manifest.json"));
        let plan = Arc::new(ExecutionPlan::new(rules::compile("").expect("no rules")));
        let found = open(&path, IndexUse::Existing).and_then(|mut files| files.story(&plan, OF_U).map(drop));
        assert!(found.is_err_and(|error| error.asks_for_replay()), "{what}");
        assert_eq!(events_of_u(&mut open(&path, IndexUse::Build).expect("the index")), 10, "{what}");
        assert_eq!(events_of_u(&mut open(&path, IndexUse::Existing).expect("the index")), 10, "{what}");
    }
}

#[test]
fn compressed_files_are_indexed_and_documents_are_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("events.jsonl.zst");
    fs::write(&path, zstd::encode_all(log(0..300).as_bytes(), 1).expect("compressed")).expect("the file");
    assert_eq!(events_of_u(&mut open(&path, IndexUse::Build).expect("the index")), 100);
    let document = folder.path().join("document.json");
    fs::write(&document, format!("[\n{}]\n", log(0..3).trim_end().replace('\n', ",\n"))).expect("the file");
    assert!(matches!(open(&document, IndexUse::Build), Err(HistoryError::NotIndexable { .. })));
}

#[test]
fn a_byte_order_mark_and_lines_that_are_too_long_are_passed_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("events.jsonl");
    let long = format!("{{\"userId\":\"u\",\"x\":\"{}\"}}\n", "x".repeat(40 << 20));
    fs::write(&path, format!("\u{feff}{}{long}{}", log(0..3), log(3..6))).expect("the file");
    let mut files = open(&path, IndexUse::Build).expect("the index");
    assert_eq!((events_of_u(&mut files), files.rejected()), (2, 1));
}
