//! `[[deliver]]`: destinations, the tools that outputs are sent to over HTTP, and mail servers.
//!
//! `body` has the templates of a request's body, `mail` what is different for mail servers, `read` how a section is read. Templates are checked here and rendered by
//! the crate that delivers.

mod body;
mod mail;
mod parts;
mod read;

pub use body::BodyTemplate;
pub(super) use parts::{ANSWER_KEYS, BATCH_KEYS, SIGNING_KEYS};
pub use parts::{AnswerSettings, BatchSettings, SigningScheme, SigningSettings};

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use super::keys::{SettingKey, SettingKind};
use rekindle_core::rules::schema::DurationText;
use rekindle_core::time::Span;

/// A tool that outputs are sent to over HTTP, or a mail server.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename = "Destination")]
#[schemars(deny_unknown_fields)]
pub struct DestinationSettings {
    /// Its name: in metrics, subjects, and the name of its consumer.
    #[schemars(regex(pattern = "^[a-z][a-z0-9_]{0,63}$"))]
    pub name: String,
    /// Only actions of these channels; none: of all.
    #[schemars(default)]
    pub channels: Vec<String>,
    /// Only actions of these campaigns; none: of all.
    #[schemars(default)]
    pub campaigns: Vec<String>,
    /// Also transitions of these segments: `"*"` for all. Without `channels` and `campaigns`, no actions.
    #[schemars(default)]
    pub segments: Vec<String>,
    /// Also changes of the points of these ledgers: `"*"` for all. Without `channels` and `campaigns`, no actions.
    #[schemars(default)]
    pub ledgers: Vec<String>,
    /// Also outcomes of these goals: `"*"` for all. Without `channels` and `campaigns`, no actions.
    #[schemars(default)]
    pub goals: Vec<String>,
    /// Where requests go: a template. Its scheme and host are fixed; values in it are percent-encoded. `smtps://host:465` or
    /// `smtp://host:587` (STARTTLS) is a mail server: then `body` has the fields of a mail, `headers` its headers, and
    /// `Authorization` the user and password.
    #[schemars(regex(pattern = "^(https?://[^\\s/{}?#@]+([/?].*)?|smtps?://[^\\s/{}?#@]+)$"))]
    pub url: String,
    /// The request's method.
    #[schemars(default)]
    pub method: RequestMethod,
    /// How the body is written.
    #[schemars(default)]
    pub format: BodyFormat,
    /// Headers: templates. A header without a value is left out.
    #[schemars(default)]
    pub headers: BTreeMap<String, String>,
    /// The body: a table of templates. A value that is missing is left out. Without it, the CloudEvent itself.
    #[schemars(default, with = "Option<BTreeMap<String, serde_json::Value>>")]
    pub body: Option<BodyTemplate>,
    /// Expressions that must have a value, or the output is not sent: `"data.payload.email"`.
    #[schemars(default)]
    pub require: Vec<String>,
    /// Files that hold secrets, by the name that templates have for them: `{{ secret.key }}`.
    #[schemars(default)]
    pub secrets: BTreeMap<String, PathBuf>,
    /// How requests are signed.
    #[schemars(default)]
    pub signing: Option<SigningSettings>,
    /// Several outputs in one request.
    #[schemars(default)]
    pub batch: Option<BatchSettings>,
    /// What answers mean.
    #[schemars(default)]
    pub answer: AnswerSettings,
    /// How many requests a second; 0: no limit. 0 to 100,000.
    #[schemars(default, range(min = 0, max = 100_000))]
    pub rate: u32,
    /// How many requests at a time; 1 to 1,000.
    #[schemars(default = "concurrency", range(min = 1, max = 1_000))]
    pub concurrency: u16,
    /// How long a request may take; 100 ms to 2 minutes.
    #[schemars(default = "timeout", with = "DurationText")]
    pub timeout: Span,
    /// Whether the address may be a private one: of this machine or the network it is in. Only then `http://` is allowed, and,
    /// without `ca_file`, a mail server that offers no encryption.
    #[schemars(default)]
    pub allow_private: bool,
    /// Certificates (PEM) of authorities that are trusted besides the system's: where the receiver's certificate is from one of
    /// one's own.
    #[schemars(default)]
    pub ca_file: Option<PathBuf>,
    /// Whether what became of each message is published into the events' stream: `Message Delivered` and `Message Failed`.
    #[schemars(default)]
    pub report: bool,
}

/// Methods of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RequestMethod {
    /// POST
    #[default]
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
    /// GET, without a body.
    Get,
}

/// How a body is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BodyFormat {
    /// `application/json`
    #[default]
    Json,
    /// `application/x-www-form-urlencoded`
    Form,
}

const DEFAULT_CONCURRENCY: u16 = 8;
const DEFAULT_TIMEOUT: Span = Span(10_000);

fn concurrency() -> u16 {
    DEFAULT_CONCURRENCY
}

fn timeout() -> Span {
    DEFAULT_TIMEOUT
}

/// Keys of a `[[deliver]]`.
pub(super) const KEYS: [SettingKey; 22] = [
    ("name", SettingKind::Text),
    ("channels", SettingKind::List),
    ("campaigns", SettingKind::List),
    ("segments", SettingKind::List),
    ("ledgers", SettingKind::List),
    ("goals", SettingKind::List),
    ("url", SettingKind::Text),
    ("method", SettingKind::Text),
    ("format", SettingKind::Text),
    ("headers", SettingKind::TomlSection),
    ("body", SettingKind::TomlSection),
    ("require", SettingKind::List),
    ("secrets", SettingKind::TomlSection),
    ("signing", SettingKind::TomlSection),
    ("batch", SettingKind::TomlSection),
    ("answer", SettingKind::TomlSection),
    ("rate", SettingKind::Number),
    ("concurrency", SettingKind::Number),
    ("timeout", SettingKind::Text),
    ("allow_private", SettingKind::Truth),
    ("ca_file", SettingKind::Text),
    ("report", SettingKind::Truth),
];
