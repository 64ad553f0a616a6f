//! A user's history from an index is that of a replay of the whole log: the same outputs and the same state, on random rules and
//! logs, wherever the log is divided into files, and as of any instant.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;
use rekindle_core::journal;
use rekindle_core::partition::{ExecutionPlan, Output, OutputKind, UserStateExport};
use rekindle_core::rules;
use rekindle_core::rules::ruleset::TransitionKind;
use rekindle_core::secret::DrawSecret;
use rekindle_core::time::{Span, Timestamp};
use rekindle_runtime::files::source::EventFiles;
use rekindle_runtime::history::{
    HistoryRecord, HistoryRequest, IndexUse, IndexedFiles, OwnRecords, StreamIndex, UserReplay,
};
use rekindle_runtime::log::{LogRecord, RecordKind};
use rekindle_runtime::pipeline::{InputEntry, Pipeline, PipelineOptions};
use rekindle_runtime::replay::story_of;
use rekindle_test_kit::generator::{LanguageParts, Scenario, scenario_of};

/// Ids of the generator's users and visitors, and one that does not occur.
const IDS: &[&str] = &["u0", "u1", "u2", "用户-一", "a0", "a1", "a2", "a b.*>", "nobody"];

fn scenario_that_shares_nothing() -> impl Strategy<Value = Scenario> {
    scenario_of(LanguageParts::UNSHARED)
}

/// What is known of a user in the end, as text.
fn told(plan: &ExecutionPlan, pipeline: &Pipeline, outputs: &[Output], user: &str) -> String {
    let mut text = String::new();
    // At which instant partners hear that somebody has become another user depends on that user's clock, which a history of the former
    // id alone does not know. All else of it is known.
    let became_another = pipeline.linked_user(user).is_some_and(|now| **now != *user);
    for output in outputs {
        let mut output = output.clone();
        if became_another
            && matches!(&output.decided, OutputKind::Shared(shared) if shared.change == TransitionKind::Exit)
        {
            output.at = Timestamp::MIN;
        }
        let mut line = Vec::new();
        journal::append_line(&plan.rules, &output, &mut line);
        text.push_str(&String::from_utf8_lossy(&line));
    }
    if let Some(copy) = pipeline.copy_of(user) {
        let state = UserStateExport::new(plan, &copy.user);
        let _ = write!(text, "{:?} at {} {:?} {state:?}", copy.user.id, copy.at, copy.user.profile.now);
    }
    let _ = write!(text, " linked to {:?}", pipeline.linked_user(user));
    text
}

/// The log as files, divided before these lines.
fn files_of(folder: &Path, events: &[u8], divided: &[usize]) -> Vec<PathBuf> {
    let lines: Vec<&[u8]> = events.split_inclusive(|byte| *byte == b'\n').collect();
    let mut borders: Vec<usize> = divided.iter().map(|at| at % (lines.len() + 1)).collect();
    borders.extend([0, lines.len()]);
    borders.sort_unstable();
    let parts = borders.windows(2).enumerate().map(|(number, part)| {
        let path = folder.join(format!("{number}.jsonl"));
        std::fs::write(&path, lines[part[0]..part[1]].concat()).expect("the file can be written");
        path
    });
    parts.collect()
}

/// Several calls in a line, as clients send them.
fn in_batches(events: &[u8], size: usize) -> Vec<u8> {
    let lines: Vec<&str> = std::str::from_utf8(events).expect("text").lines().collect();
    let batches = lines.chunks(size.max(1)).map(|calls| match calls {
        [call] => format!("{call}\n"),
        calls => format!("{{\"batch\":[{}]}}\n", calls.join(",")),
    });
    batches.collect::<String>().into_bytes()
}

/// The log as records of a stream: each received some time after the one before, with requests to forget among them.
fn records_of(events: &[u8], gaps_ms: &[i64], forgotten: &[(usize, usize)]) -> Vec<LogRecord> {
    let mut records = Vec::new();
    let mut received = Timestamp::parse_rfc3339("2026-03-05T00:00:00Z").expect("a time");
    for (number, line) in events.split_inclusive(|byte| *byte == b'\n').enumerate() {
        received = received + Span(gaps_ms[number % gaps_ms.len()]);
        let mut add = |kind, lines: Vec<u8>| {
            let sequence = 3 * (records.len() as u64) + 7;
            records.push(LogRecord { sequence, received, kind, lines: lines.into() });
        };
        for (_, id) in forgotten.iter().filter(|(before, _)| *before == number) {
            add(RecordKind::Forget, format!("{{\"user\":\"{}\"}}", IDS[*id]).into_bytes());
        }
        if number % 5 == 4 {
            add(RecordKind::Tick, Vec::new());
        }
        add(RecordKind::Events, line.to_vec());
    }
    records
}

fn options_of(scenario: &Scenario, expires: bool) -> PipelineOptions {
    PipelineOptions {
        partitions: 3,
        workers: 1,
        max_disorder: Span(scenario.max_disorder_ms()),
        secret: DrawSecret::of_file(scenario.secret().as_bytes()),
        state_ttl: expires.then_some(Span(86_400_000)),
        ..PipelineOptions::default()
    }
}

fn entry(record: &LogRecord) -> InputEntry<'_> {
    InputEntry { kind: record.kind, lines: &record.lines, received: Some(record.received), is_whole: true }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, max_shrink_iters: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_history_from_an_index_is_that_of_the_whole_log(
        scenario in scenario_that_shares_nothing(),
        divided in prop::collection::vec(any::<usize>(), 0..3),
        batch in 1..4_usize,
        part_of_time in 0..=10_i64,
        expires in any::<bool>(),
    ) {
        let plan = Arc::new(ExecutionPlan::new(rules::compile(&scenario.rules_toml()).expect("the rules compile")));
        let options = options_of(&scenario, expires);
        let folder = tempfile::tempdir().expect("a folder");
        let paths = files_of(folder.path(), &in_batches(&scenario.events_jsonl(), batch), &divided);
        let mut indexed = IndexedFiles::open(&paths, None, IndexUse::Build, &options).expect("the files can be indexed");
        let first = Pipeline::new(Arc::clone(&plan), options.clone()).map(|mut pipeline| {
            let mut outputs = Vec::new();
            pipeline.feed(&scenario.events_jsonl(), &mut |_| {}, &mut outputs);
            pipeline.users().map(|user| user.profile.now).min().unwrap_or(Timestamp(scenario.until_ms()))
        }).expect("threads start");
        let some_time = first + Span((scenario.until_ms() - first.0).max(0) / 10 * part_of_time);
        for until in [None, Some(Timestamp(scenario.until_ms())), Some(some_time)] {
            for user in IDS {
                let files = EventFiles::open(&paths, options.max_message_bytes()).expect("the files can be read");
                let (pipeline, outputs) =
                    story_of(Arc::clone(&plan), options.clone(), until, files, user).expect("a replay");
                let request = HistoryRequest { user, until, with_items: until.is_none(), as_if_alone: false };
                let story = indexed.story(&plan, request).expect("a history");
                let (of_index, of_log) = (
                    told(&plan, &story.pipeline, &story.outputs, user),
                    told(&plan, &pipeline, &outputs, user),
                );
                prop_assert_eq!(of_index, of_log, "{} until {:?}", user, until);
            }
        }
    }

    #[test]
    fn a_history_from_the_index_of_a_stream_is_that_of_the_stream_as_it_was_then(
        scenario in scenario_that_shares_nothing(),
        gaps_ms in prop::collection::vec(0..400_000_i64, 1..5),
        forgotten in prop::collection::vec((0..30_usize, 0..IDS.len()), 0..3),
        asked in prop::collection::vec(0..60_usize, 1..4),
        expires in any::<bool>(),
    ) {
        let plan = Arc::new(ExecutionPlan::new(rules::compile(&scenario.rules_toml()).expect("the rules compile")));
        let options = options_of(&scenario, expires);
        let records = records_of(&scenario.events_jsonl(), &gaps_ms, &forgotten);
        let folder = tempfile::tempdir().expect("a folder");
        let open = || StreamIndex::open(folder.path(), "EVENTS", 1, &options).expect("the index");
        let mut index = open();
        let (first, second) = records.split_at(records.len() / 2);
        index.add(first).expect("entries");
        index.write().expect("the index is written");
        index.add(second).expect("entries");
        for asked in asked {
            let until = records.get(asked).map_or(Timestamp(scenario.until_ms()), |record| record.received);
            let mut whole = Pipeline::new(Arc::clone(&plan), options.clone()).expect("threads start");
            let mut outputs = Vec::new();
            let known: Vec<InputEntry<'_>> = records.iter().filter(|record| record.received <= until).map(entry).collect();
            known.iter().for_each(|entry| whole.feed_entries(&[*entry], &mut |_| {}, &mut outputs));
            whole.advance_to(until, &mut outputs);
            whole.end_log(&mut outputs);
            for user in IDS {
                let mut own = OwnRecords::new(user, &options, Some(until), index.has_forgets());
                loop {
                    let wanted = index.wanted(&mut own, Some(until)).expect("the index");
                    if wanted.is_empty() {
                        break;
                    }
                    for place in wanted {
                        let record = records.iter().find(|record| record.sequence == place.0).expect("a record");
                        if record.received > until {
                            own.add_later(place);
                            continue;
                        }
                        let (kind, lines, received) = (record.kind, record.lines.clone(), Some(record.received));
                        own.add(place, HistoryRecord { kind, lines, received }).expect("few bytes");
                    }
                }
                let mut replay = UserReplay::new(Arc::clone(&plan), &options, Some(until), user).expect("threads start");
                own.into_records().for_each(|(_, latest_read, record)| replay.feed(latest_read, &record));
                let story = replay.finish(Some(until));
                let of_user: Vec<Output> = outputs.iter().filter(|output| &*output.user == *user).cloned().collect();
                prop_assert_eq!(
                    told(&plan, &story.pipeline, &story.outputs, user),
                    told(&plan, &whole, &of_user, user),
                    "{} at {}", user, until
                );
            }
        }
        drop(index);
        prop_assert_eq!(open().covered(), first.last().map_or(0, |record| record.sequence), "what was not written is read again");
    }
}
