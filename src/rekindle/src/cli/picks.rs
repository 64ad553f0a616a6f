//! `rekindle picks`: what would have been offered, and whether it was what users did next.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Subcommand;
use serde_json::json;

use super::load::load_rules;
use super::{CliError, pipeline_options, warn_if_stdin_is_terminal};
use rekindle_core::diagnostics::suggest;
use rekindle_core::partition::{ExecutionPlan, PickTrial};
use rekindle_core::picks::PickFigures;
use rekindle_core::rules::ruleset::{NameId, PickListId};
use rekindle_core::time::Timestamp;
use rekindle_runtime::files::source::EventFiles;
use rekindle_runtime::replay::{ReplayError, evaluate_picks};
use rekindle_settings::EngineSettings;

/// The most items of a list.
const ITEMS_MAX: i64 = 100;

/// Tries picks on past events
#[derive(Debug, clap::Args)]
pub struct PicksArgs {
    #[command(subcommand)]
    command: PicksCommand,
}

#[derive(Debug, Subcommand)]
enum PicksCommand {
    Evaluate(EvaluateArgs),
}

/// Measures picks by what users did next
///
/// Right before each event of a name from a time on, the user's list is worked out from what was known then, by the engine itself. Prints
/// how often the list had what came.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rekindle picks evaluate --rules rules.toml --picks for_you --of order --from 2026-10-01 events.jsonl
  rekindle picks evaluate --rules rules.toml --picks next --of view --at 20 --in-session --from 2026-10-01 events.jsonl.zst")]
pub struct EvaluateArgs {
    /// The rules file (TOML)
    #[arg(long, value_name = "FILE")]
    rules: PathBuf,

    /// The id of the [[picks]]
    #[arg(long, value_name = "ID")]
    picks: String,

    /// The name of [events] whose matches they are measured by
    #[arg(long, value_name = "NAME")]
    of: String,

    /// How many items a list has
    #[arg(long, value_name = "K", default_value_t = 10, value_parser = clap::value_parser!(u8).range(1..=ITEMS_MAX))]
    at: u8,

    /// Events before this time are not measured: RFC 3339, or a date (its midnight, UTC)
    #[arg(long, value_name = "TIME", value_parser = super::replay::timestamp)]
    from: Timestamp,

    /// Only events that join a session of the user
    #[arg(long)]
    in_session: bool,

    /// Print one JSON object
    #[arg(long)]
    json: bool,

    /// Event files, in the order they are read: JSON lines, plain, .gz or .zst; `-` is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    events: Vec<PathBuf>,
}

/// Why picks could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum PicksError {
    /// The rules have no such picks.
    #[error("there are no picks `{id}` in the rules; {help}")]
    NoSuchPicks {
        /// The id.
        id: String,
        /// What may have been meant.
        help: String,
    },
    /// The rules have no such name.
    #[error("there is no event `{name}` in [events]; {help}")]
    NoSuchEvent {
        /// The name.
        name: String,
        /// What may have been meant.
        help: String,
    },
}

pub(crate) fn run(args: &PicksArgs) -> Result<(), CliError> {
    let PicksCommand::Evaluate(args) = &args.command;
    evaluate(args)
}

fn evaluate(args: &EvaluateArgs) -> Result<(), CliError> {
    let rules = load_rules(&args.rules)?;
    let ids = rules.picks.iter().map(|list| list.id.as_str());
    let Some(list) = ids.clone().position(|id| id == args.picks).and_then(|at| u16::try_from(at).ok()) else {
        let help = suggest(&args.picks, ids, "picks");
        return Err(PicksError::NoSuchPicks { id: args.picks.clone(), help }.into());
    };
    let names = rules.names.iter().map(|name| name.id.as_str());
    let Some(of) = names.clone().position(|name| name == args.of).and_then(|at| u16::try_from(at).ok()) else {
        let help = suggest(&args.of, names, "events");
        return Err(PicksError::NoSuchEvent { name: args.of.clone(), help }.into());
    };
    let options = pipeline_options(&EngineSettings::default());
    warn_if_stdin_is_terminal(&args.events);
    let files = EventFiles::open(&args.events, options.max_message_bytes()).map_err(ReplayError::from)?;
    let trial = PickTrial {
        list: PickListId(list),
        of: NameId(of),
        k: args.at.into(),
        from: args.from,
        in_session: args.in_session,
    };
    let figures = evaluate_picks(Arc::new(ExecutionPlan::new(rules)), options, None, files, trial)?;
    let mut text = if args.json { json(args, &figures) } else { text(args, &figures) };
    text.push('\n');
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}

fn measures(figures: &PickFigures) -> [(&'static str, f64, &'static str); 7] {
    let PickFigures { hr, mrr, recall, precision, ndcg, popularity, coverage, .. } = *figures;
    [
        ("hr", hr, "the list had an item of the event"),
        ("mrr", mrr, "one over the place of the first such item"),
        ("recall", recall, "the part of what came, then and later, that the list had"),
        ("precision", precision, "the part of the list that came"),
        ("ndcg", ndcg, "how far up it stood, against the best that could be"),
        ("popularity", popularity, "users of the items offered, against those of the most popular"),
        ("coverage", coverage, "the part of all items that was offered to anybody"),
    ]
}

fn json(args: &EvaluateArgs, figures: &PickFigures) -> String {
    let mut found = json!({"picks": args.picks, "of": args.of, "at": args.at, "targets": figures.targets});
    for (name, value, _) in measures(figures) {
        found[name] = json!((value * 1e6).round() / 1e6);
    }
    found.to_string()
}

fn text(args: &EvaluateArgs, figures: &PickFigures) -> String {
    let mut lines =
        vec![format!("picks {}, {} items, before {} events {}", args.picks, args.at, figures.targets, args.of)];
    if figures.targets == 0 {
        lines.push("nothing was measured: there was no such event with an item from that time on".to_owned());
    }
    lines.extend(measures(figures).map(|(name, value, what)| format!("{name:<11} {value:.4}  {what}")));
    lines.join("\n")
}
