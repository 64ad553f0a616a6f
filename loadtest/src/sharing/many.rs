//! What concerns very many people at once: a row that all of them watch, and a taking of ranks.

use std::time::Duration;

use rekindle_core::time::Span;
use rekindle_runtime::pipeline::{Pipeline, PipelineOptions};
use serde::Serialize;

use super::SharingArgs;
use super::catalogue::{self, ASKS_ROW, OF_TABLE, PER_PERSON, PRICE_FALLS};
use crate::bursts::{self, Burst, BurstDelays, see_all};
use crate::engine::state;
use crate::error::Error;
use crate::synthetic_users::{BEGIN, EventLineWriter};
use crate::workload;

/// Everybody but who places the orders meanwhile is ranked at the beginning of an hour, and the best fifth is a segment.
const RANKED: &str = r#"
    [events]
    order = "Order Completed"

    [[ranks]]
    id = "spend"
    of = "sum(order.total, '90d')"
    among = "small_spender"
    every = "hour"

    [[segments]]
    id = "small_spender"
    when = "sum(order.total, '90d') < 1000000"

    [[segments]]
    id = "best_fifth"
    when = "quantile('spend') >= 0.8"

    [[segments]]
    id = "big_spender"
    when = "sum(order.total, '7d') >= 1000000"
"#;

const HOUR: Span = Span(3_600_000);
/// An order that makes a big spender where the price falls.
const ORDER_CENTS: u64 = 60_000;
/// An order that makes a big spender who is not ranked.
const LARGE_ORDER_CENTS: u64 = 100_000_000;
/// How long before its end a beat begins to matter: the row comes this much before it.
const BEFORE_BEAT: Span = Span(20);

/// What became of a row that many watch.
#[derive(Debug, Serialize)]
pub(super) struct WatchedRow {
    /// What it takes to find who has a key, over the state without a table.
    pub(super) index_bytes_per_key: f64,
    #[serde(flatten)]
    pub(super) delays: BurstDelays,
}

/// The price of a product falls that everybody looked at.
pub(super) async fn watched_row(args: &SharingArgs) -> Result<WatchedRow, Error> {
    let plan = workload::compile(PRICE_FALLS)?;
    let [table, asks] = [(OF_TABLE, ""), (ASKS_ROW, " && last(view.price) > 0")];
    let without_table = PRICE_FALLS.replacen(table.0, table.1, 1).replacen(asks.0, asks.1, 1);
    let without_table = workload::compile(&without_table)?;
    let bytes = |plan| Ok::<_, Error>(state::of_idle_events(plan, args.users, catalogue::idle_viewers)?.bytes_per_user);
    let index_bytes_per_key = (bytes(&plan)? - bytes(&without_table)?) / f64::from(PER_PERSON);
    let options = PipelineOptions::default();
    // The row comes just before a beat ends; time falls behind what the broker says by as much as events may be out of order.
    let at = BEGIN + HOUR + options.max_disorder - BEFORE_BEAT;
    let mut row = Vec::new();
    catalogue::rows(1..2, 40, at, &mut row);
    let burst = Burst { at, event: Some(row), order_cents: ORDER_CENTS, ..of(args, args.users) };
    let mut pipeline = started(options, PRICE_FALLS)?;
    see_all(&mut pipeline, args.users, |user, block| {
        catalogue::view(user, 1, BEGIN + Span(i64::from(user % 1_000)), block);
    });
    Ok(WatchedRow { index_bytes_per_key, delays: bursts::measure(pipeline, burst).await? })
}

/// An hour begins, and everybody is ranked.
pub(super) async fn taking(args: &SharingArgs) -> Result<BurstDelays, Error> {
    let options = PipelineOptions::default();
    let at = BEGIN + HOUR + options.max_disorder;
    let burst = Burst { at, event: None, order_cents: LARGE_ORDER_CENTS, ..of(args, args.users / 6) };
    let mut pipeline = started(options.clone(), RANKED)?;
    let mut lines = EventLineWriter::numbered_from(0);
    see_all(&mut pipeline, args.users, |user, block| {
        // Late enough for the first watermark not to precede an hour that nobody is to be ranked at.
        let at = BEGIN + options.max_disorder + Span(1_000 + i64::from(user % 1_000));
        lines.order(user, at, 1_000 + u64::from(user), block);
    });
    bursts::measure(pipeline, burst).await
}

/// What both have in common.
fn of(args: &SharingArgs, entries_min: u32) -> Burst {
    Burst {
        users: args.users,
        entries_min,
        rate: args.rate,
        quiet: args.quiet(),
        within: Duration::ZERO,
        at: BEGIN,
        order_cents: 0,
        event: None,
    }
}

fn started(options: PipelineOptions, rules: &str) -> Result<Pipeline, Error> {
    Pipeline::new(workload::compile(rules)?, options)
        .map_err(|error| Error::Io { attempt: "start the workers", cause: std::io::Error::other(error) })
}
