//! `rekindle reload`: asks a running daemon to reload its rules.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::asked_daemon::{AskedDaemon, AskedDaemonError, DaemonAddress, text_of};
use super::backtest::{self, EXPLAIN_REQUEST};
use super::{CliError, terminal};
use rekindle_core::json::JsonText;
use rekindle_runtime::backtest::BacktestReport;

/// How often a reload from the log is asked how far it is.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// Make a running daemon reload its rules file
///
/// With --from-log the new rules are run over the stream first, as far back as it reaches, beside the live engine; they take effect
/// when all of it is read, with the state that they would have had all along. The command waits for that; ending it ends nothing
/// else. What changes by the rules sets off no campaign. If a reload fails, nothing has changed. With --dry-run too, nothing changes:
/// it is a backtest of the file's rules against those in force.
#[derive(clap::Args, Clone, Debug)]
pub struct ReloadArgs {
    /// Read the log under the rules first, so that they know the past
    #[arg(long)]
    from_log: bool,
    /// With --from-log: change nothing, and say what the rules of the file would have done with the log, against those in force
    #[arg(long, requires = "from_log")]
    dry_run: bool,
    /// With --dry-run: print one JSON object
    #[arg(long, requires = "dry_run")]
    json: bool,
    /// Cancel the reload from the log that is running
    #[arg(long, conflicts_with_all = ["from_log", "allow_empty"])]
    cancel: bool,
    /// Accept rules from which all events, segments or campaigns are gone
    #[arg(long)]
    allow_empty: bool,
    #[command(flatten)]
    daemon: DaemonAddress,
}

/// Why the rules were not reloaded.
#[derive(Debug, thiserror::Error)]
pub enum ReloadCommandError {
    /// It was begun, and did not come to its end.
    #[error("the rules in force remain: {0}")]
    NotApplied(String),
    /// A dry run has no result.
    #[error("the rules were not tried: {0}")]
    NotTried(String),
}

/// Reloads the rules, and says what came of it.
///
/// # Errors
/// The daemon can't be asked, refuses it, or the rules did not take effect.
pub fn run(args: &ReloadArgs) -> Result<(), CliError> {
    let daemon = AskedDaemon::new(&args.daemon)?;
    if args.cancel {
        let cancelled = daemon.ask("DELETE", "/v1/rules/reload")?;
        return terminal::print(format!(
            "the reload from the log of rules {} is cancelled",
            text_of(&cancelled, "version")
        ));
    }
    let allow_empty = if args.allow_empty { "allow_empty=true" } else { "allow_empty=false" };
    if args.dry_run {
        let begun = daemon.ask("POST", &format!("/v1/rules/reload?from=log&dry_run=true&{allow_empty}"))?;
        return daemon.await_backtest(&text_of(&begun, "id"), args.json);
    }
    if args.from_log {
        daemon.ask("POST", &format!("/v1/rules/reload?from=log&{allow_empty}"))?;
        return daemon.await_end();
    }
    let reloaded = daemon.ask("POST", &format!("/v1/rules/reload?{allow_empty}"))?;
    terminal::print(summary(&reloaded))
}

/// What an ordinary reload did.
fn summary(reloaded: &Value) -> String {
    let (version, previous) = (text_of(reloaded, "version"), text_of(reloaded, "previous"));
    if reloaded["changed"] != true {
        return format!("the file holds the rules in force, {version}: nothing changes");
    }
    let mut said = format!("rules {version} are in force, instead of {previous}");
    let empty = reloaded["begins_empty"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !empty.is_empty() {
        said.push_str("\nthese start empty, and do not know the past (reload with --from-log so that they do):");
    }
    for begins in empty {
        said.push_str(&format!("\n  {}: {}", text_of(begins, "what"), text_of(begins, "blind")));
    }
    said
}

/// Waiting for what was begun.
impl AskedDaemon {
    /// Waits until the reload from the log has ended, and shows how far it is.
    fn await_end(&self) -> Result<(), CliError> {
        loop {
            let reload = self.ask("GET", "/v1/rules/reload")?;
            let (state, events) = (text_of(&reload, "state"), reload["events"].as_u64().unwrap_or(0));
            let is_over = ["applied", "cancelled", "failed"].contains(&state.as_str());
            show(&state, reload["progress"].as_f64().unwrap_or(0.0), events, is_over);
            match state.as_str() {
                "applied" => {
                    let (version, previous) = (text_of(&reload, "version"), text_of(&reload, "previous"));
                    return terminal::print(format!(
                        "rules {version} are in force, instead of {previous}, and know the past: {events} events"
                    ));
                }
                "cancelled" => return Err(ReloadCommandError::NotApplied("it was cancelled".to_owned()).into()),
                "failed" => return Err(ReloadCommandError::NotApplied(text_of(&reload, "error")).into()),
                _ => std::thread::sleep(LOOK_INTERVAL),
            }
        }
    }

    /// Waits until a backtest has ended, and prints its result.
    fn await_backtest(&self, id: &str, as_json: bool) -> Result<(), CliError> {
        let wrong = |error: serde_json::Error| AskedDaemonError::Answer(error.to_string());
        let job = loop {
            let body = self.ask_text("GET", &format!("/v1/rules/backtest/{id}"))?;
            let job: AnsweredBacktest = serde_json::from_str(&body).map_err(wrong)?;
            show(&job.state, job.progress, job.events, job.state != "running");
            if job.state != "running" {
                break job;
            }
            std::thread::sleep(LOOK_INTERVAL);
        };
        let Some(result) = job.result else {
            return Err(ReloadCommandError::NotTried(job.error.unwrap_or(format!("it was {}", job.state))).into());
        };
        if let Some(note) = job.note {
            let _ = writeln!(std::io::stderr(), "warning: {}", terminal::field(&note));
        }
        if as_json {
            return terminal::print(result.to_string());
        }
        let report: BacktestReport = serde_json::from_str(result.as_str()).map_err(wrong)?;
        terminal::print(backtest::text::text(
            "Backtest of the rules file against the rules in force",
            EXPLAIN_REQUEST,
            &report,
        ))
    }
}

/// A backtest, as the daemon answers.
#[derive(Deserialize)]
struct AnsweredBacktest {
    state: String,
    progress: f64,
    events: u64,
    note: Option<String>,
    error: Option<String>,
    result: Option<JsonText>,
}

/// Shows on a terminal how far something is.
fn show(state: &str, progress: f64, events: u64, is_over: bool) {
    let mut terminal = std::io::stderr();
    if terminal.is_terminal() {
        let shown = terminal::field(state).replace('_', " ");
        let end = if is_over { "\n" } else { "" };
        let _ = write!(terminal, "\r\x1b[K{shown}: {:.1} %, {events} events{end}", progress * 100.0);
    }
}
