//! The rollup of the growth numbers as CBOR: `[first, carried, [[day, row]…], [[hour, row]…], [[day, error, {category:
//! [orders, value]}]…]]`, a row being `[{column: count}, {column: amount}]` of what is not 0.

use super::error::CodecError;
use super::wire::{CborReader, CborWriter};
use crate::growth::{GrowthMigration, Rollup, SparseRow, StoredCategories, StoredRollup};

pub(super) fn write(rollup: &StoredRollup, writer: &mut CborWriter) {
    writer.array(5);
    writer.u64(rollup.first.into());
    write_row(&rollup.carried, writer);
    writer.array(rollup.days.len() as u64);
    for (day, row) in &rollup.days {
        writer.array(2);
        writer.u64((*day).into());
        write_row(row, writer);
    }
    writer.array(rollup.hours.len() as u64);
    for (hour, row) in &rollup.hours {
        writer.array(2);
        writer.u64((*hour).into());
        write_row(row, writer);
    }
    writer.array(rollup.categories.len() as u64);
    for (day, held) in &rollup.categories {
        writer.array(3);
        writer.u64((*day).into());
        writer.u64(held.error);
        writer.map_header(held.sales.len());
        for (category, orders, value) in &held.sales {
            writer.str(category);
            writer.array(2);
            writer.u64(*orders);
            writer.u64(*value);
        }
    }
}

fn write_row(row: &SparseRow, writer: &mut CborWriter) {
    writer.array(2);
    writer.map_header(row.counts.len());
    for (column, count) in &row.counts {
        writer.u64((*column).into());
        writer.i64(*count);
    }
    writer.map_header(row.amounts.len());
    for (column, amount) in &row.amounts {
        writer.u64((*column).into());
        writer.i128(*amount);
    }
}

/// The rollup, under the current rules.
pub(super) fn read(migration: &GrowthMigration, reader: &mut CborReader<'_>) -> Result<Rollup, CodecError> {
    reader.array_of(5, "the growth numbers")?;
    let first = reader.u16("the first day of the growth numbers")?;
    let mut rollup = StoredRollup { first, ..StoredRollup::default() };
    rollup.carried = read_row(reader)?;
    for _ in 0..reader.array("days of the growth numbers")? {
        reader.array_of(2, "a day of the growth numbers")?;
        rollup.days.push((reader.u16("a day")?, read_row(reader)?));
    }
    for _ in 0..reader.array("hours of the growth numbers")? {
        reader.array_of(2, "an hour of the growth numbers")?;
        rollup.hours.push((reader.u32("an hour")?, read_row(reader)?));
    }
    for _ in 0..reader.array("categories of the growth numbers")? {
        reader.array_of(3, "the categories of a day")?;
        let day = reader.u16("a day")?;
        let mut held = StoredCategories { error: reader.u64("an error")?, sales: Vec::new() };
        for _ in 0..reader.map("categories")? {
            let category = reader.text("a category")?.to_owned();
            reader.array_of(2, "a category's sales")?;
            held.sales.push((category, reader.count("orders")?, reader.u64("a value")?));
        }
        rollup.categories.push((day, held));
    }
    rollup.restore(migration).ok_or_else(|| reader.wrong("invalid growth numbers"))
}

fn read_row(reader: &mut CborReader<'_>) -> Result<SparseRow, CodecError> {
    let mut row = SparseRow::default();
    reader.array_of(2, "a row of the growth numbers")?;
    for _ in 0..reader.map("counts")? {
        row.counts.push((reader.u16("a column")?, reader.i64("a count")?));
    }
    for _ in 0..reader.map("amounts")? {
        row.amounts.push((reader.u16("a column")?, reader.i128("an amount")?));
    }
    Ok(row)
}
