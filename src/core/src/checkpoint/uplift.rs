//! What was counted of goals, as CBOR: `[settled, [[hour, tallies]…], [[campaign, goal, variant, measure, since, is positive]…]]`,
//! tallies being `[[campaign, goal, group, variant, [users, reached, messages, sum, sum of squares]]…]`. Sums are texts: they may
//! have more digits than any number of CBOR that is read everywhere.

use std::sync::Arc;

use super::error::CodecError;
use super::wire::{CborReader, CborWriter};
use crate::goals::{
    ComparisonKey, ExposureGroup, GoalTally, Measure, TalliesByKey, UpliftConclusion, UpliftCounts, UpliftKey,
};

pub(super) fn write(counts: &UpliftCounts, writer: &mut CborWriter) {
    writer.array(3);
    write_tallies(&counts.settled, writer);
    writer.array(counts.pending.len() as u64);
    for (hour, tallies) in &counts.pending {
        writer.array(2);
        writer.timestamp(*hour);
        write_tallies(tallies, writer);
    }
    writer.array(counts.conclusions.len() as u64);
    for (key, conclusion) in &counts.conclusions {
        writer.array(6);
        writer.str(&key.campaign);
        writer.str(&key.goal);
        writer.optional_str(key.variant.as_deref());
        writer.str(key.measure.name());
        writer.timestamp(conclusion.since);
        writer.bool(conclusion.is_positive);
    }
}

fn write_tallies(tallies: &TalliesByKey, writer: &mut CborWriter) {
    writer.array(tallies.len() as u64);
    for (key, tally) in tallies {
        writer.array(5);
        writer.str(&key.campaign);
        writer.str(&key.goal);
        writer.str(key.group.name());
        writer.optional_str(key.variant.as_deref());
        writer.array(5);
        for count in [tally.users, tally.reached, tally.messages] {
            writer.u64(count);
        }
        writer.str(&tally.sum.to_string());
        writer.str(&tally.sum_squares.to_string());
    }
}

pub(super) fn read(reader: &mut CborReader<'_>) -> Result<UpliftCounts, CodecError> {
    reader.array_of(3, "the counts of goals")?;
    let mut counts = UpliftCounts { settled: read_tallies(reader)?, ..UpliftCounts::default() };
    for _ in 0..reader.array("the hours of the counts of goals")? {
        reader.array_of(2, "an hour of the counts of goals")?;
        let hour = reader.time("an hour")?;
        counts.pending.insert(hour, read_tallies(reader)?);
    }
    for _ in 0..reader.array("what is concluded of goals")? {
        reader.array_of(6, "a conclusion")?;
        let (campaign, goal) = (id(reader, "a campaign")?, id(reader, "a goal")?);
        let variant = read_variant(reader)?;
        let measure = Measure::named(reader.text("a measure")?);
        let measure = measure.ok_or_else(|| reader.wrong("a measure that is not known"))?;
        let since = reader.time("since when something is concluded")?;
        let is_positive = reader.bool("the sign of a conclusion")?;
        let key = ComparisonKey { campaign, goal, variant, measure };
        counts.conclusions.insert(key, UpliftConclusion { since, is_positive });
    }
    Ok(counts)
}

fn read_tallies(reader: &mut CborReader<'_>) -> Result<TalliesByKey, CodecError> {
    let mut tallies = TalliesByKey::new();
    for _ in 0..reader.array("the tallies of goals")? {
        reader.array_of(5, "the tally of a goal")?;
        let (campaign, goal) = (id(reader, "a campaign")?, id(reader, "a goal")?);
        let group = ExposureGroup::named(reader.text("a group")?);
        let group = group.ok_or_else(|| reader.wrong("a group that is not known"))?;
        let variant = read_variant(reader)?;
        reader.array_of(5, "what was counted of a goal")?;
        let users = reader.count("users")?;
        let reached = reader.count("users who reached a goal")?;
        let messages = reader.count("messages")?;
        let sum = reader.text("a sum")?.parse().map_err(|_| reader.wrong("a sum that is no number"))?;
        let sum_squares =
            reader.text("a sum of squares")?.parse().map_err(|_| reader.wrong("a sum that is no number"))?;
        let key = UpliftKey { campaign, goal, group, variant };
        tallies.insert(key, GoalTally { users, reached, messages, sum, sum_squares });
    }
    Ok(tallies)
}

/// An id of the rules: it becomes part of subjects and metrics.
fn id(reader: &mut CborReader<'_>, what: &'static str) -> Result<Arc<str>, CodecError> {
    reader.text(what).map(Arc::from)
}

fn read_variant(reader: &mut CborReader<'_>) -> Result<Option<Arc<str>>, CodecError> {
    Ok(reader.optional_text("a variant")?.map(Arc::from))
}
