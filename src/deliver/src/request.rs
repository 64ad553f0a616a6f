//! The request that one or several outputs become.

use minijinja::{Value as TemplateValue, context};
use rekindle_core::action::event_id;
use rekindle_core::time::Timestamp;
use rekindle_settings::templates::percent_encoded;
use rekindle_settings::{BatchSettings, BodyFormat, DestinationSettings, RequestMethod, SigningScheme};
use serde_json::{Value, json};

use crate::event::DeliverableEvent;
use crate::secrets::SecretValues;
use crate::signing;
use crate::template::{CompiledBody, CompiledTemplate, TemplateError};

/// Larger bodies are not sent.
const BODY_BYTES_MAX: usize = 8 << 20;

/// A request as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboundRequest {
    /// Its method.
    pub method: RequestMethod,
    /// Where it goes.
    pub url: String,
    /// Its headers, in the order of their names.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

/// Why a request could not be built.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// A template can't be rendered.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// What a template became can't be a header.
    #[error("the value of the header {0} has characters that no header can have")]
    Header(String),
    /// The body is larger than what is sent.
    #[error("the body has {0} bytes, more than the 8 MiB that are sent")]
    TooLarge(usize),
}

/// Builds the requests of a destination.
pub struct RequestBuilder {
    method: RequestMethod,
    format: BodyFormat,
    url: CompiledTemplate,
    headers: Vec<(String, CompiledTemplate)>,
    body: Option<CompiledBody>,
    envelope: Option<CompiledBody>,
    is_batch: bool,
    require: Vec<CompiledTemplate>,
    signing: Option<SigningScheme>,
}

impl RequestBuilder {
    /// Compiles the templates of a destination.
    ///
    /// # Errors
    /// One is wrong; settings that were loaded have none.
    pub fn new(settings: &DestinationSettings) -> Result<RequestBuilder, TemplateError> {
        let headers = settings.headers.iter().map(|(name, text)| Ok((name.clone(), CompiledTemplate::new(text)?)));
        let envelope = settings.batch.as_ref().and_then(|BatchSettings { envelope, .. }| envelope.as_ref());
        Ok(RequestBuilder {
            method: settings.method,
            format: settings.format,
            url: CompiledTemplate::address(&settings.url)?,
            headers: headers.collect::<Result<_, TemplateError>>()?,
            body: settings.body.as_ref().map(CompiledBody::new).transpose()?,
            envelope: envelope.map(CompiledBody::new).transpose()?,
            is_batch: settings.batch.is_some(),
            require: settings
                .require
                .iter()
                .map(|text| CompiledTemplate::expression(text))
                .collect::<Result<_, _>>()?,
            signing: settings.signing.as_ref().map(|signing| signing.scheme),
        })
    }

    /// What an output lacks that it must not be sent without.
    ///
    /// # Errors
    /// An expression can't be evaluated.
    pub fn missing(&self, event: &DeliverableEvent) -> Result<Option<&'static str>, TemplateError> {
        let context = TemplateValue::from_serialize(&event.event);
        for required in &self.require {
            if !required.is_true(&context)? {
                return Ok(Some(required.source()));
            }
        }
        Ok(None)
    }

    /// The request that carries these outputs, at least one, when it is sent at this time. The address and the headers are
    /// those of the first.
    ///
    /// # Errors
    /// It can't be built from them.
    pub fn build(
        &self,
        events: &[&DeliverableEvent],
        secrets: &SecretValues,
        now: Timestamp,
    ) -> Result<OutboundRequest, RequestError> {
        let contexts: Vec<TemplateValue> = events.iter().map(|event| event_context(event, secrets)).collect();
        let nothing = TemplateValue::UNDEFINED;
        let first = contexts.first().unwrap_or(&nothing);
        let id = request_id(events);
        let mut headers = vec![("Idempotency-Key".to_owned(), id.clone())];
        let mut url = self.url.text(first)?.unwrap_or_default();
        let body = self.body(events, &contexts, secrets, now)?;
        if self.method != RequestMethod::Get {
            headers.push(("Content-Type".to_owned(), self.content_type().to_owned()));
        }
        let seconds = now.0.div_euclid(1_000);
        match (self.signing, secrets.signing.first()) {
            (Some(SigningScheme::StandardWebhooks), Some(_)) => {
                let signature = signing::standard_webhooks(&secrets.signing, &id, seconds, &body);
                headers.push(("webhook-id".to_owned(), id));
                headers.push(("webhook-signature".to_owned(), signature));
                headers.push(("webhook-timestamp".to_owned(), seconds.to_string()));
            }
            (Some(SigningScheme::Dingtalk), Some(secret)) => {
                let sign = percent_encoded(&signing::dingtalk(secret, now.0));
                let separator = if url.contains('?') { '&' } else { '?' };
                url.push_str(&format!("{separator}timestamp={}&sign={sign}", now.0));
            }
            _ => {}
        }
        for (name, template) in &self.headers {
            let Some(value) = template.text(first)?.filter(|value| !value.is_empty()) else { continue };
            if value.bytes().any(|byte| !(byte == b'\t' || (0x20..0x7f).contains(&byte))) {
                return Err(RequestError::Header(name.clone()));
            }
            headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
            headers.push((name.clone(), value));
        }
        headers.sort();
        match body.len() {
            bytes if bytes > BODY_BYTES_MAX => Err(RequestError::TooLarge(bytes)),
            _ => Ok(OutboundRequest { method: self.method, url, headers, body }),
        }
    }

    fn content_type(&self) -> &'static str {
        match (self.format, &self.body, self.is_batch) {
            (BodyFormat::Form, ..) => "application/x-www-form-urlencoded",
            (BodyFormat::Json, None, false) => "application/cloudevents+json",
            (BodyFormat::Json, None, true) if self.envelope.is_none() => "application/cloudevents-batch+json",
            (BodyFormat::Json, ..) => "application/json",
        }
    }

    fn body(
        &self,
        events: &[&DeliverableEvent],
        contexts: &[TemplateValue],
        secrets: &SecretValues,
        now: Timestamp,
    ) -> Result<Vec<u8>, RequestError> {
        if self.method == RequestMethod::Get {
            return Ok(Vec::new());
        }
        let mut items = Vec::with_capacity(events.len());
        for (event, context) in events.iter().zip(contexts) {
            let item = match &self.body {
                Some(body) => body.render(context)?.unwrap_or_default(),
                None => event.event.clone(),
            };
            items.push(item);
        }
        let mut body = match &self.envelope {
            Some(envelope) => {
                let context =
                    context! { items => TemplateValue::from_serialize(&items), secret => secrets.by_name.clone() };
                envelope.render(&context)?.unwrap_or_default()
            }
            None if self.is_batch => Value::Array(items),
            None => items.pop().unwrap_or_default(),
        };
        if let (Some(SigningScheme::Feishu), Some(secret), Value::Object(fields)) =
            (self.signing, secrets.signing.first(), &mut body)
        {
            let seconds = now.0.div_euclid(1_000);
            fields.insert("timestamp".to_owned(), json!(seconds.to_string()));
            fields.insert("sign".to_owned(), json!(signing::feishu(secret, seconds)));
        }
        Ok(match self.format {
            BodyFormat::Json => body.to_string().into_bytes(),
            BodyFormat::Form => form(&body).into_bytes(),
        })
    }
}

/// What templates may refer to.
fn event_context(event: &DeliverableEvent, secrets: &SecretValues) -> TemplateValue {
    let of_event = TemplateValue::from_serialize(&event.event);
    context! { secret => secrets.by_name.clone(), ..of_event }
}

/// The id of a request: that of its output, or of several one that is made of theirs.
fn request_id(events: &[&DeliverableEvent]) -> String {
    match events {
        [event] => event.id.clone(),
        events => event_id(&events.iter().map(|event| event.id.as_str()).collect::<Vec<_>>().join("\0")),
    }
}

/// A table as a form: a list gives its key once for each item.
fn form(body: &Value) -> String {
    let mut pairs = Vec::new();
    for (key, value) in body.as_object().into_iter().flatten() {
        let values = match value {
            Value::Array(items) => items.as_slice(),
            one => std::slice::from_ref(one),
        };
        for value in values {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            pairs.push(format!("{}={}", percent_encoded(key), percent_encoded(&text)));
        }
    }
    pairs.join("&")
}
