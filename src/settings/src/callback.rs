//! `[collect.callbacks.NAME]`: what a tool that messages were delivered to calls back.

use std::ops::Range;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use super::reader::{SettingsReader, set};
use rekindle_core::document::TomlSection;
use rekindle_core::rules::schema::DurationText;
use rekindle_core::time::Span;

/// Callbacks of a tool that sends messages: deliveries, opens, clicks, bounces, complaints and unsubscriptions, at
/// `/v1/callbacks/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename = "Callback")]
#[schemars(deny_unknown_fields)]
pub struct CallbackSettings {
    /// Whose callbacks they are.
    pub vendor: CallbackVendor,
    /// The file with what they are checked by: the key that signs them (SendGrid: the public key), or a token that they bear.
    pub secret_file: PathBuf,
    /// The address that the vendor calls, as it was entered there; only where that is part of the signature (Twilio, Mandrill).
    #[schemars(default, regex(pattern = "^https?://[^\\s?#]+$"))]
    pub url: Option<String>,
    /// The channel of events that do not say theirs; without it, what the vendor mostly sends.
    #[schemars(default)]
    pub channel: Option<String>,
    /// How far the time of a signature may be from now; 10 s to 7 days.
    #[schemars(default = "tolerance", with = "DurationText")]
    pub tolerance: Span,
}

/// Tools whose callbacks are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CallbackVendor {
    /// Twilio SendGrid.
    SendGrid,
    /// Mailchimp Transactional (Mandrill).
    Mandrill,
    /// Twilio, for text messages.
    Twilio,
    /// Klaviyo.
    Klaviyo,
    /// Customer.io.
    #[serde(rename = "customer-io")]
    CustomerIo,
    /// Braze.
    Braze,
    /// Iterable.
    Iterable,
    /// OneSignal.
    OneSignal,
    /// A sender that signs by Standard Webhooks.
    #[serde(rename = "standard-webhooks")]
    StandardWebhooks,
}

const DEFAULT_TOLERANCE: Span = Span(300_000);

fn tolerance() -> Span {
    DEFAULT_TOLERANCE
}

const KEYS: [&str; 5] = ["vendor", "secret_file", "url", "channel", "tolerance"];

impl CallbackVendor {
    /// All of them, by the names that settings have for them.
    const NAMES: [(&'static str, CallbackVendor); 9] = [
        ("sendgrid", CallbackVendor::SendGrid),
        ("mandrill", CallbackVendor::Mandrill),
        ("twilio", CallbackVendor::Twilio),
        ("klaviyo", CallbackVendor::Klaviyo),
        ("customer-io", CallbackVendor::CustomerIo),
        ("braze", CallbackVendor::Braze),
        ("iterable", CallbackVendor::Iterable),
        ("onesignal", CallbackVendor::OneSignal),
        ("standard-webhooks", CallbackVendor::StandardWebhooks),
    ];

    /// Whether the address is part of what is signed.
    pub fn signs_address(self) -> bool {
        matches!(self, CallbackVendor::Twilio | CallbackVendor::Mandrill)
    }
}

impl CallbackSettings {
    pub(super) fn read(
        name: &str,
        (table, span): (&toml::de::DeTable<'_>, Range<usize>),
        reader: &mut SettingsReader<'_>,
    ) -> Option<CallbackSettings> {
        let title = format!("[collect.callbacks.{name}]");
        let place = span.clone();
        let section = TomlSection::open(&*title, span, table, &KEYS, &mut reader.problems);
        let vendor = reader.choice(&section, "vendor", &CallbackVendor::NAMES);
        let secret_file = reader.file(&section, "secret_file", "the file with the callbacks' secret");
        for (key, help) in [
            ("vendor", "say whose callbacks they are: vendor = \"sendgrid\""),
            ("secret_file", "name it: secret_file = \"…\""),
        ] {
            if section.get(key).is_none() {
                reader.problems.add_missing(&place, format!("{title} has no `{key}`"), help);
            }
        }
        let help = "write it as it was entered at the vendor: \"https://collect.example.com/v1/callbacks/twilio\"";
        let url = reader.checked(&section, "url", help, check_url);
        if vendor.is_some_and(CallbackVendor::signs_address) && section.get("url").is_none() {
            reader.problems.add_missing(&place, format!("{title} has no `url`, which is part of the signature"), help);
        }
        let channel = reader.checked(&section, "channel", "name it like \"email\"", check_channel);
        let mut tolerance = DEFAULT_TOLERANCE;
        set(&mut tolerance, reader.duration(&section, "tolerance", Span(10_000), Span(7 * 86_400_000)));
        Some(CallbackSettings { vendor: vendor?, secret_file: secret_file?, url, channel, tolerance })
    }
}

fn check_url(url: &str) -> Result<(), &'static str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    match rest {
        None => Err("does not begin with https://"),
        Some("") => Err("has no host"),
        Some(rest) if rest.contains(|c: char| c.is_whitespace() || c == '?' || c == '#') => {
            Err("has a query, a fragment or blanks; a query is added as it comes")
        }
        Some(_) => Ok(()),
    }
}

fn check_channel(channel: &str) -> Result<(), &'static str> {
    let is_id = channel.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if is_id && (1..=64).contains(&channel.len()) { Ok(()) } else { Err("is no name of a channel") }
}
