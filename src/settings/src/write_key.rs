//! `[collect.keys.NAME]`: the write keys of one source, and what they may do.

use std::ops::Range;

use schemars::JsonSchema;
use serde::Serialize;

use super::collect::check_source;
use super::reader::{SettingsReader, set};
use rekindle_core::document::{DURATION_MAX, TomlSection};
use rekindle_core::event::CallType;
use rekindle_core::rules::schema::DurationText;
use rekindle_core::time::Span;

/// The write keys of one source, and what they may do.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename = "WriteKey")]
#[schemars(deny_unknown_fields, default)]
pub struct WriteKeySettings {
    /// SHA-256 of each key, in hexadecimal digits, as `rekindle collect new-key` prints it. Several while one replaces another;
    /// none: the source is shut off.
    #[schemars(inner(regex(pattern = "^[0-9a-fA-F]{64}$")))]
    pub sha256: Vec<String>,
    /// The source's name in the log; the table's own unless given.
    #[schemars(regex(pattern = "^[a-z0-9_-]{1,64}$"))]
    pub source: Option<String>,
    /// Who holds the key: everybody who opens the shop's page or app (`client`), or the shop's own programs (`server`).
    pub trust: KeyTrust,
    /// Whether a client may say by `userId` who it is, which links the visitor to that user for good. A server always may.
    pub identify: bool,
    /// How old the calls of a client may be: older ones are rejected. A server's may have any age.
    #[schemars(with = "DurationText")]
    pub history: Span,
    /// The origins of the web pages that may send (`https://shop.example`); none: any, and what sends no `Origin`.
    #[schemars(inner(regex(pattern = "^https?://[^\\s/*]+$")))]
    pub origins: Vec<String>,
    /// The types of the calls that are taken.
    #[schemars(length(min = 1), inner(regex(pattern = "^(track|identify|alias|page|screen|group)$")))]
    pub calls: Vec<String>,
    /// How many calls a second are taken, on the average of ten seconds; more are refused with 429. 0: without limit.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub rate: u32,
}

/// Who holds a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyTrust {
    /// Everybody: it stands in a web page or an app.
    Client,
    /// The shop's own programs.
    Server,
}

const KEYS: [&str; 8] = ["sha256", "source", "trust", "identify", "history", "origins", "calls", "rate"];

impl Default for WriteKeySettings {
    fn default() -> Self {
        WriteKeySettings {
            sha256: Vec::new(),
            source: None,
            trust: KeyTrust::Client,
            identify: false,
            history: Span(86_400_000),
            origins: Vec::new(),
            calls: CallType::ALL.map(|call| call.name().to_owned()).into(),
            rate: 0,
        }
    }
}

impl WriteKeySettings {
    pub(super) fn read(
        name: &str,
        (table, span): (&toml::de::DeTable<'_>, Range<usize>),
        reader: &mut SettingsReader<'_>,
    ) -> WriteKeySettings {
        let place = span.clone();
        let section = TomlSection::open(format!("[collect.keys.{name}]"), span, table, &KEYS, &mut reader.problems);
        let mut this = WriteKeySettings::default();
        this.read_hashes((&section, &place), reader);
        this.source = reader.checked(&section, "source", "name it like \"web\"", check_source);
        let trusts = [("client", KeyTrust::Client), ("server", KeyTrust::Server)];
        set(&mut this.trust, reader.choice(&section, "trust", &trusts));
        set(&mut this.identify, reader.truth(&section, "identify"));
        set(&mut this.history, reader.duration(&section, "history", Span(60_000), DURATION_MAX));
        let help = "write scheme and host, like \"https://shop.example\"";
        if section.get("origins").is_some() {
            set(&mut this.origins, reader.checked_list(&section, "origins", help, check_origin));
        }
        let help = "calls are track, identify, alias, page, screen and group";
        set(&mut this.calls, reader.checked_list(&section, "calls", help, check_call));
        set(&mut this.rate, reader.number(&section, "rate", 0..=1_000_000));
        if this.trust == KeyTrust::Server {
            for key in ["identify", "history"].into_iter().filter_map(|key| Some((key, section.get(key)?))) {
                let message = format!("`{}` limits clients, and this key is a server's", key.0);
                reader.problems.add(&key.1.span(), message, "take it out, or say trust = \"client\"");
            }
        }
        this
    }

    fn read_hashes(&mut self, (section, place): (&TomlSection<'_>, &Range<usize>), reader: &mut SettingsReader<'_>) {
        let Some(hashes) = section.strings("sha256", &mut reader.problems) else {
            if section.get("sha256").is_none() {
                let help =
                    "write sha256 = [\"…\"], with what `rekindle collect new-key` prints; [] shuts the source off";
                reader.problems.add_missing(place, "there is no `sha256`: no key would be this source's", help);
            }
            return;
        };
        for hash in hashes {
            let text: &str = hash.get_ref();
            if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                self.sha256.push(text.to_ascii_lowercase());
            } else {
                // It is not repeated: somebody may have written the key itself.
                let help = "write what `rekindle collect new-key` prints; the key itself does not stand in this file";
                reader.problems.add(&hash.span(), "this is not a SHA-256 of 64 hexadecimal digits", help);
            }
        }
    }
}

fn check_origin(origin: &str) -> Result<(), &'static str> {
    let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    match host {
        None => Err("does not begin with https:// or http://"),
        Some(host) if host.is_empty() || host.contains(['/', '*']) || host.contains(char::is_whitespace) => {
            Err("has something else than a host, and perhaps a port, behind the scheme")
        }
        Some(_) => Ok(()),
    }
}

fn check_call(call: &str) -> Result<(), &'static str> {
    match CallType::ALL.iter().any(|known| known.name() == call) {
        true => Ok(()),
        false => Err("is not a type of calls"),
    }
}
