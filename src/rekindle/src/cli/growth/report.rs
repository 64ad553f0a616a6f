//! `rekindle growth report`.

use std::io::Write as _;
use std::path::PathBuf;

use super::GrowthCommandError;
use super::baskets::counter;
use super::inputs::{GrowthInputs, growth_rules};
use super::report_page::{CampaignRow, ReportPage};
use crate::cli::CliError;
use crate::cli::outputs::refuse_shared_files;
use crate::cli::summary::passed_over_in_words;
use rekindle_core::goals::{CampaignCost, UpliftReport};
use rekindle_core::growth::analysis::basket_counter::BasketCapacity;
use rekindle_core::growth::analysis::{AssociationThresholds, DayWindow, SalesLog, explain};
use rekindle_core::growth::report::GrowthNumbers;
use rekindle_core::rules::growth::Metric;
use rekindle_runtime::files::sink::OutputFile;

/// Days of the windows that are compared.
const COMPARED_DAYS: i64 = 7;

/// Writes a report: one self-contained HTML page
///
/// Key figures, active users, cohorts, funnels, sales, targets, what changed, what is bought together, what campaigns brought. The page needs no
/// network, fits phones and screens, and can be printed.
#[derive(Debug, clap::Args)]
pub(super) struct ReportArgs {
    #[command(flatten)]
    inputs: GrowthInputs,

    /// The file of the page
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,

    /// The title of the page
    #[arg(long, value_name = "TEXT", default_value = "Growth report")]
    title: String,

    /// The least support of the listed pairs, 0 to 1
    #[arg(long, value_name = "SHARE", default_value = "0.001", value_parser = super::baskets::share)]
    min_support: f64,

    /// The property that identifies a product [default: `item_id` of the rules' [growth], else product_id]
    #[arg(long, value_name = "PROPERTY")]
    item: Option<String>,
}

pub(super) fn run(args: &ReportArgs) -> Result<(), CliError> {
    let inputs = args.inputs.input.iter().map(|path| ("events", path.as_path()));
    let inputs: Vec<_> = inputs.chain([("rules", args.inputs.rules.as_path())]).collect();
    refuse_shared_files(&[("the report", args.output.as_path())], &inputs)?;
    let rules = args.inputs.load()?;
    let growth = growth_rules(&rules, &args.inputs.rules)?;
    let (_, mut counter) = counter(growth, args.item.as_deref(), BasketCapacity::default());
    let mut output = OutputFile::create("the report", Some(&args.output))?;
    let mut sales = SalesLog::default();
    let (pipeline, report) = args.inputs.observe(rules, &mut |event, text| {
        sales.add(&event);
        counter.add(&event, text);
    })?;
    let numbers = &report.numbers;
    let notes = passed_over_in_words(&pipeline.plan().rules, &pipeline.totals());
    let sales = sales.attribute(|visitor| pipeline.linked_user(visitor).map(|user| &**user));
    let metric = if numbers.commerce.is_some() { Metric::Gmv } else { Metric::Sessions };
    let change = last_windows(numbers).map(|(from, to)| explain(metric, numbers, &sales, from, to));
    let thresholds = AssociationThresholds { support: args.min_support, ..AssociationThresholds::default() };
    let rules = &pipeline.plan().rules;
    let uplift = rules.campaigns.iter().filter_map(|campaign| {
        UpliftReport::of_campaign(rules, &pipeline.uplift(), &campaign.id).map(|report| (campaign.id.as_str(), report))
    });
    let uplift: Vec<_> = uplift.filter(|(_, report)| !report.goals.is_empty()).collect();
    let costs = pipeline.budgets().map(|book| CampaignCost::all(rules, book)).unwrap_or_default();
    let page = ReportPage {
        title: &args.title,
        notes: &notes,
        report: &report,
        change: change.as_ref(),
        baskets: counter.finish(thresholds),
        campaigns: CampaignRow::all(rules, &pipeline.totals()),
        uplift: uplift.iter().map(|(campaign, report)| report.document(campaign, &costs)).collect(),
    };
    let html = page.html().map_err(GrowthCommandError::Page)?;
    output.write(|sink| sink.write_all(html.as_bytes()))?;
    output.finish()?;
    Ok(())
}

/// The last seven complete days, and the seven before; `None`: there are fewer.
fn last_windows(numbers: &GrowthNumbers) -> Option<(DayWindow, DayWindow)> {
    let first = numbers.days.first()?.day;
    let to = DayWindow { first: numbers.today.plus(-COMPARED_DAYS), last: numbers.today.plus(-1) };
    let from = DayWindow { first: to.first.plus(-COMPARED_DAYS), last: to.first.plus(-1) };
    (from.first >= first).then_some((from, to))
}
