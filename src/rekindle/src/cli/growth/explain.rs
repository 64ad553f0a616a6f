//! `rekindle growth explain`.

use std::fmt::Write as _;

use super::watched::{Inputs, need_orders, need_refunds, print};
use crate::cli::CliError;
use crate::cli::terminal::field;
use crate::insight::explain::{self, Explanation, Grouped, METRICS};
use crate::insight::{Sales, Window};
use rekindle_core::growth::DAYS_KEPT;
use rekindle_core::growth::calendar::Day;
use rekindle_core::growth::models::Part;
use rekindle_core::growth::models::split::Split;
use rekindle_core::growth::numbers::{Money, Numbers};

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
    if metric == "revenue" {
        need_refunds(&rules, &args.inputs.rules)?;
    }
    let mut sales = Sales::default();
    let (pipeline, numbers) = args.inputs.watch(rules, &mut |seen, _| sales.take(&seen))?;
    let known = Known {
        first: sales.first_day().unwrap_or(numbers.today),
        last: numbers.today,
        is_of_sales: explain::is_of_sales(metric),
    };
    for window in [args.from, args.to] {
        known.refuse(&numbers, window)?;
    }
    let sales = sales.settle(|visitor| pipeline.linked_user(visitor).map(|user| &**user));
    let explanation = explain::explain(metric, &numbers, &sales, (args.from, args.to));
    if args.json {
        return print(serde_json::to_string(&explanation).map_err(|error| CliError::Other(error.to_string()))?);
    }
    print(text(&explanation, &numbers, known.first))
}

/// What can be told of.
struct Known {
    /// The day of the first event.
    first: Day,
    /// The day of the last.
    last: Day,
    /// The metric is told of by the events themselves; others are by the numbers, which reach back less.
    is_of_sales: bool,
}

impl Known {
    /// Refuses a window of which nothing, or not all, is known.
    fn refuse(&self, numbers: &Numbers, window: Window) -> Result<(), CliError> {
        let Known { first, last, .. } = *self;
        if window.last < first || window.first > last {
            let known = format!("the events reach from {first} to {last}, {}", numbers.timezone);
            return Err(CliError::Other(format!("there is nothing in the window {window}: {known}")));
        }
        let told = numbers.days.first().map_or(first, |day| day.day);
        if !self.is_of_sales && window.first.max(first) < told {
            return Err(CliError::Other(format!(
                "the window {window} begins too long ago: this metric is counted by the day, and the days reach back {DAYS_KEPT}, \
                 to {told}. With --until, earlier ones are those of now: --until {}T23:59:59Z, say",
                window.last.plus(1)
            )));
        }
        Ok(())
    }
}

fn text(explanation: &Explanation, numbers: &Numbers, first: Day) -> String {
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
    if from.first < first || to.first < first {
        let _ = write!(out, "\nmind that the events begin on {first}");
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
