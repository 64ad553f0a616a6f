//! Signed webhooks of shops: the signature is checked over the body as it came, then the shop's table makes calls of it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac as _};
use rekindle_mapping::MappingTable;
use rekindle_settings::{CollectSettings, ShopKind};
use serde_json::{Value, json};
use sha2::Sha256;
use thiserror::Error;

use crate::adapters::builtin_table;
use crate::write_keys::KeyGrant;

/// Why a webhook can't be checked.
#[derive(Debug, Error)]
#[error("could not read the secret of the webhook {name} from {}: {source}", path.display())]
pub struct WebhookSecretError {
    /// The webhook.
    name: String,
    /// The file.
    path: PathBuf,
    /// Why not.
    source: io::Error,
}

/// The webhooks of the settings, with their secrets.
#[derive(Debug, Default)]
pub struct Webhooks {
    by_name: BTreeMap<String, ShopWebhook>,
}

/// A shop's webhook.
pub(crate) struct ShopWebhook {
    kind: ShopKind,
    secret: Vec<u8>,
    table: MappingTable,
    pub(crate) grant: Arc<KeyGrant>,
}

/// What a request to a webhook is.
#[derive(Debug, PartialEq)]
pub(crate) enum WebhookDelivery {
    /// The signature does not fit.
    Forged,
    /// Nothing to take: a test of the address, or a topic that says nothing about users.
    Nothing,
    /// Calls.
    Calls(Vec<Value>),
}

impl Webhooks {
    /// Reads the secrets.
    ///
    /// # Errors
    /// A file can't be read, or is empty.
    pub fn read(settings: &CollectSettings) -> Result<Webhooks, WebhookSecretError> {
        let mut by_name = BTreeMap::new();
        for (name, webhook) in &settings.webhooks {
            let fail = |source| WebhookSecretError { name: name.clone(), path: webhook.secret_file.clone(), source };
            let secret = fs::read_to_string(&webhook.secret_file).map_err(fail)?.trim().as_bytes().to_vec();
            if secret.is_empty() {
                return Err(fail(io::Error::new(io::ErrorKind::InvalidData, "it is empty")));
            }
            let table = builtin_table(match webhook.kind {
                ShopKind::Shopify => "shopify",
                ShopKind::WooCommerce => "woocommerce",
            });
            let grant = Arc::new(KeyGrant::of_webhook(name, &settings.subject));
            by_name.insert(name.clone(), ShopWebhook { kind: webhook.kind, secret, table, grant });
        }
        Ok(Webhooks { by_name })
    }

    pub(crate) fn get(&self, name: &str) -> Option<&ShopWebhook> {
        self.by_name.get(name)
    }
}

impl ShopWebhook {
    /// The calls of a delivery.
    pub(crate) fn calls(&self, headers: &HeaderMap, body: &[u8]) -> WebhookDelivery {
        let (signature, topic) = match self.kind {
            ShopKind::Shopify => ("x-shopify-hmac-sha256", "x-shopify-topic"),
            ShopKind::WooCommerce => ("x-wc-webhook-signature", "x-wc-webhook-topic"),
        };
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        // WooCommerce tries the address out when a webhook is saved, without a signature.
        if self.kind == ShopKind::WooCommerce && text(topic).is_none() && body.starts_with(b"webhook_id=") {
            return WebhookDelivery::Nothing;
        }
        if !self.is_signed(text(signature).unwrap_or_default(), body) {
            return WebhookDelivery::Forged;
        }
        let Ok(body) = serde_json::from_slice::<Value>(body) else { return WebhookDelivery::Nothing };
        match self.table.calls(&body, &json!({ "topic": text(topic) })) {
            calls if calls.is_empty() => WebhookDelivery::Nothing,
            calls => WebhookDelivery::Calls(calls),
        }
    }

    /// Compared in constant time.
    fn is_signed(&self, signature: &str, body: &[u8]) -> bool {
        let Ok(signature) = BASE64.decode(signature.trim()) else { return false };
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.secret) else { return false };
        mac.update(body);
        mac.verify_slice(&signature).is_ok()
    }
}

/// Without the secret.
impl std::fmt::Debug for ShopWebhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShopWebhook").field("kind", &self.kind).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
