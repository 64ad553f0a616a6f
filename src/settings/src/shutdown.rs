//! `[shutdown]`: how long finishing may take.

use schemars::JsonSchema;

use super::keys::{SettingKey, SettingKind};
use super::reader::{SettingsReader, set};
use rekindle_core::document::TomlSection;
use rekindle_core::rules::schema::DurationText;
use rekindle_core::time::Span;

/// How long finishing may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename = "Shutdown")]
#[schemars(deny_unknown_fields, default)]
pub struct ShutdownSettings {
    /// Everything taken in is finished and published within this, or the daemon ends without; 1 s to 10 minutes.
    #[schemars(with = "DurationText")]
    pub deadline: Span,
}

/// Keys of `[shutdown]`.
pub(super) const KEYS: [SettingKey; 1] = [("deadline", SettingKind::Text)];

impl Default for ShutdownSettings {
    fn default() -> Self {
        ShutdownSettings { deadline: Span(10_000) }
    }
}

impl ShutdownSettings {
    pub(super) fn read(&mut self, section: &TomlSection<'_>, reader: &mut SettingsReader<'_>) {
        set(&mut self.deadline, reader.duration(section, "deadline", Span(1_000), Span(600_000)));
    }
}
