//! `rekindle growth report`.

use std::io::Write as _;
use std::path::PathBuf;

use super::watched::{Inputs, growth};
use crate::cli::CliError;
use crate::cli::outputs::refuse_shared_files;
use crate::cli::summary::passed_over_in_words;
use crate::insight::basket::{BasketCounter, ITEMS_ROOM, Least, PAIRS_ROOM};
use crate::insight::report::page;
use crate::insight::{Sales, Window, explain};
use rekindle_core::growth::Numbers;
use rekindle_runtime::files::sink::OutputFile;

/// Days of the windows that are compared.
const MOVED_DAYS: i64 = 7;

/// Writes a report: one page of HTML with everything in it
///
/// Key figures, active users, cohorts, funnels, sales, targets, what moved, what is bought together. It opens without a
/// network, on a phone as on a screen, and can be printed.
#[derive(Debug, clap::Args)]
pub(super) struct ReportArgs {
    #[command(flatten)]
    inputs: Inputs,

    /// The page
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,

    /// What stands above it
    #[arg(long, value_name = "TEXT", default_value = "Growth report")]
    title: String,

    /// The least support of the pairs that are shown, 0 to 1
    #[arg(long, value_name = "SHARE", default_value = "0.001", value_parser = super::baskets::share)]
    min_support: f64,

    /// The property that says which product it is
    #[arg(long, value_name = "PROPERTY", default_value = "product_id")]
    item: String,
}

pub(super) fn run(args: &ReportArgs) -> Result<(), CliError> {
    let inputs = args.inputs.input.iter().map(|path| ("events", path.as_path()));
    let inputs: Vec<_> = inputs.chain([("rules", args.inputs.rules.as_path())]).collect();
    refuse_shared_files(&[("the report", args.output.as_path())], &inputs)?;
    let rules = args.inputs.load()?;
    let gap = growth(&rules, &args.inputs.rules)?.session_gap;
    let mut output = OutputFile::create("the report", Some(&args.output))?;
    let mut counter = BasketCounter::new(&args.item, gap, (ITEMS_ROOM, PAIRS_ROOM));
    let mut sales = Sales::default();
    let (pipeline, numbers) = args.inputs.watch(rules, &mut |seen, text| {
        sales.take(&seen);
        counter.take(&seen, text);
    })?;
    let notes = passed_over_in_words(&pipeline.plan().rules, &pipeline.totals());
    let sales = sales.settle(|visitor| pipeline.linked_user(visitor).map(|user| &**user));
    let metric = if numbers.commerce.is_some() { "gmv" } else { "sessions" };
    let moved = last_windows(&numbers).map(|windows| explain(metric, &numbers, &sales, windows));
    let baskets = counter.finish(Least { support: args.min_support, ..Least::default() });
    let page = page(&args.title, &notes, &numbers, moved.as_ref(), baskets)
        .map_err(|error| CliError::Other(error.to_string()))?;
    output.write(|sink| sink.write_all(page.as_bytes()))?;
    output.finish()?;
    Ok(())
}

/// The last seven complete days, and the seven before; `None`: there are fewer.
fn last_windows(numbers: &Numbers) -> Option<(Window, Window)> {
    let first = numbers.days.first()?.day;
    let to = Window { first: numbers.today.plus(-MOVED_DAYS), last: numbers.today.plus(-1) };
    let from = Window { first: to.first.plus(-MOVED_DAYS), last: to.first.plus(-1) };
    (from.first >= first).then_some((from, to))
}
