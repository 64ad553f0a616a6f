//! Middles and spreads that a few wild values do not move.
//!
//! The spread is the median absolute deviation, times 1.4826, which makes it the standard deviation of a normal
//! distribution (Rousseeuw & Croux 1993, "Alternatives to the Median Absolute Deviation", JASA 88).

/// Of a normal distribution, the standard deviation over the median absolute deviation.
const SIGMA_PER_MAD: f64 = 1.4826;

/// The median; the mean of the two middle ones where they are even in number; `None` of nothing.
pub(super) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(values[middle]),
        _ => Some((values[middle - 1] + values[middle]) / 2.0),
    }
}

/// The spread of values that should be 0, as a standard deviation; `None` of nothing.
pub(super) fn spread(residuals: impl IntoIterator<Item = f64>) -> Option<f64> {
    median(residuals.into_iter().map(f64::abs)).map(|mad| mad * SIGMA_PER_MAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wild_value_moves_neither_the_middle_nor_the_spread() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median([]), None);
        assert_eq!(spread([1.0, -1.0, 1.0, -1.0, 1e9]), Some(1.4826));
    }
}
