//! The machine and the time of a measurement.

use std::fmt;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use rekindle_core::time::Timestamp;
use serde::Serialize;

/// The machine, the program and the time.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    cores: usize,
    processor: String,
    system: String,
    memory_bytes: u64,
    rekindle: &'static str,
    optimised: bool,
    command: String,
    /// Over one and five minutes, with all other processes.
    load_average: String,
    at: String,
}

impl Machine {
    /// This machine, now.
    pub(crate) fn this() -> Machine {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            line.trim_start_matches([' ', '\t', ':']).trim().to_owned()
        };
        let kib = field(&read("/proc/meminfo"), "MemTotal:");
        let load = read("/proc/loadavg");
        let mut command: Vec<String> = std::env::args().skip(1).collect();
        command.insert(0, "loadtest".to_owned());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Machine {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            processor: field(&read("/proc/cpuinfo"), "model name"),
            system: format!("{} {}", std::env::consts::OS, read("/proc/sys/kernel/osrelease").trim()),
            memory_bytes: kib.trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1_024,
            rekindle: env!("CARGO_PKG_VERSION"),
            optimised: !cfg!(debug_assertions),
            command: command.join(" "),
            load_average: load.split_whitespace().take(2).collect::<Vec<_>>().join(" "),
            at: Timestamp(i64::try_from(now.as_millis()).unwrap_or(0)).to_string(),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { cores, processor, system, memory_bytes, rekindle, command, load_average, at, .. } = self;
        let build = if self.optimised { "" } else { ", NOT a release build" };
        write!(
            f,
            "`{command}` on {cores} cores ({processor}), {} GiB, {system}, load average {load_average}; rekindle {rekindle}\
             {build}; {at}",
            memory_bytes >> 30
        )
    }
}
