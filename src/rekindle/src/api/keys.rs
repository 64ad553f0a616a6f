//! Keys of a user: their state, and the segments that they are in.

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use super::users::FeatureEntry;
use rekindle_core::partition::KeyInstanceReport;

/// The state of one key of a user.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Key)]
#[schema(example = json!({
    "per": "cart", "key": "c-42", "first_match": "2026-03-05T08:00:00.000Z", "latest_match": "2026-03-05T09:00:00.000Z",
    "forgotten_at": "2026-04-04T09:00:00.000Z", "segments": ["cart_left"],
    "features": [{"feature": "total(add)", "value": 2}, {"feature": "idle()", "value": 1_860_000}],
    "fired": [{"campaign": "cart_reminder", "count": 1}], "next_wake_up": "2026-04-04T09:00:00.000Z"
}))]
pub(super) struct KeyInstanceEntry {
    /// The `[per.K]` of the rules.
    per: String,
    /// The `[tables.T]` whose row conditions of this key read, by the same key.
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<String>,
    /// The key.
    key: String,
    /// Time of its earliest match.
    #[schema(format = DateTime)]
    first_match: String,
    /// Time of its latest match.
    #[schema(format = DateTime)]
    latest_match: String,
    /// When it is forgotten if no match comes.
    #[schema(format = DateTime)]
    forgotten_at: String,
    /// The segments it is in, as the rules order them.
    segments: Vec<String>,
    /// Every feature of keys of this `[per.K]`.
    features: Vec<FeatureEntry>,
    /// How often campaigns fired for it: sent, control, holdout or a lost draw.
    fired: Vec<KeyExposureEntry>,
    /// The earliest instant at which time alone may change or forget it.
    #[schema(format = DateTime)]
    next_wake_up: String,
}

/// How often a campaign fired for a key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FiredForKey)]
pub(super) struct KeyExposureEntry {
    /// The campaign.
    campaign: String,
    /// How often.
    count: u32,
}

/// The keys of a user that are in a segment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SegmentKeys)]
pub(super) struct SegmentKeysEntry {
    /// The segment, which has a `per`.
    segment: String,
    /// The keys, ascending.
    keys: Vec<String>,
}

impl KeyInstanceEntry {
    pub(super) fn new(report: KeyInstanceReport) -> KeyInstanceEntry {
        let fired = report.fired.into_iter();
        KeyInstanceEntry {
            per: report.per,
            table: report.table,
            key: report.key.to_string(),
            first_match: report.first_match.to_string(),
            latest_match: report.latest_match.to_string(),
            forgotten_at: report.forgotten_at.to_string(),
            segments: report.segments,
            features: report.features.into_iter().map(FeatureEntry::new).collect(),
            fired: fired.map(|fired| KeyExposureEntry { campaign: fired.campaign, count: fired.count }).collect(),
            next_wake_up: report.next_wake_up.to_string(),
        }
    }
}

impl SegmentKeysEntry {
    pub(super) fn new(segment: String, keys: &[Arc<str>]) -> SegmentKeysEntry {
        SegmentKeysEntry { segment, keys: texts(keys) }
    }
}

/// Keys as texts of their own.
pub(super) fn texts(keys: &[Arc<str>]) -> Vec<String> {
    keys.iter().map(|key| key.to_string()).collect()
}
