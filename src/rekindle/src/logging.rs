//! The log: the events of `tracing` as lines on standard error.
//!
//! For people on a terminal, one JSON object per line elsewhere; `[log]` can say otherwise. The general level is that of
//! Rekindle; libraries are heard from `warn` on, unless `level` names them. There is nothing per event in the log, no
//! secret, and no user id at `info` or above: the code that logs must ensure that.
//!
//! A JSON line has `timestamp` (RFC 3339, UTC), `level`, `target` and `message`; the fields of the line stand beside them.

use std::io;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;

use rekindle_settings::{LogFormat, LogLevels, LogSettings};

/// Why the log cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// It is there already.
    #[error("cannot install the log: this process has one already")]
    Installed,
}

/// Writes the process's log to standard error from now on.
///
/// # Errors
/// It was called before.
pub fn install(log: &LogSettings, is_terminal: bool) -> Result<(), LoggingError> {
    let subscriber = subscriber(log, is_terminal, io::stderr);
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LoggingError::Installed)
}

/// What writes a log; in colour only on a terminal, unless `NO_COLOR` is set.
fn subscriber<W>(log: &LogSettings, is_terminal: bool, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    // Where standard error is closed there is nobody to tell, and telling would panic.
    let lines = fmt::layer().with_writer(writer).log_internal_errors(false);
    // On a terminal the layer looks for `NO_COLOR` by itself.
    let lines = if is_terminal { lines } else { lines.with_ansi(false) };
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match log.format {
        LogFormat::Human => lines.boxed(),
        LogFormat::Auto if is_terminal => lines.boxed(),
        LogFormat::Auto | LogFormat::Json => {
            lines.with_ansi(false).json().flatten_event(true).with_current_span(false).with_span_list(false).boxed()
        }
    };
    tracing_subscriber::registry().with(lines.with_filter(targets(&log.level)))
}

/// What is let through.
fn targets(levels: &LogLevels) -> Targets {
    let libraries = levels.general.min(LevelFilter::WARN);
    let targets = Targets::new().with_default(libraries).with_target("rekindle", levels.general);
    targets.with_targets(levels.targets.iter().cloned())
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex, PoisonError};

    use serde_json::Value;

    use super::*;

    /// A writer whose text can be had afterwards.
    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn log(format: LogFormat, general: LevelFilter, targets: &[(&str, LevelFilter)]) -> LogSettings {
        let targets = targets.iter().map(|(target, level)| ((*target).to_owned(), *level)).collect();
        LogSettings { format, level: LogLevels { general, targets } }
    }

    fn written(log: &LogSettings, is_terminal: bool, say: impl FnOnce()) -> String {
        let page = Page::default();
        let handle = page.clone();
        let subscriber = subscriber(log, is_terminal, move || handle.clone());
        tracing::subscriber::with_default(subscriber, say);
        let bytes = page.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        String::from_utf8(bytes).unwrap()
    }

    fn say_everything() {
        tracing::info!(target: "rekindle_nats::source", stream = "EVENTS", sequence = 42u64, ready = true, "subscribed");
        tracing::debug!(target: "rekindle_nats::source", "a detail");
        tracing::warn!(target: "rekindle_nats::sink", error = %"no \"stream\"\nhere", "cannot publish");
        tracing::info!(target: "async_nats", "event: connected");
        tracing::warn!(target: "async_nats", "slow consumer");
    }

    fn messages(text: &str) -> Vec<String> {
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line of the log is JSON"));
        lines.map(|line| line["message"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_line_is_a_flat_json_object() {
        let text = written(&log(LogFormat::Auto, LevelFilter::INFO, &[]), false, say_everything);
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let mut first = lines[0].clone();
        let time = first.as_object_mut().unwrap().remove("timestamp").unwrap();
        let time = rekindle_core::time::Timestamp::parse_rfc3339(time.as_str().unwrap());
        assert!(time.is_some_and(|time| time.0 > 1_767_225_600_000), "{time:?}");
        let expected = serde_json::json!({
            "level": "INFO", "target": "rekindle_nats::source", "message": "subscribed",
            "stream": "EVENTS", "sequence": 42, "ready": true
        });
        assert_eq!(first, expected);
        assert_eq!(lines[1]["error"], "no \"stream\"\nhere");
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn libraries_are_heard_from_warn_on_unless_they_are_named() {
        let said = |log| messages(&written(&log, false, say_everything));
        let json = |general, targets: &[_]| log(LogFormat::Json, general, targets);
        let usual = ["subscribed", "cannot publish", "slow consumer"];
        assert_eq!(said(json(LevelFilter::INFO, &[])), usual);
        assert_eq!(said(json(LevelFilter::TRACE, &[])), ["subscribed", "a detail", "cannot publish", "slow consumer"]);
        let named = json(LevelFilter::OFF, &[("async_nats", LevelFilter::INFO)]);
        assert_eq!(said(named), ["event: connected", "slow consumer"]);
        assert_eq!(said(json(LevelFilter::ERROR, &[])), [""; 0]);
    }

    #[test]
    fn a_module_can_say_more_or_less_than_the_rest() {
        let said = |level, target| messages(&written(&log(LogFormat::Json, level, &[target]), false, say_everything));
        let more = said(LevelFilter::WARN, ("rekindle_nats::source", LevelFilter::DEBUG));
        assert_eq!(more, ["subscribed", "a detail", "cannot publish", "slow consumer"]);
        let less = said(LevelFilter::INFO, ("rekindle_nats::sink", LevelFilter::ERROR));
        assert_eq!(less, ["subscribed", "slow consumer"]);
    }

    #[test]
    fn people_get_text_and_colours_only_on_a_terminal() {
        let human = log(LogFormat::Human, LevelFilter::INFO, &[]);
        let piped = written(&human, false, say_everything);
        assert!(piped.contains("INFO rekindle_nats::source: subscribed stream=\"EVENTS\""), "{piped}");
        assert!(!piped.contains('\u{1b}'));
        let terminal = written(&log(LogFormat::Auto, LevelFilter::INFO, &[]), true, say_everything);
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        assert!(terminal.contains('\u{1b}') == wanted && terminal.contains("subscribed"), "{terminal}");
        let json = written(&log(LogFormat::Json, LevelFilter::INFO, &[]), true, say_everything);
        assert!(!json.contains('\u{1b}') && messages(&json).len() == 3, "{json}");
    }
}
