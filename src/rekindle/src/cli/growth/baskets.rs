//! `rekindle growth baskets`.

use std::fmt::Write as _;

use clap::ValueEnum;

use super::watched::{Inputs, growth, need_orders, print};
use crate::cli::CliError;
use crate::cli::summary::grouped;
use crate::cli::terminal::field;
use crate::insight::basket::{BasketCounter, BasketReport, ITEMS_ROOM, Least, NamedRule, PAIRS_ROOM};
use rekindle_core::growth::models::PairFigures;

/// Finds what is bought together, and looked at together: pairs of products in orders and in sessions
///
/// Each pair stands once, as "who has A also has B", A being in fewer baskets: with its support (the share of baskets that
/// have both), its confidence (of those with A, the share that has B too) and its lift (how many times likelier than by
/// chance), likeliest first. What chance alone may have brought together is left out: a pair must be in ten baskets at least,
/// and significant by Fisher's exact test, p = Σ C(a, j) C(N − a, b − j) / C(N, b) over j from the baskets with both on, which
/// must be no more than 0.05 over the number of pairs that the items could make (Bonferroni; Webb 2007, "Discovering
/// Significant Patterns"). Counts are exact as long as items and pairs fit their bounds; if not, it is said by how much a
/// count may be too low.
#[derive(Debug, clap::Args)]
pub(super) struct BasketsArgs {
    #[command(flatten)]
    inputs: Inputs,

    /// Baskets of orders, of sessions, or both
    #[arg(long, value_enum, default_value = "both")]
    of: Of,

    /// The property that says which product it is, of an order's products and of events that name one
    #[arg(long, value_name = "PROPERTY", default_value = "product_id")]
    item: String,

    /// The least number of baskets with both
    #[arg(long, value_name = "N", default_value_t = Least::default().baskets)]
    min_baskets: u64,

    /// The most that the odds may be that any pair at all is listed by chance alone, 0 to 1; 1 lists them whatever the odds
    #[arg(long, value_name = "ODDS", default_value = "0.05", value_parser = share)]
    significance: f64,

    /// The least support, 0 to 1
    #[arg(long, value_name = "SHARE", default_value = "0.001", value_parser = share)]
    min_support: f64,

    /// The least confidence, 0 to 1
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = share)]
    min_confidence: f64,

    /// The least lift
    #[arg(long, value_name = "TIMES", default_value = "0", value_parser = lift)]
    min_lift: f64,

    /// Room for so many different items
    #[arg(long, value_name = "N", default_value_t = ITEMS_ROOM as u32, value_parser = clap::value_parser!(u32).range(1..))]
    max_items: u32,

    /// Room for so many different pairs, about 40 bytes each
    #[arg(long, value_name = "N", default_value_t = PAIRS_ROOM as u32, value_parser = clap::value_parser!(u32).range(1..))]
    max_pairs: u32,

    /// Show so many rules of each kind; 20 in text and all in JSON unless said otherwise
    #[arg(long, value_name = "N")]
    top: Option<usize>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Of {
    Orders,
    Sessions,
    Both,
}

pub(super) fn share(text: &str) -> Result<f64, String> {
    let share: Option<f64> = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "it must be a number from 0 to 1".to_owned())
}

fn lift(text: &str) -> Result<f64, String> {
    let lift: Option<f64> = text.parse().ok().filter(|lift: &f64| *lift >= 0.0 && lift.is_finite());
    lift.ok_or_else(|| "it must be a number of 0 or more".to_owned())
}

pub(super) fn run(args: &BasketsArgs) -> Result<(), CliError> {
    let rules = args.inputs.load()?;
    if args.of != Of::Sessions {
        need_orders(&rules, &args.inputs.rules)?;
    }
    let gap = growth(&rules, &args.inputs.rules)?.session_gap;
    let room = (args.max_items as usize, args.max_pairs as usize);
    let mut counter = BasketCounter::new(&args.item, gap, room);
    args.inputs.watch(rules, &mut |seen, text| counter.take(&seen, text))?;
    let least = Least {
        baskets: args.min_baskets,
        support: args.min_support,
        confidence: args.min_confidence,
        lift: args.min_lift,
        significance: args.significance,
    };
    let [orders, sessions] = counter.finish(least);
    let mut reports = match args.of {
        Of::Orders => vec![orders],
        Of::Sessions => vec![sessions],
        Of::Both => vec![orders, sessions],
    };
    if reports.iter().all(|report| report.baskets == 0) {
        let item = &args.item;
        return Err(CliError::Other(format!(
            "no order and no session has a product with `{item}`: name another --item"
        )));
    }
    let top = args.top.unwrap_or(if args.json { usize::MAX } else { 20 });
    let found: Vec<usize> = reports.iter().map(|report| report.rules.len()).collect();
    reports.iter_mut().for_each(|report| report.rules.truncate(top));
    if args.json {
        let json = serde_json::json!({
            "item": args.item, "min_support": args.min_support, "min_baskets": args.min_baskets,
            "significance": args.significance, "baskets": reports,
        });
        return print(json.to_string());
    }
    let texts: Vec<String> = reports.iter().zip(found).map(|(report, found)| table(report, found)).collect();
    print(texts.join("\n\n"))
}

fn table(report: &BasketReport, found: usize) -> String {
    let mut out = format!(
        "{} {} with {} different items; {} pairs, {} shown",
        grouped(report.baskets),
        report.of,
        grouped(report.items as u64),
        grouped(found as u64),
        report.rules.len()
    );
    for (what, error) in [("an item", report.items_error), ("a pair", report.pairs_error)] {
        if error > 0 {
            let _ = write!(out, "\nbaskets with {what} may be up to {} more than told", grouped(error));
        }
    }
    if report.cut_baskets > 0 {
        let _ = write!(out, "\nof {} baskets only the first 1000 items were looked at", grouped(report.cut_baskets));
    }
    if !report.rules.is_empty() {
        let _ = write!(
            out,
            "\n{:>7} {:>9} {:>10} {:>8} {:>8}  who has → also has",
            "baskets", "support", "confidence", "lift", "p"
        );
    }
    for NamedRule { item, item_name, with, with_name, figures } in &report.rules {
        let PairFigures { both, support, confidence, lift, p_value, .. } = figures;
        let (item, with) = (named(item, item_name.as_deref()), named(with, with_name.as_deref()));
        let _ = write!(
            out,
            "\n{both:>7} {:>7.2} % {:>8.1} % {lift:>8.2} {p_value:>8.0e}  {item} → {with}",
            support * 100.0,
            confidence * 100.0
        );
    }
    out
}

fn named(item: &str, name: Option<&str>) -> String {
    let item = field(item);
    name.map_or_else(|| item.clone().into_owned(), |name| format!("{} ({item})", field(name)))
}
