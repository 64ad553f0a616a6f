//! Reads rules and settings files, and shows every mistake in them at its place.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::CliError;
use super::summary::counted;
use rekindle_core::diagnostics::{self, Diagnostic};
use rekindle_core::rules;
use rekindle_core::rules::ruleset::Ruleset;
use rekindle_settings::{Settings, SettingsErrors, VariableError};

/// Larger files are refused: no rules or settings are that large.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A file that was written longer ago than this is taken as complete.
const RECENT_WRITE: Duration = Duration::from_secs(2);
/// How long a file that was written more recently must stay unchanged.
const SETTLED_AFTER: Duration = Duration::from_millis(200);
/// How often it is read at most.
const READS_MAX: u32 = 25;

/// Why a file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum FileLoadError {
    /// It could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It has mistakes; the text shows them all, at their places.
    #[error("{0}")]
    Wrong(String),
}

/// Reads and compiles a rules file.
pub(crate) fn load_rules(path: &Path) -> Result<Ruleset, CliError> {
    Ok(read_rules(path, in_colour())?)
}

/// Reads and compiles a rules file, and keeps its text. A file that was written a moment ago is read until it stops changing: it
/// may be incomplete.
pub(crate) fn load_settled_rules(path: &Path) -> Result<(Ruleset, String), CliError> {
    let mut loaded = read_rules_with_text(path, in_colour());
    for _ in 1..READS_MAX {
        let written = path.metadata().and_then(|about| about.modified()).ok();
        if written.and_then(|written| written.elapsed().ok()).is_none_or(|age| age > RECENT_WRITE) {
            break;
        }
        std::thread::sleep(SETTLED_AFTER);
        let before = std::mem::replace(&mut loaded, read_rules_with_text(path, in_colour()));
        let is_settled = match (&before, &loaded) {
            (Ok((_, before)), Ok((_, now))) => before == now,
            (Err(before), Err(now)) => before.to_string() == now.to_string(),
            _ => false,
        };
        if is_settled {
            break;
        }
    }
    Ok(loaded?)
}

/// Reads a settings file.
pub(crate) fn load_config(path: &Path) -> Result<Settings, CliError> {
    Ok(read_settings(path, in_colour())?)
}

/// Reads and compiles a rules file; problems are rendered in colour if `colour`.
///
/// # Errors
/// The file cannot be read, or has mistakes.
pub(super) fn read_rules(path: &Path, colour: bool) -> Result<Ruleset, FileLoadError> {
    read_rules_with_text(path, colour).map(|(rules, _)| rules)
}

/// The same, with the file's text.
fn read_rules_with_text(path: &Path, colour: bool) -> Result<(Ruleset, String), FileLoadError> {
    let text = read_text(path)?;
    match rules::compile(&text) {
        Ok(rules) => Ok((rules, text)),
        Err(problems) => Err(wrong(path, &text, &problems, colour)),
    }
}

/// Reads a settings file and the environment variables that override it; problems are rendered in colour if `colour`. Paths are
/// resolved relative to the settings file.
///
/// # Errors
/// The file cannot be read; or it or the environment has mistakes.
pub(super) fn read_settings(path: &Path, colour: bool) -> Result<Settings, FileLoadError> {
    let text = read_text(path)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    Settings::load(&text, folder, std::env::vars_os()).map_err(|mistakes| wrong_settings(path, &mistakes, colour))
}

/// A note about environment variables that are not settings though their names begin like those.
pub(crate) fn ignored_variables(config: &Settings) -> Option<String> {
    let [first, rest @ ..] = config.ignored.as_slice() else { return None };
    let (names, are) = match rest.len() {
        0 => (first.clone(), "is Kubernetes' own and no setting"),
        1 => (format!("{first} and {}", rest[0]), "are Kubernetes' own and no settings"),
        more => (format!("{first} and {more} other variables"), "are Kubernetes' own and no settings"),
    };
    Some(format!("{names} {are}: ignored (enableServiceLinks: false in the pod's spec keeps them away)"))
}

fn wrong(path: &Path, text: &str, problems: &[Diagnostic], colour: bool) -> FileLoadError {
    let mut drawn = diagnostics::render(&path.display().to_string(), text, problems, colour);
    drawn.push_str(&format!("{}: {}", path.display(), counted(problems.len(), "problem")));
    FileLoadError::Wrong(drawn)
}

/// Mistakes of rules that were read before.
pub(super) fn wrong_rules(path: &Path, text: &str, problems: &[Diagnostic]) -> FileLoadError {
    wrong(path, text, problems, in_colour())
}

pub(super) fn wrong_settings(path: &Path, mistakes: &SettingsErrors, colour: bool) -> FileLoadError {
    let mut drawn = diagnostics::render(&path.display().to_string(), &mistakes.text, &mistakes.in_file, colour);
    for VariableError { variable, message, help } in &mistakes.in_variables {
        drawn.push_str(&format!("{variable}: {message}\n"));
        if !help.is_empty() {
            drawn.push_str(&format!("  help: {help}\n"));
        }
        drawn.push('\n');
    }
    drawn.push_str(&format!("{}: {}", path.display(), counted(mistakes.count(), "problem")));
    FileLoadError::Wrong(drawn)
}

pub(super) fn read_text(path: &Path) -> Result<String, FileLoadError> {
    let fail = |source| FileLoadError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(path).map_err(fail)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(fail(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 16 MiB")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        fail(io::Error::new(io::ErrorKind::InvalidData, format!("it is not UTF-8 text (byte {at})")))
    })
}

/// Whether standard error takes colours.
fn in_colour() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}
