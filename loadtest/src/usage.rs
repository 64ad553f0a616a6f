//! A process that is run to its end, and what that took, as the system accounts for it: to the microsecond, with all its threads and
//! whatever it has started and waited for.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use wait4::Wait4;

use crate::error::Error;

/// How much of what a process complained about is shown.
const COMPLAINT_CHARS_MAX: usize = 2_000;

/// What a process took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProcessUsage {
    pub(crate) wall: Duration,
    /// User and system.
    pub(crate) processor: Duration,
    /// The peak of resident memory. It is at least what this process had when it started the other: Linux counts the image that a
    /// process leaves by `exec`, too.
    pub(crate) peak_bytes: u64,
}

/// Kills a process that is left behind, as when this one is interrupted.
struct ProcessGuard(Option<u32>);

impl Drop for ProcessGuard {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
        }
    }
}

/// Runs a command, its standard output into this file and its complaints into one beside it.
///
/// # Errors
/// It can't be started, or ends with another code than 0; with the end of its complaints.
pub(crate) async fn run(mut command: Command, output: &Path) -> Result<ProcessUsage, Error> {
    let complaints = output.with_extension("stderr");
    let create = |path: &Path| File::create(path).map_err(Error::file("write", path));
    command.stdin(Stdio::null()).stdout(create(output)?).stderr(create(&complaints)?);
    let started = Instant::now();
    let mut child = command.spawn().map_err(Error::file("start", command.get_program()))?;
    let mut guard = ProcessGuard(Some(child.id()));
    let waited = tokio::task::spawn_blocking(move || child.wait4().map(|used| (used, started.elapsed()))).await;
    guard.0 = None;
    let (used, wall) = waited
        .map_err(std::io::Error::other)
        .flatten()
        .map_err(|cause| Error::Io { attempt: "wait for a process", cause })?;
    if !used.status.success() {
        let said = [&complaints, output].map(|path| end_of(&fs::read(path).unwrap_or_default()));
        let program = command.get_program().to_string_lossy().into_owned();
        return Err(Error::Program { program, status: used.status, said: said.join("\n").trim().to_owned() });
    }
    let processor = used.rusage.utime + used.rusage.stime;
    Ok(ProcessUsage { wall, processor, peak_bytes: used.rusage.maxrss })
}

/// The same, with what it wrote to that file.
pub(crate) async fn run_and_read(command: Command, output: &Path) -> Result<(ProcessUsage, Vec<u8>), Error> {
    let usage = run(command, output).await?;
    Ok((usage, fs::read(output).map_err(Error::file("read", output))?))
}

/// The last characters of what was written.
fn end_of(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let before = text.chars().count().saturating_sub(COMPLAINT_CHARS_MAX);
    text.chars().skip(before).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Result<ProcessUsage, Error> {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(run(command, &folder.path().join("output")))
    }

    #[test]
    fn processor_time_is_that_of_the_process_and_not_of_its_waiting() {
        let busy = shell("i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done").expect("it ends well");
        let idle = shell("sleep 0.05").expect("it ends well");
        assert!(busy.processor > 4 * idle.processor, "{busy:?} {idle:?}");
        assert!(idle.wall >= Duration::from_millis(50) && idle.peak_bytes > 100_000, "{idle:?}");
    }

    #[test]
    fn a_failure_has_the_end_of_what_was_said() {
        let error = shell("echo the reason >&2; exit 3").expect_err("it fails").to_string();
        assert!(error.contains("sh ended with exit status: 3") && error.contains("the reason"), "{error}");
    }
}
