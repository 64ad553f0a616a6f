//! Changing the rules: the result, and why it may be refused. The daemon and the demo change them, the HTTP API and the log report it.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::collecting::PublicRowsError;
use crate::rules_file::RulesFileError;
use rekindle_core::checkpoint::RulesComparison;
use rekindle_core::diagnostics::Diagnostic;
use rekindle_core::time::Timestamp;
use rekindle_runtime::live::RulesChangeError;
use rekindle_runtime::live::recomputation::RecomputationFigures;
use rekindle_runtime::output::batch::RulesActivation;

/// The rules that are in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveRules {
    /// The file they were read from.
    pub path: PathBuf,
    /// Its text then.
    pub text: String,
    /// Their fingerprint.
    pub version: String,
    /// When they were loaded.
    pub since: Timestamp,
    /// Who put them in force.
    pub by: String,
}

/// A text that is to become the rules file, and to take effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulesUpdate {
    /// The text.
    pub text: String,
    /// The fingerprint of the rules that it is a change of.
    pub replaces: String,
    /// With the state that they would have had all along.
    pub from_log: bool,
    /// Also if all events, segments or campaigns are gone from it.
    pub allow_empty: bool,
    /// Who wants it.
    pub by: String,
}

/// What became of a text that was not refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpdateOutcome {
    /// Its rules took effect, or are those in force.
    Reloaded(ReloadOutcome),
    /// The log is being read under them.
    FromLog(FromLogReload),
}

/// The result of a reload that was not refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReloadOutcome {
    /// Other rules took effect.
    Applied {
        /// Which, and when.
        reloaded: RulesActivation,
        /// What starts empty under them.
        compared: RulesComparison,
    },
    /// The file holds the rules in force: nothing happened.
    Unchanged {
        /// Their fingerprint.
        version: String,
    },
}

/// A reload from the log: a second engine reads the log under the rules, and takes over when it has caught up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FromLogReload {
    /// The fingerprint of the rules.
    pub rules: String,
    /// When it began.
    pub started: Timestamp,
    /// How far it is, or how far it came.
    pub figures: RecomputationFigures,
    /// How it ended; `None`: it runs.
    pub end: Option<FromLogEnd>,
}

/// How a reload from the log ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromLogEnd {
    /// The rules took effect.
    Applied(RulesActivation),
    /// Somebody cancelled it; nothing has changed.
    Cancelled,
    /// It failed; nothing has changed.
    Failed {
        /// Why.
        why: String,
    },
}

/// Why a reload was refused; the rules in force remain.
#[derive(Debug, Error)]
pub enum ReloadError {
    /// The file can't be read.
    #[error("the rules file {} could not be read: {source}; the rules in force remain", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file keeps changing.
    #[error(
        "the rules file {} differed each of the {reads} times it was read: reload when it is completely written; the rules in \
         force remain", path.display()
    )]
    Unsettled {
        /// The file.
        path: PathBuf,
        /// How often it was read.
        reads: u32,
    },
    /// All events, segments or campaigns are gone from it.
    #[error(
        "the rules file {} has no {lost} any more, and the rules in force have: it may be truncated, and the state behind them \
         would be lost; the rules in force remain; if this is intended, reload with POST /v1/rules/reload?allow_empty=true",
        path.display()
    )]
    Emptied {
        /// The file.
        path: PathBuf,
        /// What is gone: `segments and no campaigns`.
        lost: String,
    },
    /// It has mistakes.
    #[error(
        "the rules file {} has {} mistake{}; the rules in force remain", path.display(), problems.len(),
        if problems.len() == 1 { "" } else { "s" }
    )]
    Mistakes {
        /// The file.
        path: PathBuf,
        /// Its text.
        text: String,
        /// All of them, at their places in the text.
        problems: Vec<Diagnostic>,
    },
    /// Anybody could send rows of a table of its.
    #[error("{0}, restart, and reload; the rules in force remain")]
    PublicRows(#[from] PublicRowsError),
    /// Other rules are in force than those that were changed.
    #[error(
        "the rules in force are version {in_force}, and the change was made on version {replaces}: somebody else has changed them \
         meanwhile; make the change on theirs; the rules in force remain"
    )]
    Superseded {
        /// What was changed.
        replaces: String,
        /// What is in force.
        in_force: String,
    },
    /// Somebody has edited the file, and it has not taken effect.
    #[error(
        "the rules file {} has another text than the rules in force: somebody has edited it and not reloaded it; reload it (POST \
         /v1/rules/reload), or put the text in force back, so that no edit is lost; the rules in force remain", path.display()
    )]
    Edited {
        /// The file.
        path: PathBuf,
    },
    /// The file can't be replaced.
    #[error("{0}; the rules in force remain")]
    NotWritten(#[from] RulesFileError),
    /// A reload failed, and then the file could not be put back.
    #[error("{cause}; the rules file has the new text, because it could not be put back: {source}")]
    NotPutBack {
        /// Why the reload failed.
        cause: Box<ReloadError>,
        /// Why the file could not be put back.
        source: RulesFileError,
    },
    /// A reload from the log is running.
    #[error(
        "the log is being read for a reload that began at {started}: wait for its end, or cancel it (DELETE /v1/rules/reload)"
    )]
    Running {
        /// When it began.
        started: Timestamp,
    },
    /// There is no log.
    #[error(
        "there is no log that keeps events (plain NATS subjects keep none, nor does a demo), so there is no past to read: change the \
         rules without it; the rules in force remain"
    )]
    NoLog,
    /// There is no connection to the broker.
    #[error("there is no connection to the broker, so the log can't be read; the rules in force remain; try again")]
    NoBroker,
    /// The second engine would be too large.
    #[error(
        "a reload from the log takes a second engine beside the live one, whose state takes {needed} bytes, and may take {max}: \
         raise [engine] reload_memory, or reload without the past; the rules in force remain"
    )]
    TooLarge {
        /// The bytes of the live engine's state.
        needed: u64,
        /// How many it may take.
        max: u64,
    },
    /// The engine did not change them.
    #[error("{0}; the rules in force remain")]
    NotChanged(#[from] RulesChangeError),
}
