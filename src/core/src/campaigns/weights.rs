//! Weights of variants that adapt (semantics §19): which stand, and how they are told apart.

use crate::rules::ruleset::{Campaign, CampaignId, Variant};

/// In how many parts a share is written.
const THOUSAND: u64 = 1_000;

/// The weights of a campaign's variants, in thousandths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariantWeights(pub Box<[u16]>);

/// The weights that stand, by campaign; of campaigns that are not in it, as the rules write them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StandingWeights(Vec<Option<VariantWeights>>);

impl StandingWeights {
    /// Those of these campaigns, in file order.
    pub fn new(weights: Vec<Option<VariantWeights>>) -> StandingWeights {
        StandingWeights(weights)
    }

    /// Those of a campaign, where they have adapted.
    pub fn of(&self, campaign: CampaignId) -> Option<&VariantWeights> {
        self.0.get(usize::from(campaign.0))?.as_ref()
    }
}

impl VariantWeights {
    /// Weights as the rules write them, as shares of their sum.
    pub fn written(variants: &[Variant]) -> VariantWeights {
        let total: f64 = variants.iter().map(|variant| variant.weight).sum();
        VariantWeights(variants.iter().map(|variant| thousandths(variant.weight / total)).collect())
    }

    /// Doubles from 0 to 1.
    pub fn of_shares(shares: &[f64]) -> VariantWeights {
        VariantWeights(shares.iter().map(|share| thousandths(*share)).collect())
    }

    /// As shares of their sum, to a thousandth, half to even.
    pub fn as_shares(&self) -> VariantWeights {
        let total: u64 = self.0.iter().map(|weight| u64::from(*weight)).sum();
        let share = |weight: &u16| half_to_even(u64::from(*weight) * THOUSAND, total.max(1));
        VariantWeights(self.0.iter().map(share).collect())
    }

    /// The same as the weights that rules write.
    pub fn weights(&self) -> impl ExactSizeIterator<Item = f64> + Clone {
        self.0.iter().map(|weight| f64::from(*weight) / THOUSAND as f64)
    }

    /// Each variant's id with its weight, as decimal text.
    pub fn texts<'c>(&'c self, campaign: &'c Campaign) -> impl Iterator<Item = (&'c str, String)> {
        let text = |weight: &u16| {
            let text = format!("{}.{:03}", weight / 1_000, weight % 1_000);
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        };
        campaign.variants.iter().zip(&self.0).map(move |(variant, weight)| (variant.id.as_str(), text(weight)))
    }
}

/// A share in thousandths: rounded to a billionth, then half to even. So what differs in the last digits of a double is the same.
fn thousandths(share: f64) -> u16 {
    const BILLION: f64 = 1e9;
    half_to_even((share * BILLION).round_ties_even().max(0.0) as u64, 1_000_000)
}

fn half_to_even(dividend: u64, divisor: u64) -> u16 {
    let (whole, twice_rest) = (dividend / divisor, dividend % divisor * 2);
    let is_up = twice_rest > divisor || twice_rest == divisor && whole % 2 == 1;
    u16::try_from(whole + u64::from(is_up)).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(shares: &[f64]) -> Vec<u16> {
        VariantWeights::of_shares(shares).0.into_vec()
    }

    #[test]
    fn a_share_is_a_thousandth_half_to_even_after_a_billionth() {
        assert_eq!(shares(&[0.0625, 0.9375]), [62, 938]);
        assert_eq!(shares(&[0.000_5, 0.001_5, 0.002_5]), [0, 2, 2]);
        // What is wrong in the last digits is not seen.
        assert_eq!(shares(&[0.000_499_999_999_99, 0.001_500_000_000_01, 0.999_999_999_999_9]), [0, 2, 1_000]);
        assert_eq!(shares(&[-1e-17, 1.0]), [0, 1_000]);
    }

    #[test]
    fn weights_that_do_not_sum_up_to_one_are_other_shares() {
        let of = |weights: &[u16]| VariantWeights(weights.into()).as_shares().0.into_vec();
        assert_eq!(of(&[584, 179, 238]), [583, 179, 238]);
        assert_eq!(of(&[333, 333, 333]), [333, 333, 333]);
        assert_eq!(of(&[500, 500]), [500, 500]);
        assert_eq!(of(&[0, 0]), [0, 0]);
    }
}
