//! `[nats]`: how to reach the servers, and with which credentials.

use std::net::Ipv6Addr;
use std::ops::Range;
use std::path::PathBuf;

use schemars::JsonSchema;

use super::keys::{SettingKey, SettingKind};
use super::reader::{SettingsReader, set};
use rekindle_core::document::TomlSection;

/// How to reach the NATS servers, and with which credentials.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename = "Nats")]
#[schemars(deny_unknown_fields, default)]
pub struct NatsSettings {
    /// Where the servers are: `nats://host:port` or `tls://host:port`, without credentials.
    #[schemars(length(min = 1), inner(regex(pattern = "^(nats|tls)://[^\\s@/]+$")))]
    pub servers: Vec<String>,
    /// The connection's name, as operators of the server see it.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Who connects.
    #[schemars(flatten, with = "AuthKeys")]
    pub auth: NatsAuth,
    /// Encryption, and the certificates to trust.
    pub tls: TlsSettings,
}

/// The credentials. At most one kind is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NatsAuth {
    /// No credentials.
    None,
    /// A name and a password.
    User {
        /// The name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A token.
    Token(Secret),
    /// An nkey's seed.
    Nkey(Secret),
    /// A credentials file: a JWT and the seed that goes with it.
    Creds(Secret),
}

/// Where a secret is: in a file, or given by the environment. Never in the settings file, never printed.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// The file that holds it; blanks around it are ignored. It is read at every connection, so it can be rotated.
    File(PathBuf),
    /// The secret itself, from an environment variable.
    Environment(String),
}

/// Encryption, and the certificates to trust.
#[derive(Clone, Debug, PartialEq, Eq, Default, JsonSchema)]
#[schemars(rename = "Tls")]
#[schemars(deny_unknown_fields, default)]
pub struct TlsSettings {
    /// Refuse servers without TLS. A `tls://` server requires it too, and so does any of the files below.
    pub required: bool,
    /// Certificates (PEM) of the authorities to trust, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The client's certificate (PEM); with `key_file`.
    pub cert_file: Option<PathBuf>,
    /// The key (PEM) of the client's certificate.
    pub key_file: Option<PathBuf>,
}

/// What [`NatsAuth`] is written as. At most one of user, token_file, nkey_file and creds_file.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a shape: only its schema is used")]
struct AuthKeys {
    /// The name to connect by; with password_file, or REKINDLE_NATS_PASSWORD in the environment.
    #[schemars(length(min = 1))]
    user: Option<String>,
    /// The file that holds the password of `user`.
    password_file: Option<PathBuf>,
    /// The file that holds a token. Or REKINDLE_NATS_TOKEN in the environment.
    token_file: Option<PathBuf>,
    /// The file that holds an nkey's seed. Or REKINDLE_NATS_NKEY in the environment.
    nkey_file: Option<PathBuf>,
    /// A credentials file: a JWT and its seed.
    creds_file: Option<PathBuf>,
}

/// Keys of `[nats]`.
pub(super) const KEYS: [SettingKey; 8] = [
    ("servers", SettingKind::List),
    ("name", SettingKind::Text),
    ("user", SettingKind::Text),
    ("password_file", SettingKind::Text),
    ("token_file", SettingKind::Text),
    ("nkey_file", SettingKind::Text),
    ("creds_file", SettingKind::Text),
    ("tls", SettingKind::TomlSection),
];
/// Keys of `[nats.tls]`.
pub(super) const TLS_KEYS: [SettingKey; 4] = [
    ("required", SettingKind::Truth),
    ("ca_file", SettingKind::Text),
    ("cert_file", SettingKind::Text),
    ("key_file", SettingKind::Text),
];

impl Default for NatsSettings {
    fn default() -> Self {
        NatsSettings {
            servers: vec!["nats://127.0.0.1:4222".to_owned()],
            name: "rekindle".to_owned(),
            auth: NatsAuth::None,
            tls: TlsSettings::default(),
        }
    }
}

impl NatsSettings {
    pub(super) fn read(&mut self, section: &TomlSection<'_>, reader: &mut SettingsReader<'_>) {
        self.read_servers(section, reader);
        set(&mut self.name, reader.text(section, "name"));
        self.auth = auth(section, reader);
        if let Some(tls) = reader.section(section, "nats.tls") {
            self.tls.read(&tls, reader);
        }
    }

    fn read_servers(&mut self, section: &TomlSection<'_>, reader: &mut SettingsReader<'_>) {
        const HELP: &str = "write nats://host:port, or tls://host:port for encryption";
        let Some(servers) = section.strings("servers", &mut reader.problems) else { return };
        if let ([], Some(value)) = (servers.as_slice(), section.get("servers")) {
            reader.problems.add(&value.span(), "`servers` must have at least one", HELP);
            return;
        }
        for server in &servers {
            // The address is not repeated: it may hold a secret.
            if server.get_ref().contains('@') {
                let help = "secrets don't stand in this file; use user and password_file, or token_file";
                reader.problems.add(&server.span(), "this address has credentials in it", help);
            } else if !is_server(server.get_ref()) {
                reader.problems.add(&server.span(), "this is not the address of a NATS server", HELP);
            }
        }
        self.servers = servers.iter().map(|server| (*server.get_ref()).to_owned()).collect();
    }
}

/// `nats://host` or `tls://host`, with or without a port.
fn is_server(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("nats://").or_else(|| text.strip_prefix("tls://")) else { return false };
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    if let Some((address, port)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address.parse::<Ipv6Addr>().is_ok() && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port));
    }
    let (host, port) = rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port)));
    let is_name = |c: char| c.is_alphanumeric() || c == '-' || c == '.' || c == '_';
    !host.is_empty() && host.chars().all(is_name) && port.is_none_or(is_port)
}

fn auth(section: &TomlSection<'_>, reader: &mut SettingsReader<'_>) -> NatsAuth {
    let user = reader.text(section, "user").zip(section.get("user").map(toml::Spanned::span));
    let password = reader.secret(("nats", section), "password", "the file with the password");
    let token = reader.secret(("nats", section), "token", "the file with the token");
    let nkey = reader.secret(("nats", section), "nkey", "the file with the nkey's seed");
    let creds = reader.file(section, "creds_file", "the credentials file");
    let creds = creds.zip(section.get("creds_file").map(toml::Spanned::span));
    let mut ways: Vec<(NatsAuth, Range<usize>)> = Vec::new();
    match (user, password) {
        (Some((user, place)), Some((password, _))) => ways.push((NatsAuth::User { user, password }, place)),
        (Some((_, place)), None) => {
            let help = "name a file with password_file = \"…\", or set REKINDLE_NATS_PASSWORD";
            reader.problems.add_missing(&place, "there is a user, and no password", help);
        }
        (None, Some((_, place))) if section.get("user").is_none() => {
            let help = "say whose it is, with user = \"…\"";
            reader.problems.add_missing(&place, "there is a password, and no user", help);
        }
        (None, _) => {}
    }
    ways.extend(token.map(|(token, place)| (NatsAuth::Token(token), place)));
    ways.extend(nkey.map(|(seed, place)| (NatsAuth::Nkey(seed), place)));
    ways.extend(creds.map(|(path, place)| (NatsAuth::Creds(Secret::File(path)), place)));
    for (_, place) in ways.iter().skip(1) {
        let help = "keep one of user, token, nkey and creds_file";
        reader.problems.add(place, "there is more than one way to say who connects", help);
    }
    ways.into_iter().next().map_or(NatsAuth::None, |(way, _)| way)
}

impl TlsSettings {
    /// Whether servers without TLS are refused: who names certificates means them to be used, whatever an address begins
    /// with.
    pub fn is_required(&self) -> bool {
        self.required || [&self.ca_file, &self.cert_file, &self.key_file].into_iter().any(Option::is_some)
    }

    fn read(&mut self, section: &TomlSection<'_>, reader: &mut SettingsReader<'_>) {
        set(&mut self.required, reader.truth(section, "required"));
        self.ca_file = reader.file(section, "ca_file", "the authorities' certificates");
        self.cert_file = reader.file(section, "cert_file", "the client's certificate");
        self.key_file = reader.file(section, "key_file", "the client's key");
        for (given, missing) in [("cert_file", "key_file"), ("key_file", "cert_file")] {
            if let (Some(value), None) = (section.get(given), section.get(missing)) {
                let message = format!("`{given}` is of no use without `{missing}`");
                reader.problems.add_missing(&value.span(), message, format!("add {missing} = \"…\""));
            }
        }
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Secret::File(path) => write!(f, "the secret in {}", path.display()),
            Secret::Environment(_) => f.write_str("a secret from the environment"),
        }
    }
}
