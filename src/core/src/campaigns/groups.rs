//! Control group, holdouts and variants: drawn by hash, so that nothing has to be stored and every run agrees.

use xxhash_rust::xxh3::xxh3_64;

/// A key's share between 0 and 1: `xxh3_64(key) / 2^64`.
pub fn share(key: &str) -> f64 {
    xxh3_64(key.as_bytes()) as f64 / 18_446_744_073_709_551_616.0
}

/// Whether the user is in the global control group of that share.
pub fn in_control(user: &str, control: f64) -> bool {
    control > 0.0 && share(&format!("control:{user}")) < control
}

/// Whether the user is held out of the campaign.
pub fn in_holdout(campaign: &str, user: &str, holdout: f64) -> bool {
    holdout > 0.0 && share(&format!("holdout:{campaign}:{user}")) < holdout
}

/// The user's variant: the first whose cumulative share of the weights exceeds the user's draw.
pub fn variant(campaign: &str, user: &str, weights: impl ExactSizeIterator<Item = f64> + Clone) -> Option<usize> {
    let (count, total): (usize, f64) = (weights.len(), weights.clone().sum());
    let draw = share(&format!("variant:{campaign}:{user}"));
    let mut cumulative = 0.0;
    let found = weights.into_iter().position(|weight| {
        cumulative += weight;
        cumulative / total > draw
    });
    // A draw that rounds to 1 exceeds no share; it belongs to the last.
    found.or(count.checked_sub(1))
}
