//! What tools that messages were delivered to call back: the signature is checked, then the vendor's table makes events of it.

mod signature;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use axum::http::{HeaderMap, Uri};
use rekindle_core::time::{Span, Timestamp};
use rekindle_mapping::MappingTable;
use rekindle_settings::{CallbackSettings, CallbackVendor, CollectSettings};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::adapters::own_table;
use crate::credentials;
use crate::write_keys::KeyGrant;
pub(crate) use signature::CallbackForgery;
use signature::{CallbackScheme, SignedCallback};

/// Why callbacks can't be checked.
#[derive(Debug, Error)]
#[error("could not use the secret of the callbacks {name} from {}: {source}", path.display())]
pub struct CallbackSecretError {
    /// The destination.
    name: String,
    /// The file.
    path: PathBuf,
    /// Why not.
    source: io::Error,
}

/// The callbacks of the settings, with their secrets.
#[derive(Debug, Default)]
pub struct ProviderCallbacks {
    by_name: BTreeMap<String, ProviderCallback>,
}

/// The callbacks of one destination.
#[derive(Debug)]
pub(crate) struct ProviderCallback {
    destination: String,
    vendor: CallbackVendor,
    channel: String,
    tolerance: Span,
    scheme: CallbackScheme,
    table: MappingTable,
    pub(crate) grant: Arc<KeyGrant>,
}

/// Why a callback is not taken.
#[derive(Debug, Error)]
pub(crate) enum CallbackProblem {
    #[error(transparent)]
    Forged(#[from] CallbackForgery),
    #[error("the body is not JSON: {0}")]
    NotJson(#[from] serde_json::Error),
}

impl ProviderCallbacks {
    /// Reads the secrets.
    ///
    /// # Errors
    /// A file can't be read, or has no secret of the vendor's form.
    pub fn read(settings: &CollectSettings) -> Result<ProviderCallbacks, CallbackSecretError> {
        let mut by_name = BTreeMap::new();
        for (name, callback) in &settings.callbacks {
            let read = ProviderCallback::read(name, callback, settings);
            let fail = |source| CallbackSecretError { name: name.clone(), path: callback.secret_file.clone(), source };
            by_name.insert(name.clone(), read.map_err(fail)?);
        }
        Ok(ProviderCallbacks { by_name })
    }

    pub(crate) fn get(&self, name: &str) -> Option<&ProviderCallback> {
        self.by_name.get(name)
    }
}

impl ProviderCallback {
    fn read(name: &str, settings: &CallbackSettings, collect: &CollectSettings) -> io::Result<ProviderCallback> {
        let secret = fs::read_to_string(&settings.secret_file)?;
        Ok(ProviderCallback {
            destination: name.to_owned(),
            vendor: settings.vendor,
            channel: settings.channel.clone().unwrap_or_else(|| usual_channel(settings.vendor).to_owned()),
            tolerance: settings.tolerance,
            scheme: CallbackScheme::new(settings, secret.trim())?,
            table: table(settings.vendor),
            grant: Arc::new(KeyGrant::of_webhook(name, &collect.subject)),
        })
    }

    /// The events of a callback that came at this time.
    pub(crate) fn calls(
        &self,
        headers: &HeaderMap,
        uri: &Uri,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Vec<Value>, CallbackProblem> {
        let form = self.form(body);
        let query = uri.query().unwrap_or_default();
        self.scheme.check(&SignedCallback { headers, query, form: &form, body, now }, self.tolerance)?;
        let body = match self.vendor {
            CallbackVendor::Twilio => form.into_iter().map(|(name, value)| (name, Value::from(value))).collect(),
            CallbackVendor::Mandrill => {
                let events = form.iter().find(|(name, _)| name == "mandrill_events");
                serde_json::from_str(events.map_or("[]", |(_, events)| events))?
            }
            _ => serde_json::from_slice(body)?,
        };
        Ok(self.table.calls(&body, &self.request(headers, uri)))
    }

    /// The fields of a body that is a form.
    fn form(&self, body: &[u8]) -> Vec<(String, String)> {
        match self.vendor {
            CallbackVendor::Twilio | CallbackVendor::Mandrill => serde_urlencoded::from_bytes(body).unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    /// What tables find under `@request`: the query only where it is signed.
    fn request(&self, headers: &HeaderMap, uri: &Uri) -> Value {
        let mut request = Map::new();
        if self.vendor.signs_address() {
            request.extend(credentials::query(uri).into_iter().map(|(name, value)| (name, Value::from(value))));
        }
        request.insert("destination".to_owned(), self.destination.as_str().into());
        request.insert("channel".to_owned(), self.channel.as_str().into());
        let id = headers.get("webhook-id").and_then(|id| id.to_str().ok());
        request.extend(id.map(|id| ("webhook_id".to_owned(), id.into())));
        Value::Object(request)
    }
}

/// What a vendor mostly sends.
fn usual_channel(vendor: CallbackVendor) -> &'static str {
    match vendor {
        CallbackVendor::Twilio => "sms",
        CallbackVendor::OneSignal => "push",
        _ => "email",
    }
}

fn table(vendor: CallbackVendor) -> MappingTable {
    own_table(match vendor {
        CallbackVendor::SendGrid => include_str!("sendgrid.toml"),
        CallbackVendor::Mandrill => include_str!("mandrill.toml"),
        CallbackVendor::Twilio => include_str!("twilio.toml"),
        CallbackVendor::Klaviyo => include_str!("klaviyo.toml"),
        CallbackVendor::CustomerIo => include_str!("customer-io.toml"),
        CallbackVendor::Braze => include_str!("braze.toml"),
        CallbackVendor::Iterable => include_str!("iterable.toml"),
        CallbackVendor::OneSignal => include_str!("onesignal.toml"),
        CallbackVendor::StandardWebhooks => include_str!("standard-webhooks.toml"),
    })
}
