//! `[log]`: what is said on standard error, and how.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;
use toml::Spanned;
use tracing::level_filters::LevelFilter;

use super::keys::{Key, Kind};
use super::reader::{Reader, set};
use crate::rules::diagnostic::{Problems, shorten, suggest};
use crate::rules::document::Section;

/// What is said on standard error, and how.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(deny_unknown_fields, default)]
pub struct Log {
    /// How a line is written.
    pub format: LogFormat,
    /// From which level on, in general and by room: `info`, or `info,rekindle::source=debug`.
    #[schemars(with = "String")]
    pub level: Levels,
}

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people where standard error is a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Human,
    /// One JSON object per line.
    Json,
}

/// From which level on something is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Levels {
    /// In general.
    pub general: LevelFilter,
    /// By target: a room (`rekindle::source`) or a library (`async_nats`), and what is below it.
    pub targets: Vec<(String, LevelFilter)>,
}

/// Keys of `[log]`.
pub(super) const KEYS: [Key; 2] = [("format", Kind::Text), ("level", Kind::Text)];

const LEVELS: [(&str, LevelFilter); 6] = [
    ("off", LevelFilter::OFF),
    ("error", LevelFilter::ERROR),
    ("warn", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
    ("trace", LevelFilter::TRACE),
];

/// Every room: who misspells one would wait for its lines in vain.
const ROOMS: [&str; 30] = [
    "action",
    "api",
    "campaigns",
    "checkpoint",
    "cli",
    "config",
    "daemon",
    "decimal",
    "decode",
    "engine",
    "event",
    "growth",
    "health",
    "identity",
    "insight",
    "journal",
    "json",
    "live",
    "logging",
    "metrics",
    "nats",
    "partition",
    "pipeline",
    "replay",
    "route",
    "rules",
    "sink",
    "source",
    "store",
    "time",
];

impl Default for Log {
    fn default() -> Self {
        Log { format: LogFormat::Auto, level: Levels { general: LevelFilter::INFO, targets: Vec::new() } }
    }
}

impl Log {
    pub(super) fn read(&mut self, section: &Section<'_>, reader: &mut Reader<'_>) {
        let formats = [("auto", LogFormat::Auto), ("human", LogFormat::Human), ("json", LogFormat::Json)];
        set(&mut self.format, reader.choice(section, "format", &formats));
        if let Some(text) = section.string("level", &mut reader.problems) {
            self.level = levels(&text, &mut reader.problems);
        }
    }
}

/// Reads `info,rekindle::source=debug`. A problem is one of the whole text, and says which part of it.
fn levels(text: &Spanned<&str>, problems: &mut Problems<'_>) -> Levels {
    let mut levels = Log::default().level;
    let mut generals = 0;
    for part in text.get_ref().split(',').map(str::trim) {
        let (target, level) = part.split_once('=').map_or((None, part), |(target, level)| (Some(target.trim()), level));
        let level = level.trim();
        let Some((_, level)) = LEVELS.iter().find(|(name, _)| *name == level) else {
            let help = suggest(level, LEVELS.map(|(name, _)| name), "levels");
            problems.add(&text.span(), format!("{} is not a level", shorten(level)), help);
            continue;
        };
        match target {
            None => {
                generals += 1;
                levels.general = *level;
            }
            Some(target) if is_target(target) => {
                refuse_unknown_room(target, text, problems);
                levels.targets.push((target.to_owned(), *level));
            }
            Some(target) => {
                let help = "name a room, like rekindle::source=debug, or a library, like async_nats=info";
                problems.add(&text.span(), format!("{} is nothing that logs", shorten(target)), help);
            }
        }
    }
    if generals > 1 {
        let help = "say one, and then what differs: \"info,rekindle::source=debug\"";
        problems.add(&text.span(), "there is more than one general level", help);
    }
    levels
}

/// Reports the room in `rekindle::room::…`, if there is none of that name.
fn refuse_unknown_room(target: &str, text: &Spanned<&str>, problems: &mut Problems<'_>) {
    let room = target.strip_prefix("rekindle::").and_then(|path| path.split("::").next());
    if let Some(room) = room.filter(|room| !ROOMS.contains(room)) {
        let message = format!("there is no room {} in rekindle", shorten(room));
        problems.add(&text.span(), message, suggest(room, ROOMS, "rooms"));
    }
}

/// A path of modules.
fn is_target(text: &str) -> bool {
    let is_name =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    text.split("::").all(is_name)
}

/// As it is written in the settings.
impl fmt::Display for Levels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.general)?;
        self.targets.iter().try_for_each(|(target, level)| write!(f, ",{target}={level}"))
    }
}

impl Serialize for Levels {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rooms_are_those_of_the_map() {
        let map = include_str!("../lib.rs").lines();
        let found: Vec<_> = map
            .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
            .filter(|name| *name != "testing")
            .collect();
        assert_eq!(ROOMS.as_slice(), found);
    }
}
