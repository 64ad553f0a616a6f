//! The package, the image and the manifests, tried by the scripts beside this file with the binary of these tests.
//!
//! Each takes minutes, and needs root, programs that few machines have, and registries of packages: all are *ignored* unless asked
//! for, `cargo test --test packaging -- --ignored`, and then fail where something is missing.

use std::path::Path;
use std::process::Command;

use libtest_mimic::{Arguments, Failed, Trial};

const SCRIPTS: [&str; 4] = ["debian.sh", "image.sh", "kubernetes.sh", "unit.sh"];

fn main() {
    let trials = SCRIPTS.map(|script| {
        let trial = Trial::test(script, move || run(script));
        trial.with_kind("takes minutes, and root").with_ignored_flag(true)
    });
    // They share what they build.
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    libtest_mimic::run(&arguments, trials.into()).exit()
}

/// Runs a script; a failure shows what it said.
fn run(script: &str) -> Result<(), Failed> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/packaging"));
    let output = Command::new(folder.join(script)).arg(env!("CARGO_BIN_EXE_rekindle")).output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned().into()),
    }
}
