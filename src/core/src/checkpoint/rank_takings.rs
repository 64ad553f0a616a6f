//! When ranks are taken next, as CBOR: `[rank, next taking, how many were taken]`. What came of users is theirs.

use super::dictionary::KeyDictionary;
use super::error::CodecError;
use super::wire::{CborReader, CborWriter};
use crate::encoding::KeySpace;
use crate::ranks::StoredRankTaking;
use crate::rules::ruleset::RankId;

pub(super) fn write(taking: &StoredRankTaking, writer: &mut CborWriter) {
    writer.array(3);
    writer.u64(taking.rank.0.into());
    writer.optional_timestamp(taking.next);
    writer.u64(taking.ranked.into());
}

/// `None`: of a rank that the current rules do not have.
pub(super) fn read(known: &KeyDictionary, reader: &mut CborReader<'_>) -> Result<Option<StoredRankTaking>, CodecError> {
    reader.array_of(3, "the next taking of a rank")?;
    let rank = known.kind(KeySpace::Ranks).id(reader, "a rank")?.map(RankId);
    let next = reader.optional_time("the next taking of a rank")?;
    let ranked = reader.u32("how many users were taken")?;
    Ok(rank.map(|rank| StoredRankTaking { rank, next, ranked }))
}
