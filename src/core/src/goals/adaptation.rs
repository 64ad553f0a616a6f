//! Weights that follow from what came of variants (semantics §19): each has the probability that it is the best.

use crate::statistics::{NormalMean, probabilities_of_best};

/// How many mature exposures each variant needs before weights adapt.
const EXPOSURES_MIN: u64 = 100;

/// What came of a variant: users with a mature exposure to the goal who were sent it, and those of them who reached it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VariantResult {
    /// Users.
    pub users: u64,
    /// Those who reached the goal.
    pub reached: u64,
}

/// The share of each variant, none below `floor`; `None`: too little is known, and the weights stand.
pub fn adapted_shares(results: &[VariantResult], floor: f64) -> Option<Vec<f64>> {
    if results.iter().any(|result| result.users < EXPOSURES_MIN) {
        return None;
    }
    let known = |result: &VariantResult| {
        let (users, reached) = (result.users as f64, result.reached as f64);
        let mean = (reached + 1.0) / (users + 2.0);
        NormalMean { mean, deviation: libm::sqrt(mean * (1.0 - mean) / (users + 3.0)) }
    };
    let means: Vec<NormalMean> = results.iter().map(known).collect();
    let rest = 1.0 - results.len() as f64 * floor;
    Some(probabilities_of_best(&means).into_iter().map(|probability| floor + rest * probability).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(reached: u64, users: u64) -> VariantResult {
        VariantResult { users, reached }
    }

    #[test]
    fn before_each_variant_has_a_hundred_users_the_weights_stand() {
        assert_eq!(adapted_shares(&[result(50, 10_000), result(0, 99)], 0.0), None);
        assert!(adapted_shares(&[result(50, 10_000), result(0, 100)], 0.0).is_some());
    }

    #[test]
    fn nobody_is_below_the_floor_and_the_best_gets_the_rest() {
        let shares = adapted_shares(&[result(90, 100), result(5, 100), result(6, 100)], 0.05).expect("enough users");
        assert!(shares.iter().all(|share| *share >= 0.05 - 1e-12), "{shares:?}");
        assert!((shares[0] - 0.9).abs() < 1e-9, "{shares:?}");
        // With a floor that leaves nothing all are equal, whatever came of them.
        let equal = adapted_shares(&[result(90, 100), result(5, 100)], 0.5).expect("enough users");
        assert_eq!(equal, [0.5, 0.5]);
    }
}
