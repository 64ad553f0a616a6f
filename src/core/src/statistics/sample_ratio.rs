//! Whether groups have the shares that they should have: sample ratio mismatch.
//!
//! The sequential multinomial test of Lindon and Malek (NeurIPS 2022, arXiv 2011.03567): a Bayes factor of "other shares than these",
//! spread over all shares by a Dirichlet distribution around them, against these. By Ville's inequality it exceeds `1 / a` at any
//! time with a chance of at most `a` while the shares are right. So one may look at every user.

/// The chance that groups whose shares are right are ever reported.
pub const MISMATCH_ALPHA: f64 = 0.001;

/// How many observations the prior distribution weighs: it expects shares within some percent of those that are wanted.
const PRIOR_WEIGHT: f64 = 1_000.0;

/// One of the groups.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampleRatioCell {
    /// How many are in it.
    pub count: u64,
    /// Its weight among those of the others.
    pub weight: f64,
}

/// The natural logarithm of the evidence that the shares are wrong. Groups without weight, and those in them, are left out.
pub fn sample_ratio_evidence(cells: &[SampleRatioCell]) -> f64 {
    let weighty = || cells.iter().filter(|cell| cell.weight > 0.0);
    let total_weight: f64 = weighty().map(|cell| cell.weight).sum();
    let total: f64 = weighty().map(|cell| cell.count as f64).sum();
    let of_cell = |cell: &SampleRatioCell| {
        let (share, count) = (cell.weight / total_weight, cell.count as f64);
        let prior = PRIOR_WEIGHT * share;
        libm::lgamma(prior + count) - libm::lgamma(prior) - count * libm::log(share)
    };
    weighty().map(of_cell).sum::<f64>() - (libm::lgamma(PRIOR_WEIGHT + total) - libm::lgamma(PRIOR_WEIGHT))
}

/// Whether that is enough to say so.
pub fn is_mismatch(cells: &[SampleRatioCell]) -> bool {
    sample_ratio_evidence(cells) > -libm::log(MISMATCH_ALPHA)
}

#[cfg(test)]
mod tests {
    use xxhash_rust::xxh3::xxh3_64;

    use super::*;

    fn cells(counts: &[u64], weights: &[f64]) -> Vec<SampleRatioCell> {
        counts.iter().zip(weights).map(|(count, weight)| SampleRatioCell { count: *count, weight: *weight }).collect()
    }

    #[test]
    fn shares_that_are_right_are_no_mismatch_and_others_are() {
        assert!(!is_mismatch(&cells(&[0, 0], &[0.1, 0.9])));
        assert!(!is_mismatch(&cells(&[1_000, 9_000], &[0.1, 0.9])));
        assert!(!is_mismatch(&cells(&[1_060, 8_940], &[0.1, 0.9])), "two standard deviations");
        assert!(is_mismatch(&cells(&[1_300, 8_700], &[0.1, 0.9])), "ten standard deviations");
        assert!(is_mismatch(&cells(&[600, 600, 400], &[1.0, 1.0, 1.0])));
        assert!(!is_mismatch(&cells(&[7, 1_000, 1_000], &[0.0, 2.0, 2.0])), "nobody should be in the first");
    }

    /// The evidence is that of the definition: two groups, a prior of one observation each way, by hand.
    #[test]
    fn evidence_is_a_ratio_of_probabilities() {
        let (a, b) = (PRIOR_WEIGHT * 0.5, PRIOR_WEIGHT * 0.5);
        let marginal = (a / (a + b)) * ((a + 1.0) / (a + b + 1.0)) * (b / (a + b + 2.0));
        let expected = (marginal / 0.125_f64).ln();
        let found = sample_ratio_evidence(&cells(&[2, 1], &[1.0, 1.0]));
        assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
    }

    #[test]
    fn looking_after_every_user_seldom_reports_shares_that_are_right() {
        let draw = |campaign: u64, user: u64| {
            xxh3_64(&[campaign.to_le_bytes(), user.to_le_bytes()].concat()) as f64 / 18_446_744_073_709_551_616.0
        };
        let reported = (0..200).filter(|campaign| {
            let mut counts = [0, 0, 0];
            (0..2_000).any(|user| {
                let draw = draw(*campaign, user);
                counts[usize::from(draw >= 0.1) + usize::from(draw >= 0.4)] += 1;
                is_mismatch(&cells(&counts, &[0.1, 0.3, 0.6]))
            })
        });
        assert!(reported.count() <= 1, "at most one in a thousand");
    }
}
