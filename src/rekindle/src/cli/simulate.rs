//! `rekindle simulate`: publishes the events of the demo's storefront on NATS.

mod feed;

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Args;

use super::error::{ArgumentError, SimulateError};
use super::summary::{counted, grouped};
use super::{CliError, load_config};
pub(super) use feed::MessageFeed;
use rekindle_core::time::{Span, Timestamp};
use rekindle_nats::{NatsAccess, NatsConnection};
use rekindle_runtime::health::Health;
use rekindle_settings::{NatsSettings, Settings};
use rekindle_simulator::ShopScope;
use rekindle_simulator::live::{LiveStorefront, WARM_UP};

/// How long to try to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// When the shop opens if --rate is given: 2026-01-01T00:00:00Z.
const OPENING: Timestamp = Timestamp(1_767_225_600_000);
/// How often the shop is advanced.
const STEP_INTERVAL: Duration = Duration::from_millis(10);
/// The most events of one step.
const STEP_EVENTS_MAX: usize = 500;
/// The longest time that passes in one step: longer pauses do not count as time of the shop.
const STEP_MAX: Duration = Duration::from_secs(1);
/// How long the last acknowledgements may take.
const FINAL_ACK_TIMEOUT: Duration = Duration::from_secs(5);

/// Publish the events of a simulated storefront on NATS
///
/// The shop of `rekindle demo`: shoppers come, browse, fill carts, buy, go cold and come back, as Segment calls, one line
/// per event; the shop's servers tell of shipments and tickets. They have 75 days of history at the start. Timestamps
/// start now. Unlike those of the demo they get no messages, and react to none. Ctrl-C ends it with a summary.
///
/// Names and properties are those of Segment's e-commerce specification, with the `cart_id` in checkouts and orders, too.
/// Beyond it: Order Shipped, Order Delivered (`order_id`), Ticket Opened, Ticket Answered, Ticket Closed (`ticket_id`),
/// Checked In, Points Exchanged, Wheel Spun, Team Joined (`group_id`), Bargain Started, Bargain Helped (`bargain_id`), Invitation
/// Sent, Invitation Accepted (`code`), and the traits `birthday`, `renews_at` and `invited_by`.
///
/// If a stream has the subject, every message is acknowledged and none is lost; otherwise messages are published at most
/// once. As in practice, some events come late and some twice.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// The NATS server
    #[arg(long, value_name = "URL", default_value = "nats://127.0.0.1:4222", conflicts_with = "config")]
    server: String,

    /// Take [nats] and the subject from this settings file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The subject of events; by default `events.shop`, or with --config the first of [source] subjects, with `shop` for wildcards
    #[arg(long, value_name = "SUBJECT")]
    subject: Option<String>,

    /// Publish this many events a second, or `max`: as many as possible
    ///
    /// Without, shoppers act at --speed, by the hours of day and night: 2,000 of them cause some 1,600 events a day.
    #[arg(long, value_name = "N", value_parser = PublishRate::parse)]
    rate: Option<PublishRate>,

    /// How many shoppers the shop has
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    users: u32,

    /// Another seed gives other shoppers; the same seed (and, without --rate, the same start) the same ones
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// How fast timestamps run: a factor, or how much passes in a second (1h)
    ///
    /// Faster than 1 they are ahead of the wall clock: set clock = "events" under [engine] then.
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = speed)]
    speed: f64,

    /// End after this many seconds
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,

    /// Publish rows of products, too: Product Updated (`product_id`, `title`, `price`, `in_stock`), without the id of a user
    ///
    /// For rules with a table of them, as the starter pack's; others reject them.
    #[arg(long)]
    rows: bool,

    /// How many events a message holds, one per line
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    batch: u16,
}

/// How fast to publish.
#[derive(Clone, Copy, Debug, PartialEq)]
enum PublishRate {
    /// Events per second.
    Rate(f64),
    /// As many as possible.
    Max,
}

impl PublishRate {
    fn parse(text: &str) -> Result<PublishRate, ArgumentError> {
        if text == "max" {
            return Ok(PublishRate::Max);
        }
        let rate = text.parse::<f64>().ok().filter(|rate| (0.001..=1e7).contains(rate));
        rate.map(PublishRate::Rate).ok_or(ArgumentError::Rate)
    }
}

fn speed(text: &str) -> Result<f64, ArgumentError> {
    let factor = match text.parse::<f64>() {
        Ok(factor) => factor,
        Err(_) => Span::parse(text).map_err(ArgumentError::Duration)?.0 as f64 / 1_000.0,
    };
    let is_in_range = (0.001..=1e6).contains(&factor);
    is_in_range.then_some(factor).ok_or(ArgumentError::Speed)
}

pub(crate) fn run(args: &SimulateArgs) -> Result<(), CliError> {
    let config = match &args.config {
        Some(path) => load_config(path)?,
        None => Settings {
            nats: NatsSettings { servers: vec![args.server.clone()], ..NatsSettings::default() },
            ..Settings::default()
        },
    };
    let subject = match (&args.subject, &args.config) {
        (Some(subject), _) => subject.clone(),
        (None, Some(_)) => concrete(config.source.subjects.first().map_or("events.shop", String::as_str)),
        (None, None) => "events.shop".to_owned(),
    };
    check_subject(&subject)?;
    let runtime = tokio::runtime::Runtime::new().map_err(CliError::system("start the runtime"))?;
    runtime.block_on(simulate(args, &config.nats, subject))
}

async fn simulate(args: &SimulateArgs, nats: &NatsSettings, subject: String) -> Result<(), CliError> {
    let feed = MessageFeed::open(connect(nats, "simulate").await?, subject, usize::from(args.batch)).await?;
    print(&format!("{}; {}; Ctrl-C ends it", counted(args.users, "shopper"), feed.introduction()))?;
    let mut run = SimulationRun::new(args, feed).await?;
    let started = Instant::now();
    let limit = args.seconds.map_or(Duration::MAX, Duration::from_secs);
    let stopped = tokio::select! {
        stopped = run.go() => stopped,
        () = tokio::time::sleep(limit) => Ok(()),
        signal = tokio::signal::ctrl_c() => {
            signal.map_err(CliError::system("wait for Ctrl-C"))
        }
    };
    let took = started.elapsed();
    let unacknowledged = match tokio::time::timeout(FINAL_ACK_TIMEOUT, run.feed.drain()).await {
        Ok(()) => 0,
        Err(_) => run.feed.unacknowledged(),
    };
    print(&format!(
        "{} in {}, {} events/s; {} unacknowledged; {}",
        counted(run.feed.events(), "event"),
        counted(run.feed.messages(), "message"),
        grouped((run.feed.events() as f64 / took.as_secs_f64().max(1e-9)).round() as u64),
        counted(unacknowledged, "message"),
        counted(run.feed.reconnects(), "reconnect"),
    ))?;
    stopped
}

/// The shop, and the feed that publishes its events.
struct SimulationRun {
    live: LiveStorefront,
    feed: MessageFeed,
    pace: Option<PublishRate>,
    speed: f64,
    /// When the clock of the timestamps started, by the wall clock and by itself.
    began: (Instant, Timestamp),
}

impl SimulationRun {
    async fn new(args: &SimulateArgs, feed: MessageFeed) -> Result<SimulationRun, CliError> {
        let (seed, users, pace) = (args.seed, args.users, args.rate);
        let scope = if args.rows { ShopScope::TogetherWithRows } else { ShopScope::Together };
        let open = move || {
            let now = wall_clock();
            // Without a rate, day and night in the shop are those of the wall clock; with one they pass quickly.
            let live =
                LiveStorefront::open(seed, users, scope, if pace.is_some() { OPENING + WARM_UP } else { now }, now);
            (live, now)
        };
        let (live, now) = tokio::task::spawn_blocking(open).await?;
        let opened_late = wall_clock() - now;
        let began = Instant::now() - Duration::from_millis(u64::try_from(opened_late.0).unwrap_or(0));
        Ok(SimulationRun { live, feed, pace: args.rate, speed: args.speed, began: (began, now) })
    }

    /// Runs until publishing fails.
    async fn go(&mut self) -> Result<(), CliError> {
        let (mut last, mut last_stamp, mut allowance) = (Instant::now(), self.stamp(Instant::now()), 0.0);
        loop {
            // Events are generated only when there is room for them: they would grow old while waiting.
            self.feed.make_room(STEP_EVENTS_MAX).await;
            let now = Instant::now();
            let step = (now - last).min(STEP_MAX);
            let stamp = self.stamp(now);
            let span = (stamp - last_stamp).min(Span((STEP_MAX.as_secs_f64() * self.speed * 1_000.0) as i64));
            (last, last_stamp) = (now, stamp);
            if let Some(PublishRate::Rate(rate)) = self.pace {
                // Events that could not be published within a second are not made up for.
                allowance = (allowance + step.as_secs_f64() * rate).min(rate.max(1.0));
            }
            let published = self.publish_step((stamp, span), allowance as usize).await?;
            allowance -= published as f64;
            if published < STEP_EVENTS_MAX {
                self.feed.flush().await?;
                tokio::time::sleep(STEP_INTERVAL.saturating_sub(now.elapsed())).await;
            }
        }
    }

    /// The time of the timestamps' clock.
    fn stamp(&self, now: Instant) -> Timestamp {
        self.began.1 + Span(((now - self.began.0).as_secs_f64() * 1_000.0 * self.speed) as i64)
    }

    /// Advances the shop by a step, and publishes its events. Returns their number.
    async fn publish_step(&mut self, stamps: (Timestamp, Span), allowance: usize) -> Result<usize, CliError> {
        let mut lines = Vec::new();
        match self.pace {
            None => self.live.tell(Some(stamps.1), STEP_EVENTS_MAX, stamps, &mut lines),
            Some(PublishRate::Rate(_)) if allowance == 0 => {}
            Some(PublishRate::Rate(_)) => self.live.tell(None, allowance.min(STEP_EVENTS_MAX), stamps, &mut lines),
            Some(PublishRate::Max) => self.live.tell(None, STEP_EVENTS_MAX, stamps, &mut lines),
        }
        for line in &lines {
            self.feed.add(line).await?;
        }
        Ok(lines.len())
    }
}

/// A subject without wildcards that matches one with them.
fn concrete(subject: &str) -> String {
    let tokens = subject.split('.').map(|token| if token == "*" || token == ">" { "shop" } else { token });
    tokens.collect::<Vec<_>>().join(".")
}

pub(super) fn check_subject(subject: &str) -> Result<(), SimulateError> {
    let is_token = |token: &str| !token.is_empty() && !token.contains([' ', '\t', '\r', '\n', '*', '>']);
    if subject.split('.').all(is_token) {
        return Ok(());
    }
    Err(SimulateError::Subject(subject.to_owned()))
}

pub(super) async fn connect(nats: &NatsSettings, what: &str) -> Result<async_nats::Client, SimulateError> {
    connection(nats, what, 0).await.map(|connection| connection.client)
}

/// The same for a reader of a stream, which requests at most `batch` messages at a time.
pub(super) async fn connection(nats: &NatsSettings, what: &str, batch: usize) -> Result<NatsConnection, SimulateError> {
    let nats = NatsSettings { name: format!("{} {what}", nats.name), ..nats.clone() };
    let access = NatsAccess::check(&nats).map_err(SimulateError::Credentials)?;
    let health = Health::default();
    match tokio::time::timeout(CONNECT_TIMEOUT, access.connect(batch, health.part("nats"))).await {
        Ok(connection) => Ok(connection),
        Err(_) => {
            let why = health.failing().pop().map_or_else(|| "it does not answer".to_owned(), |(_, why)| why);
            Err(SimulateError::NotConnected { why })
        }
    }
}

fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn print(line: &str) -> Result<(), CliError> {
    use std::io::Write;
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speed_is_a_factor_or_what_passes_in_a_second() {
        assert_eq!([speed("2.5"), speed("1h"), speed("500ms")], [Ok(2.5), Ok(3_600.0), Ok(0.5)]);
        for wrong in ["0", "-1", "fast", "nan", "inf", "10000d"] {
            assert!(speed(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_rate_is_a_number_or_max() {
        assert_eq!(
            [PublishRate::parse("10000"), PublishRate::parse("max")],
            [Ok(PublishRate::Rate(10_000.0)), Ok(PublishRate::Max)]
        );
        for wrong in ["0", "-1", "maximum", "nan", "inf", ""] {
            assert!(PublishRate::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_subject_of_the_source_is_made_concrete() {
        assert_eq!([concrete("events.>"), concrete("a.*.b"), concrete("x")], ["events.shop", "a.shop.b", "x"]);
        for wrong in ["", "a..b", "a.>", "a b", ".a", "a.*"] {
            assert!(check_subject(wrong).is_err(), "{wrong}");
        }
    }
}
