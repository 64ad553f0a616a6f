//! Signatures of callbacks, as their vendors define them. Everything is compared in constant time.

use std::io;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use data_encoding::HEXLOWER_PERMISSIVE;
use rekindle_core::time::{Span, Timestamp};
use rekindle_settings::{CallbackSettings, CallbackVendor};
use ring::hmac;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use thiserror::Error;

/// What stands before the point in a public key of the curve P-256 (RFC 5480).
const P256_KEY_HEAD: &[u8] =
    b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";

/// How callbacks are checked, with the secret.
pub(super) enum CallbackScheme {
    /// ECDSA over timestamp and body.
    /// <https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features>
    SendGrid { point: Vec<u8> },
    /// HMAC-SHA1 over the address and the sorted fields of the form, in a header.
    /// <https://www.twilio.com/docs/usage/security#validating-requests>,
    /// <https://mailchimp.com/developer/transactional/guides/track-respond-activity-webhooks/#authenticating-webhook-requests>
    Address { header: &'static str, url: String, key: hmac::Key },
    /// HMAC-SHA256 over body and timestamp.
    /// <https://developers.klaviyo.com/en/docs/working_with_system_webhooks>
    Klaviyo { key: hmac::Key },
    /// HMAC-SHA256 over `v0:<timestamp>:<body>`.
    /// <https://docs.customer.io/journeys/webhooks/#securely-verify-requests>
    CustomerIo { key: hmac::Key },
    /// <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>
    StandardWebhooks { key: hmac::Key },
    /// A token, after `Authorization: Bearer`.
    Token { key: hmac::Key, expected: hmac::Tag },
}

/// A callback as it came.
#[derive(Clone, Copy, Debug)]
pub(super) struct SignedCallback<'a> {
    pub(super) headers: &'a HeaderMap,
    pub(super) query: &'a str,
    pub(super) form: &'a [(String, String)],
    pub(super) body: &'a [u8],
    pub(super) now: Timestamp,
}

/// Why a callback is not the vendor's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum CallbackForgery {
    #[error("the signature does not fit the body and the callback's secret")]
    WrongSignature,
    #[error("the signature is of another time; the clocks differ, or it was sent before (`tolerance`)")]
    Stale,
}

impl CallbackScheme {
    /// By the settings and what the secret's file holds.
    pub(super) fn new(settings: &CallbackSettings, secret: &str) -> io::Result<CallbackScheme> {
        let wrong = |why: &str| Err(io::Error::new(io::ErrorKind::InvalidData, why));
        if secret.is_empty() {
            return wrong("it is empty");
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let address = |header| CallbackScheme::Address {
            header,
            url: settings.url.clone().unwrap_or_default(),
            key: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes()),
        };
        Ok(match settings.vendor {
            CallbackVendor::SendGrid => match point_of(secret) {
                Some(point) => CallbackScheme::SendGrid { point },
                None => return wrong("it is no public key of the curve P-256, as SendGrid shows it"),
            },
            CallbackVendor::Twilio => address("x-twilio-signature"),
            CallbackVendor::Mandrill => address("x-mandrill-signature"),
            CallbackVendor::Klaviyo => CallbackScheme::Klaviyo { key },
            CallbackVendor::CustomerIo => CallbackScheme::CustomerIo { key },
            CallbackVendor::StandardWebhooks => {
                let decoded = secret.strip_prefix("whsec_").and_then(|encoded| BASE64.decode(encoded).ok());
                let key = decoded.map_or(key, |decoded| hmac::Key::new(hmac::HMAC_SHA256, &decoded));
                CallbackScheme::StandardWebhooks { key }
            }
            CallbackVendor::Braze | CallbackVendor::Iterable | CallbackVendor::OneSignal => {
                let expected = hmac::sign(&key, secret.as_bytes());
                CallbackScheme::Token { key, expected }
            }
        })
    }

    /// Whether it is the vendor's, and of now.
    pub(super) fn check(&self, signed: &SignedCallback<'_>, tolerance: Span) -> Result<(), CallbackForgery> {
        let text = |name: &str| signed.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (is_theirs, timestamp) = match self {
            CallbackScheme::SendGrid { point } => {
                let timestamp = text("x-twilio-email-event-webhook-timestamp");
                let message = [timestamp.as_bytes(), signed.body].concat();
                let signature = BASE64.decode(text("x-twilio-email-event-webhook-signature")).unwrap_or_default();
                let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point);
                (key.verify(&message, &signature).is_ok(), Some(timestamp))
            }
            CallbackScheme::Address { header, url, key } => {
                let message = address_message(url, signed);
                (is_tag(key, message.as_bytes(), BASE64.decode(text(header)).ok()), None)
            }
            CallbackScheme::Klaviyo { key } => {
                let timestamp = text("klaviyo-timestamp");
                let message = [signed.body, timestamp.as_bytes()].concat();
                (is_tag(key, &message, hex(text("klaviyo-signature"))), Some(timestamp))
            }
            CallbackScheme::CustomerIo { key } => {
                let timestamp = text("x-cio-timestamp");
                let message = [format!("v0:{timestamp}:").as_bytes(), signed.body].concat();
                (is_tag(key, &message, hex(text("x-cio-signature"))), Some(timestamp))
            }
            CallbackScheme::StandardWebhooks { key } => {
                let timestamp = text("webhook-timestamp");
                let message = [format!("{}.{timestamp}.", text("webhook-id")).as_bytes(), signed.body].concat();
                let mut signatures = text("webhook-signature").split(' ').filter_map(|one| one.strip_prefix("v1,"));
                (signatures.any(|one| is_tag(key, &message, BASE64.decode(one).ok())), Some(timestamp))
            }
            CallbackScheme::Token { key, expected } => {
                let token = text(AUTHORIZATION.as_str());
                let token = token.split_once(' ').map_or(token, |(_, token)| token).trim();
                (hmac::verify(key, token.as_bytes(), expected.as_ref()).is_ok(), None)
            }
        };
        match (is_theirs, timestamp) {
            (false, _) => Err(CallbackForgery::WrongSignature),
            (true, Some(timestamp)) if !is_near(timestamp, signed.now, tolerance) => Err(CallbackForgery::Stale),
            (true, _) => Ok(()),
        }
    }
}

/// Whether it is the message's signature.
fn is_tag(key: &hmac::Key, message: &[u8], signature: Option<Vec<u8>>) -> bool {
    signature.is_some_and(|signature| hmac::verify(key, message, &signature).is_ok())
}

fn hex(text: &str) -> Option<Vec<u8>> {
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()
}

/// The address as the vendor called it, and the fields of the form, sorted, each with its value.
fn address_message(url: &str, signed: &SignedCallback<'_>) -> String {
    let mut message = url.to_owned();
    if !signed.query.is_empty() {
        message.push('?');
        message.push_str(signed.query);
    }
    let mut fields: Vec<&(String, String)> = signed.form.iter().collect();
    fields.sort();
    for (name, value) in fields {
        message.push_str(name);
        message.push_str(value);
    }
    message
}

/// The point that a public key is: the key is base64 of its DER form, with or without the lines around it.
fn point_of(secret: &str) -> Option<Vec<u8>> {
    let base64: String = secret.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    let der = BASE64.decode(base64).ok()?;
    let point = der.strip_prefix(P256_KEY_HEAD)?;
    (point.len() == 65 && point[0] == 4).then(|| point.to_vec())
}

/// Whether a time, in seconds since 1970 or as RFC 3339 or RFC 2822 write it, is about now.
fn is_near(text: &str, now: Timestamp, tolerance: Span) -> bool {
    let seconds = || text.parse::<i64>().ok().and_then(|seconds| seconds.checked_mul(1_000)).map(Timestamp);
    let date = || jiff::fmt::rfc2822::parse(text).ok().map(|date| Timestamp(date.timestamp().as_millisecond()));
    let time = seconds().or_else(|| Timestamp::parse_rfc3339(text)).or_else(date);
    time.is_some_and(|time| time.0.abs_diff(now.0) <= tolerance.0.unsigned_abs())
}

/// Without the secret.
impl std::fmt::Debug for CallbackScheme {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallbackScheme").finish_non_exhaustive()
    }
}
