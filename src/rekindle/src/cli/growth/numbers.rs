//! `rekindle growth numbers`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use super::GrowthCommandError;
use super::inputs::growth_rules;
use crate::cli::replay_inputs::warn_of_omitted_events;
use crate::cli::summary::{grouped, passed_over};
use crate::cli::{CliError, load_rules, pipeline_options, warn_if_stdin_is_terminal};
use rekindle_core::growth::{GrowthReport, Money, Ratio};
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::rules::growth::amount_in_words;
use rekindle_core::time::Timestamp;
use rekindle_runtime::files::source::EventFiles;
use rekindle_runtime::pipeline::PipelineOptions;
use rekindle_runtime::replay::{ReplayError, growth_report};
use rekindle_settings::EngineSettings;

/// Computes the growth numbers of event files
///
/// The rules need a section [growth]. The key figures are printed as text; --json prints all numbers, by day, hour and channel.
#[derive(Debug, clap::Args)]
pub(super) struct NumbersArgs {
    /// The rules file (TOML)
    #[arg(long, value_name = "FILE")]
    rules: PathBuf,

    /// Event files, in the order they are read: JSON lines, plain, .gz or .zst; `-` is standard input
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    input: Vec<PathBuf>,

    /// The moment of the numbers, RFC 3339 or a date (its midnight, UTC): later events are left out; by default the time of the latest event
    #[arg(long, value_name = "TIME", value_parser = crate::cli::replay::timestamp)]
    until: Option<Timestamp>,

    /// Print everything, as one JSON object
    #[arg(long)]
    json: bool,

    /// The number of partitions of users; does not affect the numbers; 64 by default
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    partitions: Option<u16>,

    /// The number of worker threads; 0, the default, is one per core; does not affect the numbers
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=1024))]
    workers: Option<u16>,
}

pub(crate) fn run(args: &NumbersArgs) -> Result<(), CliError> {
    let rules = load_rules(&args.rules)?;
    growth_rules(&rules, &args.rules)?;
    let defaults = pipeline_options(&EngineSettings::default());
    let options = PipelineOptions {
        partitions: args.partitions.map_or(defaults.partitions, usize::from),
        workers: args.workers.map_or(defaults.workers, usize::from),
        ..defaults
    };
    warn_if_stdin_is_terminal(&args.input);
    let files = EventFiles::open(&args.input, options.max_message_bytes()).map_err(ReplayError::from)?;
    let plan = Arc::new(ExecutionPlan::new(rules));
    let (report, totals) = growth_report(Arc::clone(&plan), options, args.until, files)?;
    warn_of_omitted_events(&plan.rules, &totals, args.until);
    let report = report.ok_or(GrowthCommandError::NoEvents)?;
    let mut text = match args.json {
        true => {
            let passed_over = passed_over(&plan.rules, &totals).map(|(name, _, none)| (name, none)).collect();
            let document = NumbersDocument { report: &report, passed_over };
            serde_json::to_string(&document).map_err(GrowthCommandError::Json)?
        }
        false => summary(&report),
    };
    text.push('\n');
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}

/// The report, and what it leaves out.
#[derive(serde::Serialize)]
struct NumbersDocument<'r> {
    #[serde(flatten)]
    report: &'r GrowthReport,
    /// The number of values of amounts that are not numbers, by event and property.
    passed_over: BTreeMap<String, u64>,
}

fn percent(ratio: Ratio) -> String {
    rate(ratio.rate())
}

fn rate(rate: Option<f64>) -> String {
    rate.map_or_else(|| "–".to_owned(), |rate| format!("{:.1} %", rate * 100.0))
}

/// The key figures as text.
fn summary(report: &GrowthReport) -> String {
    let numbers = &report.numbers;
    let mut out = String::new();
    let mut line = |name: &str, text: String| {
        let _ = writeln!(out, "{name:<12} {text}");
    };
    let through = numbers.users.day.map_or_else(|| "no day is complete yet".to_owned(), |day| format!("through {day}"));
    line("numbers", format!("{through}, {}", numbers.timezone));
    line("last week", report.outlook.headline.text.clone());
    if let Some(day) = numbers.days.iter().rev().find(|day| day.complete) {
        line("users", format!("{} known, {} signed up", grouped(day.known_users), grouped(day.known_sign_ups)));
        line(
            "active",
            format!(
                "DAU {}, WAU {}, MAU {}, stickiness {}",
                grouped(day.all.active),
                grouped(day.all.active_7d),
                grouped(day.all.active_30d),
                percent(numbers.users.stickiness)
            ),
        );
    }
    let retention = &numbers.retention;
    line(
        "retention",
        format!(
            "day 1 {}, day 7 {}, day 30 {}",
            percent(retention.day_1),
            percent(retention.day_7),
            percent(retention.day_30)
        ),
    );
    for funnel in &numbers.funnels {
        let steps: Vec<String> =
            funnel.steps.iter().map(|step| format!("{} {}", step.name, grouped(step.users))).collect();
        line("funnel", format!("{}: {}", funnel.id, steps.join(" → ")));
    }
    if let Some(commerce) = &numbers.commerce {
        let all = &commerce.all;
        let amount = |amount: Money| amount_in_words(numbers.currency, amount.to_number());
        line(
            "30 days",
            format!(
                "{} orders, GMV {}, AOV {}, conversion {}",
                grouped(all.orders),
                amount(all.gmv),
                all.aov.map_or_else(|| "–".to_owned(), amount),
                percent(all.conversion)
            ),
        );
        if let Some(picks) = &commerce.picks {
            let (orders, gmv, share) = (grouped(picks.orders), amount(picks.gmv), percent(picks.share));
            line("picks", format!("{orders} orders of what was shown from a list before, {gmv}: {share} of GMV"));
        }
        line("repeat", format!("{} of all buyers bought again", percent(commerce.repeat_purchase)));
    }
    for target in &numbers.targets {
        line("target", format!("{}: {} since {}", target.id, rate(target.progress.rate()), target.period_starts));
    }
    out.pop();
    out
}
