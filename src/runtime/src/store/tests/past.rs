//! What rules made of the log's past: kept while a checkpoint needs it, and no longer; damage is found.

use std::fs;
use std::path::PathBuf;

use super::stored_pipeline::{RULES, StoredPipeline, claim, in_folder, plan, wait};
use crate::store::{NewRules, PastEntry, StoreError};

/// A store with a checkpoint at message 2, and rules that took effect after message 4 with what they had made of all before 3.
fn with_past(folder: &tempfile::TempDir) -> (StoredPipeline, PastEntry, PathBuf) {
    let mut stored = StoredPipeline::start(in_folder(folder.path(), 1), "first").expect("an empty folder");
    stored.feed_to(2).checkpoint(true).expect("there is room");
    stored.feed_to(3);
    let entry = stored.checkpoints.write_past(&stored.pipeline, 3).expect("there is room");
    let object = folder.path().join(&entry.object);
    // A checkpoint that is committed meanwhile does not remove it.
    stored.checkpoint(false).expect("there is room");
    assert!(object.exists());
    let rules = NewRules { version: plan().rules.version.clone(), text: RULES.to_owned(), past: Some(entry.clone()) };
    let number = wait(stored.checkpoints.record_new_rules(4, rules)).expect("there is room");
    assert_eq!(number, 1, "also rules that are in force");
    (stored, entry, object)
}

#[test]
fn the_past_is_kept_until_no_checkpoint_is_left_from_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut stored, entry, object) = with_past(&folder);
    let (second, loaded) = StoredPipeline::start_with(in_folder(folder.path(), 1), claim("second")).expect("intact");
    assert_eq!(loaded.rules[0].past, Some(entry.clone()));
    let restored = wait(second.checkpoints.load_past(entry, plan())).expect("intact");
    assert_eq!((restored.head.position, restored.partitions.iter().flatten().count()), (18, 12));
    drop(second);
    let error = stored.checkpoints.write_past(&stored.pipeline, 5);
    // It is written, and never in the manifest: the store belongs to another one now.
    assert!(error.is_ok());
    stored = StoredPipeline::start(in_folder(folder.path(), 1), "third").expect("intact");
    stored.generation = 1;
    stored.feed_to(5).checkpoint(true).expect("there is room");
    assert!(!object.exists(), "the only checkpoint has those rules");
    assert_eq!(
        fs::read_dir(folder.path())
            .expect("it is there")
            .flatten()
            .filter(|file| file.path().extension().is_some_and(|kind| kind == "past"))
            .count(),
        0
    );
}

#[test]
fn a_damaged_past_is_found_and_not_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let (stored, entry, object) = with_past(&folder);
    let findings = wait(stored.checkpoints.verify()).expect("the manifest is intact");
    assert!(findings.iter().any(|finding| finding.object == entry.object && finding.damage.is_none()), "{findings:?}");
    let mut bytes = fs::read(&object).expect("it is there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&object, bytes).expect("there is room");
    let findings = wait(stored.checkpoints.verify()).expect("the manifest is intact");
    assert!(findings.iter().any(|finding| finding.object == entry.object && finding.damage.is_some()), "{findings:?}");
    let refused = wait(stored.checkpoints.load_past(entry, plan())).expect_err("it is damaged");
    assert!(
        matches!(refused, StoreError::Failed { .. }) && refused.to_string().contains("is not what was written"),
        "{refused}"
    );
}

#[test]
fn what_is_being_read_is_remembered_until_rules_take_effect() {
    let folder = tempfile::tempdir().expect("a folder");
    let stored = StoredPipeline::start(in_folder(folder.path(), 1), "first").expect("an empty folder");
    let recomputing = |stored: &StoredPipeline| {
        wait(stored.checkpoints.manifest()).expect("intact").expect("it is there").recomputing
    };
    wait(stored.checkpoints.record_recomputing(Some("new".to_owned()))).expect("there is room");
    let stored = {
        drop(stored);
        StoredPipeline::start(in_folder(folder.path(), 1), "second").expect("intact")
    };
    assert_eq!(recomputing(&stored).as_deref(), Some("new"));
    wait(stored.checkpoints.record_rules(1, "other", "")).expect("there is room");
    assert_eq!(recomputing(&stored), None);
}
