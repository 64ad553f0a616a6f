//! How a `[[deliver]]` is read.

use std::collections::BTreeMap;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::DeValue;

use super::parts::DEFAULT_WAIT;
use super::{AnswerSettings, BatchSettings, BodyFormat, BodyTemplate, DEFAULT_CONCURRENCY, DEFAULT_TIMEOUT};
use super::{DestinationSettings, RequestMethod, SigningScheme, SigningSettings, body, mail};
use crate::reader::{SettingsReader, set};
use crate::subject::check_subject;
use crate::templates::{EVENT_NAMES, check_expression, check_template, is_template};
use rekindle_core::document::TomlSection;
use rekindle_core::time::Span;

/// What expressions over answers may refer to.
const ANSWER_NAMES: [&str; 2] = ["answer", "status"];
/// What the templates of an envelope may refer to.
const ENVELOPE_NAMES: [&str; 2] = ["items", "secret"];
const URL_HELP: &str = "write it like \"https://api.example.com/send/{{ data.user }}\"";

impl DestinationSettings {
    /// Reads one; `None` if what it cannot do without is missing.
    pub(crate) fn read(section: &TomlSection<'_>, reader: &mut SettingsReader<'_>) -> Option<DestinationSettings> {
        let name = "name it like \"braze\": small letters, digits and _";
        let (name, url) = (reader.checked(section, "name", name, check_name), read_url(section, reader));
        for key in ["name", "url"].into_iter().filter(|key| section.get(key).is_none()) {
            let message = format!("this [[deliver]] has no `{key}`");
            reader.problems.add_missing(&section.place(), message, format!("add {key} = \"…\""));
        }
        let mut read = DestinationSettings {
            name: name.unwrap_or_default(),
            url: url.unwrap_or_default(),
            channels: read_ids(section, "channels", reader),
            campaigns: read_ids(section, "campaigns", reader),
            segments: read_ids(section, "segments", reader),
            ledgers: read_ids(section, "ledgers", reader),
            goals: read_ids(section, "goals", reader),
            method: RequestMethod::Post,
            format: BodyFormat::Json,
            headers: read_headers(section, reader),
            body: read_body(section, "body", &EVENT_NAMES, reader),
            require: read_require(section, reader),
            secrets: read_secrets(section, reader),
            signing: read_signing(section, reader),
            batch: read_batch(section, reader),
            answer: read_answer(section, reader),
            rate: 0,
            concurrency: DEFAULT_CONCURRENCY,
            timeout: DEFAULT_TIMEOUT,
            allow_private: false,
            ca_file: reader.file(section, "ca_file", "the authorities' certificates"),
            report: false,
        };
        use RequestMethod::{Delete, Get, Patch, Post, Put};
        let methods = [("POST", Post), ("PUT", Put), ("PATCH", Patch), ("DELETE", Delete), ("GET", Get)];
        set(&mut read.method, reader.choice(section, "method", &methods));
        let formats = [("json", BodyFormat::Json), ("form", BodyFormat::Form)];
        set(&mut read.format, reader.choice(section, "format", &formats));
        set(&mut read.rate, reader.number(section, "rate", 0..=100_000));
        set(&mut read.concurrency, reader.number(section, "concurrency", 1..=1_000));
        set(&mut read.timeout, reader.duration(section, "timeout", Span(100), Span(120_000)));
        set(&mut read.allow_private, reader.truth(section, "allow_private"));
        set(&mut read.report, reader.truth(section, "report"));
        read.check(section, reader);
        Some(read)
    }

    /// What keys must agree on.
    fn check(&self, section: &TomlSection<'_>, reader: &mut SettingsReader<'_>) {
        let place = |key: &str| section.get(key).map_or_else(|| section.place(), Spanned::span);
        if self.url.starts_with("http://") && !self.allow_private {
            let help = "use https://, or say allow_private = true if it is in your own network";
            reader.problems.add(&place("url"), "requests to this address are not encrypted", help);
        }
        if self.format == BodyFormat::Form && self.batch.is_some() {
            let help = "take out the batch, or send JSON";
            reader.problems.add(&place("batch"), "a form holds only one output", help);
        }
        if self.method == RequestMethod::Get && (self.batch.is_some() || self.body.is_some()) {
            reader.problems.add(&place("method"), "a GET request has no body", "use POST, or take out the body");
        }
        let is_feishu = self.signing.as_ref().is_some_and(|signing| signing.scheme == SigningScheme::Feishu);
        if is_feishu && (self.format == BodyFormat::Form || self.batch.is_some()) {
            let help = "send JSON, one output in a request";
            reader.problems.add(&place("signing"), "Feishu's signature stands in a JSON body", help);
        }
        if mail::is_mail(&self.url) {
            self.check_mail(section, reader);
        }
        let templates = self.headers.values().chain([&self.url]).map(String::as_str);
        let texts: Vec<&str> = templates.chain(self.body.iter().flat_map(BodyTemplate::texts)).collect();
        for name in
            self.secrets.keys().filter(|name| !texts.iter().any(|text| text.contains(&format!("secret.{name}"))))
        {
            let message = format!("no template uses the secret `{name}`");
            reader.problems.add(&place("secrets"), message, format!("write {{{{ secret.{name} }}}} where it belongs"));
        }
    }
}

impl BodyTemplate {
    /// Its templates.
    fn texts(&self) -> Vec<&str> {
        match self {
            BodyTemplate::Template(text) => vec![text],
            BodyTemplate::Value(_) => Vec::new(),
            BodyTemplate::List(items) => items.iter().flat_map(BodyTemplate::texts).collect(),
            BodyTemplate::Table(pairs) => pairs.iter().flat_map(|(_, value)| value.texts()).collect(),
        }
    }
}

fn check_name(name: &str) -> Result<(), &'static str> {
    let is_good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if name.is_empty() || name.len() > 64 {
        return Err("is not of 1 to 64 characters");
    }
    if !name.starts_with(|first: char| first.is_ascii_lowercase()) || !name.bytes().all(is_good) {
        return Err("is not the name of a destination");
    }
    Ok(())
}

/// The address: its scheme and host are fixed.
fn read_url(section: &TomlSection<'_>, reader: &mut SettingsReader<'_>) -> Option<String> {
    let url = reader.checked(section, "url", URL_HELP, |url| {
        let schemes = ["https://", "http://", "smtps://", "smtp://"];
        let rest = schemes.iter().find_map(|scheme| url.strip_prefix(scheme));
        let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
        match host {
            "" => Err("is no address of a web server"),
            host if host.contains('@') => Err("has credentials in it: name a file in `secrets`"),
            host if host.contains(['{', '}']) || host.chars().any(char::is_whitespace) => {
                Err("has a host that is not fixed: only what follows it may be a template")
            }
            _ if mail::is_mail(url) => mail::check_server(rest.unwrap_or_default()),
            _ => Ok(()),
        }
    })?;
    if let (Err(why), Some(value)) = (check_template(&url, &EVENT_NAMES), section.get("url")) {
        reader.problems.add(&value.span(), format!("this template {why}"), URL_HELP);
    }
    Some(url)
}

/// Names of the rules, which stand in subjects.
fn read_ids(section: &TomlSection<'_>, key: &str, reader: &mut SettingsReader<'_>) -> Vec<String> {
    let help = "name them as the rules do";
    let ids = reader.checked_list(section, key, help, |id| match id {
        id if id.contains(['.', '>']) => Err("is not a name of the rules"),
        id => check_subject(id, true),
    });
    ids.unwrap_or_default()
}

/// The strings of a table, each with what is wrong with it.
fn read_strings<'a>(
    section: &TomlSection<'a>,
    key: &'static str,
    reader: &mut SettingsReader<'_>,
) -> Vec<(String, Spanned<&'a str>)> {
    let Some((table, _)) = section.table(key, &mut reader.problems) else { return Vec::new() };
    let mut strings = Vec::new();
    for (name, value) in table.iter() {
        match value.get_ref() {
            DeValue::String(text) => {
                strings.push((name.get_ref().to_string(), Spanned::new(value.span(), text.as_ref())));
            }
            _ => reader.problems.add(&value.span(), format!("each of `{key}` must be a string"), ""),
        }
    }
    strings
}

fn read_headers(section: &TomlSection<'_>, reader: &mut SettingsReader<'_>) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::new();
    for (name, text) in read_strings(section, "headers", reader) {
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) {
            reader.problems.add(&text.span(), format!("`{name}` is not the name of a header"), "");
        }
        let own = ["content-length", "host", "transfer-encoding", "connection"];
        if own.contains(&name.to_lowercase().as_str()) {
            reader.problems.add(&text.span(), format!("`{name}` is set by the client itself"), "take it out");
        }
        if let Err(why) = check_template(text.get_ref(), &EVENT_NAMES) {
            reader.problems.add(&text.span(), format!("this template {why}"), "");
        }
        let secret = ["authorization", "api-key", "apikey", "token", "password"];
        let is_secret = secret.iter().any(|word| name.to_lowercase().contains(word));
        if is_secret && !is_template(text.get_ref()) {
            let help = "name a file in `secrets`, and write {{ secret.key }}";
            reader.problems.add(&text.span(), "secrets don't stand in this file", help);
        }
        headers.insert(name, (*text.get_ref()).to_owned());
    }
    headers
}

fn read_body(
    section: &TomlSection<'_>,
    key: &str,
    names: &[&str],
    reader: &mut SettingsReader<'_>,
) -> Option<BodyTemplate> {
    let (table, _) = section.table(key, &mut reader.problems)?;
    Some(body::read_table(table, names, &mut reader.problems))
}

fn read_require(section: &TomlSection<'_>, reader: &mut SettingsReader<'_>) -> Vec<String> {
    let Some(texts) = section.strings("require", &mut reader.problems) else { return Vec::new() };
    for text in &texts {
        if let Err(why) = check_expression(text.get_ref(), &EVENT_NAMES) {
            let help = "write it like \"data.payload.email\"";
            reader.problems.add(&text.span(), format!("this expression {why}"), help);
        }
    }
    texts.iter().map(|text| (*text.get_ref()).to_owned()).collect()
}

fn read_secrets(section: &TomlSection<'_>, reader: &mut SettingsReader<'_>) -> BTreeMap<String, PathBuf> {
    let mut secrets = BTreeMap::new();
    for (name, path) in read_strings(section, "secrets", reader) {
        let (text, span) = (*path.get_ref(), path.span());
        if text.is_empty() {
            reader.problems.add(&span, "this path is empty", "name the file that holds the secret");
            continue;
        }
        secrets.insert(name, reader.named_file("a destination's secret", text, span));
    }
    secrets
}

fn read_signing(section: &TomlSection<'_>, reader: &mut SettingsReader<'_>) -> Option<SigningSettings> {
    let signing = reader.section(section, "deliver.signing")?;
    let schemes = [
        ("standard-webhooks", SigningScheme::StandardWebhooks),
        ("feishu", SigningScheme::Feishu),
        ("dingtalk", SigningScheme::Dingtalk),
    ];
    let scheme = reader.choice(&signing, "scheme", &schemes);
    let files = signing.strings("secret_files", &mut reader.problems).unwrap_or_default();
    if files.is_empty() || signing.get("scheme").is_none() {
        let help = "give scheme = \"standard-webhooks\" and secret_files = [\"…\"]";
        reader.problems.add_missing(&signing.place(), "signing needs a scheme and at least one file", help);
    }
    let named = |file: &Spanned<&str>| reader.named_file("a signing secret", file.get_ref(), file.span());
    let secret_files = files.iter().map(named).collect();
    Some(SigningSettings { scheme: scheme?, secret_files })
}

fn read_batch(section: &TomlSection<'_>, reader: &mut SettingsReader<'_>) -> Option<BatchSettings> {
    let batch = reader.section(section, "deliver.batch")?;
    if batch.get("size").is_none() {
        let message = "a batch needs a `size`";
        reader.problems.add_missing(&batch.place(), message, "say how many outputs a request may hold: size = 50");
    }
    let (size, wait) =
        (reader.number(&batch, "size", 2..=1_000), reader.duration(&batch, "wait", Span(0), Span(60_000)));
    let envelope = read_body(&batch, "envelope", &ENVELOPE_NAMES, reader);
    let failed = read_expression(&batch, "failed", reader);
    if let (Some(envelope), Some(value)) = (&envelope, batch.get("envelope"))
        && !envelope.texts().iter().any(|text| text.contains("items"))
    {
        let help = "write \"{{ items }}\" where the list of outputs belongs";
        reader.problems.add(&value.span(), "nothing in this envelope holds the outputs", help);
    }
    Some(BatchSettings { size: size?, wait: wait.unwrap_or(DEFAULT_WAIT), envelope, failed })
}

fn read_answer(section: &TomlSection<'_>, reader: &mut SettingsReader<'_>) -> AnswerSettings {
    let Some(answer) = reader.section(section, "deliver.answer") else { return AnswerSettings::default() };
    AnswerSettings {
        success: read_expression(&answer, "success", reader),
        retry: read_expression(&answer, "retry", reader),
    }
}

fn read_expression(section: &TomlSection<'_>, key: &str, reader: &mut SettingsReader<'_>) -> Option<String> {
    let text = section.string(key, &mut reader.problems)?;
    if let Err(why) = check_expression(text.get_ref(), &ANSWER_NAMES) {
        let help = "write it like \"answer.errcode == 0\"";
        reader.problems.add(&text.span(), format!("this expression {why}"), help);
    }
    Some((*text.get_ref()).to_owned())
}
