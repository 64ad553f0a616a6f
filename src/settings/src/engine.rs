//! `[engine]`: what is computed, and how.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use schemars::JsonSchema;

use super::keys::{SettingKey, SettingKind};
use super::nats::Secret;
use super::reader::{SettingsReader, set};
use rekindle_core::document::TomlSection;
use rekindle_core::event::PLACEHOLDER_IDS;
use rekindle_core::rules::schema::DurationText;
use rekindle_core::time::{Clock, Span, SpanError};

/// What is computed, and how.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename = "Engine")]
#[schemars(deny_unknown_fields, default)]
pub struct EngineSettings {
    /// The rules file, relative to the config file.
    pub rules: PathBuf,
    /// How far out of order events may arrive; later ones are still applied, and counted as late; 0 to 1 day.
    #[schemars(with = "DurationText")]
    pub max_disorder: Span,
    /// A user that is idle for this long and has no pending timers is dropped, with the links of its visitors; 0: never, else 1
    /// hour to 100 years.
    #[schemars(with = "DurationText")]
    pub state_ttl: Span,
    /// The largest call accepted, in bytes; 1,024 to 67,108,864. A message, which may hold many, may have 16 times as many.
    #[schemars(range(min = 1_024, max = 67_108_864))]
    pub max_event_bytes: usize,
    /// Placeholder ids, case-insensitive: they count as missing, and link no users.
    #[schemars(inner(length(min = 1, max = 256)))]
    pub placeholder_ids: Vec<String>,
    /// The number of partitions of users; 1 to 4,096.
    #[schemars(range(min = 1, max = 4_096))]
    pub partitions: u16,
    /// Worker threads; 0: one per core; at most 1,024.
    #[schemars(range(min = 0, max = 1_024))]
    pub workers: u16,
    /// What moves time.
    pub clock: Clock,
    /// Names that the rules read and that do not occur in the log for this long are reported; 0: never, else 1 second to 100
    /// years.
    #[schemars(with = "DurationText")]
    pub unseen_after: Span,
    /// The most bytes that the state of the second engine may take which reads the log again for a reload from the log.
    #[schemars(range(min = 1_048_576, max = 1_099_511_627_776i64))]
    pub reload_memory: u64,
    /// How much of one core that second engine may use, in percent; 1 to 100.
    #[schemars(range(min = 1, max = 100))]
    pub reload_share: u8,
    /// The most bytes that the state of the engines may take which try rules on the log (`POST /v1/rules/backtest`): two, beside the
    /// live one.
    #[schemars(range(min = 1_048_576, max = 1_099_511_627_776i64))]
    pub backtest_memory: u64,
    /// How much of one core they may use, in percent; 1 to 100.
    #[schemars(range(min = 1, max = 100))]
    pub backtest_share: u8,
    /// The secret that draws of campaigns (`chance`) depend on: the file that holds it, or REKINDLE_ENGINE_SECRET in the
    /// environment. It is read at the start only, and stays the same as long as the checkpoints do. Without one, draws can be
    /// foreseen.
    #[schemars(rename = "secret_file", with = "Option<std::path::PathBuf>")]
    pub secret: Option<Secret>,
}

/// What the file is, in messages.
pub const SECRET_FILE: &str = "the secret file";

/// Keys of `[engine]`.
pub(super) const KEYS: [SettingKey; 14] = [
    ("rules", SettingKind::Text),
    ("max_disorder", SettingKind::Text),
    ("state_ttl", SettingKind::Text),
    ("max_event_bytes", SettingKind::Number),
    ("placeholder_ids", SettingKind::List),
    ("partitions", SettingKind::Number),
    ("workers", SettingKind::Number),
    ("clock", SettingKind::Text),
    ("unseen_after", SettingKind::Text),
    ("reload_memory", SettingKind::Number),
    ("reload_share", SettingKind::Number),
    ("backtest_memory", SettingKind::Number),
    ("backtest_share", SettingKind::Number),
    ("secret_file", SettingKind::Text),
];
/// The largest `max_disorder`.
const DAY: Span = Span(86_400_000);
/// From the shortest to the longest `state_ttl`: an hour to a hundred years.
const STATE_TTL: RangeInclusive<Span> = Span(3_600_000)..=Span(36_525 * 86_400_000);

impl Default for EngineSettings {
    fn default() -> Self {
        EngineSettings {
            rules: PathBuf::from("rules.toml"),
            max_disorder: Span(5_000),
            state_ttl: Span(0),
            max_event_bytes: 1_048_576,
            placeholder_ids: PLACEHOLDER_IDS.map(str::to_owned).to_vec(),
            partitions: 64,
            workers: 0,
            clock: Clock::Log,
            unseen_after: Span(3_600_000),
            reload_memory: 4 << 30,
            reload_share: 50,
            backtest_memory: 4 << 30,
            backtest_share: 50,
            secret: None,
        }
    }
}

/// Why a `state_ttl` can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateTtlError {
    /// It can't be read as a duration.
    #[error(transparent)]
    Duration(#[from] SpanError),
    /// It is shorter or longer than may be.
    #[error("it must be 0s, which is never, or between 1h and 36525d")]
    OutOfRange,
}

impl EngineSettings {
    /// Reads a `state_ttl`: zero, or within its range.
    ///
    /// # Errors
    /// It is no duration, or out of its range.
    pub fn parse_state_ttl(text: &str) -> Result<Span, StateTtlError> {
        let ttl = Span::parse(text).map_err(StateTtlError::Duration)?;
        let is_in_range = ttl.0 == 0 || STATE_TTL.contains(&ttl);
        if is_in_range { Ok(ttl) } else { Err(StateTtlError::OutOfRange) }
    }

    /// How long an idle user is kept; `None`: for good.
    pub fn state_ttl(&self) -> Option<Span> {
        Some(self.state_ttl).filter(|ttl| ttl.0 > 0)
    }

    pub(super) fn read(&mut self, section: &TomlSection<'_>, reader: &mut SettingsReader<'_>) {
        set(&mut self.rules, reader.file(section, "rules", "the rules file"));
        set(&mut self.max_disorder, reader.duration(section, "max_disorder", Span(0), DAY));
        set(&mut self.state_ttl, state_ttl(section, reader));
        set(&mut self.max_event_bytes, reader.number(section, "max_event_bytes", 1_024..=67_108_864));
        set(&mut self.placeholder_ids, placeholder_ids(section, reader));
        set(&mut self.partitions, reader.number(section, "partitions", 1..=4_096));
        set(&mut self.workers, reader.number(section, "workers", 0..=1_024));
        set(&mut self.clock, reader.choice(section, "clock", &[("log", Clock::Log), ("events", Clock::Events)]));
        set(&mut self.unseen_after, unseen_after(section, reader));
        set(&mut self.reload_memory, reader.number(section, "reload_memory", 1_048_576..=1_099_511_627_776));
        set(&mut self.reload_share, reader.number(section, "reload_share", 1..=100));
        set(&mut self.backtest_memory, reader.number(section, "backtest_memory", 1_048_576..=1_099_511_627_776));
        set(&mut self.backtest_share, reader.number(section, "backtest_share", 1..=100));
        self.secret = reader.secret(("engine", section), "secret", SECRET_FILE).map(|(secret, _)| secret);
    }
}

fn placeholder_ids(section: &TomlSection<'_>, reader: &mut SettingsReader<'_>) -> Option<Vec<String>> {
    let ids = section.strings("placeholder_ids", &mut reader.problems)?;
    let wrong = ids.iter().find(|id| !(1..=256).contains(&id.get_ref().len()));
    if let Some(id) = wrong {
        let message = format!("an id has 1 to 256 bytes, and this one has {}", id.get_ref().len());
        reader.problems.add(&id.span(), message, "");
        return None;
    }
    Some(ids.iter().map(|id| (*id.get_ref()).to_owned()).collect())
}

fn unseen_after(section: &TomlSection<'_>, reader: &mut SettingsReader<'_>) -> Option<Span> {
    let after = reader.duration(section, "unseen_after", Span(0), *STATE_TTL.end())?;
    if (1..1_000).contains(&after.0) {
        let place = section.get("unseen_after").map_or(0..0, toml::Spanned::span);
        reader.problems.add(&place, "`unseen_after` must be 0s, which is never, or at least 1s", "");
        return None;
    }
    Some(after)
}

fn state_ttl(section: &TomlSection<'_>, reader: &mut SettingsReader<'_>) -> Option<Span> {
    let ttl = reader.duration(section, "state_ttl", Span(0), *STATE_TTL.end())?;
    if (1..STATE_TTL.start().0).contains(&ttl.0) {
        let place = section.get("state_ttl").map_or(0..0, toml::Spanned::span);
        reader.problems.add(&place, "`state_ttl` must be 0s, which is never, or at least 1h", "");
        return None;
    }
    Some(ttl)
}
