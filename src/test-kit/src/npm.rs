//! Programs and packages from npm for tests: fetched into `target/`, once.
//!
//! Unlike Python, which everything here needs, node may be missing: tests that need it are then ignored, and say why. See
//! [`optional`](crate::optional).

use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// The oldest node that the packages run on.
const NODE_OLDEST: u32 = 20;

/// A folder with these packages (`name@version`) in its `node_modules`. Tests that run at the same time wait for the first.
///
/// # Errors
/// There is no node, it is too old, or the packages can't be fetched.
pub fn modules(folder: &str, packages: &[&str]) -> Result<PathBuf, String> {
    let version = Command::new("node").arg("--version").output().map_err(|_| "there is no node here".to_owned())?;
    let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < NODE_OLDEST) {
        return Err(format!("node {version} is older than {NODE_OLDEST}"));
    }
    let folder = crate::cache().join("npm").join(folder);
    fs::create_dir_all(&folder).expect("a folder in target/");
    let lock = fs::File::create(folder.join("lock")).expect("a lock file");
    lock.lock().expect("the lock");
    let done = folder.join("done");
    if fs::read_to_string(&done).is_ok_and(|done| done == packages.join(" ")) {
        return Ok(folder);
    }
    fs::write(folder.join("package.json"), "{\"private\":true}\n").expect("a file in target/");
    // No package's own scripts are run.
    let options = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--save-exact", "--loglevel=error"];
    let mut install = Command::new("npm");
    let output = install.args(options).args(packages).current_dir(&folder).output();
    let output = output.map_err(|error| format!("npm does not run: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("npm could not fetch the packages: {}", said.lines().next().unwrap_or_default()));
    }
    fs::write(&done, packages.join(" ")).expect("a file in target/");
    Ok(folder)
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
