//! Damaged, missing and foreign files: detected, reported, and not used.

use std::fs;
use std::path::{Path, PathBuf};

use rekindle_core::checkpoint::FORMAT_VERSION;

use super::super::{ObjectFinding, SkippedCheckpoint, StoreClaim, StoreError};
use super::stored_pipeline::{RULES, StoredPipeline, claim, in_folder, plan, states, wait};

/// A folder with two bases and a delta on each: of messages 1, 3, 5 and 7.
fn kept() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stored = StoredPipeline::start(in_folder(folder.path(), 2), "first").expect("an empty folder");
    for (sequence, whole) in [(1, true), (3, false), (5, true), (7, false)] {
        stored.feed_to(sequence).checkpoint(whole).expect("there is room");
    }
    folder
}

const MANIFESTS: [&str; 2] = ["manifest.json", "manifest-copy.json"];

const OBJECTS: [&str; 4] =
    ["000000000001-1.base", "000000000002-1.delta", "000000000003-1.base", "000000000004-1.delta"];

fn rules_object() -> String {
    format!("rules-{}-1.toml", plan().rules.version)
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).expect("it is there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(path, bytes).expect("written");
}

/// Damages a file of each of these names in turn, and gives what starting then says.
fn start(folder: &Path) -> Result<(u64, Vec<SkippedCheckpoint>, Vec<u8>), StoreError> {
    let (stored, loaded) = StoredPipeline::start_with(in_folder(folder, 2), claim("second"))?;
    Ok((stored.sequence, loaded.skipped, stored.pipeline.encode_checkpoint()))
}

/// The damage that verifying finds.
fn verify(folder: &Path) -> Vec<ObjectFinding> {
    let findings = wait(in_folder(folder, 2).verify()).expect("the manifest is intact");
    findings.into_iter().filter(|finding| finding.damage.is_some()).collect()
}

#[test]
fn intact_checkpoints_are_used() {
    let folder = kept();
    assert_eq!(wait(in_folder(folder.path(), 2).verify()).expect("intact").len(), 5, "four checkpoints, one of rules");
    assert!(verify(folder.path()).is_empty());
    let (sequence, skipped, state) = start(folder.path()).expect("intact");
    assert!(sequence == 7 && skipped.is_empty() && state == states()[7]);
}

/// For each kind of damage: the damaged object, the message whose checkpoint is used instead, and the error.
#[test]
fn damage_is_reported_and_the_checkpoint_before_it_is_used() {
    type Damage = fn(&Path, &Path);
    let cut_off: Damage = |path, _| {
        let bytes = fs::read(path).expect("it is there");
        fs::write(path, &bytes[..bytes.len() - 7]).expect("written");
    };
    let emptied: Damage = |path, _| fs::write(path, b"").expect("written");
    let missing: Damage = |path, _| fs::remove_file(path).expect("removed");
    let foreign: Damage = |path, _| fs::write(path, b"GIF89a").expect("written");
    let another: Damage = |path, folder| {
        fs::copy(folder.join(OBJECTS[0]), path).expect("copied");
    };
    let flipped: Damage = |path, _| flip(path);
    let newer: Damage = |path, _| {
        let mut bytes = fs::read(path).expect("it is there");
        bytes[4..6].copy_from_slice(&(FORMAT_VERSION + 1).to_le_bytes());
        fs::write(path, bytes).expect("written");
    };
    let newer_format = format!(
        "the checkpoint has format version {}; this program reads version {FORMAT_VERSION} and those before",
        FORMAT_VERSION + 1
    );
    let ways: [(Damage, &str); 7] = [
        (cut_off, "the checkpoint is cut off: it ends at byte"),
        (emptied, "these bytes are not a checkpoint of Rekindle"),
        (missing, "it is missing"),
        (foreign, "these bytes are not a checkpoint of Rekindle"),
        (another, "it is not the file that was written there, but checkpoint 1 up to sequence 1"),
        (flipped, "the checkpoint is damaged: the checksum of the block at byte"),
        (newer, &newer_format),
    ];
    let states = states();
    for (damage, said) in ways {
        for (at, sequence, passed) in [(3, 5, &[4][..]), (2, 3, &[4, 3])] {
            let folder = kept();
            damage(&folder.path().join(OBJECTS[at]), folder.path());
            let (found, skipped, state) = start(folder.path()).expect("others are intact");
            let numbers: Vec<u64> = skipped.iter().map(|it| it.number).collect();
            assert_eq!((found, numbers.as_slice()), (sequence, passed), "{said}, {at}");
            assert!(
                skipped.iter().all(|it| it.object == OBJECTS[at] && it.damage.to_string().contains(said)),
                "{skipped:?}"
            );
            assert!(state == states[sequence as usize]);
            let findings = verify(folder.path());
            assert_eq!(findings.len(), 1, "{findings:?}");
            assert!(
                findings[0].object == OBJECTS[at]
                    && findings[0].damage.as_ref().is_some_and(|it| it.to_string().contains(said))
            );
        }
    }
}

#[test]
fn the_checkpoint_after_damage_is_a_base_and_damaged_ones_are_removed() {
    let folder = kept();
    flip(&folder.path().join(OBJECTS[3]));
    let mut stored = StoredPipeline::start(in_folder(folder.path(), 1), "second").expect("others are intact");
    assert!(stored.checkpoints.next_is_full());
    stored.feed_to(8).checkpoint(false).expect("there is room");
    assert!(verify(folder.path()).is_empty());
    assert!(OBJECTS.iter().all(|name| !folder.path().join(name).exists()));
    assert_eq!(start(folder.path()).expect("intact").0, 8);
}

#[test]
fn a_start_is_refused_if_no_checkpoint_can_be_used() {
    let folder = kept();
    flip(&folder.path().join(OBJECTS[0]));
    fs::remove_file(folder.path().join(OBJECTS[2])).expect("removed");
    let refused = start(folder.path()).expect_err("none can be used");
    assert!(matches!(&refused, StoreError::NoneUsable { skipped, .. } if skipped.len() == 4), "{refused:?}");
    let said = refused.to_string();
    assert!(said.contains("000000000003-1.base") && said.contains("--from-start"), "{said}");
    let from_start = StoreClaim { from_start: true, ..claim("third") };
    let (stored, loaded) = StoredPipeline::start_with(in_folder(folder.path(), 2), from_start).expect("forgotten");
    assert!(stored.sequence == 0 && loaded.state.is_none());
}

#[test]
fn damaged_rules_make_the_checkpoints_under_them_unusable() {
    let folder = kept();
    let rules = folder.path().join(rules_object());
    for text in [RULES.replace(">= 2", ">= 3"), "[[segments]]\n".to_owned()] {
        fs::write(&rules, text).expect("written");
        let refused = start(folder.path()).expect_err("all were written under them").to_string();
        assert!(refused.contains(&rules_object()), "{refused}");
        assert_eq!(verify(folder.path()).len(), 1);
    }
    fs::write(&rules, RULES).expect("written");
    assert_eq!(start(folder.path()).expect("intact again").0, 7);
}

#[test]
fn a_damaged_or_missing_manifest_is_refused_and_can_be_forgotten() {
    let flipped_everywhere = {
        let folder = kept();
        let whole = fs::read(folder.path().join("manifest.json")).expect("it is there");
        (0..whole.len()).map(move |at| {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            bytes
        })
    };
    let folder = kept();
    let [manifest, copy]: [PathBuf; 2] = MANIFESTS.map(|name| folder.path().join(name));
    let whole = fs::read(&manifest).expect("it is there");
    for bytes in flipped_everywhere.chain([Vec::new(), whole[..whole.len() - 1].to_vec(), b"null".to_vec()]) {
        fs::write(&manifest, &bytes).expect("written");
        fs::write(&copy, &bytes).expect("written");
        let refused = start(folder.path()).err().unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&bytes)));
        assert!(matches!(refused, StoreError::Manifest { .. }), "{refused}");
    }
    fs::remove_file(&manifest).expect("removed");
    fs::remove_file(&copy).expect("removed");
    let refused = start(folder.path()).expect_err("it is missing");
    assert!(matches!(refused, StoreError::ManifestMissing { .. }), "{refused}");
    fs::write(&manifest, &whole).expect("written");
    assert_eq!(start(folder.path()).expect("it is back").0, 7);
    fs::write(&manifest, b"{").expect("written");
    fs::write(&copy, b"{").expect("written");
    let from_start = StoreClaim { from_start: true, ..claim("third") };
    assert_eq!(StoredPipeline::start_with(in_folder(folder.path(), 2), from_start).expect("forgotten").0.sequence, 0);
}

#[test]
fn the_copy_of_a_damaged_or_missing_manifest_is_used_and_both_are_written_again() {
    let damages: [fn(&Path); 4] = [
        flip,
        |path| fs::write(path, b"").expect("written"),
        |path| fs::write(path, b"{\"format\":1,\"crc32c\":0,\"manifest\":{}}").expect("written"),
        |path| fs::remove_file(path).expect("removed"),
    ];
    for damage in damages {
        let folder = kept();
        let [manifest, copy] = MANIFESTS.map(|name| folder.path().join(name));
        assert_eq!(fs::read(&manifest).expect("there"), fs::read(&copy).expect("there"));
        damage(&manifest);
        let damaged = |folder: &Path| verify(folder).into_iter().map(|finding| finding.object).collect::<Vec<_>>();
        assert_eq!(damaged(folder.path()), ["manifest.json"], "it is reported, and all valid objects are intact");
        let (mut stored, loaded) =
            StoredPipeline::start_with(in_folder(folder.path(), 2), claim("second")).expect("by the copy");
        assert!(
            stored.sequence == 7 && loaded.skipped.is_empty() && stored.pipeline.encode_checkpoint() == states()[7]
        );
        stored.checkpoint(true).expect("there is room");
        let first = fs::read(&manifest).expect("there");
        assert_eq!(first, fs::read(&copy).expect("there"));
        // And the other way: it is only a copy.
        damage(&copy);
        let expected: &[&str] = if copy.exists() { &["manifest-copy.json"] } else { &[] };
        assert_eq!(damaged(folder.path()), expected);
        assert_eq!(start(folder.path()).expect("by the manifest").0, 7);
        assert_eq!(fs::read(&manifest).expect("there"), fs::read(&copy).expect("there"));
    }
}

/// Such a manifest once made `/etc/passwd` be opened and quoted in an error.
#[test]
fn a_manifest_that_names_foreign_objects_is_refused() {
    for name in
        ["/etc/passwd", "../outside.base", "..", "", "deeper/000000000001-1.base", "a\\b.base", "a\u{1b}[31m.base"]
    {
        for of_rules in [false, true] {
            let folder = kept();
            fs::write(folder.path().parent().expect("a folder").join("outside.base"), "outside").expect("written");
            let mut manifest = wait(in_folder(folder.path(), 2).manifest()).expect("intact").expect("there");
            let object = if of_rules { &mut manifest.rules[0].object } else { &mut manifest.checkpoints[1].object };
            *object = name.to_owned();
            for file in MANIFESTS {
                fs::write(folder.path().join(file), manifest.encode()).expect("written");
            }
            let refused = start(folder.path()).expect_err("it names another's").to_string();
            assert!(refused.contains("which is not the name of an object in this place"), "{refused}");
            assert!(!refused.contains('\u{1b}'), "{refused:?}");
            assert!(wait(in_folder(folder.path(), 2).verify()).is_err());
        }
    }
}

#[cfg(unix)]
#[test]
fn files_are_readable_by_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let above = tempfile::tempdir().expect("a folder");
    let folder = above.path().join("deep/checkpoints");
    let mut stored = StoredPipeline::start(in_folder(&folder, 2), "first").expect("an empty folder");
    stored.feed_to(3).checkpoint(true).expect("there is room");
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&above.path().join("deep"))), (0o700, 0o700));
    let names: Vec<PathBuf> =
        fs::read_dir(&folder).expect("there").map(|entry| entry.expect("a name").path()).collect();
    assert_eq!(names.len(), 5, "manifest, copy, lock, rules, base: {names:?}");
    for path in names {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

/// Somebody who can write to the folder cannot make other files be overwritten by links under guessed names.
#[cfg(unix)]
#[test]
fn links_in_the_place_of_files_are_not_followed() {
    use std::os::unix::fs::symlink;
    let (folder, elsewhere) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let (precious, missing) = (elsewhere.path().join("precious"), elsewhere.path().join("missing"));
    fs::write(&precious, "precious").expect("written");
    let mut stored = StoredPipeline::start(in_folder(folder.path(), 2), "first").expect("an empty folder");
    for name in ["manifest.json.unfinished", "manifest-copy.json.unfinished", "000000000001-1.base.unfinished"] {
        symlink(&precious, folder.path().join(name)).expect("a link");
    }
    symlink(&missing, folder.path().join("000000000002-1.delta.unfinished")).expect("a link");
    stored.feed_to(1).checkpoint(true).expect("the links are put away");
    stored.feed_to(3).checkpoint(false).expect("the links are put away");
    assert_eq!(fs::read_to_string(&precious).expect("there"), "precious");
    assert!(!missing.exists());
    assert!(verify(folder.path()).is_empty());
    let lock = folder.path().join("lock");
    fs::remove_file(&lock).expect("it was there");
    symlink(&missing, &lock).expect("a link");
    let refused = stored.feed_to(5).checkpoint(false).expect_err("the lock is none").to_string();
    assert!(refused.contains("symbolic link") && !missing.exists(), "{refused}");
}

#[test]
fn files_of_others_in_the_folder_are_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let others = ["notes.txt", "a-1.base", "rules.toml", "2026-03-02.delta"];
    others.iter().for_each(|name| fs::write(folder.path().join(name), "x").expect("written"));
    let mut stored = StoredPipeline::start(in_folder(folder.path(), 1), "first").expect("no checkpoint is there");
    for sequence in 1..4 {
        stored.feed_to(sequence).checkpoint(true).expect("there is room");
    }
    assert!(others.iter().all(|name| folder.path().join(name).exists()));
}

#[test]
fn rules_are_kept_as_long_as_something_may_be_replayed_under_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stored = StoredPipeline::start(in_folder(folder.path(), 1), "first").expect("an empty folder");
    stored.feed_to(2).checkpoint(true).expect("there is room");
    let other = RULES.replace(">= 2", ">= 3");
    let changed = std::sync::Arc::new(rekindle_core::partition::ExecutionPlan::new(
        rekindle_core::rules::compile(&other).expect("sound"),
    ));
    let version = changed.rules.version.clone();
    stored.feed_to(4);
    let note =
        |stored: &StoredPipeline, version: &str, text: &str| wait(stored.checkpoints.record_rules(4, version, text));
    let noted =
        [(&version, &other), (&version, &other), (&plan().rules.version, &RULES.to_owned()), (&version, &other)];
    let numbers = noted.map(|(version, text)| note(&stored, version, text).expect("there is room"));
    assert_eq!(numbers, [1, 1, 2, 3], "rules in force are not recorded again");
    let (_, loaded) = StoredPipeline::start_with(in_folder(folder.path(), 1), claim("second")).expect("intact");
    let after: Vec<_> = loaded.rules.iter().map(|it| (it.number, it.sequence, it.version.as_str())).collect();
    let first = plan().rules.version.clone();
    assert_eq!(after, [(1, 4, version.as_str()), (2, 4, first.as_str()), (3, 4, version.as_str())]);
    assert_eq!(loaded.rules[0].text, other);
    let mut stored = StoredPipeline::start(in_folder(folder.path(), 1), "third").expect("intact");
    stored.feed_to(4).pipeline.change_rules(changed, &mut Vec::new());
    stored.generation = 3;
    stored.checkpoint(false).expect("there is room");
    assert!(!folder.path().join(rules_object()).exists(), "nothing is replayed under the first rules now");
    let (stored, loaded) = StoredPipeline::start_with(in_folder(folder.path(), 1), claim("fourth")).expect("intact");
    assert_eq!((stored.pipeline.plan().rules.version.as_str(), loaded.rules.len()), (version.as_str(), 0));
}
