//! What came of a user at the latest takings.

use thin_vec::ThinVec;

use crate::decimal::Decimal;
use crate::encoding::{KeySpace, StateReader, StateWriter};
use crate::rules::ruleset::{RankFigure, RankId};
use crate::value::{Arithmetic, Value, arithmetic};

/// What came of a user, by rank, ascending; ranks for which it was not taken are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserRanks(ThinVec<UserRank>);

/// What came of a user at the latest taking of a rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserRank {
    /// The rank.
    pub rank: RankId,
    /// How many had a larger number.
    pub larger: u32,
    /// How many had a smaller number.
    pub smaller: u32,
    /// How many were taken.
    pub ranked: u32,
}

impl UserRank {
    /// A figure of it.
    fn figure(&self, figure: RankFigure) -> Value<'static> {
        let number = |count: u32| Value::Number(Decimal::from(u64::from(count)));
        match figure {
            RankFigure::Rank => Value::Number(Decimal::from(u64::from(self.larger) + 1)),
            RankFigure::Quantile => arithmetic(Arithmetic::Divide, &number(self.smaller), &number(self.ranked)),
            RankFigure::Ranked => number(self.ranked),
        }
    }
}

impl UserRanks {
    /// A figure of a rank; missing if the user was not taken.
    pub(crate) fn figure(&self, rank: RankId, figure: RankFigure) -> Value<'static> {
        self.of(rank).map_or(Value::Missing, |found| found.figure(figure))
    }

    /// What came of the user in a rank; `None`: it was not taken.
    pub fn of(&self, rank: RankId) -> Option<&UserRank> {
        let at = self.0.binary_search_by_key(&rank, |found| found.rank).ok()?;
        self.0.get(at)
    }

    /// What came of the user, by rank.
    pub fn all(&self) -> &[UserRank] {
        &self.0
    }

    /// What came of the user at a taking of a rank; `None`: it was not taken.
    pub(crate) fn set(&mut self, rank: RankId, found: Option<UserRank>) {
        match (self.0.binary_search_by_key(&rank, |known| known.rank), found) {
            (Ok(at), Some(found)) => self.0[at] = found,
            (Ok(at), None) => drop(self.0.remove(at)),
            (Err(at), Some(found)) => self.0.insert(at, found),
            (Err(_), None) => {}
        }
    }

    /// Merges a visitor's: what the user has stays.
    pub(crate) fn merge(&mut self, visitor: UserRanks) {
        for theirs in visitor.0 {
            if self.of(theirs.rank).is_none() {
                self.set(theirs.rank, Some(theirs));
            }
        }
    }

    /// Whether the user was taken for none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes it takes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<UserRank>()
    }

    /// Writes it, in any format.
    pub(crate) fn write<W: StateWriter>(&self, writer: &mut W) {
        let ranks = self.0.iter().map(|found| (found.rank.0, found));
        writer.map("ranks", KeySpace::Ranks, ranks, |writer, found| {
            writer.record("", 3, |writer| {
                writer.count("larger", found.larger.into());
                writer.count("smaller", found.smaller.into());
                writer.count("ranked", found.ranked.into());
            });
        });
    }

    /// Reads what is of ranks that the current rules have.
    pub(crate) fn read<R: StateReader>(reader: &mut R) -> Result<UserRanks, R::Error> {
        let ranks = reader.map(KeySpace::Ranks, "a user's ranks", |reader, id| {
            reader.record(3, "what came of a user in a rank")?;
            let mut counts = [0; 3];
            for count in &mut counts {
                *count = reader.count("how many users a rank counts")?;
            }
            let [larger, smaller, ranked] = counts;
            let is_sound = ranked <= u64::from(u32::MAX) && larger.saturating_add(smaller) < ranked;
            reader.verify(|| is_sound, "a rank that could not have been written")?;
            let [larger, smaller, ranked] = counts.map(|count| u32::try_from(count).unwrap_or(u32::MAX));
            Ok(UserRank { rank: RankId(id), larger, smaller, ranked })
        })?;
        Ok(UserRanks(ranks.into()))
    }
}
