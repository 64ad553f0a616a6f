//! How large segments were hour by hour, as CBOR: `[segment, [[at, size, entered, left]…]]`.
//!
//! They are for charts: nothing that is decided depends on them.

use serde::{Deserialize, Serialize};

use super::error::CodecError;
use super::wire::{CborReader, CborWriter};

/// A segment in one hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentHour {
    /// When the hour begins, in milliseconds since 1970.
    pub at_ms: i64,
    /// How many users, or keys, were in it at its end, or are now.
    pub size: u64,
    /// How many entered in it.
    pub entered: u64,
    /// How many left in it, other than by being merged, dropped or forgotten.
    pub left: u64,
}

/// Hours of one segment, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentHours {
    /// The segment's id.
    pub segment: String,
    /// The hours.
    pub hours: Vec<SegmentHour>,
}

pub(super) fn write(of_segment: &SegmentHours, writer: &mut CborWriter) {
    writer.array(2);
    writer.str(&of_segment.segment);
    writer.array(of_segment.hours.len() as u64);
    for SegmentHour { at_ms, size, entered, left } in &of_segment.hours {
        writer.array(4);
        writer.i64(*at_ms);
        for count in [*size, *entered, *left] {
            writer.u64(count);
        }
    }
}

pub(super) fn read(reader: &mut CborReader<'_>) -> Result<SegmentHours, CodecError> {
    reader.array_of(2, "the hours of a segment")?;
    let segment = reader.text("a segment")?.to_owned();
    let mut hours: Vec<SegmentHour> = Vec::new();
    for _ in 0..reader.array("its hours")? {
        reader.array_of(4, "an hour of a segment")?;
        let at_ms = reader.time("an hour")?.0;
        if hours.last().is_some_and(|last| last.at_ms >= at_ms) {
            return Err(reader.wrong("hours out of order"));
        }
        let (size, entered) = (reader.count("the size of a segment")?, reader.count("who entered a segment")?);
        hours.push(SegmentHour { at_ms, size, entered, left: reader.count("who left a segment")? });
    }
    Ok(SegmentHours { segment, hours })
}
