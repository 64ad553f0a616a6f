//! The metrics of this process and this build.

use std::sync::LazyLock;

use metrics_process::collector;
use sysinfo::{MemoryRefreshKind, System};

use super::definitions::*;
use super::page::MetricsPage;

impl MetricsPage {
    /// Which build this is: its version, and the revision that `REKINDLE_REVISION` named when it was built.
    pub fn build(&mut self) {
        let revision = option_env!("REKINDLE_REVISION").unwrap_or("unknown");
        self.add(&BUILD_INFO, &[env!("CARGO_PKG_VERSION"), revision], 1.0);
    }

    /// CPU time, memory, files, threads: as far as the operating system reports them.
    pub fn process(&mut self) {
        let numbers = collector::collect();
        if let Some(seconds) = numbers.cpu_seconds_total {
            self.add(&CPU, &[], seconds);
        }
        for (metric, number) in [
            (&OPEN_FDS, numbers.open_fds),
            (&MAX_FDS, numbers.max_fds),
            (&RESIDENT, numbers.resident_memory_bytes),
            (&VIRTUAL, numbers.virtual_memory_bytes),
            (&START_TIME, numbers.start_time_seconds),
            (&THREADS, numbers.threads),
        ] {
            if let Some(number) = number {
                self.count(metric, &[], number);
            }
        }
        if let Some(bytes) = *MEMORY {
            self.count(&MEMORY_LIMIT, &[], bytes);
        }
    }
}

/// The memory that the process may take, in bytes, as it was at the start; `None` where the system does not tell.
static MEMORY: LazyLock<Option<u64>> = LazyLock::new(|| {
    let mut system = System::new();
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    // Of a control group without a limit it is the machine's.
    let bytes = system.cgroup_limits().map_or(system.total_memory(), |limits| limits.total_memory);
    (bytes > 0).then_some(bytes)
});
