//! `rekindle run`: the daemon.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use tracing::info;

use super::{CliError, check, load_config, load_rules_with_text, pipeline_options};
use crate::api::Server;
use crate::daemon::{Daemon, Signals, hang_up};
use crate::nats::Access;
use crate::partition::Plan;
use crate::{logging, metrics};

/// Run live on NATS: events in, segment changes and actions out
///
/// SIGHUP reloads the rules; SIGTERM and SIGINT finish what was taken in and end; a second one ends at once.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The settings; config/rekindle.toml says what there is to set
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(crate) fn run(args: &RunArgs) -> Result<(), CliError> {
    let config = load_config(&args.config)?;
    let path = config.engine.rules.clone();
    // Everything wrong is said before anything is opened.
    let mut mistakes = Vec::new();
    let rules = load_rules_with_text(&path).map_err(|error| mistakes.push(error.to_string())).ok();
    let access = Access::check(&config.nats);
    let access = access.map_err(|errors| mistakes.extend(errors.iter().map(|error| format!("error: {error}")))).ok();
    let (Some((ruleset, text)), Some(access)) = (rules, access) else {
        return Err(CliError::Load(check::LoadError::Wrong(mistakes.join("\n"))));
    };
    let other = |what: &str, error: &dyn std::fmt::Display| CliError::Other(format!("could not {what}: {error}"));
    logging::install(&config.log, std::io::stderr().is_terminal()).map_err(|error| other("begin the log", &error))?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| other("start the runtime", &error))?;
    let ended = runtime.block_on(async {
        let signals = Signals::listen().map_err(|error| other("listen for signals", &error))?;
        let mut hang_ups = hang_up().map_err(|error| other("listen for signals", &error))?;
        let listen = config.http.listen;
        let server = Server::bind(listen).await.map_err(|error| {
            CliError::Other(format!("could not listen on {listen}: {error}; choose another with [http] listen"))
        })?;
        let address = server.address().map_err(|error| other("tell the address", &error))?;
        let options = pipeline_options(&config.engine);
        let plan = Arc::new(Plan::new(ruleset));
        info!(version = env!("CARGO_PKG_VERSION"), rules = plan.rules.version, http = %address, "rekindle starts");
        let daemon = Daemon::open(config, access, options, path, text, plan)
            .map_err(|error| CliError::Other(error.to_string()))?;
        let instruments = daemon.instruments();
        let handle = metrics::install().map_err(|error| other("record metrics", &error))?;
        tokio::spawn(server.serve(handle));
        let reloader = Arc::clone(&instruments.reloader);
        tokio::spawn(async move {
            while hang_ups.recv().await.is_some() {
                // The log tells what came of it.
                let _ = reloader.reload().await;
            }
        });
        daemon.run(signals).await.map_err(|error| CliError::Other(error.to_string()))
    });
    // A thread that is stuck must not keep the process: what could be finished is finished.
    runtime.shutdown_background();
    ended
}
