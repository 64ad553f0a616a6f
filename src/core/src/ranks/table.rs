//! How many users have which number, and the rank of each number.

use super::{RankNumber, UserRank};
use crate::rules::ruleset::RankId;

/// How many users of a partition have which number, ascending: what a partition hands in at a taking.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RankCounts(Vec<(RankNumber, u32)>);

impl RankCounts {
    /// Counts numbers.
    pub fn new(mut numbers: Vec<RankNumber>) -> RankCounts {
        numbers.sort_unstable();
        let mut counts: Vec<(RankNumber, u32)> = Vec::new();
        for number in numbers {
            match counts.last_mut() {
                Some((last, count)) if *last == number => *count += 1,
                _ => counts.push((number, 1)),
            }
        }
        RankCounts(counts)
    }
}

/// The rank of each number, among all users that were taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RankTable {
    /// Ascending: each number with how many users have a smaller one.
    numbers: Vec<(RankNumber, u32)>,
    /// How many users were taken.
    ranked: u32,
}

impl RankTable {
    /// Puts the counts of all partitions together.
    pub fn new(partitions: impl IntoIterator<Item = RankCounts>) -> RankTable {
        let mut counts: Vec<(RankNumber, u32)> = partitions.into_iter().flat_map(|counts| counts.0).collect();
        // Runs that are sorted already are merged.
        counts.sort();
        let mut table = RankTable::default();
        for (number, count) in counts {
            if table.numbers.last().is_none_or(|(last, _)| *last != number) {
                table.numbers.push((number, table.ranked));
            }
            table.ranked = table.ranked.saturating_add(count);
        }
        table
    }

    /// The rank of a number; `None`: nobody has it.
    pub fn rank_of(&self, rank: RankId, number: RankNumber) -> Option<UserRank> {
        let at = self.numbers.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        let smaller = self.numbers[at].1;
        let next = self.numbers.get(at + 1).map_or(self.ranked, |(_, smaller)| *smaller);
        Some(UserRank { rank, larger: self.ranked - next, smaller, ranked: self.ranked })
    }

    /// How many users were taken.
    pub fn ranked(&self) -> u32 {
        self.ranked
    }
}
