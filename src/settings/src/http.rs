//! `[http]`: metrics, health and the API.

use std::net::SocketAddr;
use std::ops::Range;

use schemars::JsonSchema;

use super::keys::{SettingKey, SettingKind};
use super::nats::Secret;
use super::reader::{SettingsReader, set};
use rekindle_core::document::TomlSection;
use rekindle_core::rules::schema::DurationText;
use rekindle_core::time::Span;

/// Metrics, health and the API.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename = "Http")]
#[schemars(deny_unknown_fields, default)]
pub struct HttpSettings {
    /// Address and port to listen on.
    #[schemars(with = "String")]
    #[schemars(regex(pattern = "^([0-9.]+|\\[[0-9a-fA-F:.]+\\]):[0-9]+$"))]
    pub listen: SocketAddr,
    /// The token that clients must send as `Authorization: Bearer …` for everything but health, and metrics if these are open:
    /// the file that holds it, or REKINDLE_HTTP_TOKEN in the environment. Without one, only a loopback address can be listened on.
    #[schemars(rename = "token_file", with = "Option<std::path::PathBuf>")]
    pub token: Option<Secret>,
    /// A second token, which may only read: the file that holds it, or REKINDLE_HTTP_READ_TOKEN in the environment. Needs the other
    /// token, too.
    #[schemars(rename = "read_token_file", with = "Option<std::path::PathBuf>")]
    pub read_token: Option<Secret>,
    /// Whether the console, pages for people, is served at `/`.
    pub console: bool,
    /// Whether metrics, which contain business figures, are open to every client that can reach the address, or need the token.
    pub open_metrics: bool,
    /// The largest request body, in bytes; 0 to 16 MiB.
    #[schemars(range(min = 0, max = 16_777_216))]
    pub max_body_bytes: usize,
    /// How long a request may take; 100 ms to 1 minute.
    #[schemars(with = "DurationText")]
    pub timeout: Span,
    /// How many requests may be in progress at a time; 1 to 10,000.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_concurrency: usize,
    /// How many connections may be open at a time; more are answered with an error and closed, except for requests about health.
    /// 1 to 65,536.
    #[schemars(range(min = 1, max = 65_536))]
    pub max_connections: usize,
    /// How many of them one address may have (of IPv6, one network of 64 bits). 1 to 65,536.
    #[schemars(range(min = 1, max = 65_536))]
    pub max_connections_per_address: usize,
}

/// What the file is, in messages.
pub const TOKEN_FILE: &str = "the file with the API's token";

/// What the file of the other token is.
pub const READ_TOKEN_FILE: &str = "the file with the API's token for reading";

/// How to create one.
pub const TOKEN_HELP: &str = "take a long random one, such as `openssl rand -hex 32` gives";

/// Shorter tokens could be found by trying.
const TOKEN_CHARS_MIN: usize = 16;

/// Whether a token, as it was read, can be used; blanks around it don't count.
///
/// # Errors
/// What is wrong with it, as the end of a sentence that begins with it.
pub fn check_token(text: &str) -> Result<&str, &'static str> {
    match text.trim() {
        "" => Err("is empty"),
        token if !token.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Err("has blanks or other characters that no request can carry")
        }
        token if token.len() < TOKEN_CHARS_MIN => Err("is shorter than 16 characters: it could be found by trying"),
        token => Ok(token),
    }
}

/// Keys of `[http]`.
pub(super) const KEYS: [SettingKey; 10] = [
    ("listen", SettingKind::Text),
    ("token_file", SettingKind::Text),
    ("read_token_file", SettingKind::Text),
    ("console", SettingKind::Truth),
    ("open_metrics", SettingKind::Truth),
    ("max_body_bytes", SettingKind::Number),
    ("timeout", SettingKind::Text),
    ("max_concurrency", SettingKind::Number),
    ("max_connections", SettingKind::Number),
    ("max_connections_per_address", SettingKind::Number),
];

impl Default for HttpSettings {
    fn default() -> Self {
        HttpSettings {
            listen: SocketAddr::from(([127, 0, 0, 1], 9464)),
            token: None,
            read_token: None,
            console: true,
            open_metrics: true,
            max_body_bytes: 65_536,
            timeout: Span(10_000),
            max_concurrency: 64,
            max_connections: 512,
            max_connections_per_address: 128,
        }
    }
}

impl HttpSettings {
    pub(super) fn read(&mut self, section: &TomlSection<'_>, reader: &mut SettingsReader<'_>) {
        self.token = read_token(section, reader, "token", TOKEN_FILE).map(|(token, _)| token);
        let read_token = read_token(section, reader, "read_token", READ_TOKEN_FILE);
        if let (Some((_, place)), None) = (&read_token, &self.token) {
            let message = "a token for reading keeps nobody out, as long as there is no token for changes";
            reader.problems.add_missing(place, message, "name another file with token_file = \"…\"");
        }
        self.read_token = read_token.map(|(token, _)| token);
        set(&mut self.console, reader.truth(section, "console"));
        set(&mut self.max_body_bytes, reader.number(section, "max_body_bytes", 0..=16_777_216));
        set(&mut self.timeout, reader.duration(section, "timeout", Span(100), Span(60_000)));
        set(&mut self.max_concurrency, reader.number(section, "max_concurrency", 1..=10_000));
        set(&mut self.max_connections, reader.number(section, "max_connections", 1..=65_536));
        let per_address = reader.number(section, "max_connections_per_address", 1..=65_536);
        set(&mut self.max_connections_per_address, per_address);
        set(&mut self.open_metrics, reader.truth(section, "open_metrics"));
        self.read_listen(section, reader);
    }

    fn read_listen(&mut self, section: &TomlSection<'_>, reader: &mut SettingsReader<'_>) {
        let Some(address) = reader.address(section, "listen", self.listen.port()) else { return };
        self.listen = address;
        let place = section.get("listen").map_or(0..0, toml::Spanned::span);
        if self.token.is_none() && !address.ip().to_canonical().is_loopback() {
            let message = "other machines reach this address, and there is no token to keep the API from them";
            let help = "name a file with token_file = \"…\", or set REKINDLE_HTTP_TOKEN, or listen on 127.0.0.1";
            reader.problems.add_missing(&place, message, help);
        }
    }
}

/// A token, from its variable or its file, and where that stands.
fn read_token(
    section: &TomlSection<'_>,
    reader: &mut SettingsReader<'_>,
    key: &'static str,
    what: &'static str,
) -> Option<(Secret, Range<usize>)> {
    let token = reader.secret(("http", section), key, what);
    // An empty one is reported already.
    if let Some((Secret::Environment(text), place)) = &token
        && let Err(why) = check_token(text)
        && !text.trim().is_empty()
    {
        reader.problems.add(place, format!("this token {why}"), TOKEN_HELP);
    }
    token
}
