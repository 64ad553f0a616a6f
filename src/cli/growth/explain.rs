//! `rekindle growth explain`.

use std::fmt::Write as _;

use super::watched::{Inputs, need_orders, print};
use crate::cli::CliError;
use crate::cli::terminal::field;
use crate::growth::models::Part;
use crate::growth::models::split::Split;
use crate::growth::numbers::{Money, Numbers};
use crate::insight::explain::{Explanation, Grouped, METRICS};
use crate::insight::{Sales, Window, explain};

/// Explains why a number moved from one window to another
///
/// The change is split by factors (buyers × orders per buyer × average order value), by first-touch channel, by category,
/// and by new and returning buyers; the contributions of each split add up to the change, to the last millionth. Days are
/// those of the business's time zone.
#[derive(Debug, clap::Args)]
pub(super) struct ExplainArgs {
    #[command(flatten)]
    inputs: Inputs,

    /// What moved
    #[arg(long, value_parser = METRICS)]
    metric: String,

    /// The window before: a day (2026-03-02), an ISO week (2026-W10), a month (2026-03), or a range of days
    /// (2026-03-02..2026-03-08)
    #[arg(long, value_name = "WINDOW", value_parser = Window::parse)]
    from: Window,

    /// The window after, written likewise
    #[arg(long, value_name = "WINDOW", value_parser = Window::parse)]
    to: Window,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ExplainArgs) -> Result<(), CliError> {
    let metric = METRICS.into_iter().find(|known| *known == args.metric).unwrap_or(METRICS[0]);
    let rules = args.inputs.load()?;
    if !matches!(metric, "new_users" | "sign_ups" | "sessions") {
        need_orders(&rules, &args.inputs.rules)?;
    }
    let mut sales = Sales::default();
    let (pipeline, numbers) = args.inputs.watch(rules, &mut |seen, _| sales.take(&seen))?;
    for window in [args.from, args.to] {
        refuse_without_events(&numbers, window)?;
    }
    let sales = sales.settle(|visitor| pipeline.linked_user(visitor).map(|user| &**user));
    let explanation = explain(metric, &numbers, &sales, (args.from, args.to));
    if args.json {
        return print(serde_json::to_string(&explanation).map_err(|error| CliError::Other(error.to_string()))?);
    }
    print(text(&explanation, &numbers))
}

fn refuse_without_events(numbers: &Numbers, window: Window) -> Result<(), CliError> {
    let (Some(first), last) = (numbers.days.first().map(|day| day.day), numbers.today) else { return Ok(()) };
    if window.last >= first && window.first <= last {
        return Ok(());
    }
    let known = format!("the events reach from {first} to {last}, {}", numbers.timezone);
    Err(CliError::Other(format!("there is nothing in the window {window}: {known}")))
}

fn text(explanation: &Explanation, numbers: &Numbers) -> String {
    let Explanation { metric, from, to, before, after, change, .. } = explanation;
    let mut out = format!("{metric} from {from} to {to}, {}\n", explanation.timezone);
    let _ =
        write!(out, "{} → {}, a change of {}", amount(before.to_number()), amount(after.to_number()), signed(*change));
    if before.0 != 0 {
        let _ = write!(out, " ({:+.1} %)", change.to_number() / before.to_number().abs() * 100.0);
    }
    if from.days() != to.days() {
        let _ = write!(out, "\nmind that the windows are of {} and {} days", from.days(), to.days());
    }
    if to.last >= numbers.today || from.last >= numbers.today {
        let _ = write!(out, "\nmind that {} is not over in these events", numbers.today);
    }
    if let Some(Split { parts, .. }) = &explanation.factors {
        section(&mut out, "by factor", parts, &[]);
    }
    section(&mut out, "by channel", &explanation.by_channel.split.parts, &explanation.by_channel.factors);
    for (title, grouped) in [("by category", &explanation.by_category), ("by buyer", &explanation.by_buyer)] {
        if let Some(Grouped { split, factors }) = grouped {
            section(&mut out, title, &split.parts, factors);
        }
    }
    let _ = write!(out, "\n\n{}", explanation.method);
    out
}

/// A table; of groups, with the contributions of their own factors behind.
fn section(out: &mut String, title: &str, parts: &[Part], factors: &[Vec<Part>]) {
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

/// To the last millionth, so that whoever adds up gets the change.
fn signed(money: Money) -> String {
    let (sign, size) = (if money.0 < 0 { '-' } else { '+' }, money.0.unsigned_abs());
    let text = format!("{sign}{}.{:06}", size / 1_000_000, size % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
