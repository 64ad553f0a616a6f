//! Ranks (semantics §19): users ordered by a number, as an hour, a day, a week or a month begins. Pure.
//!
//! At a taking each partition hands in how many of its users have which number ([`RankCounts`]). From all of these lists together
//! follows the rank of each number ([`RankTable`]), whatever the partitions are; and that is kept with each user
//! ([`UserRanks`]) until the next taking, so that it is stored, merged and forgotten with it.
//!
//! Numbers are compared as they are, whole millionths; only what models give is a double, ordered as doubles are.

mod number;
mod stored;
mod table;
#[cfg(test)]
mod tests;
mod user_ranks;

pub use number::RankNumber;
pub use stored::StoredRankTaking;
pub use table::{RankCounts, RankTable};
pub use user_ranks::{UserRank, UserRanks};
