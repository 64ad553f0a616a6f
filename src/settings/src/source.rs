//! `[source]`: where events come from.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use toml::de::DeValue;

use super::keys::{SettingKey, SettingKind};
use super::mappings;
use super::reader::{SettingsReader, set};
use super::subject::{check_stream, check_subject};
use rekindle_core::document::TomlSection;
use rekindle_core::rules::schema::DurationText;
use rekindle_core::time::{Span, Timestamp};

/// Where events come from.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename = "Source")]
#[schemars(deny_unknown_fields, default)]
pub struct SourceSettings {
    /// What kind of source it is.
    pub kind: SourceKind,
    /// The JetStream stream that holds the log.
    #[schemars(regex(pattern = "^[^\\s.*>/\\\\]{1,255}$"))]
    pub stream: String,
    /// The subjects that events come on; wildcards are allowed.
    #[schemars(length(min = 1), inner(regex(pattern = "^[^\\s.]+([.][^\\s.]+)*$")))]
    pub subjects: Vec<String>,
    /// Where in the stream to begin: "first" (message it still has), "new" (what comes from now on), a sequence number, or
    /// a time (RFC 3339): the first message that the broker received then or later.
    pub start: StartPosition,
    /// Create the stream where it is missing. One that is there is never changed, only checked.
    pub create: bool,
    /// A stream created: how long it keeps events; 0: for good.
    #[schemars(with = "DurationText")]
    pub max_age: Span,
    /// A stream created: how many servers hold a copy; 1 to 5.
    #[schemars(range(min = 1, max = 5))]
    pub replicas: u8,
    /// The subject of ticks, the messages that tell time in a silent shop. No wildcard. The stream must take it in.
    #[schemars(regex(pattern = "^[^\\s.*>]+([.][^\\s.*>]+)*$"))]
    pub tick_subject: String,
    /// A tick is sent when nothing has come for this long; 50 ms to 10 s.
    #[schemars(with = "DurationText")]
    pub tick_interval: Span,
    /// The subject of messages that say whom to forget: {"user": "…"}, or several such lines. No wildcard. The stream must
    /// take it in.
    #[schemars(regex(pattern = "^[^\\s.*>]+([.][^\\s.*>]+)*$"))]
    pub forget_subject: String,
    /// The subject of records of what was changed over the API, by whom. No wildcard. Where the stream takes it in, they are in the
    /// log; nothing is computed of them.
    #[schemars(regex(pattern = "^[^\\s.*>]+([.][^\\s.*>]+)*$"))]
    pub audit_subject: String,
    /// The most messages asked for at a time; 1 to 50,000.
    #[schemars(range(min = 1, max = 50_000))]
    pub batch: usize,
    /// Which mappings make calls of the messages on which subjects; wildcards are allowed.
    pub mappings: BTreeMap<String, String>,
}

/// Kinds of sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// A stream of JetStream: kept, ordered, numbered.
    JetStream,
    /// Plain subjects: at most once, nothing kept.
    Nats,
}

/// Where in the stream to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartPosition {
    /// With the first message the stream still has.
    First,
    /// With what comes from now on.
    New,
    /// With this sequence number.
    Sequence(u64),
    /// With the first message that the broker received at or after this time.
    Time(Timestamp),
}

/// Keys of `[source]`.
pub(super) const KEYS: [SettingKey; 13] = [
    ("kind", SettingKind::Text),
    ("stream", SettingKind::Text),
    ("subjects", SettingKind::List),
    ("start", SettingKind::NumberOrText),
    ("create", SettingKind::Truth),
    ("max_age", SettingKind::Text),
    ("replicas", SettingKind::Number),
    ("tick_subject", SettingKind::Text),
    ("tick_interval", SettingKind::Text),
    ("forget_subject", SettingKind::Text),
    ("audit_subject", SettingKind::Text),
    ("batch", SettingKind::Number),
    ("mappings", SettingKind::TomlSection),
];

impl Default for SourceSettings {
    fn default() -> Self {
        SourceSettings {
            kind: SourceKind::JetStream,
            stream: "EVENTS".to_owned(),
            subjects: vec!["events.>".to_owned()],
            start: StartPosition::First,
            create: false,
            max_age: Span(0),
            replicas: 1,
            tick_subject: "rekindle.tick".to_owned(),
            tick_interval: Span(500),
            forget_subject: "rekindle.control.forget".to_owned(),
            audit_subject: "rekindle.control.audit".to_owned(),
            batch: 5_000,
            mappings: BTreeMap::new(),
        }
    }
}

impl SourceSettings {
    pub(super) fn read(&mut self, section: &TomlSection<'_>, reader: &mut SettingsReader<'_>) {
        const SUBJECT: &str =
            "subjects are words with dots between them: \"events.web\"; \"events.>\" is all below events";
        let kinds = [("jetstream", SourceKind::JetStream), ("nats", SourceKind::Nats)];
        set(&mut self.kind, reader.choice(section, "kind", &kinds));
        set(&mut self.stream, reader.checked(section, "stream", "name it like \"EVENTS\"", check_stream));
        let wild = |subject: &str| check_subject(subject, true);
        set(&mut self.subjects, reader.checked_list(section, "subjects", SUBJECT, wild));
        set(&mut self.start, start(section, reader));
        set(&mut self.create, reader.truth(section, "create"));
        set(&mut self.max_age, reader.age(section, "max_age"));
        set(&mut self.replicas, reader.number(section, "replicas", 1..=5));
        let one = |subject: &str| check_subject(subject, false);
        set(&mut self.tick_subject, reader.checked(section, "tick_subject", SUBJECT, one));
        set(&mut self.tick_interval, reader.duration(section, "tick_interval", Span(50), Span(10_000)));
        set(&mut self.forget_subject, reader.checked(section, "forget_subject", SUBJECT, one));
        set(&mut self.audit_subject, reader.checked(section, "audit_subject", SUBJECT, one));
        set(&mut self.batch, reader.number(section, "batch", 1..=50_000));
        mappings::read_subjects(self, section, reader);
        if self.kind == SourceKind::Nats {
            self.refuse_stream_settings(section, reader);
        }
    }

    /// Settings of a stream that were given on purpose, and would silently do nothing.
    fn refuse_stream_settings(&self, section: &TomlSection<'_>, reader: &mut SettingsReader<'_>) {
        let usual = SourceSettings::default();
        let given = [
            ("stream", self.stream != usual.stream),
            ("start", self.start != usual.start),
            ("create", self.create != usual.create),
            ("max_age", self.max_age != usual.max_age),
            ("replicas", self.replicas != usual.replicas),
        ];
        for (key, _) in given.iter().filter(|(_, given)| *given) {
            if let Some(value) = section.get(key) {
                let message = format!("`{key}` is of a stream, and kind = \"nats\" has none");
                reader.problems.add(&value.span(), message, "take it out, or say kind = \"jetstream\"");
            }
        }
    }
}

fn start(section: &TomlSection<'_>, reader: &mut SettingsReader<'_>) -> Option<StartPosition> {
    const HELP: &str = "write \"first\", \"new\", a sequence number like 42, or a time like \"2026-03-09T00:00:00Z\"";
    let value = section.get("start")?;
    match value.get_ref() {
        DeValue::Integer(_) => {
            let number: Option<u64> = reader.number(section, "start", 1..=i64::MAX);
            return number.map(StartPosition::Sequence);
        }
        DeValue::String(text) => match text.as_ref() {
            "first" => return Some(StartPosition::First),
            "new" => return Some(StartPosition::New),
            time => {
                if let Some(time) = Timestamp::parse_rfc3339(time) {
                    return Some(StartPosition::Time(time));
                }
            }
        },
        _ => {}
    }
    reader.problems.add(&value.span(), "this is no place to begin at", HELP);
    None
}

/// As it is written in the settings.
impl Serialize for StartPosition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            StartPosition::First => serializer.serialize_str("first"),
            StartPosition::New => serializer.serialize_str("new"),
            StartPosition::Sequence(number) => serializer.serialize_u64(*number),
            StartPosition::Time(time) => serializer.collect_str(time),
        }
    }
}

impl JsonSchema for StartPosition {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Start".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let time =
            "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$";
        json_schema!({
            "anyOf": [
                { "enum": ["first", "new"] },
                { "type": "integer", "minimum": 1 },
                { "type": "string", "pattern": time }
            ]
        })
    }
}
