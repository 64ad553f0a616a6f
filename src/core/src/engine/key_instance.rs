//! One key of a user, and what is remembered of it.

use std::borrow::Cow;
use std::sync::Arc;

use super::feature_set::FeatureSet;
use super::membership::MembershipSet;
use super::recomputed::RecomputedParts;
use crate::event::Scalar;
use crate::rules::ruleset::{CampaignId, NameId, PerId, Ruleset};
use crate::time::Timestamp;

/// More exposures than any campaign has for one key; counting on from here cannot overflow.
const EXPOSURES_MAX: u32 = u32::MAX / 2;

/// One key of a user, with what is remembered of its matches.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyInstance {
    /// Which `[per.K]`.
    pub per: PerId,
    /// The key.
    pub key: Arc<str>,
    /// Time of the earliest match.
    pub first: Timestamp,
    /// Time of the latest match.
    pub latest: Timestamp,
    /// The segments with this `per` that it is in.
    pub members: MembershipSet,
    /// No segment of it changes, and it is not forgotten, before this instant by time alone.
    pub due: Timestamp,
    /// Feature states.
    pub(crate) features: FeatureSet,
    /// How often campaigns fired for it.
    pub(crate) exposures: Vec<(CampaignId, u32)>,
    /// All its segments are to be evaluated at the next evaluation.
    pub(super) is_touched: bool,
    /// The name of its latest match of the event that is being applied.
    pub(super) latest_name: Option<NameId>,
}

/// The key that a value of a match is: a text of 1 to 256 bytes, or a whole number within 64 bits, as its decimal text.
pub(crate) fn key_of<'v>(value: Option<&'v Scalar<'_>>) -> Option<Cow<'v, str>> {
    value?.as_key()
}

impl KeyInstance {
    /// An instance without matches.
    pub(super) fn new(per: PerId, key: Arc<str>) -> KeyInstance {
        KeyInstance {
            per,
            key,
            first: Timestamp::NEVER,
            latest: Timestamp::MIN,
            members: MembershipSet::default(),
            due: Timestamp::NEVER,
            features: FeatureSet::default(),
            exposures: Vec::new(),
            is_touched: false,
            latest_name: None,
        }
    }

    /// When it is forgotten if no match comes.
    pub fn forgotten_at(&self, rules: &Ruleset) -> Timestamp {
        self.latest + rules.pers[usize::from(self.per.0)].ttl
    }

    /// How often the campaign fired for it.
    pub fn exposures_to(&self, campaign: CampaignId) -> u32 {
        self.exposures.iter().find(|(id, _)| *id == campaign).map_or(0, |(_, count)| *count)
    }

    /// The campaigns that fired for it, with how often each did.
    pub fn exposures(&self) -> impl Iterator<Item = (CampaignId, u32)> {
        self.exposures.iter().copied()
    }

    pub(super) fn merge(&mut self, other: KeyInstance) {
        self.first = self.first.min(other.first);
        self.latest = self.latest.max(other.latest);
        self.features.merge(other.features);
        for (campaign, count) in other.exposures {
            self.expose(campaign, count);
        }
    }

    /// Takes what was recomputed of the same key. Memberships and exposures stay as they are.
    pub(super) fn take_recomputed(&mut self, other: KeyInstance, parts: &RecomputedParts) {
        if parts.profile {
            (self.first, self.latest) = (other.first, other.latest);
        } else {
            (self.first, self.latest) = (self.first.min(other.first), self.latest.max(other.latest));
        }
        self.features.take_recomputed(other.features, parts);
    }

    pub(super) fn expose(&mut self, campaign: CampaignId, times: u32) {
        match self.exposures.iter_mut().find(|(id, _)| *id == campaign) {
            Some((_, count)) => *count = count.saturating_add(times).min(EXPOSURES_MAX),
            None => self.exposures.push((campaign, times)),
        }
    }
}
