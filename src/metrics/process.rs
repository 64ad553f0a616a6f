//! What the system knows of this process.

use metrics_process::collector;

use super::page::Page;
use super::table::*;

impl Page {
    /// CPU time, memory, files, threads: what the system tells of, on this system.
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
    }
}
