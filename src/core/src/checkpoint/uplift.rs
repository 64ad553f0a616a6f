//! What was counted of goals, as CBOR: `[[campaign, goal, group, variant, [users, reached, messages, sum, sum of squares]]…]`.
//! The sums are texts: they may have more digits than any number of CBOR that is read everywhere.

use std::sync::Arc;

use super::error::CodecError;
use super::wire::{CborReader, CborWriter};
use crate::goals::{ExposureGroup, GoalTally, UpliftCounts, UpliftKey};

pub(super) fn write(counts: &UpliftCounts, writer: &mut CborWriter) {
    writer.array(counts.iter().len() as u64);
    for (key, tally) in counts.iter() {
        writer.array(5);
        writer.str(&key.campaign);
        writer.str(&key.goal);
        writer.str(key.group.name());
        match &key.variant {
            Some(variant) => writer.str(variant),
            None => writer.null(),
        }
        writer.array(5);
        for count in [tally.users, tally.reached, tally.messages] {
            writer.u64(count);
        }
        writer.str(&tally.sum.to_string());
        writer.str(&tally.sum_squares.to_string());
    }
}

pub(super) fn read(reader: &mut CborReader<'_>) -> Result<UpliftCounts, CodecError> {
    let mut counts = UpliftCounts::default();
    for _ in 0..reader.array("the counts of goals")? {
        reader.array_of(5, "the count of a goal")?;
        let campaign: Arc<str> = reader.text("a campaign")?.into();
        let goal: Arc<str> = reader.text("a goal")?.into();
        let group = ExposureGroup::named(reader.text("a group")?);
        let group = group.ok_or_else(|| reader.wrong("a group that is not known"))?;
        let variant = if reader.is_null("a variant")? { None } else { Some(Arc::from(reader.text("a variant")?)) };
        reader.array_of(5, "what was counted of a goal")?;
        let users = reader.count("users")?;
        let reached = reader.count("users who reached a goal")?;
        let messages = reader.count("messages")?;
        let sum = reader.text("a sum")?.parse().map_err(|_| reader.wrong("a sum that is no number"))?;
        let sum_squares =
            reader.text("a sum of squares")?.parse().map_err(|_| reader.wrong("a sum that is no number"))?;
        let key = UpliftKey { campaign, goal, group, variant };
        counts.add(key, &GoalTally { users, reached, messages, sum, sum_squares });
    }
    Ok(counts)
}
