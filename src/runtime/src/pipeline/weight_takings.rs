//! Takings of weights (semantics §19): at the end of a beat with which an hour, a day, a week or a month begins, the weights of
//! variants that adapt follow from what came of them.

use std::sync::Arc;

use super::Pipeline;
use rekindle_core::campaigns::{StandingWeights, StoredWeights, VariantWeights};
use rekindle_core::goals::adapted_shares;
use rekindle_core::partition::{ExecutionPlan, Output, OutputKind, WeightsOutput};
use rekindle_core::rules::ruleset::{CampaignId, Ruleset};
use rekindle_core::time::Timestamp;

/// What stands of the weights of campaigns, in file order; `None`: the weights of that one do not adapt.
#[derive(Debug, Default)]
pub(super) struct WeightTakings(Vec<Option<WeightTaking>>);

/// What stands of one campaign.
#[derive(Clone, Debug, Default)]
struct WeightTaking {
    /// When its weights are worked out next; `None`: the log has not begun.
    next: Option<Timestamp>,
    /// The weights; `None`: as the rules write them.
    weights: Option<VariantWeights>,
}

impl WeightTakings {
    /// As the rules write them.
    pub(super) fn new(rules: &Ruleset) -> WeightTakings {
        let taking = |adapts: bool| adapts.then(WeightTaking::default);
        WeightTakings(rules.campaigns.iter().map(|campaign| taking(campaign.adapt.is_some())).collect())
    }

    /// What was stored, of campaigns that adapt and have the same variants.
    pub(super) fn restored(rules: &Ruleset, stored: &[StoredWeights]) -> WeightTakings {
        let mut takings = WeightTakings::new(rules);
        for of_campaign in stored {
            let place = usize::from(of_campaign.campaign.0);
            let (Some(Some(taking)), Some(campaign)) = (takings.0.get_mut(place), rules.campaigns.get(place)) else {
                continue;
            };
            taking.next =
                of_campaign.next.filter(|_| of_campaign.schedule == StoredWeights::schedule_of(rules, campaign));
            taking.weights = of_campaign.weights_of(campaign);
        }
        takings
    }

    /// What is to be stored.
    pub(super) fn stored(&self, rules: &Ruleset) -> Vec<StoredWeights> {
        let all = (0..).map(CampaignId).zip(&rules.campaigns).zip(&self.0);
        all.filter_map(|((id, campaign), taking)| {
            let WeightTaking { next, weights } = taking.as_ref()?;
            Some(StoredWeights::new(rules, (id, campaign), *next, weights.as_ref()))
        })
        .collect()
    }

    /// When weights are worked out next.
    pub(super) fn next(&self) -> Timestamp {
        self.0.iter().flatten().filter_map(|taking| taking.next).min().unwrap_or(Timestamp::NEVER)
    }

    /// Whether takings are counted from somewhere for every campaign that adapts.
    pub(super) fn has_begun(&self) -> bool {
        self.0.iter().flatten().all(|taking| taking.next.is_some())
    }

    /// The log has reached this watermark: the first is no taking.
    pub(super) fn begin(&mut self, rules: &Ruleset, watermark: Timestamp) {
        for (taking, campaign) in self.0.iter_mut().zip(&rules.campaigns) {
            if let (Some(taking), Some(adapt)) = (taking, campaign.adapt) {
                taking.next.get_or_insert_with(|| adapt.every.next_after(&rules.calendar, watermark));
            }
        }
    }

    /// Those that stand, by campaign; empty: as the rules write them.
    pub(super) fn totals(&self) -> Vec<Vec<u16>> {
        let weights = |taking: &Option<WeightTaking>| Some(taking.as_ref()?.weights.as_ref()?.0.to_vec());
        self.0.iter().map(|taking| weights(taking).unwrap_or_default()).collect()
    }

    /// Those that stand.
    pub(super) fn standing(&self) -> StandingWeights {
        StandingWeights::new(self.0.iter().map(|taking| taking.as_ref()?.weights.clone()).collect())
    }
}

impl Pipeline {
    /// Works out the weights whose instant has come by the end of a beat, in file order, and tells those that are others. Returns
    /// whether there were any.
    pub(super) fn take_weights(
        &mut self,
        plan: &ExecutionPlan,
        (end, position): (Timestamp, u64),
        out: &mut Vec<Output>,
    ) -> bool {
        if self.shared.as_ref().is_none_or(|shared| shared.weights.next() > end) {
            return false;
        }
        // What was answered right before may have made exposures mature.
        self.merge_aggregates(plan);
        let Some(shared) = &mut self.shared else { return false };
        let (rules, uplift) = (&plan.rules, &self.uplift);
        let mut is_changed = false;
        for ((id, campaign), taking) in (0..).map(CampaignId).zip(&rules.campaigns).zip(&mut shared.weights.0) {
            let (Some(taking), Some(adapt)) = (taking, campaign.adapt) else { continue };
            let Some(at) = taking.next.filter(|next| *next <= end) else { continue };
            taking.next = Some(adapt.every.next_after(&rules.calendar, at));
            let goal = &rules.goals[usize::from(adapt.goal.0)].id;
            let result = |variant: &str| uplift.result_of_variant(&campaign.id, goal, variant);
            let results: Vec<_> = campaign.variants.iter().map(|variant| result(&variant.id)).collect();
            let Some(shares) = adapted_shares(&results, adapt.floor) else { continue };
            let weights = VariantWeights::of_shares(&shares);
            let standing = taking.weights.as_ref().map(VariantWeights::as_shares);
            if standing.unwrap_or_else(|| VariantWeights::written(&campaign.variants)) == weights {
                continue;
            }
            let decided = OutputKind::Weights(Box::new(WeightsOutput { campaign: id, weights: weights.clone() }));
            out.push(Output { at, user: "".into(), position, decided });
            taking.weights = Some(weights);
            is_changed = true;
        }
        if is_changed {
            self.hand_out_weights();
        }
        true
    }

    /// All partitions use the weights that stand.
    pub(super) fn hand_out_weights(&mut self) {
        if let Some(shared) = &self.shared {
            let standing = Arc::new(shared.weights.standing());
            self.partitions.iter_mut().for_each(|partition| partition.use_weights(&standing));
        }
    }
}
