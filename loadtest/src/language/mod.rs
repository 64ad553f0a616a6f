//! `loadtest language`: what state per key, arrays and budgets cost, beside the same without them.
//!
//! Two plans over the same events take turns, round after round, on one worker; the median of the rounds' ratios counts. A
//! segment with `per` that every event touches stands beside the same condition about the user, a name with `each` over orders
//! of five products beside the same orders without it, a campaign with a budget that one event in a hundred asks for beside the
//! same campaign without it. The bytes of users with idle keys are counted by the allocator.

mod events;

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use rekindle_core::partition::ExecutionPlan;
use serde::Serialize;

use crate::engine::input::EventBlocks;
use crate::engine::passes::{decode, run_engine};
use crate::engine::state::{self, StateSize};
use crate::error::Error;
use crate::figures::median;
use crate::table::{self, grouped};
use crate::workload;

/// A condition that every event touches, about the user.
const OF_USER: &str = r#"
    [events]
    add = "Product Added"
    order = "Order Completed"

    [[segments]]
    id = "left"
    when = "since(add) >= duration('1h') && count(add, '7d') >= 1 && total(order) == 0"
"#;

/// The same about each cart.
const OF_CART: &str = r#"
    [events]
    add = "Product Added"
    order = "Order Completed"

    [per.cart]
    key = "cart_id"
    ttl = "365d"

    [[segments]]
    id = "left"
    per = "cart"
    when = "since(add) >= duration('1h') && count(add, '7d') >= 1 && total(order) == 0"
"#;

/// One count and one latest time of each cart.
const IDLE_CARTS: &str = r#"
    [events]
    add = "Product Added"

    [per.cart]
    key = "cart_id"
    ttl = "365d"

    [[segments]]
    id = "left"
    per = "cart"
    when = "since(add) >= duration('1h') && count(add, '180d') >= 1"
"#;

/// Orders without their products.
const ORDERS: &str = r#"
    [events]
    order = "Order Completed"

    [[segments]]
    id = "buyer"
    when = "sum(order.total, '30d') > 100"
"#;

/// Orders with their products.
const PRODUCTS: &str = r#"
    [events]
    order = "Order Completed"
    line = { event = "Order Completed", each = "products", let = { worth = "item.price * item.quantity" } }

    [[segments]]
    id = "buyer"
    when = "sum(order.total, '30d') > 100 && sum(line.worth, '30d') > 100 && distinct(line.category, '30d') >= 2"
"#;

/// Added to W1's rules: a campaign that one event in 97 sets off.
const GIFTS: [&str; 2] = [
    r#"gift_earned = { type = "track", where = "properties.product_id == 'p7'" }"#,
    r#"
    [[campaigns]]
    id = "gift"
    on = "event:gift_earned"
    channel = "email"
"#,
];

/// What that campaign spends: reserved until an order settles it, of a budget for ever and of one for the week. Neither ends.
const SPENDS: &str = r#"
    spends = [{ budget = "gifts", cost = "1" }, { budget = "postage", cost = "0.5" }]
    settle = { on = "order", within = "1d" }

    [[budgets]]
    id = "gifts"
    limit = 1000000000

    [[budgets]]
    id = "postage"
    limit = 1000000000
    per = "week"
"#;

/// Measure what state per key, arrays and budgets cost, beside the same without them
#[derive(Debug, Args)]
pub(crate) struct LanguageArgs {
    /// How many events each pass reads
    #[arg(long, value_name = "N", default_value_t = 500_000, value_parser = clap::value_parser!(u32).range(1..))]
    events: u32,

    /// How many users have three idle keys each
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..))]
    idle_users: u32,

    /// How many rounds; the medians are reported
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What was measured.
#[derive(Debug, Serialize)]
struct LanguageReport {
    events: u64,
    rounds: u32,
    /// Processor time with a segment of keys, over that with the same condition about the user.
    keyed_to_unkeyed: f64,
    /// Processor time of decoding orders with their products, over that without.
    decode_with_each_to_without: f64,
    /// The same of all that the engine does with them.
    run_with_each_to_without: f64,
    /// Processor time where one event in 97 asks for budgets, over that where the same campaign has none.
    budgets_to_none: f64,
    idle_keys: StateSize,
}

/// Measures.
pub(crate) fn run(args: &LanguageArgs) -> Result<bool, Error> {
    let report = measure(args)?;
    let printed = if args.json { table::print_json(&report) } else { table::print(&report.rows()) };
    printed.map_err(|cause| Error::Io { attempt: "write to standard output", cause })?;
    Ok(true)
}

fn measure(args: &LanguageArgs) -> Result<LanguageReport, Error> {
    let carts = EventBlocks::new(events::carts(args.events));
    let orders = EventBlocks::new(events::orders(args.events));
    let [of_user, of_cart, without, with, idle] =
        [OF_USER, OF_CART, ORDERS, PRODUCTS, IDLE_CARTS].map(workload::compile);
    let (of_user, of_cart, without, with, idle) = (of_user?, of_cart?, without?, with?, idle?);
    let [name, campaign] = GIFTS;
    let free = workload::W1.replacen("[events]", &format!("[events]\n{name}"), 1) + campaign;
    let (free, budgeted) = (workload::compile(&free)?, workload::compile(&(free + SPENDS))?);
    let engine = |input: &EventBlocks, plan: &Arc<ExecutionPlan>| Ok(run_engine(input, plan, None, 1)?.took.processor);
    let decoder = |input: &EventBlocks, plan: &Arc<ExecutionPlan>| Ok(decode(input, plan).processor);
    Ok(LanguageReport {
        events: carts.events,
        rounds: args.rounds,
        keyed_to_unkeyed: ratio(args.rounds, [&of_cart, &of_user], &carts, engine)?,
        decode_with_each_to_without: ratio(args.rounds, [&with, &without], &orders, decoder)?,
        run_with_each_to_without: ratio(args.rounds, [&with, &without], &orders, engine)?,
        budgets_to_none: ratio(args.rounds, [&budgeted, &free], &carts, engine)?,
        idle_keys: state::of_idle_events(&idle, args.idle_users, events::idle_carts)?,
    })
}

/// The median over the rounds of what the first plan takes over what the second takes.
fn ratio(
    rounds: u32,
    plans: [&Arc<ExecutionPlan>; 2],
    input: &EventBlocks,
    pass: impl Fn(&EventBlocks, &Arc<ExecutionPlan>) -> Result<Duration, Error>,
) -> Result<f64, Error> {
    let mut ratios = Vec::new();
    for round in 0..rounds as usize {
        // Neither is always the one that comes after the other.
        let (first, second) = (round % 2, 1 - round % 2);
        let mut took = [Duration::ZERO; 2];
        for at in [first, second] {
            took[at] = pass(input, plans[at])?;
        }
        ratios.push(took[0].as_secs_f64() / took[1].as_secs_f64());
    }
    Ok(median(ratios))
}

impl LanguageReport {
    fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = vec![
            ("events", grouped(self.events)),
            ("rounds", self.rounds.to_string()),
            ("a segment of keys", format!("{:.2} × the same condition about the user", self.keyed_to_unkeyed)),
            (
                "each over 5 products",
                format!(
                    "{:.2} × decoding without, {:.2} × everything without",
                    self.decode_with_each_to_without, self.run_with_each_to_without
                ),
            ),
            ("budgets, 1 % of events", format!("{:.2} × the same campaign without", self.budgets_to_none)),
            ("users with 3 idle keys", String::new()),
        ];
        rows.extend(self.idle_keys.rows());
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_arrays_are_measured() {
        let args = LanguageArgs { events: 4_000, idle_users: 1_000, rounds: 1, json: false };
        let report = measure(&args).expect("it is measured");
        assert_eq!((report.events, report.idle_keys.users), (4_000, 1_000));
        assert!(report.keyed_to_unkeyed > 0.0 && report.decode_with_each_to_without > 0.0, "{report:?}");
        assert!(report.budgets_to_none > 0.0, "{report:?}");
        assert!(report.idle_keys.bytes_by_own_count > 100 * 1_000, "{report:?}");
    }
}
