//! Earlier versions of the rules: they survive restarts and checkpoints, are bounded, and are found out where they are damaged.

use std::fs;

use super::stored_pipeline::{StoredPipeline, claim, in_folder, wait};
use crate::store::versions::{NewVersion, VERSIONS_BYTES_MAX, VERSIONS_MAX, VersionEntry};
use crate::store::{CheckpointStore, Manifest, StoreClaim, StoreError};
use rekindle_core::rules::fingerprint;
use rekindle_core::time::Timestamp;

fn record(checkpoints: &CheckpointStore, text: &str, since: i64) -> String {
    let version = fingerprint(text);
    let new =
        NewVersion { version: version.clone(), text: text.to_owned(), since: Timestamp(since), by: "token".to_owned() };
    wait(checkpoints.record_version(new)).expect("there is room");
    version
}

fn manifest(checkpoints: &CheckpointStore) -> Manifest {
    wait(checkpoints.manifest()).expect("it is intact").expect("it is there")
}

#[test]
fn versions_are_kept_over_checkpoints_restarts_and_new_beginnings() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut first = StoredPipeline::start(in_folder(folder.path(), 1), "first").expect("an empty folder");
    let texts = ["# a\n", "# b\n", "# a\n", "# a\n"];
    let versions: Vec<_> = texts.iter().zip(1..).map(|(text, since)| record(&first.checkpoints, text, since)).collect();
    first.feed_to(2).checkpoint(true).expect("there is room");
    first.feed_to(3).checkpoint(true).expect("there is room");
    drop(first);

    let second = StoredPipeline::start(in_folder(folder.path(), 1), "second").expect("intact");
    let kept = manifest(&second.checkpoints).versions;
    let told: Vec<_> = kept.iter().map(|kept| (kept.version.as_str(), kept.since_ms, kept.by.as_str())).collect();
    let [a, b] = [&versions[0], &versions[1]];
    assert_eq!(told, [(a.as_str(), 1, "token"), (b, 2, "token"), (a, 3, "token")], "one in force is not repeated");
    assert_eq!(kept[0].object, kept[2].object, "a text is kept once");
    for (version, text) in [(a, "# a\n"), (b, "# b\n")] {
        assert_eq!(wait(second.checkpoints.version_text(version)).expect("intact").as_deref(), Some(text));
    }
    assert_eq!(wait(second.checkpoints.version_text("0123456789abcdef")).expect("intact"), None);
    // Checkpoints that are forgotten are no reason to forget who changed the rules.
    wait(second.checkpoints.claim(StoreClaim { from_start: true, ..claim("third") })).expect("it may be claimed");
    assert_eq!(manifest(&second.checkpoints).versions, kept);
}

#[test]
fn damage_is_found_and_nobody_writes_without_a_claim() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = StoredPipeline::start(in_folder(folder.path(), 1), "first").expect("an empty folder");
    let version = record(&first.checkpoints, "# a\n", 1);
    let object = folder.path().join(&manifest(&first.checkpoints).versions[0].object);
    fs::write(&object, "# x\n").expect("there is room");
    let refused = wait(first.checkpoints.version_text(&version)).expect_err("it is damaged");
    assert!(refused.to_string().contains("is not what was written"), "{refused}");
    fs::remove_file(&object).expect("it is there");
    assert!(wait(first.checkpoints.version_text(&version)).is_err());
    let other = in_folder(folder.path(), 1);
    let new = NewVersion { version, text: "# a\n".to_owned(), since: Timestamp(2), by: String::new() };
    assert!(matches!(wait(other.record_version(new)), Err(StoreError::NotClaimed { .. })));
}

#[test]
fn versions_are_bounded_in_number_and_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let stored = StoredPipeline::start(in_folder(folder.path(), 1), "first").expect("an empty folder");
    let mut manifest = manifest(&stored.checkpoints);
    let entry = |number: usize, bytes: u64| VersionEntry {
        version: format!("{number:016x}"),
        since_ms: number as i64,
        by: String::new(),
        bytes,
        object: format!("rules-{number}-1.toml"),
    };
    (0..VERSIONS_MAX + 7).for_each(|number| manifest.add_version(entry(number, 10)));
    assert_eq!((manifest.versions.len(), manifest.versions[0].since_ms), (VERSIONS_MAX, 7));
    manifest.add_version(entry(100, VERSIONS_BYTES_MAX - 25));
    assert_eq!(manifest.versions.len(), 3, "two of the others fit beside it");
    manifest.add_version(entry(101, 2 * VERSIONS_BYTES_MAX));
    assert_eq!(manifest.versions.len(), 2, "the newest and the one before stay, however large");
}
