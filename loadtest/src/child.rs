//! A child process for a part of the measurement, so that each has a peak of memory of its own, or a core.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::error::Error;

/// How often it is checked whether the process has ended.
const EXIT_RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// A process that is killed when it is dropped.
struct ChildProcess(Child);

impl Drop for ChildProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// This program, to be run with other arguments.
pub(crate) fn own_binary() -> Result<PathBuf, Error> {
    std::env::current_exe().map_err(|cause| Error::Io { attempt: "find this program's own file", cause })
}

/// Runs a command, and reads the JSON object that it prints.
pub(crate) async fn run<T: DeserializeOwned>(command: &mut Command) -> Result<T, Error> {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut child = ChildProcess(child.map_err(|cause| Error::Io { attempt: "start a process", cause })?);
    // It prints less than a pipe holds.
    let ended = loop {
        let ended = child.0.try_wait().map_err(|cause| Error::Io { attempt: "wait for a process", cause })?;
        match ended {
            Some(ended) => break ended,
            None => tokio::time::sleep(EXIT_RETRY_INTERVAL).await,
        }
    };
    let mut said = String::new();
    if let Some(mut stdout) = child.0.stdout.take() {
        stdout.read_to_string(&mut said).map_err(|cause| Error::Io { attempt: "read what a process said", cause })?;
    }
    if !ended.success() {
        return Err(Error::Unreadable(format!(
            "the process that measured ended with {ended} (what it said stands above): a signal 9 means that the system ran \
             out of memory"
        )));
    }
    serde_json::from_str(&said).map_err(|error| Error::Unreadable(format!("a process said {said:?}: {error}")))
}
