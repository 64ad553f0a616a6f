//! `loadtest watching`: what tabs of the console that watch the live feed cost the engine.
//!
//! Events come at a steady rate to an engine with one worker. In turns, round after round: nobody watches; tabs watch, each as the
//! console's live page does, all transitions and decisions. What is measured is the processor time of the engine's thread per
//! event; writing lines to sockets is the work of other threads.

use std::fs;
use std::time::Duration;

use clap::Args;
use rekindle_runtime::live::feed::{FeedFilter, FeedKind, FeedLines};
use rekindle_runtime::pipeline::PipelineOptions;
use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::engine_feed::{EngineFeed, FeedSample};
use crate::error::Error;
use crate::figures::{Spread, median};
use crate::scale::one::populated_with;
use crate::synthetic_users::Traffic;
use crate::table::{ReportFormat, Table, grouped};
use crate::workload;

/// The feed is at its rate after this time.
const WARM_UP: Duration = Duration::from_secs(2);
/// The name of the engine's thread.
const ENGINE_THREAD: &str = "engine";

/// Measure what tabs that watch the live feed cost the engine
#[derive(Debug, Args)]
pub(crate) struct WatchingArgs {
    /// Tabs that watch
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=64))]
    tabs: u32,

    /// Events per second
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1_000..=10_000_000))]
    rate: u32,

    /// Users
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(100..=50_000_000))]
    users: u32,

    /// The duration of each measurement, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = crate::scale::seconds)]
    seconds: f64,

    /// Rounds of both measurements
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    #[command(flatten)]
    format: ReportFormat,
}

/// What was measured.
#[derive(Debug, Serialize)]
struct WatchingReport {
    tabs: u32,
    rounds: u32,
    /// That came, in the median round.
    events_per_second: f64,
    /// Lines that each tab got per second, and left out since they were too many.
    lines_per_second: f64,
    dropped_per_second: f64,
    /// Of the engine's thread, with nobody watching.
    alone_ns_per_event: Spread,
    /// With all tabs.
    watched_ns_per_event: Spread,
    /// The latter over the former, round by round.
    ratio: Spread,
}

/// What tabs saw.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    lines: u64,
    dropped: u64,
}

/// Measures; fails if tabs see nothing.
pub(crate) async fn run(args: &WatchingArgs) -> Result<bool, Error> {
    let plan = workload::compile(&workload::w1_with_campaign())?;
    let options = PipelineOptions { workers: 1, ..PipelineOptions::default() };
    let feed =
        EngineFeed::start(populated_with(&plan, args.users, options)?, 0, Traffic::new(args.users, 100.0)).await?;
    feed.pace(args.rate);
    tokio::time::sleep(WARM_UP).await;
    let took = Duration::from_secs_f64(args.seconds);
    let (mut alone, mut watched, mut rates, mut seen) = (Vec::new(), Vec::new(), Vec::new(), Seen::default());
    for _ in 0..args.rounds {
        let mut interval = Interval::begin(&feed)?;
        tokio::time::sleep(took).await;
        alone.push(interval.ns_per_event(&feed)?);
        let tabs = Tabs::open(&feed, args.tabs)?;
        interval = Interval::begin(&feed)?;
        tokio::time::sleep(took).await;
        watched.push(interval.ns_per_event(&feed)?);
        rates.push(feed.rate_since(interval.began));
        let these = tabs.close().await;
        seen = Seen { lines: seen.lines + these.lines, dropped: seen.dropped + these.dropped };
    }
    feed.end().await?;
    if seen.lines == 0 {
        return Err(Error::Unreadable("the tabs saw nothing: the rules decide nothing of these events".to_owned()));
    }
    let of_each = f64::from(args.tabs) * f64::from(args.rounds) * args.seconds;
    let ratios = alone.iter().zip(&watched).map(|(alone, watched)| watched / alone).collect();
    let report = WatchingReport {
        tabs: args.tabs,
        rounds: args.rounds,
        events_per_second: median(rates),
        lines_per_second: seen.lines as f64 / of_each,
        dropped_per_second: seen.dropped as f64 / of_each,
        alone_ns_per_event: Spread::of(alone),
        watched_ns_per_event: Spread::of(watched),
        ratio: Spread::of(ratios),
    };
    args.format.print(&report, &report.table())?;
    Ok(true)
}

/// A part of a measurement.
struct Interval {
    began: FeedSample,
    events: u64,
    processor_ns: u64,
}

impl Interval {
    fn begin(feed: &EngineFeed) -> Result<Interval, Error> {
        Ok(Interval { began: feed.now(), events: feed.handled(), processor_ns: engine_ns()? })
    }

    fn ns_per_event(&self, feed: &EngineFeed) -> Result<f64, Error> {
        let events = feed.handled() - self.events;
        Ok((engine_ns()? - self.processor_ns) as f64 / events.max(1) as f64)
    }
}

/// The processor time of the engine's thread so far.
fn engine_ns() -> Result<u64, Error> {
    let failed = |cause| Error::Io { attempt: "read what the engine's thread took", cause };
    for task in fs::read_dir("/proc/self/task").map_err(failed)? {
        let task = task.map_err(failed)?.path();
        if fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim_end() == ENGINE_THREAD) {
            let schedule = fs::read_to_string(task.join("schedstat")).map_err(failed)?;
            let first = schedule.split(' ').next().and_then(|ns| ns.parse().ok());
            return first.ok_or_else(|| Error::Unreadable(format!("schedstat says {schedule}")));
        }
    }
    Err(Error::Unreadable("there is no thread of the engine".to_owned()))
}

/// Tabs that watch, each by a task of its own.
struct Tabs {
    tabs: JoinSet<Seen>,
    stop: watch::Sender<bool>,
}

impl Tabs {
    fn open(feed: &EngineFeed, count: u32) -> Result<Tabs, Error> {
        let (stop, stopped) = watch::channel(false);
        let mut tabs = JoinSet::new();
        for _ in 0..count {
            let kinds = ["transition", "decision"].iter().filter_map(|name| FeedKind::named(name)).collect();
            let filter = FeedFilter { kinds, ..FeedFilter::default() };
            let watching = feed.live.watch(filter).map_err(|error| Error::Unreadable(error.to_string()))?;
            tabs.spawn(look(watching, stopped.clone()));
        }
        Ok(Tabs { tabs, stop })
    }

    async fn close(self) -> Seen {
        // A tab that has ended does not hear it.
        let _ = self.stop.send(true);
        let all = self.tabs.join_all().await;
        all.iter()
            .fold(Seen::default(), |sum, tab| Seen { lines: sum.lines + tab.lines, dropped: sum.dropped + tab.dropped })
    }
}

async fn look(mut watching: FeedLines, mut stopped: watch::Receiver<bool>) -> Seen {
    let mut seen = Seen::default();
    loop {
        tokio::select! {
            line = watching.next() => match line {
                Some(_) => seen.lines += 1,
                None => break,
            },
            _ = stopped.changed() => break,
        }
    }
    Seen { dropped: watching.take_dropped(), ..seen }
}

impl WatchingReport {
    fn table(&self) -> Table {
        let ns = |number: f64| format!("{number:.0}");
        let whole = |number: f64| grouped(number.round() as u64);
        Table::of_rows(vec![
            ("tabs", self.tabs.to_string()),
            ("rounds", self.rounds.to_string()),
            ("events/s", whole(self.events_per_second)),
            ("lines/s of each tab", whole(self.lines_per_second)),
            ("left out/s of each tab", whole(self.dropped_per_second)),
            ("engine, nobody watches, processor ns/event", self.alone_ns_per_event.row(&ns)),
            ("engine, all watch, processor ns/event", self.watched_ns_per_event.row(&ns)),
            ("ratio", self.ratio.row(&|number| format!("{number:.3}"))),
        ])
    }
}
