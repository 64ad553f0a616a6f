//! Real data sets, and tests of them.
//!
//! They lie outside the repository: in `$REKINDLE_DATA`, or in `../shared/data` beside it. CDNOW comes from PyPI into `target/`
//! where it is not there, so that every clone has one. A test of one that is nowhere to be had is *ignored*, and reported so; with
//! `REKINDLE_DATA` or `REKINDLE_DATA_REQUIRED` set it fails. Whether data is there shows only as the tests run, which the usual
//! harness has no word for: hence `libtest-mimic`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::Trial;

use crate::{pypi, repository};

/// The package that has the purchases of CDNOW.
const CDNOW: &str = "lifetimes==0.11.3";
/// Their place in the folder of data sets.
const CDNOW_EVENTS: &str = "cdnow/events.jsonl.zst";

/// A test that is given the file of events at this place in the folder of data sets (`cdnow/events.jsonl.zst`); ignored where
/// there is none.
pub fn trial(name: &str, file: &str, test: impl FnOnce(&Path) + Send + 'static) -> Trial {
    let path = folder().join(file);
    let is_there = path.is_file() || file == CDNOW_EVENTS;
    let trial = Trial::test(name, move || {
        match path.is_file() {
            true => test(&path),
            false if path.ends_with(CDNOW_EVENTS) => test(&cdnow()),
            false => panic!("this test needs {}: set REKINDLE_DATA to the folder that holds it", path.display()),
        }
        Ok(())
    });
    match is_there || is_required() {
        true => trial,
        false => trial.with_kind("its data is not here").with_ignored_flag(true),
    }
}

fn folder() -> PathBuf {
    env::var_os("REKINDLE_DATA").map_or_else(|| repository().join("../shared/data"), PathBuf::from)
}

fn is_required() -> bool {
    env::var_os("REKINDLE_DATA").is_some() || env::var_os("REKINDLE_DATA_REQUIRED").is_some()
}

/// The purchases of CDNOW, as the README has them fetched and converted. Tests that run at the same time wait for the first.
fn cdnow() -> PathBuf {
    let folder = crate::cache().join("cdnow");
    fs::create_dir_all(&folder).expect("a folder in target/");
    let lock = fs::File::create(folder.join("lock")).expect("a lock file");
    lock.lock().expect("the lock");
    let file = folder.join("events.jsonl.zst");
    if !file.is_file() {
        let mut convert = Command::new(pypi::programs_alone(CDNOW).join("python"));
        let converted =
            convert.arg(repository().join("config/examples/cdnow_to_events.py")).output().expect("Python runs");
        assert!(converted.status.success(), "{}", String::from_utf8_lossy(&converted.stderr));
        let packed = zstd::encode_all(converted.stdout.as_slice(), 3).expect("it packs");
        let part = folder.join("events.part");
        fs::write(&part, packed).expect("a file in target/");
        fs::rename(&part, &file).expect("it is renamed");
    }
    file
}
