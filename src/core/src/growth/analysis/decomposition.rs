//! The change of a number between two windows, decomposed into contributions that add up to it, to the millionth.
//!
//! **A product of factors** (GMV = buyers × orders per buyer × average order value) is decomposed by its Shapley value
//! (Shapley 1953): the contribution of a factor is what its change adds, averaged over all orders in which the factors can
//! change one after the other. For products this is the "complete decomposition" of Sun (1998, Energy Economics 20), and
//! the same as the refined Laspeyres method (Ang, Liu & Chew 2003, Energy Policy 31). It was preferred to LMDI-I (Ang
//! 2005, Energy Policy 33), from which it differs little, because it needs no logarithms: it holds for zeros and for
//! amounts below zero, and gives the same bits on every machine.
//!
//! **Zeros.** A factor that is 0/0 in one window (no orders, so no average value) counts as unchanged, so that all of the
//! change is attributed to the factors that are known to have changed. That is the limit of LMDI's treatment of zeros (Ang &
//! Liu 2007, Energy Policy 35).
//!
//! **Rounding.** Each contribution is rounded to the nearest millionth; the difference to the change is added to the one with
//! the largest absolute value, the first of several.

use serde::Serialize;

use crate::growth::money::Money;

/// A number of two windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct WindowPair {
    /// In the first.
    pub before: i128,
    /// In the second.
    pub after: i128,
}

/// The contribution of a factor or a group to a change.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Contribution {
    /// Its name.
    pub name: String,
    /// Its own value in the first window: of a factor as it is, of a group in units of the metric; null: it is undefined.
    pub before: Option<f64>,
    /// In the second.
    pub after: Option<f64>,
    /// Its contribution, in units of the metric; all contributions add up to the change.
    pub contribution: Money,
}

/// A change and its contributions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decomposition {
    /// The metric in the first window.
    pub before: Money,
    /// In the second.
    pub after: Money,
    /// `after` less `before`.
    pub change: Money,
    /// The contributions.
    pub parts: Vec<Contribution>,
}

impl WindowPair {
    /// The change.
    pub fn change(self) -> i128 {
        self.after - self.before
    }
}

/// A factor of a chain: one number over the one before it.
#[derive(Clone, Copy, Debug)]
pub struct ChainFactor {
    /// Its name.
    pub name: &'static str,
    /// The product of the chain up to here.
    pub up_to: WindowPair,
}

/// Decomposes the change of a chain of numbers, each a multiple of the one before it: buyers, orders and GMV give the factors
/// buyers, orders per buyer, GMV per order. The last is the metric; times `scale` it is in millionths, and 10⁶ / `scale` is its
/// unit.
pub fn factors(links: &[ChainFactor], scale: i128) -> Decomposition {
    let metric = links.last().map_or(WindowPair::default(), |link| link.up_to);
    let metric = WindowPair { before: metric.before * scale, after: metric.after * scale };
    let unit = 1e6 / scale as f64;
    let values: Vec<[Option<f64>; 2]> = (0..links.len())
        .map(|at| {
            let of = |pair: WindowPair| [pair.before as f64, pair.after as f64];
            let is_last = at + 1 == links.len();
            let (over, under) = (of(links[at].up_to), at.checked_sub(1).map(|under| of(links[under].up_to)));
            [0, 1].map(|side| {
                let over = if is_last { over[side] / unit } else { over[side] };
                match under {
                    None => Some(over),
                    Some(under) => (under[side] != 0.0).then(|| over / under[side]),
                }
            })
        })
        .collect();
    // A factor that is undefined in one window counts as unchanged.
    let known =
        values.iter().map(|[before, after]| [before.or(*after).unwrap_or(0.0), after.or(*before).unwrap_or(0.0)]);
    let shares = shapley(&known.collect::<Vec<_>>());
    let contributions = rounded(&shares.iter().map(|share| share * 1e6).collect::<Vec<_>>(), metric.change());
    let parts = links.iter().zip(values).zip(contributions).map(|((link, [before, after]), contribution)| {
        Contribution { name: link.name.to_owned(), before, after, contribution: Money(contribution) }
    });
    decomposition(metric, parts.collect())
}

/// Decomposes the change of a sum over groups: each contributes its own change.
pub fn groups(groups: impl IntoIterator<Item = (String, WindowPair)>, scale: i128) -> Decomposition {
    let mut sum = WindowPair::default();
    let parts: Vec<Contribution> = groups
        .into_iter()
        .map(|(name, pair)| {
            let of = WindowPair { before: pair.before * scale, after: pair.after * scale };
            sum = WindowPair { before: sum.before + of.before, after: sum.after + of.after };
            Contribution {
                name,
                before: Some(of.before as f64 / 1e6),
                after: Some(of.after as f64 / 1e6),
                contribution: Money(of.change()),
            }
        })
        .collect();
    decomposition(sum, parts)
}

fn decomposition(metric: WindowPair, parts: Vec<Contribution>) -> Decomposition {
    Decomposition { before: Money(metric.before), after: Money(metric.after), change: Money(metric.change()), parts }
}

/// The Shapley values of the change of a product of factors.
fn shapley(factors: &[[f64; 2]]) -> Vec<f64> {
    let count = factors.len();
    let share = |factor: usize| -> f64 {
        let step = factors[factor][1] - factors[factor][0];
        let others: Vec<usize> = (0..count).filter(|other| *other != factor).collect();
        // The others that changed before it, as bits.
        let sets = 0..1usize << others.len();
        let terms = sets.map(|changed| {
            let product: f64 =
                others.iter().enumerate().map(|(bit, other)| factors[*other][changed >> bit & 1]).product();
            let before = changed.count_ones() as usize;
            product * factorial(before) * factorial(others.len() - before) / factorial(count)
        });
        step * terms.sum::<f64>()
    };
    (0..count).map(share).collect()
}

fn factorial(n: usize) -> f64 {
    (1..=n).map(|factor| factor as f64).product()
}

/// Whole numbers near the shares that add up to the total.
fn rounded(shares: &[f64], total: i128) -> Vec<i128> {
    let mut parts: Vec<i128> = shares.iter().map(|share| share.round_ties_even() as i128).collect();
    let missing = total - parts.iter().sum::<i128>();
    let largest = parts.iter().map(|part| part.unsigned_abs()).max().unwrap_or(0);
    if let Some(part) = parts.iter_mut().find(|part| part.unsigned_abs() == largest) {
        *part += missing;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chain(buyers: [i128; 2], orders: [i128; 2], gmv: [i128; 2]) -> Decomposition {
        let pair = |[before, after]: [i128; 2]| WindowPair { before, after };
        factors(
            &[
                ChainFactor { name: "buyers", up_to: pair(buyers) },
                ChainFactor { name: "orders_per_buyer", up_to: pair(orders) },
                ChainFactor { name: "aov", up_to: pair(gmv) },
            ],
            1,
        )
    }

    fn contributions(split: &Decomposition) -> Vec<i128> {
        split.parts.iter().map(|part| part.contribution.0).collect()
    }

    #[test]
    fn single_changing_factor_contributes_all_of_it() {
        let twice_the_buyers = chain([10, 20], [20, 40], [1_000_000_000, 2_000_000_000]);
        assert_eq!(contributions(&twice_the_buyers), [1_000_000_000, 0, 0]);
        let dearer = chain([10, 10], [20, 20], [1_000_000_000, 1_500_000_000]);
        assert_eq!(contributions(&dearer), [0, 0, 500_000_000]);
    }

    /// By hand: 2 × 3 × 5 = 30 becomes 4 × 4 × 4 = 64, in whole units.
    #[test]
    fn contributions_are_those_computed_by_hand() {
        let split = chain([2, 4], [6, 16], [30_000_000, 64_000_000]);
        // Rounded, they are a millionth short, which is added to the largest:
        // 2 × ((15 + 16) / 3 + (12 + 20) / 6), 1 × ((10 + 16) / 3 + (8 + 20) / 6), −1 × ((6 + 16) / 3 + (8 + 12) / 6)
        assert_eq!(contributions(&split), [31_333_334, 13_333_333, -10_666_667]);
        assert_eq!(split.change, Money(34_000_000));
    }

    #[test]
    fn without_sales_before_the_buyers_contribute_all_of_it() {
        let first = chain([0, 3], [0, 4], [0, 100_000_000]);
        assert_eq!(contributions(&first), [100_000_000, 0, 0]);
        assert_eq!(first.parts[2].before, None);
        assert_eq!(contributions(&chain([3, 0], [4, 0], [100_000_000, 0])), [-100_000_000, 0, 0]);
        assert_eq!(contributions(&chain([0, 0], [0, 0], [0, 0])), [0, 0, 0]);
        // From free to paid: only the value changed.
        assert_eq!(contributions(&chain([3, 3], [4, 4], [0, 8_000_000])), [0, 0, 8_000_000]);
    }

    #[test]
    fn counts_are_in_millionths_too() {
        let orders = [
            ChainFactor { name: "buyers", up_to: WindowPair { before: 10, after: 20 } },
            ChainFactor { name: "orders_per_buyer", up_to: WindowPair { before: 20, after: 40 } },
        ];
        let split = factors(&orders, 1_000_000);
        assert_eq!((split.change, contributions(&split)), (Money(20_000_000), vec![20_000_000, 0]));
        assert_eq!(split.parts[1].after, Some(2.0));
    }

    proptest! {
        #[test]
        fn contributions_add_up_to_the_last_millionth(
            buyers in prop::array::uniform2(0i128..1_000_000), orders in prop::array::uniform2(0i128..10_000_000),
            gmv in prop::array::uniform2(-1_000_000_000_000_000i128..1_000_000_000_000_000_000),
        ) {
            let split = chain(buyers, orders, gmv);
            prop_assert_eq!(contributions(&split).iter().sum::<i128>(), gmv[1] - gmv[0]);
        }
    }
}
