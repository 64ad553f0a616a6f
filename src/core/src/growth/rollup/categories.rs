//! Sales by category: the heaviest of any number of categories, in bounded memory.
//!
//! Exact up to 192 categories a day. Beyond that, the frequent-items algorithm: the median value is subtracted from all
//! categories, and those with nothing left are dropped, so that a value may be too low by the sum of what was subtracted, and
//! is never too high (Misra and Gries, *Finding repeated elements*, 1982; the median is that of Apache DataSketches). A table
//! of our own, since its content and its bytes must be a function of the sales in log order alone.

use std::collections::BTreeMap;

/// Most categories of a day.
pub(super) const CATEGORIES_MAX: usize = 192;

/// The categories of a day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DayCategories {
    /// Orders and value in millionths, by category.
    pub(super) sales: BTreeMap<Box<str>, (u64, u64)>,
    /// By how much a value may be too low.
    pub(super) error: u64,
}

/// The sales of a category.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CategoryTotal<'c> {
    pub(crate) category: &'c str,
    pub(crate) orders: u64,
    /// In millionths.
    pub(crate) value: u64,
}

impl DayCategories {
    /// Adds a sale, of a value in millionths.
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

    /// The categories of several days together, heaviest first, and by how much each value may be too low.
    pub(crate) fn total<'c>(days: impl Iterator<Item = &'c DayCategories>) -> (Vec<CategoryTotal<'c>>, u64) {
        let (mut sums, mut error): (BTreeMap<&str, (u64, u64)>, u64) = (BTreeMap::new(), 0);
        for day in days {
            error = error.saturating_add(day.error);
            for (category, (orders, value)) in &day.sales {
                let sum = sums.entry(category).or_default();
                sum.0 += orders;
                sum.1 = sum.1.saturating_add(*value);
            }
        }
        let totals = sums.into_iter().map(|(category, (orders, value))| CategoryTotal { category, orders, value });
        let mut totals: Vec<_> = totals.collect();
        totals.sort_by(|a, b| b.value.cmp(&a.value).then(a.category.cmp(b.category)));
        (totals, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_categories_are_exact() {
        let mut categories = DayCategories::default();
        for n in 0..1_920u64 {
            categories.add(&format!("c{}", n % 192), n);
        }
        let (all, error) = DayCategories::total([&categories].into_iter());
        assert_eq!((all.len(), error), (192, 0));
        assert_eq!(all.iter().map(|total| total.orders).sum::<u64>(), 1_920);
        assert_eq!(all.iter().map(|total| total.value).sum::<u64>(), (0..1_920u64).sum::<u64>());
    }

    #[test]
    fn heavy_categories_stay_within_the_error() {
        let mut categories = DayCategories::default();
        for n in 0..100_000u64 {
            categories.add(&format!("rare{n}"), 1);
            categories.add(&format!("heavy{}", n % 5), 10);
        }
        assert!(categories.sales.len() <= CATEGORIES_MAX);
        let (all, error) = DayCategories::total([&categories].into_iter());
        assert!(error > 0 && error < 1_100_000 * 2 / 192, "{error}");
        for CategoryTotal { category, value, .. } in &all[..5] {
            assert!(category.starts_with("heavy"), "{category}");
            assert!(*value <= 200_000 && *value + error >= 200_000, "{category}: {value}");
        }
    }
}
