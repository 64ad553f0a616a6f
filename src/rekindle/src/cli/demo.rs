//! `rekindle demo`: a simulated storefront, the real engine, no server.

mod browser;
mod event_log;
mod requests;
mod rules;
mod screen;
#[cfg(test)]
mod tests;

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;

use super::CliError;
use super::load::{FileLoadError, load_settled_rules};
use super::secret::LoadedSecret;
use super::summary::{RunInfo, Summary};
use crate::api::{ApiServices, MetricsCache, Routes};
use crate::audit::AuditMemory;
use crate::backtests::{Backtests, backtest_limits};
use crate::metrics::{MetricsPage, MetricsRegistry};
use event_log::{DemoEventLog, DemoLogs};
use rekindle_core::budgets::BudgetBook;
use rekindle_core::campaigns::{Outcome, StepRecording};
use rekindle_core::goals::UpliftCounts;
use rekindle_core::growth::GrowthReport;
use rekindle_core::partition::{ExecutionPlan, Output, OutputKind};
use rekindle_core::rules::ruleset::Ruleset;
use rekindle_core::time::{Span, Timestamp};
use rekindle_runtime::files::sink::OutputFile;
use rekindle_runtime::health::Health;
use rekindle_runtime::live::{EngineHandle, SteppedEngine};
use rekindle_runtime::log::RecordKind;
use rekindle_runtime::pipeline::{InputEntry, Pipeline, PipelineOptions, PipelineTotals};
use rekindle_settings::{EngineSettings, HttpSettings, Secret};
use rekindle_simulator::market::ROW_EVENT;
use rekindle_simulator::messages::{MessageContent, STEP_MAX, ShopMessage};
use rekindle_simulator::{ShopScope, Simulator, SimulatorOptions};
use rekindle_web::{BindError, HttpServer};
use requests::{AskedOfDemo, DemoRequests};
use rules::DemoRules;
use screen::Screen;

/// The default rules of the demo.
const STARTER_PACK: &str = include_str!("../../../../config/rules.toml");

/// Virtual history that is simulated before anything is shown: long enough for shoppers to have gone cold.
const WARM_UP: Span = Span(75 * 86_400_000);

/// When the simulated shop opens: 2026-01-01T00:00:00Z.
const OPENING: Timestamp = Timestamp(1_767_225_600_000);

/// The default address of metrics.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9464);

/// How often the growth numbers are reported.
const GROWTH_REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// How often the virtual clock is advanced.
const FRAME_INTERVAL: Duration = Duration::from_millis(50);

/// Watch the engine at work on a simulated storefront; needs no server and no files
///
/// Two thousand shoppers come, browse, fill carts, buy, go cold and come back, in accelerated time: days pass in seconds.
/// The shop ships their orders, some late, and answers their tickets; members check in every day. They form teams, bargain and invite
/// each other; prices fall, stock runs out and comes back.
/// Messages make some of them buy: of those who get one by e-mail 10 %, by push 5 %, with a list of picks 18 %, with the code of a
/// coupon 25 %; of those who get an e-mail whose subject is a question 16 %.
/// The engine is the one that `replay` runs, with the starter pack of rules; every action it decides on is printed. The console
/// shows people, segments, campaigns and rules in the browser. Ctrl-C ends the demo with a summary.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// End after this many seconds
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,

    /// How many shoppers the shop has
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    shoppers: u32,

    /// How much virtual time passes in a second
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = Span::parse)]
    speed: Span,

    /// Another seed gives other shoppers; the same seed the same ones
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Run these rules instead of the starter pack
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,

    /// The file with the secret that draws of campaigns (`chance`) depend on; without one, the secret is empty
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,

    /// Also write the shop's events to this file, as JSON lines: for `replay` and `growth`
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,

    /// The address of the console, the API and /metrics; by default 127.0.0.1:9464, or another port where that one is in use. On an
    /// address that other machines reach there are only /metrics and /healthz
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,

    /// Do not open the console in the browser
    #[arg(long)]
    no_open: bool,
}

fn starter_pack() -> Result<Ruleset, FileLoadError> {
    rekindle_core::rules::compile(STARTER_PACK).map_err(|problems| {
        FileLoadError::Wrong(rekindle_core::diagnostics::render("starter pack", STARTER_PACK, &problems, false))
    })
}

pub(crate) fn run(args: &DemoArgs) -> Result<(), CliError> {
    let (rules, text) = match &args.rules {
        Some(path) => load_settled_rules(path)?,
        None => (starter_pack()?, STARTER_PACK.to_owned()),
    };
    let stop = Arc::new(AtomicBool::new(false));
    let runtime = tokio::runtime::Runtime::new().map_err(CliError::system("start the runtime"))?;
    let plan = Arc::new(ExecutionPlan::new(rules));
    let board = Arc::new(DemoMetrics::default());
    let (live, demo) = Demo::open(args, plan, Arc::clone(&board))?;
    let (options, limits) = (demo.options.clone(), backtest_limits(&EngineSettings::default()));
    let logs = Arc::new(DemoLogs(Arc::clone(&demo.log)));
    let services = ApiServices {
        backtests: Arc::new(Backtests::new(live.clone(), options, limits, logs)),
        rules: Arc::new(DemoRules::new(live.clone(), args.rules.clone(), text)),
        live,
        health: Health::default(),
        requests: Arc::clone(&demo.requests) as _,
        audit: Arc::new(AuditMemory::default()),
        history: Arc::new(crate::api::NoHistory),
        started: Instant::now(),
        clock: None,
    };
    let address = runtime.block_on(serve(args.listen, board, services))?;
    let stopping = Arc::clone(&stop);
    runtime.spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            stopping.store(true, Ordering::Relaxed);
        }
    });
    let ended = demo.run(args, address, &stop);
    // Somebody may be watching, without an end.
    runtime.shutdown_background();
    ended
}

/// The counters of the demo, for scrapes.
#[derive(Default)]
struct DemoMetrics {
    /// Nothing until the history was simulated.
    counted: Mutex<Option<DemoTotals>>,
}

/// The totals of the engine, what is counted of goals, the budgets, and the growth numbers if the rules ask for them.
#[derive(Clone)]
struct DemoTotals {
    plan: Arc<ExecutionPlan>,
    totals: PipelineTotals,
    watermark: Timestamp,
    growth: Option<Arc<GrowthReport>>,
    uplift: Arc<UpliftCounts>,
    budgets: Option<BudgetBook>,
}

impl DemoMetrics {
    fn put(&self, counted: DemoTotals) {
        *self.counted.lock().unwrap_or_else(PoisonError::into_inner) = Some(counted);
    }

    fn collect(&self, page: &mut MetricsPage) {
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(DemoTotals { plan, totals, watermark, growth, uplift, budgets }) = counted {
            page.totals(&plan.rules, &totals, watermark);
            page.uplift(&plan.rules, &uplift);
            budgets.iter().for_each(|book| page.budgets(&plan.rules, book, watermark));
            growth.iter().for_each(|report| page.growth(report));
        }
        page.build();
        page.process();
    }
}

/// Serves the console, the API and metrics at the given address; without one at the default address, or on another port if that is
/// in use. Only metrics, where others can reach the address.
async fn serve(
    wanted: Option<SocketAddr>,
    board: Arc<DemoMetrics>,
    services: ApiServices,
) -> Result<SocketAddr, CliError> {
    let server = match HttpServer::bind(wanted.unwrap_or(LISTEN)).await {
        Err(BindError::Bind { source, .. }) if wanted.is_none() && source.kind() == std::io::ErrorKind::AddrInUse => {
            HttpServer::bind(SocketAddr::new(LISTEN.ip(), 0)).await
        }
        bound => bound,
    };
    let server = server.map_err(|source| CliError::Listen { source, option: "--listen" })?;
    let address = server.address();
    let registry = MetricsRegistry::default();
    registry.add_collector(move |page| board.collect(page));
    let metrics = MetricsCache::new(move |format| registry.page().written(format));
    let routes = match has_api(address) {
        true => Routes::new(services, metrics, &HttpSettings { listen: address, ..HttpSettings::default() })?,
        false => Routes::metrics_only(metrics, address),
    };
    tokio::spawn(routes.serve(server, std::future::pending()));
    Ok(address)
}

/// Whether there is an API without a token at that address.
fn has_api(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// The storefront and the engine behind it.
struct Demo {
    simulator: Simulator,
    engine: SteppedEngine,
    /// Requests about shoppers.
    requests: Arc<DemoRequests>,
    board: Arc<DemoMetrics>,
    lines: Vec<u8>,
    /// The events so far, for trying rules on them.
    log: Arc<DemoEventLog>,
    /// How the engine computes.
    options: PipelineOptions,
    /// Where the events are written to as well.
    events: Option<OutputFile>,
    /// How much virtual time passes at once after the history. Shoppers react to what the engine decided in earlier steps:
    /// were steps as long as a frame happens to take, the same seed would not give the same events.
    step: Span,
    now: Timestamp,
}

impl Demo {
    fn open(
        args: &DemoArgs,
        plan: Arc<ExecutionPlan>,
        board: Arc<DemoMetrics>,
    ) -> Result<(EngineHandle, Demo), CliError> {
        let secret = LoadedSecret::of_command(args.secret_file.clone().map(Secret::File).as_ref())?;
        // The console shows what became of each campaign, step by step, as the daemon's does.
        let decision_steps = StepRecording::Numbers;
        let options = PipelineOptions { secret, decision_steps, ..PipelineOptions::default() };
        let scope = scope_of(&plan.rules);
        let pipeline = Pipeline::new(plan, options.clone())?;
        let shop = SimulatorOptions { seed: args.seed, shoppers: args.shoppers, start: OPENING, scope };
        let frames_per_second = 1_000 / FRAME_INTERVAL.as_millis() as i64;
        let step = Span((args.speed.0 / frames_per_second).clamp(1, STEP_MAX.0));
        let events = args.events.as_deref().map(|path| OutputFile::create("the events", Some(path))).transpose()?;
        let simulator = Simulator::new(shop);
        let (live, engine) = SteppedEngine::new(pipeline);
        let (requests, log, lines) = (Arc::default(), Arc::default(), Vec::new());
        Ok((live, Demo { simulator, engine, requests, board, lines, log, options, events, step, now: OPENING }))
    }

    fn run(mut self, args: &DemoArgs, address: SocketAddr, stop: &AtomicBool) -> Result<(), CliError> {
        let mut screen = Screen::new(self.plan());
        let served = match has_api(address) {
            true => format!("console at http://{address}/, metrics at http://{address}/metrics"),
            false => format!("metrics at http://{address}/metrics"),
        };
        screen.say(&format!(
            "{} shoppers, {} passes in a second; {served}; Ctrl-C ends the show",
            args.shoppers, args.speed
        ))?;
        let warmed_up_at = OPENING + WARM_UP;
        while self.now < warmed_up_at && !stop.load(Ordering::Relaxed) {
            self.advance_by(STEP_MAX)?;
            self.engine.answer();
        }
        if !args.no_open && has_api(address) {
            browser::open(&format!("http://{address}/"));
        }
        screen.say(&format!("75 days of history simulated; it is {} in the shop", self.now))?;
        let started = Instant::now();
        let end = args.seconds.map(|seconds| started + Duration::from_secs(seconds));
        let (mut growth, mut reported) = (self.engine.pipeline().growth(None).map(Arc::new), started);
        while !stop.load(Ordering::Relaxed) && end.is_none_or(|end| Instant::now() < end) {
            let frame_started = Instant::now();
            let elapsed_ms = i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX);
            let virtual_ms = i64::try_from(i128::from(elapsed_ms) * i128::from(args.speed.0) / 1_000);
            let outputs = self.advance(warmed_up_at + Span(virtual_ms.unwrap_or(i64::MAX / 8)))?;
            self.engine.answer();
            let pipeline = self.engine.pipeline();
            let totals = pipeline.totals();
            if reported.elapsed() >= GROWTH_REPORT_INTERVAL {
                (growth, reported) = (pipeline.growth(None).map(Arc::new), Instant::now());
            }
            self.board.put(DemoTotals {
                plan: Arc::clone(pipeline.plan()),
                totals: totals.clone(),
                watermark: pipeline.watermark(),
                growth: growth.clone(),
                uplift: pipeline.uplift(),
                budgets: pipeline.budgets().cloned(),
            });
            screen.show(&outputs)?;
            screen.follow(pipeline.plan());
            screen.status(self.now, &totals)?;
            thread::sleep(FRAME_INTERVAL.saturating_sub(frame_started.elapsed()));
        }
        screen.close();
        if let Some(events) = self.events.take() {
            events.finish()?;
        }
        let run = RunInfo { took: started.elapsed(), until: self.now, at_full_speed: false };
        screen.say(Summary::new(&self.plan().rules, &self.engine.pipeline().totals(), run).to_string().trim_end())?;
        Ok(())
    }

    /// The rules in force.
    fn plan(&self) -> Arc<ExecutionPlan> {
        Arc::clone(self.engine.pipeline().plan())
    }

    /// Advances the shop and the engine by whole steps, to `to` or a little before.
    fn advance(&mut self, to: Timestamp) -> Result<Vec<Output>, CliError> {
        let mut outputs = Vec::new();
        while self.now + self.step <= to {
            outputs.append(&mut self.advance_by(self.step)?);
        }
        Ok(outputs)
    }

    /// Advances the shop and the engine, and hands what is sent to the shoppers.
    fn advance_by(&mut self, step: Span) -> Result<Vec<Output>, CliError> {
        let to = self.now + step;
        self.lines.clear();
        self.simulator.advance(to, &mut self.lines);
        let AskedOfDemo { consents, forget } = self.requests.take();
        for said in consents {
            self.lines.extend_from_slice(said.to_call(self.now).to_string().as_bytes());
            self.lines.push(b'\n');
        }
        if let Some(events) = &mut self.events {
            events.write(|file| file.write_all(&self.lines))?;
        }
        self.log.add(RecordKind::Events, &self.lines, self.now);
        self.log.add(RecordKind::Forget, &forget, self.now);
        let entry = |kind, lines| InputEntry { kind, lines, received: None, is_whole: false };
        let mut entries = vec![entry(RecordKind::Events, self.lines.as_slice())];
        entries.extend((!forget.is_empty()).then(|| entry(RecordKind::Forget, forget.as_slice())));
        let outputs = self.engine.step(&entries, to);
        let plan = self.plan();
        for message in outputs.iter().filter_map(|output| message_of(&plan.rules, output)) {
            self.simulator.receive(message);
        }
        self.now = to;
        Ok(outputs)
    }
}

/// As much of a shop as the rules ask about: rows of products would be rejected without a table of them.
fn scope_of(rules: &Ruleset) -> ShopScope {
    let has_table = rules.tables.iter().any(|table| table.event == ROW_EVENT);
    match (has_table, rules.groups.is_empty() && rules.picks.is_empty()) {
        (true, _) => ShopScope::TogetherWithRows,
        (false, false) => ShopScope::Together,
        (false, true) => ShopScope::Alone,
    }
}

/// What a shopper receives on account of an output.
fn message_of<'a>(rules: &'a Ruleset, output: &'a Output) -> Option<ShopMessage<'a>> {
    let OutputKind::Decision(decision) = &output.decided else { return None };
    let Outcome::Sent { .. } = decision.outcome else { return None };
    let campaign = &rules.campaigns[usize::from(decision.campaign.0)];
    Some(ShopMessage {
        user: &output.user,
        at: output.at,
        campaign: &campaign.id,
        channel: &campaign.channel,
        content: decision.payload.as_deref().map(MessageContent::of_payload).unwrap_or_default(),
    })
}
