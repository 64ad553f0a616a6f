//! What a shop says of itself, each checked before it is written into files.

use std::net::IpAddr;

use axum::http::Uri;
use clap::ValueEnum;
use jiff::tz::TimeZone;
use rekindle_core::time::Span;
use strum::{Display, EnumIter};

/// The shortest and longest time for which a cart may lie: the reminder comes within three days.
const CART_AFTER: (Span, Span) = (Span(1_000), Span(2 * 86_400_000));

/// Longer names are refused.
const NAME_CHARACTERS_MAX: usize = 100;

/// Everything that the files depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ShopChoices {
    pub(super) name: String,
    pub(super) currency: String,
    pub(super) time_zone: String,
    pub(super) cart_after: String,
    pub(super) sdk: WebsiteSdk,
    pub(super) deliver: WebhookChoice,
    pub(super) collect_url: String,
}

/// What sends a website's events.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq, Display, EnumIter)]
#[strum(serialize_all = "lowercase")]
pub(crate) enum WebsiteSdk {
    /// A small script of Rekindle's own; no other is loaded
    None,
    /// Segment's analytics.js
    Segment,
    /// RudderStack's SDK
    #[value(name = "rudderstack")]
    RudderStack,
    /// PostHog's SDK
    #[value(name = "posthog")]
    PostHog,
}

/// Where actions are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WebhookChoice {
    /// Nowhere: they stay in the output stream.
    Nowhere,
    /// To an address, signed.
    Address(String),
}

impl WebhookChoice {
    /// Whether the address is one that settings must allow expressly: of this machine, or without TLS.
    pub(super) fn is_private(&self) -> bool {
        let WebhookChoice::Address(url) = self else { return false };
        let uri = url.parse::<Uri>().unwrap_or_default();
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let is_own = match host.parse::<IpAddr>() {
            Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_private(),
            Ok(IpAddr::V6(address)) => address.is_loopback() || address.is_unique_local(),
            Err(_) => host.eq_ignore_ascii_case("localhost"),
        };
        is_own || url.starts_with("http://")
    }
}

/// Reads a name: it is written into comments.
pub(super) fn name(text: &str) -> Result<String, String> {
    let name = text.trim();
    let is_plain = !name.chars().any(|c| c.is_control() || "<>\"\\{}".contains(c)) && !name.contains("--");
    match name.chars().count() {
        1..=NAME_CHARACTERS_MAX if is_plain => Ok(name.to_owned()),
        _ => Err("write 1 to 100 characters, none of < > \" \\ { } or --".to_owned()),
    }
}

/// Reads a currency.
pub(super) fn currency(text: &str) -> Result<String, String> {
    let code = text.trim().to_ascii_uppercase();
    match code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()) {
        true => Ok(code),
        false => Err("write three letters, as in EUR".to_owned()),
    }
}

/// Reads the name of a time zone.
pub(super) fn time_zone(text: &str) -> Result<String, String> {
    let zone = TimeZone::get(text.trim()).map_err(|_| "write the name of a zone, as in Europe/Berlin".to_owned())?;
    Ok(zone.iana_name().filter(|name| *name != "Etc/UTC").unwrap_or("UTC").to_owned())
}

/// Reads how long a cart lies.
pub(super) fn cart_after(text: &str) -> Result<String, String> {
    let span = Span::parse(text.trim()).map_err(|error| error.to_string())?;
    match span >= CART_AFTER.0 && span <= CART_AFTER.1 {
        true => Ok(span.to_string()),
        false => Err(format!("write {} to {}", CART_AFTER.0, CART_AFTER.1)),
    }
}

/// Reads the name of an SDK.
pub(super) fn sdk(text: &str) -> Result<WebsiteSdk, String> {
    WebsiteSdk::from_str(text.trim(), true).map_err(|_| "write none, segment, rudderstack or posthog".to_owned())
}

/// Reads where actions go.
pub(super) fn deliver(text: &str) -> Result<WebhookChoice, String> {
    match text.trim() {
        "none" => Ok(WebhookChoice::Nowhere),
        text => match text.strip_prefix("webhook:").and_then(|address| url(address).ok()) {
            Some(address) => Ok(WebhookChoice::Address(address)),
            None => Err("write none, or webhook: and an address, as in webhook:https://shop.example/hooks".to_owned()),
        },
    }
}

/// Reads an address.
pub(super) fn url(text: &str) -> Result<String, String> {
    let url = text.trim();
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or_default();
    let is_plain = url.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'`<>\\{}".contains(&byte));
    match is_plain && !rest.is_empty() && !rest.starts_with(['/', ':', '?', '#']) {
        true => Ok(url.to_owned()),
        false => Err("write an address that begins with https:// or http://".to_owned()),
    }
}

/// The zone of this machine, if it says one.
pub(super) fn own_time_zone() -> String {
    let of_variable = std::env::var("TZ").ok();
    let of_link = || {
        let link = std::fs::read_link("/etc/localtime").ok()?;
        Some(link.to_str()?.split_once("zoneinfo/")?.1.to_owned())
    };
    let zone = of_variable.or_else(of_link).and_then(|zone| time_zone(zone.trim_start_matches(':')).ok());
    zone.unwrap_or_else(|| "UTC".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_leniently_and_what_would_break_a_file_is_refused() {
        assert_eq!(currency(" eur\n"), Ok("EUR".to_owned()));
        assert_eq!(time_zone("europe/berlin"), Ok("Europe/Berlin".to_owned()));
        assert_eq!(time_zone("UTC"), Ok("UTC".to_owned()));
        assert_eq!(cart_after("90m"), Ok("1h30m".to_owned()));
        assert_eq!(sdk("RudderStack"), Ok(WebsiteSdk::RudderStack));
        assert_eq!(deliver("webhook:http://x/y"), Ok(WebhookChoice::Address("http://x/y".to_owned())));
        for wrong in ["", "E", "EURO", "E1R"] {
            assert!(currency(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "Berlin", "Europe/Berlin\"\nx = 1"] {
            assert!(time_zone(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "30", "0s", "3d", "-1h"] {
            assert!(cart_after(wrong).is_err(), "{wrong}");
        }
        for wrong in ["https://", "ftp://x", "https:///x", "https://x/'", "https://x/{{y}}", "https://x y"] {
            assert!(url(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "a\nb", "--> <script>", "a\"b", "{{key}}"] {
            assert!(name(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_address_of_this_machine_or_without_tls_is_private() {
        let private = |url: &str| WebhookChoice::Address(url.to_owned()).is_private();
        assert!(private("http://shop.example") && private("https://localhost:1/x") && private("https://[::1]/"));
        assert!(private("https://10.0.0.7/x") && !private("https://8.8.8.8/x"));
        assert!(!private("https://shop.example:8443/x") && !WebhookChoice::Nowhere.is_private());
    }
}
