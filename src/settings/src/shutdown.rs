//! `[shutdown]`: how long finishing may take.

use schemars::JsonSchema;

use super::keys::{Key, Kind};
use super::reader::{Reader, set};
use rekindle_core::rules::document::Section;
use rekindle_core::rules::schema::DurationText;
use rekindle_core::time::Span;

/// How long finishing may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(deny_unknown_fields, default)]
pub struct Shutdown {
    /// Everything taken in is finished and published within this, or the daemon ends without; 1 s to 10 minutes.
    #[schemars(with = "DurationText")]
    pub deadline: Span,
}

/// Keys of `[shutdown]`.
pub(super) const KEYS: [Key; 1] = [("deadline", Kind::Text)];

impl Default for Shutdown {
    fn default() -> Self {
        Shutdown { deadline: Span(10_000) }
    }
}

impl Shutdown {
    pub(super) fn read(&mut self, section: &Section<'_>, reader: &mut Reader<'_>) {
        set(&mut self.deadline, reader.duration(section, "deadline", Span(1_000), Span(600_000)));
    }
}
