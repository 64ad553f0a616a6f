//! W1's four segments as a hand-written job for timely dataflow, with two workers: what a good programmer would write for these
//! four segments and nothing else. No rules are read, no `messageId` is remembered, nothing is written but the counts.
//!
//! `w1-timely EVENTS UNTIL_MS PASSES DAYS` prints one JSON object: events, and transitions by segment.

mod blocks;
mod event;
mod job;
mod user_state;

use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;

use job::{JobOptions, JobTotals};
use serde::Serialize;
use user_state::SEGMENTS;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Serialize)]
struct JobReport {
    events: u64,
    transitions: BTreeMap<&'static str, ChangeCounts>,
}

#[derive(Serialize)]
struct ChangeCounts {
    enter: u64,
    exit: u64,
}

fn main() -> ExitCode {
    let done = options().and_then(|options| job::run(&options)).and_then(|totals| print(&totals));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Result<JobOptions, String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [events, until_ms, passes, days] = arguments.as_slice() else {
        return Err("usage: w1-timely EVENTS UNTIL_MS PASSES DAYS".to_owned());
    };
    let number = |text: &String| text.parse::<u32>().map_err(|error| format!("{text}: {error}"));
    let options = JobOptions {
        events: events.into(),
        until_ms: until_ms.parse().map_err(|error| format!("{until_ms}: {error}"))?,
        passes: number(passes)?,
        days: number(days)?,
    };
    if options.passes == 0 { Err("at least one pass is needed".to_owned()) } else { Ok(options) }
}

fn print(totals: &JobTotals) -> Result<(), String> {
    let counts = |[enter, exit]: [u64; 2]| ChangeCounts { enter, exit };
    let transitions = SEGMENTS.into_iter().zip(totals.transitions.map(counts)).collect();
    let report =
        sonic_rs::to_string(&JobReport { events: totals.events, transitions }).map_err(|error| error.to_string())?;
    writeln!(std::io::stdout(), "{report}").map_err(|error| error.to_string())
}
