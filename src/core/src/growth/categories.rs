//! What sold most, by category: the heaviest of any number of categories in bounded memory.
//!
//! Exact up to 192 categories a day. Beyond, the frequent-items algorithm: the median of the values is taken off each,
//! and who has nothing left is dropped, so a category's value may be told too low by the sum of what was taken off, and
//! never too high (Misra and Gries, *Finding repeated elements*, 1982; the median is that of Apache DataSketches). A table
//! of our own, since what it holds must be a function of the sales in their order alone, and its bytes too.

use std::collections::BTreeMap;

/// Most categories of a day.
pub(super) const CATEGORIES_MAX: usize = 192;

/// The categories of a day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Categories {
    /// Orders and value in millionths, by category.
    pub(super) sales: BTreeMap<Box<str>, (u64, u64)>,
    /// What may be missing from each.
    pub(super) error: u64,
}

impl Categories {
    /// Adds a sale.
    pub(super) fn add(&mut self, category: &str, value: u64) {
        if let Some((orders, sum)) = self.sales.get_mut(category) {
            *orders += 1;
            *sum = sum.saturating_add(value);
            return;
        }
        self.sales.insert(category.into(), (1, value));
        if self.sales.len() > CATEGORIES_MAX {
            self.purge();
        }
    }

    fn purge(&mut self) {
        let mut values: Vec<u64> = self.sales.values().map(|(_, value)| *value).collect();
        values.sort_unstable();
        let median = values[values.len() / 2];
        self.error = self.error.saturating_add(median);
        self.sales.retain(|_, (_, value)| {
            *value = value.saturating_sub(median);
            *value > 0
        });
    }

    /// The categories of several days together, heaviest first, and what may be missing from each.
    pub(super) fn united<'c>(days: impl Iterator<Item = &'c Categories>) -> (Vec<(&'c str, u64, u64)>, u64) {
        let (mut sums, mut error): (BTreeMap<&str, (u64, u64)>, u64) = (BTreeMap::new(), 0);
        for day in days {
            error = error.saturating_add(day.error);
            for (category, (orders, value)) in &day.sales {
                let sum = sums.entry(category).or_default();
                sum.0 += orders;
                sum.1 = sum.1.saturating_add(*value);
            }
        }
        let mut all: Vec<_> = sums.into_iter().map(|(category, (orders, value))| (category, orders, value)).collect();
        all.sort_by(|a, b| b.2.cmp(&a.2).then(a.0.cmp(b.0)));
        (all, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_categories_are_exact() {
        let mut categories = Categories::default();
        for n in 0..1_920u64 {
            categories.add(&format!("c{}", n % 192), n);
        }
        let (all, error) = Categories::united([&categories].into_iter());
        assert_eq!((all.len(), error), (192, 0));
        assert_eq!(all.iter().map(|(_, orders, _)| orders).sum::<u64>(), 1_920);
        assert_eq!(all.iter().map(|(_, _, value)| value).sum::<u64>(), (0..1_920u64).sum::<u64>());
    }

    #[test]
    fn of_many_the_heavy_ones_stay_within_the_error() {
        let mut categories = Categories::default();
        for n in 0..100_000u64 {
            categories.add(&format!("rare{n}"), 1);
            categories.add(&format!("heavy{}", n % 5), 10);
        }
        assert!(categories.sales.len() <= CATEGORIES_MAX);
        let (all, error) = Categories::united([&categories].into_iter());
        assert!(error > 0 && error < 1_100_000 * 2 / 192, "{error}");
        for (category, _, value) in &all[..5] {
            assert!(category.starts_with("heavy"), "{category}");
            assert!(*value <= 200_000 && *value + error >= 200_000, "{category}: {value}");
        }
    }
}
