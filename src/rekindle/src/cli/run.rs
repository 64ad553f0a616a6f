//! `rekindle run`: the daemon.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tracing::{info, warn};

use super::load::{FileLoadError, ignored_variables, load_config, load_settled_rules};
use super::secret::LoadedSecret;
use super::{CliError, pipeline_options};
use crate::api::{ApiServices, MetricsCache, Routes};
use crate::collecting::{self, RunningCollector};
use crate::daemon::{Daemon, DaemonInputs, Signals, StartOptions, hang_up, wall_clock};
use crate::delivery::DeliveryService;
use crate::logging;
use rekindle_core::campaigns::StepRecording;
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::rules::ruleset::Ruleset;
use rekindle_nats::NatsAccess;
use rekindle_runtime::pipeline::PipelineOptions;
use rekindle_web::HttpServer;

/// How many threads answer HTTP.
const WEB_THREADS: usize = 2;

/// How long requests in progress may take when the daemon has ended.
const LAST_REQUESTS_TIMEOUT: Duration = Duration::from_millis(500);

/// Run live on NATS: events in, segment changes and actions out
///
/// SIGHUP reloads the rules; SIGTERM and SIGINT drain and end the daemon; a second one ends it at once.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The settings file; config/rekindle.toml lists all settings
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Ignore the checkpoints and read the log from where [source] start says; published outputs are not published again
    #[arg(long)]
    from_start: bool,
    /// Continue though it is unknown what was published after the last checkpoint; some outputs may be published twice, with the
    /// same ids
    #[arg(long)]
    accept_repeats: bool,
    /// Leave the [[deliver]] of the settings to a `rekindle deliver`
    #[arg(long)]
    without_delivery: bool,
}

pub(crate) fn run(args: &RunArgs) -> Result<(), CliError> {
    let mut config = load_config(&args.config)?;
    if args.without_delivery {
        config.deliver.clear();
    }
    let (path, note) = (config.engine.rules.clone(), ignored_variables(&config));
    // Every mistake is collected before anything is opened.
    let mut mistakes = Vec::new();
    let rules = load_settled_rules(&path).map_err(|error| mistakes.push(error.to_string())).ok();
    if let Some(Err(error)) = rules.as_ref().map(|(rules, _)| collecting::check_row_events(rules, &config.collect)) {
        mistakes.push(format!("error: {error}"));
    }
    let access = NatsAccess::check(&config.nats);
    let secret = LoadedSecret::of(config.engine.secret.as_ref());
    let secret = secret.map_err(|error| mistakes.push(format!("error: {error}"))).ok();
    let access = access.map_err(|errors| mistakes.extend(errors.iter().map(|error| format!("error: {error}")))).ok();
    let delivery = DeliveryService::new(&config);
    let delivery =
        delivery.map_err(|errors| mistakes.extend(errors.iter().map(|error| format!("error: {error}")))).ok();
    let (Some((ruleset, text)), Some(access), Some(secret), Some(delivery), []) =
        (rules, access, secret, delivery, mistakes.as_slice())
    else {
        return Err(CliError::Load(FileLoadError::Wrong(mistakes.join("\n"))));
    };
    logging::install(&config.log, std::io::stderr().is_terminal()).map_err(CliError::Logging)?;
    warn_of_secret(&secret, &ruleset);
    let runtime = tokio::runtime::Runtime::new().map_err(CliError::system("start the runtime"))?;
    // HTTP has threads of its own: health checks do not wait for the daemon's work, nor that for requests.
    let web = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WEB_THREADS)
        .thread_name("rekindle-web")
        .enable_all()
        .build()
        .map_err(CliError::system("start the web server's runtime"))?;
    let ended = runtime.block_on(async {
        let signals = Signals::listen().map_err(CliError::system("listen for signals"))?;
        let mut hang_ups = hang_up().map_err(CliError::system("listen for signals"))?;
        let (listen, http) = (config.http.listen, config.http.clone());
        let mappings = config.mappings_fingerprint();
        let options = PipelineOptions {
            secret: secret.secret,
            mappings,
            decision_steps: StepRecording::Numbers,
            ..pipeline_options(&config.engine)
        };
        let plan = Arc::new(ExecutionPlan::new(ruleset));
        let rules = plan.rules.version.clone();
        let (settings, collect_access, of_delivery) = (config.clone(), access.clone(), access.clone());
        let inputs = DaemonInputs {
            settings: config,
            access,
            pipeline: options,
            options: StartOptions { from_start: args.from_start, accept_repeats: args.accept_repeats },
            rules_path: path,
            rules_text: text,
            plan,
        };
        let daemon = Daemon::open(inputs).await?;
        let instruments = daemon.instruments();
        let services = ApiServices {
            live: instruments.live.clone(),
            health: instruments.health.clone(),
            rules: instruments.reloader.clone(),
            requests: instruments.requests.clone(),
            audit: instruments.audit.clone(),
            history: instruments.history.clone(),
            backtests: instruments.backtests.clone(),
            started: instruments.started,
            clock: Some(wall_clock),
        };
        let registry = daemon.metrics();
        delivery.register(&registry);
        let collector = match settings.collect.enabled {
            true => {
                let status = collecting::status(&settings);
                let counted = Arc::clone(&status);
                registry.add_collector(move |page| page.collected(&counted.figures()));
                let health = (&instruments.health, status);
                let started = RunningCollector::start(&settings, collect_access, health, web.handle()).await;
                Some(started?)
            }
            false => None,
        };
        let metrics = MetricsCache::new(move |format| registry.page().written(format));
        let routes = Routes::new(services, metrics, &http)?;
        let server = web.spawn(HttpServer::bind(listen)).await?;
        let server = server.map_err(|source| CliError::Listen { source, option: "[http] listen" })?;
        let address = server.address();
        info!(version = env!("CARGO_PKG_VERSION"), rules, http = %address, "rekindle starts");
        if let Some(collector) = &collector {
            info!(collect = %collector.address, "collecting events over HTTP");
        }
        note.inspect(|note| info!("{note}"));
        let (stop_serving, stopped) = tokio::sync::oneshot::channel::<()>();
        let serving = web.spawn(routes.serve(server, async {
            let _ = stopped.await;
        }));
        let reloader = Arc::clone(&instruments.reloader);
        tokio::spawn(async move {
            while hang_ups.recv().await.is_some() {
                reloader.reload_when_ready().await;
            }
        });
        let delivery = match delivery.is_empty() {
            true => None,
            false => {
                let started = delivery.start(of_delivery, instruments.health.part("delivery"));
                Some(started.map_err(CliError::system("start the threads of delivery"))?)
            }
        };
        let ended = daemon.run(signals).await.map_err(CliError::from);
        if let Some(delivery) = delivery {
            delivery.stop().await;
        }
        // Requests in progress are answered.
        if let Some(collector) = collector {
            collector.stop(LAST_REQUESTS_TIMEOUT).await;
        }
        let _ = stop_serving.send(());
        let _ = tokio::time::timeout(LAST_REQUESTS_TIMEOUT, serving).await;
        ended
    });
    // A thread that hangs must not keep the process alive: everything that could be finished is finished.
    runtime.shutdown_background();
    web.shutdown_background();
    ended
}

fn warn_of_secret(LoadedSecret { secret, warnings }: &LoadedSecret, rules: &Ruleset) {
    warnings.iter().for_each(|warning| warn!("{warning}"));
    let draws = rules.campaigns.iter().find(|campaign| campaign.chance.is_some());
    if let (Some(campaign), true, true) = (draws, secret.is_empty(), warnings.is_empty()) {
        let campaign = &campaign.id;
        warn!(
            campaign,
            "a campaign draws (`chance`), and without [engine] secret_file everybody can foresee the draws"
        );
    }
}
