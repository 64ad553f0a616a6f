//! The daemon as a process: its settings, its starts, and its ends.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::error::Error;

/// The binary and the settings of daemons.
pub(crate) struct DaemonSetup {
    binary: PathBuf,
    folder: PathBuf,
    /// The binary keeps checkpoints.
    pub(crate) has_checkpoints: bool,
    /// The number of daemons that were started.
    starts: u32,
}

/// A daemon that is killed when it is dropped.
pub(crate) struct DaemonProcess {
    child: Child,
    /// Its number among those that were started.
    pub(crate) number: u32,
}

impl DaemonSetup {
    /// Writes settings and rules. If the binary keeps checkpoints, they are in the folder, one per second.
    pub(crate) fn new(binary: PathBuf, folder: &Path, rules: &str, settings: &str) -> Result<DaemonSetup, Error> {
        let has_checkpoints = knows_checkpoints(&binary)?;
        let checkpoint = if has_checkpoints { "[checkpoint]\nstore = 'checkpoints'\ninterval = '1s'\n" } else { "" };
        for (name, text) in [("rekindle.toml", format!("{settings}{checkpoint}").as_str()), ("rules.toml", rules)] {
            let path = folder.join(name);
            fs::write(&path, text).map_err(Error::file("write", &path))?;
        }
        Ok(DaemonSetup { binary, folder: folder.to_owned(), has_checkpoints, starts: 0 })
    }

    /// Starts a daemon. Its log is `daemon-<number>.log`.
    pub(crate) fn start(&mut self) -> Result<DaemonProcess, Error> {
        self.starts += 1;
        let log = self.folder.join(format!("daemon-{:03}.log", self.starts));
        let mut command = Command::new(&self.binary);
        command.arg("run").arg("--config").arg(self.folder.join("rekindle.toml"));
        DaemonProcess::spawn(&mut command, &log, self.starts)
    }
}

impl DaemonProcess {
    /// Starts a process that writes its log there.
    pub(crate) fn spawn(command: &mut Command, log: &Path, number: u32) -> Result<DaemonProcess, Error> {
        let file = fs::File::create(log).map_err(Error::file("write", log))?;
        let child = command.stdout(Stdio::null()).stderr(file).spawn();
        let child = child.map_err(Error::file("start", Path::new(command.get_program())))?;
        Ok(DaemonProcess { child, number })
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it (SIGKILL). Returns its exit status if it had ended before.
    pub(crate) fn kill(&mut self) -> Option<ExitStatus> {
        let ended = self.ended();
        let _ = self.child.kill();
        let _ = self.child.wait();
        ended
    }

    /// Sends a signal: `STOP`, `CONT`, `TERM`.
    pub(crate) fn signal(&self, name: &str) -> Result<(), Error> {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        sent.map(|_| ()).map_err(|cause| Error::Io { attempt: "run kill", cause })
    }

    /// Ends it as a service manager does, and waits for its success.
    pub(crate) async fn end(mut self, command: &'static str, patience: Duration) -> Result<(), Error> {
        self.signal("TERM")?;
        match self.wait_for_end(patience).await {
            Some(status) if status.success() => Ok(()),
            _ => Err(Error::Command { command, said: "it did not end as it should".to_owned() }),
        }
    }

    /// Its exit status, if it has ended.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Waits for its end.
    pub(crate) async fn wait_for_end(&mut self, patience: Duration) -> Option<ExitStatus> {
        let started = Instant::now();
        loop {
            let ended = self.ended();
            if ended.is_some() || started.elapsed() > patience {
                return ended;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for DaemonProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The daemon's binary: as named, or in the folder of this program.
pub(crate) fn binary(named: Option<&Path>) -> Result<PathBuf, Error> {
    let own = std::env::current_exe().map_err(|cause| Error::Io { attempt: "find this program's own file", cause })?;
    let path = named.map_or_else(|| own.with_file_name("rekindle"), Path::to_owned);
    if path.is_file() { Ok(path) } else { Err(Error::NoDaemon(path)) }
}

fn knows_checkpoints(binary: &Path) -> Result<bool, Error> {
    let output = Command::new(binary).args(["schema", "config"]).output().map_err(Error::file("start", binary))?;
    let schema: Value = serde_json::from_slice(&output.stdout).map_err(|_| Error::Command {
        command: "schema config",
        said: String::from_utf8_lossy(&output.stderr).into_owned(),
    })?;
    Ok(!schema["properties"]["checkpoint"].is_null())
}
