//! Programs and packages from npm for tests: fetched into `target/`, once.
//!
//! Unlike Python, which everything here needs, node may be missing: tests that need it are then ignored, and say why. See
//! [`optional`](crate::optional).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest node that the packages run on.
const NODE_OLDEST: u32 = 20;

/// That there is a node, and it is new enough.
///
/// # Errors
/// There is none, or it is too old.
pub fn node() -> Result<(), String> {
    let version = Command::new("node").arg("--version").output().map_err(|_| "there is no node here".to_owned())?;
    let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < NODE_OLDEST) {
        return Err(format!("node {version} is older than {NODE_OLDEST}"));
    }
    Ok(())
}

/// A folder with these packages (`name@version`) in its `node_modules`. Tests that run at the same time wait for the first.
///
/// # Errors
/// There is no node, it is too old, or the packages can't be fetched.
pub fn modules(folder: &str, packages: &[&str]) -> Result<PathBuf, String> {
    node()?;
    let folder = crate::cache().join("npm").join(folder);
    fs::create_dir_all(&folder).expect("a folder in target/");
    let lock = fs::File::create(folder.join("lock")).expect("a lock file");
    lock.lock().expect("the lock");
    let done = folder.join("done");
    if fs::read_to_string(&done).is_ok_and(|done| done == packages.join(" ")) {
        return Ok(folder);
    }
    fs::write(folder.join("package.json"), "{\"private\":true}\n").expect("a file in target/");
    fetch(&folder, Command::new("npm").args(["install", "--save-exact"]).args(packages))?;
    fs::write(&done, packages.join(" ")).expect("a file in target/");
    Ok(folder)
}

/// A copy of a folder with a `package.json` and a lock file, and the packages that the lock file names in its `node_modules`.
///
/// # Errors
/// There is no node, it is too old, or the packages can't be fetched.
pub fn locked(folder: &str, source: &Path) -> Result<PathBuf, String> {
    node()?;
    let folder = crate::cache().join("npm").join(folder);
    fs::create_dir_all(&folder).expect("a folder in target/");
    let lock = fs::File::create(folder.join("lock")).expect("a lock file");
    lock.lock().expect("the lock");
    let done = folder.join("done");
    let wanted = fs::read_to_string(source.join("package-lock.json")).expect("a lock file of npm");
    let is_fetched = fs::read_to_string(&done).is_ok_and(|done| done == wanted);
    copy_over(source, &folder);
    if !is_fetched {
        fetch(&folder, Command::new("npm").arg("ci"))?;
        fs::write(&done, wanted).expect("a file in target/");
    }
    Ok(folder)
}

/// Copies what is in a folder over another one, so that both have the same but for the packages.
fn copy_over(source: &Path, target: &Path) {
    for entry in fs::read_dir(source).expect("a folder").map(|entry| entry.expect("an entry")) {
        let (from, to) = (entry.path(), target.join(entry.file_name()));
        if entry.file_name() == "node_modules" {
            continue;
        }
        if from.is_dir() {
            let _ = fs::remove_dir_all(&to);
            fs::create_dir_all(&to).expect("a folder in target/");
            copy_over(&from, &to);
        } else {
            fs::copy(&from, &to).expect("a file in target/");
        }
    }
}

/// Lets npm fetch packages into a folder. No package's own scripts are run.
fn fetch(folder: &Path, npm: &mut Command) -> Result<(), String> {
    let options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    let output = npm.args(options).current_dir(folder).output();
    let output = output.map_err(|error| format!("npm does not run: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("npm could not fetch the packages: {}", said.lines().next().unwrap_or_default()))
}

/// A Chromium: `$CHROMIUM`, or one on PATH.
///
/// # Errors
/// There is none.
pub fn chromium() -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os("CHROMIUM") {
        return Ok(path.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let mut found = std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name)));
    found.find(|file| file.is_file()).ok_or_else(|| "there is no chromium here".to_owned())
}
