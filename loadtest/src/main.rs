//! `loadtest`: fault and performance tests of Rekindle.
//!
//! `chaos` runs the daemon through faults and compares what it published with a replay of the same log. `backtest` measures a
//! comparison of two rule sets, `collect` events over HTTP, `deliver` actions over HTTP. `engine` measures
//! decoder and engine and the limits of the machine, `explain` how long explanations take, `language` what state per key, arrays and budgets cost, `nats` the daemon on a real server,
//! `sharing` what groups, rows of products, ranks and picks cost, `peers` the same work by Rekindle and by jobs written for timely dataflow and Flink, `scale` memory and cost of many
//! users, `membership` how fast readers see changes of segments, `watching` what tabs that watch the live feed cost,
//! `uplift` whether the intervals of uplift hold. Each command starts what it needs, on loopback and in a
//! temporary folder, prints a table (with `--json` one JSON object), and exits with another code than 0 if a check fails.

mod backtest;
mod bursts;
mod chaos;
mod child;
mod collect;
mod cores;
mod counting;
mod daemon;
mod deliver;
mod engine;
mod engine_feed;
mod error;
mod explain;
mod figures;
mod json_client;
mod language;
mod machine;
mod membership;
mod nats;
mod peers;
mod prepared_client;
mod process;
mod scale;
mod served_api;
mod servers;
mod sharing;
mod streams;
mod synthetic_users;
mod table;
mod uplift;
mod usage;
mod watching;
mod workload;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use error::Error;

#[global_allocator]
static ALLOCATOR: counting::CountingAllocator = counting::CountingAllocator;

/// Fault and performance tests of Rekindle.
#[derive(Debug, Parser)]
#[command(name = "loadtest", version, max_term_width = 110, arg_required_else_help = true)]
struct LoadtestCli {
    #[command(subcommand)]
    command: LoadtestCommand,
}

#[derive(Debug, Subcommand)]
enum LoadtestCommand {
    Backtest(backtest::BacktestLoadArgs),
    Chaos(Box<chaos::ChaosArgs>),
    Collect(collect::CollectLoadArgs),
    /// A part of `collect`, in a process of its own
    #[command(hide = true)]
    CollectStraight(collect::StraightArgs),
    Deliver(deliver::DeliverLoadArgs),
    Engine(engine::EngineArgs),
    Explain(explain::ExplainLoadArgs),
    Language(language::LanguageArgs),
    Nats(nats::NatsArgs),
    Peers(peers::PeersArgs),
    Scale(scale::ScaleArgs),
    /// A part of `scale`, in a process of its own
    #[command(hide = true)]
    ScaleOne(scale::one::OneArgs),
    Membership(membership::MembershipArgs),
    Sharing(sharing::SharingArgs),
    Uplift(uplift::UpliftCheckArgs),
    Watching(watching::WatchingArgs),
}

fn main() -> ExitCode {
    let outcome = match LoadtestCli::parse().command {
        LoadtestCommand::Backtest(args) => run(backtest::run(&args)),
        LoadtestCommand::Chaos(args) => run(chaos::run(&args)),
        LoadtestCommand::Collect(args) => run(collect::run(&args)),
        LoadtestCommand::CollectStraight(args) => run(collect::run_straight(&args)),
        LoadtestCommand::Deliver(args) => run(deliver::run(&args)),
        LoadtestCommand::Engine(args) => engine::run(&args),
        LoadtestCommand::Explain(args) => run(explain::run(&args)),
        LoadtestCommand::Language(args) => language::run(&args),
        LoadtestCommand::Nats(args) => run(nats::run(&args)),
        LoadtestCommand::Peers(args) => run(peers::run(&args)),
        LoadtestCommand::Scale(args) => run(scale::run(&args)),
        LoadtestCommand::ScaleOne(args) => run(scale::one::run(&args)),
        LoadtestCommand::Membership(args) => run(membership::run(&args)),
        LoadtestCommand::Sharing(args) => run(sharing::run(&args)),
        LoadtestCommand::Uplift(args) => uplift::run(&args),
        LoadtestCommand::Watching(args) => run(watching::run(&args)),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // If standard error is closed, the exit code is all there is.
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Runs a command until it is done or interrupted; everything that it has started is stopped in both cases.
fn run(command: impl Future<Output = Result<bool, Error>>) -> Result<bool, Error> {
    let runtime = tokio::runtime::Runtime::new().map_err(|cause| Error::Io { attempt: "start the runtime", cause })?;
    let done = runtime.block_on(async {
        tokio::select! {
            done = command => done,
            _ = tokio::signal::ctrl_c() => Err(Error::Interrupted),
        }
    });
    runtime.shutdown_background();
    done
}
