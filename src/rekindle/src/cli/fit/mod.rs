//! `rekindle fit`: the parameters of a model under which past purchases are most probable.

mod error;
mod holdout;
mod maximum;
mod purchases;
mod report;

pub use error::FitError;

use std::io::Write as _;
use std::path::PathBuf;

use super::CliError;
use holdout::HoldoutCheck;
use maximum::{FittedPurchases, FittedSpending};
use purchases::CustomerPurchases;
use rekindle_core::models::ModelKind;
use rekindle_core::time::{Span, Timestamp};

/// Finds a model of who is still a customer in past purchases
///
/// Its parameters are those of the greatest likelihood. Prints a [[models]] block for the rules: with it, p_alive('…') says how probable it is that a user is still a customer. Which
/// purchases count, and what the models say, is described by `rekindle rules`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rekindle fit --until 2026-11-01 orders.jsonl
  rekindle fit --rules rules.toml --event order --value total --until 2026-11-01 --holdout 90d orders.jsonl")]
pub struct FitArgs {
    /// The event that is a purchase: with --rules a name of [events], else the event as the site sends it; `order` is
    /// Segment's \"Order Completed\"
    #[arg(long, value_name = "EVENT", default_value = "order")]
    event: String,

    /// The property that says what a purchase is worth: the model of spending is fitted too, for clv(…)
    #[arg(long, value_name = "PROPERTY")]
    value: Option<String>,

    /// The rules file (TOML) whose [events] has the event
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,

    /// The end of what is known, RFC 3339 or a date (its midnight, UTC): later events are left out; by default the time of the
    /// latest event
    #[arg(long, value_name = "TIME", value_parser = super::replay::timestamp)]
    until: Option<Timestamp>,

    /// The unit of the model's time
    #[arg(long, value_name = "DURATION", value_parser = positive_span, default_value = "7d")]
    unit: Span,

    /// mbg_nbd: a customer may leave after any purchase; bg_nbd: after any but the first
    #[arg(long, value_name = "KIND", value_parser = kind, default_value = "mbg_nbd")]
    kind: ModelKind,

    /// A purchase less than this after the latest counted one is not counted
    #[arg(long, value_name = "DURATION", value_parser = positive_span, default_value = "12h")]
    min_gap: Span,

    /// Check the model too: it is fitted without the last part, of this length, and its expectations are compared with what
    /// was bought then. The events are read twice
    #[arg(long, value_name = "DURATION", value_parser = positive_span)]
    holdout: Option<Span>,

    /// The model's id in the rules
    #[arg(long, value_name = "ID", default_value = "buying")]
    id: String,

    /// Print one JSON object
    #[arg(long)]
    json: bool,

    /// Event files, in the order they are read: JSON lines, plain, .gz or .zst; `-` is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    events: Vec<PathBuf>,
}

/// What was fitted.
struct FitResult {
    /// The end of what is known.
    until: Timestamp,
    customers: u64,
    /// Those with more than one purchase.
    repeat_customers: u64,
    purchases: FittedPurchases,
    /// `None`: spending was not asked for.
    spending: Option<Result<FittedSpending, FitError>>,
    holdout: Option<HoldoutCheck>,
}

fn positive_span(text: &str) -> Result<Span, super::error::ArgumentError> {
    let span = Span::parse(text)?;
    if span > Span(0) { Ok(span) } else { Err(super::error::ArgumentError::NoTime) }
}

fn kind(text: &str) -> Result<ModelKind, super::error::ArgumentError> {
    text.parse().map_err(|_| super::error::ArgumentError::ModelKind)
}

pub(crate) fn run(args: &FitArgs) -> Result<(), CliError> {
    let rules = purchases::rules(args)?;
    let known = CustomerPurchases::read(args, &rules, args.until)?;
    let purchases = maximum::of_purchases(args.kind, &known.histories())?;
    let spending = args.value.is_some().then(|| maximum::of_spending(&known.spending()));
    let holdout = args.holdout.map(|length| HoldoutCheck::new(args, &rules, &known, length)).transpose()?;
    let result = FitResult {
        until: known.until,
        customers: known.customers.len() as u64,
        repeat_customers: known.customers.iter().filter(|customer| customer.history.repeats > 0).count() as u64,
        purchases,
        spending,
        holdout,
    };
    let mut text = if args.json { report::json(args, &result) } else { report::text(args, &result) };
    text.push('\n');
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}
