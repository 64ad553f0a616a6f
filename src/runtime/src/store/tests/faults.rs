//! Each step of each write in turn fails, or is the last one of the process.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::super::disk::{Disk, DiskFile, RealDisk};
use super::super::folder::Folder;
use super::super::{CheckpointStore, StoreError};
use super::disk::{Fault, FaultyDisk, Unsynced};
use super::stored_pipeline::{MESSAGES, StoredPipeline, states};

fn checkpoints(disk: &FaultyDisk) -> CheckpointStore {
    let folder = Folder::on(Arc::new(disk.clone()), Path::new("")).expect("making the folder does not fail here");
    CheckpointStore::over(Arc::new(folder), 1)
}

/// Writes a base, deltas, a second base that replaces the first, and a delta on it. What fails is repeated with the next
/// checkpoint. Returns the last message with a valid checkpoint, and the last one that was attempted.
fn write_checkpoints(disk: &FaultyDisk) -> (u64, u64) {
    let (mut valid, mut attempted) = (0, 0);
    let Ok(mut stored) = StoredPipeline::start(checkpoints(disk), "first") else { return (0, 0) };
    for (sequence, whole) in [(1, false), (3, false), (5, true), (7, false)] {
        stored.feed_to(sequence);
        attempted = stored.sequence;
        if stored.checkpoint(whole).is_ok() {
            valid = attempted;
        }
    }
    (valid, attempted)
}

/// Starts again, verifies that the state is that of a checkpoint no older than `valid`, and continues to the log's end.
fn assert_recovers(disk: &FaultyDisk, (valid, attempted): (u64, u64), states: &[Vec<u8>], what: &str) {
    let mut stored =
        StoredPipeline::start(checkpoints(disk), "second").unwrap_or_else(|error| panic!("{what}: {error}"));
    let sequence = stored.sequence;
    assert!(
        (valid..=attempted).contains(&sequence),
        "{what}: at {sequence}, after {valid} was valid and {attempted} attempted"
    );
    assert!(
        stored.pipeline.encode_checkpoint() == states[sequence as usize],
        "{what}: another state than at {sequence}"
    );
    // And it can be continued.
    stored.checkpoint(false).unwrap_or_else(|error| panic!("{what}: {error}"));
    stored.feed_to(MESSAGES).checkpoint(false).unwrap_or_else(|error| panic!("{what}: {error}"));
    let last = StoredPipeline::start(checkpoints(disk), "third").unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(
        last.sequence == MESSAGES && last.pipeline.encode_checkpoint() == states[MESSAGES as usize],
        "{what}: the end is another"
    );
    let names = disk.steps();
    assert!(!names.is_empty());
}

/// The steps of a run in which nothing fails.
fn steps() -> Vec<String> {
    let disk = FaultyDisk::default();
    assert_eq!(write_checkpoints(&disk), (7, 7));
    disk.steps()
}

#[test]
fn a_run_without_faults_has_every_kind_of_step() {
    let steps = steps();
    for kind in ["create", "write", "sync 0", "sync manifest", "rename", "sync the folder", "list", "remove", "lock"] {
        assert!(steps.iter().any(|step| step.starts_with(kind)), "no step begins with `{kind}`: {steps:#?}");
    }
    assert!(steps.iter().any(|step| step.ends_with(".delta.unfinished")), "no delta is written: {steps:#?}");
    assert!(steps.len() > 50, "only {} steps", steps.len());
}

#[test]
fn whatever_step_fails_nothing_is_lost_and_the_next_checkpoint_is_valid() {
    let (states, steps) = (states(), steps());
    for (at, step) in steps.iter().enumerate() {
        for fault in [Fault::Fails, Fault::FailsHalfway] {
            let disk = FaultyDisk::default();
            disk.fail_at(at, fault);
            let (valid, attempted) = write_checkpoints(&disk);
            let what = format!("{fault:?} at step {at}, {step}");
            // Only the last checkpoint can have failed without another after it.
            let is_start = valid == 0 && attempted == 0;
            assert!(is_start || valid >= 5, "{what}: only {valid} is valid");
            disk.lose_power(Unsynced::Lost);
            assert_recovers(&disk, (valid, attempted), &states, &what);
        }
    }
}

#[test]
fn whatever_step_is_the_last_the_restored_state_is_right() {
    let (states, steps) = (states(), steps());
    for (at, step) in steps.iter().enumerate() {
        for fault in [Fault::Stops, Fault::StopsAfterwards] {
            for unsynced in [Some(Unsynced::Lost), Some(Unsynced::Kept), None] {
                let disk = FaultyDisk::default();
                disk.fail_at(at, fault);
                let written = write_checkpoints(&disk);
                match unsynced {
                    Some(unsynced) => disk.lose_power(unsynced),
                    None => disk.restart(),
                }
                assert_recovers(&disk, written, &states, &format!("{fault:?} at step {at}, {step}; {unsynced:?}"));
            }
        }
    }
}

/// The machine's disk, with a full device in place of one file.
#[derive(Debug)]
struct FullDisk {
    full: &'static str,
}

impl Disk for FullDisk {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        RealDisk.create_folder(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        if path.ends_with(self.full) {
            return Ok(Box::new(fs::File::options().write(true).open("/dev/full")?));
        }
        RealDisk.create(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        RealDisk.sync_folder(path)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        RealDisk.read(path)
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        RealDisk.names(folder)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send>> {
        RealDisk.lock(path)
    }
}

#[cfg(unix)]
#[test]
fn a_full_disk_is_reported_and_the_next_checkpoint_succeeds() {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = FullDisk { full: "000000000002-1.delta.unfinished" };
    let on_disk = Folder::on(Arc::new(disk), folder.path()).expect("a folder");
    let mut stored =
        StoredPipeline::start(CheckpointStore::over(Arc::new(on_disk), 2), "first").expect("an empty folder");
    stored.feed_to(1).checkpoint(false).expect("there is room");
    stored.feed_to(3);
    match stored.checkpoint(false) {
        Err(StoreError::Failed { attempt, cause, .. }) => {
            let cause = cause.to_string();
            assert!(attempt == "write 000000000002-1.delta" && cause.contains("No space left"), "{attempt}: {cause}");
        }
        other => panic!("{other:?}"),
    }
    assert!(stored.checkpoints.next_is_full(), "what changed since the last valid one is no longer known");
    stored.checkpoint(false).expect("there is room again");
    let again =
        StoredPipeline::start(super::stored_pipeline::in_folder(folder.path(), 2), "second").expect("it was written");
    assert!(again.sequence == 4 && again.pipeline.encode_checkpoint() == states()[4]);
}
