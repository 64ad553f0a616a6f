//! `[collect.webhooks.NAME]`: signed webhooks of a shop.

use std::ops::Range;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use super::reader::SettingsReader;
use rekindle_core::document::TomlSection;

/// Signed webhooks of a shop: orders, checkouts, customers and refunds, at `/v1/webhooks/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename = "Webhook")]
#[schemars(deny_unknown_fields)]
pub struct WebhookSettings {
    /// Which shop it is.
    pub kind: ShopKind,
    /// The file with the secret by which the shop signs.
    pub secret_file: PathBuf,
}

/// Shops that sign their webhooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ShopKind {
    /// Shopify.
    Shopify,
    /// WooCommerce.
    WooCommerce,
}

impl WebhookSettings {
    pub(super) fn read(
        name: &str,
        (table, span): (&toml::de::DeTable<'_>, Range<usize>),
        reader: &mut SettingsReader<'_>,
    ) -> Option<WebhookSettings> {
        let title = format!("[collect.webhooks.{name}]");
        let place = span.clone();
        let section = TomlSection::open(&*title, span, table, &["kind", "secret_file"], &mut reader.problems);
        let kinds = [("shopify", ShopKind::Shopify), ("woocommerce", ShopKind::WooCommerce)];
        let kind = reader.choice(&section, "kind", &kinds);
        let secret_file = reader.file(&section, "secret_file", "the file with the webhook's secret");
        for (key, help) in
            [("kind", "say kind = \"shopify\" or \"woocommerce\""), ("secret_file", "name it: secret_file = \"…\"")]
        {
            if section.get(key).is_none() {
                reader.problems.add_missing(&place, format!("{title} has no `{key}`"), help);
            }
        }
        Some(WebhookSettings { kind: kind?, secret_file: secret_file? })
    }
}
