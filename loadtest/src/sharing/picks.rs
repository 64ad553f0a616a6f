//! Lists of picks: how large the index of many items is, how long it takes to make it, and how long to ask it.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rand::{Rng, SeedableRng};
use rand_xoshiro::SplitMix64;
use rekindle_core::time::{Span, Timestamp};
use rekindle_runtime::pipeline::{AskedPicks, Pipeline, PipelineOptions};
use serde::Serialize;
use tokio::task::JoinSet;

use super::SharingArgs;
use crate::engine::state::own_count;
use crate::engine_feed::EngineFeed;
use crate::error::Error;
use crate::figures::{Delays, histogram, note};
use crate::prepared_client::PreparedClient;
use crate::synthetic_users::{BEGIN, EventLineWriter, Traffic};
use crate::table::grouped;
use crate::{served_api, workload};

/// What sessions like this one went on to, what was bought together, and what is popular.
const FOR_YOU: &str = r#"
    [events]
    view = "Product Viewed"

    [[picks]]
    id = "for_you"
    on = ["view"]
    item = "product_id"
    kinds = ["session", "together", "popular"]
    every = "day"
    window = "30d"
"#;

/// The items of one visit.
const PER_VISIT: u32 = 5;
/// Visits of one person.
const VISITS: u32 = 4;
/// The time over which all touches are spread, and after which a day begins.
const SPREAD: Span = Span(3 * 86_400_000 - 60_000);
/// Lists that are asked for directly.
const DIRECT_ASKS: u32 = 20_000;
/// How many items are asked for.
const ASKED_ITEMS: usize = 10;
/// Connections over which lists are asked for.
const CONNECTIONS: u32 = 16;
/// Events per second beside which lists are asked over HTTP.
const BESIDE: u32 = 10_000;
/// How long the engine has run before that.
const WARM_UP: Duration = Duration::from_secs(3);
/// About the size of blocks.
const BLOCK_BYTES: usize = 4 << 20;

/// What was measured.
#[derive(Debug, Serialize)]
pub(super) struct PickLoad {
    people: u64,
    index_items: u64,
    index_sessions: u64,
    index_bytes: u64,
    /// All else that the engine keeps of these people.
    state_bytes: u64,
    /// From the first event of the next day until the index stood.
    taking_seconds: f64,
    /// Of the engine alone.
    asked: Delays,
    /// Over HTTP, from the intended time of a request to its answer.
    over_http: Delays,
    /// Events per second that the engine took meanwhile.
    beside_events_per_second: f64,
}

impl PickLoad {
    /// As lines of a table.
    pub(super) fn rows(&self) -> Vec<(&'static str, String)> {
        let mib = |bytes: u64| grouped(bytes >> 20);
        let (items, sessions) = (grouped(self.index_items), grouped(self.index_sessions));
        vec![
            ("index", format!("{} MiB for {items} items and {sessions} sessions", mib(self.index_bytes))),
            ("people", format!("{}, {} MiB", grouped(self.people), mib(self.state_bytes))),
            ("taking", format!("{:.2} s", self.taking_seconds)),
            ("a list", self.asked.row()),
            ("over HTTP", self.over_http.row()),
            ("meanwhile", format!("{} events/s", grouped(self.beside_events_per_second as u64))),
        ]
    }
}

/// Measures.
pub(super) async fn measure(args: &SharingArgs) -> Result<PickLoad, Error> {
    let people = (args.touches / PER_VISIT / VISITS).max(1);
    let mut pipeline = Pipeline::new(workload::compile(FOR_YOU)?, PipelineOptions::default())
        .map_err(|error| Error::Io { attempt: "start the workers", cause: std::io::Error::other(error) })?;
    touch_all(&mut pipeline, args, people);
    let taking_seconds = begin_day(&mut pipeline);
    let totals = pipeline.totals().picks.into_iter().next().unwrap_or_default();
    let state_bytes = own_count(&pipeline);
    let asked = ask_directly(&pipeline, people)?;
    let feed = EngineFeed::start(pipeline, 0, Traffic::new(people, 1.0)).await?;
    feed.pace(BESIDE);
    let api = served_api::serve(feed.live.clone()).await?;
    tokio::time::sleep(WARM_UP).await;
    let began = feed.now();
    let over_http = ask_over_http(api.address, args, people).await?;
    let beside_events_per_second = feed.rate_since(began);
    api.end().await;
    feed.end().await?;
    Ok(PickLoad {
        people: people.into(),
        index_items: totals.items,
        index_sessions: totals.sessions,
        index_bytes: totals.bytes,
        state_bytes,
        taking_seconds,
        asked,
        over_http,
        beside_events_per_second,
    })
}

/// All touches, visit after visit, in the order of time.
fn touch_all(pipeline: &mut Pipeline, args: &SharingArgs, people: u32) {
    let (mut lines, mut block, mut outputs) = (EventLineWriter::numbered_from(0), Vec::new(), Vec::new());
    let mut dice = SplitMix64::seed_from_u64(7);
    for touch in 0..args.touches {
        let visit = touch / PER_VISIT;
        let person = (u64::from(visit) * 7_919 % u64::from(people)) as u32;
        let at = BEGIN + Span(SPREAD.0 * i64::from(touch) / i64::from(args.touches));
        lines.view_of(person, item(&mut dice, person, args.items), at, &mut block);
        if block.len() > BLOCK_BYTES || touch + 1 == args.touches {
            pipeline.feed(&block, &mut |_| {}, &mut outputs);
            block.clear();
            outputs.clear();
        }
    }
}

/// What somebody touches: half of the time what most do, and otherwise something near to what that person likes.
fn item(dice: &mut SplitMix64, person: u32, items: u32) -> u32 {
    let share = (dice.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    if dice.next_u64() & 1 == 0 {
        (share * share * share * f64::from(items)) as u32
    } else {
        let near = f64::from(items).sqrt() * share;
        (person.wrapping_mul(2_654_435_761) % items).wrapping_add(near as u32) % items
    }
}

/// An event of the next day; the seconds until it was processed.
fn begin_day(pipeline: &mut Pipeline) -> f64 {
    let (mut block, mut outputs) = (Vec::new(), Vec::new());
    let after: Timestamp = BEGIN + SPREAD + Span(120_000);
    EventLineWriter::numbered_from(u64::from(u32::MAX)).view(0, after, &mut block);
    let began = Instant::now();
    pipeline.feed(&block, &mut |_| {}, &mut outputs);
    began.elapsed().as_secs_f64()
}

fn ask_directly(pipeline: &Pipeline, people: u32) -> Result<Delays, Error> {
    let (mut delays, mut offered) = (histogram(), 0);
    for number in 0..DIRECT_ASKS {
        let user = format!("u{:07}", number.wrapping_mul(7_919) % people);
        let asked = AskedPicks { list: "for_you".to_owned(), user, seeds: Vec::new(), items: ASKED_ITEMS };
        let began = Instant::now();
        let picks = pipeline.picks_for(&asked);
        note(&mut delays, began.elapsed());
        offered += picks.map_or(0, |picks| picks.len());
    }
    if offered < DIRECT_ASKS as usize {
        return Err(Error::Unreadable(format!("{DIRECT_ASKS} lists had {offered} items in all")));
    }
    Ok(Delays::of(&delays))
}

async fn ask_over_http(address: std::net::SocketAddr, args: &SharingArgs, people: u32) -> Result<Delays, Error> {
    let (started, took) = (Instant::now(), Duration::from_secs_f64(args.seconds));
    let between = Duration::from_secs(1) / args.asks;
    let mut clients = JoinSet::new();
    for client in 0..CONNECTIONS {
        let connected = PreparedClient::connect(address).await?;
        let times = (started + between * client, between * CONNECTIONS, started + took);
        // A server answers only who asks for it by its own address.
        let head = format!("POST /v1/picks/for_you HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n");
        clients.spawn(ask((connected, head), times, client.wrapping_mul(104_729), people));
    }
    let mut delays = histogram();
    while let Some(ended) = clients.join_next().await {
        let own = ended.map_err(|_| Error::Unreadable("a client has died".to_owned()))??;
        delays.add(&own).expect("histograms of the same bounds add up");
    }
    Ok(Delays::of(&delays))
}

/// Asks for lists from an instant on, again and again after a gap, until an end.
async fn ask(
    (mut client, head): (PreparedClient, String),
    (first, gap, end): (Instant, Duration, Instant),
    seed: u32,
    people: u32,
) -> Result<Histogram<u64>, Error> {
    let mut delays = histogram();
    for number in 0.. {
        let at = first + gap * number;
        if at >= end {
            break;
        }
        tokio::time::sleep_until(at.into()).await;
        let person = seed.wrapping_add(number.wrapping_mul(7_919)) % people;
        let body = format!(r#"{{"user":"u{person:07}","n":{ASKED_ITEMS}}}"#);
        let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        match client.send(request.as_bytes()).await? {
            200 => note(&mut delays, at.elapsed()),
            status => return Err(Error::Unreadable(format!("a list was answered with {status}"))),
        }
    }
    Ok(delays)
}
