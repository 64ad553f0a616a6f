//! What a destination that is a mail server must say, and cannot.

use toml::Spanned;

use super::{BodyFormat, BodyTemplate, DestinationSettings, RequestMethod};
use crate::reader::SettingsReader;
use rekindle_core::document::TomlSection;

/// The fields of a mail.
const FIELDS: [&str; 9] =
    ["from", "from_name", "to", "to_name", "reply_to", "reply_to_name", "subject", "text", "html"];

const HELP: &str = "give it body = { from = \"hello@shop.example\", to = \"{{ data.payload.email }}\", subject = \"…\", text = \"…\" }";

/// Whether an address is that of a mail server.
pub(super) fn is_mail(url: &str) -> bool {
    url.starts_with("smtps://") || url.starts_with("smtp://")
}

/// The address of a mail server: nothing follows the host and port.
pub(super) fn check_server(rest: &str) -> Result<(), &'static str> {
    let port = rest.rsplit_once(':').filter(|_| !rest.ends_with(']')).map(|(_, port)| port);
    match port.map(str::parse::<u16>) {
        Some(Err(_)) => Err("is not the host and port of a mail server"),
        _ if rest.contains(['/', '?', '#', '{']) => Err("has something behind the host and port of a mail server"),
        _ => Ok(()),
    }
}

impl DestinationSettings {
    /// What the section of a mail server must agree with.
    pub(super) fn check_mail(&self, section: &TomlSection<'_>, reader: &mut SettingsReader<'_>) {
        let place = |key: &str| section.get(key).map_or_else(|| section.place(), Spanned::span);
        let of_http = [
            ("batch", self.batch.is_some()),
            ("signing", self.signing.is_some()),
            ("answer", self.answer.success.is_some() || self.answer.retry.is_some()),
            ("method", self.method != RequestMethod::Post),
            ("format", self.format != BodyFormat::Json),
        ];
        for (key, _) in of_http.into_iter().filter(|(_, is_there)| *is_there) {
            let message = format!("a mail server knows no `{key}`");
            reader.problems.add(&place(key), message, "take it out");
        }
        let Some(BodyTemplate::Table(fields)) = &self.body else {
            reader.problems.add_missing(&section.place(), "a mail server needs the fields of a mail in `body`", HELP);
            return;
        };
        for (name, _) in fields.iter().filter(|(name, _)| !FIELDS.contains(&name.as_str())) {
            let message = format!("a mail has no field `{name}`");
            reader.problems.add(&place("body"), message, format!("it has {}", FIELDS.join(", ")));
        }
        let has = |name: &str| fields.iter().any(|(field, _)| field == name);
        for name in ["from", "to", "subject"].into_iter().filter(|name| !has(name)) {
            reader.problems.add(&place("body"), format!("the mail has no `{name}`"), HELP);
        }
        if !has("text") && !has("html") {
            reader.problems.add(&place("body"), "the mail has neither `text` nor `html`", HELP);
        }
    }
}
