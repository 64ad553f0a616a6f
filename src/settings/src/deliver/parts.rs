//! The tables within a `[[deliver]]`: signing, batches, answers.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use super::BodyTemplate;
use crate::keys::{SettingKey, SettingKind};
use rekindle_core::rules::schema::DurationText;
use rekindle_core::time::Span;

/// How requests are signed.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename = "Signing")]
#[schemars(deny_unknown_fields)]
pub struct SigningSettings {
    /// Whose way.
    pub scheme: SigningScheme,
    /// The files that hold the secrets. With "standard-webhooks" each of them signs, so that they can be rotated; the other
    /// schemes use the first.
    #[schemars(length(min = 1))]
    pub secret_files: Vec<PathBuf>,
}

/// Ways to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SigningScheme {
    /// Standard Webhooks: the headers `webhook-id`, `webhook-timestamp` and `webhook-signature`.
    StandardWebhooks,
    /// Feishu's custom robots: `timestamp` and `sign` in the body.
    Feishu,
    /// DingTalk's custom robots: `timestamp` and `sign` in the address.
    Dingtalk,
}

/// Several outputs in one request.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename = "Batch")]
#[schemars(deny_unknown_fields)]
pub struct BatchSettings {
    /// The most outputs in a request; 2 to 1,000.
    #[schemars(range(min = 2, max = 1_000))]
    pub size: u16,
    /// How long the first may wait for others; 0 to 1 minute.
    #[schemars(default = "wait", with = "DurationText")]
    pub wait: Span,
    /// The body around the list of outputs, which stands at `"{{ items }}"`. Without it, the list itself.
    #[schemars(default, with = "Option<std::collections::BTreeMap<String, serde_json::Value>>")]
    pub envelope: Option<BodyTemplate>,
    /// An expression: which outputs of the request failed, by their numbers from 0, or by tables with an `index`.
    #[schemars(default)]
    pub failed: Option<String>,
}

/// What answers mean. Without any of it, by their status: 2xx is success; 408, 425, 429 and 5xx are tried again; 410 switches
/// the destination off; everything else has failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[schemars(rename = "Answer")]
#[schemars(deny_unknown_fields)]
pub struct AnswerSettings {
    /// An expression over `answer` and `status` that says whether an answer with a good status is success.
    #[schemars(default)]
    pub success: Option<String>,
    /// An expression over `answer` and `status` that says whether an answer that is no success is worth another attempt.
    #[schemars(default)]
    pub retry: Option<String>,
}

fn wait() -> Span {
    DEFAULT_WAIT
}

pub(super) const DEFAULT_WAIT: Span = Span(1_000);

/// Keys of `[deliver.signing]`.
pub(crate) const SIGNING_KEYS: [SettingKey; 2] = [("scheme", SettingKind::Text), ("secret_files", SettingKind::List)];
/// Keys of `[deliver.batch]`.
pub(crate) const BATCH_KEYS: [SettingKey; 4] = [
    ("size", SettingKind::Number),
    ("wait", SettingKind::Text),
    ("envelope", SettingKind::TomlSection),
    ("failed", SettingKind::Text),
];
/// Keys of `[deliver.answer]`.
pub(crate) const ANSWER_KEYS: [SettingKey; 2] = [("success", SettingKind::Text), ("retry", SettingKind::Text)];
