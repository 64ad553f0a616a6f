//! `rekindle collect`: events over HTTP, into the log.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use tokio::task::JoinSet;
use tracing::info;

use super::CliError;
use super::load::{FileLoadError, ignored_variables, load_config};
use crate::api::{MetricsCache, Routes};
use crate::collecting::{self, RunningCollector};
use crate::daemon::{Signals, warn_repeatedly};
use crate::logging;
use crate::metrics::MetricsRegistry;
use rekindle_collect::NewWriteKey;
use rekindle_nats::NatsAccess;
use rekindle_runtime::health::Health;
use rekindle_settings::Settings;
use rekindle_web::HttpServer;

/// Collect events over HTTP and put them into the log
///
/// Takes what the SDKs of Segment, RudderStack and Jitsu send, with the write keys of [collect.keys], and answers when the
/// broker has acknowledged it. Any number of collectors can run behind a balancer. `rekindle run` collects too where
/// [collect] says enabled = true. SIGTERM and SIGINT end it after the requests under way.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct CollectArgs {
    /// The settings file; config/rekindle.toml lists all settings
    #[arg(long, value_name = "FILE", required = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    task: Option<CollectTask>,
}

/// What else there is to do about collecting.
#[derive(Debug, Subcommand)]
enum CollectTask {
    /// Make a write key, and print it with the lines for the settings
    NewKey {
        /// The name of its source
        #[arg(default_value = "web")]
        source: String,
    },
}

pub(crate) fn run(args: &CollectArgs) -> Result<(), CliError> {
    match (&args.task, &args.config) {
        (Some(CollectTask::NewKey { source }), _) => new_key(source),
        (None, Some(config)) => serve(load_config(config)?),
        (None, None) => Ok(()),
    }
}

fn new_key(source: &str) -> Result<(), CliError> {
    let NewWriteKey { key, sha256 } = NewWriteKey::make().map_err(CliError::system("make a random key"))?;
    let text = format!(
        "The write key, for the SDK (it is not shown again):\n\n    {key}\n\n\
         For the settings file; say trust = \"server\" if only your own programs will have the key:\n\n\
         [collect.keys.{source}]\nsha256 = [\"{sha256}\"]\ntrust = \"client\"\n"
    );
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

fn serve(settings: Settings) -> Result<(), CliError> {
    if settings.collect.is_closed() {
        return Err(CliError::NoWriteKey);
    }
    let access = NatsAccess::check(&settings.nats).map_err(|errors| {
        let mistakes: Vec<String> = errors.iter().map(|error| format!("error: {error}")).collect();
        FileLoadError::Wrong(mistakes.join("\n"))
    })?;
    logging::install(&settings.log, std::io::stderr().is_terminal()).map_err(CliError::Logging)?;
    let runtime = tokio::runtime::Runtime::new().map_err(CliError::system("start the runtime"))?;
    let ended = runtime.block_on(collect(settings, access));
    // What hangs must not keep the process alive.
    runtime.shutdown_background();
    ended
}

async fn collect(settings: Settings, access: NatsAccess) -> Result<(), CliError> {
    let mut signals = Signals::listen().map_err(CliError::system("listen for signals"))?;
    let (health, status) = (Health::default(), collecting::status(&settings));
    let registry = MetricsRegistry::default();
    let counted = Arc::clone(&status);
    let readiness = health.clone();
    registry.add_collector(move |page| {
        page.collected(&counted.figures());
        page.ready(readiness.failing().is_empty());
        page.build();
        page.process();
    });
    let metrics = MetricsCache::new(move |format| registry.page().written(format));
    let routes = Routes::of_figures(metrics, &settings.http)?;
    let watched = HttpServer::bind(settings.http.listen).await;
    let watched = watched.map_err(|source| CliError::Listen { source, option: "[http] listen" })?;
    let http = watched.address();
    let _serving = tokio::spawn(routes.serve(watched, std::future::pending()));
    let web = tokio::runtime::Handle::current();
    let collector = RunningCollector::start(&settings, access, (&health, status), &web).await?;
    let version = env!("CARGO_PKG_VERSION");
    info!(version, collect = %collector.address, http = %http, "rekindle starts");
    ignored_variables(&settings).inspect(|note| info!("{note}"));
    let mut monitors = JoinSet::new();
    monitors.spawn(warn_repeatedly(health));
    signals.stop().await;
    info!("stopping: requests under way are answered (a second signal ends at once)");
    let deadline = Duration::from_millis(u64::try_from(settings.shutdown.deadline.0).unwrap_or_default());
    tokio::select! {
        () = collector.stop(deadline) => {}
        () = signals.stop() => {}
    }
    Ok(())
}
