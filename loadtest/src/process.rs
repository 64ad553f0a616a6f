//! Processor time and memory of a process, as Linux reports them; on other systems there are none.

use std::fs;
use std::time::Duration;

/// How many ticks of `/proc/<pid>/stat` are a second: the same on every Linux that Rust knows.
const TICKS_PER_SECOND: u64 = 100;

/// The processor time that a process has used on all its threads, to 10 ms.
pub(crate) fn processor_time(pid: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may hold anything; user and system time are fields 14 and 15.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND))
}

/// The same of this process, to the nanosecond.
pub(crate) fn own_processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The resident memory of a process, in bytes.
pub(crate) fn resident(pid: u32) -> Option<u64> {
    status(pid, "VmRSS:")
}

/// The peak of resident memory of a process, in bytes.
pub(crate) fn peak_resident(pid: u32) -> Option<u64> {
    status(pid, "VmHWM:")
}

/// The available memory of the machine, in bytes.
pub(crate) fn available() -> Option<u64> {
    kib(&fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:")
}

/// Resets this process's peak to its resident memory.
pub(crate) fn reset_own_peak() {
    // If that is not permitted, the peak is an upper bound.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

fn status(pid: u32, name: &str) -> Option<u64> {
    kib(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?, name)
}

/// The value after a name, in bytes.
fn kib(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1_024)
}
