//! `rekindle deliver`: outputs to other tools over HTTP.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use tokio::task::JoinSet;
use tracing::info;

use super::load::{FileLoadError, ignored_variables, load_config};
use super::{CliError, terminal};
use crate::api::{MetricsCache, Routes};
use crate::daemon::{Signals, warn_repeatedly};
use crate::delivery::{CONNECTION_BATCH, DeliveryService};
use crate::logging;
use crate::metrics::MetricsRegistry;
use rekindle_deliver::retry::{self, RetryError, RetrySummary};
use rekindle_nats::NatsAccess;
use rekindle_runtime::health::Health;
use rekindle_web::HttpServer;

/// Send actions to other tools over HTTP: every [[deliver]] of the settings
///
/// `rekindle run` does the same beside everything else; this is delivery alone, in a process of its own. One process at a time
/// serves a destination. SIGTERM and SIGINT finish the requests in flight and give everything else back to the broker.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct DeliverArgs {
    #[command(subcommand)]
    action: Option<DeliverAction>,
    /// The settings file; config/deliver has destinations for many tools
    #[arg(long, value_name = "FILE", required = true)]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum DeliverAction {
    /// Send what could not be delivered once more
    ///
    /// Each message gets one attempt; those that are delivered are taken out of the stream of undelivered messages. What has
    /// expired is not sent.
    Retry(RetryArgs),
}

#[derive(Debug, Args)]
struct RetryArgs {
    /// The settings file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Only what was for this destination
    #[arg(long, value_name = "NAME")]
    destination: Option<String>,
}

/// Why messages could not be sent once more.
#[derive(Debug, thiserror::Error)]
pub enum DeliverCommandError {
    /// There is no such destination.
    #[error("the settings have no destination {0}")]
    NoDestination(String),
    /// Sending failed.
    #[error(transparent)]
    Retry(#[from] RetryError),
}

pub(crate) fn run(args: &DeliverArgs) -> Result<(), CliError> {
    match (&args.action, &args.config) {
        (Some(DeliverAction::Retry(retry)), _) => run_retry(retry),
        (None, Some(config)) => run_delivery(config),
        // clap requires one of the two.
        (None, None) => Ok(()),
    }
}

fn run_retry(args: &RetryArgs) -> Result<(), CliError> {
    let mut config = load_config(&args.config)?;
    if let Some(only) = &args.destination {
        config.deliver.retain(|destination| destination.name == *only);
        if config.deliver.is_empty() {
            return Err(DeliverCommandError::NoDestination(only.clone()).into());
        }
    }
    let access = NatsAccess::check(&config.nats).map_err(wrong)?;
    logging::install(&config.log, std::io::stderr().is_terminal()).map_err(CliError::Logging)?;
    let runtime = tokio::runtime::Runtime::new().map_err(CliError::system("start the runtime"))?;
    let summary = runtime.block_on(async {
        let connection = access.connect(CONNECTION_BATCH, Health::default().part("nats")).await;
        retry::retry(&connection, &config.deliver, &config.output).await
    });
    let RetrySummary { delivered, failed, expired, others } = summary.map_err(DeliverCommandError::Retry)?;
    let mut lines = format!("{delivered} delivered, {} failed again", failed.values().sum::<u64>());
    lines.push_str(&format!(", {expired} expired, {others} for other destinations\n"));
    for (reason, count) in failed {
        lines.push_str(&format!("  {count} × {reason}\n"));
    }
    std::io::stdout().write_all(terminal::lines(&lines).as_bytes()).map_err(CliError::from)
}

fn wrong<E: std::fmt::Display>(errors: Vec<E>) -> CliError {
    let lines: Vec<String> = errors.iter().map(|error| format!("error: {error}")).collect();
    CliError::Load(FileLoadError::Wrong(lines.join("\n")))
}

fn run_delivery(path: &Path) -> Result<(), CliError> {
    let config = load_config(path)?;
    let mut mistakes = Vec::new();
    let access = NatsAccess::check(&config.nats);
    let access = access.map_err(|errors| mistakes.extend(errors.iter().map(|error| format!("error: {error}")))).ok();
    let service = DeliveryService::new(&config);
    let service = service.map_err(|errors| mistakes.extend(errors.iter().map(|error| format!("error: {error}")))).ok();
    if config.deliver.is_empty() {
        mistakes.push(format!("error: {} has no [[deliver]]: nothing is to be delivered", path.display()));
    }
    let (Some(access), Some(service), true) = (access, service, mistakes.is_empty()) else {
        return Err(CliError::Load(FileLoadError::Wrong(mistakes.join("\n"))));
    };
    logging::install(&config.log, std::io::stderr().is_terminal()).map_err(CliError::Logging)?;
    let runtime = tokio::runtime::Runtime::new().map_err(CliError::system("start the runtime"))?;
    runtime.block_on(async {
        let mut signals = Signals::listen().map_err(CliError::system("listen for signals"))?;
        let registry = MetricsRegistry::default();
        service.register(&registry);
        let health = Health::default();
        let watched = health.clone();
        registry.add_collector(move |page| {
            page.ready(watched.failing().is_empty());
            page.build();
            page.process();
        });
        let metrics = MetricsCache::new(move |format| registry.page().written(format));
        let listen = config.http.listen;
        let server = HttpServer::bind(listen).await;
        let server = server.map_err(|source| CliError::Listen { source, option: "[http] listen" })?;
        info!(version = env!("CARGO_PKG_VERSION"), http = %server.address(), "rekindle starts");
        ignored_variables(&config).inspect(|note| info!("{note}"));
        let routes = Routes::of_figures(metrics, &config.http)?;
        tokio::spawn(routes.serve(server, std::future::pending()));
        let part = health.part("nats");
        let mut monitors = JoinSet::new();
        monitors.spawn(warn_repeatedly(health));
        let delivery = service.start(access, part).map_err(CliError::system("start the threads of delivery"))?;
        signals.stop().await;
        info!("stopping: requests in flight are finished");
        tokio::select! {
            () = delivery.stop() => {}
            () = signals.stop() => {}
        }
        Ok(())
    })
}
