//! The weights of variants that adapt, as CBOR: `[campaign, schedule, next taking, [[variant, weight] …]]`.

use super::dictionary::KeyDictionary;
use super::error::CodecError;
use super::wire::{CborReader, CborWriter};
use crate::campaigns::StoredWeights;
use crate::encoding::KeySpace;
use crate::rules::ruleset::CampaignId;

pub(super) fn write(stored: &StoredWeights, writer: &mut CborWriter) {
    writer.array(4);
    writer.u64(stored.campaign.0.into());
    writer.str(&stored.schedule);
    writer.optional_timestamp(stored.next);
    writer.array(stored.weights.len() as u64);
    for (variant, weight) in &stored.weights {
        writer.array(2);
        writer.str(variant);
        writer.u64((*weight).into());
    }
}

/// `None`: of a campaign that the current rules do not have.
pub(super) fn read(known: &KeyDictionary, reader: &mut CborReader<'_>) -> Result<Option<StoredWeights>, CodecError> {
    reader.array_of(4, "weights of variants")?;
    let campaign = known.kind(KeySpace::Campaigns).id(reader, "a campaign with weights")?.map(CampaignId);
    let schedule = reader.text("when weights are worked out")?.to_owned();
    let next = reader.optional_time("the next taking of weights")?;
    let mut weights = Vec::new();
    for _ in 0..reader.array("weights")? {
        reader.array_of(2, "a weight")?;
        let variant = reader.text("a variant")?.into();
        let weight = reader.u64("a weight")?;
        let weight = u16::try_from(weight).ok().filter(|weight| *weight <= 1_000);
        weights.push((variant, weight.ok_or_else(|| reader.wrong("a weight above one"))?));
    }
    Ok(campaign.map(|campaign| StoredWeights { campaign, schedule, next, weights }))
}
