//! The inputs of the commands that replay event files to say what became of them, and what they warn of.

use std::io::Write as _;
use std::path::PathBuf;

use super::secret::LoadedSecret;
use super::summary::{counted, passed_over_in_words, warn_of_unseen};
use super::{CliError, load_rules, pipeline_options, warn_if_stdin_is_terminal};
use rekindle_core::decode::RejectionReason;
use rekindle_core::rules::ruleset::Ruleset;
use rekindle_core::time::Timestamp;
use rekindle_runtime::files::source::EventFiles;
use rekindle_runtime::pipeline::{PipelineOptions, PipelineTotals};
use rekindle_runtime::replay::ReplayError;
use rekindle_settings::{EngineSettings, Secret};

/// The rules and the events of commands that say what campaigns did.
#[derive(Debug, clap::Args)]
pub(super) struct ReplayInputs {
    /// Event files, in the order they are read: JSON lines, plain, .gz or .zst; `-` is standard input
    #[arg(value_name = "EVENTS", required = true, num_args = 1..)]
    pub(super) events: Vec<PathBuf>,

    /// The rules file (TOML)
    #[arg(long, value_name = "FILE")]
    pub(super) rules: PathBuf,

    /// The end time, RFC 3339 or a date (its midnight, UTC): later events are left out; by default the time of the latest event
    #[arg(long, visible_alias = "at", value_name = "TIME", value_parser = super::replay::timestamp)]
    pub(super) until: Option<Timestamp>,

    /// The file with the secret that draws of campaigns (`chance`) and the codes of coupons depend on
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

impl ReplayInputs {
    /// Loads the rules.
    pub(super) fn load(&self) -> Result<Ruleset, CliError> {
        load_rules(&self.rules)
    }

    /// Whether the events can be read once more.
    pub(super) fn can_be_read_again(&self) -> bool {
        self.events.iter().all(|path| path.is_file())
    }

    /// Opens the event files. The options are those of a command, with the secret.
    pub(super) fn open(&self) -> Result<(EventFiles, PipelineOptions), CliError> {
        let options = self.options()?;
        Ok((self.open_files(&options)?, options))
    }

    /// The options of a command, with the secret.
    pub(super) fn options(&self) -> Result<PipelineOptions, CliError> {
        let secret = LoadedSecret::of_command(self.secret_file.clone().map(Secret::File).as_ref())?;
        Ok(PipelineOptions { secret, ..pipeline_options(&EngineSettings::default()) })
    }

    /// Opens the event files.
    pub(super) fn open_files(&self, options: &PipelineOptions) -> Result<EventFiles, CliError> {
        warn_if_stdin_is_terminal(&self.events);
        Ok(EventFiles::open(&self.events, options.max_message_bytes()).map_err(ReplayError::from)?)
    }
}

/// Reports on standard error which events are in no number: rejected ones, and, which is no mistake, later ones.
pub(super) fn warn_of_omitted_events(rules: &Ruleset, totals: &PipelineTotals, until: Option<Timestamp>) {
    warn_of_unseen(rules, totals);
    let later = totals.rejected[RejectionReason::AfterUntil { time: Timestamp::MIN }.index()];
    let rejected = totals.rejected.iter().sum::<u64>() - later;
    // A closed standard error is no reason to fail.
    let say = |text: String| drop(writeln!(std::io::stderr(), "{text}"));
    if rejected > 0 {
        let why = "`rekindle replay --dead-letters` writes the reasons";
        say(format!("{} rejected, and not counted; {why}", counted(rejected, "event")));
    }
    if let Some(until) = until.filter(|_| later > 0) {
        say(format!("{} later than {until} were left out", counted(later, "event")));
    }
    for words in passed_over_in_words(rules, totals) {
        say(format!("warning: {words}"));
    }
}
