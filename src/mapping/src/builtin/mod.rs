//! The tables that are part of this program: what vendors' SDKs, shops and exports have.

use super::MappingTable;

/// Each by its name.
const TABLES: [(&str, &str); 15] = [
    ("amplitude", include_str!("amplitude.toml")),
    ("ga4-bigquery", include_str!("ga4-bigquery.toml")),
    ("ga4", include_str!("ga4.toml")),
    ("google-products", include_str!("google-products.toml")),
    ("matomo", include_str!("matomo.toml")),
    ("mixpanel", include_str!("mixpanel.toml")),
    ("posthog", include_str!("posthog.toml")),
    ("posthog-export", include_str!("posthog-export.toml")),
    ("products", include_str!("products.toml")),
    ("sensors", include_str!("sensors.toml")),
    ("shopify-csv", include_str!("shopify-csv.toml")),
    ("shopify-products", include_str!("shopify-products.toml")),
    ("shopify", include_str!("shopify.toml")),
    ("snowplow", include_str!("snowplow.toml")),
    ("woocommerce", include_str!("woocommerce.toml")),
];

/// The text of the table of that name.
pub fn text(name: &str) -> Option<&'static str> {
    TABLES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// The table of that name.
pub fn table(name: &str) -> Option<MappingTable> {
    // Tests read all of them.
    text(name).and_then(|text| MappingTable::parse(text).ok())
}

#[test]
fn every_table_is_sound() {
    for (name, text) in TABLES {
        if let Err(problems) = MappingTable::parse(text) {
            panic!("{}", rekindle_core::diagnostics::render(name, text, &problems, false));
        }
    }
}
