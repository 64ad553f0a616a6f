//! `rekindle growth baskets`.

use std::fmt::Write as _;

use clap::ValueEnum;

use super::GrowthCommandError;
use super::inputs::{GrowthInputs, growth_rules, require_orders};
use crate::cli::CliError;
use crate::cli::error::ArgumentError;
use crate::cli::summary::grouped;
use crate::cli::terminal::field;
use crate::cli::terminal::print;
use rekindle_core::growth::analysis::basket_counter::{BasketCapacity, NamedAssociationRule};
use rekindle_core::growth::analysis::baskets::AssociationMeasures;
use rekindle_core::growth::analysis::{AssociationThresholds, BasketCounter, BasketReport};
use rekindle_core::rules::growth::GrowthRules;

/// Finds what is bought and viewed together: pairs of products in orders and in sessions
///
/// Each pair is listed once, as "baskets with A also have B", A being in fewer baskets: with its support (the share of
/// baskets with both), its confidence (of those with A, the share with B) and its lift (how many times likelier than by
/// chance), highest lift first. Pairs that may be due to chance are left out: a pair must be in ten baskets at least, and
/// significant by Fisher's exact test, p = Σ C(a, j) C(N − a, b − j) / C(N, b) over j from the number of baskets with both,
/// which must be no more than 0.05 over the number of pairs that the items could make (Bonferroni; Webb 2007, "Discovering
/// Significant Patterns"). Counts are exact as long as items and pairs fit their bounds; if not, the output says by how much
/// a count may be too low.
#[derive(Debug, clap::Args)]
pub(super) struct BasketsArgs {
    #[command(flatten)]
    inputs: GrowthInputs,

    /// Baskets of orders, of sessions, or both
    #[arg(long, value_enum, default_value = "both")]
    of: BasketSelection,

    /// The property that identifies a product, of the products of an order and of events with one [default: `item_id` of the
    /// rules' [growth], else product_id]
    #[arg(long, value_name = "PROPERTY")]
    item: Option<String>,

    /// The least number of baskets with both
    #[arg(long, value_name = "N", default_value_t = AssociationThresholds::default().baskets)]
    min_baskets: u64,

    /// The highest probability that any pair at all is listed by chance alone, 0 to 1; 1 disables the test
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

    /// The most different items that are counted exactly
    #[arg(long, value_name = "N", default_value_t = BasketCapacity::default().items as u32, value_parser = clap::value_parser!(u32).range(1..))]
    max_items: u32,

    /// The most different pairs that are counted exactly, about 40 bytes each
    #[arg(long, value_name = "N", default_value_t = BasketCapacity::default().pairs as u32, value_parser = clap::value_parser!(u32).range(1..))]
    max_pairs: u32,

    /// The most rules of each kind that are printed; 20 in text and all in JSON by default
    #[arg(long, value_name = "N")]
    top: Option<usize>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum BasketSelection {
    Orders,
    Sessions,
    Both,
}

pub(super) fn share(text: &str) -> Result<f64, ArgumentError> {
    let share: Option<f64> = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or(ArgumentError::Share)
}

fn lift(text: &str) -> Result<f64, ArgumentError> {
    let lift: Option<f64> = text.parse().ok().filter(|lift: &f64| *lift >= 0.0 && lift.is_finite());
    lift.ok_or(ArgumentError::Lift)
}

/// The property that identifies a product, and a counter of baskets by it.
pub(super) fn counter(growth: &GrowthRules, item: Option<&str>, capacity: BasketCapacity) -> (String, BasketCounter) {
    let of_rules = growth.orders.as_ref().and_then(|orders| orders.items.as_ref());
    let of_rules = of_rules.map(|items| items.id_property.as_str());
    let key = item.or(of_rules).unwrap_or("product_id");
    let counter = BasketCounter::new(key, growth.session_gap, capacity);
    (key.to_owned(), if of_rules == Some(key) { counter } else { counter.reading_products() })
}

pub(super) fn run(args: &BasketsArgs) -> Result<(), CliError> {
    let rules = args.inputs.load()?;
    if args.of != BasketSelection::Sessions {
        require_orders(&rules, &args.inputs.rules)?;
    }
    let growth = growth_rules(&rules, &args.inputs.rules)?;
    let capacity = BasketCapacity { items: args.max_items as usize, pairs: args.max_pairs as usize };
    let (item, mut counter) = counter(growth, args.item.as_deref(), capacity);
    args.inputs.observe(rules, &mut |event, text| counter.add(&event, text))?;
    let thresholds = AssociationThresholds {
        baskets: args.min_baskets,
        support: args.min_support,
        confidence: args.min_confidence,
        lift: args.min_lift,
        significance: args.significance,
    };
    let [orders, sessions] = counter.finish(thresholds);
    let mut reports = match args.of {
        BasketSelection::Orders => vec![orders],
        BasketSelection::Sessions => vec![sessions],
        BasketSelection::Both => vec![orders, sessions],
    };
    if reports.iter().all(|report| report.baskets == 0) {
        return Err(GrowthCommandError::NoItems(item).into());
    }
    let top = args.top.unwrap_or(if args.json { usize::MAX } else { 20 });
    let found: Vec<usize> = reports.iter().map(|report| report.rules.len()).collect();
    reports.iter_mut().for_each(|report| report.rules.truncate(top));
    if args.json {
        let json = serde_json::json!({
            "item": item, "min_support": args.min_support, "min_baskets": args.min_baskets,
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
        report.of.as_ref(),
        grouped(report.items as u64),
        grouped(found as u64),
        report.rules.len()
    );
    for (what, error) in [("an item", report.items_error), ("a pair", report.pairs_error)] {
        if error > 0 {
            let _ = write!(out, "\nthe number of baskets with {what} may be up to {} too low", grouped(error));
        }
    }
    if report.cut_baskets > 0 {
        let _ = write!(out, "\nof {} baskets only the first 1000 items were counted", grouped(report.cut_baskets));
    }
    if !report.rules.is_empty() {
        let _ = write!(
            out,
            "\n{:>7} {:>9} {:>10} {:>8} {:>8}  who has → also has",
            "baskets", "support", "confidence", "lift", "p"
        );
    }
    for NamedAssociationRule { item, item_name, with, with_name, measures } in &report.rules {
        let AssociationMeasures { both, support, confidence, lift, p_value, .. } = measures;
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
