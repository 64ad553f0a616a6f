//! Rows of tables as CBOR: `[table, key, latest, [column, value …]]`, the columns by name, null where a value is null; the rows that
//! were taken out, `[table, key]`; and the calls that wait for the end of their beat,
//! `[beat, position, table, key, time, gone, [column, value …]]`.

use std::sync::Arc;

use super::dictionary::KeyDictionary;
use super::error::CodecError;
use super::wire::{CborReader, CborWriter};
use crate::encoding::KeySpace;
use crate::event::{MAX_KEY_BYTES, Scalar};
use crate::rows::{Row, RowUpdate};
use crate::rules::ruleset::{ColumnId, Ruleset, TableId};

/// Values by column; `None`: null.
type ColumnValues = Vec<(ColumnId, Option<Scalar<'static>>)>;

pub(super) fn write(rules: &Ruleset, (table, key, row): (TableId, &str, &Row), writer: &mut CborWriter) {
    writer.array(4);
    writer.u64(table.0.into());
    writer.str(key);
    writer.timestamp(row.latest());
    write_values(rules, table, row.entries(), writer);
}

/// `None`: of a table that the current rules do not have.
pub(super) fn read(
    rules: &Ruleset,
    known: &KeyDictionary,
    reader: &mut CborReader<'_>,
) -> Result<Option<(TableId, Arc<str>, Row)>, CodecError> {
    reader.array_of(4, "a row")?;
    let table = known.kind(KeySpace::Tables).id(reader, "the table of a row")?.map(TableId);
    let (key, latest) = (key(reader)?, reader.time("the time of a row")?);
    let values = read_values(rules, table, reader)?;
    Ok(table.map(|table| (table, key, Row::from_parts(latest, values))))
}

pub(super) fn write_removed((table, key): (TableId, &str), writer: &mut CborWriter) {
    writer.array(2);
    writer.u64(table.0.into());
    writer.str(key);
}

/// `None`: of a table that the current rules do not have.
pub(super) fn read_removed(
    known: &KeyDictionary,
    reader: &mut CborReader<'_>,
) -> Result<Option<(TableId, Arc<str>)>, CodecError> {
    reader.array_of(2, "a row that is gone")?;
    let table = known.kind(KeySpace::Tables).id(reader, "the table of a row")?.map(TableId);
    let key = key(reader)?;
    Ok(table.map(|table| (table, key)))
}

pub(super) fn write_update(rules: &Ruleset, update: &RowUpdate, writer: &mut CborWriter) {
    writer.array(7);
    writer.timestamp(update.beat);
    writer.u64(update.position);
    writer.u64(update.table.0.into());
    writer.str(&update.key);
    writer.timestamp(update.ts);
    writer.any_scalar(&Scalar::Bool(update.is_gone));
    write_values(rules, update.table, &update.values, writer);
}

/// `None`: for a table that the current rules do not have.
pub(super) fn read_update(
    rules: &Ruleset,
    known: &KeyDictionary,
    reader: &mut CborReader<'_>,
) -> Result<Option<RowUpdate>, CodecError> {
    reader.array_of(7, "a call for a row")?;
    let (beat, position) = (reader.time("the end of a beat")?, reader.u64("the position of a call")?);
    let table = known.kind(KeySpace::Tables).id(reader, "the table of a call")?.map(TableId);
    let (key, ts) = (key(reader)?, reader.time("the time of a call")?);
    let Scalar::Bool(is_gone) = reader.scalar("whether a row is gone")? else {
        return Err(reader.wrong("whether a row is gone is true or false"));
    };
    let values = read_values(rules, table, reader)?;
    Ok(table.map(|table| RowUpdate { beat, position, table, key, ts, is_gone, values }))
}

fn write_values(
    rules: &Ruleset,
    table: TableId,
    values: &[(ColumnId, Option<Scalar<'static>>)],
    writer: &mut CborWriter,
) {
    let columns = &rules.tables[usize::from(table.0)].columns;
    writer.array(2 * values.len() as u64);
    for (column, value) in values {
        writer.str(&columns[usize::from(column.0)].name);
        match value {
            Some(value) => writer.any_scalar(value),
            None => writer.null(),
        }
    }
}

/// Those of columns that the current rules keep.
fn read_values(
    rules: &Ruleset,
    table: Option<TableId>,
    reader: &mut CborReader<'_>,
) -> Result<ColumnValues, CodecError> {
    let columns = table.map_or(&[][..], |table| &rules.tables[usize::from(table.0)].columns);
    let (count, mut values) = (reader.array("the values of a row")?, Vec::new());
    if count % 2 != 0 {
        return Err(reader.wrong("half a pair"));
    }
    for _ in 0..count / 2 {
        let name = reader.text("a column")?;
        let place = columns.iter().position(|column| column.name == name).and_then(|place| u16::try_from(place).ok());
        let value = if reader.is_null("a value of a row")? { None } else { Some(reader.scalar("a value of a row")?) };
        values.extend(place.map(|place| (ColumnId(place), value)));
    }
    Ok(values)
}

fn key(reader: &mut CborReader<'_>) -> Result<Arc<str>, CodecError> {
    let key = reader.text("a row's key")?;
    if !(1..=MAX_KEY_BYTES).contains(&key.len()) {
        return Err(reader.wrong("a key of another length"));
    }
    Ok(key.into())
}
