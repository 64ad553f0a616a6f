//! Middles, edges and tails of many values, of which a few may be wild.

/// The mean without so many of the highest and of the lowest; of fewer, the median; `None` of nothing.
pub(super) fn trimmed_mean(mut values: Vec<f64>, trimmed: usize) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let trimmed = trimmed.min(values.len().saturating_sub(1) / 2);
    let kept = &values[trimmed..values.len() - trimmed];
    (!kept.is_empty()).then(|| kept.iter().sum::<f64>() / kept.len() as f64)
}

/// What a share of the values is below, by the line between the two nearest; they are ascending, and not none.
pub(super) fn quantile(ascending: &[f64], share: f64) -> f64 {
    let place = share * (ascending.len() - 1) as f64;
    let (below, part) = (place as usize, place.fract());
    let above = ascending.get(below + 1).unwrap_or(&ascending[below]);
    ascending[below] * (1.0 - part) + above * part
}

/// What one value exceeds with those odds, which may be less than one in so many as there are: by the largest `share` of the
/// values, whether their tail is light or heavy. They are descending.
///
/// The moment estimator (Dekkers, Einmahl & de Haan 1989, "A moment estimator for the index of an extreme-value
/// distribution", Annals of Statistics 17). Where the values of that share are not all above zero, it is the largest.
pub(super) fn tail_quantile(descending: &[f64], share: f64, odds: f64) -> f64 {
    let most = descending.first().copied().unwrap_or(0.0);
    let count = (descending.len() as f64 * share) as usize;
    let threshold = descending.get(count).copied().unwrap_or(0.0);
    if count == 0 || threshold <= 0.0 {
        return most;
    }
    let logs = || descending[..count].iter().map(|value| (value / threshold).ln());
    let (first, second) = (logs().sum::<f64>() / count as f64, logs().map(|log| log * log).sum::<f64>() / count as f64);
    if second <= 0.0 {
        return most;
    }
    let index = first + 1.0 - 0.5 / (1.0 - first * first / second).max(1e-9);
    let scale = threshold * first * (1.0 - index.min(0.0));
    let ratio = share / odds;
    let growth = if index.abs() < 1e-6 { ratio.ln() } else { (ratio.powf(index) - 1.0) / index };
    threshold + scale * growth
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wild_value_does_not_move_the_middle() {
        assert_eq!(trimmed_mean(vec![3.0, 1.0, 1e9, 2.0], 1), Some(2.5));
        assert_eq!(trimmed_mean(vec![3.0, 1.0, 2.0], 5), Some(2.0));
        assert_eq!(trimmed_mean(vec![3.0, 1.0], 1), Some(2.0));
        assert_eq!(trimmed_mean(Vec::new(), 1), None);
        assert_eq!([0.0, 0.25, 0.5, 1.0].map(|share| quantile(&[1.0, 2.0, 4.0], share)), [1.0, 1.5, 2.0, 4.0]);
    }

    #[test]
    fn tails_are_told_beyond_what_was_seen() {
        // The quantiles of 1,000 values as they should be, and the value that one in 20,000 exceeds.
        let of = |inverse: &dyn Fn(f64) -> f64| {
            let values: Vec<f64> = (0..1_000).map(|at| inverse((f64::from(at) + 0.5) / 1_000.0)).collect();
            (tail_quantile(&values, 0.05, 0.000_05), inverse(0.000_05))
        };
        for (name, (found, exact)) in [
            ("uniform", of(&|odds| 1.0 - odds)),
            ("exponential", of(&|odds| -odds.ln())),
            ("Pareto, no variance", of(&|odds| odds.powf(-1.0 / 1.5))),
            ("Pareto, no fourth moment", of(&|odds| odds.powf(-1.0 / 3.0))),
        ] {
            assert!((found / exact - 1.0).abs() < 0.25, "{name}: {found}, not {exact}");
        }
        assert_eq!(tail_quantile(&[], 0.05, 0.01), 0.0);
        assert_eq!(tail_quantile(&[-1.0; 100], 0.05, 0.01), -1.0);
        assert_eq!(tail_quantile(&[2.0; 100], 0.05, 0.01), 2.0);
    }
}
