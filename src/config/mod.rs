//! Settings of the daemon and of replays, read from TOML.
//!
//! [`Config::parse`] reports every problem at its place, like rules. What is left out has its default; the commented file
//! `config/rekindle.toml` says all of them, and a test holds it to the code.

mod http;
mod log;
mod nats;
mod output;
mod source;

pub use http::Http;
pub use log::{Log, LogFormat};
pub use nats::{Auth, Nats, Secret, Tls};
pub use output::{ContentMode, Output};
pub use source::{Source, SourceKind, Start};

use std::ops::Range;
use std::path::PathBuf;

use crate::rules::diagnostic::{Diagnostic, Problems, suggest};
use crate::rules::document::{self, Section};
pub use crate::time::Clock;
use crate::time::Span;

/// Everything that can be set.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Config {
    /// `[engine]`
    pub engine: Engine,
    /// `[nats]`
    pub nats: Nats,
    /// `[source]`
    pub source: Source,
    /// `[output]`
    pub output: Output,
    /// `[http]`
    pub http: Http,
    /// `[log]`
    pub log: Log,
    /// `[shutdown]`
    pub shutdown: Shutdown,
    /// Where the value of `engine.rules` stands in the file, if it is given: bytes.
    pub rules_span: Option<Range<usize>>,
}

/// `[engine]`: what is computed, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    /// The rules file, relative to the config file.
    pub rules: PathBuf,
    /// How much later than others an event may come and still be in time; 0 to 1 day.
    pub max_disorder: Span,
    /// How far ahead of the broker's time an event's own may be; 0 to 1 day.
    pub max_future: Span,
    /// The largest event accepted, in bytes; 1,024 to 67,108,864.
    pub max_event_bytes: usize,
    /// How many parts the users are divided into; 1 to 4,096.
    pub partitions: u16,
    /// Threads that work on partitions; 0: one per core; at most 1,024.
    pub workers: u16,
    /// What moves time.
    pub clock: Clock,
}

/// `[shutdown]`: how long finishing may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shutdown {
    /// Everything taken in is finished and published within this, or the daemon ends without; 1 s to 10 minutes.
    pub deadline: Span,
}

/// Keys of the top level.
const TOP_KEYS: [&str; 2] = ["engine", "http"];
/// Keys of `[engine]`.
const ENGINE_KEYS: [&str; 7] =
    ["rules", "max_disorder", "max_future", "max_event_bytes", "partitions", "workers", "clock"];
/// Keys of `[http]`.
const HTTP_KEYS: [&str; 1] = ["listen"];
/// Longest `max_disorder` and `max_future`.
const DAY: Span = Span(86_400_000);

impl Default for Engine {
    fn default() -> Self {
        Engine {
            rules: PathBuf::from("rules.toml"),
            max_disorder: Span(5_000),
            max_future: Span(300_000),
            max_event_bytes: 1_048_576,
            partitions: 64,
            workers: 0,
            clock: Clock::Log,
        }
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Shutdown { deadline: Span(10_000) }
    }
}

impl Config {
    /// Reads settings.
    ///
    /// # Errors
    /// Every problem in the text, in the order of its place; never empty.
    pub fn parse(text: &str) -> Result<Config, Vec<Diagnostic>> {
        let mut problems = Problems::new(text);
        let document = document::parse(text, &mut problems);
        let root = Section::open("the settings", 0..0, document.get_ref(), &TOP_KEYS, &mut problems);
        let mut config = Config::default();
        if let Some((table, span)) = root.table("engine", &mut problems) {
            let section = Section::open("[engine]", span, table, &ENGINE_KEYS, &mut problems);
            config.read_engine(&section, &mut problems);
        }
        if let Some((table, span)) = root.table("http", &mut problems) {
            let section = Section::open("[http]", span, table, &HTTP_KEYS, &mut problems);
            read_http(&mut config.http, &section, &mut problems);
        }
        if problems.is_empty() { Ok(config) } else { Err(problems.into_sorted()) }
    }

    fn read_engine(&mut self, section: &Section<'_>, problems: &mut Problems<'_>) {
        let engine = &mut self.engine;
        if let Some(rules) = section.string("rules", problems) {
            self.rules_span = Some(rules.span());
            if rules.get_ref().is_empty() {
                problems.add(&rules.span(), "this path is empty", "name the rules file: rules = \"rules.toml\"");
            }
            engine.rules = PathBuf::from(*rules.get_ref());
        }
        set(&mut engine.max_disorder, short_duration(section, "max_disorder", problems));
        set(&mut engine.max_future, short_duration(section, "max_future", problems));
        let bytes = section.integer("max_event_bytes", 1_024..=67_108_864, problems);
        set(&mut engine.max_event_bytes, bytes.and_then(|bytes| usize::try_from(bytes).ok()));
        let partitions = section.integer("partitions", 1..=4_096, problems);
        set(&mut engine.partitions, partitions.and_then(|number| u16::try_from(number).ok()));
        let workers = section.integer("workers", 0..=1_024, problems);
        set(&mut engine.workers, workers.and_then(|number| u16::try_from(number).ok()));
        set(&mut engine.clock, read_clock(section, problems));
    }
}

fn read_http(http: &mut Http, section: &Section<'_>, problems: &mut Problems<'_>) {
    let Some(listen) = section.string("listen", problems) else { return };
    match listen.get_ref().parse() {
        Ok(address) => http.listen = address,
        Err(_) => {
            let help = "write an IP address and a port: \"127.0.0.1:9464\", or \"0.0.0.0:9464\" for every interface";
            problems.add(&listen.span(), "this is not an address to listen on", help);
        }
    }
}

fn read_clock(section: &Section<'_>, problems: &mut Problems<'_>) -> Option<Clock> {
    let clock = section.string("clock", problems)?;
    match *clock.get_ref() {
        "log" => Some(Clock::Log),
        "events" => Some(Clock::Events),
        other => {
            let help = suggest(other, ["log", "events"], "clocks");
            problems.add(&clock.span(), "`clock` must be \"log\" or \"events\"", help);
            None
        }
    }
}

/// A duration from nothing to a day.
fn short_duration(section: &Section<'_>, key: &str, problems: &mut Problems<'_>) -> Option<Span> {
    let text = section.string(key, problems)?;
    match Span::parse(text.get_ref()) {
        Ok(span) if span <= DAY => Some(span),
        Ok(_) => {
            problems.add(&text.span(), format!("`{key}` must be between 0s and 1d"), "");
            None
        }
        Err(why) => {
            problems.add(&text.span(), format!("this is not a duration: {why}"), "write it like \"5s\" or \"1m30s\"");
            None
        }
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = include_str!("../../config/rekindle.toml");

    fn problems(text: &str) -> Vec<(String, String)> {
        let problems = Config::parse(text).expect_err("the settings are wrong");
        problems.into_iter().map(|problem| (problem.message, text[problem.span].to_owned())).collect()
    }

    #[test]
    fn an_empty_file_has_the_defaults() {
        assert_eq!(Config::parse("").unwrap(), Config::default());
    }

    #[test]
    fn the_shipped_file_says_every_option_with_its_default() {
        let mut config = Config::parse(SHIPPED).unwrap();
        config.rules_span = None;
        assert_eq!(config, Config::default());
        for key in ENGINE_KEYS.iter().chain(&HTTP_KEYS) {
            assert!(SHIPPED.lines().any(|line| line.starts_with(&format!("{key} = "))), "{key} is not in the file");
        }
        // Whoever adds a field must write it here, and so comes by the keys above and the file.
        let Config { engine, nats: _, source: _, output: _, http: _, log: _, shutdown: _, rules_span: _ } =
            Config::default();
        let Engine {
            rules: _,
            max_disorder: _,
            max_future: _,
            max_event_bytes: _,
            partitions: _,
            workers: _,
            clock: _,
        } = engine;
    }

    #[test]
    fn every_problem_is_reported_at_its_place() {
        let text = "[engine]\npartitions = 0\nworkers = 'two'\nmax_disorder = '2d'\nclock = 'event'\nrule = 'x'\n\
                    max_event_bytes = 10\n[http]\nlisten = 'localhost'\n[htp]\n";
        let expected = [
            ("`partitions` must be between 1 and 4096", "0"),
            ("`workers` must be a whole number, and this is a string", "'two'"),
            ("`max_disorder` must be between 0s and 1d", "'2d'"),
            ("`clock` must be \"log\" or \"events\"", "'event'"),
            ("unknown key `rule` in [engine]", "rule"),
            ("`max_event_bytes` must be between 1024 and 67108864", "10"),
            ("this is not an address to listen on", "'localhost'"),
            ("unknown key `htp` in the settings", "htp"),
        ];
        assert_eq!(problems(text), expected.map(|(message, span)| (message.to_owned(), span.to_owned())));
    }

    #[test]
    fn a_misspelt_key_gets_the_nearest_one() {
        let problems = Config::parse("[engine]\npartition = 8").unwrap_err();
        assert_eq!(problems[0].help, "did you mean `partitions`?");
    }
}
