//! `[log]`: what is logged on standard error, and how.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;
use toml::Spanned;
use tracing::level_filters::LevelFilter;

use super::keys::{SettingKey, SettingKind};
use super::reader::{SettingsReader, set};
use rekindle_core::diagnostics::{Diagnostics, shorten, suggest};
use rekindle_core::document::TomlSection;

/// What is logged on standard error, and how.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename = "Log")]
#[schemars(deny_unknown_fields, default)]
pub struct LogSettings {
    /// How a line is written.
    pub format: LogFormat,
    /// From which level on, in general and by module: `info`, or `info,rekindle_nats::source=debug`.
    #[schemars(with = "String")]
    pub level: LogLevels,
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

/// The levels from which events are logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLevels {
    /// In general.
    pub general: LevelFilter,
    /// By target: a module (`rekindle_nats::source`) or a library (`async_nats`), and what is below it.
    pub targets: Vec<(String, LevelFilter)>,
}

/// Keys of `[log]`.
pub(super) const KEYS: [SettingKey; 2] = [("format", SettingKind::Text), ("level", SettingKind::Text)];

const LEVELS: [(&str, LevelFilter); 6] = [
    ("off", LevelFilter::OFF),
    ("error", LevelFilter::ERROR),
    ("warn", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
    ("trace", LevelFilter::TRACE),
];

/// Every module that can be named: a misspelt one would silence its lines.
const TARGETS: [&str; 86] = [
    "rekindle",
    "rekindle::api",
    "rekindle::audit",
    "rekindle::backtests",
    "rekindle::cli",
    "rekindle::collecting",
    "rekindle::daemon",
    "rekindle::delivery",
    "rekindle::logging",
    "rekindle::metrics",
    "rekindle::reload",
    "rekindle::rules_file",
    "rekindle::timeline",
    "rekindle::versions",
    "rekindle_collect",
    "rekindle_collect::adapters",
    "rekindle_collect::answer",
    "rekindle_collect::batch",
    "rekindle_collect::body",
    "rekindle_collect::call",
    "rekindle_collect::callbacks",
    "rekindle_collect::cors",
    "rekindle_collect::credentials",
    "rekindle_collect::json_object",
    "rekindle_collect::mapped_routes",
    "rekindle_collect::publisher",
    "rekindle_collect::rate_limit",
    "rekindle_collect::rejection",
    "rekindle_collect::routes",
    "rekindle_collect::sdk_settings",
    "rekindle_collect::service",
    "rekindle_collect::stamp",
    "rekindle_collect::status",
    "rekindle_collect::vendor_routes",
    "rekindle_collect::webhooks",
    "rekindle_collect::write_keys",
    "rekindle_deliver",
    "rekindle_deliver::address",
    "rekindle_deliver::answer",
    "rekindle_deliver::circuit",
    "rekindle_deliver::client",
    "rekindle_deliver::event",
    "rekindle_deliver::mail",
    "rekindle_deliver::rate",
    "rekindle_deliver::report",
    "rekindle_deliver::request",
    "rekindle_deliver::retry",
    "rekindle_deliver::schedule",
    "rekindle_deliver::secrets",
    "rekindle_deliver::settled",
    "rekindle_deliver::signing",
    "rekindle_deliver::status",
    "rekindle_deliver::stream",
    "rekindle_deliver::template",
    "rekindle_deliver::undelivered",
    "rekindle_deliver::window",
    "rekindle_deliver::worker",
    "rekindle_nats",
    "rekindle_nats::connect",
    "rekindle_nats::connect_failure",
    "rekindle_nats::credentials",
    "rekindle_nats::jetstream_api",
    "rekindle_nats::retry",
    "rekindle_nats::sink",
    "rekindle_nats::source",
    "rekindle_nats::status",
    "rekindle_nats::streams",
    "rekindle_nats::subjects",
    "rekindle_nats::tls",
    "rekindle_runtime",
    "rekindle_runtime::backtest",
    "rekindle_runtime::checksummed_json",
    "rekindle_runtime::compression",
    "rekindle_runtime::files",
    "rekindle_runtime::health",
    "rekindle_runtime::history",
    "rekindle_runtime::live",
    "rekindle_runtime::log",
    "rekindle_runtime::output",
    "rekindle_runtime::pipeline",
    "rekindle_runtime::replay",
    "rekindle_runtime::store",
    "rekindle_web",
    "rekindle_web::connections",
    "rekindle_web::server",
    "rekindle_web::write_timeout",
];

impl Default for LogSettings {
    fn default() -> Self {
        LogSettings { format: LogFormat::Auto, level: LogLevels { general: LevelFilter::INFO, targets: Vec::new() } }
    }
}

impl LogSettings {
    pub(super) fn read(&mut self, section: &TomlSection<'_>, reader: &mut SettingsReader<'_>) {
        let formats = [("auto", LogFormat::Auto), ("human", LogFormat::Human), ("json", LogFormat::Json)];
        set(&mut self.format, reader.choice(section, "format", &formats));
        if let Some(text) = section.string("level", &mut reader.problems) {
            self.level = levels(&text, &mut reader.problems);
        }
    }
}

/// Reads `info,rekindle_nats::source=debug`. A problem is one of the whole text, and says which part of it.
fn levels(text: &Spanned<&str>, problems: &mut Diagnostics<'_>) -> LogLevels {
    let mut levels = LogSettings::default().level;
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
                refuse_unknown_module(target, text, problems);
                levels.targets.push((target.to_owned(), *level));
            }
            Some(target) => {
                let help = "name a module, like rekindle_nats::source=debug, or a library, like async_nats=info";
                problems.add(&text.span(), format!("{} is nothing that logs", shorten(target)), help);
            }
        }
    }
    if generals > 1 {
        let help = "say one, and then what differs: \"info,rekindle_nats::source=debug\"";
        problems.add(&text.span(), "there is more than one general level", help);
    }
    levels
}

/// Reports a module of Rekindle that does not exist.
fn refuse_unknown_module(target: &str, text: &Spanned<&str>, problems: &mut Diagnostics<'_>) {
    let mut parts = target.splitn(3, "::");
    let (name, module) = (parts.next().unwrap_or_default(), parts.next());
    let name = module.map_or_else(|| name.to_owned(), |module| format!("{name}::{module}"));
    if name.starts_with("rekindle") && !TARGETS.contains(&name.as_str()) {
        problems.add(
            &text.span(),
            format!("there is no module {}", shorten(&name)),
            suggest(&name, TARGETS, "modules"),
        );
    }
}

/// A path of modules.
fn is_target(text: &str) -> bool {
    let is_name =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    text.split("::").all(is_name)
}

/// As it is written in the settings.
impl fmt::Display for LogLevels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.general)?;
        self.targets.iter().try_for_each(|(target, level)| write!(f, ",{target}={level}"))
    }
}

impl Serialize for LogLevels {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_targets_are_the_modules_of_the_crates_that_log() {
        let crates = [
            ("rekindle", include_str!("../../rekindle/src/lib.rs")),
            ("rekindle_collect", include_str!("../../collect/src/lib.rs")),
            ("rekindle_deliver", include_str!("../../deliver/src/lib.rs")),
            ("rekindle_nats", include_str!("../../nats/src/lib.rs")),
            ("rekindle_runtime", include_str!("../../runtime/src/lib.rs")),
            ("rekindle_web", include_str!("../../web/src/lib.rs")),
        ];
        let mut expected = Vec::new();
        for (name, lib) in crates {
            let modules = lib.lines().filter_map(|line| line.strip_suffix(';')?.rsplit_once("mod "));
            let mut modules: Vec<_> = modules.map(|(_, module)| format!("{name}::{module}")).collect();
            modules.sort();
            expected.push(name.to_owned());
            expected.append(&mut modules);
        }
        assert_eq!(TARGETS.as_slice(), expected);
    }
}
