//! Which cores processes may use: what is measured has one of its own, and everything else has the others. By `taskset`, which
//! threads and children of a process inherit.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

use crate::error::Error;

/// The core of what is measured.
const MEASURED: &str = "0";

/// How the cores are shared.
#[derive(Clone, Debug)]
pub(crate) struct CoreShares {
    /// Those of everything else.
    others: String,
}

impl CoreShares {
    /// One core for what is measured.
    ///
    /// # Errors
    /// There is only one.
    pub(crate) fn one_and_others() -> Result<CoreShares, Error> {
        match std::thread::available_parallelism().map_or(1, usize::from) {
            1 => Err(Error::Unreadable("a core for what is measured and one for the rest are needed".to_owned())),
            2 => Ok(CoreShares { others: "1".to_owned() }),
            cores => Ok(CoreShares { others: format!("1-{}", cores - 1) }),
        }
    }

    /// A command whose process runs on the core of what is measured.
    pub(crate) fn measured(&self, binary: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("taskset");
        command.arg("-c").arg(MEASURED).arg(binary);
        command
    }

    /// Has a process that runs use the other cores.
    ///
    /// # Errors
    /// There is no `taskset`.
    pub(crate) fn with_others(&self, pid: u32) -> Result<(), Error> {
        let pinned = Command::new("taskset")
            .args(["-a", "-c", "-p", &self.others, &pid.to_string()])
            .stdout(Stdio::null())
            .status()
            .map_err(|cause| Error::Io { attempt: "run taskset", cause })?;
        match pinned.success() {
            true => Ok(()),
            false => Err(Error::Unreadable("taskset could not bind a process to its cores".to_owned())),
        }
    }
}
