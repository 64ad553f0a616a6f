//! `rekindle growth explain`.

use std::fmt::Write as _;

use super::GrowthCommandError;
use super::inputs::{GrowthInputs, require_orders, require_refunds};
use crate::cli::CliError;
use crate::cli::terminal::field;
use crate::cli::terminal::print;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use rekindle_core::growth::Money;
use rekindle_core::growth::analysis::decomposition::{Contribution, Decomposition};
use rekindle_core::growth::analysis::explain::{self, GroupDecomposition};
use rekindle_core::growth::analysis::{DayWindow, Explanation, SalesLog};
use rekindle_core::growth::calendar::Day;
use rekindle_core::growth::report::GrowthNumbers;
use rekindle_core::rules::growth::Metric;
use strum::VariantNames as _;

/// Explains why a metric changed from one window to another
///
/// The change is decomposed by factors (buyers × orders per buyer × average order value), by first-touch channel, by category,
/// and by new and returning buyers; the contributions of each decomposition add up to the change, to the last millionth. Days
/// are those of the rules' time zone.
#[derive(Debug, clap::Args)]
pub(super) struct ExplainChangeArgs {
    #[command(flatten)]
    inputs: GrowthInputs,

    /// The metric
    #[arg(long, value_parser = metrics())]
    metric: Metric,

    /// The window before: a day (2026-03-02), an ISO week (2026-W10), a month (2026-03), or a range of days
    /// (2026-03-02..2026-03-08)
    #[arg(long, value_name = "WINDOW", value_parser = DayWindow::parse)]
    from: DayWindow,

    /// The window after, written likewise
    #[arg(long, value_name = "WINDOW", value_parser = DayWindow::parse)]
    to: DayWindow,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Parses one of the metrics.
fn metrics() -> impl clap::builder::TypedValueParser<Value = Metric> {
    PossibleValuesParser::new(Metric::VARIANTS).try_map(|name| name.parse::<Metric>())
}

pub(super) fn run(args: &ExplainChangeArgs) -> Result<(), CliError> {
    let rules = args.inputs.load()?;
    if args.metric.needs_orders() {
        require_orders(&rules, &args.inputs.rules)?;
    }
    if args.metric == Metric::Revenue {
        require_refunds(&rules, &args.inputs.rules)?;
    }
    let mut sales = SalesLog::default();
    let (pipeline, report) = args.inputs.observe(rules, &mut |event, _| sales.add(&event))?;
    let numbers = &report.numbers;
    let first = sales.first_day().unwrap_or(numbers.today);
    for window in [args.from, args.to] {
        check_window(args.metric, numbers, first, window)?;
    }
    let sales = sales.attribute(|visitor| pipeline.linked_user(visitor).map(|user| &**user));
    let explanation = explain::explain(args.metric, numbers, &sales, args.from, args.to);
    if args.json {
        return print(serde_json::to_string(&explanation).map_err(GrowthCommandError::Json)?);
    }
    print(text(&explanation, numbers, first))
}

/// Refuses a window of which the metric is not known, or not completely. `first` is the day of the first event.
fn check_window(
    metric: Metric,
    numbers: &GrowthNumbers,
    first: Day,
    window: DayWindow,
) -> Result<(), GrowthCommandError> {
    let last = numbers.today;
    if window.last < first || window.first > last {
        let timezone = numbers.timezone.clone();
        return Err(GrowthCommandError::OutsideOfEvents { window, first, last, timezone });
    }
    let first_kept = numbers.days.first().map_or(first, |day| day.day);
    if !explain::is_of_sales(metric) && window.first.max(first) < first_kept {
        return Err(GrowthCommandError::BeforeKeptDays { window, first: first_kept });
    }
    Ok(())
}

fn text(explanation: &Explanation, numbers: &GrowthNumbers, first: Day) -> String {
    let Explanation { metric, from, to, before, after, change, .. } = explanation;
    let mut out = format!("{metric} from {from} to {to}, {}\n", explanation.timezone);
    let _ =
        write!(out, "{} → {}, a change of {}", amount(before.to_number()), amount(after.to_number()), signed(*change));
    if before.0 != 0 {
        let _ = write!(out, " ({:+.1} %)", change.to_number() / before.to_number().abs() * 100.0);
    }
    if from.days() != to.days() {
        let _ = write!(out, "\nnote: the windows have {} and {} days", from.days(), to.days());
    }
    if to.last >= numbers.today || from.last >= numbers.today {
        let _ = write!(out, "\nnote: {} is not complete in these events", numbers.today);
    }
    if from.first < first || to.first < first {
        let _ = write!(out, "\nnote: the events begin on {first}");
    }
    if let Some(Decomposition { parts, .. }) = &explanation.factors {
        section(&mut out, "by factor", parts, &[]);
    }
    section(&mut out, "by channel", &explanation.by_channel.split.parts, &explanation.by_channel.factors);
    for (title, grouped) in [("by category", &explanation.by_category), ("by buyer", &explanation.by_buyer)] {
        if let Some(GroupDecomposition { split, factors }) = grouped {
            section(&mut out, title, &split.parts, factors);
        }
    }
    let _ = write!(out, "\n\n{}", explanation.method);
    out
}

/// A table; for groups with the contributions of their own factors in further columns.
fn section(out: &mut String, title: &str, parts: &[Contribution], factors: &[Vec<Contribution>]) {
    let _ = write!(out, "\n\n{title:<24} {:>16} {:>16} {:>18}", "before", "after", "contribution");
    for factor in factors.first().into_iter().flatten() {
        let _ = write!(out, " {:>18}", factor.name);
    }
    for (at, part) in parts.iter().enumerate() {
        let side = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), amount);
        let _ = write!(out, "\n{:<24} {:>16} {:>16} ", field(&part.name), side(part.before), side(part.after));
        let _ = write!(out, "{:>18}", signed(part.contribution));
        for factor in factors.get(at).into_iter().flatten() {
            let _ = write!(out, " {:>18}", signed(factor.contribution));
        }
    }
}

fn amount(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.4}") }
}

/// To the last millionth, so that the contributions add up to the change.
fn signed(money: Money) -> String {
    let (sign, size) = (if money.0 < 0 { '-' } else { '+' }, money.0.unsigned_abs());
    let text = format!("{sign}{}.{:06}", size / 1_000_000, size % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
