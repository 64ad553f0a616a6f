//! The table of cases: what a start finds, and where it continues or why it is refused.

use rekindle_core::checkpoint::CheckpointKind;
use rekindle_runtime::output::committed_position::PartialGroup;
use rstest::rstest;

use super::*;

/// One situation at a start: by default a checkpoint at sequence 50 with 10 outputs, and a progress record with 12
/// outputs of messages up to 60, in a log of 100 messages.
struct Situation {
    checkpoint: Option<ManifestEntry>,
    is_new_store: bool,
    checkpoint_log: Option<StreamIdentity>,
    log: Option<LogState>,
    outputs: OutputRecovery,
    settings: &'static str,
    options: StartOptions,
}

fn stream(created_ms: i64) -> StreamIdentity {
    StreamIdentity::of("EVENTS", created_ms)
}

fn entry() -> ManifestEntry {
    ManifestEntry {
        number: 7,
        kind: CheckpointKind::Base,
        base: 7,
        previous: 7,
        object: "7".into(),
        bytes: 1,
        crc32c: 0,
        sequence: 50,
        position: 500,
        ordinal: 10,
        output_last: Some(20),
        rules: "r".into(),
        generation: 3,
        users: 1,
        created_ms: 0,
    }
}

fn progress() -> ProgressRecord {
    ProgressRecord {
        epoch: 1,
        instance: "i".into(),
        log: Some(stream(1).to_string()),
        settings: Some("now".into()),
        commit: 1,
        ordinal: 12,
        since_ms: None,
        released: false,
        committed: CommittedPosition { sequence: 60, position: 600, generation: 3, ..CommittedPosition::before(60) },
    }
}

fn usual() -> Situation {
    Situation {
        checkpoint: Some(entry()),
        is_new_store: false,
        checkpoint_log: Some(stream(1)),
        log: Some(LogState { identity: stream(1), last: 100 }),
        outputs: OutputRecovery { progress: Some(progress()), stream_last: 24 },
        settings: "now",
        options: StartOptions::default(),
    }
}

fn changed(change: impl FnOnce(&mut Situation)) -> Situation {
    let mut situation = usual();
    change(&mut situation);
    situation
}

fn from_start(change: impl FnOnce(&mut Situation)) -> Situation {
    changed(|it| {
        (it.checkpoint, it.checkpoint_log, it.options.from_start) = (None, None, true);
        change(it);
    })
}

fn decide(it: &Situation) -> Result<StartDecision, StartConflict> {
    let restored = it
        .checkpoint
        .as_ref()
        .map_or(EngineStart::default(), |entry| EngineStart { sequence: entry.sequence, generation: entry.generation });
    let facts = StartFacts {
        checkpoint: it.checkpoint.as_ref(),
        checkpoint_log: it.checkpoint_log.as_ref(),
        is_new_store: it.is_new_store,
        restored,
        log: it.log.as_ref(),
        outputs: &it.outputs,
        settings: it.settings,
        options: it.options,
    };
    facts.decide()
}

#[rstest]
#[case::behind_the_progress_record(usual(), 12, 60, 0)]
#[case::empty_store_and_empty_output_stream(
    changed(|it| { it.checkpoint = None; it.is_new_store = true; it.outputs = OutputRecovery { progress: None, stream_last: 0 }; }), 0, 0, 0)]
#[case::no_usable_checkpoint_in_a_store_that_was_used_before(changed(|it| it.checkpoint = None), 12, 60, 0)]
#[case::no_record_and_nothing_published_since_the_checkpoint(
    changed(|it| it.outputs = OutputRecovery { progress: None, stream_last: 20 }), 10, 50, 0)]
#[case::no_record_and_repeats_accepted(
    changed(|it| { it.outputs = OutputRecovery { progress: None, stream_last: 24 }; it.options.accept_repeats = true; }), 10, 50, 0)]
#[case::other_settings_but_the_checkpoint_covers_all_outputs(
    changed(|it| { it.settings = "new"; it.checkpoint.as_mut().expect("one").sequence = 60; }), 12, 60, 0)]
#[case::other_settings_and_repeats_accepted(
    changed(|it| { it.settings = "new"; it.options.accept_repeats = true; }), 12, 60, 1)]
#[case::from_start_skips_published_outputs(from_start(|_| ()), 12, 60, 0)]
#[case::from_start_on_a_shorter_log_publishes_all(
    from_start(|it| it.log = Some(LogState { identity: stream(1), last: 59 })), 12, 0, 1)]
#[case::from_start_on_another_log_publishes_all(
    from_start(|it| it.log = Some(LogState { identity: stream(2), last: 100 })), 12, 0, 1)]
#[case::plain_nats(changed(|it| { it.log = None; it.checkpoint_log = None; }), 12, 60, 0)]
fn a_start_continues(#[case] it: Situation, #[case] ordinal: u64, #[case] sequence: u64, #[case] warnings: usize) {
    let decision = decide(&it).expect("the start is not refused");
    let found = (decision.ordinal, decision.committed.sequence, decision.warnings.len());
    assert_eq!(found, (ordinal, sequence, warnings), "{decision:?}");
}

#[rstest]
#[case::log_created_again(
    changed(|it| it.log = Some(LogState { identity: stream(2), last: 100 })),
    StartConflict::OtherLog { found: stream(1).to_string(), expected: stream(2).to_string() })]
#[case::outputs_of_another_log_without_checkpoint(
    changed(|it| { it.checkpoint_log = None; it.log = Some(LogState { identity: stream(2), last: 100 }); }),
    StartConflict::OtherLog { found: stream(1).to_string(), expected: stream(2).to_string() })]
#[case::fewer_outputs_than_the_checkpoint_counts(
    changed(|it| it.outputs.progress.as_mut().expect("one").ordinal = 9),
    StartConflict::OutputsLost { ordinal: 9, number: 7, expected: 10 })]
#[case::record_gone_and_the_stream_has_grown(
    changed(|it| it.outputs = OutputRecovery { progress: None, stream_last: 24 }),
    StartConflict::ProgressGone { number: 7, expected: 20, stream_last: 24 })]
#[case::other_settings(
    changed(|it| it.settings = "new"),
    StartConflict::OtherSettings { found: "now".into(), expected: "new".into() })]
#[case::outputs_and_a_store_that_was_never_used(
    changed(|it| { it.checkpoint = None; it.is_new_store = true; }),
    StartConflict::NoCheckpoints { ordinal: 12, sequence: 60 })]
fn a_start_is_refused(#[case] it: Situation, #[case] expected: StartConflict) {
    assert_eq!(decide(&it), Err(expected));
}

#[test]
fn from_start_counts_generations_of_rules_from_the_beginning() {
    let decision = decide(&from_start(|it| {
        let change = PartialGroup { changes_rules_to: Some(4), ..PartialGroup::messages_through(60) };
        it.outputs.progress.as_mut().expect("one").committed.open = Some(change);
    }));
    let committed = decision.expect("the start is not refused").committed;
    assert_eq!((committed.generation, committed.open), (0, None));
}
