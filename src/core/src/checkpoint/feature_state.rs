//! A feature's memory as CBOR. What form it has follows from the feature's kind, which is part of its key.

use super::error::CodecError;
use super::wire::{CborReader, CborWriter};
use crate::engine::feature_state::{FeatureState, LastValue};
use crate::engine::window::{
    Aggregate, DISTINCT_VALUES_MAX, DecimalSum, DistinctPanes, EventCount, Maximum, Minimum, Panes,
};
use crate::rules::program::{FeatureKind, Window};

/// What a pane holds, as one number.
trait PaneCodec: Aggregate {
    fn write(self, writer: &mut CborWriter);
    fn read(reader: &mut CborReader<'_>) -> Result<Self, CodecError>
    where
        Self: Sized;
}

impl PaneCodec for EventCount {
    fn write(self, writer: &mut CborWriter) {
        writer.u64(self.0);
    }

    fn read(reader: &mut CborReader<'_>) -> Result<Self, CodecError> {
        reader.tally("a pane's count").map(EventCount)
    }
}

impl PaneCodec for DecimalSum {
    fn write(self, writer: &mut CborWriter) {
        writer.i128(self.0);
    }

    fn read(reader: &mut CborReader<'_>) -> Result<Self, CodecError> {
        reader.i128("a pane's sum").map(DecimalSum)
    }
}

impl PaneCodec for Minimum {
    fn write(self, writer: &mut CborWriter) {
        writer.i128(self.0.millionths());
    }

    fn read(reader: &mut CborReader<'_>) -> Result<Self, CodecError> {
        reader.decimal("a pane's least").map(Minimum)
    }
}

impl PaneCodec for Maximum {
    fn write(self, writer: &mut CborWriter) {
        writer.i128(self.0.millionths());
    }

    fn read(reader: &mut CborReader<'_>) -> Result<Self, CodecError> {
        reader.decimal("a pane's greatest").map(Maximum)
    }
}

pub(super) fn write(cell: &FeatureState, writer: &mut CborWriter) {
    match cell {
        FeatureState::Counts(panes) => write_panes(panes, writer),
        FeatureState::Sums(panes) => write_panes(panes, writer),
        FeatureState::Minimum(panes) => write_panes(panes, writer),
        FeatureState::Maximum(panes) => write_panes(panes, writer),
        FeatureState::Distinct(values) => {
            writer.array(values.entries().len() * 2);
            for (hash, pane) in values.entries() {
                writer.u64(hash);
                writer.i64(pane);
            }
        }
        FeatureState::Count(count) => writer.u64(*count),
        FeatureState::Sum(sum) => writer.i128(sum.0),
        FeatureState::Last(last) => {
            writer.array(3);
            writer.time(last.at);
            writer.u64(last.position);
            writer.scalar(&last.value);
        }
        FeatureState::Latest(at) => writer.time(*at),
    }
}

pub(super) fn read(kind: &FeatureKind, reader: &mut CborReader<'_>) -> Result<FeatureState, CodecError> {
    Ok(match kind {
        FeatureKind::WindowCount(window) | FeatureKind::WindowNumericCount(_, window) => {
            FeatureState::Counts(read_panes(window, reader)?)
        }
        FeatureKind::WindowSum(_, window) => FeatureState::Sums(read_panes(window, reader)?),
        FeatureKind::WindowMin(_, window) => FeatureState::Minimum(read_panes(window, reader)?),
        FeatureKind::WindowMax(_, window) => FeatureState::Maximum(read_panes(window, reader)?),
        FeatureKind::WindowDistinct(_, window) => FeatureState::Distinct(read_distinct(window, reader)?),
        FeatureKind::TotalCount => FeatureState::Count(reader.tally("a total count")?),
        FeatureKind::TotalSum(_) => FeatureState::Sum(Box::new(DecimalSum(reader.i128("a total sum")?))),
        FeatureKind::LastValue(_) => {
            reader.array_of(3, "a latest value")?;
            let (at, position) = (reader.time("a latest value's time")?, reader.u64("a latest value's position")?);
            FeatureState::Last(Box::new(LastValue { at, position, value: reader.scalar("a latest value")? }))
        }
        FeatureKind::LatestTime => FeatureState::Latest(reader.time("a latest time")?),
    })
}

/// The first pane's number, then how far each lies behind the one before; each followed by what it holds.
fn write_panes<T: PaneCodec>(panes: &Panes<T>, writer: &mut CborWriter) {
    writer.array(panes.entries().len() * 2);
    let mut before = 0;
    for (pane, value) in panes.entries() {
        writer.i64(pane - before);
        value.write(writer);
        before = *pane;
    }
}

fn read_panes<T: PaneCodec>(window: &Window, reader: &mut CborReader<'_>) -> Result<Panes<T>, CodecError> {
    let mut entries: Vec<(i64, T)> = Vec::new();
    for _ in 0..pairs(reader, "a window's panes")? {
        let step = reader.i64("a pane")?;
        let before = entries.last().map(|(pane, _)| *pane);
        if before.is_some() && step <= 0 {
            return Err(reader.wrong("panes out of order"));
        }
        let pane = before.unwrap_or(0).checked_add(step).ok_or_else(|| reader.wrong("a pane out of range"))?;
        check_pane(window, pane, reader)?;
        entries.push((pane, T::read(reader)?));
    }
    Ok(Panes::from_entries(entries))
}

fn read_distinct(window: &Window, reader: &mut CborReader<'_>) -> Result<DistinctPanes, CodecError> {
    let mut entries: Vec<(u64, i64)> = Vec::new();
    for _ in 0..pairs(reader, "a window's distinct values")? {
        let (hash, pane) = (reader.u64("a distinct value")?, reader.i64("a distinct value's pane")?);
        check_pane(window, pane, reader)?;
        if entries.last().is_some_and(|(before, _)| *before >= hash) || entries.len() == DISTINCT_VALUES_MAX {
            return Err(reader.wrong("distinct values out of order, or too many"));
        }
        entries.push((hash, pane));
    }
    Ok(DistinctPanes::from_entries(entries))
}

/// How many pairs an array of an even length has.
fn pairs(reader: &mut CborReader<'_>, what: &'static str) -> Result<u64, CodecError> {
    let len = reader.array(what)?;
    if len % 2 == 0 { Ok(len / 2) } else { Err(reader.wrong("half a pair")) }
}

/// A pane whose instants are in range: arithmetic on it cannot overflow.
fn check_pane(window: &Window, pane: i64, reader: &CborReader<'_>) -> Result<(), CodecError> {
    use crate::time::Timestamp;
    let begins = pane.checked_mul(window.pane_ms).map(Timestamp);
    let in_range = begins.is_some_and(|at| (Timestamp::MIN..=Timestamp::NEVER).contains(&at));
    if in_range { Ok(()) } else { Err(reader.wrong("a pane out of range")) }
}
