//! The weights of variants that adapt, as they are stored.

use std::sync::Arc;

use super::VariantWeights;
use crate::rules::ruleset::{Campaign, CampaignId, Ruleset};
use crate::time::Timestamp;

/// What stands of the weights of a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredWeights {
    /// The campaign.
    pub campaign: CampaignId,
    /// When weights are worked out, and in which time zone.
    pub schedule: String,
    /// When next; `None`: the log has not begun.
    pub next: Option<Timestamp>,
    /// Each variant with its weight in thousandths; empty: as the rules write them.
    pub weights: Vec<(Arc<str>, u16)>,
}

impl StoredWeights {
    /// That of a campaign.
    pub fn new(
        rules: &Ruleset,
        (id, campaign): (CampaignId, &Campaign),
        next: Option<Timestamp>,
        weights: Option<&VariantWeights>,
    ) -> StoredWeights {
        let ids = campaign.variants.iter().map(|variant| Arc::from(variant.id.as_str()));
        let weights = weights.map(|weights| ids.zip(weights.0.iter().copied()).collect()).unwrap_or_default();
        StoredWeights { campaign: id, schedule: StoredWeights::schedule_of(rules, campaign), next, weights }
    }

    /// When the weights of a campaign are worked out: `day Europe/Berlin`. By another schedule the next instant is another.
    pub fn schedule_of(rules: &Ruleset, campaign: &Campaign) -> String {
        let every = campaign.adapt.map(|adapt| adapt.every);
        format!("{} {}", every.as_ref().map_or("never", AsRef::as_ref), rules.timezone_name)
    }

    /// The weights, if the campaign has the same variants still.
    pub fn weights_of(&self, campaign: &Campaign) -> Option<VariantWeights> {
        let ids = campaign.variants.iter().map(|variant| variant.id.as_str());
        let is_same = !self.weights.is_empty() && ids.eq(self.weights.iter().map(|(id, _)| &**id));
        is_same.then(|| VariantWeights(self.weights.iter().map(|(_, weight)| *weight).collect()))
    }
}
