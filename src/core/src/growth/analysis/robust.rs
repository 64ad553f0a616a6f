//! Robust statistics: trimmed means, quantiles and tail quantiles.

/// The mean without this number of the highest and of the lowest values; of fewer values the median; `None` without values.
pub(super) fn trimmed_mean(mut values: Vec<f64>, trimmed: usize) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let trimmed = trimmed.min(values.len().saturating_sub(1) / 2);
    let kept = &values[trimmed..values.len() - trimmed];
    (!kept.is_empty()).then(|| kept.iter().sum::<f64>() / kept.len() as f64)
}

/// The quantile of ascending values, by linear interpolation; there must be at least one.
pub(super) fn quantile(ascending: &[f64], share: f64) -> f64 {
    let place = share * (ascending.len() - 1) as f64;
    let (below, part) = (place as usize, place.fract());
    let above = ascending.get(below + 1).unwrap_or(&ascending[below]);
    ascending[below] * (1.0 - part) + above * part
}

/// The quantile of descending values that is exceeded with a probability of `odds`, which may be below one over their number:
/// extrapolated from the largest `share` of them, for light and heavy tails.
///
/// The moment estimator (Dekkers, Einmahl & de Haan 1989, "A moment estimator for the index of an extreme-value
/// distribution", Annals of Statistics 17). If the values of that share are not all above zero, it is the largest value.
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
    fn outlier_does_not_change_the_trimmed_mean() {
        assert_eq!(trimmed_mean(vec![3.0, 1.0, 1e9, 2.0], 1), Some(2.5));
        assert_eq!(trimmed_mean(vec![3.0, 1.0, 2.0], 5), Some(2.0));
        assert_eq!(trimmed_mean(vec![3.0, 1.0], 1), Some(2.0));
        assert_eq!(trimmed_mean(Vec::new(), 1), None);
        assert_eq!([0.0, 0.25, 0.5, 1.0].map(|share| quantile(&[1.0, 2.0, 4.0], share)), [1.0, 1.5, 2.0, 4.0]);
    }

    #[test]
    fn tail_quantile_extrapolates_beyond_the_values() {
        // 1,000 exact quantiles of a distribution, and the value that is exceeded once in 20,000.
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
