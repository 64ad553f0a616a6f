//! `loadtest engine`: how fast events in memory become a journal that nobody reads.
//!
//! Several passes over the same events, each with one job: read every byte, decode, parse into typed structs with
//! sonic-rs, run the engine on one worker and on two. They take turns, round after round, so that whatever else the
//! machine does strikes all of them; the medians and the ratios between them are what counts. The state's size is
//! counted by the allocator, in a pass of its own.

mod growth;
pub(crate) mod input;
pub(crate) mod passes;
mod report;
pub(crate) mod state;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::time::Timestamp;

use crate::error::Error;
use crate::{table, workload};
use input::EventBlocks;
use passes::{EngineRun, PassTime};
use report::EngineReport;

/// Measure decoder and engine on events in memory, beside the limits of the machine
#[derive(Debug, Args)]
pub(crate) struct EngineArgs {
    /// The rules (default: those of the W1 workload)
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,

    /// Events, one JSON object per line
    #[arg(long, value_name = "FILE", conflicts_with = "generate")]
    events: Option<PathBuf>,

    /// This number of events of a simulated storefront instead
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    generate: u64,

    /// Shoppers of the simulated storefront
    #[arg(long, value_name = "U", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    users: u32,

    /// When time ends: what is due by then is part of the work
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,

    /// How many rounds of all passes; the medians are reported
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    /// No more rounds begin after this number of seconds
    #[arg(long, value_name = "N", default_value_t = 600)]
    seconds: u64,

    /// Instead of all that: the bytes of state of this number of users with few events long ago
    #[arg(long, value_name = "N", conflicts_with_all = ["events", "generate"])]
    idle_users: Option<u32>,

    /// Instead of all that: what the growth numbers cost, by the same rules without and with them; of rules that ask for
    /// none, with some of W1's
    #[arg(long, conflicts_with = "idle_users")]
    growth: bool,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Reads an instant.
pub(crate) fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(text).ok_or_else(|| "it must be an RFC 3339 time, such as 2026-03-09T00:00:00Z".to_owned())
}

/// Measures; fails if two passes of the engine gave different results.
pub(crate) fn run(args: &EngineArgs) -> Result<bool, Error> {
    let (text, plan) = workload::read(args.rules.as_deref())?;
    let printed = match args.idle_users {
        Some(users) => {
            let state = state::of_idle_users(&plan, users)?;
            if args.json { table::print_json(&state) } else { table::print(&state.rows()) }
        }
        None if args.growth => {
            let most = (args.rounds, Duration::from_secs(args.seconds));
            let cost = growth::measure(&text, &input(args)?, args.until, most)?;
            if args.json { table::print_json(&cost) } else { table::print(&cost.rows()) }
        }
        None => {
            let report = measure(args, &plan)?;
            if args.json { table::print_json(&report) } else { table::print(&report.rows()) }
        }
    };
    printed.map_err(|cause| Error::Io { attempt: "write to standard output", cause })?;
    Ok(true)
}

fn input(args: &EngineArgs) -> Result<EventBlocks, Error> {
    match &args.events {
        Some(path) => EventBlocks::read(path),
        None => Ok(EventBlocks::generate(args.generate, args.users)),
    }
}

fn measure(args: &EngineArgs, plan: &Arc<ExecutionPlan>) -> Result<EngineReport, Error> {
    let input = input(args)?;
    let started = Instant::now();
    let mut rounds = Rounds::default();
    for _ in 0..args.rounds {
        rounds.memory.push(passes::read_memory(&input));
        rounds.decode.push(passes::decode(&input, plan));
        rounds.typed.push(passes::parse_typed(&input));
        for (workers, runs) in [(1, &mut rounds.one), (2, &mut rounds.two)] {
            runs.push(passes::run_engine(&input, plan, args.until, workers)?);
        }
        if started.elapsed() > Duration::from_secs(args.seconds) {
            break;
        }
    }
    let mut runs = rounds.one.iter().chain(&rounds.two);
    let same =
        |run: &EngineRun| (run.outputs, run.journal_bytes) == (rounds.one[0].outputs, rounds.one[0].journal_bytes);
    if !runs.all(same) {
        return Err(Error::Unreadable(
            "two passes of the engine over the same events gave different results".to_owned(),
        ));
    }
    let state = state::of_events(plan, &input, args.until)?;
    Ok(EngineReport::new(&input, &rounds, state))
}

/// What each pass took, by round.
#[derive(Default)]
struct Rounds {
    memory: Vec<PassTime>,
    decode: Vec<PassTime>,
    typed: Vec<PassTime>,
    one: Vec<EngineRun>,
    two: Vec<EngineRun>,
}
