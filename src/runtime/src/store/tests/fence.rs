//! Two writers at the same time: the former one gets an error, and changes nothing.

use super::super::{StoreClaim, StoreError};
use super::stored_pipeline::{StoredPipeline, claim, in_folder, plan, states, stream, wait};
use rekindle_core::checkpoint::StreamIdentity;

#[test]
fn a_fenced_writer_learns_of_its_successor_and_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut first = StoredPipeline::start(in_folder(folder.path(), 1), "first").expect("an empty folder");
    first.feed_to(1).checkpoint(false).expect("it is the only one");
    let mut second = StoredPipeline::start(in_folder(folder.path(), 1), "second").expect("the first has a checkpoint");
    second.feed_to(3).checkpoint(true).expect("it came last");
    first.feed_to(5);
    for _ in 0..2 {
        match first.checkpoint(false) {
            Err(StoreError::Fenced { epoch: 2, instance, .. }) => assert_eq!(instance, "second"),
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(wait(first.checkpoints.record_rules(5, "other", "")), Err(StoreError::Fenced { .. })));
    second.checkpoint(false).expect("nobody has disturbed it");
    let third = StoredPipeline::start(in_folder(folder.path(), 1), "third").expect("it was written");
    assert!(third.sequence == 4 && third.pipeline.encode_checkpoint() == states()[4]);
}

#[test]
fn the_claim_can_be_confirmed_before_anything_else_is_taken_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = StoredPipeline::start(in_folder(folder.path(), 1), "first").expect("an empty folder");
    wait(first.checkpoints.confirm()).expect("nobody else has started");
    let second = StoredPipeline::start(in_folder(folder.path(), 1), "second").expect("the first has written nothing");
    match wait(first.checkpoints.confirm()) {
        Err(StoreError::Fenced { epoch: 2, instance, .. }) => assert_eq!(instance, "second"),
        other => panic!("{other:?}"),
    }
    wait(second.checkpoints.confirm()).expect("it came last");
}

#[test]
fn the_successor_removes_what_a_fenced_writer_wrote_and_not_vice_versa() {
    let folder = tempfile::tempdir().expect("a folder");
    let names = || {
        let entries = std::fs::read_dir(folder.path()).expect("readable");
        let mut names: Vec<_> = entries.map(|entry| entry.expect("readable").file_name().into_string()).collect();
        names.sort();
        names.into_iter().map(|name| name.expect("text")).filter(|name| name.ends_with("base")).collect::<Vec<_>>()
    };
    let mut first = StoredPipeline::start(in_folder(folder.path(), 1), "first").expect("an empty folder");
    first.feed_to(1).checkpoint(false).expect("it is the only one");
    let mut second = StoredPipeline::start(in_folder(folder.path(), 1), "second").expect("the first has a checkpoint");
    assert!(first.checkpoint(true).is_err());
    assert_eq!(names(), ["000000000001-1.base", "000000000002-1.base"]);
    second.checkpoint(true).expect("it came last");
    assert_eq!(names(), ["000000000002-2.base"]);
}

#[test]
fn concurrent_claims_get_different_epochs() {
    let folder = tempfile::tempdir().expect("a folder");
    let claims: Vec<_> = (0..8)
        .map(|index| {
            let path = folder.path().to_owned();
            std::thread::spawn(move || wait(in_folder(&path, 1).claim(claim(&format!("i{index}")))))
        })
        .collect();
    let mut epochs: Vec<u64> =
        claims.into_iter().map(|claim| claim.join().expect("no panic").expect("claimed")).collect();
    epochs.sort_unstable();
    assert_eq!(epochs, (1..=8).collect::<Vec<_>>());
}

#[test]
fn an_epoch_is_never_below_the_requested_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let of = |epoch_at_least| wait(in_folder(folder.path(), 1).claim(StoreClaim { epoch_at_least, ..claim("x") }));
    assert_eq!([7, 3].map(|least| of(least).expect("claimed")), [7, 8]);
}

#[test]
fn nothing_is_written_without_a_claim() {
    let folder = tempfile::tempdir().expect("a folder");
    let checkpoints = in_folder(folder.path(), 1);
    assert!(matches!(wait(checkpoints.record_rules(0, "v", "")), Err(StoreError::NotClaimed { .. })));
    let mut stored = StoredPipeline::start(in_folder(folder.path(), 1), "first").expect("an empty folder");
    let snapshot = stored.pipeline.begin_snapshot(true);
    assert!(matches!(checkpoints.begin(snapshot, plan(), 0, 0), Err(StoreError::NotClaimed { .. })));
}

#[test]
fn checkpoints_of_another_stream_are_refused_and_can_be_forgotten() {
    let folder = tempfile::tempdir().expect("a folder");
    StoredPipeline::start(in_folder(folder.path(), 1), "first")
        .expect("empty")
        .feed_to(1)
        .checkpoint(true)
        .expect("written");
    let stream = StreamIdentity { created_ms: stream().created_ms + 1, ..stream() };
    let other = StoreClaim { stream: Some(stream), ..claim("second") };
    let refused = wait(in_folder(folder.path(), 1).claim(other.clone())).expect_err("another stream").to_string();
    assert!(refused.contains("are of another stream (EVENTS, created 2026-03-02T00:00:00.000Z)"), "{refused}");
    assert!(refused.contains("--from-start"), "{refused}");
    let from_start = StoreClaim { from_start: true, ..other };
    let (mut stored, loaded) = StoredPipeline::start_with(in_folder(folder.path(), 1), from_start).expect("forgotten");
    assert!(stored.sequence == 0 && loaded.skipped.is_empty());
    stored.feed_to(2).checkpoint(false).expect("written");
    assert_eq!(
        StoredPipeline::start_with(in_folder(folder.path(), 1), StoreClaim { stream: None, ..claim("x") })
            .expect("kept")
            .0
            .sequence,
        2
    );
}
