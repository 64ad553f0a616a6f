//! What the commands that go through files of events have in common.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::summary::{counted, passed_over_in_words, warn_of_unseen};
use crate::cli::terminal::lines;
use crate::cli::{CliError, load_rules, pipeline_options, say_if_it_waits};
use rekindle_core::decode::Reason;
use rekindle_core::growth::{Numbers, Sighting};
use rekindle_core::partition::Plan;
use rekindle_core::rules::growth::Growth;
use rekindle_core::rules::program::Ruleset;
use rekindle_core::time::Timestamp;
use rekindle_runtime::files::source::Files;
use rekindle_runtime::pipeline::{Pipeline, Totals};
use rekindle_runtime::replay::{ReplayError, watch_growth};
use rekindle_settings::Engine;

/// Which rules, which events.
#[derive(Debug, clap::Args)]
pub(super) struct Inputs {
    /// The rules file (TOML), with a section [growth]
    #[arg(long, value_name = "FILE")]
    pub(super) rules: PathBuf,

    /// Event files, in the order they are read: JSON lines, plain, .gz or .zst; `-` is standard input
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    pub(super) input: Vec<PathBuf>,

    /// The end of time, RFC 3339 or a date (its midnight, UTC): later events are left out; the latest event unless said otherwise
    #[arg(long, value_name = "TIME", value_parser = crate::cli::replay::timestamp)]
    pub(super) until: Option<Timestamp>,
}

impl Inputs {
    /// The rules, which ask for growth numbers.
    pub(super) fn load(&self) -> Result<Ruleset, CliError> {
        let rules = load_rules(&self.rules)?;
        growth(&rules, &self.rules)?;
        Ok(rules)
    }

    /// Goes through the events.
    pub(super) fn watch(
        &self,
        rules: Ruleset,
        watch: &mut dyn FnMut(Sighting, &[u8]),
    ) -> Result<(Pipeline, Numbers), CliError> {
        let options = pipeline_options(&Engine::default());
        say_if_it_waits(&self.input);
        let files = Files::open(&self.input, options.max_message_bytes()).map_err(ReplayError::from)?;
        let pipeline = watch_growth(Arc::new(Plan::new(rules)), options, self.until, files, watch)?;
        tell_left_out(&pipeline.plan().rules, &pipeline.totals(), self.until);
        let nothing = || CliError::Other("there is no event that counts, and so there is nothing to tell".to_owned());
        let numbers = (pipeline.position() > 0).then(|| pipeline.growth(None)).flatten().ok_or_else(nothing)?;
        Ok((pipeline, numbers))
    }
}

/// Says on standard error what is in no number: what was rejected, and, which is no fault of theirs, later events.
pub(super) fn tell_left_out(rules: &Ruleset, totals: &Totals, until: Option<Timestamp>) {
    warn_of_unseen(rules, totals);
    let later = totals.rejected[Reason::AfterUntil { time: Timestamp::MIN }.index()];
    let rejected = totals.rejected.iter().sum::<u64>() - later;
    // A closed standard error is no reason to fail.
    let say = |text: String| drop(writeln!(std::io::stderr(), "{text}"));
    if rejected > 0 {
        let why = "`rekindle replay --rejects` tells why";
        say(format!("{} rejected, and in no number; {why}", counted(rejected, "event")));
    }
    if let Some(until) = until.filter(|_| later > 0) {
        say(format!("{} later than {until} were left out", counted(later, "event")));
    }
    for words in passed_over_in_words(rules, totals) {
        say(format!("warning: {words}"));
    }
}

/// What the rules say of the growth numbers.
pub(super) fn growth<'r>(rules: &'r Ruleset, path: &Path) -> Result<&'r Growth, CliError> {
    rules.growth.as_ref().ok_or_else(|| {
        let help = "add a section [growth]; `rekindle rules` tells what can stand in it";
        CliError::Other(format!("{} asks for no growth numbers: {help}", path.display()))
    })
}

/// The rules must say what an order is.
pub(super) fn need_orders(rules: &Ruleset, path: &Path) -> Result<(), CliError> {
    if growth(rules, path)?.orders.is_some() {
        return Ok(());
    }
    let help = "name one of [events] as `orders` in [growth], or give Segment's \"Order Completed\" a name in [events]";
    Err(CliError::Other(format!("{} does not say what an order is: {help}", path.display())))
}

/// They must say what a refund is, too.
pub(super) fn need_refunds(rules: &Ruleset, path: &Path) -> Result<(), CliError> {
    if growth(rules, path)?.refunds.is_some() {
        return Ok(());
    }
    let help = "name one of [events] as `refunds` in [growth], or give Segment's \"Order Refunded\" a name in [events]; without \
                refunds, ask for gmv";
    Err(CliError::Other(format!("{} does not say what a refund is: {help}", path.display())))
}

/// Prints a text and a newline.
pub(super) fn print(mut text: String) -> Result<(), CliError> {
    text.push('\n');
    Ok(std::io::stdout().lock().write_all(lines(&text).as_bytes())?)
}
