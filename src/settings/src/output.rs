//! `[output]`: where outputs are published.

use schemars::JsonSchema;
use serde::Serialize;

use super::keys::{SettingKey, SettingKind};
use super::reader::{SettingsReader, set};
use super::subject::{check_stream, check_subject};
use rekindle_core::document::TomlSection;
use rekindle_core::rules::schema::DurationText;
use rekindle_core::time::Span;

/// Where outputs are published.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename = "Output")]
#[schemars(deny_unknown_fields, default)]
pub struct OutputSettings {
    /// What every subject begins with: `<prefix>.segments.…`, `<prefix>.actions.…`, `<prefix>.dead`.
    #[schemars(regex(pattern = "^[^\\s.*>$][^\\s.*>]*([.][^\\s.*>]+)*$"))]
    pub prefix: String,
    /// Outputs are kept in streams, and acknowledged. Without, they are published at most once.
    pub jetstream: bool,
    /// The stream that keeps segment changes, actions and the rest of the journal.
    #[schemars(regex(pattern = "^[^\\s.*>/\\\\]{1,255}$"))]
    pub stream: String,
    /// The stream that keeps dead letters.
    #[schemars(regex(pattern = "^[^\\s.*>/\\\\]{1,255}$"))]
    pub dead_stream: String,
    /// Create the streams where they are missing. Those that are there are never changed, only checked.
    pub create: bool,
    /// Streams created: how long they keep messages; 0: for good.
    #[schemars(with = "DurationText")]
    pub max_age: Span,
    /// Streams created: how many bytes each keeps before the oldest go; 0: no bound.
    #[schemars(range(min = 0, max = 9_223_372_036_854_775_807_i64))]
    pub max_bytes: u64,
    /// Streams created: how many servers hold a copy; 1 to 5.
    #[schemars(range(min = 1, max = 5))]
    pub replicas: u8,
    /// How an action is written. Everything else is a CloudEvent in binary mode.
    pub cloudevents: ContentMode,
    /// The `source` of all CloudEvents: a URI, or the path of one, of 1 to 256 characters.
    #[schemars(regex(pattern = "^[A-Za-z0-9._~:/?#\\[\\]@!$&'()*+,;=%-]{1,256}$"))]
    pub cloudevents_source: String,
    /// Publish every decision of a campaign too, not only the actions: `<prefix>.decisions.<campaign>.<outcome>`.
    pub decisions: bool,
    /// From how many outputs on a commit goes as an atomic batch; fewer go one by one, sooner. 1 to 999.
    #[schemars(range(min = 1, max = 999))]
    pub batch_from: u16,
    /// How long a lone output may wait for others to share a batch with; 0 to 1 s.
    #[schemars(with = "DurationText")]
    pub linger: Span,
    /// When a start takes the stream over from a daemon that has it: "wait" (once that one has written nothing for six
    /// seconds, or has said that it ends), or "now" (at once, but for the first ten seconds that one has it).
    pub takeover: TakeoverPolicy,
}

/// When a start takes over what another daemon has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[schemars(rename = "Takeover")]
#[serde(rename_all = "lowercase")]
pub enum TakeoverPolicy {
    /// Once that one is silent.
    Wait,
    /// At once.
    Now,
}

/// The two ways of CloudEvents to travel in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ContentMode {
    /// One JSON object that holds all.
    Structured,
    /// The data as body, the rest as `ce-` headers.
    Binary,
}

/// Keys of `[output]`.
pub(super) const KEYS: [SettingKey; 14] = [
    ("prefix", SettingKind::Text),
    ("jetstream", SettingKind::Truth),
    ("stream", SettingKind::Text),
    ("dead_stream", SettingKind::Text),
    ("create", SettingKind::Truth),
    ("max_age", SettingKind::Text),
    ("max_bytes", SettingKind::Number),
    ("replicas", SettingKind::Number),
    ("cloudevents", SettingKind::Text),
    ("cloudevents_source", SettingKind::Text),
    ("decisions", SettingKind::Truth),
    ("batch_from", SettingKind::Number),
    ("linger", SettingKind::Text),
    ("takeover", SettingKind::Text),
];

impl Default for OutputSettings {
    fn default() -> Self {
        OutputSettings {
            prefix: "rekindle".to_owned(),
            jetstream: true,
            stream: "REKINDLE".to_owned(),
            dead_stream: "REKINDLE_DEAD".to_owned(),
            create: false,
            max_age: Span(7 * 86_400_000),
            max_bytes: 0,
            replicas: 1,
            cloudevents: ContentMode::Structured,
            cloudevents_source: "/rekindle".to_owned(),
            decisions: false,
            batch_from: 128,
            linger: Span(0),
            takeover: TakeoverPolicy::Wait,
        }
    }
}

impl OutputSettings {
    /// Below the prefix, what the output stream must take in.
    pub const SUBJECTS: [&str; 10] = [
        "segments.>",
        "actions.>",
        "decisions.>",
        "points.>",
        "outcomes.>",
        "budgets.>",
        "partners.>",
        "merged",
        "rules",
        "progress",
    ];

    pub(super) fn read(&mut self, section: &TomlSection<'_>, reader: &mut SettingsReader<'_>) {
        const STREAM: &str = "name it like \"REKINDLE\"";
        let prefix = reader.checked(section, "prefix", "write it like \"rekindle\" or \"shop.rekindle\"", check_prefix);
        set(&mut self.prefix, prefix);
        set(&mut self.jetstream, reader.truth(section, "jetstream"));
        set(&mut self.stream, reader.checked(section, "stream", STREAM, check_stream));
        set(&mut self.dead_stream, reader.checked(section, "dead_stream", STREAM, check_stream));
        set(&mut self.create, reader.truth(section, "create"));
        set(&mut self.max_age, reader.age(section, "max_age"));
        set(&mut self.max_bytes, reader.number(section, "max_bytes", 0..=i64::MAX));
        set(&mut self.replicas, reader.number(section, "replicas", 1..=5));
        let modes = [("structured", ContentMode::Structured), ("binary", ContentMode::Binary)];
        set(&mut self.cloudevents, reader.choice(section, "cloudevents", &modes));
        let help = "write it like \"/rekindle\" or \"https://shop.example/rekindle\"";
        set(&mut self.cloudevents_source, reader.checked(section, "cloudevents_source", help, check_source));
        set(&mut self.decisions, reader.truth(section, "decisions"));
        set(&mut self.batch_from, reader.number(section, "batch_from", 1..=999));
        set(&mut self.linger, reader.duration(section, "linger", Span(0), Span(1_000)));
        let takeovers = [("wait", TakeoverPolicy::Wait), ("now", TakeoverPolicy::Now)];
        set(&mut self.takeover, reader.choice(section, "takeover", &takeovers));
        if let (false, true, Some(value)) = (self.jetstream, self.create, section.get("create")) {
            let help = "take it out, or say jetstream = true";
            reader.problems.add(&value.span(), "there are no streams to create with jetstream = false", help);
        }
    }
}

/// A reference to a URI, by its characters.
fn check_source(source: &str) -> Result<(), &'static str> {
    if source.is_empty() {
        return Err("is empty");
    }
    if source.len() > 256 {
        return Err("is longer than 256 characters");
    }
    if source.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte)) {
        return Ok(());
    }
    Err("has a character that no URI has")
}

fn check_prefix(prefix: &str) -> Result<(), &'static str> {
    if prefix.starts_with('$') {
        return Err("begins like the server's own subjects");
    }
    check_subject(prefix, false)
}
