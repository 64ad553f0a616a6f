//! `[collect]`: events over HTTP.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::ops::Range;

use schemars::JsonSchema;
use toml::de::DeTable;

use super::callback::CallbackSettings;
use super::keys::{SettingKey, SettingKind};
use super::reader::{SettingsReader, set};
use super::subject::check_subject;
use super::webhook::WebhookSettings;
use super::write_key::{KeyTrust, WriteKeySettings};
use rekindle_core::diagnostics::shorten;
use rekindle_core::document::TomlSection;
use rekindle_core::rules::schema::DurationText;
use rekindle_core::time::Span;

/// Events over HTTP: from the SDKs of Segment, RudderStack and Jitsu, and from webhooks.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename = "Collect")]
#[schemars(deny_unknown_fields, default)]
pub struct CollectSettings {
    /// Whether `rekindle run` collects too. `rekindle collect` always does.
    pub enabled: bool,
    /// Address and port to listen on.
    #[schemars(with = "String")]
    #[schemars(regex(pattern = "^([0-9.]+|\\[[0-9a-fA-F:.]+\\]):[0-9]+$"))]
    pub listen: SocketAddr,
    /// What events are published under: this and the name of their source, `events.collect.web`. The source's stream must take
    /// it in.
    #[schemars(regex(pattern = "^[^\\s.*>]+([.][^\\s.*>]+)*$"))]
    pub subject: String,
    /// The largest call, in bytes; 1 KiB to 1 MiB.
    #[schemars(range(min = 1_024, max = 1_048_576))]
    pub max_call_bytes: usize,
    /// The largest body of a request, in bytes, as it comes and decompressed; 1 KiB to 64 MiB.
    #[schemars(range(min = 1_024, max = 67_108_864))]
    pub max_body_bytes: usize,
    /// How many bytes of bodies may be in progress at a time; more are refused with 503. 1 MiB to 1 GiB.
    #[schemars(range(min = 1_048_576, max = 1_073_741_824))]
    pub max_in_flight_bytes: usize,
    /// How many calls may wait for the broker's acknowledgement; more are refused with 503. 1 to 1,000,000.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_in_flight: usize,
    /// How long a body may take to arrive, and the broker to acknowledge; 1 s to 1 minute.
    #[schemars(with = "DurationText")]
    pub timeout: Span,
    /// How many connections may be open at a time. 1 to 65,536.
    #[schemars(range(min = 1, max = 65_536))]
    pub max_connections: usize,
    /// How many of them one address may have (of IPv6, one network of 64 bits). 1 to 65,536.
    #[schemars(range(min = 1, max = 65_536))]
    pub max_connections_per_address: usize,
    /// Whether the address of clients is kept, as `context.ip`. Without it, such a field is taken out of what they send.
    pub keep_ip: bool,
    /// The track events whose calls are rows of the rules' tables: only keys with `trust = "server"` may send them, and they need no
    /// id of a user.
    #[schemars(inner(length(min = 1)))]
    pub row_events: Vec<String>,
    /// Who may send, by source.
    pub keys: BTreeMap<String, WriteKeySettings>,
    /// Signed webhooks of shops, by source.
    pub webhooks: BTreeMap<String, WebhookSettings>,
    /// Callbacks of tools that send messages, by destination.
    pub callbacks: BTreeMap<String, CallbackSettings>,
}

/// Keys of `[collect]`.
pub(super) const KEYS: [SettingKey; 15] = [
    ("enabled", SettingKind::Truth),
    ("listen", SettingKind::Text),
    ("subject", SettingKind::Text),
    ("max_call_bytes", SettingKind::Number),
    ("max_body_bytes", SettingKind::Number),
    ("max_in_flight_bytes", SettingKind::Number),
    ("max_in_flight", SettingKind::Number),
    ("timeout", SettingKind::Text),
    ("max_connections", SettingKind::Number),
    ("max_connections_per_address", SettingKind::Number),
    ("keep_ip", SettingKind::Truth),
    ("row_events", SettingKind::List),
    ("keys", SettingKind::TomlSection),
    ("webhooks", SettingKind::TomlSection),
    ("callbacks", SettingKind::TomlSection),
];

/// The longest name of a source.
const SOURCE_NAME_BYTES_MAX: usize = 64;

impl Default for CollectSettings {
    fn default() -> Self {
        CollectSettings {
            enabled: false,
            listen: SocketAddr::from(([127, 0, 0, 1], 9465)),
            subject: "events.collect".to_owned(),
            max_call_bytes: 32 * 1024,
            max_body_bytes: 4 * 1024 * 1024,
            max_in_flight_bytes: 128 * 1024 * 1024,
            max_in_flight: 20_000,
            timeout: Span(10_000),
            max_connections: 16_384,
            max_connections_per_address: 1_024,
            keep_ip: false,
            row_events: Vec::new(),
            keys: BTreeMap::new(),
            webhooks: BTreeMap::new(),
            callbacks: BTreeMap::new(),
        }
    }
}

impl CollectSettings {
    /// Every subject that it publishes events under.
    pub fn subjects(&self) -> impl Iterator<Item = String> {
        self.sources().map(|source| format!("{}.{source}", self.subject))
    }

    /// The names of all sources, each once.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        let of_keys = self.keys.iter().map(|(name, key)| key.source.as_deref().unwrap_or(name));
        let signed = self.webhooks.keys().chain(self.callbacks.keys()).map(String::as_str);
        let names: BTreeSet<&str> = of_keys.chain(signed).collect();
        names.into_iter()
    }

    /// The first source of which anybody may have a key: it stands in a page or an app.
    pub fn public_source(&self) -> Option<&str> {
        let is_public = |key: &WriteKeySettings| key.trust == KeyTrust::Client && !key.sha256.is_empty();
        let (name, key) = self.keys.iter().find(|(_, key)| is_public(key))?;
        Some(key.source.as_deref().unwrap_or(name))
    }

    /// Whether nobody could send anything.
    pub fn is_closed(&self) -> bool {
        self.keys.values().all(|key| key.sha256.is_empty()) && self.webhooks.is_empty() && self.callbacks.is_empty()
    }

    pub(super) fn read(&mut self, section: &TomlSection<'_>, reader: &mut SettingsReader<'_>) {
        set(&mut self.enabled, reader.truth(section, "enabled"));
        let listen = reader.address(section, "listen", self.listen.port());
        set(&mut self.listen, listen);
        let one = |subject: &str| check_subject(subject, false);
        let help = "subjects are words with dots between them: \"events.collect\"";
        set(&mut self.subject, reader.checked(section, "subject", help, one));
        set(&mut self.max_call_bytes, reader.number(section, "max_call_bytes", 1_024..=1_048_576));
        set(&mut self.max_body_bytes, reader.number(section, "max_body_bytes", 1_024..=67_108_864));
        let in_flight_bytes = reader.number(section, "max_in_flight_bytes", 1_048_576..=1_073_741_824);
        set(&mut self.max_in_flight_bytes, in_flight_bytes);
        set(&mut self.max_in_flight, reader.number(section, "max_in_flight", 1..=1_000_000));
        set(&mut self.timeout, reader.duration(section, "timeout", Span(1_000), Span(60_000)));
        set(&mut self.max_connections, reader.number(section, "max_connections", 1..=65_536));
        let per_address = reader.number(section, "max_connections_per_address", 1..=65_536);
        set(&mut self.max_connections_per_address, per_address);
        set(&mut self.keep_ip, reader.truth(section, "keep_ip"));
        set(&mut self.row_events, row_events(section, reader));
        for (name, table) in named(section, "keys", reader) {
            self.keys.insert(name.to_owned(), WriteKeySettings::read(name, table, reader));
        }
        for (name, table) in named(section, "webhooks", reader) {
            let read = WebhookSettings::read(name, table, reader);
            self.webhooks.extend(read.map(|webhook| (name.to_owned(), webhook)));
        }
        for (name, table) in named(section, "callbacks", reader) {
            let read = CallbackSettings::read(name, table, reader);
            self.callbacks.extend(read.map(|callback| (name.to_owned(), callback)));
        }
        if self.enabled && self.is_closed() && reader.problems.is_empty() {
            let place = section.get("enabled").map_or(0..0, toml::Spanned::span);
            let help = "add [collect.keys.web] with what `rekindle collect new-key` prints";
            reader.problems.add_missing(&place, "nobody could send anything: there is no write key", help);
        }
    }
}

fn row_events(section: &TomlSection<'_>, reader: &mut SettingsReader<'_>) -> Option<Vec<String>> {
    let events = section.strings("row_events", &mut reader.problems)?;
    if let Some(event) = events.iter().find(|event| event.get_ref().is_empty()) {
        reader.problems.add(
            &event.span(),
            "this is no name of an event",
            "write it as its calls do: \"Product Updated\"",
        );
        return None;
    }
    Some(events.into_iter().map(|event| (*event.get_ref()).to_owned()).collect())
}

/// Whether it can name a source: it is a part of subjects, paths and series of metrics.
pub(super) fn check_source(name: &str) -> Result<(), &'static str> {
    if name.is_empty() || name.len() > SOURCE_NAME_BYTES_MAX {
        return Err("has not 1 to 64 characters");
    }
    match name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte)) {
        true => Ok(()),
        false => Err("has other characters than a to z, 0 to 9, - and _"),
    }
}

/// The tables of a table, each named by a source: `[collect.keys.web]`.
fn named<'a>(
    section: &TomlSection<'a>,
    key: &str,
    reader: &mut SettingsReader<'_>,
) -> Vec<(&'a str, (&'a DeTable<'a>, Range<usize>))> {
    let mut found = Vec::new();
    let Some((table, span)) = section.table(key, &mut reader.problems) else { return found };
    let all = TomlSection::of_any_keys(format!("[collect.{key}]"), span, table);
    for (name, _) in table {
        if let Err(why) = check_source(name.get_ref()) {
            let message = format!("`{}` {why}", shorten(name.get_ref()));
            reader.problems.add(&name.span(), message, "name the source like \"web\"");
        }
        found.extend(all.table(name.get_ref(), &mut reader.problems).map(|table| (&**name.get_ref(), table)));
    }
    found
}
